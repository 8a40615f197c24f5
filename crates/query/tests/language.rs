//! The language at its edges: precedence, quotes, errors that point and suggest, any text at all.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::sync::Arc;

use pilothouse_model::filter::Pattern;
use pilothouse_model::{
    Column, ColumnKind, Comparison, Field, Filter, Object, Operand, Projection, Resource, Row, Sort, Status, Timestamp,
    Workload,
};
use pilothouse_query::{parse, parse_sort, pointer};
use proptest::prelude::*;

fn columns() -> Vec<Column> {
    vec![
        Column::new("Status", ColumnKind::Status),
        Column::new("Restarts", ColumnKind::Integer),
        Column::new("CPU", ColumnKind::Cpu),
        Column::new("Memory", ColumnKind::Bytes),
        Column::new("Nominated Node", ColumnKind::Text),
        Column::new("Suspended", ColumnKind::Boolean),
        Column::new("Ready", ColumnKind::Fraction),
        Column::new("Duration", ColumnKind::Duration),
        Column::new("Started", ColumnKind::Age),
        Column::new("Until", ColumnKind::Time),
    ]
}

fn same(one: &str, other: &str) {
    assert_eq!(parse(one, &columns()).unwrap(), parse(other, &columns()).unwrap(), "{one} | {other}");
}

#[test]
fn and_binds_more_than_or() {
    same("a b OR c", "(a AND b) OR c");
    same("a OR b c", "a OR (b c)");
    same("-a b", "(-a) b");
    same("NOT a OR b", "(NOT a) OR b");
    same("--a", "-(-a)");
    same("  a\tAND\nb ", "a b");
    assert_ne!(parse("a or b", &columns()), parse("a OR b", &columns()), "words are words in lower case");
}

#[test]
fn quotes_make_everything_plain() {
    assert_eq!(parse(r#""a OR \"b\\\n""#, &[]), Ok(Filter::Text(r#"a or "b\\n"#.into())));
    assert_eq!(parse(r#""""#, &[]), Ok(Filter::Text("".into())));
    let exact = |field, text: &str| Ok(Filter::Compare(field, Comparison::Equal, Operand::Exact(text.into())));
    assert_eq!(parse(r#"message:"a* (b), c""#, &[]), exact(Field::Message, "a* (b), c"));
    assert_eq!(parse("message:http://x:80/y", &[]), exact(Field::Message, "http://x:80/y"));
    assert_eq!(parse("name:-x", &[]), exact(Field::Name, "-x"));
}

#[test]
fn columns_stand_before_what_every_table_has() {
    let field = |text: &str, columns: &[Column]| match parse(text, columns) {
        Ok(Filter::Compare(field, ..)) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field("status:x", &columns()), Field::State, "a column that shows the status");
    assert_eq!(field("nominated-node:x", &columns()), Field::Column(4));
    assert_eq!(field("reason:x", &columns()), Field::Reason);
    let own = [Column::new("Reason", ColumnKind::Text), Column::new("Name", ColumnKind::Text)];
    assert_eq!(field("Reason:x", &own), Field::Column(0));
    assert_eq!(field("name:x", &own), Field::Name);
    assert_eq!(field("status:x", &own), Field::State);
}

#[test]
fn sort_keys_read_as_they_are_shown() {
    let sort = |field, descending| Sort { field, descending };
    assert_eq!(parse_sort("", &columns()), Ok(Vec::new()));
    assert_eq!(
        parse_sort("-age, name,started,-until,label:example.com/team", &columns()),
        Ok(vec![
            sort(Field::Created, false),
            sort(Field::Name, false),
            sort(Field::Column(8), true),
            sort(Field::Column(9), true),
            sort(Field::Label("example.com/team".into()), false),
        ])
    );
    assert_eq!(parse_sort("created", &columns()), Ok(vec![sort(Field::Created, false)]));
}

#[test]
fn slashes_hold_regular_expressions() {
    let pattern = |text: &str| Pattern::new(text).unwrap();
    let compare = |text: &str| Filter::Compare(Field::Name, Comparison::Equal, Operand::Pattern(pattern(text)));
    assert_eq!(parse(r"name:/^train-.*\d$/", &[]), Ok(compare(r"^train-.*\d$")));
    assert_eq!(parse(r#"name:=/a\/b \(c,"d"/"#, &[]), Ok(compare(r#"a\/b \(c,"d""#)));
    assert!(compare(r"a\/b").matches(&row("xa/b"), Timestamp::UNIX_EPOCH));
    assert_eq!(parse("/oom.?kill/", &[]), Ok(Filter::Mentions(pattern("oom.?kill"))));
    assert_eq!(parse("(/a b/)", &[]), Ok(Filter::Mentions(pattern("a b"))));
    assert_eq!(parse("-name:/a/", &[]), Ok(Filter::Not(Box::new(compare("a")))));
    let exact = Filter::Compare(Field::Name, Comparison::Equal, Operand::Exact("c".into()));
    assert_eq!(parse("name:/a/,/b/,c", &[]), Ok(Filter::Or(vec![compare("a"), compare("b"), exact])));
    assert_eq!(parse("oom*kill", &[]), Ok(Filter::Mentions(Pattern::wild("oom*kill").unwrap())));
    assert_eq!(parse("*oom*", &[]), Ok(Filter::Text("oom".into())));
    assert_eq!(parse("\"/var/log\"", &[]), Ok(Filter::Text("/var/log".into())));
    assert_eq!(parse("a/b", &[]), Ok(Filter::Text("a/b".into())));
    let many = |count: usize| "/a/ ".repeat(count);
    assert!(parse(&many(16), &[]).is_ok() && parse(&many(17), &[]).is_err());
}

#[test]
fn what_waits_for_its_end_and_what_runs_an_image_is_found() {
    let mut waiting = row("x");
    waiting.deleted = Some(Timestamp::UNIX_EPOCH.into());
    waiting.images = ["ghcr.io/a/b:1".into(), "redis".into()].into();
    let holds =
        |text: &str, row: &Row| parse(text, &columns()).unwrap().matches(row, Timestamp::from_second(7200).unwrap());
    for question in
        ["is:deleting", "has:deleted", "deleted:>1h", "image:redis", "image:*/a/*", "image:/^redis$/", "redis"]
    {
        assert!(holds(question, &waiting), "{question}");
        assert!(!holds(question, &row("x")), "{question}");
    }
    assert!(!holds("deleted:<1h", &waiting));
}

#[test]
fn a_state_that_is_nearly_one_of_workloads_is_a_slip() {
    let workloads = [Column::new("State", ColumnKind::Status)];
    let error = parse("state:running,faild", &workloads).unwrap_err();
    assert_eq!((error.span, error.suggestion.as_deref()), (14..19, Some("failed")));
    for fine in ["state:faild*", "state:\"faild\"", "state:/faild/", "state:CrashLoopBackOff", "state:FAILED"] {
        assert!(parse(fine, &workloads).is_ok(), "{fine}");
    }
    assert!(parse("state:faild", &[Column::new("Status", ColumnKind::Status)]).is_ok());
}

#[test]
fn words_of_a_few_do_not_compare_wherever_they_stand() {
    for columns in [&*Workload::columns(), &[]] {
        for wrong in ["kind:>a", "Kind:<=a", "state:<a", "status:>=a"] {
            let said = parse(wrong, columns).unwrap_err().message;
            assert!(said.ends_with("takes a word, not a comparison"), "{wrong}: {said}");
        }
        assert!(parse("kind:=pod name:>m reason:<b", columns).is_ok());
    }
}

fn row(name: &str) -> Row {
    let object = Object::new(serde_json::json!({"metadata": {"name": name}})).unwrap();
    let projection = Projection { status: Status::none(), cells: Vec::new() };
    Row::assemble(Arc::new(Resource::new("", "v1", "pods", "Pod")), &object, projection, &mut |text| text.into())
}

/// Every way to be wrong: the text, the carets, the sentence.
#[test]
fn errors_point_and_suggest() {
    let wrong = [
        "sate:failed",
        "memroy:>16Gi oom",
        "http://host/path",
        "colour:red",
        "restarts:many",
        "restarts:>",
        "restarts:1..x",
        "memory:16GiB",
        "started:<2hours",
        "until:2026-13-01",
        "until:9999-12-31",
        "suspended:maybe",
        "suspended:>true",
        "ready:all",
        "ready:>0/1",
        "state:>aaa",
        "kind:<=job",
        "duration:90",
        "level:eror",
        "is:activ",
        "is:>active",
        "has:reddy",
        "state:!=failed",
        "restarts>3",
        "/oom(kill/ x",
        "name:/^a[z-b]$/",
        "name:/(a{1000}){1000}/",
        "name:/a/b/",
        "name:\"x\",/a/i",
        "/var/log",
        "-/var",
        "name:/^train",
        "//",
        "/",
        "/a[",
        "restarts:/3/",
        "level:/err/",
        "name:>/a/",
        "has:/gpu/",
        "is:deletin",
        "label:\"app=x,-y\"",
        "name:",
        "name:a,,b",
        "name:\"a\"b",
        "name:f(x)",
        "\"open",
        "(a OR b",
        "a) b",
        "()",
        "AND a",
        "a OR",
        "a OR OR b",
        "NOT",
        ":x",
        "label:",
        "label:app=a=b",
        "label:app=x,-y",
        "label:env in (a, b",
        "ä:ö",
    ];
    let mut page = String::new();
    for text in wrong {
        let error = parse(text, &columns()).unwrap_err();
        page += &format!("{}\n{error}\n\n", pointer(text, &error.span).join("\n"));
    }
    for text in ["-", "nam", "name,,age", "-color", "label:"] {
        let error = parse_sort(text, &columns()).unwrap_err();
        page += &format!("sort {}\n{error}\n\n", pointer(text, &error.span).join("\n").replace('\n', "\n     "));
    }
    insta::assert_snapshot!(page);
}

proptest! {
    #[test]
    fn what_is_said_to_be_meant_by_a_slash_is_right(text in r"(name:)?/[a\\/\[*?+ ]{0,5}") {
        if let Some(meant) = parse(&text, &columns()).err().and_then(|error| error.suggestion) {
            prop_assert!(parse(&meant, &columns()).is_ok(), "{meant}");
        }
    }
}

#[test]
fn nesting_and_length_are_bounded() {
    for open in ["(", "-", "NOT "] {
        let error = parse(&format!("{}a{}", open.repeat(3000), ")".repeat(3000)), &[]).unwrap_err();
        assert!(error.message.contains("deep"), "{error}");
    }
    let long = format!("a{}", "ä".repeat(20_000));
    let error = parse(&long, &[]).unwrap_err();
    assert!(error.message.contains("bytes") && long.get(error.span.clone()).is_some(), "{error:?}");
    assert!(parse(&"a ".repeat(8000), &[]).is_ok());
}

fn text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "state",
        "gpu",
        "label",
        "age",
        "memory",
        "ready",
        "until",
        "is",
        "has",
        "started",
        ":",
        ":",
        ",",
        "(",
        ")",
        "-",
        "\"",
        "\\",
        " ",
        " ",
        ">",
        "<=",
        "=",
        "!",
        "*",
        "?",
        "..",
        "1",
        "16Gi",
        "2h",
        "2026-11-01",
        "T10:00",
        "AND",
        "OR",
        "NOT",
        "in",
        "ä",
        "😀",
        "x",
        "/",
        "/",
        "[",
        "a{9}",
    ]);
    prop_oneof![prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat()), ".{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_understood_or_pointed_at(text in text()) {
        for error in [parse(&text, &columns()).err(), parse_sort(&text, &columns()).err()].into_iter().flatten() {
            prop_assert!(text.get(error.span.clone()).is_some(), "{error:?}");
            prop_assert!(pointer(&text, &error.span).iter().all(|line| line.lines().count() == 1));
        }
    }

    #[test]
    fn a_suggestion_for_a_field_is_a_field(text in "[a-z]{1,9}") {
        if let Err(error) = parse(&format!("{text}:1"), &columns())
            && error.span == (0..text.len())
            && let Some(suggestion) = error.suggestion {
            let field = format!("has:{suggestion}");
            prop_assert!(parse(&field, &columns()).is_ok() || ["has", "is", "label"].contains(&suggestion.as_str()));
        }
    }
}

#[test]
fn groups_of_workload_states_are_refused_where_rows_have_other_words() {
    let pods = [Column::new("Status", ColumnKind::Status)];
    let error = parse("is:failed", &pods).unwrap_err();
    assert_eq!(error.span, 0..2);
    assert!(error.message.contains("`level:`"), "{error}");
    assert!(parse("is:failed", &[Column::new("State", ColumnKind::Status)]).is_ok());
}
