//! The one table of operations: what can be asked of the console, declared once. The web's API routes and the OpenAPI
//! document come from it.

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Stable name.
    pub id: &'static str,
    /// How it is asked.
    pub method: Method,
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

/// The method of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Does something, each time anew.
    Post,
    /// Puts something in the place of what is there.
    Put,
    /// Takes something away.
    Delete,
}

impl Method {
    /// In lower case, as OpenAPI writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Post => "post",
            Self::Put => "put",
            Self::Delete => "delete",
        }
    }
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
    Parameter {
        name: "after",
        summary: "Where the page before ended: its `next`. The page is exact whatever has changed since. Not with offset, and not in a stream.",
        kind: "string",
    },
];

const COUNT: &[Parameter] = &[
    Parameter {
        name: "by",
        summary: "Fields to count, separated by commas: any column, or label:NAME for a label; state and namespace when absent.",
        kind: "string",
    },
    LIST[0],
    LIST[1],
    LIST[2],
    Parameter { name: "limit", summary: "Values wanted of each field, 1 to 1000; 100 when absent.", kind: "integer" },
];

/// The same for lists over several clusters.
const LIST_ALL: &[Parameter] = &[CLUSTERS, LIST[0], LIST[1], LIST[2], LIST[3], LIST[4], LIST[5]];

const SEARCH: &[Parameter] = &[
    Parameter { name: "q", summary: "Words, and filters of the query language.", kind: "string" },
    CLUSTERS,
    LIST[1],
    Parameter { name: "limit", summary: "Results wanted, 1 to 50; 50 when absent.", kind: "integer" },
];

const CLUSTERS: Parameter =
    Parameter { name: "cluster", summary: "Clusters, separated by commas; all when absent.", kind: "string" };

const DRY_RUN: Parameter =
    Parameter { name: "dryRun", summary: "Only try it: everything is checked and nothing changed.", kind: "boolean" };
const UID: Parameter = Parameter {
    name: "uid",
    summary: "Unique id of the object that is meant; another one is a conflict.",
    kind: "string",
};
const VERSION: Parameter = Parameter {
    name: "resourceVersion",
    summary: "Version of the object that was seen; a later one is a conflict.",
    kind: "string",
};
const ACT: &[Parameter] = &[
    Parameter { name: "number", summary: "The number that the action asks for, as `scale` does.", kind: "integer" },
    UID,
    VERSION,
    DRY_RUN,
];
const DELETE: &[Parameter] = &[
    Parameter { name: "propagationPolicy", summary: "Background, Foreground or Orphan.", kind: "string" },
    Parameter { name: "gracePeriodSeconds", summary: "Seconds that it has to end in peace.", kind: "integer" },
    UID,
    VERSION,
    DRY_RUN,
];
const REPLACE: &[Parameter] = &[DRY_RUN];
const LOG: &[Parameter] = &[
    Parameter { name: "container", summary: "Container; may be left out where there is only one.", kind: "string" },
    Parameter { name: "follow", summary: "Go on with what comes later.", kind: "boolean" },
    Parameter { name: "previous", summary: "The container's run before this one.", kind: "boolean" },
    Parameter { name: "tailLines", summary: "Only so many lines from the end.", kind: "integer" },
    Parameter { name: "sinceSeconds", summary: "Only what is this young.", kind: "integer" },
    Parameter { name: "limitBytes", summary: "No more than about this much.", kind: "integer" },
    Parameter { name: "timestamps", summary: "Begin each line with its time.", kind: "boolean" },
];

const COMPLETE: &[Parameter] = &[
    Parameter {
        name: "resource",
        summary: "What is listed: group/version/plural, the core group written `core`; workloads when absent.",
        kind: "string",
    },
    Parameter { name: "q", summary: "The query text so far.", kind: "string" },
    Parameter {
        name: "cursor",
        summary: "How many bytes of q stand before the cursor; all when absent.",
        kind: "integer",
    },
    Parameter { name: "namespace", summary: "Namespaces, separated by commas; all when absent.", kind: "string" },
    Parameter { name: "labelSelector", summary: "Label selector in Kubernetes' syntax.", kind: "string" },
];

/// Every operation of the API.
pub const OPERATIONS: &[Operation] = &[
    Operation {
        id: "listClusters",
        method: Method::Get,
        path: "/clusters",
        summary: "The clusters of the kubeconfig and how each is connected.",
        parameters: &[],
        streams: false,
        answer: "Clusters",
    },
    Operation {
        id: "listAllWorkloads",
        method: Method::Get,
        path: "/workloads",
        summary: "Everything that runs, in several clusters; a cluster that does not answer keeps no other back.",
        parameters: LIST_ALL,
        streams: true,
        answer: "AllRows",
    },
    Operation {
        id: "listAllObjects",
        method: Method::Get,
        path: "/resources/{group}/{version}/{plural}",
        summary: "The rows of one resource in several clusters, each at the version that it serves.",
        parameters: LIST_ALL,
        streams: true,
        answer: "AllRows",
    },
    Operation {
        method: Method::Get,
        id: "search",
        path: "/search",
        summary: "Everything that mentions the words, of all kinds, the best first; says what was not searched.",
        parameters: SEARCH,
        streams: false,
        answer: "Found",
    },
    Operation {
        id: "listResources",
        method: Method::Get,
        path: "/clusters/{cluster}/resources",
        summary: "The resources that a cluster serves.",
        parameters: &[],
        streams: false,
        answer: "Resources",
    },
    Operation {
        id: "completeQuestion",
        method: Method::Get,
        path: "/clusters/{cluster}/completions",
        summary: "What can be written next in a query text: fields, values with how many rows have each, operators, labels.",
        parameters: COMPLETE,
        streams: false,
        answer: "Completions",
    },
    Operation {
        id: "listWorkloads",
        method: Method::Get,
        path: "/clusters/{cluster}/workloads",
        summary: "Everything that runs, of all instruments, in one shape.",
        parameters: LIST,
        streams: true,
        answer: "Rows",
    },
    Operation {
        id: "listObjects",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}",
        summary: "The rows of one resource; the core group is written `core`.",
        parameters: LIST,
        streams: true,
        answer: "Rows",
    },
    Operation {
        id: "countWorkloads",
        method: Method::Get,
        path: "/clusters/{cluster}/counts/workloads",
        summary: "How many workloads have each value of some fields.",
        parameters: COUNT,
        streams: false,
        answer: "Counts",
    },
    Operation {
        id: "countObjects",
        method: Method::Get,
        path: "/clusters/{cluster}/counts/resources/{group}/{version}/{plural}",
        summary: "How many objects of a resource have each value of some fields.",
        parameters: COUNT,
        streams: false,
        answer: "Counts",
    },
    Operation {
        id: "getNamespacedObject",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}",
        summary: "One object of a namespaced resource, without managed fields and Secret values.",
        parameters: &[],
        streams: false,
        answer: "Object",
    },
    Operation {
        id: "explainNamespacedObject",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/explanation",
        summary: "Why an object is as it is: ranked causes with their evidence.",
        parameters: &[],
        streams: false,
        answer: "Explanation",
    },
    Operation {
        id: "listNamespacedObjectEvents",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/events",
        summary: "The events of an object and of what it owns, newest first.",
        parameters: &[],
        streams: false,
        answer: "Events",
    },
    Operation {
        id: "getObject",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}",
        summary: "One object of a cluster-scoped resource.",
        parameters: &[],
        streams: false,
        answer: "Object",
    },
    Operation {
        id: "explainObject",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/explanation",
        summary: "Why a cluster-scoped object is as it is.",
        parameters: &[],
        streams: false,
        answer: "Explanation",
    },
    Operation {
        id: "listObjectEvents",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/events",
        summary: "The events of a cluster-scoped object.",
        parameters: &[],
        streams: false,
        answer: "Events",
    },
    Operation {
        id: "replaceNamespacedObject",
        method: Method::Put,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}",
        summary: "Puts an object in the place of the one that is there, as you.",
        parameters: REPLACE,
        streams: false,
        answer: "Done",
    },
    Operation {
        id: "deleteNamespacedObject",
        method: Method::Delete,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}",
        summary: "Deletes an object, as you.",
        parameters: DELETE,
        streams: false,
        answer: "Done",
    },
    Operation {
        id: "listNamespacedObjectActions",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/actions",
        summary: "What you may do with an object as it stands.",
        parameters: &[],
        streams: false,
        answer: "Actions",
    },
    Operation {
        id: "actOnNamespacedObject",
        method: Method::Post,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/actions/{action}",
        summary: "Does something with an object, as you: one of its actions.",
        parameters: ACT,
        streams: false,
        answer: "Done",
    },
    Operation {
        id: "revealNamespacedObject",
        method: Method::Post,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/reveal",
        summary: "A Secret with its values, read as you and recorded.",
        parameters: &[],
        streams: false,
        answer: "Secret",
    },
    Operation {
        id: "readNamespacedObjectLog",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/namespaces/{namespace}/{name}/log",
        summary: "The log of a pod's container, read as you.",
        parameters: LOG,
        streams: true,
        answer: "Log",
    },
    Operation {
        id: "replaceObject",
        method: Method::Put,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}",
        summary: "Puts a cluster-scoped object in the place of the one that is there, as you.",
        parameters: REPLACE,
        streams: false,
        answer: "Done",
    },
    Operation {
        id: "deleteObject",
        method: Method::Delete,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}",
        summary: "Deletes a cluster-scoped object, as you.",
        parameters: DELETE,
        streams: false,
        answer: "Done",
    },
    Operation {
        id: "listObjectActions",
        method: Method::Get,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/actions",
        summary: "What you may do with a cluster-scoped object as it stands.",
        parameters: &[],
        streams: false,
        answer: "Actions",
    },
    Operation {
        id: "actOnObject",
        method: Method::Post,
        path: "/clusters/{cluster}/resources/{group}/{version}/{plural}/{name}/actions/{action}",
        summary: "Does something with a cluster-scoped object, as you: one of its actions.",
        parameters: ACT,
        streams: false,
        answer: "Done",
    },
];
