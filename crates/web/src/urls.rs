//! Every address of the console, built and never pasted together.

use std::fmt;

use maud::{Markup, Render, html};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use pilothouse_app::Source;
use pilothouse_app::Target;
use pilothouse_model::Resource;

use crate::question::Question;

/// What stays as it is in a path segment or a query value.
const SAFE: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// In a query value, what people write in questions may stay readable, too.
const SAFE_VALUE: &AsciiSet = &SAFE.remove(b':').remove(b'/').remove(b',').remove(b'*').remove(b'!');

/// An address within the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Url(String);

impl Url {
    /// The address with this question as its query string.
    pub(crate) fn ask(&self, question: &Question) -> Self {
        let query = question.to_string();
        if query.is_empty() { self.clone() } else { Self(format!("{}?{query}", self.0)) }
    }

    /// The address with one more query parameter.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let joint = if self.0.contains('?') { '&' } else { '?' };
        Self(format!("{}{joint}{name}={}", self.0, encode_value(value)))
    }

    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Render for Url {
    fn render(&self) -> Markup {
        html! { (self.0.as_str()) }
    }
}

/// One path segment. A dot segment keeps no meaning: browsers resolve `%2e` like a dot, so no address is made of one.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, SAFE).to_string()
}

/// A query value.
pub(crate) fn encode_value(text: &str) -> String {
    utf8_percent_encode(text, SAFE_VALUE).to_string()
}

/// `core` or the API group: path segments cannot be empty.
pub(crate) fn group(resource: &Resource) -> &str {
    if resource.group.is_empty() { "core" } else { &resource.group }
}

/// All clusters.
pub(crate) fn clusters() -> Url {
    Url("/clusters".to_owned())
}

/// What needs attention in a cluster.
pub(crate) fn cluster(cluster: &str) -> Url {
    Url(format!("/c/{}", segment(cluster)))
}

/// The workloads of all instruments.
pub(crate) fn workloads(cluster: &str) -> Url {
    Url(format!("/c/{}/workloads", segment(cluster)))
}

/// A place of an instrument; the empty place is its landing page.
pub(crate) fn place(cluster: &str, instrument: &str, place: &str) -> Url {
    let base = format!("/c/{}/i/{}", segment(cluster), segment(instrument));
    Url(if place.is_empty() { base } else { format!("{base}/{}", segment(place)) })
}

/// `{group}/{version}/{plural}` of a resource.
fn resource_path(resource: &Resource) -> String {
    format!("{}/{}/{}", segment(group(resource)), segment(&resource.version), segment(&resource.plural))
}

/// `{group}/{version}/{plural}[/namespaces/{namespace}]/{name}` of an object.
fn object_path(resource: &Resource, namespace: Option<&str>, name: &str) -> String {
    let base = resource_path(resource);
    match namespace {
        Some(namespace) => format!("{base}/namespaces/{}/{}", segment(namespace), segment(name)),
        None => format!("{base}/{}", segment(name)),
    }
}

/// The same, from segments of an address of the console.
pub(crate) fn all_encoded((group, version, plural): (&str, &str, &str)) -> Url {
    Url(format!("/all/r/{group}/{version}/{plural}"))
}

/// The list of a resource in several clusters, named by its path.
pub(crate) fn all_path((group, version, plural): (&str, &str, &str)) -> Url {
    Url(format!("/all/r/{}/{}/{}", segment(group), segment(version), segment(plural)))
}

/// The list of a resource.
pub(crate) fn list(cluster: &str, resource: &Resource) -> Url {
    Url(format!("/c/{}/r/{}", segment(cluster), resource_path(resource)))
}

/// The list of a source.
pub(crate) fn whole(cluster: &str, source: &Source) -> Url {
    match source {
        Source::Workloads => workloads(cluster),
        Source::Resource(resource) => list(cluster, resource),
    }
}

/// The page of an object.
pub(crate) fn object(cluster: &str, resource: &Resource, namespace: Option<&str>, name: &str) -> Url {
    Url(format!("/c/{}/r/{}", segment(cluster), object_path(resource, namespace, name)))
}

/// Doing something with an object.
pub(crate) fn act(cluster: &str, action: &str, target: &Target) -> Url {
    Url(format!("/c/{}/act/{}/{}", segment(cluster), segment(action), target_path(target)))
}

/// An object as text to edit.
pub(crate) fn edit(cluster: &str, target: &Target) -> Url {
    Url(format!("/c/{}/edit/{}", segment(cluster), target_path(target)))
}

/// The values of a Secret.
pub(crate) fn reveal(cluster: &str, target: &Target) -> Url {
    Url(format!("/c/{}/reveal/{}", segment(cluster), target_path(target)))
}

fn target_path(target: &Target) -> String {
    object_path(&target.resource, target.namespace.as_deref(), &target.name)
}

/// The log of a pod, as a stream.
pub(crate) fn log(cluster: &str, namespace: &str, pod: &str) -> Url {
    Url(format!("/c/{}/logs/{}/{}", segment(cluster), segment(namespace), segment(pod)))
}

/// The log of a pod, as a file.
pub(crate) fn log_text(cluster: &str, namespace: &str, pod: &str) -> Url {
    Url(format!("{}/text", log(cluster, namespace, pod)))
}

/// A terminal of a pod.
pub(crate) fn terminal(cluster: &str, namespace: &str, pod: &str) -> Url {
    Url(format!("/c/{}/terminal/{}/{}", segment(cluster), segment(namespace), segment(pod)))
}

/// The stream of everything that a page follows.
pub(crate) fn live(cluster: &str) -> Url {
    Url(format!("/c/{}/live", segment(cluster)))
}

/// What can be written in the search field of a list.
pub(crate) fn complete(cluster: &str, source: &Source, question: &Question) -> Url {
    let address = Url(format!("/c/{}/complete", segment(cluster)));
    let scope = Question { labels: question.labels.clone(), ..question.scope() };
    match source {
        Source::Workloads => address.ask(&scope),
        Source::Resource(resource) => {
            let name = format!("{}/{}/{}", group(resource), resource.version, resource.plural);
            address.ask(&scope).with("resource", &name)
        }
    }
}

/// What can be written in the search field of a list over several clusters, which is `workloads` or a resource's path.
pub(crate) fn complete_all(source: &str, question: &Question) -> Url {
    let scope = Question { labels: question.labels.clone(), clusters: question.clusters.clone(), ..question.scope() };
    let address = Url("/all/complete".to_owned()).ask(&scope);
    if source.is_empty() { address } else { address.with("resource", source) }
}

/// The palette's answers.
pub(crate) fn palette(cluster: Option<&str>) -> Url {
    Url(match cluster {
        Some(cluster) => format!("/c/{}/palette", segment(cluster)),
        None => "/palette".to_owned(),
    })
}

/// Search over everything.
pub(crate) fn search() -> Url {
    Url("/search".to_owned())
}

/// Everything that runs in several clusters.
pub(crate) fn all_workloads() -> Url {
    Url("/all/workloads".to_owned())
}

/// The list of a resource in several clusters.
pub(crate) fn all_list(resource: &Resource) -> Url {
    Url(format!("/all/r/{}", resource_path(resource)))
}

/// The stream of a page over several clusters.
pub(crate) fn all_live() -> Url {
    Url("/all/live".to_owned())
}

/// What a stream follows: a window over a resource in several clusters, named by its path.
pub(crate) fn watch_all((group, version, plural): (&str, &str, &str), question: &Question) -> Url {
    Url(format!("r/{}/{}/{}", segment(group), segment(version), segment(plural))).ask(question)
}

/// Where people sign in, and where they go afterwards.
pub(crate) fn sign_in(then: &str) -> Url {
    let page = Url("/sign-in".to_owned());
    if then == "/" { page } else { page.with("then", then) }
}

/// Signing in to a cluster with its issuer.
pub(crate) fn sign_in_with_issuer(cluster: &str, then: &str) -> Url {
    let start = Url(format!("/sign-in/{}/openid", segment(cluster)));
    if then == "/" { start } else { start.with("then", then) }
}

/// Where the issuer of a cluster sends the browser back to.
pub(crate) fn callback(cluster: &str) -> Url {
    Url(format!("/sign-in/{}/callback", segment(cluster)))
}

/// What a stream follows: a window over workloads.
pub(crate) fn watch_workloads(question: &Question) -> Url {
    Url("workloads".to_owned()).ask(question)
}

/// What a stream follows: a window over a resource.
pub(crate) fn watch_list(resource: &Resource, question: &Question) -> Url {
    Url(format!("r/{}", resource_path(resource))).ask(question)
}

/// What a stream follows: how the rows of a list divide.
pub(crate) fn watch_counts(source: &Source, question: &Question) -> Url {
    let list = match source {
        Source::Workloads => watch_workloads(question),
        Source::Resource(resource) => watch_list(resource, question),
    };
    Url(format!("counts/{list}"))
}

/// What a stream follows: one object.
pub(crate) fn watch_object(resource: &Resource, namespace: Option<&str>, name: &str, view: &str) -> Url {
    Url(format!("o/{}", object_path(resource, namespace, name))).with("view", view)
}

/// What a stream follows: the connection, told whether the page was made while it stood.
pub(crate) fn watch_state(connected: bool) -> Url {
    Url("state".to_owned()).with("was", if connected { "up" } else { "down" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;

    #[test]
    fn names_of_any_kind_stay_one_segment() {
        let pods = samples::resource("", "v1", "pods", "Pod");
        for name in ["a b", "a/b", "ä", "50%", "a?b#c", "system:node", "x&y=z"] {
            let url = object("prod/eu", &pods, Some("team-a"), name);
            let segments: Vec<_> = url.as_str().split('/').collect();
            assert_eq!(segments.len(), 10, "{url}");
            let decoded = percent_encoding::percent_decode_str(segments[9]).decode_utf8().unwrap();
            assert_eq!(decoded, name);
            assert_eq!(segments[2], "prod%2Feu");
        }
    }

    #[test]
    fn addresses_read_as_designed() {
        let pods = samples::resource("", "v1", "pods", "Pod");
        let experiments = samples::resource("kubeflow.org", "v1beta1", "experiments", "Experiment");
        let question = Question { q: "state:failed oom".into(), ..Question::default() };
        assert_eq!(list("prod", &pods).ask(&question).as_str(), "/c/prod/r/core/v1/pods?q=state:failed%20oom");
        assert_eq!(
            object("prod", &experiments, Some("a"), "tune").as_str(),
            "/c/prod/r/kubeflow.org/v1beta1/experiments/namespaces/a/tune"
        );
        assert_eq!(place("prod", "kubeflow", "").as_str(), "/c/prod/i/kubeflow");
        assert_eq!(watch_state(false).as_str(), "state?was=down");
    }
}
