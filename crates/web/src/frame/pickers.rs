//! The pickers of the top bar: which cluster, which namespaces.

use maud::{Markup, html};
use pilothouse_model::{Completeness, Level};

use super::{ClusterFrame, Frame};
use crate::components::freshness::why;
use crate::components::icon::icon;
use crate::question::Question;
use crate::urls::{self, Url};

impl Frame {
    pub(super) fn cluster_picker(&self) -> Markup {
        let current = self.cluster.as_ref().map(|cluster| cluster.name.as_str());
        html! {
            details.picker #clusters {
                summary {
                    (icon("cluster"))
                    span.value { (current.unwrap_or(if self.is_over_all() { "All clusters" } else { "Clusters" })) }
                    (icon("down"))
                }
                div.menu {
                    ul.options {
                        @for view in &self.clusters {
                            li {
                                a href=(urls::cluster(view.id.as_str())) aria-current=[(Some(view.id.as_str()) == current).then_some("true")] {
                                    (view.id.as_str())
                                    @if view.current { small { "current context" } }
                                }
                            }
                        }
                    }
                    div.actions {
                        @if self.clusters.len() > 1 { a href=(self.over_all()) { "All clusters" } }
                        a href=(urls::clusters()) { "How they are connected" }
                    }
                }
            }
        }
    }

    /// The same list over all clusters where this page is a list, else everything that runs in them.
    fn over_all(&self) -> Url {
        let segments: Vec<&str> = self.path.split('/').collect();
        match segments.as_slice() {
            ["", "c", _, "r", group, version, plural] => {
                urls::all_encoded((group, version, plural)).ask(&self.question.scope())
            }
            _ => urls::all_workloads().ask(&self.question.scope()),
        }
    }

    /// Picks namespaces: a form of plain checkboxes that asks the page's own question again.
    pub(super) fn namespace_picker(&self, cluster: &ClusterFrame, target: &Url) -> Markup {
        let chosen = &self.question.namespaces;
        let words = match chosen.as_slice() {
            [] => "All".to_owned(),
            [one] => one.clone(),
            many => format!("{} chosen", many.len()),
        };
        let kept = Question { namespaces: Vec::new(), offset: 0, ..self.question.clone() };
        // A namespace that is asked for but not known is still shown: it may exist, or have just gone.
        let mut names: Vec<&String> = cluster.namespaces.iter().collect();
        names.extend(chosen.iter().filter(|name| !cluster.namespaces.contains(name)));
        let complete = cluster.namespaces_completeness.is_complete();
        // There may be others that one can only name.
        let forbidden = matches!(cluster.namespaces_completeness, Completeness::Forbidden(_));
        let unlisted = forbidden || (!complete && cluster.namespaces.is_empty());
        html! {
            details.picker #namespaces {
                summary { span.label { "Namespace" } span.value { (words) } (icon("down")) }
                form.menu action=(target) method="get" {
                    @for (name, value) in kept.pairs() { input type="hidden" name=(name) value=(value); }
                    @if complete || !cluster.namespaces.is_empty() {
                        div.filter.needs-script { input type="search" placeholder="Filter" aria-label="Filter namespaces" autocomplete="off"; }
                    }
                    @if unlisted {
                        div.filter {
                            input type="text" name="ns" placeholder="team-a,team-b" aria-label="Namespaces, separated by commas" autocomplete="off";
                        }
                    }
                    @if !complete { p.gap { "Not all namespaces show here: " (why(&cluster.namespaces_completeness)) } }
                    ul.options {
                        @for name in names {
                            li {
                                label {
                                    input type="checkbox" name="ns" value=(name) checked[chosen.contains(name)];
                                    (name)
                                }
                            }
                        }
                    }
                    div.actions {
                        a.button.plain href=(target.ask(&kept)) { "All namespaces" }
                        button.button.primary { "Show" }
                    }
                }
            }
        }
    }
}

/// Asks for the namespaces of someone of whom nothing is known that may be read: the cluster tells only whoever names them.
pub(super) fn nowhere(cluster: &ClusterFrame, question: &Question, target: &Url) -> Markup {
    let known = !cluster.namespaces.is_empty() || !question.namespaces.is_empty();
    if known || !matches!(cluster.namespaces_completeness, Completeness::Forbidden(_)) {
        return html! {};
    }
    html! {
        div class={ "notice " (Level::Warning.as_str()) } {
            (icon(Level::Warning.as_str()))
            div {
                p { "The cluster does not say in which namespaces you may read something." }
                p { "If you have some, name them. If not, ask whoever runs the cluster for rights." }
                form.named action=(target) method="get" {
                    @for (name, value) in question.pairs() { input type="hidden" name=(name) value=(value); }
                    input type="text" name="ns" required placeholder="team-a,team-b" aria-label="Your namespaces, separated by commas" autocomplete="off";
                    button.button { "Show" }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use pilothouse_app::ConnectionState;

    use super::*;

    fn cluster(namespaces: &[&str], completeness: Completeness) -> ClusterFrame {
        ClusterFrame {
            name: "prod".into(),
            state: ConnectionState::Connecting,
            instruments: Vec::new(),
            navigation: None,
            problems: Vec::new(),
            namespaces: namespaces.iter().map(|name| (*name).to_owned()).collect(),
            namespaces_completeness: completeness,
        }
    }

    #[test]
    fn someone_who_may_list_no_namespaces_is_asked_for_them() {
        let forbidden = || Completeness::Forbidden("no".into());
        let asked = |cluster: &ClusterFrame, question: &Question| {
            nowhere(cluster, question, &urls::workloads("prod")).into_string().contains("name=\"ns\"")
        };
        let nowhere = Question::default();
        assert!(asked(&cluster(&[], forbidden()), &nowhere));
        assert!(!asked(&cluster(&["team-a"], forbidden()), &nowhere), "something is known");
        assert!(!asked(&cluster(&[], Completeness::Loading), &nowhere), "something may become known");
        assert!(
            !asked(&cluster(&[], forbidden()), &Question { namespaces: vec!["a".into()], ..nowhere }),
            "it was named"
        );
    }

    fn picker(namespaces: &[&str], completeness: Completeness) -> String {
        let frame = Frame {
            now: Timestamp::UNIX_EPOCH,
            theme: None,
            path: "/c/prod".into(),
            signed_in: None,
            clusters: Vec::new(),
            cluster: None,
            everywhere: Vec::new(),
            question: Question::default(),
        };
        let cluster = cluster(namespaces, completeness);
        frame.namespace_picker(&cluster, &urls::workloads("prod")).into_string()
    }

    #[test]
    fn namespaces_unknown_forbidden_and_none_look_different() {
        let all = picker(&["team-a"], Completeness::Complete);
        assert!(
            all.contains("team-a") && !all.contains("Not all namespaces") && !all.contains("team-a,team-b"),
            "{all}"
        );
        let loading = picker(&[], Completeness::Loading);
        assert!(loading.contains("show here: still loading") && loading.contains("team-a,team-b"), "{loading}");
        let forbidden = picker(&[], Completeness::Forbidden("may not list".into()));
        assert!(
            forbidden.contains("show here: not allowed: May not list.") && forbidden.contains("team-a,team-b"),
            "{forbidden}"
        );
        let some = picker(&["team-a"], Completeness::Forbidden("may not list".into()));
        assert!(some.contains("value=\"team-a\"") && some.contains("team-a,team-b"), "others can be named: {some}");
        let stale = picker(&["team-a"], Completeness::Stale("cut".into()));
        assert!(stale.contains("team-a") && stale.contains("no news at the moment"), "{stale}");
    }
}
