//! Messages of a window: only the rows that differ, as the page shows them.

use std::collections::BTreeSet;

use futures::StreamExt;
use futures::stream;
use pilothouse_app::{Cluster, Delta, Engine, LiveWindow, RowId, Update};
use serde::Serialize;

use super::target::AskedWindow;
use super::{Message, Messages, Sent, said};
use crate::components::listing::{Listed, Summary, parts};
use crate::components::rows::{self, Shape};
use crate::components::scene::Scene;
use crate::pages::object::lost;
use crate::urls;
use crate::visit::scene;

/// Changed rows of a table.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Rows {
    /// Whether `put` is the whole page, in order.
    pub(super) whole: bool,
    /// Rows that are no longer on the page.
    pub(super) left: Vec<String>,
    /// Rows that entered or moved, by ascending index on the new page.
    pub(super) put: Vec<Placed>,
    /// Rows that look different now.
    pub(super) changed: Vec<Placed>,
}

/// One row and where it stands.
#[derive(Debug, Serialize)]
pub(super) struct Placed {
    pub(super) id: String,
    pub(super) index: usize,
    /// The row as HTML; absent when it only moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) html: Option<String>,
}

impl Placed {
    /// A row with its looks.
    pub(super) fn shown(index: usize, id: String, html: String) -> Self {
        Self { id, index, html: Some(html) }
    }

    /// A row that looks as before, elsewhere.
    pub(super) fn moved(index: usize, id: String) -> Self {
        Self { id, index, html: None }
    }
}

/// What differs between two pages.
pub(super) struct Changes {
    pub(super) entered: Vec<Placed>,
    pub(super) moved: Vec<Placed>,
    pub(super) left: Vec<String>,
    pub(super) changed: Vec<Placed>,
}

impl Rows {
    /// The HTML of each row.
    pub(super) fn each_html(&mut self) -> impl Iterator<Item = &mut String> {
        self.put.iter_mut().chain(&mut self.changed).filter_map(|placed| placed.html.as_mut())
    }

    /// A change set as the page applies it; keeps `page`, the ids that are there.
    pub(super) fn new(changes: Changes, page: &mut Option<BTreeSet<String>>) -> Self {
        let Changes { entered: mut put, moved, left, changed } = changes;
        // The engine begins anew when it turns to another table; what it then calls entered is the whole page.
        let whole = page.as_ref().is_none_or(|page| put.iter().any(|placed| page.contains(&placed.id)));
        put.extend(moved);
        put.sort_by_key(|placed| placed.index);
        let page = page.get_or_insert_default();
        if whole {
            page.clear();
        }
        for id in &left {
            page.remove(id);
        }
        page.extend(put.iter().map(|placed| placed.id.clone()));
        Self { whole, left, put, changed }
    }
}

struct Follower {
    engine: Engine,
    cluster: Cluster,
    asked: AskedWindow,
    live: LiveWindow,
    /// The rows on the page, by id; `None` before the first update.
    page: Option<BTreeSet<String>>,
    sent: Sent,
}

/// The messages of one window.
pub(super) fn messages(engine: Engine, cluster: Cluster, asked: AskedWindow) -> Messages {
    let live = match cluster.window(asked.source.clone(), asked.question.ask()) {
        Ok(live) => live,
        Err(error) => return stream::once(async move { said("notes", &lost(&error)) }).boxed(),
    };
    let follower = Follower { engine, cluster, asked, live, page: None, sent: Sent::default() };
    stream::unfold(Some(follower), |follower| async move {
        let mut follower = follower?;
        match follower.live.next().await {
            Some(update) => Some((follower.message(&update), Some(follower))),
            // Whoever may ask no more is told so by the page itself.
            None => follower.live.refused().map(|_| (Message { reload: true, ..Message::default() }, None)),
        }
    })
    .boxed()
}

impl Follower {
    fn message(&mut self, update: &Update) -> Message {
        let Self { engine, cluster, asked, page, sent, .. } = self;
        let (source, question) = (&asked.source, &asked.question);
        let here = (!asked.inside).then(|| match source {
            pilothouse_app::Source::Workloads => urls::workloads(cluster.id().as_str()),
            pilothouse_app::Source::Resource(resource) => urls::list(cluster.id().as_str(), resource),
        });
        let listed = Listed { source, question, here, label: "", empty: &asked.empty };
        let shape = Shape::new(&update.columns, listed.namespaced(), question).inside(asked.inside);
        if shape.print() != asked.columns {
            return Message { reload: true, ..Message::default() };
        }
        scene(engine, cluster, question.scope(), |scene| {
            let rows = update.delta.as_ref().map(|delta| changes(delta, page, &shape, scene));
            Message { parts: sent.fresh(parts(&listed, &summary(update), scene)), rows, ..Message::default() }
        })
    }
}

fn summary(update: &Update) -> Summary {
    Summary {
        total: update.total,
        unfiltered: update.unfiltered,
        as_of: update.as_of,
        completeness: update.completeness.clone(),
        notes: update.notes.clone(),
    }
}

fn changes(delta: &Delta, page: &mut Option<BTreeSet<String>>, shape: &Shape, scene: &Scene<'_>) -> Rows {
    let placed = |index: usize, record: &pilothouse_app::Record| {
        Placed::shown(index, rows::key(&RowId::of(&record.row)), rows::row(&record.row, shape, scene).0)
    };
    Rows::new(
        Changes {
            entered: delta.entered.iter().map(|(index, record)| placed(*index, record)).collect(),
            moved: delta.moved.iter().map(|(index, id)| Placed::moved(*index, rows::key(id))).collect(),
            left: delta.left.iter().map(rows::key).collect(),
            changed: delta.changed.iter().map(|(index, record, _)| placed(*index, record)).collect(),
        },
        page,
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_app::Record;
    use pilothouse_model::Cell;

    use super::*;
    use crate::question::Question;
    use crate::samples;

    #[test]
    fn a_change_carries_only_the_rows_that_differ() {
        let listing = samples::listing();
        let shape = Shape::new(&listing.columns, true, &Question::default());
        let mut page = None;
        let first = Delta {
            total: 2,
            entered: vec![(0, listing.rows[0].clone()), (1, listing.rows[1].clone())],
            ..Delta::default()
        };
        let id = RowId::of(&listing.rows[0].row);
        let second = Delta {
            total: 2,
            left: vec![RowId::of(&listing.rows[1].row)],
            entered: vec![(0, listing.rows[2].clone())],
            moved: vec![(1, id)],
            changed: vec![(1, listing.rows[0].clone(), vec![1])],
        };
        samples::with_scene(|scene| {
            let rows = changes(&first, &mut page, &shape, scene);
            assert!(rows.whole && rows.left.is_empty() && rows.put.len() == 2);
            let rows = changes(&second, &mut page, &shape, scene);
            assert!(!rows.whole);
            let shown: Vec<_> = rows.put.iter().map(|placed| (placed.index, placed.html.is_some())).collect();
            assert_eq!(shown, [(0, true), (1, false)]);
            assert_eq!(rows.left, ["Pod./team-b/train-1"]);
            assert_eq!(rows.changed[0].id, "Pod./team-a/web-0");
            let again = changes(&first, &mut page, &shape, scene);
            assert!(again.whole, "rows that are there already enter again: the whole page is meant");
        });
    }

    /// Fifty changed rows a second are forty kilobytes of HTML, and twenty is all that a window may take.
    #[test]
    fn a_changed_row_is_few_bytes_on_the_wire() {
        let listing = samples::listing();
        let shape = Shape::new(&listing.columns, true, &Question::default());
        let record = |number: i64, restarts: i64| {
            let mut row = listing.rows[usize::try_from(number % 3).unwrap()].row.clone();
            row.name = format!("vision-train-{:x}-worker-{number}", number * 0x9e37_79b9).as_str().into();
            row.cells[2] = Cell::Integer(restarts);
            Arc::new(Record { row, body: listing.rows[0].body.clone() })
        };
        let told = |delta: &Delta, page: &mut Option<BTreeSet<String>>| {
            let rows = samples::with_scene(|scene| changes(delta, page, &shape, scene));
            let message = Message { rows: Some(rows), ..Message::default() };
            format!("event: update\ndata: {}\n\n", serde_json::to_string(&message).unwrap())
        };
        let mut page = None;
        let entered = (0..100).map(|number| (number as usize, record(number, 0))).collect();
        let mut texts = vec![told(&Delta { total: 100, entered, ..Delta::default() }, &mut page)];
        for round in 0..200_i64 {
            let changed = (0..5).map(|index| (round * 37 + index * 23) % 100);
            let changed = changed.map(|number| (number as usize, record(number, 1_000_000 + round * 7919), vec![2]));
            texts.push(told(&Delta { total: 100, changed: changed.collect(), ..Delta::default() }, &mut page));
        }
        let sizes = crate::compress::tests::sizes(&texts);
        let plain = texts[1..].iter().map(String::len).sum::<usize>() / 1_000;
        let packed = sizes[1..].iter().sum::<usize>() / 1_000;
        assert!(plain > 400 && packed < 100, "a row of {plain} bytes takes {packed}");
    }
}
