//! What every part of a page needs to know: which cluster, which moment, and how to reach other objects.

use std::sync::Arc;

use jiff::Timestamp;
use maud::{Markup, html};
use pilothouse_model::{ObjectRef, Resource};

use crate::question::Question;
use crate::urls::{self, Url};

/// The surroundings of a part.
pub(crate) struct Scene<'a> {
    /// Name of the cluster.
    pub(crate) cluster: &'a str,
    /// The moment that the page is made.
    pub(crate) now: Timestamp,
    /// The namespaces that links carry along.
    pub(crate) scope: Question,
    /// The resource behind a reference, when the cluster serves it.
    pub(crate) resolve: &'a dyn Fn(&ObjectRef) -> Option<Arc<Resource>>,
}

impl Scene<'_> {
    /// The page of an object.
    pub(crate) fn object(&self, resource: &Resource, namespace: Option<&str>, name: &str) -> Url {
        urls::object(self.cluster, resource, namespace, name).ask(&self.scope)
    }

    /// The page behind a reference; `None` when the cluster does not serve such objects.
    pub(crate) fn reference(&self, reference: &ObjectRef) -> Option<Url> {
        let resource = (self.resolve)(reference)?;
        let namespace = reference.namespace.as_deref().filter(|_| resource.namespaced);
        if resource.namespaced && namespace.is_none() {
            return None;
        }
        Some(self.object(&resource, namespace, &reference.name))
    }

    /// `Kind/name`, as a link where there is a page.
    pub(crate) fn link(&self, reference: &ObjectRef) -> Markup {
        html! {
            @match self.reference(reference) {
                Some(url) => a href=(url) { (reference.to_string()) },
                None => span { (reference.to_string()) },
            }
        }
    }
}
