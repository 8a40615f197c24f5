//! Where the embedded cluster answers differently on purpose, each with its reason.

/// One intended difference.
pub(crate) struct Difference {
    /// The step, or the beginning of several steps' names when it ends in `*`.
    pub(crate) step: &'static str,
    /// What differs: a JSON pointer into the normalized answer; empty for all of it.
    pub(crate) part: &'static str,
    /// Why.
    #[expect(dead_code, reason = "it is for the reader")]
    pub(crate) reason: &'static str,
}

const fn difference(step: &'static str, part: &'static str, reason: &'static str) -> Difference {
    Difference { step, part, reason }
}

/// All of them.
pub(crate) const DIFFERENCES: &[Difference] = &[
    difference("a list from the cache", "/body/names", "the cache of Kubernetes 1.20 lists in no order"),
    difference("create as a dry run", "/body/data", "an empty map stays as it was written; a typed server drops it"),
    difference(
        "create a namespace",
        "/body/metadata/labels/kubernetes.io~1metadata.name",
        "since 1.21 every namespace has this label",
    ),
    difference("create another kind", "/body/message", "Go's own words stay out of our sentence"),
    difference("create from a bare string", "/body/message", "Go's own words stay out of our sentence"),
    difference("create with a resource version", "", "1.20 takes this mistake of a client for one of its own"),
    difference("replace with another unique id", "/body/message", "no storage key stands behind our sentence"),
    difference("get an unknown group", "/body", "a Status says more than a page of text; clients read both as 404"),
    difference("a broken label selector", "/body/message", "our parser words it its own way"),
    difference("a broken field selector", "/body/message", "our parser words it its own way"),
    difference(
        "an unknown field of pods",
        "/body/message",
        "one sentence for all kinds, with the fields that are known",
    ),
    difference("a broken page token", "/body/message", "our tokens break differently"),
    difference("a broken resource version", "", "1.20 takes this mistake of a client for one of its own"),
    difference("a watch from a broken version", "", "1.20 takes this mistake of a client for one of its own"),
    difference("merge a list", "", "1.20 finds the patch invalid, not the request bad"),
    difference("a patch of an unknown type", "/body", "our sentence lists the types that are known"),
    difference("JSON patch whose test fails", "/body/message", "our sentence says which step failed"),
    difference("JSON patch that removes nothing", "/body/message", "our sentence says which step failed"),
    difference("JSON patch that is no list", "/body/message", "Go's own words stay out of our sentence"),
    difference("no finalizer can be added now", "/body/details/causes", "1.20 tells the same cause twice"),
    difference("delete another one of the same name", "/body/message", "one sentence for every conflict of unique ids"),
    difference(
        "delete another one of the same name",
        "/body/details/kind",
        "the resource is named as in every other conflict",
    ),
    difference(
        "jobs as a table",
        "",
        "since 1.31 there is a column for the status; the label of the selector was renamed in 1.27",
    ),
    difference("claims as a table", "", "since 1.31 there is a column for the attributes class"),
    difference("quotas as a table", "", "since 1.21 the age is the last column"),
    difference("the list /api/v1", "/2", "1.20 left the version out"),
    difference("/api/v1: services", "/verbs", "since 1.21 services can be deleted as a collection"),
];

impl Difference {
    /// Whether it is about this step.
    pub(crate) fn concerns(&self, step: &str) -> bool {
        match self.step.strip_suffix('*') {
            Some(beginning) => step.starts_with(beginning),
            None => step == self.step,
        }
    }
}
