//! One shape for everything that runs.

use std::sync::Arc;

use jiff::Timestamp;

use crate::id::{ObjectRef, Resource, Str};
use crate::object::Object;
use crate::quantity::Amount;
use crate::row::{Cell, Column, ColumnKind, Projection, Row};
use crate::status::{Level, State, Status};

/// What a workload asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// Cores.
    pub cpu: Amount,
    /// Bytes.
    pub memory: Amount,
    /// GPUs of any vendor.
    pub gpus: Amount,
}

/// Something that runs, whatever project it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Workload {
    /// The state.
    pub state: State,
    /// How serious it is when that differs from what the state says by itself: a notebook that runs while its pod
    /// crashes again and again is `Running` at [`Level::Warning`].
    pub level: Level,
    /// Machine-readable reason, or empty.
    pub reason: String,
    /// Whether a reason may stand where nobody could look: an empty one is then unknown, and not none.
    pub unseen: bool,
    /// Message for people, or empty.
    pub message: String,
    /// The workload it belongs to.
    pub owner: Option<ObjectRef>,
    /// When it began to run.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// Done and total, in the project's own unit (pods, trials, steps, percent).
    pub progress: Option<(i64, i64)>,
    /// What it asked for.
    pub requested: Resources,
    /// Queue it waits in or came through.
    pub queue: Option<String>,
    /// How often it was tried; `None` when the project does not say.
    pub attempts: Option<i64>,
}

impl Workload {
    /// A workload in this state, with nothing else known.
    pub fn new(state: State) -> Self {
        Self {
            state,
            level: state.level(),
            reason: String::new(),
            unseen: false,
            message: String::new(),
            owner: None,
            started: None,
            finished: None,
            progress: None,
            requested: Resources::default(),
            queue: None,
            attempts: None,
        }
    }

    /// How it stands, as a status.
    pub fn status(&self) -> Status {
        Status {
            level: self.level,
            word: self.state.as_str().into(),
            reason: self.reason.as_str().into(),
            message: self.message.as_str().into(),
        }
    }

    /// The columns of a table of workloads, in the order of [`Workload::into_row`]'s cells.
    pub fn columns() -> Vec<Column> {
        vec![
            Column::new("Kind", ColumnKind::Text),
            Column::new("State", ColumnKind::Status),
            Column::new("Reason", ColumnKind::Text),
            Column::new("Progress", ColumnKind::Fraction),
            Column::new("GPU", ColumnKind::Integer),
            Column::new("CPU", ColumnKind::Cpu).wide(),
            Column::new("Memory", ColumnKind::Bytes).wide(),
            Column::new("Queue", ColumnKind::Text).wide(),
            Column::new("Owner", ColumnKind::Text).wide(),
            Column::new("Attempts", ColumnKind::Integer).wide(),
            Column::new("Started", ColumnKind::Age).wide(),
            Column::new("Finished", ColumnKind::Age).wide(),
            Column::new("Age", ColumnKind::Age),
            Column::new("Message", ColumnKind::Text),
        ]
    }

    /// The row of this workload, whose object is `object`.
    pub fn into_row(self, resource: Arc<Resource>, object: &Object, intern: &mut dyn FnMut(&str) -> Str) -> Row {
        let filled = |text: &str| if text.is_empty() { Cell::Missing } else { Cell::text(text) };
        let status = self.status();
        let cells = vec![
            Cell::text(&resource.kind),
            Cell::text(self.state.as_str()),
            if self.unseen && self.reason.is_empty() { Cell::Unknown } else { filled(&self.reason) },
            self.progress.map_or(Cell::Missing, |(done, total)| Cell::fraction(done, total)),
            self.requested.gpus.into(),
            self.requested.cpu.into(),
            self.requested.memory.into(),
            Cell::optional(self.queue.as_deref()),
            self.owner.as_ref().map_or(Cell::Missing, |owner| Cell::text(&owner.to_string())),
            self.attempts.map_or(Cell::Missing, Cell::Integer),
            Cell::moment(self.started),
            Cell::moment(self.finished),
            Cell::moment(object.created()),
            filled(&self.message),
        ];
        Row::assemble(resource, object, Projection { status, cells }, intern)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_reason_that_nobody_could_see_is_unknown_and_not_none() {
        let resource = Arc::new(Resource::new("apps", "v1", "deployments", "Deployment"));
        let object = Object::new(json!({"metadata": {"name": "web"}})).unwrap();
        let reason = |reason: &str, unseen: bool| {
            let workload = Workload { reason: reason.to_owned(), unseen, ..Workload::new(State::Pending) };
            let row = workload.into_row(Arc::clone(&resource), &object, &mut |text| text.into());
            let column = Workload::columns().iter().position(|column| &*column.id == "reason").unwrap();
            row.cells[column].clone()
        };
        assert_eq!(reason("", true), Cell::Unknown);
        assert_eq!(reason("", false), Cell::Missing);
        assert_eq!(reason("QuotaExceeded", true), Cell::text("QuotaExceeded"));
    }
}
