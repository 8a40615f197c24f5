//! The reader's side of a table: one committed state.

use std::cmp::Ordering;
use std::sync::Arc;

use pilothouse_model::{Column, Completeness, LabelSelector, Plan, Requirement, Row, Timestamp};

use crate::change::ChangeSet;
use crate::record::{Record, RowId, natural_order};
use crate::run::{Answer, Selection};
use crate::state::State;

/// One committed state of a table: immutable, cheap to clone, readable from any thread.
#[derive(Clone, Debug)]
pub struct Snapshot {
    state: Arc<State>,
}

impl Snapshot {
    pub(crate) fn of(state: State) -> Self {
        Self { state: Arc::new(state) }
    }

    /// Counts the commits of the table.
    pub fn version(&self) -> u64 {
        self.state.version
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.state.len()
    }

    /// Whether there are none. Look at [`Snapshot::completeness`] before you say that there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the cells of the rows are.
    pub fn columns(&self) -> &Arc<[Column]> {
        &self.state.columns
    }

    /// How much of the resource is known.
    pub fn completeness(&self) -> &Completeness {
        &self.state.completeness
    }

    /// Whether both are states of the same table.
    pub fn is_of_the_same_table(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state.table, &other.state.table)
    }

    /// The row of this name; in a table of several kinds the first of them (see [`Snapshot::row`]).
    pub fn get(&self, namespace: Option<&str>, name: &str) -> Option<&Arc<Record>> {
        self.state
            .from(|row| (row.namespace.as_deref(), &*row.name) < (namespace, name))
            .next()
            .filter(|record| record.row.namespace.as_deref() == namespace && *record.row.name == *name)
    }

    /// The row of this identity.
    pub fn row(&self, id: &RowId) -> Option<&Arc<Record>> {
        self.state.get(id)
    }

    /// The rows of the objects that name this unique id as an owner, in natural order.
    pub fn dependents(&self, uid: &str) -> Vec<&Arc<Record>> {
        naturally(self.state.dependents(uid).collect())
    }

    /// The rows of one namespace, in natural order.
    pub fn in_namespace<'a, 'n>(&'a self, namespace: &'n str) -> impl Iterator<Item = &'a Arc<Record>> + use<'a, 'n> {
        self.state
            .from(move |row| row.namespace.as_deref() < Some(namespace))
            .take_while(move |record| record.row.namespace.as_deref() == Some(namespace))
    }

    /// The rows that carry a label with this value, in one namespace or in all, in natural order.
    pub fn labelled(&self, namespace: Option<&str>, key: &str, value: &str) -> Vec<&Arc<Record>> {
        naturally(
            self.state
                .labelled(key, value)
                .filter(|record| namespace.is_none() || record.row.namespace.as_deref() == namespace)
                .collect(),
        )
    }

    /// The rows that a label selector selects, in one namespace or in all, in natural order.
    pub fn selected(&self, namespace: Option<&str>, selector: &LabelSelector) -> Vec<&Arc<Record>> {
        let fits = |row: &Row| selector.matches(|key| row.label(key));
        let indexed = selector.requirements.iter().find_map(|requirement| match requirement {
            Requirement::In(key, values) if values.len() == 1 => values.first().map(|value| (key, value)),
            _ => None,
        });
        match (indexed, namespace) {
            (Some((key, value)), _) => {
                let mut found = self.labelled(namespace, key, value);
                found.retain(|record| fits(&record.row));
                found
            }
            (None, Some(namespace)) => self.in_namespace(namespace).filter(|record| fits(&record.row)).collect(),
            (None, None) => self.iter().filter(|record| fits(&record.row)).collect(),
        }
    }

    /// Every row, in natural order: namespace, name, kind, group.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Record>> {
        self.state.iter()
    }

    /// The rows that a plan matches at `now`, for more than one question about them.
    pub fn select<'a>(&'a self, plan: &'a Plan, now: Timestamp) -> Selection<'a> {
        Selection::new(&self.state, plan, now)
    }

    /// Answers a question: the exact number of rows that match, and one page of them.
    pub fn run(&self, plan: &Plan, offset: usize, limit: usize, now: Timestamp) -> Answer {
        let selection = self.select(plan, now);
        Answer { total: selection.total(), rows: selection.page(offset, limit) }
    }

    /// What changed since an older version of this table; `None` when that is too long ago.
    pub fn changes_since(&self, version: u64) -> Option<Vec<Arc<ChangeSet>>> {
        self.state.history.since(version, self.state.version)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }
}

fn naturally(mut records: Vec<&Arc<Record>>) -> Vec<&Arc<Record>> {
    records.sort_unstable_by(|left, right| -> Ordering { natural_order(&left.row, &right.row) });
    records
}
