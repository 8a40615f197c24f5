//! What is offered where, and that whatever is offered can be asked.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use pilothouse_model::{Column, ColumnKind, Field, Workload};
use pilothouse_query::{Completion, ItemKind, Wanted, complete, complete_sort, parse, parse_sort};
use proptest::prelude::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("Ready", ColumnKind::Fraction),
        Column::new("Status", ColumnKind::Status),
        Column::new("Restarts", ColumnKind::Integer),
        Column::new("Memory", ColumnKind::Bytes),
        Column::new("Suspended", ColumnKind::Boolean),
        Column::new("Node", ColumnKind::Text),
        Column::new("Until", ColumnKind::Time),
        Column::new("Took", ColumnKind::Duration),
    ]
}

/// Rows of every sort, told as the store would.
fn values(wanted: Wanted<'_>, like: &str) -> Vec<(String, usize)> {
    let all: &[(&str, usize)] = match wanted {
        Wanted::LabelKeys => &[("app", 7), ("example.com/team", 2)],
        Wanted::Values(Field::Label(key)) if &**key == "app" => &[("train", 5), ("serve", 2)],
        Wanted::Values(Field::Namespace) => &[("team-a", 5), ("team-b", 4), ("kube-system", 1)],
        Wanted::Values(Field::State) => &[("Running", 9), ("CrashLoopBackOff", 2), ("Init:0/1", 1), ("Failed", 1)],
        Wanted::Values(Field::Level) => &[("good", 9), ("error", 3)],
        Wanted::Values(Field::Reason) => {
            &[("a b", 4), ("/x/", 3), ("*", 2), ("say \"it\\", 1), (">1", 1), ("", 1), ("!x", 1)]
        }
        Wanted::Values(Field::Column(0)) => &[("1/1", 8), ("0/1", 2)],
        Wanted::Values(Field::Column(2)) => &[("0", 8), ("12", 2)],
        Wanted::Values(_) => &[],
    };
    let like = like.to_lowercase();
    let fits = all.iter().filter(|(value, _)| value.to_lowercase().contains(&like));
    fits.map(|(value, count)| ((*value).to_owned(), *count)).collect()
}

/// Completes where the bar stands.
fn at(text: &str, columns: &[Column]) -> (String, Completion) {
    let cursor = text.find('|').unwrap();
    let text = text.replacen('|', "", 1);
    let completion = complete(&text, cursor, columns, &values);
    (text, completion)
}

fn offered(text: &str) -> Vec<String> {
    at(text, &columns()).1.items.into_iter().map(|item| item.text).collect()
}

/// The text after the first item was taken.
fn taken(text: &str) -> String {
    let (mut text, completion) = at(text, &columns());
    text.replace_range(completion.replace, &completion.items[0].text);
    text
}

#[test]
fn fields_are_found_by_their_beginning_and_then_by_any_part() {
    assert_eq!(offered("na|")[..2], ["name:", "namespace:"]);
    assert_eq!(offered("oom (spa|")[..1], ["namespace:"]);
    assert_eq!(offered("-MEM|"), ["memory:"]);
    assert_eq!(taken("re|s:>3 oom"), "ready:>3 oom");
    assert_eq!(taken("rest|"), "restarts:");
    assert!(offered("|").iter().any(|text| text == "has:"));
    assert_eq!(offered("\"na|"), [""; 0]);
    assert_eq!(offered("/na|"), [""; 0]);
    assert_eq!(offered("|name:x"), [""; 0], "what follows would become a part of it");
}

#[test]
fn operators_join_conditions() {
    assert_eq!(offered("a |").iter().rev().take(2).collect::<Vec<_>>(), ["NOT ", "OR "]);
    assert_eq!(offered("name:x O|")[0], "OR ");
    assert_eq!(offered("name:x AN|"), ["AND "]);
    assert!(!offered("O|").contains(&"OR ".to_owned()), "there is nothing to join");
    assert!(!offered("a OR |").contains(&"OR ".to_owned()));
    assert_eq!(offered("restarts:|")[..5], [">", ">=", "<", "<=", "0"]);
    assert_eq!(offered("restarts:>1|"), ["12"]);
    assert_eq!(offered("memory:|"), [">", ">=", "<", "<="]);
    assert_eq!(offered("until:<1|"), ["10m", "1h"]);
    assert_eq!(taken("took:|"), "took:>1m");
}

#[test]
fn values_come_from_the_rows_with_their_counts() {
    let (_, completion) = at("ns:te|", &columns());
    let counts: Vec<_> = completion.items.iter().map(|item| (item.text.as_str(), item.count)).collect();
    assert_eq!(counts, [("team-a", Some(5)), ("team-b", Some(4)), ("kube-system", Some(1))]);
    assert_eq!(offered("ns:team-a,te|"), ["team-b", "kube-system"], "what is in the set is not offered again");
    assert_eq!(taken("ns:k|ube,x"), "ns:kube-system,x");
    assert_eq!(offered("ns:team-a|"), [""; 0], "it is there already");
    assert_eq!(taken("ns:\"ku|"), "ns:kube-system");
    assert_eq!(taken("ns:\"ku|\" x"), "ns:kube-system x");
    assert_eq!(offered("level:er|"), ["error"]);
    assert_eq!(offered("suspended:|"), ["true", "false"]);
    assert_eq!(offered("has:mem|"), ["memory"]);
    assert_eq!(offered("is:|"), ["deleting"]);
    assert_eq!(offered("nosuch:|"), [""; 0]);
    assert_eq!(offered("crash|"), ["status:CrashLoopBackOff"].map(|text| text.replace("status", "state")));
}

#[test]
fn values_that_mean_more_are_put_in_quotes() {
    let quoted = [r#""a b""#, r#""/x/""#, r#""*""#, r#""say \"it\\""#, r#"">1""#, r#""""#, r#""!x""#];
    assert_eq!(offered("reason:|"), quoted);
    assert_eq!(offered("state:in|"), ["Init:0/1", "Running"]);
    assert_eq!(offered(r#"reason:"say \"|"#), [r#""say \"it\\""#]);
}

#[test]
fn labels_are_completed_in_every_spelling() {
    assert_eq!(offered("label:|"), ["app=", "example.com/team="]);
    assert_eq!(offered("label:!a|"), ["app", "example.com/team"]);
    assert_eq!(taken("label:app=x,te|"), "label:app=x,example.com/team=");
    assert_eq!(offered("label:app=|"), ["train", "serve"]);
    assert_eq!(taken("label:app!=s|,x=y"), "label:app!=serve,x=y");
    assert_eq!(taken("label:app in (|"), "label:app in (train");
    assert_eq!(taken("label:(app in (train, s|"), "label:(app in (train, serve");
    assert_eq!(taken("label:\"app notin (|)\""), "label:\"app notin (train)\"");
    assert_eq!(taken("label:\"app = |\" x"), "label:\"app = train\" x");
    assert_eq!(offered("label:app in (train) |").last().unwrap(), "NOT ");
}

#[test]
fn states_of_workloads_are_words_of_the_language() {
    let columns = Workload::columns();
    let items = at("state:|", &columns).1.items;
    assert_eq!(items[0].text, "running");
    let failed = items.iter().find(|item| item.text == "failed").unwrap();
    let queued = items.iter().find(|item| item.text == "queued").unwrap();
    assert_eq!((failed.count, queued.count, queued.detail.as_str()), (Some(1), None, "none now"));
    assert_eq!(at("is:|", &columns).1.items.len(), 4);
}

#[test]
fn sort_keys_are_completed_one_by_one() {
    let first = |text: &str| {
        let completion = complete_sort(text, text.len(), &columns(), &values);
        let mut text = text.to_owned();
        text.replace_range(completion.replace, &completion.items[0].text);
        assert!(parse_sort(&text, &columns()).is_ok(), "{text}");
        text
    };
    assert_eq!(first("-rest"), "-restarts");
    assert_eq!(first("-age,na"), "-age,name");
    assert_eq!(first("name,-label:a"), "name,-label:app");
}

fn question() -> impl Strategy<Value = String> {
    let start =
        prop::sample::select(vec!["", "oom ", "ns:a,b OR ", "(-name:x) ", "label:app in (x) ", "\"a b\" /c/ ", "NOT "]);
    let partial = prop::sample::select(vec![
        "",
        "s",
        "na",
        "-st",
        "state:",
        "status:r",
        "ns:te",
        "ns:a,",
        "reason:",
        "reason:\"",
        "reason:/",
        "reason:\"/x",
        "level:",
        "is:",
        "has:",
        "has:r",
        "restarts:",
        "restarts:>",
        "restarts:1",
        "ready:",
        "memory:",
        "until:",
        "until:<",
        "took:",
        "suspended:",
        "label:",
        "label:a",
        "label:!",
        "label:app=",
        "label:app!=t",
        "label:app>",
        "label:app<1",
        "state:>",
        "level:<=",
        "kind:>",
        "suspended:<",
        "reason:>",
        "label:x=y,",
        "O",
        "N",
        "run",
    ]);
    (start, partial).prop_map(|(start, partial)| format!("{start}{partial}"))
}

fn any_text() -> impl Strategy<Value = (String, usize)> {
    let pieces = vec![
        "state", "label", "label:", "ns", "reason", ":", ":", ",", "(", ")", "-", "\"", "\\", " ", "/", ">", "=", "!",
        "in (", "app", "AND", "OR", "ä", "😀", "te",
    ];
    let text = prop::collection::vec(prop::sample::select(pieces), 0..16).prop_map(|pieces| pieces.concat());
    (text, any::<prop::sample::Index>()).prop_map(|(text, index)| {
        let cursor = index.index(text.len() + 1);
        (text, cursor)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn whatever_completes_can_be_asked(text in question()) {
        for columns in [columns(), Workload::columns()] {
            let completion = complete(&text, text.len(), &columns, &values);
            for item in completion.items {
                let mut whole = text.clone();
                whole.replace_range(completion.replace.clone(), &item.text);
                let read = parse(&whole, &columns);
                match item.kind {
                    ItemKind::Value => prop_assert!(read.is_ok(), "{whole}: {read:?}"),
                    ItemKind::Field | ItemKind::Function => {
                        let message = read.err().map_or(String::new(), |error| error.message);
                        prop_assert!(message.is_empty() || message.contains("is missing"), "{whole}: {message}");
                    }
                    ItemKind::Operator => {
                        let more = format!("{whole}1");
                        prop_assert!(parse(&more, &columns).is_ok(), "{more}");
                    }
                }
            }
        }
    }

    #[test]
    fn any_text_is_completed_somewhere_at_the_cursor((text, cursor) in any_text()) {
        for completion in [complete(&text, cursor, &columns(), &values), complete_sort(&text, cursor, &columns(), &values)] {
            prop_assert!(text.get(completion.replace.clone()).is_some());
            prop_assert!(completion.replace.start <= cursor && completion.replace.end + 3 >= cursor, "{text:?} {cursor}");
        }
    }
}
