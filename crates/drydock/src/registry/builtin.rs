//! The table of built-in resources.

use pilothouse_model::{Resource, Str};

use super::{Further, Scale, Served};

/// One line of the table: plural, singular, kind, short names, categories, and [`Traits`] as letters:
/// `n` namespaced, `s` status subresource, `r` scale subresource (replicas), `g` generation, `c` review: create only.
struct Line(&'static str, &'static str, &'static str, &'static str);

const ALL_VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// (group, version, resources).
const TABLE: &[(&str, &str, &[Line])] = &[
    (
        "",
        "v1",
        &[
            Line("bindings", "Binding", "", "nc"),
            Line("configmaps", "ConfigMap", "cm", "n"),
            Line("endpoints", "Endpoints", "ep", "n"),
            Line("events", "Event", "ev", "n"),
            Line("limitranges", "LimitRange", "limits", "n"),
            Line("namespaces", "Namespace", "ns", "s"),
            Line("nodes", "Node", "no", "s"),
            Line("persistentvolumeclaims", "PersistentVolumeClaim", "pvc", "ns"),
            Line("persistentvolumes", "PersistentVolume", "pv", "s"),
            Line("pods", "Pod", "po;all", "ns"),
            Line("podtemplates", "PodTemplate", "", "n"),
            Line("replicationcontrollers", "ReplicationController", "rc;all", "nsrg"),
            Line("resourcequotas", "ResourceQuota", "quota", "ns"),
            Line("secrets", "Secret", "", "n"),
            Line("serviceaccounts", "ServiceAccount", "sa", "n"),
            Line("services", "Service", "svc;all", "ns"),
        ],
    ),
    (
        "admissionregistration.k8s.io",
        "v1",
        &[
            Line("mutatingwebhookconfigurations", "MutatingWebhookConfiguration", ";api-extensions", "g"),
            Line("validatingwebhookconfigurations", "ValidatingWebhookConfiguration", ";api-extensions", "g"),
        ],
    ),
    (
        "apiextensions.k8s.io",
        "v1",
        &[Line("customresourcedefinitions", "CustomResourceDefinition", "crd,crds;api-extensions", "sg")],
    ),
    ("apiregistration.k8s.io", "v1", &[Line("apiservices", "APIService", ";api-extensions", "s")]),
    (
        "apps",
        "v1",
        &[
            Line("controllerrevisions", "ControllerRevision", "", "n"),
            Line("daemonsets", "DaemonSet", "ds;all", "nsg"),
            Line("deployments", "Deployment", "deploy;all", "nsrg"),
            Line("replicasets", "ReplicaSet", "rs;all", "nsrg"),
            Line("statefulsets", "StatefulSet", "sts;all", "nsrg"),
        ],
    ),
    (
        "authentication.k8s.io",
        "v1",
        &[Line("selfsubjectreviews", "SelfSubjectReview", "", "c"), Line("tokenreviews", "TokenReview", "", "c")],
    ),
    (
        "authorization.k8s.io",
        "v1",
        &[
            Line("localsubjectaccessreviews", "LocalSubjectAccessReview", "", "nc"),
            Line("selfsubjectaccessreviews", "SelfSubjectAccessReview", "", "c"),
            Line("selfsubjectrulesreviews", "SelfSubjectRulesReview", "", "c"),
            Line("subjectaccessreviews", "SubjectAccessReview", "", "c"),
        ],
    ),
    ("autoscaling", "v2", &[Line("horizontalpodautoscalers", "HorizontalPodAutoscaler", "hpa;all", "ns")]),
    ("batch", "v1", &[Line("cronjobs", "CronJob", "cj;all", "nsg"), Line("jobs", "Job", ";all", "nsg")]),
    ("certificates.k8s.io", "v1", &[Line("certificatesigningrequests", "CertificateSigningRequest", "csr", "s")]),
    ("coordination.k8s.io", "v1", &[Line("leases", "Lease", "", "n")]),
    ("discovery.k8s.io", "v1", &[Line("endpointslices", "EndpointSlice", "", "ng")]),
    ("events.k8s.io", "v1", &[Line("events", "Event", "ev", "n")]),
    (
        "networking.k8s.io",
        "v1",
        &[
            Line("ingressclasses", "IngressClass", "", "g"),
            Line("ingresses", "Ingress", "ing", "nsg"),
            Line("networkpolicies", "NetworkPolicy", "netpol", "ng"),
        ],
    ),
    ("node.k8s.io", "v1", &[Line("runtimeclasses", "RuntimeClass", "", "")]),
    ("policy", "v1", &[Line("poddisruptionbudgets", "PodDisruptionBudget", "pdb", "nsg")]),
    (
        "rbac.authorization.k8s.io",
        "v1",
        &[
            Line("clusterrolebindings", "ClusterRoleBinding", "", ""),
            Line("clusterroles", "ClusterRole", "", ""),
            Line("rolebindings", "RoleBinding", "", "n"),
            Line("roles", "Role", "", "n"),
        ],
    ),
    ("scheduling.k8s.io", "v1", &[Line("priorityclasses", "PriorityClass", "pc", "g")]),
    (
        "storage.k8s.io",
        "v1",
        &[
            Line("csidrivers", "CSIDriver", "", ""),
            Line("csinodes", "CSINode", "", ""),
            Line("storageclasses", "StorageClass", "sc", ""),
            Line("volumeattachments", "VolumeAttachment", "", "s"),
        ],
    ),
];

const POD_SUBRESOURCES: &[Further] = &[
    Further { name: "binding", group: "", version: "v1", kind: "Binding", verbs: &["create"] },
    Further { name: "eviction", group: "policy", version: "v1", kind: "Eviction", verbs: &["create"] },
    Further { name: "log", group: "", version: "v1", kind: "Pod", verbs: &["get"] },
];

const NAMESPACE_SUBRESOURCES: &[Further] =
    &[Further { name: "finalize", group: "", version: "v1", kind: "Namespace", verbs: &["update"] }];

const SERVICE_ACCOUNT_SUBRESOURCES: &[Further] = &[Further {
    name: "token",
    group: "authentication.k8s.io",
    version: "v1",
    kind: "TokenRequest",
    verbs: &["create"],
}];

/// Every built-in resource.
pub(super) fn all() -> impl Iterator<Item = Served> {
    TABLE.iter().flat_map(|(group, version, lines)| lines.iter().map(|line| served(group, version, line)))
}

fn words(text: &str) -> Vec<Str> {
    text.split(',').filter(|word| !word.is_empty()).map(Str::from).collect()
}

fn served(group: &str, version: &str, line: &Line) -> Served {
    let Line(plural, kind, names, traits) = *line;
    let (short_names, categories) = names.split_once(';').unwrap_or((names, ""));
    let has = |letter: char| traits.contains(letter);
    let verbs: &[&str] = if has('c') {
        &["create"]
    } else if plural == "namespaces" {
        // Kubernetes does not offer deletecollection here.
        &["create", "delete", "get", "list", "patch", "update", "watch"]
    } else {
        &ALL_VERBS
    };
    let resource = Resource {
        namespaced: has('n'),
        verbs: verbs.iter().map(|verb| Str::from(*verb)).collect(),
        short_names: words(short_names),
        categories: words(categories),
        ..Resource::new(group, version, plural, kind)
    };
    // Events of both groups are the same objects, stored in the core group's form.
    let home = if plural == "events" { "" } else { group };
    Served {
        collection: if home.is_empty() { plural.into() } else { format!("{plural}.{home}").into() },
        stored_as: if home.is_empty() { "v1".to_owned() } else { resource.api_version() },
        resource,
        status: has('s'),
        scale: has('r').then(|| Scale {
            wanted: ".spec.replicas".to_owned(),
            present: ".status.replicas".to_owned(),
            selector: None,
        }),
        generation: has('g'),
        schema: None,
        custom: false,
        further: match (group, plural) {
            ("", "pods") => POD_SUBRESOURCES,
            ("", "namespaces") => NAMESPACE_SUBRESOURCES,
            ("", "serviceaccounts") => SERVICE_ACCOUNT_SUBRESOURCES,
            _ => &[],
        },
    }
}
