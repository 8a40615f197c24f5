//! A list over several clusters as it stands on a page, and how each of them takes part.

use std::collections::BTreeMap;

use maud::{Markup, html};
use pilothouse_app::{ManyRow, Part, Source, Standing};
use pilothouse_model::{Column, Completeness, Level};

use super::freshness::{self, notice};
use super::icon::icon;
use super::listing::{self, Listed, Summary, thousands};
use super::prose::sentence;
use super::rows::{self, Shape};
use super::scene::Scene;
use super::time::age;
use crate::question::Question;
use crate::urls::{self, Url};

/// What is listed and how it was asked for.
pub(crate) struct ListedInAll<'a> {
    /// How.
    pub(crate) question: &'a Question,
    /// Its own address.
    pub(crate) here: Url,
    /// Where a stream finds it.
    pub(crate) watch: Url,
    /// Whether the objects live in namespaces.
    pub(crate) namespaced: bool,
    /// What is listed, in a word.
    pub(crate) label: &'a str,
    /// What to say when there are no rows.
    pub(crate) empty: &'a str,
}

/// The numbers around the rows.
pub(crate) struct Told<'a> {
    /// Rows of the whole answer.
    pub(crate) total: usize,
    /// Rows before filtering.
    pub(crate) unfiltered: usize,
    /// How each cluster takes part.
    pub(crate) parts: &'a [Part],
}

impl ListedInAll<'_> {
    /// The table's shape.
    pub(crate) fn shape(&self, columns: &[Column]) -> Shape {
        Shape::new(columns, self.namespaced, self.question).across()
    }

    fn alone(&self) -> Listed<'_> {
        let here = Some(self.here.clone());
        Listed { source: &Source::Workloads, question: self.question, here, label: self.label, empty: self.empty }
    }
}

/// The table with everything around it.
pub(crate) fn listing(
    listed: &ListedInAll<'_>,
    (columns, rows): (&[Column], &[ManyRow]),
    told: &Told<'_>,
    scene: &Scene<'_>,
) -> Markup {
    let shape = listed.shape(columns);
    let parts = parts(listed, told, scene);
    let part = |name: &str| parts.get(name).cloned().unwrap_or_default();
    let heading = rows::heading(&shape, Some(&listed.here), listed.question);
    let body = html! { @for one in rows { (row(one, &shape, scene)) } };
    html! {
        div.listing data-watch=(listed.watch.with("columns", &shape.print()).with("empty", listed.empty)) {
            div data-part="clusters" { (part("clusters")) }
            div.over {
                span data-part="total" { (part("total")) }
                span.space {}
                span data-part="freshness" { (part("freshness")) }
            }
            div.notes data-part="notes" { (part("notes")) }
            (rows::table(listed.label, &heading, &body))
            div data-part="empty" { (part("empty")) }
            div.pages data-part="pager" { (part("pager")) }
        }
    }
}

/// One row: its links lead into its own cluster.
pub(crate) fn row(row: &ManyRow, shape: &Shape, scene: &Scene<'_>) -> Markup {
    let its =
        Scene { cluster: row.cluster.as_str(), now: scene.now, scope: scene.scope.clone(), resolve: scene.resolve };
    rows::row(&row.row, shape, &its)
}

/// The parts around the rows, by the name of their place.
pub(crate) fn parts(listed: &ListedInAll<'_>, told: &Told<'_>, scene: &Scene<'_>) -> BTreeMap<&'static str, Markup> {
    let waits = told.parts.iter().any(|part| part.completeness == Completeness::Loading && part.reason().is_none());
    let complete = told.parts.iter().all(|part| part.completeness.is_complete());
    let unknown = if waits { None } else { unknown(told.parts) };
    let completeness = match &unknown {
        Some(why) => why.clone(),
        None if waits => Completeness::Loading,
        None => Completeness::Complete,
    };
    let notes: Vec<String> =
        told.parts.iter().flat_map(|part| part.notes.iter().map(|note| format!("{}: {note}", part.cluster))).collect();
    let around = advice(unknown.as_ref(), &notes);
    let summary = Summary { total: told.total, unfiltered: told.unfiltered, as_of: None, completeness, notes };
    let mut all = listing::parts(&listed.alone(), &summary, scene);
    all.insert("clusters", strip(told.parts, scene));
    all.insert("freshness", freshness(told.parts, waits));
    all.insert("notes", around);
    if told.total == 0 && (!complete || unknown.is_some()) && !waits {
        let words = match &unknown {
            Some(Completeness::Forbidden(_)) => "You may not list this",
            Some(Completeness::Absent) => "Not served",
            Some(_) => "Not known: no cluster answers",
            None => "No rows in the clusters that answer",
        };
        all.insert("empty", html! { div.empty { strong { (words) } } });
    }
    all
}

/// Why no cluster tells how many rows it has; `None` where one does.
fn unknown(parts: &[Part]) -> Option<Completeness> {
    if parts.iter().any(Part::tells_rows) {
        return None;
    }
    // What may be there although it is not told counts for more than what is not served.
    let worst = |part: &&Part| match part.completeness {
        Completeness::Absent => 0,
        Completeness::Forbidden(_) => 1,
        _ => 2,
    };
    parts.iter().max_by_key(worst).map(|part| match &part.completeness {
        // It is not loading any more where the cluster does not answer.
        Completeness::Loading => Completeness::Broken(part.reason().unwrap_or_default()),
        why => why.clone(),
    })
}

/// The notes, and what to do where nothing may be listed. Each cluster's own reason stands beside its name.
fn advice(unknown: Option<&Completeness>, notes: &[String]) -> Markup {
    html! {
        @if let Some(Completeness::Forbidden(_)) = unknown {
            (notice(Level::Error, "No cluster lets you list this. Open one and pick namespaces that you may read.", ""))
        }
        (freshness::notes(&Completeness::Complete, notes))
    }
}

/// In how many clusters the rows are current.
fn freshness(parts: &[Part], waits: bool) -> Markup {
    let live = parts.iter().filter(|part| part.completeness.is_complete()).count();
    let level = match () {
        () if live == parts.len() => Level::Good,
        () if waits => Level::Progress,
        () => Level::Warning,
    };
    html! {
        span class={ "freshness " (level.as_str()) } {
            (icon(level.as_str()))
            span.words {
                @if live == parts.len() { "Live in " } @else { "Live in " (live) " of " }
                (parts.len()) @if parts.len() == 1 { " cluster" } @else { " clusters" }
            }
            span.lost-words { "Not live: the console does not answer" }
        }
    }
}

/// How each cluster takes part: its state as mark and word, its rows, and why not all are there.
fn strip(parts: &[Part], scene: &Scene<'_>) -> Markup {
    html! {
        @if parts.is_empty() { (notice(Level::Idle, "The question rules out every cluster.", "")) }
        ul.parts {
            @for part in parts {
                @let (level, word) = state(part);
                li class={ "part " (level.as_str()) } {
                    (icon(level.as_str()))
                    a href=(urls::cluster(part.cluster.as_str())) { (part.cluster.as_str()) }
                    span.word { (word) }
                    @if part.as_of.is_some() || part.total > 0 {
                        span.soft { (thousands(part.total)) @if part.total == 1 { " row" } @else { " rows" } }
                    }
                    @if let (Standing::Failed, Some(as_of)) = (part.standing(), part.as_of) {
                        span.soft { "last current " (age(as_of, scene.now)) " ago" }
                    }
                    @if let Some(reason) = part.reason() { span.why { (sentence(&reason)) } }
                }
            }
        }
    }
}

fn state(part: &Part) -> (Level, &'static str) {
    match (part.standing(), &part.completeness) {
        (Standing::Connecting, _) => (Level::Progress, "Connecting"),
        (Standing::Failed, Completeness::Stale(_)) => (Level::Warning, "Stale"),
        (Standing::Failed, _) => (Level::Error, "Failed"),
        (Standing::Connected, Completeness::Loading) => (Level::Progress, "Loading"),
        (Standing::Connected, Completeness::Forbidden(_)) => (Level::Error, "Not allowed"),
        (Standing::Connected, Completeness::Absent) => (Level::Idle, "Not served"),
        (Standing::Connected, _) => (Level::Good, "Live"),
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_app::{AppError, ConnectionState, ErrorKind};
    use pilothouse_model::ClusterId;

    use super::*;
    use crate::samples;

    fn part(name: &str, completeness: Completeness, total: usize) -> Part {
        Part {
            cluster: ClusterId::new(name),
            connection: ConnectionState::Connected { version: "v1".into() },
            completeness,
            as_of: Some(samples::now() - jiff::SignedDuration::from_secs(90)),
            total,
            unfiltered: total,
            notes: Vec::new(),
            error: None,
        }
    }

    fn shown(parts: &[Part]) -> BTreeMap<&'static str, String> {
        let question = Question::default();
        let listed = ListedInAll {
            question: &question,
            here: urls::all_workloads(),
            watch: urls::watch_workloads(&question),
            namespaced: true,
            label: "Workloads",
            empty: "No workloads",
        };
        let total = parts.iter().map(|part| part.total).sum();
        let told = Told { total, unfiltered: total, parts };
        let made = samples::with_scene(|scene| super::parts(&listed, &told, scene));
        made.into_iter().map(|(name, html)| (name, html.into_string())).collect()
    }

    #[test]
    fn a_cluster_that_fails_says_why_and_since_when() {
        let stale = part("lab", Completeness::Stale("<b>refused</b>".into()), 3);
        let all = shown(&[part("prod", Completeness::Complete, 2), stale]);
        let strip = &all["clusters"];
        assert!(
            strip.contains("Stale") && strip.contains("last current") && strip.contains("&lt;b&gt;refused"),
            "{strip}"
        );
        assert!(all["freshness"].contains("Live in 1 of 2 clusters"), "{}", all["freshness"]);
        assert!(all["total"].contains("<strong>5</strong> rows") && !all["total"].contains("so far"));
    }

    #[test]
    fn nothing_known_is_not_nothing() {
        let error = AppError::new(ErrorKind::Unavailable, "refused");
        let broken = Part { error: Some(error), as_of: None, ..part("lab", Completeness::Broken("refused".into()), 0) };
        let all = shown(std::slice::from_ref(&broken));
        assert!(all["empty"].contains("Not known") && all["total"].contains("Number unknown"), "{all:?}");
        let all = shown(&[broken.clone(), part("prod", Completeness::Complete, 0)]);
        assert!(all["empty"].contains("in the clusters that answer") && all["total"].contains("0"), "{all:?}");
        let words = "you may not list workloads in this cluster";
        let forbidden = || Part { as_of: None, ..part("lab", Completeness::Forbidden(words.to_owned()), 0) };
        let all = shown(&[forbidden()]);
        assert!(all["total"].contains("Number unknown") && all["clusters"].contains("Not allowed"), "{all:?}");
        assert!(all["empty"].contains("You may not list this") && all["notes"].contains("pick namespaces"), "{all:?}");
        let absent = || Part { as_of: None, ..part("old", Completeness::Absent, 0) };
        assert!(shown(&[absent(), forbidden()])["empty"].contains("You may not list this"));
        let all = shown(&[absent()]);
        assert!(all["empty"].contains("Not served") && all["total"].is_empty(), "{all:?}");
        let all = shown(&[absent(), part("lab", Completeness::Complete, 2)]);
        assert!(all["total"].contains("<strong>2</strong> rows"), "{all:?}");
        assert!(shown(&[forbidden(), broken])["empty"].contains("Not known"), "the one may have rows to show");
        let loading = shown(&[part("lab", Completeness::Loading, 0)]);
        assert!(loading["empty"].contains("Loading"), "{}", loading["empty"]);
        assert!(shown(&[part("lab", Completeness::Complete, 0)])["empty"].contains("No workloads"));
    }
}
