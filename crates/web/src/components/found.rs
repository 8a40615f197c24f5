//! What a search found: each thing as a link with where and why, and what was not searched.

use maud::{Markup, html};
use pilothouse_app::{Found, Hit, Matched, SearchGap, What, Why};
use pilothouse_model::Completeness;

use super::listing::thousands;
use super::{freshness, prose};
use crate::urls::{self, Url};

/// Names of kinds that a sentence holds.
const MOST_NAMES: usize = 6;

/// The page of what was found.
pub(crate) fn page_of(hit: &Hit) -> Url {
    let row = &hit.record.row;
    urls::object(hit.cluster.as_str(), &row.resource, row.namespace.as_deref(), &row.name)
}

/// Where the words were found, when that is not the name.
pub(crate) fn why(matched: &Matched) -> Markup {
    let what = match matched.what {
        What::Label => "label",
        What::Image => "image",
        What::Message => "message",
        What::Name | What::NameStart | What::NameWord | What::NamePart | What::Text => return html! {},
    };
    html! { span.matched title=(matched.text) { span.what { (what) } " " (matched.text) } }
}

/// Whether there is more to come: patience may be over before everything is loaded.
pub(crate) fn waits(found: &Found) -> bool {
    found.gaps.iter().any(|gap| gap.why == Why::Known(Completeness::Loading))
}

/// How much was searched, in a sentence.
pub(crate) fn searched(found: &Found) -> Markup {
    let waits = waits(found);
    html! {
        span class={ "searched " @if !waits { "over" } } {
            @if waits { "Searching: " } @else { "Searched " }
            (thousands(found.searched)) " of " (thousands(found.of)) " kinds"
        }
    }
}

/// What was not searched, and why; several clusters are named.
pub(crate) fn gaps(found: &Found, several: bool) -> Markup {
    // What is still loading is told by the numbers: more may come.
    let worth = |gap: &&SearchGap| gap.why != Why::Known(Completeness::Loading);
    html! {
        @for gap in found.gaps.iter().filter(worth) {
            p.nothing.gap { (sentence(gap, several)) }
        }
    }
}

fn sentence(gap: &SearchGap, several: bool) -> Markup {
    let some: Vec<&str> = gap.kinds.iter().take(MOST_NAMES).map(String::as_str).collect();
    let more = gap.kinds.len() - some.len();
    html! {
        @if gap.kinds.is_empty() {
            strong { (gap.cluster) } " is not searched: "
        } @else {
            "Not searched" @if several { " in " strong { (gap.cluster) } } ": "
            span title=(gap.kinds.join(", ")) {
                (some.join(", ")) @if more > 0 { " and " (more) " more kinds" }
            }
            ", "
        }
        @match &gap.why {
            Why::TooMany => "more than one search opens; name the kind, as in kind:Pod",
            Why::Known(Completeness::Forbidden(words)) if words.is_empty() => "you may not list them",
            Why::Known(Completeness::Forbidden(words) | Completeness::Broken(words)) if gap.kinds.is_empty() => {
                (prose::sentence(words))
            }
            Why::Known(completeness) => (freshness::why(completeness)),
        }
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::ClusterId;

    use super::*;

    #[test]
    fn what_is_not_searched_is_named_with_its_reason() {
        let gap = |kinds: usize, why| SearchGap {
            cluster: ClusterId::new("lab"),
            kinds: (0..kinds).map(|index| format!("kind{index}")).collect(),
            why,
        };
        let found = |gaps| Found { gaps, ..Found::default() };
        let shown = |gaps: Vec<SearchGap>| super::gaps(&found(gaps), true).into_string();
        let forbidden = Why::Known(Completeness::Forbidden(String::new()));
        assert!(shown(vec![gap(2, forbidden)]).contains("kind0, kind1</span>, you may not list them"));
        let many = shown(vec![gap(20, Why::TooMany)]);
        assert!(many.contains("and 14 more kinds") && many.contains("more than one search opens"), "{many}");
        let dead = shown(vec![gap(0, Why::Known(Completeness::Broken("<refused>".into())))]);
        assert!(dead.contains("lab</strong> is not searched") && dead.contains("&lt;refused&gt;"), "{dead}");
        let loading = || vec![gap(1, Why::Known(Completeness::Loading))];
        assert_eq!(shown(loading()), "", "the numbers tell of it");
        let told = |gaps| searched(&found(gaps)).into_string();
        assert!(told(loading()).contains("Searching: 0 of 0") && told(Vec::new()).contains("Searched 0 of 0"));
    }
}
