//! What can be written next in a question: fields of its list, and values of rows that the one who asks may see.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::{Cell, Column, Comparison, Field, Filter, Operand, Plan, Row};
use pilothouse_query::{Completion, Values, Wanted};
use pilothouse_store::Snapshot;

use crate::ask::{Ask, Source};
use crate::cluster::Cluster;
use crate::error::AppError;
use crate::many::{Among, Many, ManySource, joined_columns};

/// Values of one field that are looked at, the most frequent ones.
const MOST: usize = 500;
/// Names that are offered: there are as many as rows.
const MOST_NAMES: usize = 50;

impl Cluster {
    /// What can be written at `cursor`, in bytes, of the query text. Values are those of rows that the same list would show
    /// without its query text, as far as they are known now.
    pub fn complete(&self, source: &Source, ask: &Ask, cursor: usize) -> Result<Completion, AppError> {
        self.offer(source, ask, |columns, values| pilothouse_query::complete(&ask.q, cursor, columns, values))
    }

    /// The same of the sort text.
    pub fn complete_sort(&self, source: &Source, ask: &Ask, cursor: usize) -> Result<Completion, AppError> {
        self.offer(source, ask, |columns, values| pilothouse_query::complete_sort(&ask.sort, cursor, columns, values))
    }

    fn offer(
        &self,
        source: &Source,
        ask: &Ask,
        complete: impl Fn(&[Column], &Values<'_>) -> Completion,
    ) -> Result<Completion, AppError> {
        // What is being written need not be readable yet; where it is, it may say which table is meant.
        let unasked = Ask { q: String::new(), sort: String::new(), ..ask.clone() };
        let chosen = self.choose(source, ask).or_else(|_| self.choose(source, &unasked))?;
        // The plan carries what may be seen, as that of the list does.
        let plan = chosen.plan(&unasked)?;
        let snapshot = Arc::clone(&chosen.moment().0);
        let rows = Rows { snapshot: &snapshot, plan: &plan, now: crate::clock::now() };
        Ok(complete(chosen.table.columns(), &|wanted, like| rows.values(wanted, like)))
    }
}

impl Many {
    /// What can be written at `cursor`, in bytes, of the query text of a list over several clusters: fields of all of them,
    /// and values of the rows that are known now, counted together.
    pub fn complete(&self, source: &ManySource, ask: &Ask, cursor: usize) -> Result<Completion, AppError> {
        let unasked = Ask { q: String::new(), sort: String::new(), ..ask.clone() };
        let mut shares = Vec::new();
        for (cluster, source) in self.sources(source) {
            // A cluster that cannot answer keeps no other back.
            let Ok(chosen) = cluster.choose(&source, &unasked) else { continue };
            let plan = chosen.plan(&unasked)?;
            shares.push((cluster, Arc::clone(&chosen.moment().0), plan));
        }
        let fixed = source.columns();
        let columns = joined_columns(fixed.as_deref(), shares.iter().map(|(_, snapshot, _)| &**snapshot.columns()));
        let now = crate::clock::now();
        let values = |wanted: Wanted<'_>, like: &str| {
            let mut all = Vec::new();
            for (cluster, snapshot, plan) in &shares {
                let rows = Rows { snapshot, plan, now };
                let among = Among::new(cluster.id().as_str(), Arc::clone(&columns));
                match wanted {
                    Wanted::Values(Field::Column(0)) if holds(cluster.id().as_str(), &like.to_lowercase()) => {
                        all.push((cluster.id().to_string(), snapshot.run(plan, 0, 0, now).total));
                    }
                    Wanted::Values(Field::Column(0)) => {}
                    Wanted::Values(Field::Column(at)) => {
                        let own = among.places(snapshot.columns()).get(*at).copied().flatten();
                        let own = own.map(|own| rows.values(Wanted::Values(&Field::Column(own)), like));
                        all.extend(own.unwrap_or_default());
                    }
                    wanted => all.extend(rows.values(wanted, like)),
                }
            }
            together(all)
        };
        Ok(pilothouse_query::complete(&ask.q, cursor, &columns, &values))
    }
}

/// The counts of equal texts added up, the most frequent first.
fn together(all: Vec<(String, usize)>) -> Vec<(String, usize)> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (text, count) in all {
        *counts.entry(text).or_default() += count;
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort_unstable_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
    counts
}

/// The rows that may be told of.
struct Rows<'a> {
    snapshot: &'a Snapshot,
    plan: &'a Plan,
    now: Timestamp,
}

impl Rows<'_> {
    /// The values that hold a text, the most frequent first, and how many rows have each.
    fn values(&self, wanted: Wanted<'_>, like: &str) -> Vec<(String, usize)> {
        let like = like.to_lowercase();
        match wanted {
            Wanted::LabelKeys => self.count(&like, |row| row.labels.iter().map(|(key, _)| &**key)),
            Wanted::Values(Field::Image) => self.count(&like, |row| row.images.iter().map(|image| &**image)),
            Wanted::Values(Field::Name) => self.names(&like),
            Wanted::Values(field) => {
                let counts = self.snapshot.select(self.plan, self.now).count_by(field).into_iter();
                let texts = counts.filter_map(|(cell, count)| Some((text(&cell)?, count)));
                texts.filter(|(text, _)| holds(text, &like)).take(MOST).collect()
            }
        }
    }

    /// Names, one for each row: the first ones only.
    fn names(&self, like: &str) -> Vec<(String, usize)> {
        let mut plan = self.plan.clone();
        // What is no wildcard may stand between two.
        if !like.contains(['*', '?']) {
            let holds = Filter::Compare(Field::Name, Comparison::Equal, Operand::Text(format!("*{like}*").into()));
            plan.filter = Filter::And(vec![plan.filter, holds]);
        }
        let rows = self.snapshot.run(&plan, 0, MOST_NAMES, self.now).rows;
        let mut names: Vec<(String, usize)> = Vec::new();
        for record in &rows {
            match names.iter_mut().find(|(name, _)| **name == *record.row.name) {
                Some((_, count)) => *count += 1,
                None => names.push((record.row.name.to_string(), 1)),
            }
        }
        names
    }

    fn count<'a, T: Iterator<Item = &'a str>>(
        &'a self,
        like: &str,
        texts: impl Fn(&'a Row) -> T,
    ) -> Vec<(String, usize)> {
        let mut counts: HashMap<&str, usize> = HashMap::new();
        for record in self.snapshot.iter().filter(|record| self.plan.matches(&record.row, self.now)) {
            for text in texts(&record.row) {
                *counts.entry(text).or_default() += 1;
            }
        }
        let mut counts: Vec<_> = counts.into_iter().filter(|(text, _)| holds(text, like)).collect();
        counts.sort_unstable_by(|(one, few), (other, many)| many.cmp(few).then_with(|| one.cmp(other)));
        counts.into_iter().take(MOST).map(|(text, count)| (text.to_owned(), count)).collect()
    }
}

fn holds(text: &str, like: &str) -> bool {
    text.to_lowercase().contains(like)
}

/// A value as it is written in a question; `None` where there is none, and for moments and spans, of which nobody asks for a
/// single one.
fn text(cell: &Cell) -> Option<String> {
    match cell {
        Cell::Text(text) => Some(text.to_string()),
        Cell::Integer(number) => Some(number.to_string()),
        Cell::Number(number) => Some(number.to_string()),
        Cell::Boolean(truth) => Some(truth.to_string()),
        Cell::Fraction(fraction) => Some(fraction.to_string()),
        Cell::Quantity(amount) => Some(amount.to_string()),
        Cell::Missing | Cell::Unknown | Cell::Time(_) | Cell::Duration(_) => None,
    }
}
