//! A question about a list, and its answer.

use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_model::{Column, Completeness, LabelSelector, Plan, Resource, Sight, Str};
use pilothouse_model::{Field, Filter};
use pilothouse_store::Record;

use crate::error::{AppError, ErrorKind};
use crate::many::Among;

/// What is listed.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The workloads of all instruments.
    Workloads,
    /// The objects of one resource.
    Resource(Arc<Resource>),
}

/// A question about a list, as it comes from a URL or a command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    /// Namespaces; none means all.
    pub namespaces: Vec<String>,
    /// Whether only these namespaces are read at all, even where the whole cluster may be: right for a single question,
    /// wasteful for many that would share one table.
    pub confined: bool,
    /// Query text (see the query room).
    pub q: String,
    /// Label selector in Kubernetes' syntax, as in kubectl's `-l`.
    pub labels: String,
    /// Sort text: `-age,name`; empty for namespace and name.
    pub sort: String,
    /// Rows to skip.
    pub offset: usize,
    /// Where the page before this one ended, as [`Listing::next`] told; empty for the place that `offset` says.
    pub after: String,
    /// Rows wanted; `None` for all.
    pub limit: Option<usize>,
    /// When the rows are a part of a list over several clusters: what the whole list looks like (see [`crate::Many`]).
    pub among: Option<Arc<Among>>,
}

/// The answer to a question about a list.
#[derive(Clone, Debug)]
pub struct Listing {
    /// The table's columns, after the name.
    pub columns: Arc<[Column]>,
    /// The rows asked for.
    pub rows: Vec<Arc<Record>>,
    /// How many rows the whole answer has: exact for what is known (see `completeness`).
    pub total: usize,
    /// Where this page ends, for [`Ask::after`]; `None` when no row follows.
    pub next: Option<String>,
    /// How many rows the table has before filtering.
    pub unfiltered: usize,
    /// When the data was last known to be current; `None` when nothing was ever read.
    pub as_of: Option<Timestamp>,
    /// How much is known.
    pub completeness: Completeness,
    /// What else the person should know: malformed objects, kinds that could not be read.
    pub notes: Vec<String>,
}

impl Ask {
    /// The question as a plan over a table with these columns.
    pub fn plan(&self, columns: &[Column]) -> Result<Plan, AppError> {
        let mut filters = Vec::new();
        if !self.labels.trim().is_empty() {
            let selector: LabelSelector = self.labels.parse().map_err(|error| {
                AppError::new(ErrorKind::BadInput, format!("{error}"))
                    .hint("write a selector as kubectl does: app=train,tier!=cache,env in (dev,prod)")
            })?;
            filters.push(Filter::Labels(selector));
        }
        let asked = self.among.as_ref().map(|among| among.columns_of(columns));
        let asked = asked.as_deref().unwrap_or(columns);
        let mut question =
            pilothouse_query::parse(&self.q, asked).map_err(|error| AppError::question(&self.q, &error))?;
        let mut order =
            pilothouse_query::parse_sort(&self.sort, asked).map_err(|error| AppError::question(&self.sort, &error))?;
        if let Some(among) = &self.among {
            (question, order) = (among.filter(question, columns), among.order(&order, columns));
        }
        if question != Filter::All {
            filters.push(question);
        }
        let filter = if filters.is_empty() { Filter::All } else { Filter::And(filters) };
        let namespaces = (!self.namespaces.is_empty())
            .then(|| self.namespaces.iter().map(|namespace| Str::from(namespace.as_str())).collect());
        Ok(Plan { namespaces, sight: Sight::All, filter, order })
    }
}

/// The namespaces that a filter confines rows to, when it is sure: lets people with few rights ask by `ns:` alone.
pub(crate) fn confined_to(filter: &Filter) -> Option<Vec<String>> {
    use pilothouse_model::{Comparison, Operand};
    match filter {
        // Filters ignore case; namespaces have none but the lower one.
        Filter::Compare(Field::Namespace, Comparison::Equal, Operand::Exact(name)) => Some(vec![name.to_lowercase()]),
        Filter::Compare(Field::Namespace, Comparison::Equal, Operand::Text(name)) if !name.contains(['*', '?']) => {
            Some(vec![name.to_lowercase()])
        }
        Filter::And(filters) => filters.iter().find_map(confined_to),
        Filter::Or(filters) if !filters.is_empty() => {
            let parts = filters.iter().map(confined_to).collect::<Option<Vec<_>>>()?;
            Some(parts.concat())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use pilothouse_model::Workload;

    use super::*;

    fn plan(ask: &Ask) -> Plan {
        ask.plan(&Workload::columns()).unwrap()
    }

    #[test]
    fn a_question_is_confined_only_where_that_is_sure() {
        let confined = |q: &str| confined_to(&plan(&Ask { q: q.to_owned(), ..Ask::default() }).filter);
        let namespaces = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for (q, expected) in [
            ("ns:team-a", namespaces(&["team-a"])),
            ("ns:Team-A", namespaces(&["team-a"])),
            ("ns:team-a,team-b", namespaces(&["team-a", "team-b"])),
            ("ns:team-a state:failed oom", namespaces(&["team-a"])),
            ("state:failed ns:team-a", namespaces(&["team-a"])),
            ("ns:team-*", None),
            ("ns:team-a,team-*", None),
            ("-ns:team-a", None),
            ("state:failed", None),
            ("team-a", None),
            ("", None),
        ] {
            assert_eq!(confined(q), expected, "{q}");
        }
    }

    #[test]
    fn a_plan_joins_selector_question_namespaces_and_order() {
        let everything = plan(&Ask::default());
        assert_eq!((everything.filter, everything.order.len(), everything.namespaces), (Filter::All, 0, None));
        let ask = Ask {
            namespaces: vec!["team-a".to_owned()],
            q: "state:failed".to_owned(),
            labels: "app=trainer".to_owned(),
            sort: "-reason,name".to_owned(),
            ..Ask::default()
        };
        let plan = plan(&ask);
        assert!(
            matches!(&plan.filter, Filter::And(filters) if matches!(filters[0], Filter::Labels(_)) && filters.len() == 2)
        );
        assert_eq!(plan.namespaces.map(|names| names.len()), Some(1));
        assert_eq!(plan.order.iter().map(|sort| sort.descending).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn what_cannot_be_read_is_bad_input_and_points_at_the_word() {
        let refused = |ask: Ask| ask.plan(&Workload::columns()).unwrap_err();
        let error = refused(Ask { q: "sate:failed".to_owned(), ..Ask::default() });
        assert_eq!((error.kind, error.span), (ErrorKind::BadInput, Some(("sate:failed".to_owned(), 0..4))));
        assert_eq!(refused(Ask { sort: "-agee".to_owned(), ..Ask::default() }).kind, ErrorKind::BadInput);
        let error = refused(Ask { labels: "a=b=c".to_owned(), ..Ask::default() });
        assert!(error.kind == ErrorKind::BadInput && error.hint.is_some());
    }
}
