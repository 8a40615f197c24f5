//! Who asks, and what that one may see: of objects near another, of namespaces, of kinds.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use pilothouse_model::{Completeness, GroupResource, Resource, Sight, Str};
use tokio::time::Instant;

use super::chosen::Chosen;
use super::{Cluster, Settings};
use crate::ask::{Ask, Source};
use crate::error::{AppError, ErrorKind};
use crate::feed::{LiveTable, Places, Scope};
use crate::person::Viewer;
use crate::rights::{Holder, Known, Verb, View};

/// A table for reading about objects in a place.
pub(crate) struct Near {
    pub(crate) table: Arc<LiveTable>,
    pub(crate) scope: Scope,
    pub(crate) view: View,
}

impl Cluster {
    pub(crate) fn settings(&self) -> &Settings {
        &self.inner.settings
    }

    /// Whose credential decides what is seen.
    pub(crate) fn holder(&self) -> Result<Holder, AppError> {
        match &self.viewer {
            Viewer::Console => Ok(Holder::Console),
            Viewer::Person(person) => {
                person.token(self.id()).cloned().map(Holder::Person).ok_or_else(|| self.stranger())
            }
            Viewer::Nobody => Err(self.stranger()),
        }
    }

    /// Waits until it is known what somebody may see. The console's own eyes need no leave.
    pub(crate) async fn rights_settled(&self, deadline: Instant) {
        if let Ok(holder @ Holder::Person(_)) = self.holder() {
            self.remembered(&holder).settled(deadline).await;
        }
    }

    /// The live table for reading about objects in `namespace`, and what of it may be seen: of the whole cluster where that
    /// is watched anyway, else of the namespace alone, which is all that a page about one object needs.
    pub(crate) fn table_near(&self, resource: &Arc<Resource>, namespace: Option<&str>) -> Near {
        let namespace = namespace.filter(|_| resource.namespaced);
        let scope = || namespace.map(|namespace| Places::in_namespaces(vec![namespace.to_owned()]));
        let shared = |view| {
            let scope = if self.is_watched(resource) { None } else { scope() };
            Near { table: self.table_of(&Holder::Console, resource, &scope), scope, view }
        };
        let closed = |completeness| Near { table: self.unread(resource, completeness), scope: None, view: View::ALL };
        let holder = match self.holder() {
            Ok(Holder::Console) => return self.console_near(resource, shared(View::ALL)),
            Ok(holder) => holder,
            Err(error) => return closed(Completeness::Forbidden(error.message)),
        };
        let wanted: Vec<String> = namespace.map(str::to_owned).into_iter().collect();
        let rights = match self.remembered(&holder).about_in(resource.group_resource(), &wanted) {
            Known::Rights(rights) => rights,
            Known::Pending => return closed(Completeness::Loading),
            Known::Failed(error) => return closed(Completeness::Broken(error.message)),
        };
        let view = rights.view(resource);
        if view == View::NONE {
            return Near { view, ..closed(Completeness::Forbidden(String::new())) };
        }
        if !self.settings().user_credentials_only {
            let near = shared(view.clone());
            if !near.table.is_forbidden() {
                return near;
            }
        }
        let (table, scope) = self.own_table(&holder, resource, &view.listed, &wanted);
        Near { table, scope, view }
    }

    /// What the console's own credential may read of a namespaced resource where it may not read the whole.
    fn console_near(&self, resource: &Arc<Resource>, near: Near) -> Near {
        if near.scope.is_some() || !resource.namespaced || !near.table.is_forbidden() {
            return near;
        }
        let Known::Rights(rights) = self.remembered(&Holder::Console).about(resource.group_resource()) else {
            return near;
        };
        let view = rights.view(resource);
        if !matches!(view.listed, Sight::Some(_)) {
            return near;
        }
        let (table, scope) = self.own_table(&Holder::Console, resource, &view.listed, &[]);
        Near { table, scope, view }
    }

    /// The namespaces that the one who asks may look into, sorted; `None` while they are unknown.
    pub fn namespaces(&self) -> Option<Vec<String>> {
        let catalog = self.catalog()?;
        let resource = catalog.served(GroupResource::new("", "namespaces"))?;
        let chosen = self.choose(&Source::Resource(Arc::clone(resource)), &Ask::default()).ok()?;
        let snapshot = chosen.table.snapshot();
        let known = !snapshot.is_empty() || *snapshot.completeness() == Completeness::Complete;
        let listed = known && !chosen.pending;
        let seen = snapshot.iter().filter(|record| listed && chosen.sight.sees(None, &record.row.name));
        let mut names: BTreeSet<Str> = seen.map(|record| record.row.name.clone()).collect();
        if chosen.reach != Sight::All || (!listed && chosen.remembered.is_some()) {
            // What may be read somewhere names the place.
            match chosen.remembered.as_ref().map(|remembered| remembered.known()) {
                Some(Known::Rights(rights)) => names.extend(rights.namespaces()),
                _ if !listed => return None,
                _ => {}
            }
        } else if !listed {
            return None;
        }
        Some(names.iter().map(ToString::to_string).collect())
    }

    /// Whether [`Cluster::namespaces`] are all that there are.
    pub fn namespaces_completeness(&self) -> Completeness {
        let Some(catalog) = self.catalog() else { return Completeness::Loading };
        let name = GroupResource::new("", "namespaces");
        let Some(resource) = catalog.served(name) else { return Completeness::Absent };
        match self.choose(&Source::Resource(Arc::clone(resource)), &Ask::default()) {
            Ok(Chosen { reach: Sight::Some(_) | Sight::None, pending: false, .. }) => {
                let none = self.namespaces().is_none_or(|names| names.is_empty());
                let words = if none {
                    "you may not list them; name those that you may read"
                } else {
                    "these are the ones in which you may read something"
                };
                Completeness::Forbidden(words.to_owned())
            }
            Ok(chosen) => chosen.completeness(&chosen.table.snapshot(), &Ask::default()),
            Err(error) => Completeness::Broken(error.message),
        }
    }

    /// What the one who asks may see of a resource; `None` while that is not known.
    pub(crate) fn view_of(&self, resource: &Resource) -> Option<View> {
        match self.holder() {
            Ok(Holder::Console) => Some(View::ALL),
            Err(_) => Some(View::NONE),
            Ok(holder) => match self.remembered(&holder).about(resource.group_resource()) {
                Known::Rights(rights) => Some(rights.view(resource)),
                Known::Pending => None,
                Known::Failed(_) => Some(View::NONE),
            },
        }
    }

    /// Whether the one who asks is known to be allowed to read an object.
    pub(crate) fn may_get(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> bool {
        match self.holder() {
            Ok(Holder::Console) => true,
            Err(_) => false,
            Ok(holder) => match self.remembered(&holder).about(resource.group_resource()) {
                Known::Rights(rights) => rights.sight(resource, Verb::Get).sees(namespace, name),
                Known::Pending | Known::Failed(_) => false,
            },
        }
    }

    /// Whether it is known what the one who asks may see, or why it cannot be known; `None` while it is being asked.
    pub(crate) fn rights_known(&self) -> Option<Result<(), AppError>> {
        let holder = match self.holder() {
            Ok(Holder::Console) => return Some(Ok(())),
            Ok(holder) => holder,
            Err(error) => return Some(Err(error)),
        };
        match self.remembered(&holder).known() {
            Known::Rights(_) => Some(Ok(())),
            Known::Failed(error) => Some(Err(error)),
            Known::Pending => None,
        }
    }

    /// Waits until it is known what the one who asks may see, or says why it cannot be known.
    pub(crate) async fn wait_rights(&self, patience: Duration) -> Result<(), AppError> {
        let Holder::Person(token) = self.holder()? else { return Ok(()) };
        match self.remembered(&Holder::Person(token)).settled(Instant::now() + patience).await {
            Known::Rights(_) => Ok(()),
            Known::Failed(error) => Err(error),
            Known::Pending => {
                let message = format!("still asking {} what you may see", self.id());
                Err(AppError::new(ErrorKind::Unavailable, message).hint("try again in a moment"))
            }
        }
    }
}
