//! A list as it stands on a page: table, totals, pages, and the parts that a stream renews.

use std::collections::BTreeMap;

use maud::{Markup, html};
use pilothouse_app::{Listing, Source};
use pilothouse_model::{Completeness, Timestamp};

use super::freshness;
use super::rows::{self, Shape};
use super::scene::Scene;
use crate::question::Question;
use crate::urls::{self, Url};

/// What is listed and how it was asked for.
pub(crate) struct Listed<'a> {
    /// What.
    pub(crate) source: &'a Source,
    /// How.
    pub(crate) question: &'a Question,
    /// Its own address; `None` where it stands inside another page and offers neither order nor pages.
    pub(crate) here: Option<Url>,
    /// What is listed, in a word.
    pub(crate) label: &'a str,
    /// What to say when there are no rows.
    pub(crate) empty: &'a str,
}

/// The numbers and words around the rows.
#[derive(Clone, Debug)]
pub(crate) struct Summary {
    /// Rows of the whole answer.
    pub(crate) total: usize,
    /// Rows before filtering.
    pub(crate) unfiltered: usize,
    /// When it was current.
    pub(crate) as_of: Option<Timestamp>,
    /// How much is known.
    pub(crate) completeness: Completeness,
    /// What else to know.
    pub(crate) notes: Vec<String>,
}

impl From<&Listing> for Summary {
    fn from(listing: &Listing) -> Self {
        Self {
            total: listing.total,
            unfiltered: listing.unfiltered,
            as_of: listing.as_of,
            completeness: listing.completeness.clone(),
            notes: listing.notes.clone(),
        }
    }
}

impl Listed<'_> {
    /// Whether the objects live in namespaces.
    pub(crate) fn namespaced(&self) -> bool {
        match self.source {
            Source::Workloads => true,
            Source::Resource(resource) => resource.namespaced,
        }
    }

    /// The address of the whole list.
    pub(crate) fn whole(&self, cluster: &str) -> Url {
        match self.source {
            Source::Workloads => urls::workloads(cluster),
            Source::Resource(resource) => urls::list(cluster, resource),
        }
    }

    /// Where a stream finds it.
    pub(crate) fn watch(&self, shape: &Shape) -> Url {
        let watch = match self.source {
            Source::Workloads => urls::watch_workloads(self.question),
            Source::Resource(resource) => urls::watch_list(resource, self.question),
        };
        let watch = watch.with("columns", &shape.print()).with("empty", self.empty);
        if self.here.is_some() { watch } else { watch.with("inside", "1") }
    }
}

/// The table with everything around it. `title` and `more` begin and end the line above it.
pub(crate) fn listing(
    listed: &Listed<'_>,
    listing: &Listing,
    (title, more): (&Markup, &Markup),
    scene: &Scene<'_>,
) -> Markup {
    let inside = listed.here.is_none();
    let shape = Shape::new(&listing.columns, listed.namespaced(), listed.question).inside(inside);
    let parts = parts(listed, &Summary::from(listing), scene);
    let part = |name: &str| parts.get(name).cloned().unwrap_or_default();
    let heading = rows::heading(&shape, listed.here.as_ref(), listed.question);
    let body = html! { @for record in &listing.rows { (rows::row(&record.row, &shape, scene)) } };
    html! {
        div.listing data-watch=(listed.watch(&shape)) {
            div.over {
                (title)
                span data-part="total" { (part("total")) }
                span.space {}
                span data-part="freshness" { (part("freshness")) }
                (more)
            }
            div.notes data-part="notes" { (part("notes")) }
            (rows::table(listed.label, &heading, &body))
            div data-part="empty" { (part("empty")) }
            div.pages data-part="pager" { (part("pager")) }
        }
    }
}

/// The parts around the rows, by the name of their place.
pub(crate) fn parts(listed: &Listed<'_>, summary: &Summary, scene: &Scene<'_>) -> BTreeMap<&'static str, Markup> {
    BTreeMap::from([
        ("notes", freshness::notes(&summary.completeness, &summary.notes)),
        ("empty", empty(listed, summary)),
        ("total", total(listed, summary)),
        ("freshness", freshness::line(&summary.completeness, summary.as_of, scene.now)),
        ("pager", pager(listed, summary, scene)),
    ])
}

/// How many, exactly, and of how many. What is not known has no number.
fn total(listed: &Listed<'_>, summary: &Summary) -> Markup {
    let known = !matches!(summary.completeness, Completeness::Forbidden(_) | Completeness::Broken(_));
    if summary.completeness == Completeness::Absent && summary.total == 0 {
        // The page says that nothing is served: there is nothing to count, and nothing unknown.
        return html! {};
    }
    if !known && (summary.unfiltered == 0 || summary.total == 0) {
        return html! { span.total { "Number unknown" } };
    }
    let loading = summary.completeness == Completeness::Loading;
    if loading && summary.unfiltered == 0 {
        return html! { span.total { "Loading" } };
    }
    let (first, last) = span(listed.question, summary.total);
    let part = last > 0 && (first > 1 || last < summary.total);
    // Inside another page the filter is not the person's own.
    let filtered = listed.here.is_some() && listed.question.filters() && summary.total != summary.unfiltered;
    html! {
        span.total {
            @if part { strong { (thousands(first)) "–" (thousands(last)) } " of " }
            strong { (thousands(summary.total)) }
            @if filtered && part {
                " matching · " (thousands(summary.unfiltered)) " in all"
            } @else if filtered {
                " of " (thousands(summary.unfiltered)) " match"
            } @else if summary.total == 1 { " row" } @else { " rows" }
            @if loading { " so far" }
        }
    }
}

/// First and last row on the page, counted from one; zero and zero when it has none.
fn span(question: &Question, total: usize) -> (usize, usize) {
    if question.offset >= total {
        return (0, 0);
    }
    (question.offset + 1, total.min(question.offset.saturating_add(question.rows())))
}

/// `1234567` → `1,234,567`.
pub(crate) fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(String::from_utf8_lossy).collect();
    groups.join(",")
}

fn empty(listed: &Listed<'_>, summary: &Summary) -> Markup {
    let (first, _) = span(listed.question, summary.total);
    if first > 0 {
        return html! {};
    }
    let beyond = summary.total > 0;
    let title = match &summary.completeness {
        _ if beyond => "No rows on this page",
        Completeness::Loading => "Loading",
        // Inside another page the filter is not the person's own, and the page says what its absence means.
        Completeness::Complete | Completeness::Stale(_)
            if listed.here.is_some() && listed.question.filters() && summary.unfiltered > 0 =>
        {
            "Nothing matches"
        }
        Completeness::Complete | Completeness::Stale(_) => listed.empty,
        Completeness::Forbidden(_) | Completeness::Broken(_) | Completeness::Absent => return html! {},
    };
    let all = listed.here.as_ref().map(|here| {
        here.ask(&Question { sort: listed.question.sort.clone(), wide: listed.question.wide, ..Question::default() })
    });
    html! {
        div.empty {
            strong { (title) }
            @if let (Some(all), true) = (all, beyond || (listed.question.filters() && summary.unfiltered > 0)) {
                a href=(all) { "Show all " (thousands(summary.unfiltered)) }
            }
        }
    }
}

/// Below the rows inside another page: how many there are beyond them, and where.
fn rest(listed: &Listed<'_>, summary: &Summary, scene: &Scene<'_>) -> Markup {
    let more = summary.total.saturating_sub(listed.question.rows());
    let whole = Question { limit: None, ..listed.question.clone() };
    html! { @if more > 0 { a.rest href=(listed.whole(scene.cluster).ask(&whole)) { (thousands(more)) " more" } } }
}

fn pager(listed: &Listed<'_>, summary: &Summary, scene: &Scene<'_>) -> Markup {
    let Some(here) = &listed.here else { return rest(listed, summary, scene) };
    let (question, rows) = (listed.question, listed.question.rows());
    if summary.total <= rows && question.offset == 0 {
        return html! {};
    }
    let pages = summary.total.div_ceil(rows).max(1);
    let page = question.offset / rows + 1;
    let step = |label: &str, target: Option<usize>| {
        html! {
            @match target {
                Some(offset) => a.button href=(here.ask(&question.at(offset))) { (label) },
                None => span.button aria-disabled="true" { (label) },
            }
        }
    };
    let last = (pages - 1) * rows;
    html! {
        nav.pager aria-label="Pages" {
            (step("First", (question.offset > 0).then_some(0)))
            (step("Previous", (question.offset > 0).then(|| question.offset.saturating_sub(rows).min(last))))
            @if question.offset < summary.total || page == 1 {
                span { "Page " (thousands(page)) " of " (thousands(pages)) }
            } @else {
                span { "Beyond the last page, " (thousands(pages)) }
            }
            (step("Next", (question.offset < last).then(|| question.offset + rows)))
            (step("Last", (question.offset < last).then_some(last)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(thousands(0), "0");
        assert_eq!(thousands(999), "999");
        assert_eq!(thousands(1000), "1,000");
        assert_eq!(thousands(1_234_567), "1,234,567");
    }

    fn summary(total: usize, unfiltered: usize, completeness: Completeness) -> Summary {
        Summary { total, unfiltered, as_of: None, completeness, notes: Vec::new() }
    }

    fn paged(listed: &Listed<'_>, summary: &Summary) -> Markup {
        crate::samples::with_scene(|scene| pager(listed, summary, scene))
    }

    fn shown(question: &Question, summary: &Summary, part: fn(&Listed<'_>, &Summary) -> Markup) -> String {
        let here = Some(urls::workloads("prod"));
        let listed = Listed { source: &Source::Workloads, question, here, label: "Workloads", empty: "No workloads" };
        let html = part(&listed, summary).into_string();
        let mut text = String::new();
        let mut inside = false;
        for c in html.chars() {
            match c {
                '<' => inside = true,
                '>' => inside = false,
                c if !inside => text.push(c),
                _ => {}
            }
        }
        text
    }

    #[test]
    fn totals_are_exact_and_say_what_they_count() {
        let all = Question::default();
        let filtered = Question { q: "x".into(), ..Question::default() };
        assert_eq!(shown(&all, &summary(3, 3, Completeness::Complete), total), "3 rows");
        assert_eq!(shown(&all, &summary(312, 312, Completeness::Complete), total), "1–100 of 312 rows");
        let many = "1–100 of 131 matching · 312 in all";
        assert_eq!(shown(&filtered, &summary(131, 312, Completeness::Complete), total), many);
        assert_eq!(shown(&filtered, &summary(14, 312, Completeness::Complete), total), "14 of 312 match");
        assert_eq!(shown(&all, &summary(500, 500, Completeness::Loading), total), "1–100 of 500 rows so far");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Loading), total), "Loading");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Forbidden("no".into())), total), "Number unknown");
        assert_eq!(shown(&filtered, &summary(0, 9, Completeness::Forbidden("no".into())), total), "Number unknown");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Complete), total), "0 rows");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Absent), total), "", "what is not served is known");
    }

    #[test]
    fn pages_lead_to_both_ends() {
        let all = Question::default();
        assert_eq!(shown(&all, &summary(100, 100, Completeness::Complete), paged), "");
        assert_eq!(
            shown(&all.at(100), &summary(312, 312, Completeness::Complete), paged),
            "FirstPreviousPage 2 of 4NextLast"
        );
        let html = paged(
            &Listed {
                source: &Source::Workloads,
                question: &all.at(300),
                here: Some(urls::workloads("prod")),
                label: "",
                empty: "",
            },
            &summary(312, 312, Completeness::Complete),
        )
        .into_string();
        assert_eq!(html.matches("aria-disabled").count(), 2, "{html}");
        assert!(html.contains("offset=200"), "{html}");
        let beyond = shown(&all.at(99_999), &summary(312, 312, Completeness::Complete), paged);
        assert_eq!(beyond, "FirstPreviousBeyond the last page, 4NextLast");
    }

    #[test]
    fn inside_a_page_a_list_counts_its_own_rows_and_leads_to_the_rest() {
        let question = Question { q: "is:active".into(), limit: Some(20), ..Question::default() };
        let inside =
            Listed { source: &Source::Workloads, question: &question, here: None, label: "", empty: "Nothing runs" };
        let html = total(&inside, &summary(0, 320, Completeness::Complete)).into_string();
        assert!(html.contains("<strong>0</strong> rows") && !html.contains("320"), "{html}");
        let html = paged(&inside, &summary(46, 320, Completeness::Complete)).into_string();
        assert!(html.contains("26 more") && html.contains("/c/prod/workloads?q=is:active\""), "{html}");
        assert_eq!(paged(&inside, &summary(20, 320, Completeness::Complete)).into_string(), "");
    }

    #[test]
    fn no_rows_is_told_apart_from_not_knowing() {
        let all = Question::default();
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Complete), empty), "No workloads");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Loading), empty), "Loading");
        assert_eq!(shown(&all, &summary(0, 0, Completeness::Forbidden("no".into())), empty), "");
        let filtered = Question { q: "x".into(), ..Question::default() };
        assert_eq!(shown(&filtered, &summary(0, 9, Completeness::Complete), empty), "Nothing matchesShow all 9");
        let inside =
            Listed { source: &Source::Workloads, question: &filtered, here: None, label: "", empty: "All is well" };
        let html = empty(&inside, &summary(0, 9, Completeness::Complete)).into_string();
        assert!(html.contains("All is well") && !html.contains("matches"), "{html}");
        let html = empty(&inside, &summary(0, 9, Completeness::Loading)).into_string();
        assert!(html.contains("Loading") && !html.contains("All is well"), "{html}");
    }
}
