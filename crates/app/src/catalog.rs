//! What a cluster serves: finding a resource by the names people use, and grouping for the navigation.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use pilothouse_cluster::{Discovery, Problem};
use pilothouse_model::{GroupResource, Resource};

use crate::error::{AppError, ErrorKind};
use crate::slip::{distance, reach};

/// The resources of a cluster, as discovery found them.
#[derive(Clone, Debug, PartialEq)]
pub struct Catalog {
    /// All served versions, preferred ones first within a group.
    pub resources: Vec<Arc<Resource>>,
    /// What could not be discovered: absence from `resources` proves nothing there (see [`Catalog::unknown`]).
    pub problems: Vec<Problem>,
}

/// One heading of the navigation and what stands below it.
#[derive(Clone, Debug, PartialEq)]
pub struct NavigationGroup {
    /// Heading: `Workloads`, or the API group of custom resources.
    pub title: String,
    /// Its resources.
    pub items: Vec<NavigationItem>,
}

/// One resource in the navigation.
#[derive(Clone, Debug, PartialEq)]
pub struct NavigationItem {
    /// The resource, at the version the server prefers.
    pub resource: Arc<Resource>,
    /// Its name for people: `Pods`, `TrainJobs`.
    pub title: String,
}

/// Where the well-known resources stand, and in which order. What is not here stands under its API group.
const WELL_KNOWN: &[(&str, &[(&str, &str)])] = &[
    (
        "Workloads",
        &[
            ("", "pods"),
            ("apps", "deployments"),
            ("apps", "statefulsets"),
            ("apps", "daemonsets"),
            ("apps", "replicasets"),
            ("batch", "jobs"),
            ("batch", "cronjobs"),
            ("autoscaling", "horizontalpodautoscalers"),
            ("policy", "poddisruptionbudgets"),
            ("", "replicationcontrollers"),
            ("", "podtemplates"),
            ("apps", "controllerrevisions"),
        ],
    ),
    (
        "Network",
        &[
            ("", "services"),
            ("networking.k8s.io", "ingresses"),
            ("networking.k8s.io", "networkpolicies"),
            ("discovery.k8s.io", "endpointslices"),
            ("", "endpoints"),
            ("networking.k8s.io", "ingressclasses"),
        ],
    ),
    ("Configuration", &[("", "configmaps"), ("", "secrets"), ("", "resourcequotas"), ("", "limitranges")]),
    (
        "Storage",
        &[
            ("", "persistentvolumeclaims"),
            ("", "persistentvolumes"),
            ("storage.k8s.io", "storageclasses"),
            ("storage.k8s.io", "volumeattachments"),
            ("storage.k8s.io", "csidrivers"),
            ("storage.k8s.io", "csinodes"),
            ("storage.k8s.io", "csistoragecapacities"),
        ],
    ),
    (
        "Access",
        &[
            ("", "serviceaccounts"),
            ("rbac.authorization.k8s.io", "roles"),
            ("rbac.authorization.k8s.io", "rolebindings"),
            ("rbac.authorization.k8s.io", "clusterroles"),
            ("rbac.authorization.k8s.io", "clusterrolebindings"),
            ("certificates.k8s.io", "certificatesigningrequests"),
        ],
    ),
    (
        "Cluster",
        &[
            ("", "nodes"),
            ("", "namespaces"),
            ("", "events"),
            ("apiextensions.k8s.io", "customresourcedefinitions"),
            ("apiregistration.k8s.io", "apiservices"),
            ("scheduling.k8s.io", "priorityclasses"),
            ("node.k8s.io", "runtimeclasses"),
            ("coordination.k8s.io", "leases"),
            ("admissionregistration.k8s.io", "validatingwebhookconfigurations"),
            ("admissionregistration.k8s.io", "mutatingwebhookconfigurations"),
        ],
    ),
];

impl Catalog {
    pub(crate) fn new(discovery: Discovery) -> Self {
        let Discovery { mut resources, problems } = discovery;
        resources.sort_by(|a, b| order(a, b));
        Self { resources, problems }
    }

    /// The same, keeping from `before` what could not be read this time: what does not answer for a moment is not gone.
    pub(crate) fn after(mut self, before: Option<&Self>) -> Self {
        let Some(before) = before.filter(|_| !self.problems.is_empty()) else { return self };
        for resource in &mut self.resources {
            // Columns that are unknown now would make every custom resource a new one.
            if resource.printer_columns.is_none()
                && let Some(known) = before.same(resource).filter(|known| known.printer_columns.is_some())
            {
                *resource =
                    Arc::new(Resource { printer_columns: known.printer_columns.clone(), ..Resource::clone(resource) });
            }
        }
        let served: HashSet<String> = self.resources.iter().map(|resource| resource.api_version()).collect();
        let lost = |resource: &&Arc<Resource>| {
            let version = resource.api_version();
            !served.contains(&version)
                && self.problems.iter().any(|problem| problem.api_version.as_deref() == Some(version.as_str()))
        };
        let kept: Vec<_> = before.resources.iter().filter(lost).cloned().collect();
        self.resources.extend(kept);
        self.resources.sort_by(|a, b| order(a, b));
        self
    }

    /// The resource of the same group, version and plural name as it is now.
    pub(crate) fn same(&self, resource: &Resource) -> Option<&Arc<Resource>> {
        self.resources
            .iter()
            .find(|now| now.plural == resource.plural && now.group == resource.group && now.version == resource.version)
    }

    /// What a resource is by now: the same, or the version that is served in its place since its own is not any more.
    pub(crate) fn now(&self, resource: &Resource) -> Option<&Arc<Resource>> {
        let version = resource.api_version();
        self.same(resource).or_else(|| {
            // What could not be asked for may be served all the same.
            let told = !self.problems.iter().any(|problem| problem.api_version.as_ref() == Some(&version));
            let other = self.served(resource.group_resource()).filter(|_| told)?;
            (other.kind == resource.kind && other.namespaced == resource.namespaced).then_some(other)
        })
    }

    /// Resources that can be listed, each once, at the preferred version.
    pub fn listed(&self) -> impl Iterator<Item = &Arc<Resource>> {
        let mut last: Option<(&str, &str)> = None;
        self.resources.iter().filter(move |resource| {
            let name = (&*resource.group, &*resource.plural);
            let first = last != Some(name);
            last = Some(name);
            first && resource.offers("list")
        })
    }

    /// The resource of this group and plural name, at the preferred version.
    pub fn served(&self, name: GroupResource<'_>) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| resource.group_resource() == name)
    }

    /// Whether the cluster serves it.
    pub fn serves(&self, name: GroupResource<'_>) -> bool {
        self.served(name).is_some()
    }

    /// Why it is not known whether the cluster serves it; `None` when that is known.
    pub fn unknown(&self, name: GroupResource<'_>) -> Option<&Problem> {
        if self.serves(name) {
            return None;
        }
        self.problems.iter().find(|problem| problem.group() == Some(name.group))
    }

    /// The resource of this group and kind, at the preferred version.
    pub fn by_kind(&self, group: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.resources.iter().find(|resource| &*resource.group == group && &*resource.kind == kind)
    }

    /// The resource at exactly this version. The core group is `core` or empty.
    pub fn resource(&self, group: &str, version: &str, plural: &str) -> Result<Arc<Resource>, AppError> {
        let group = if group == "core" { "" } else { group };
        if let Some(resource) = self
            .resources
            .iter()
            .find(|resource| &*resource.group == group && &*resource.version == version && &*resource.plural == plural)
        {
            return Ok(Arc::clone(resource));
        }
        let name = GroupResource::new(group, plural);
        if let Some(problem) = self.unknown(name) {
            return Err(unavailable(problem));
        }
        let error = AppError::new(
            ErrorKind::NotOffered,
            format!("this cluster serves no resource {name} at version {version}"),
        );
        Err(match self.served(name) {
            Some(other) => error.hint(format!("it serves {name} at version {}", other.version)),
            None => match self.suggest(plural, group) {
                Some(suggestion) => error.suggest(suggestion),
                None => error.hint("the resource list shows what it serves"),
            },
        })
    }

    /// The resource that `text` means to a kubectl user: plural, singular, short name or kind, alone or followed by the
    /// group or by version and group. Among equals the core group wins, then the order of group names.
    pub fn find(&self, text: &str) -> Result<Arc<Resource>, AppError> {
        let wanted = text.to_lowercase();
        let (name, rest) = wanted.split_once('.').unwrap_or((&wanted, ""));
        let named = |resource: &Resource| {
            *resource.plural == *name
                || *resource.singular == *name
                || resource.kind.to_lowercase() == name
                || resource.short_names.iter().any(|short| **short == *name)
        };
        let qualified = |resource: &Resource| {
            rest.is_empty()
                || *resource.group == *rest
                || resource.group.strip_prefix(rest).is_some_and(|more| more.starts_with('.'))
                || rest == format!("{}.{}", resource.version, resource.group)
                // The core group has no name, and its dot may be left out.
                || (resource.group.is_empty() && rest == &*resource.version)
        };
        let rank =
            |resource: &Resource| (!resource.group.is_empty(), !is_builtin(&resource.group), *resource.plural != *name);
        self.resources
            .iter()
            .filter(|resource| named(resource) && qualified(resource))
            .min_by_key(|resource| (rank(resource), rest.is_empty() && !resource.preferred))
            .cloned()
            .ok_or_else(|| {
                let error =
                    AppError::new(ErrorKind::NotOffered, format!("the server doesn't have a resource type \"{text}\""));
                match self.suggest(name, rest) {
                    Some(suggestion) => error.suggest(suggestion),
                    None if !self.problems.is_empty() => {
                        let problems: Vec<_> = self.problems.iter().map(ToString::to_string).collect();
                        error.hint(problems.join("; "))
                    }
                    None => error,
                }
            })
    }

    /// The resources of a category, such as `all`, each once, at the preferred version.
    pub fn category(&self, name: &str) -> Vec<Arc<Resource>> {
        self.listed().filter(|resource| resource.categories.iter().any(|one| **one == *name)).cloned().collect()
    }

    /// The closest plural name, when one is close enough to be a slip. What was asked for in one group is not offered from a
    /// group that is quite another.
    fn suggest(&self, text: &str, group: &str) -> Option<String> {
        let text = text.to_lowercase();
        let related = |resource: &Resource| {
            group.is_empty()
                || group.ends_with(&*resource.group) && !resource.group.is_empty()
                || distance(group, &resource.group) <= reach(group)
        };
        self.listed()
            .filter(|resource| related(resource))
            .map(|resource| {
                let distance = distance(&text, &resource.plural).min(distance(&text, &resource.kind.to_lowercase()));
                (distance, resource)
            })
            .filter(|(distance, _)| *distance <= reach(&text))
            .min_by_key(|(distance, _)| *distance)
            .map(|(_, resource)| resource.group_resource().to_string())
    }

    /// The resources grouped for the navigation: the well-known ones by purpose, the rest by API group.
    pub fn navigation(&self) -> Vec<NavigationGroup> {
        let item = |resource: &Arc<Resource>| NavigationItem {
            title: plural_title(&resource.kind, &resource.plural),
            resource: Arc::clone(resource),
        };
        let mut groups = Vec::new();
        for (title, members) in WELL_KNOWN {
            let items: Vec<_> = members
                .iter()
                .filter_map(|(group, plural)| self.served(GroupResource::new(group, plural)))
                .filter(|resource| resource.offers("list"))
                .map(item)
                .collect();
            if !items.is_empty() {
                groups.push(NavigationGroup { title: (*title).to_owned(), items });
            }
        }
        let mut rest: BTreeMap<&str, Vec<NavigationItem>> = BTreeMap::new();
        for resource in self.listed().filter(|resource| !is_well_known(resource.group_resource())) {
            rest.entry(&resource.group).or_default().push(item(resource));
        }
        groups.extend(rest.into_iter().map(|(group, items)| NavigationGroup {
            title: if group.is_empty() { "Other".to_owned() } else { group.to_owned() },
            items,
        }));
        groups
    }
}

/// The error for what cannot be told while a group is unknown.
pub(crate) fn unavailable(problem: &Problem) -> AppError {
    AppError::new(ErrorKind::Unavailable, problem.to_string())
        .hint("it is asked again every half minute; `kubectl get apiservices` shows what is wrong with it")
}

/// Groups and names in order, preferred versions first.
fn order(a: &Resource, b: &Resource) -> Ordering {
    (&a.group, &a.plural, !a.preferred, &b.version).cmp(&(&b.group, &b.plural, !b.preferred, &a.version))
}

/// Groups that Kubernetes itself serves.
fn is_builtin(group: &str) -> bool {
    matches!(group, "" | "apps" | "batch" | "autoscaling" | "policy" | "extensions") || group.ends_with(".k8s.io")
}

fn is_well_known(name: GroupResource<'_>) -> bool {
    // The same events are served twice; one place is enough.
    name == GroupResource::new("events.k8s.io", "events")
        || WELL_KNOWN.iter().any(|(_, members)| members.contains(&(name.group, name.plural)))
}

/// `NetworkPolicy`, `networkpolicies` → `NetworkPolicies`: the kind's capitals on the plural's letters.
fn plural_title(kind: &str, plural: &str) -> String {
    let common = kind
        .chars()
        .zip(plural.chars())
        .take_while(|(upper, lower)| upper.to_lowercase().eq(lower.to_lowercase()))
        .count();
    kind.chars().take(common).chain(plural.chars().skip(common)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(group: &str, version: &str, plural: &str, kind: &str, short: &[&str]) -> Arc<Resource> {
        Arc::new(Resource {
            verbs: vec!["list".into(), "get".into(), "watch".into()],
            short_names: short.iter().map(|name| (*name).into()).collect(),
            preferred: version == "v1",
            ..Resource::new(group, version, plural, kind)
        })
    }

    fn catalog() -> Catalog {
        Catalog::new(Discovery {
            resources: vec![
                resource("", "v1", "pods", "Pod", &["po"]),
                resource("", "v1", "events", "Event", &["ev"]),
                resource("events.k8s.io", "v1", "events", "Event", &["ev"]),
                resource("metrics.k8s.io", "v1beta1", "pods", "PodMetrics", &[]),
                resource("apps", "v1beta1", "deployments", "Deployment", &["deploy"]),
                resource("apps", "v1", "deployments", "Deployment", &["deploy"]),
                resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy", &["netpol"]),
                resource("kubeflow.org", "v1beta1", "experiments", "Experiment", &[]),
            ],
            problems: Vec::new(),
        })
    }

    #[test]
    fn resources_are_found_by_the_names_kubectl_users_type() {
        let catalog = catalog();
        for (text, expected) in [
            ("po", "pods"),
            ("pod", "pods"),
            ("Pods", "pods"),
            ("ev", "events"),
            ("deployments.apps", "deployments.apps"),
            ("deployments.v1.apps", "deployments.apps"),
            ("pods.v1.", "pods"),
            ("pods.v1", "pods"),
            ("deploy", "deployments.apps"),
            ("pods.metrics.k8s.io", "pods.metrics.k8s.io"),
            ("pods.metrics", "pods.metrics.k8s.io"),
            ("Experiment", "experiments.kubeflow.org"),
            ("experiments.kubeflow.org", "experiments.kubeflow.org"),
        ] {
            assert_eq!(catalog.find(text).unwrap().group_resource().to_string(), expected, "{text}");
        }
        assert_eq!(&*catalog.find("deploy").unwrap().version, "v1");
        assert_eq!(&*catalog.find("deployments.v1beta1.apps").unwrap().version, "v1beta1");
    }

    #[test]
    fn an_unknown_resource_is_named_and_a_slip_is_mended() {
        let error = catalog().find("podz").unwrap_err();
        assert_eq!(error.kind, ErrorKind::NotOffered);
        assert_eq!(error.message, "the server doesn't have a resource type \"podz\"");
        assert_eq!(error.hint.as_deref(), Some("did you mean pods?"));
        for text in ["quux", "nope", "pods.example.com", "podz.example.com"] {
            assert_eq!(catalog().find(text).unwrap_err().hint, None, "{text}");
        }
        let slip = |text: &str| catalog().find(text).unwrap_err().replacement;
        assert_eq!(slip("experimnts.kubeflow.org").as_deref(), Some("experiments.kubeflow.org"));
        assert_eq!(slip("deploymnets").as_deref(), Some("deployments.apps"));
    }

    #[test]
    fn a_version_that_is_not_served_names_the_one_that_is() {
        let error = catalog().resource("core", "v2", "pods").unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("it serves pods at version v1"));
    }

    #[test]
    fn the_navigation_shows_each_resource_once_and_events_once() {
        let navigation = catalog().navigation();
        let titles: Vec<_> = navigation.iter().map(|group| group.title.as_str()).collect();
        assert_eq!(titles, ["Workloads", "Network", "Cluster", "kubeflow.org", "metrics.k8s.io"]);
        let shown: Vec<_> = navigation.iter().flat_map(|group| &group.items).map(|item| item.title.as_str()).collect();
        assert_eq!(shown, ["Pods", "Deployments", "NetworkPolicies", "Events", "Experiments", "Pods"]);
    }

    #[test]
    fn what_discovery_could_not_read_this_time_is_kept() {
        let mut custom = Resource::clone(&resource("kubeflow.org", "v1", "notebooks", "Notebook", &[]));
        custom.printer_columns = Some(Vec::new());
        let mut resources = catalog().resources;
        resources.push(Arc::new(custom.clone()));
        let before = Catalog::new(Discovery { resources, problems: Vec::new() });
        let without = |problems: &[&str]| {
            custom.printer_columns = None;
            let kept = catalog().resources.into_iter().filter(|resource| &*resource.group != "metrics.k8s.io");
            let resources = kept.chain([Arc::new(custom.clone())]).collect();
            let problems = problems.iter().map(|version| problem(version)).collect();
            Catalog::new(Discovery { resources, problems })
        };
        let mut without = without;
        let metrics = GroupResource::new("metrics.k8s.io", "pods");
        let after = without(&["metrics.k8s.io/v1beta1"]).after(Some(&before));
        assert!(after.serves(metrics));
        assert_eq!(after.resources, before.resources);
        assert!(!without(&["other.io/v1", "k8s.io/v1beta1", "metrics.k8s.io/v1"]).after(Some(&before)).serves(metrics));
        let gone = without(&[]).after(Some(&before));
        assert!(!gone.serves(metrics), "what is truly gone goes");
        assert!(gone.resources.iter().all(|resource| resource.printer_columns.is_none()));
    }

    fn problem(api_version: &str) -> Problem {
        Problem {
            api_version: Some(api_version.to_owned()),
            what: format!("what {api_version} serves is unknown: 503"),
            error: None,
        }
    }

    #[test]
    fn what_is_not_known_to_be_served_is_not_known_to_be_missing() {
        let catalog = Catalog { problems: vec![problem("kubeflow.org/v1"), problem("v1")], ..catalog() };
        assert_eq!(
            catalog.unknown(GroupResource::new("kubeflow.org", "pytorchjobs")),
            Some(&problem("kubeflow.org/v1"))
        );
        assert_eq!(catalog.unknown(GroupResource::new("", "secrets")), Some(&problem("v1")));
        assert_eq!(catalog.unknown(GroupResource::new("kubeflow.org", "experiments")), None, "it is served");
        assert_eq!(catalog.unknown(GroupResource::new("batch", "jobs")), None, "it is truly missing");
        let error = catalog.resource("kubeflow.org", "v1", "pytorchjobs").unwrap_err();
        assert_eq!((error.kind, error.message), (ErrorKind::Unavailable, problem("kubeflow.org/v1").to_string()));
    }
}
