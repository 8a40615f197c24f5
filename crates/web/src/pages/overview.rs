//! `/c/{cluster}`: what needs attention now, among everything that runs, whichever instrument understands it.

use axum::response::Response;
use pilothouse_app::AppError;
use pilothouse_model::{Page, Section};

use super::place::content;
use crate::frame::Content;
use crate::urls;
use crate::visit::{PATIENCE, Visit};

/// `/c/{cluster}`
pub(crate) async fn show(visit: Visit) -> Response {
    visit.answer(overview(&visit).await)
}

async fn overview(visit: &Visit) -> Result<Content, AppError> {
    let cluster = visit.cluster()?;
    cluster.wait_catalog(PATIENCE).await?;
    content(visit, &cluster, &page(), urls::cluster(cluster.id().as_str())).await
}

/// The page over all workloads, and over the nodes that they run on.
fn page() -> Page {
    let window = |title: &str, query: &str, sort: &str, empty: &str| Section::Listing {
        title: title.to_owned(),
        resource: None,
        query: query.to_owned(),
        sort: sort.to_owned(),
        limit: 20,
        empty: empty.to_owned(),
    };
    let nodes = Section::Listing {
        title: NODES.to_owned(),
        resource: Some((String::new(), "nodes".to_owned())),
        query: "level:error,warning".to_owned(),
        sort: "level,name".to_owned(),
        limit: 20,
        empty: String::new(),
    };
    Page {
        title: "Overview".to_owned(),
        summary: "What needs someone, what runs and waits, and what ended lately: everything that runs in the cluster."
            .to_owned(),
        sections: vec![
            window(
                "Needs attention",
                "level:error,warning,unknown",
                "level,age",
                "Nothing has failed, nothing is in trouble.",
            ),
            nodes,
            window("Active", "is:active", "age", "Nothing runs or waits to run."),
            window("Finished lately", "state:succeeded,canceled", "finished,age", "Nothing has finished."),
        ],
    }
}

/// The title of the card that shows only while a node is in trouble.
pub(super) const NODES: &str = "Nodes in trouble";

#[cfg(test)]
mod tests {
    use pilothouse_model::Workload;

    use super::*;

    #[test]
    fn the_overview_asks_for_all_kinds_and_its_questions_can_be_read() {
        let page = page();
        assert_eq!(page.title, "Overview");
        assert_eq!(page.sections.len(), 4);
        for section in &page.sections {
            let Section::Listing { resource, query, sort, .. } = section else { panic!("{section:?}") };
            assert!(!query.contains("kind:"), "{query}");
            let ask = pilothouse_app::Ask { q: query.clone(), sort: sort.clone(), ..pilothouse_app::Ask::default() };
            let columns = if resource.is_none() { Workload::columns() } else { Vec::new() };
            assert!(ask.plan(&columns).is_ok(), "{query} {sort}");
        }
    }
}
