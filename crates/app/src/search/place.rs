//! One cluster that a search looks into: how far it has come, and what it has not searched.

use std::collections::BTreeSet;

use pilothouse_model::{ClusterId, Completeness};

use super::kinds::{Kind, Progress};
use super::{SearchGap, Why};
use crate::cluster::{Cluster, ConnectionState};
use crate::error::{AppError, ErrorKind};

/// One cluster that is searched.
pub(super) struct Place {
    pub(super) id: ClusterId,
    pub(super) cluster: Result<Cluster, AppError>,
    /// What is searched there; `None` until it is known what it serves.
    pub(super) kinds: Option<Vec<Kind>>,
    /// Why nothing at all is searched there, where the one who asks may list nothing.
    pub(super) closed: Option<String>,
    /// Why it is not known whether they may, in the namespaces that are named.
    pub(super) doubt: Option<String>,
}

/// Why it cannot be said whether anything may be listed, where a list that was asked instead says neither yes nor no.
pub(super) fn doubt(said: &Result<Completeness, AppError>) -> Option<String> {
    match said {
        Err(error) => Some(error.message.clone()),
        Ok(Completeness::Broken(why)) => Some(why.clone()),
        Ok(_) => None,
    }
}

/// How much is known of a cluster of which it is not known what there is to search.
fn unsearched(state: ConnectionState, rights: Option<Result<(), AppError>>, doubt: Option<&str>) -> Completeness {
    match (state, rights, doubt) {
        (ConnectionState::Failed { error, .. }, ..) | (_, Some(Err(error)), _) => Completeness::Broken(error.message),
        (.., Some(why)) => Completeness::Broken(why.to_owned()),
        _ => Completeness::Loading,
    }
}

impl Place {
    /// How far it has come: what was looked at so far, in kinds and rows.
    pub(super) fn come(&self) -> usize {
        let kinds = self.kinds.iter().flatten();
        kinds.map(|kind| kind.rows + usize::from(kind.progress != Progress::Waiting)).sum()
    }

    /// Whether nothing more will be found here.
    pub(super) fn is_done(&self) -> bool {
        let Ok(cluster) = &self.cluster else { return true };
        match &self.kinds {
            // What does not answer is told; it may answer the next search.
            None => {
                self.doubt.is_some()
                    || matches!(cluster.state(), ConnectionState::Failed { .. })
                    || matches!(cluster.rights_known(), Some(Err(error)) if error.kind != ErrorKind::Unavailable)
            }
            Some(kinds) => kinds.iter().all(|kind| !matches!(kind.progress, Progress::Waiting | Progress::Loading)),
        }
    }

    pub(super) fn gaps(&self) -> Vec<SearchGap> {
        let gap = |kinds, why| SearchGap { cluster: self.id.clone(), kinds, why };
        if let Some(words) = &self.closed {
            return vec![gap(Vec::new(), Why::Known(Completeness::Forbidden(words.clone())))];
        }
        let Some(kinds) = &self.kinds else {
            let completeness = match &self.cluster {
                Err(error) => Completeness::Broken(error.message.clone()),
                Ok(cluster) => unsearched(cluster.state(), cluster.rights_known(), self.doubt.as_deref()),
            };
            return vec![gap(Vec::new(), Why::Known(completeness))];
        };
        // Kinds that are not searched for the same reason are told together; each refusal has words of its own.
        let mut reasons: Vec<(Why, BTreeSet<String>)> = Vec::new();
        for kind in kinds {
            let why = match (kind.progress, &kind.completeness) {
                (Progress::Misread, _) => continue,
                (Progress::LeftOut, _) => Why::TooMany,
                (Progress::Waiting | Progress::Loading, _) => Why::Known(Completeness::Loading),
                (_, completeness) if completeness.is_complete() => continue,
                (_, Completeness::Forbidden(_)) => Why::Known(Completeness::Forbidden(String::new())),
                (_, completeness) => Why::Known(completeness.clone()),
            };
            match reasons.iter_mut().find(|(known, _)| *known == why) {
                Some((_, names)) => drop(names.insert(kind.name.clone())),
                None => reasons.push((why, [kind.name.clone()].into())),
            }
        }
        reasons.into_iter().map(|(why, names)| gap(names.into_iter().collect(), why)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_asked_is_told_and_not_called_loading() {
        let connected = || ConnectionState::Connected { version: "v1".to_owned() };
        let told =
            |said: Result<Completeness, AppError>| unsearched(connected(), Some(Ok(())), doubt(&said).as_deref());
        let broken = |why: &str| Completeness::Broken(why.to_owned());
        assert_eq!(told(Err(AppError::new(ErrorKind::Unavailable, "no rights told"))), broken("no rights told"));
        assert_eq!(told(Ok(broken("refused"))), broken("refused"));
        assert_eq!(told(Ok(Completeness::Loading)), Completeness::Loading);
        let failed = AppError::new(ErrorKind::Unavailable, "unknown rights");
        assert_eq!(unsearched(connected(), Some(Err(failed)), None), broken("unknown rights"));
        assert_eq!(unsearched(connected(), None, None), Completeness::Loading);
    }
}
