//! The view of a pod's page from which commands are run in it.

use maud::{Markup, html};
use pilothouse_app::{Cluster, Containers, ObjectView, Target};
use pilothouse_model::Level;

use crate::assets;
use crate::components::freshness::notice;
use crate::components::scene::Scene;
use crate::urls;

/// The view, or why there is none.
pub(crate) fn view(cluster: &Cluster, object: &ObjectView, scene: &Scene<'_>) -> Markup {
    let target = Target::new(&object.resource, object.row.namespace.as_deref(), &object.row.name);
    let containers = Containers::of(&object.object);
    let running = containers.running();
    let offered = cluster.offers_known(&target, &object.object).iter().any(|offer| offer.id == "terminal");
    match target.namespace.as_deref() {
        Some(namespace) if offered && !object.gone => panel((namespace, &target.name), &running, scene),
        _ if !object.resource.has("exec") => notice(Level::Idle, "This cluster runs no commands in containers.", ""),
        _ if object.gone || running.is_empty() => {
            notice(Level::Idle, "Nothing runs here in which a terminal could be opened.", "")
        }
        _ => notice(
            Level::Warning,
            "You may not open a terminal here.",
            "It takes the verbs create and get of pods/exec; ask whoever runs the cluster.",
        ),
    }
}

fn panel((namespace, pod): (&str, &str), running: &[&str], scene: &Scene<'_>) -> Markup {
    let address = urls::terminal(scene.cluster, namespace, pod);
    let id = format!("terminal-{namespace}-{pod}");
    let list = format!("commands-{namespace}-{pod}");
    html! {
        link rel="stylesheet" href=(assets::TERMINAL_STYLE);
        // What somebody does here is not to be lost when the page around it is fetched again. Each pod's is another one.
        section.card.terminal id=(id) hx-morph-skip aria-label="Terminal" data-terminal=(address) data-script=(assets::TERMINAL_SCRIPT) {
            header {
                form.log-choice data-terminal-choice hx-boost="false" {
                    label.input {
                        span { "Container" }
                        select name="container" { @for name in running { option value=(name) { (name) } } }
                    }
                    label.input {
                        span { "Command" }
                        input type="text" name="command" list=(list) placeholder="bash, else sh" autocomplete="off" spellcheck="false" autocapitalize="off";
                    }
                    datalist id=(list) { @for command in ["bash", "sh", "python3", "top"] { option value=(command) {} } }
                    label.check { input type="checkbox" name="reader"; "For screen readers" }
                    button.button.primary type="submit" data-terminal-connect { "Connect" }
                    button.button type="button" data-terminal-end hidden { "Disconnect" }
                }
            }
            p.faint.log-state role="status" data-terminal-state {
                span.needs-script { "Not connected. What is run here is recorded." }
                noscript { "A terminal needs script. In a shell: " code { "pilothouse exec -it -n " (namespace) " " (pod) " -- sh" } }
            }
            div.terminal-box data-terminal-box {}
            p.faint.terminal-keys { kbd { "Shift" } " " kbd { "F6" } " leaves the terminal." }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::Resource;

    use super::*;
    use crate::samples;

    #[test]
    fn what_a_cluster_names_stays_text_and_addresses_stay_addresses() {
        let html =
            samples::with_scene(|scene| panel(("a&b", "web\"><script>"), &["<main>", "side"], scene)).into_string();
        assert!(!html.contains("<script>") && html.contains("<option value=\"&lt;main&gt;\">&lt;main&gt;"), "{html}");
        assert!(html.contains("/terminal/a%26b/web%22%3E%3Cscript%3E\""), "{html}");
    }

    #[tokio::test]
    async fn a_cluster_that_runs_no_commands_is_told_from_rights_that_are_missing() {
        let (engine, _folder) = crate::tests::engine();
        let cluster = engine.cluster("prod").unwrap();
        let mut object = samples::object_view();
        let shown = |object: &ObjectView| samples::with_scene(|scene| view(&cluster, object, scene)).into_string();
        let html = shown(&object);
        assert!(html.contains("This cluster runs no commands") && !html.contains("<button"), "{html}");
        let served = Resource { subresources: vec!["exec".into()], ..Resource::clone(&object.resource) };
        object.resource = Arc::new(served);
        assert!(!shown(&object).contains("This cluster runs no commands"));
        engine.shutdown();
    }
}
