//! The one table of operations: what can be asked of the console, declared once. The web's API routes and the OpenAPI
//! document come from it.

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Stable name.
    pub id: &'static str,
    /// Path under `/api/v1`, with parameters in braces.
    pub path: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Query parameters.
    pub parameters: &'static [Parameter],
    /// Whether it also streams with `Accept: text/event-stream`.
    pub streams: bool,
    /// Name of the answer's schema.
    pub answer: &'static str,
}

/// A query parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Name.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// JSON type: `string` or `integer`.
    pub kind: &'static str,
}

const LIST: &[Parameter] = &[
    Parameter { name: "q", summary: "Query text: typed filters and free text.", kind: "string" },
    Parameter { name: "namespace", summary: "Namespaces, separated by commas; all when absent.", kind: "string" },
    Parameter { name: "labelSelector", summary: "Label selector in Kubernetes' syntax.", kind: "string" },
    Parameter { name: "sort", summary: "Sort keys, separated by commas; a leading - reverses.", kind: "string" },
    Parameter { name: "offset", summary: "Rows to skip.", kind: "integer" },
    Parameter { name: "limit", summary: "Rows wanted, 1 to 1000; 100 when absent.", kind: "integer" },
];

/// The same for lists over several clusters.
const LIST_ALL: &[Parameter] = &[CLUSTERS, LIST[0], LIST[1], LIST[2], LIST[3], LIST[4], LIST[5]];

const CLUSTERS: Parameter =
    Parameter { name: "cluster", summary: "Clusters, separated by commas; all when absent.", kind: "string" };

/// Every operation of the API. All of them read, with `GET`.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listClusters",
        path: "/clusters",
        summary: "The clusters of the kubeconfig and how each is connected.",
        parameters: &[],
        streams: false,
        answer: "Clusters",
    },
    Operation {
        id: "listAllWorkloads",
        path: "/workloads",
        summary: "Everything that runs, in several clusters; a cluster that does not answer keeps no other back.",
        parameters: LIST_ALL,
        streams: true,
        answer: "AllRows",
    },
    Operation {
        id: "listAllObjects",
        path: "/resources/{group}/{version}/{plural}",
        summary: "The rows of one resource in several clusters, each at the version that it serves.",
        parameters: LIST_ALL,
        streams: true,
        answer: "AllRows",
    },
    Operation {
        id: "listResources",
        path: "/clusters/{cluster}/resources",
        summary: "The resources that a cluster serves.",
        parameters: &[],
        streams: false,
        answer: "Resources",
    },
    Operation {
        id: "listWorkloads",
        path: "/clusters/{cluster}/workloads",
        summary: "Everything that runs, of all instruments, in one shape.",
        parameters: LIST,
        streams: true,
        answer: "Rows",
    },
    Operation {
        id: "listObjects",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}",
        summary: "The rows of one resource; the core group is written `core`.",
        parameters: LIST,
        streams: true,
        answer: "Rows",
    },
    Operation {
        id: "getNamespacedObject",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}",
        summary: "One object of a namespaced resource, without managed fields and Secret values.",
        parameters: &[],
        streams: false,
        answer: "Object",
    },
    Operation {
        id: "explainNamespacedObject",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/explanation",
        summary: "Why an object is as it is: ranked causes with their evidence.",
        parameters: &[],
        streams: false,
        answer: "Explanation",
    },
    Operation {
        id: "listNamespacedObjectEvents",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/events",
        summary: "The events of an object and of what it owns, newest first.",
        parameters: &[],
        streams: false,
        answer: "Events",
    },
    Operation {
        id: "getObject",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}",
        summary: "One object of a cluster-scoped resource.",
        parameters: &[],
        streams: false,
        answer: "Object",
    },
    Operation {
        id: "explainObject",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/explanation",
        summary: "Why a cluster-scoped object is as it is.",
        parameters: &[],
        streams: false,
        answer: "Explanation",
    },
    Operation {
        id: "listObjectEvents",
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/events",
        summary: "The events of a cluster-scoped object.",
        parameters: &[],
        streams: false,
        answer: "Events",
    },
];
