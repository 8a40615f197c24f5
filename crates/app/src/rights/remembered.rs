//! What someone may read, remembered for a short while and renewed for as long as somebody needs it.

mod renewal;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use pilothouse_cluster::{ClusterError, Rule};
use pilothouse_model::{GroupResource, Instrument, Str};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::grants::{Grants, Sure};
use super::hints::own_namespace;
use super::kept::Kept;
use super::resolve::Asking;
use super::{Holder, Rights, Sights, resolve};
use crate::catalog::Catalog;
use crate::cluster::Cluster;
use crate::error::{AppError, ErrorKind};
use crate::moment::Name;
use renewal::{Renewal, renew};

/// How long it may take until the namespaces are known.
const PATIENCE: Duration = Duration::from_secs(10);
/// How many namespaces are looked into only because somebody asked about them.
const MOST_HINTED: usize = 64;
/// How long roles and bindings may take to be listed before all namespaces are asked about instead.
const GRANTS_PATIENCE: Duration = Duration::from_secs(5);
/// How long after the last question rights are renewed when nothing is open.
const REST: Duration = Duration::from_secs(30);

/// What is known of someone's rights.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Nothing yet: it is being asked.
    Pending,
    /// What the cluster said.
    Rights(Arc<Rights>),
    /// It could not be told, and why: nothing may be read.
    Failed(AppError),
}

/// The rights of one holder in one cluster.
pub(crate) struct Remembered {
    holder: Holder,
    instruments: &'static [&'static dyn Instrument],
    now: watch::Sender<Answer>,
    /// The resources that are asked about one by one, where rules cannot be listed.
    asked: Mutex<BTreeSet<Name>>,
    /// Namespaces that were asked about, which nobody listed.
    hinted: Mutex<BTreeSet<Str>>,
    wake: Arc<Notify>,
    /// Whether it waits for a question before it asks again.
    asleep: AtomicBool,
    /// When somebody last asked; `None` once its holder has left.
    used: Mutex<Option<Instant>>,
    task: OnceLock<AbortOnDropHandle<()>>,
}

struct Answer {
    known: Known,
    /// Until when it holds.
    until: Instant,
    /// What the rights let their holder see of all that a catalog lists.
    sights: OnceLock<(Arc<Catalog>, Arc<Sights>)>,
}

impl Remembered {
    /// Begins to ask.
    pub(crate) fn begin(
        cluster: &Cluster,
        holder: Holder,
        (asked, hinted): (BTreeSet<Name>, BTreeSet<Str>),
    ) -> Arc<Self> {
        let until = Instant::now();
        let now = watch::Sender::new(Answer { known: Known::Pending, until, sights: OnceLock::new() });
        let remembered = Arc::new(Self {
            holder,
            instruments: cluster.inner.instruments,
            now,
            asked: Mutex::new(asked),
            hinted: Mutex::new(hinted),
            wake: Arc::default(),
            asleep: AtomicBool::new(false),
            used: Mutex::new(Some(until)),
            task: OnceLock::new(),
        });
        let renewal = renew(Arc::downgrade(&cluster.inner), Arc::downgrade(&remembered));
        // It was made just now: nobody else sets it.
        drop(remembered.task.set(AbortOnDropHandle::new(tokio::spawn(renewal))));
        remembered
    }

    /// What is known at this moment.
    pub(crate) fn known(&self) -> Known {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if self.asleep.swap(false, Ordering::AcqRel) {
            self.wake.notify_one();
        }
        self.now.borrow().known()
    }

    /// Wakes when the rights are other ones, or cannot be told any more.
    pub(crate) fn subscribe(&self) -> Changes {
        Changes { receiver: self.now.subscribe() }
    }

    /// The namespaces that somebody asked about, which nobody listed.
    pub(crate) fn hinted(&self) -> BTreeSet<Str> {
        self.hinted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How long ago somebody asked.
    pub(crate) fn idle(&self) -> Duration {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.map_or(Duration::MAX, |used| used.elapsed())
    }

    /// Its holder has left: it counts as if nobody had asked for long.
    pub(crate) fn rest(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Waits until something is known, or until the deadline.
    pub(crate) async fn settled(&self, deadline: Instant) -> Known {
        // Asking wakes what sleeps: else nobody would tell anything before the deadline.
        drop(self.known());
        let mut receiver = self.now.subscribe();
        let settled = receiver.wait_for(|answer| !matches!(answer.known, Known::Pending));
        // Whatever became of the wait, what is known now is the answer.
        drop(timeout_at(deadline, settled).await);
        self.known()
    }

    /// The rights, if they tell of this resource; else it is asked about from now on.
    pub(crate) fn about(&self, resource: GroupResource<'_>) -> Known {
        match self.known() {
            Known::Rights(rights) if !rights.knows(resource) => {
                let name = (resource.group.to_owned(), resource.plural.to_owned());
                if self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(name) {
                    self.wake.notify_one();
                }
                Known::Pending
            }
            known => known,
        }
    }

    /// The same, when the question is about these namespaces: they are looked into even where nobody lists them.
    pub(crate) fn about_in(&self, resource: GroupResource<'_>, namespaces: &[String]) -> Known {
        let known = self.about(resource);
        let Known::Rights(rights) = &known else { return known };
        let unknown: Vec<&String> = namespaces.iter().filter(|name| !rights.has_looked_into(name)).collect();
        let mut hinted = self.hinted.lock().unwrap_or_else(PoisonError::into_inner);
        let mut waits = false;
        for name in unknown {
            // One that is known by now to be asked about is being looked into, or there are too many to look into.
            if hinted.len() < MOST_HINTED && hinted.insert(name.as_str().into()) {
                self.wake.notify_one();
            }
            waits |= hinted.contains(name.as_str());
        }
        if waits { Known::Pending } else { known }
    }

    /// What rights let their holder see of all that a catalog lists; made once.
    pub(crate) fn sights(&self, rights: &Arc<Rights>, catalog: &Arc<Catalog>) -> Arc<Sights> {
        let answer = self.now.borrow();
        let current = matches!(&answer.known, Known::Rights(now) if Arc::ptr_eq(now, rights));
        if !current {
            return Arc::new(Sights::of(rights, catalog, self.instruments));
        }
        let (of, sights) = answer
            .sights
            .get_or_init(|| (Arc::clone(catalog), Arc::new(Sights::of(rights, catalog, self.instruments))));
        if Arc::ptr_eq(of, catalog) {
            Arc::clone(sights)
        } else {
            Arc::new(Sights::of(rights, catalog, self.instruments))
        }
    }

    fn publish(&self, known: Known, valid: Duration) {
        let until = Instant::now() + valid;
        self.now.send_if_modified(|answer| {
            let same = match (&answer.known, &known) {
                (Known::Rights(before), Known::Rights(now)) => before == now,
                (Known::Failed(before), Known::Failed(now)) => before == now,
                _ => false,
            };
            if same && !answer.is_over() {
                answer.until = until;
                return false;
            }
            *answer = Answer { known, until, sights: OnceLock::new() };
            true
        });
    }
}

impl Answer {
    fn is_over(&self) -> bool {
        matches!(self.known, Known::Rights(_)) && Instant::now() > self.until
    }

    /// What was told too long ago is not known any more.
    fn known(&self) -> Known {
        if self.is_over() {
            return Known::Failed(AppError::new(
                ErrorKind::Unavailable,
                "the cluster does not tell at the moment what you may see",
            ));
        }
        self.known.clone()
    }
}

/// Tells of other rights.
#[derive(Clone)]
pub(crate) struct Changes {
    receiver: watch::Receiver<Answer>,
}

impl Changes {
    /// Waits until the rights are other ones, or hold no longer.
    pub(crate) async fn changed(&mut self) {
        let until = {
            let answer = self.receiver.borrow();
            // What is over already was seen to be.
            (matches!(answer.known, Known::Rights(_)) && !answer.is_over()).then_some(answer.until)
        };
        let changed = self.receiver.changed();
        let gone = match until {
            Some(until) => match timeout_at(until + Duration::from_millis(1), changed).await {
                Ok(changed) => changed.is_err(),
                // Renewed without a difference, or over: whoever asked looks again.
                Err(_) => false,
            },
            None => changed.await.is_err(),
        };
        if gone {
            std::future::pending::<()>().await;
        }
    }
}

impl Remembered {
    /// Whether nobody has anything open, and nobody asked lately.
    fn is_at_rest(self: &Arc<Self>) -> bool {
        // The cluster's list and the caller hold it, too.
        Arc::strong_count(self) <= 2 && self.idle() > REST
    }

    async fn resolve(&self, cluster: &Cluster, renewal: &mut Renewal) -> Result<Rights, AppError> {
        let turns = Arc::clone(&cluster.inner.reviews);
        let asking = Asking { connection: cluster.connection_of(&self.holder), turns };
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let told = |error| refused(cluster, &self.holder, error);
        let began = Instant::now();
        if let Some(rights) = self.resolve_again(&asking, began, renewal).await.map_err(told)? {
            return Ok(rights);
        }
        let everywhere = resolve::everywhere(&asking).await.map_err(told)?;
        if let Some(rules) = everywhere.complete().filter(|_| !everywhere.is_everything())
            && let Some(rights) = self.resolve_by_grants(cluster, (&asking, rules, began), renewal).await?
        {
            return Ok(rights);
        }
        renewal.kept = None;
        let mut candidates: BTreeSet<Str> = everywhere.named_namespaces().collect();
        if everywhere.is_everything() {
            *renewal = Renewal::default();
        } else {
            candidates.extend(cluster.settings().namespaces.iter().cloned());
            candidates.extend(own_namespace(&self.holder));
            candidates.extend(self.hinted.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned());
            candidates.extend(self.listed_namespaces(cluster, &mut renewal.namespaces).await?);
        }
        everywhere.within(&asking, candidates, asked).await.map_err(told)
    }

    /// The same where no role and no binding has changed that holds everywhere: one question, whether the credential is good
    /// and still means the same person. `None` where that does not tell everything.
    async fn resolve_again(
        &self,
        asking: &Asking,
        began: Instant,
        renewal: &mut Renewal,
    ) -> Result<Option<Rights>, ClusterError> {
        let Some((grants, kept)) = renewal.grants.as_ref().map(|(grants, _)| grants).zip(renewal.kept.as_mut()) else {
            return Ok(None);
        };
        let told = grants.settled(true, began + GRANTS_PATIENCE).await;
        if told.sure != Sure::Yes || kept.identity.is_none() || !kept.holds_everywhere(&told, began) {
            return Ok(None);
        }
        let answers = match asking.identity().await? {
            identity if identity == kept.identity => resolve::complete_places(asking, kept.doubtful(&told)).await?,
            _ => None,
        };
        let Some(answers) = answers else {
            renewal.kept = None;
            return Ok(None);
        };
        kept.take(&told, answers, began);
        Ok(Some(kept.rights()))
    }

    /// The same, asking only about namespaces in which something may have changed; `None` where that cannot be known.
    async fn resolve_by_grants(
        &self,
        cluster: &Cluster,
        (asking, everywhere, began): (&Asking, &Arc<[Rule]>, Instant),
        renewal: &mut Renewal,
    ) -> Result<Option<Rights>, AppError> {
        if self.holder == Holder::Console || cluster.settings().user_credentials_only {
            return Ok(None);
        }
        cluster.wait_catalog(PATIENCE).await?;
        let (grants, _) = renewal.grants.get_or_insert_with(|| {
            let grants = Grants::of(cluster);
            let told = grants.subscribe();
            (grants, told)
        });
        let grants = Arc::clone(grants);
        let told = grants.settled(renewal.kept.is_some(), began + GRANTS_PATIENCE).await;
        if told.sure != Sure::Yes {
            return Ok(None);
        }
        let before = renewal.kept.as_ref();
        let checked = before.is_some_and(|kept| kept.checked);
        let is_old = before.is_some_and(|kept| kept.is_old(began));
        let refused = |error| refused(cluster, &self.holder, error);
        let mut kept = match before.filter(|kept| kept.holds(&told, everywhere, began)) {
            Some(kept) => kept.clone(),
            None => Kept::new(asking.identity().await.map_err(refused)?, Arc::clone(everywhere), &told, began),
        };
        kept.asked_everywhere(began);
        kept.checked = checked;
        let mut wanted = kept.doubtful(&told);
        if is_old && !checked {
            // Once each namespace is asked about, for roles and bindings may not be all that decides here.
            wanted.extend(self.listed_namespaces(cluster, &mut renewal.namespaces).await?);
            kept.checked = true;
        }
        let Some(answers) = resolve::complete_places(asking, wanted).await.map_err(refused)? else { return Ok(None) };
        // Who is bound there may have changed since it was told.
        let unbound = |namespace: &Str| {
            let identity = kept.identity.as_ref();
            !told.bound.of(identity).contains(namespace) && !grants.binds(identity, namespace)
        };
        let more = |rules: &Arc<[Rule]>| rules.iter().any(|rule| !everywhere.contains(rule));
        if answers.iter().any(|(namespace, rules)| unbound(namespace) && more(rules)) {
            grants.distrust();
            return Ok(None);
        }
        kept.take(&told, answers, began);
        let rights = kept.rights();
        renewal.kept = Some(kept);
        Ok(Some(rights))
    }

    /// The namespaces that there are, as far as anyone here may know.
    async fn listed_namespaces(
        &self,
        cluster: &Cluster,
        changed: &mut Option<watch::Receiver<u64>>,
    ) -> Result<BTreeSet<Str>, AppError> {
        let deadline = Instant::now() + PATIENCE;
        let catalog = cluster.wait_catalog(PATIENCE).await?;
        let mut found = BTreeSet::new();
        for name in [GroupResource::new("", "namespaces"), GroupResource::new("project.openshift.io", "projects")] {
            let Some(resource) = catalog.served(name).filter(|resource| resource.offers("list")) else { continue };
            let holders = [Holder::Console, self.holder.clone()];
            let from = usize::from(cluster.settings().user_credentials_only || name.plural == "projects");
            for holder in &holders[from..] {
                let table = cluster.table_of(holder, resource, &None);
                table.settled(deadline).await;
                *changed = Some(table.subscribe());
                if table.is_forbidden() {
                    continue;
                }
                if table.is_loading() {
                    return Err(AppError::new(
                        ErrorKind::Unavailable,
                        "the namespaces of the cluster are still loading",
                    ));
                }
                found.extend(table.snapshot().iter().map(|record| record.row.name.clone()));
                return Ok(found);
            }
        }
        Ok(found)
    }
}

/// Why rights cannot be told, in words for whoever asks.
fn refused(cluster: &Cluster, holder: &Holder, error: ClusterError) -> AppError {
    let error = AppError::from(error);
    match (holder, error.kind) {
        (Holder::Person(_), ErrorKind::Unauthorized) => sign_in_again(cluster),
        _ => error,
    }
}

/// A credential is over.
pub(crate) fn sign_in_again(cluster: &Cluster) -> AppError {
    let message = format!("the cluster {} does not accept your credential any more", cluster.id());
    AppError::new(ErrorKind::Unauthorized, message).hint("sign in again")
}

#[cfg(test)]
mod tests;
