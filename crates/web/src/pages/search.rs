//! `/search?q=`: everything, in all clusters or in those of `cluster=a,b`.

use axum::response::Response;
use maud::{Markup, html};
use pilothouse_app::{AppError, ErrorKind, Facet, Found, SHORTEST_SEARCH, SearchAsk};

use crate::components::found::{gaps, page_of, searched, waits, why};
use crate::components::freshness::notice;
use crate::components::icon::icon;
use crate::components::listing::thousands;
use crate::components::prose::sentence;
use crate::components::{status, time};
use crate::frame::Content;
use crate::pages::list::doubled;
use crate::question::Question;
use crate::urls;
use crate::visit::{PATIENCE, Visit};
use pilothouse_model::{Level, Timestamp};

/// Values of one facet that show.
const MOST_VALUES: usize = 12;

/// `/search`
pub(crate) async fn show(visit: Visit) -> Response {
    visit.answer(page(&visit).await)
}

async fn page(visit: &Visit) -> Result<Content, AppError> {
    let question = visit.question()?;
    let many = visit.engine.many(&question.clusters)?;
    let ask = SearchAsk { text: question.q.clone(), namespaces: question.namespaces.clone(), limit: None };
    let answer = match many.search(ask) {
        Ok(mut search) => search.settled(PATIENCE).await,
        Err(error) => Err(error),
    };
    let (found, wrong) = match answer {
        Ok(found) => (found, None),
        // A question that cannot be read is told beside the field that it was typed into.
        Err(error) if error.kind == ErrorKind::BadInput => (Found::default(), Some(error)),
        Err(error) => return Err(error),
    };
    let several = many.clusters().len() > 1;
    let body = html! {
        (doubled(&visit.pairs))
        (view(&question, &found, (wrong.as_ref(), several), visit.engine.now()))
    };
    Ok(Content { title: "Search".to_owned(), body, scoped: None, waits: waits(&found) })
}

fn view(question: &Question, found: &Found, (wrong, several): (Option<&AppError>, bool), now: Timestamp) -> Markup {
    let here = urls::search();
    let kept = Question { q: String::new(), ..question.clone() };
    html! {
        div.search-page {
            div.head { div { h1 { "Search" } p.summary { "Names, labels, images and messages, of every kind, in all clusters." } } }
            div.toolbar {
                form action=(here) method="get" role="search" {
                    @for (name, value) in kept.pairs() { input type="hidden" name=(name) value=(value); }
                    div.field {
                        (icon("search"))
                        input #q type="search" name="q" value=(question.q) placeholder="web kind:Pod ns:team-a" aria-label="Search everything"
                            aria-invalid=[wrong.map(|_| "true")] autocomplete="off" spellcheck="false" autocapitalize="off" autofocus[question.q.is_empty()];
                        kbd.needs-script { "/" }
                    }
                    button.button { "Search" }
                }
            }
            @if let Some(error) = wrong {
                (notice(Level::Error, &error.message, error.hint.as_deref().unwrap_or_default()))
            } @else if question.q.trim().chars().count() < SHORTEST_SEARCH {
                p.soft { "Write at least two letters. Filters of the query language narrow the search: kind:Pod, ns:team-a, state:failed, cluster:prod." }
            } @else {
                (results(question, found, several, now))
            }
        }
    }
}

fn results(question: &Question, found: &Found, several: bool, now: Timestamp) -> Markup {
    let waits = waits(found);
    // That nothing was found where nothing was searched says nothing of what is there.
    let unknown = !waits && found.is_unknown();
    html! {
        // Tables that begin to load for this search bring more soon.
        @if waits { span hidden data-again="1" {} }
        div.over {
            @if unknown {
                span.total { "Number unknown" }
            } @else {
                span.total { strong { (thousands(found.total)) } @if found.total == 1 { " result" } @else { " results" } @if waits { " so far" } }
            }
            @if found.hits.len() < found.total { span.soft { "the best " (thousands(found.hits.len())) " show" } }
            span.space {}
            @if found.of > 0 || !unknown { span.soft { (searched(found)) } }
        }
        div.search-body.narrowable[!found.kinds.is_empty()] {
            @if !found.kinds.is_empty() { div.facets {
                (facet("Kind", "kind", &found.kinds, question))
                (facet("Namespace", "ns", &found.namespaces, question))
                @if several { (facet("Cluster", "cluster", &found.clusters, question)) }
            } }
            div.results {
                @if found.hits.is_empty() {
                    div.empty { strong {
                        @if waits { "Nothing found so far" } @else if unknown { "Nothing could be searched" } @else { "Nothing found" }
                    } }
                }
                ul.hits {
                    @for hit in &found.hits {
                        @let row = &hit.record.row;
                        li {
                            a href=(page_of(hit)) { (row.name) }
                            (status::status(&row.status))
                            span.soft {
                                (row.resource.kind)
                                @if let Some(namespace) = &row.namespace { " · " (namespace) }
                                @if several { " · " (hit.cluster) }
                                @if let Some(created) = row.created { " · " (time::age(created.get(), now)) " old" }
                            }
                            (why(&hit.matched))
                        }
                    }
                }
                (gaps(found, several))
            }
        }
    }
}

/// The values of one field with how many results have each; each leads to these.
fn facet(title: &str, field: &str, values: &[Facet], question: &Question) -> Markup {
    let with = |value: &str| {
        let term = format!("{field}:{}", quoted(value));
        let q = question.q.clone();
        if q.split_whitespace().any(|word| word == term) { None } else { Some(format!("{q} {term}")) }
    };
    html! {
        @if !values.is_empty() {
            section aria-label=(title) {
                h2 { (title) }
                ul {
                    @for one in values.iter().take(MOST_VALUES) {
                        li {
                            @match with(&one.value) {
                                Some(q) => a href=(urls::search().ask(&Question { q, ..question.clone() })) { (one.value) },
                                None => strong { (one.value) },
                            }
                            span.count { (thousands(one.count)) }
                        }
                    }
                }
                @if values.len() > MOST_VALUES { p.soft { (thousands(values.len() - MOST_VALUES)) " more" } }
            }
        }
    }
}

/// A value as a question holds it.
pub(crate) fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    if !value.is_empty() && value.chars().all(plain) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

/// What is wrong with a search, where there is room for a sentence only.
pub(super) fn misread(error: &AppError) -> Markup {
    html! { p.nothing { (sentence(&error.message)) @if let Some(hint) = &error.hint { " " (sentence(hint)) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(q: &str, found: &Found) -> String {
        let question = Question { q: q.to_owned(), ..Question::default() };
        view(&question, found, (None, true), crate::samples::now()).into_string()
    }

    #[test]
    fn facets_narrow_the_question() {
        let facet = |value: &str| Facet { value: value.to_owned(), count: 1234 };
        let found = Found {
            kinds: vec![facet("Pod")],
            clusters: vec![facet("prod eu")],
            total: 1234,
            searched: 3,
            of: 4,
            done: true,
            ..Found::default()
        };
        let html = shown("web", &found);
        assert!(html.contains("/search?q=web%20kind:Pod") && html.contains("1,234"), "{html}");
        assert!(html.contains("cluster:%22prod%20eu%22"), "{html}");
        assert!(html.contains("Searched 3 of 4 kinds"), "{html}");
        let html = shown("web kind:Pod", &found);
        assert!(html.contains("<strong>Pod</strong>"), "what narrows already is no link: {html}");
    }

    #[test]
    fn nothing_searched_is_not_nothing_found() {
        use pilothouse_app::{SearchGap, Why};
        use pilothouse_model::{ClusterId, Completeness};
        let words = "you may not list anything in this cluster; name the namespaces that you may read";
        let gap = |kinds: &[&str], words: &str| SearchGap {
            cluster: ClusterId::new("lab"),
            kinds: kinds.iter().map(|kind| (*kind).to_owned()).collect(),
            why: Why::Known(Completeness::Forbidden(words.to_owned())),
        };
        let closed = Found { gaps: vec![gap(&[], words)], done: true, ..Found::default() };
        let html = shown("web", &closed);
        assert!(html.contains("Nothing could be searched") && html.contains("Number unknown"), "{html}");
        assert!(html.contains("name the namespaces that you may read"), "{html}");
        assert!(!html.contains("Nothing found") && !html.contains("results<") && !html.contains("0 of 0"), "{html}");
        let refused = Found { gaps: vec![gap(&["pods"], "")], of: 1, done: true, ..Found::default() };
        let html = shown("web", &refused);
        assert!(html.contains("Nothing could be searched") && html.contains("0 of 1 kinds"), "{html}");
        let some = Found { searched: 1, of: 2, ..refused };
        assert!(shown("web", &some).contains("Nothing found"));
    }

    #[test]
    fn a_search_is_escaped_and_too_short_a_one_is_told() {
        let html = shown("\"><script>", &Found { done: true, ..Found::default() });
        assert!(!html.contains("<script>") && html.contains("Nothing found"), "{html}");
        assert!(shown("w", &Found::default()).contains("at least two letters"));
    }
}
