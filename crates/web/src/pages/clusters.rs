//! `/clusters`: every context of the kubeconfig; `/` leads to the current one.

use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use pilothouse_app::ClusterView;

use crate::frame::{Content, connection};
use crate::urls;
use crate::visit::Visit;

/// `/`
pub(crate) async fn home(visit: Visit) -> Response {
    Redirect::to(urls::cluster(visit.engine.current().as_str()).as_str()).into_response()
}

/// `/clusters`
pub(crate) async fn show(visit: Visit) -> Response {
    let body = view(&visit.engine.clusters());
    visit.answer(Ok(Content { title: "Clusters".to_owned(), body, scoped: None, waits: false }))
}

fn view(clusters: &[ClusterView]) -> Markup {
    html! {
        div.head {
            div {
                h1 { "Clusters" }
                p.summary { "The contexts of the kubeconfig. A cluster is connected when you open it." }
            }
        }
        ul.clusters {
            @for cluster in clusters {
                li {
                    // Browsers take a dot segment out of every address: no page of such a cluster can be asked for.
                    @let open = !matches!(cluster.id.as_str(), "." | "..");
                    a href=[open.then(|| urls::cluster(cluster.id.as_str()))] {
                        strong { (cluster.id.as_str()) }
                        span.server {
                            @if open { (cluster.server.as_deref().unwrap_or("not opened yet")) }
                            @else { "cannot be opened: no address can hold this name, rename the context" }
                        }
                        (connection(&cluster.connection))
                        @if cluster.current { " " span.chip { "current context" } }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn a_name_that_no_address_can_hold_is_no_link() {
        let mut clusters = samples::clusters();
        clusters.truncate(1);
        clusters[0].id = pilothouse_model::ClusterId::new("..");
        let html = view(&clusters).into_string();
        assert!(!html.contains("<a href") && html.contains("rename the context"), "{html}");
    }

    #[test]
    fn every_cluster_is_a_link_and_tells_how_it_is() {
        let clusters = samples::clusters();
        let html = view(&clusters).into_string();
        assert_eq!(html, view(&clusters).into_string());
        assert_eq!(html.matches("<li>").count(), clusters.len());
        assert!(html.contains("href=\"/c/prod\"") && html.contains("v1.33.2"), "{html}");
        assert!(html.contains("Unreachable") && html.contains("not opened yet"), "{html}");
    }
}
