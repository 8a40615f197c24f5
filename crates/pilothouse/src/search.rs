//! `pilothouse search`: everything that mentions some words.

use pilothouse_app::{
    AppError, ConnectionState, ErrorKind, Found, Hit, Many, SHORTEST_SEARCH, SearchAsk, SearchGap, Why, found_json,
};
use pilothouse_model::{Cell, ColumnKind, Completeness};

use crate::arguments::{ClusterArguments, Document, Format, SearchArguments};
use crate::ask::{PATIENCE, engine, several};
use crate::failure::Failure;
use crate::output;
use crate::plain::say;

/// What helps somebody who may list nothing in the whole cluster.
const NAME_ONE: &str = "what may not be listed in all namespaces may be in one: -n NAMESPACE";

/// Searches what the command line asks for.
pub(crate) async fn run(arguments: &ClusterArguments, options: &SearchArguments) -> Result<(), Failure> {
    let contexts = match several(arguments, options.all_contexts)? {
        Some(contexts) => contexts,
        None => arguments.context.iter().cloned().collect(),
    };
    let engine = engine(arguments, &contexts)?;
    let current = vec![engine.current().to_string()];
    let many = engine.many(if contexts.is_empty() && !options.all_contexts { &current } else { &contexts })?;
    let ask = SearchAsk {
        text: options.text.join(" "),
        namespaces: if options.all_namespaces { Vec::new() } else { options.namespace.clone() },
        limit: options.limit,
    };
    if ask.text.trim().chars().count() < SHORTEST_SEARCH {
        return Err(Failure::Other("write at least two letters of what to look for".to_owned()));
    }
    let found = many.search(ask)?.settled(PATIENCE).await?;
    let named = !options.all_namespaces && !options.namespace.is_empty();
    let mut failures = gaps(&found, &many, named);
    failures.extend(unknown(&found, failures.is_empty(), named));
    print(&found, &many, options)?;
    if failures.is_empty() { Ok(()) } else { Err(Failure::Several(failures)) }
}

/// Nothing could be searched: that is no answer, and not told again where a cluster's failure says it.
fn unknown(found: &Found, alone: bool, named: bool) -> Option<Failure> {
    let forbidden = |gap: &SearchGap| matches!(gap.why, Why::Known(Completeness::Forbidden(_)));
    if !found.is_unknown() || !alone {
        return None;
    }
    if !found.gaps.iter().all(forbidden) {
        return Some(Failure::Other("nothing could be searched".to_owned()));
    }
    let error = AppError::new(ErrorKind::Forbidden, "nothing could be searched: you may not list any of these kinds");
    Some(Failure::App(if named { error } else { error.hint(NAME_ONE) }))
}

/// A warning of what was not searched, in one line.
fn warning(gap: &SearchGap) -> String {
    format!("warning: {}: not searched: {} ({})", gap.cluster, gap.names(), gap.why)
}

/// Says what was not searched; a cluster that does not answer is a failure.
fn gaps(found: &Found, many: &Many, named: bool) -> Vec<Failure> {
    let mut failures = Vec::new();
    let mut refused = false;
    for gap in &found.gaps {
        if gap.kinds.is_empty() {
            let cluster = many.engine().cluster(gap.cluster.as_str());
            let now = match cluster.map(|cluster| cluster.state()) {
                Ok(ConnectionState::Failed { error, .. }) | Err(error) => Some(error),
                Ok(_) => None,
            };
            failures.push(Failure::App(unsearched(gap, now)));
        } else {
            say(&warning(gap));
            refused |= matches!(gap.why, Why::Known(Completeness::Forbidden(_)));
        }
    }
    // Where nothing was searched, the failure says it.
    if refused && !named && !found.is_unknown() {
        say(&format!("hint: {NAME_ONE}"));
    }
    failures
}

/// Why a whole cluster was not searched, as the search says it; what to do next is known from how it stands `now`.
fn unsearched(gap: &SearchGap, now: Option<AppError>) -> AppError {
    let (kind, why) = match &gap.why {
        Why::Known(Completeness::Loading) => (ErrorKind::Unavailable, "it did not answer in time".to_owned()),
        Why::Known(Completeness::Forbidden(_)) => (ErrorKind::Forbidden, gap.why.to_string()),
        why => (now.as_ref().map_or(ErrorKind::Unavailable, |error| error.kind), why.to_string()),
    };
    AppError { hint: now.and_then(|error| error.hint), ..AppError::new(kind, format!("{}: {why}", gap.cluster)) }
}

fn print(found: &Found, many: &Many, options: &SearchArguments) -> Result<(), Failure> {
    let document = match options.output {
        Format::Json => Some(Document::Json),
        Format::Yaml => Some(Document::Yaml),
        Format::Table | Format::Wide | Format::Name => None,
    };
    if let Some(format) = document {
        return output::document(&found_json(found), format);
    }
    if found.hits.is_empty() {
        if !found.is_unknown() {
            say("No resources found");
        }
        return Ok(());
    }
    let clusters = many.clusters().len() > 1;
    if options.output == Format::Name {
        let cluster = |hit: &Hit| clusters.then(|| hit.cluster.to_string());
        let line = |hit: &Hit| output::name_line(cluster(hit).as_deref(), &hit.record.row);
        output::text(&found.hits.iter().map(line).collect::<String>())?;
        say_more(found);
        return Ok(());
    }
    let now = many.engine().now();
    let line = |hit: &Hit| {
        let row = &hit.record.row;
        let age = row.created.map_or(Cell::Missing, Cell::Time).show(ColumnKind::Age, now);
        let mut cells: Vec<String> = clusters.then(|| hit.cluster.to_string()).into_iter().collect();
        cells.extend([
            row.resource.kind.to_string(),
            row.namespace.as_deref().unwrap_or("<none>").to_owned(),
            row.name.to_string(),
            if row.status.is_some() { row.status.word.to_string() } else { "<none>".to_owned() },
            age,
        ]);
        if options.output == Format::Wide {
            cells.push(hit.matched.what.as_str().to_owned());
            cells.push(hit.matched.text.clone());
        }
        cells
    };
    let rows: Vec<_> = found.hits.iter().map(line).collect();
    let mut headings: Vec<String> = clusters.then(|| "CLUSTER".to_owned()).into_iter().collect();
    headings.extend(["KIND", "NAMESPACE", "NAME", "STATE", "AGE"].map(str::to_owned));
    if options.output == Format::Wide {
        headings.extend(["MATCHED", "TEXT"].map(str::to_owned));
    }
    let headings = (!options.no_headers).then_some(headings);
    output::text(&output::table(headings.as_deref(), &rows, &mut Vec::new()))?;
    say_more(found);
    Ok(())
}

/// Says that there is more than what is printed.
fn say_more(found: &Found) {
    if found.total > found.hits.len() {
        say(&format!(
            "the best {} of {} results; narrow the search, as in kind:Pod ns:NAMESPACE",
            found.hits.len(),
            found.total
        ));
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::ClusterId;

    use super::*;

    fn found(kinds: usize, why: Completeness, searched: usize) -> Found {
        let kinds = (0..kinds).map(|index| format!("kind{index}")).collect();
        let gap = SearchGap { cluster: ClusterId::new("lab"), kinds, why: Why::Known(why) };
        Found { gaps: vec![gap], searched, done: true, ..Found::default() }
    }

    #[test]
    fn a_warning_names_a_few_kinds_and_how_many_more() {
        let found = found(62, Completeness::Forbidden(String::new()), 0);
        let said = warning(&found.gaps[0]);
        assert!(said.ends_with("kind4 and 57 more (not allowed)") && said.len() < 120, "{said}");
    }

    #[test]
    fn why_a_cluster_was_not_searched_is_told_in_the_words_of_the_search() {
        let told = |why, now| {
            let error = unsearched(&found(0, why, 0).gaps[0], now);
            (error.kind, error.message, error.hint)
        };
        let closed = told(Completeness::Forbidden("you may not list anything in b".to_owned()), None);
        assert_eq!(closed, (ErrorKind::Forbidden, "lab: you may not list anything in b".to_owned(), None));
        let late = (ErrorKind::Unavailable, "lab: it did not answer in time".to_owned(), None);
        assert_eq!(told(Completeness::Loading, None), late);
        let refused = || Completeness::Broken("the token has expired".to_owned());
        let words = "lab: the token has expired".to_owned();
        assert_eq!(told(refused(), None), (ErrorKind::Unavailable, words.clone(), None), "it is connected again");
        let now = AppError::new(ErrorKind::Unauthorized, "the token has expired").hint("log in");
        assert_eq!(told(refused(), Some(now)), (ErrorKind::Unauthorized, words, Some("log in".to_owned())));
    }

    #[test]
    fn where_nothing_could_be_searched_that_is_a_failure() {
        let refused = || Completeness::Forbidden(String::new());
        let hint = |failure: Option<Failure>| match failure {
            Some(Failure::App(error)) => error.hint,
            other => panic!("{other:?}"),
        };
        assert!(hint(unknown(&found(62, refused(), 0), true, false)).unwrap().contains("-n NAMESPACE"));
        assert_eq!(hint(unknown(&found(62, refused(), 0), true, true)), None, "a namespace is named already");
        let late = unknown(&found(62, Completeness::Loading, 0), true, false);
        assert!(matches!(late, Some(Failure::Other(_))), "{late:?}");
        assert!(unknown(&found(62, refused(), 1), true, false).is_none(), "something was searched");
        assert!(unknown(&found(0, refused(), 0), false, false).is_none(), "a cluster's failure says it");
        assert!(unknown(&Found { done: true, ..Found::default() }, true, false).is_none());
    }
}
