//! Suggestion (Katib): the service that proposes parameters to an experiment of the same name.

use pilothouse_model::*;

use super::cells;
use super::family::Family;
use super::standing::first_true;
use super::why;

pub(super) struct Suggestion;

fn status(object: &Object) -> Status {
    let order = [
        ("Failed", State::Failed),
        ("Succeeded", State::Succeeded),
        ("Running", State::Running),
        ("DeploymentReady", State::Starting),
        ("Created", State::Pending),
    ];
    match first_true(object, &order) {
        Some(standing) => standing.status(),
        None if object.items("/status/conditions").is_empty() => State::Pending.into(),
        None => State::Unknown.into(),
    }
}

impl Family for Suggestion {
    fn columns(&self) -> Vec<Column> {
        vec![
            Column::new("State", ColumnKind::Status),
            Column::new("Algorithm", ColumnKind::Text),
            Column::new("Requested", ColumnKind::Integer),
            Column::new("Assigned", ColumnKind::Integer),
            Column::new("Age", ColumnKind::Age),
        ]
    }

    fn project(&self, object: &Object) -> Projection {
        let status = status(object);
        let cells = vec![
            Cell::text(&status.word),
            cells::text(object.text("/spec/algorithm/algorithmName")),
            cells::count(object.integer("/spec/requests")),
            cells::count(object.integer("/status/suggestionCount")),
            cells::moment(object.created()),
        ];
        Projection { status, cells }
    }

    fn explain(&self, object: &Object, objects: &dyn Objects) -> Vec<Cause> {
        let failed = object.condition("Failed").filter(Condition::is_true);
        let own =
            failed.map(|failed| why::condition("suggestion-failed", object, &failed, "The service failed".to_owned()));
        crate::causes::rank(crate::causes::of_events(object, objects).into_iter().chain(own).collect())
    }
}
