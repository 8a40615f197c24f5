//! What is offered: only what the cluster said that the person may do.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::future::join_all;
use pilothouse_cluster::Access;
use pilothouse_model::{Action, Danger, Object, Permission, WriteMethod};

use super::{PODS, Target};
use crate::cluster::Cluster;
use crate::containers::Containers;
use crate::exec;
use crate::rights::Holder;

/// How long an answer is good.
const GOOD: Duration = Duration::from_secs(30);
/// How long it is kept for pages that are open, and after how many new answers old ones are thrown away.
const KEPT: Duration = Duration::from_secs(600);
const PRUNED: usize = 512;
/// The most answers that are kept.
const MOST: usize = 20_000;

/// Something that the person may do with an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The action; `edit` and `delete` for what can be done with every object, `reveal` for a Secret,
    /// `terminal` for a pod.
    pub id: &'static str,
    /// On the button: a verb.
    pub title: &'static str,
    /// How careful the person must be.
    pub danger: Danger,
}

/// What the cluster said about rights, by who asked; for a short while.
#[derive(Debug, Default)]
pub(crate) struct Allowed(Mutex<HashMap<Question, (Instant, bool)>>);

/// Who asks, by the whole credential, and what for.
type Question = (Holder, Access);

impl Allowed {
    fn remember(&self, key: Question, allowed: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() % PRUNED == PRUNED - 1 {
            known.retain(|_, (when, _)| when.elapsed() < KEPT);
        }
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(key, (Instant::now(), allowed));
    }

    /// What was said last, and whether that is still good.
    fn recall(&self, key: &Question) -> Option<(bool, bool)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).map(|(when, allowed)| (*allowed, when.elapsed() < GOOD))
    }
}

impl Cluster {
    /// Whether the one who asks may do something; what was said within the last half minute holds. An error is no answer.
    pub(crate) async fn may(&self, access: &Access) -> Option<bool> {
        let key = (self.holder().ok()?, access.clone());
        if let Some((allowed, true)) = self.inner.allowed.recall(&key) {
            return Some(allowed);
        }
        let allowed = self.own_connection().ok()?.review_access(access).await.ok()?;
        self.inner.allowed.remember(key, allowed);
        Some(allowed)
    }

    /// What the person may do with an object as it stands; the cluster is asked, for as long as `patience` lasts.
    pub async fn offers(&self, target: &Target, object: &Object, patience: Duration) -> Vec<Offer> {
        let all = self.possible(target, object);
        let asked = join_all(all.iter().flat_map(|(_, needed)| needed).map(|access| self.may(access)));
        // What was not answered in time is not offered; the page is made anew soon enough.
        let _late = tokio::time::timeout(patience, asked).await;
        self.offers_known(target, object)
    }

    /// The same from what the cluster said before: for a page that is shown already.
    pub fn offers_known(&self, target: &Target, object: &Object) -> Vec<Offer> {
        // Nobody is offered anything.
        let Ok(holder) = self.holder() else { return Vec::new() };
        let allowed = |access| self.inner.allowed.recall(&(holder.clone(), access)).is_some_and(|(allowed, _)| allowed);
        let all = self.possible(target, object).into_iter();
        all.filter_map(|(offer, needed)| needed.into_iter().all(allowed).then_some(offer)).collect()
    }

    /// Everything that could be done with an object, with the rights that it needs.
    fn possible(&self, target: &Target, object: &Object) -> Vec<(Offer, Vec<Access>)> {
        let resource = &target.resource;
        let mut all = Vec::new();
        let offer = |id, title, danger| Offer { id, title, danger };
        if target.is_secret() {
            all.push((offer("reveal", "Reveal values", Danger::Reversible), vec![target.access("get", "")]));
        }
        if object.deleted().is_none() {
            let actions = self.actions_of(resource, object);
            all.extend(actions.into_iter().map(|action| {
                let access = needed(target, &action);
                (offer(action.id, action.title, action.danger), vec![access])
            }));
            if runs_commands(target, object) {
                all.push((offer("terminal", "Terminal", Danger::Disruptive), exec::needed(target).to_vec()));
            }
        }
        // The values of a Secret are hidden: what would be edited is not the object.
        if resource.offers("update") && !target.is_secret() {
            all.push((offer("edit", "Edit", Danger::Disruptive), vec![target.access("update", "")]));
        }
        if resource.offers("delete") {
            all.push((offer("delete", "Delete", Danger::Destructive), vec![target.access("delete", "")]));
        }
        all
    }
}

/// Whether it is a pod with a container in which commands could run, of a cluster that runs them.
fn runs_commands(target: &Target, object: &Object) -> bool {
    let resource = &target.resource;
    resource.group_resource() == PODS && resource.has("exec") && !Containers::of(object).running().is_empty()
}

/// The right that an action needs.
fn needed(target: &Target, action: &Action) -> Access {
    let Permission { verb, subresource } = &action.permission;
    let about = target.access(verb, subresource);
    match action.request.method {
        WriteMethod::Create(created) => {
            Access { group: created.group.to_owned(), resource: created.plural.to_owned(), name: None, ..about }
        }
        _ => about,
    }
}
