//! Which clusters a question is about, found before any cluster is asked: none is opened in vain.

use pilothouse_model::{ClusterId, Column, ColumnKind, Comparison, Field, Filter, Operand};

use super::among::CLUSTER;
use crate::error::{AppError, ErrorKind};
use crate::slip::{distance, reach};

/// The conditions of a question whose columns are not known yet: the cluster is the first column, what the others are does
/// not matter. `None` when the question cannot be read even so; then the clusters say what is wrong with it.
pub(crate) fn conditions(q: &str) -> Option<Filter> {
    let state = Column::new("State", ColumnKind::Status);
    let mut columns = vec![Column { id: CLUSTER.into(), ..Column::new("Cluster", ColumnKind::Text) }, state];
    loop {
        match pilothouse_query::parse(q, &columns) {
            Ok(filter) => return Some(filter),
            Err(error) => {
                // Every other field may be a column of text; one that is still wrong then is wrong in another way.
                let name = q.get(error.span.clone())?.to_lowercase();
                if name.is_empty() || columns.iter().any(|column| *column.id == *name) || columns.len() > q.len() + 2 {
                    return None;
                }
                columns.push(Column { id: name.into(), ..Column::new("", ColumnKind::Text) });
            }
        }
    }
}

/// That every cluster which the question names is there.
pub(crate) fn known_names(q: &str, filter: &Filter, clusters: &[ClusterId]) -> Result<(), AppError> {
    let mut named = Vec::new();
    names(filter, &mut named);
    let is_known = |name: &str| clusters.iter().any(|id| id.as_str().to_lowercase() == name.to_lowercase());
    let Some(name) = named.into_iter().find(|name| !is_known(name)) else { return Ok(()) };
    let error = unknown(name, clusters);
    let span = q.find(name).map(|at| (q.to_owned(), at..at + name.len()));
    Err(AppError { kind: ErrorKind::BadInput, span, ..error })
}

/// The clusters that a question names in full.
fn names<'a>(filter: &'a Filter, into: &mut Vec<&'a str>) {
    match filter {
        Filter::And(filters) | Filter::Or(filters) => filters.iter().for_each(|filter| names(filter, into)),
        Filter::Not(filter) => names(filter, into),
        Filter::Compare(Field::Column(0), Comparison::Equal, Operand::Exact(name)) => into.push(name),
        Filter::Compare(Field::Column(0), Comparison::Equal, Operand::Text(name)) if !name.contains(['*', '?']) => {
            into.push(name);
        }
        _ => {}
    }
}

/// The error for a cluster that is not there.
pub(super) fn unknown(name: &str, clusters: &[ClusterId]) -> AppError {
    let error = AppError::new(ErrorKind::NotOffered, format!("there is no cluster named \"{name}\""));
    let wanted = name.to_lowercase();
    let near = |id: &&ClusterId| distance(&wanted, &id.as_str().to_lowercase()) <= reach(&wanted);
    let begins = |id: &&ClusterId| wanted.len() > 1 && id.as_str().to_lowercase().starts_with(&wanted);
    match clusters.iter().find(begins).or_else(|| clusters.iter().find(near)) {
        Some(id) => error.suggest(id.to_string()),
        None => {
            let all: Vec<_> = clusters.iter().map(ClusterId::as_str).collect();
            error.hint(format!("the kubeconfig has {}", all.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clusters() -> Vec<ClusterId> {
        ["prod-eu", "Staging"].map(ClusterId::new).to_vec()
    }

    fn named(q: &str) -> Result<(), AppError> {
        known_names(q, &conditions(q).unwrap(), &clusters())
    }

    #[test]
    fn a_question_is_read_before_its_columns_are_known() {
        for q in ["cluster:a", "phase:Up gpu:>0 cluster:a oom", "-cluster:a OR has:queue", "is:active", ""] {
            assert!(conditions(q).is_some(), "{q}");
        }
        assert!(conditions("cluster:(").is_none());
    }

    #[test]
    fn a_cluster_that_is_not_there_is_told_and_the_likely_one_suggested() {
        for q in ["cluster:prod-eu", "cluster:STAGING web", "-cluster:prod-*", "name:prod-ue"] {
            assert_eq!(named(q), Ok(()), "{q}");
        }
        let error = named("web cluster:prod-ue").unwrap_err();
        assert_eq!((error.kind, error.replacement.as_deref()), (ErrorKind::BadInput, Some("prod-eu")));
        assert_eq!(error.span, Some(("web cluster:prod-ue".to_owned(), 12..19)));
        let error = named("cluster:elsewhere").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("the kubeconfig has prod-eu, Staging"));
    }
}
