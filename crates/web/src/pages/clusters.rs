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
                    a href=(urls::cluster(cluster.id.as_str())) {
                        strong { (cluster.id.as_str()) }
                        span.server { (cluster.server.as_deref().unwrap_or("not opened yet")) }
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
    fn every_cluster_is_a_link_and_tells_how_it_is() {
        let clusters = samples::clusters();
        let html = view(&clusters).into_string();
        assert_eq!(html, view(&clusters).into_string());
        assert_eq!(html.matches("<li>").count(), clusters.len());
        assert!(html.contains("href=\"/c/prod\"") && html.contains("v1.33.2"), "{html}");
        assert!(html.contains("Unreachable") && html.contains("not opened yet"), "{html}");
    }
}
