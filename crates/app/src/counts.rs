//! How the rows of a list divide: how many have each value of a field.

mod live;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use pilothouse_model::{Cell, Column, ColumnKind, Completeness, Field, Str};
use pilothouse_query::parse_fields;
use pilothouse_store::Selection;

use crate::ask::{Ask, Listing, Source};
use crate::clock;
use crate::cluster::{Chosen, Cluster};
use crate::error::AppError;
use crate::feed::Reading;

pub use live::LiveCounts;

/// Fields that divide rows in a way that tells people something, where a table has them, besides state and namespace.
const TELLING: [&str; 8] = ["kind", "node", "queue", "type", "storageclass", "class", "roles", "reason"];
/// The most fields that are counted for people.
const MOST: usize = 4;

/// How the rows of an answer divide.
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// The table's columns.
    pub columns: Arc<[Column]>,
    /// By field, in the order that was asked for.
    pub fields: Vec<FieldCounts>,
    /// How many rows the whole answer has: exact for what is known.
    pub total: usize,
    /// How many rows the table has before filtering.
    pub unfiltered: usize,
    /// When the data was last known to be current; `None` when nothing was ever read.
    pub as_of: Option<Timestamp>,
    /// How much is known.
    pub completeness: Completeness,
    /// What else the person should know.
    pub notes: Vec<String>,
}

/// How many rows have each value of a field.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldCounts {
    /// The field as it was named.
    pub name: String,
    /// Its values, the most frequent first. Rows without one are counted as [`Cell::Missing`] or [`Cell::Unknown`]. A row
    /// with several values, as of images, counts for each.
    pub values: Vec<(Cell, usize)>,
}

/// The fields by which people get a table counted, state and namespace first.
fn telling(columns: &[Column], source: &Source) -> Vec<String> {
    let state = columns.iter().find(|column| column.kind == ColumnKind::Status);
    let namespaced = match source {
        Source::Workloads => true,
        Source::Resource(resource) => resource.namespaced,
    };
    let texts = |name: &&str| columns.iter().any(|column| *column.id == **name && column.kind == ColumnKind::Text);
    let mut names = vec![state.map_or_else(|| "state".to_owned(), |column| column.id.to_string())];
    names.extend(namespaced.then(|| "namespace".to_owned()));
    names.extend(TELLING.into_iter().filter(texts).map(str::to_owned));
    names.truncate(MOST);
    names
}

impl Cluster {
    /// How the rows of a list divide by each of these fields, separated by commas: counted under the same question and of
    /// the same rows as [`Cluster::list`] answers with, at once and with what is known.
    pub fn counts(&self, source: &Source, ask: &Ask, fields: &str) -> Result<Counts, AppError> {
        self.choose(source, ask)?.counts(ask, fields)
    }

    /// A list and how its rows divide by what is telling of them, of one moment and looked for once: when the table is loaded
    /// (or cannot be), or when `patience` is over.
    pub async fn list_counted(
        &self,
        source: &Source,
        ask: &Ask,
        patience: Duration,
    ) -> Result<(Listing, Counts), AppError> {
        let chosen = self.choose_settled(source, ask, patience).await?;
        let plan = chosen.plan(ask)?;
        let moment = chosen.moment();
        let selection = moment.0.select(&plan, clock::now());
        let listing = chosen.listing(ask, (&plan, &selection), &moment)?;
        let fields = telling(&listing.columns, source).join(",");
        let counts = chosen.counted(ask, &fields, &selection, &moment)?;
        Ok((listing, counts))
    }

    /// The same when the table is loaded (or cannot be), or when `patience` is over.
    pub async fn counts_settled(
        &self,
        source: &Source,
        ask: &Ask,
        fields: &str,
        patience: Duration,
    ) -> Result<Counts, AppError> {
        self.choose_settled(source, ask, patience).await?.counts(ask, fields)
    }
}

impl Chosen {
    /// How the rows that may be seen divide.
    pub(crate) fn counts(&self, ask: &Ask, fields: &str) -> Result<Counts, AppError> {
        let plan = self.plan(ask)?;
        let moment = self.moment();
        self.counted(ask, fields, &moment.0.select(&plan, clock::now()), &moment)
    }

    fn counted(
        &self,
        ask: &Ask,
        fields: &str,
        selection: &Selection<'_>,
        (snapshot, freshness): &Reading,
    ) -> Result<Counts, AppError> {
        let read = parse_fields(fields, self.table.columns()).map_err(|error| AppError::question(fields, &error))?;
        Ok(Counts {
            columns: Arc::clone(self.table.columns()),
            total: selection.total(),
            fields: read
                .into_iter()
                .map(|(name, field)| FieldCounts { name, values: count(selection, &field) })
                .collect(),
            unfiltered: self.unfiltered(snapshot),
            as_of: freshness.as_of(),
            completeness: self.completeness(snapshot, ask),
            notes: self.notes(freshness, ask),
        })
    }
}

fn count(selection: &Selection<'_>, field: &Field) -> Vec<(Cell, usize)> {
    if *field == Field::Image { images(selection) } else { selection.count_by(field) }
}

/// An object may have several images: it counts once for each.
fn images(selection: &Selection<'_>) -> Vec<(Cell, usize)> {
    let mut counts: HashMap<Option<Str>, usize> = HashMap::new();
    for record in selection.page(0, usize::MAX) {
        let images = &record.row.images;
        if images.is_empty() {
            *counts.entry(None).or_default() += 1;
        }
        let first = |(at, image): &(usize, &Str)| !images[..*at].contains(*image);
        for (_, image) in images.iter().enumerate().filter(first) {
            *counts.entry(Some(Str::clone(image))).or_default() += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
    counts.into_iter().map(|(image, count)| (image.map_or(Cell::Missing, Cell::Text), count)).collect()
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Object, Plan, Projection, Resource, Row, Status, Workload};
    use pilothouse_store::{Body, Record, Table};
    use serde_json::json;

    use super::*;

    fn record(name: &str, images: &[&str]) -> Record {
        let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let object = Object::new(json!({"metadata": {"namespace": "a", "name": name}})).unwrap();
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        let row = Row::assemble(resource, &object, projection, &mut |text| text.into());
        let images = images.iter().map(|image| Str::from(*image)).collect();
        Record { row: Row { images, ..row }, body: Body::none() }
    }

    #[test]
    fn an_object_counts_once_for_each_of_its_images() {
        let mut table = Table::new(Vec::new().into());
        for (name, images) in [("x", &["a", "b", "a"][..]), ("y", &["b"]), ("z", &[])] {
            table.upsert(record(name, images));
        }
        table.commit();
        let (snapshot, everything) = (table.snapshot(), Plan::everything());
        let selection = snapshot.select(&everything, Timestamp::UNIX_EPOCH);
        assert_eq!(selection.total(), 3);
        assert_eq!(count(&selection, &Field::Namespace), [(Cell::text("a"), 3)]);
        let images = [(Cell::text("b"), 2), (Cell::Missing, 1), (Cell::text("a"), 1)];
        assert_eq!(count(&selection, &Field::Image), images);
    }

    #[test]
    fn state_and_namespace_come_first_where_there_are_any() {
        assert_eq!(telling(&Workload::columns(), &Source::Workloads), ["state", "namespace", "kind", "queue"]);
        let nodes = Resource { namespaced: false, ..Resource::new("", "v1", "nodes", "Node") };
        let columns = [Column::new("Status", ColumnKind::Status), Column::new("Roles", ColumnKind::Text)];
        assert_eq!(telling(&columns, &Source::Resource(Arc::new(nodes))), ["status", "roles"]);
    }
}
