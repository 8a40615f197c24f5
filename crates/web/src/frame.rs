//! The frame around every page: top bar, navigation, main area.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use pilothouse_app::{ClusterView, ConnectionState, ErrorKind, NavigationGroup};
use pilothouse_model::{Completeness, Level, Manifest, Place, Resource};

use crate::assets;
use crate::components::freshness::notice;
use crate::components::icon::icon;
use crate::components::prose::sentence;
use crate::components::time::until;
use crate::question::Question;
use crate::signin::SignedIn;
use crate::urls::{self, Url};

mod bare;
mod person;
mod pickers;

pub(crate) use bare::bare;

/// htmx, without anything that a strict policy would refuse: no style of its own, no code from attributes. What a person
/// opened stays open when a page is morphed.
const HTMX: &str = r#"{"includeIndicatorCSS":false,"morphIgnore":["data-htmx-powered","open"],"defaultTimeout":30000}"#;

/// What the frame shows.
pub(crate) struct Frame {
    /// The moment that the page is made.
    pub(crate) now: Timestamp,
    /// `light` or `dark` when a person chose.
    pub(crate) theme: Option<&'static str>,
    /// Path of this page.
    pub(crate) path: String,
    /// Who is signed in; `None` where nobody signs in.
    pub(crate) signed_in: Option<SignedIn>,
    /// Every cluster.
    pub(crate) clusters: Vec<ClusterView>,
    /// The cluster of this page.
    pub(crate) cluster: Option<ClusterFrame>,
    /// Resources by group, as the first connected cluster serves them: for pages over several clusters.
    pub(crate) everywhere: Vec<NavigationGroup>,
    /// The question of this page.
    pub(crate) question: Question,
}

/// What the frame shows of the page's cluster.
pub(crate) struct ClusterFrame {
    /// Name.
    pub(crate) name: String,
    /// How it is connected.
    pub(crate) state: ConnectionState,
    /// Instruments with their places.
    pub(crate) instruments: Vec<(&'static Manifest, Vec<Place>)>,
    /// Resources by group; `None` while they are unknown.
    pub(crate) navigation: Option<Vec<NavigationGroup>>,
    /// What could not be read of what the cluster serves, and why.
    pub(crate) problems: Vec<String>,
    /// Namespaces, as far as they are known.
    pub(crate) namespaces: Vec<String>,
    /// Whether these are all, or why not.
    pub(crate) namespaces_completeness: Completeness,
}

impl ClusterFrame {
    fn connected(&self) -> bool {
        matches!(self.state, ConnectionState::Connected { .. })
    }
}

/// What fills the frame.
pub(crate) struct Content {
    /// Title of the page.
    pub(crate) title: String,
    /// The main area.
    pub(crate) body: Markup,
    /// Where the namespace picker leads; `None` where namespaces mean nothing.
    pub(crate) scoped: Option<Url>,
    /// Whether the page waits for something: without script it asks again by itself.
    pub(crate) waits: bool,
}

impl Frame {
    /// The whole document.
    pub(crate) fn render(&self, content: &Content) -> Markup {
        let cluster = self.cluster.as_ref().map(|cluster| cluster.name.as_str());
        let title = match cluster {
            Some(cluster) => format!("{} · {cluster} · Pilothouse", content.title),
            None => format!("{} · Pilothouse", content.title),
        };
        html! {
            (DOCTYPE)
            html lang="en" data-theme=[self.theme] data-now=(self.now.as_second()) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="htmx-config" content=(HTMX);
                    title { (title) }
                    link rel="icon" href=(assets::LOGO) type="image/svg+xml";
                    link rel="stylesheet" href=(assets::STYLE);
                    script src=(assets::SCRIPT) defer {}
                    @if content.waits { noscript { meta http-equiv="refresh" content="5"; } }
                }
                body {
                    a.skip href="#main" { "Skip to content" }
                    div.shell #shell hx-history-elt="" "hx-boost:inherited"="target:#shell select:#shell swap:outerMorph" {
                        header.top {
                            (self.brand())
                            div.bar { (self.bar(content)) }
                        }
                        nav.navigation #navigation aria-label="Cluster" { (self.navigation()) }
                        main #main tabindex="-1" data-live=[self.live()] {
                            @if let (Some(cluster), Some(target)) = (&self.cluster, &content.scoped) {
                                (pickers::nowhere(cluster, &self.question, target))
                            }
                            (content.body)
                        }
                        (self.palette())
                    }
                    // Outside of what is fetched anew: it tells that fetching does not work.
                    div.lost #lost role="alert" hidden { (icon("warning")) p {} }
                }
            }
        }
    }

    /// Whether the page is over several clusters.
    fn is_over_all(&self) -> bool {
        self.path.starts_with("/all/")
    }

    fn live(&self) -> Option<Url> {
        if self.is_over_all() {
            Some(urls::all_live())
        } else {
            self.cluster.as_ref().map(|cluster| urls::live(&cluster.name))
        }
    }

    fn brand(&self) -> Markup {
        html! {
            div.brand {
                a href="/" { img src=(assets::LOGO) alt="" width="22" height="22"; "Pilothouse" }
                label.drawer-switch {
                    input.hidden-text #drawer type="checkbox" aria-label="Show navigation";
                    (icon("menu"))
                }
            }
        }
    }

    fn bar(&self, content: &Content) -> Markup {
        html! {
            (self.cluster_picker())
            @if let (Some(cluster), Some(target)) = (&self.cluster, &content.scoped) {
                (self.namespace_picker(cluster, target))
            }
            @if let Some(cluster) = &self.cluster {
                span data-watch=(urls::watch_state(cluster.connected())) {
                    span data-part="connection" { (connection(&cluster.state)) }
                }
            }
            a.button.plain.find href=(urls::search()) hx-boost="false" data-palette="" {
                (icon("search")) span { "Find" } kbd.needs-script { "Ctrl K" }
            }
            button.button.plain.needs-script type="button" data-theme-switch="" aria-label="Switch between light and dark" {
                (icon("theme"))
            }
            (self.person_menu())
        }
    }

    fn navigation(&self) -> Markup {
        let Some(cluster) = &self.cluster else {
            return self.navigation_over_all();
        };
        let name = cluster.name.as_str();
        let scope = self.question.scope();
        let scoped = |url: Url| url.ask(&scope);
        html! {
            section {
                ul {
                    li { (self.link(&scoped(urls::cluster(name)), "Overview")) }
                    li { (self.link(&scoped(urls::workloads(name)), "Workloads")) }
                }
            }
            @for (manifest, places) in &cluster.instruments {
                section {
                    h2 { (manifest.title) }
                    ul {
                        @for place in places { li { (self.link(&scoped(urls::place(name, manifest.id, place.id)), place.title)) } }
                    }
                }
            }
            (problems(&cluster.problems))
            @match &cluster.navigation {
                None => p { "Resources show when the cluster answers." },
                Some(groups) => @for (index, group) in groups.iter().enumerate() {
                    (self.group(|resource| urls::list(name, resource), index, group, &scope))
                },
            }
        }
    }

    /// Without a cluster of its own, a page leads to lists over all of them.
    fn navigation_over_all(&self) -> Markup {
        let scope = Question { clusters: self.question.clusters.clone(), ..self.question.scope() };
        html! {
            section {
                h2 { "All clusters" }
                ul {
                    li { (self.link(&urls::clusters(), "Clusters")) }
                    li { (self.link(&urls::all_workloads().ask(&scope), "Workloads")) }
                    li { (self.link(&urls::search(), "Search")) }
                }
            }
            @for (index, group) in self.everywhere.iter().enumerate() { (self.group(urls::all_list, index, group, &scope)) }
        }
    }

    fn group(
        &self,
        list: impl Fn(&Resource) -> Url,
        index: usize,
        group: &NavigationGroup,
        scope: &Question,
    ) -> Markup {
        // A person sees the first two groups and the cluster's own, nodes and namespaces among it; the rest opens when asked, or when the page stands in it.
        let here = group.items.iter().any(|item| self.is_here(&list(&item.resource)));
        html! {
            details id={ "group-" (group.title) } open[index < 2 || here || group.title == "Cluster"] {
                summary { (group.title) (icon("down")) }
                ul {
                    @for item in &group.items {
                        li { (self.link(&list(&item.resource).ask(scope), &item.title)) }
                    }
                }
            }
        }
    }

    fn is_here(&self, url: &Url) -> bool {
        let path = url.as_str().split('?').next().unwrap_or_default();
        self.path == path || (path.contains("/r/") && self.path.starts_with(&format!("{path}/")))
    }

    fn link(&self, url: &Url, title: &str) -> Markup {
        html! { a href=(url) title=(title) aria-current=[self.is_here(url).then_some("page")] { (title) } }
    }

    fn palette(&self) -> Markup {
        html! {
            @let cluster = self.cluster.as_ref().map(|cluster| cluster.name.as_str());
            dialog.palette #palette aria-label="Find" data-address=(urls::palette(cluster)) {
                input type="search" placeholder="Find anything: names, labels, images, messages, kinds, places" aria-label="Find anything"
                    role="combobox" aria-expanded="true" aria-controls="palette-found" autocomplete="off" spellcheck="false";
                // What was found stays when the page around it is fetched again.
                div.found #palette-found role="listbox" aria-label="Found" hx-morph-skip {}
            }
        }
    }
}

/// What the navigation may lack.
fn problems(problems: &[String]) -> Markup {
    html! {
        @if !problems.is_empty() {
            details.problems #problems {
                summary { span.problem { (icon(Level::Warning.as_str())) "Not all is known" } (icon("down")) }
                ul { @for problem in problems { li { (problem) } } }
            }
        }
    }
}

/// How the cluster is connected, in one mark and one word.
pub(crate) fn connection(state: &ConnectionState) -> Markup {
    let (level, words) = match state {
        ConnectionState::Idle => (Level::Idle, "Not connected".to_owned()),
        ConnectionState::Connecting => (Level::Progress, "Connecting".to_owned()),
        ConnectionState::Connected { version } => (Level::Good, version.clone()),
        ConnectionState::Failed { error, .. } => (Level::Error, failure(error.kind).to_owned()),
    };
    html! {
        span class={ "connection " (level.as_str()) } role="status" {
            (icon(level.as_str()))
            span.words title=(words) { (words) }
            span.lost-words { "Not known" }
        }
    }
}

/// A failure of the connection in a word: a server that refuses was reached.
fn failure(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable => "Unreachable",
        ErrorKind::Unauthorized => "Credential refused",
        ErrorKind::Forbidden => "Not allowed",
        ErrorKind::BadInput => "Wrong kubeconfig",
        ErrorKind::NotFound | ErrorKind::NotOffered | ErrorKind::Malformed | ErrorKind::Conflict => "Odd answer",
    }
}

/// Why the cluster does not answer and when it is tried again; nothing while it does.
pub(crate) fn trouble(state: &ConnectionState, now: Timestamp) -> Markup {
    let soon = "This page opens by itself as soon as the cluster answers.";
    match state {
        ConnectionState::Connected { .. } => html! {},
        ConnectionState::Idle | ConnectionState::Connecting => {
            notice(Level::Progress, "Connecting to the cluster.", soon)
        }
        ConnectionState::Failed { error, retry_at, attempts } => html! {
            div.notice.error {
                (icon("error"))
                div {
                    p { (sentence(&error.message)) }
                    @if let Some(hint) = &error.hint { p { (sentence(hint)) } }
                    p { "Attempt " (attempts) " failed, the next is " (until(*retry_at, now)) ". " (soon) }
                }
            }
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_refuses_the_credential_was_reached() {
        let shown = |kind| {
            let error = pilothouse_app::AppError::new(kind, "no");
            connection(&ConnectionState::Failed { error, retry_at: Timestamp::UNIX_EPOCH, attempts: 1 }).into_string()
        };
        assert!(shown(ErrorKind::Unavailable).contains("Unreachable"));
        let refused = shown(ErrorKind::Unauthorized);
        assert!(refused.contains("Credential refused") && !refused.contains("Unreachable"), "{refused}");
    }

    #[test]
    fn what_the_navigation_may_lack_is_told() {
        assert_eq!(problems(&[]).into_string(), "");
        let html = problems(&["kubeflow.org/v1: <i>timed out</i>".to_owned()]).into_string();
        assert!(html.contains("Not all is known") && html.contains("kubeflow.org/v1: &lt;i&gt;timed out"), "{html}");
    }
}
