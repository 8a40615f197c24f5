//! What the cluster says of the one who asks: who it is, and what it may do.

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connection::{Call, Connection};
use crate::decode::nullable;
use crate::error::ClusterError;

const ACCESS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const RULES: &str = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
/// Versions in which a server may tell who asks, newest first.
const IDENTITY: [&str; 2] = ["v1", "v1beta1"];
/// The longest review that is taken in; the rules of one namespace are some kilobytes.
const LONGEST: usize = 32 << 20;

/// One thing that someone may want to do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Access {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, ...
    pub verb: String,
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// `log`, `scale`, `exec`, ...
    pub subresource: Option<String>,
    /// Where; `None` for everywhere, and for what lives in no namespace.
    pub namespace: Option<String>,
    /// To which object; `None` for any.
    pub name: Option<String>,
}

/// What someone may do in one namespace (and in none), as far as the server can list it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Each grants something; none takes anything away.
    pub rules: Vec<Rule>,
    /// Whether there may be rights that are not listed: some authorizers cannot list theirs.
    pub incomplete: bool,
    /// What went wrong while they were gathered, in the server's words.
    pub problem: Option<String>,
}

/// One rule, as RBAC writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(default)]
pub struct Rule {
    /// Verbs; `*` for all.
    #[serde(deserialize_with = "nullable")]
    pub verbs: Vec<String>,
    /// API groups; `*` for all.
    #[serde(rename = "apiGroups", deserialize_with = "nullable")]
    pub groups: Vec<String>,
    /// `pods`, `pods/log`, `*/scale`, or `*` for all with their subresources.
    #[serde(deserialize_with = "nullable")]
    pub resources: Vec<String>,
    /// Only these objects; empty for all.
    #[serde(rename = "resourceNames", deserialize_with = "nullable")]
    pub names: Vec<String>,
}

/// Whom the cluster takes someone for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Identity {
    /// The user's name.
    #[serde(rename = "username")]
    pub name: String,
    /// The user's groups.
    #[serde(default, deserialize_with = "nullable")]
    pub groups: Vec<String>,
}

impl Rules {
    /// Whether any rule grants it; see [`Rule::allows`].
    pub fn allow(&self, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
        self.rules.iter().any(|rule| rule.allows(verb, group, resource, name))
    }
}

impl Rule {
    /// Whether it grants `verb` on a resource (`pods`, or `pods/log` for a subresource). Without a name: on all objects, so a
    /// rule for some names does not. As in RBAC, `*` among the resources means subresources, too, `pods` does not mean
    /// `pods/log`, and `*/log` means that subresource of everything.
    pub fn allows(&self, verb: &str, group: &str, resource: &str, name: Option<&str>) -> bool {
        let has = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        has(&self.verbs, verb)
            && has(&self.groups, group)
            && (has(&self.resources, resource) || self.names_subresource(resource))
            && (self.names.is_empty() || name.is_some_and(|name| self.names.iter().any(|known| known == name)))
    }

    fn names_subresource(&self, resource: &str) -> bool {
        let Some((_, wanted)) = resource.split_once('/') else { return false };
        self.resources.iter().any(|entry| entry.strip_prefix("*/") == Some(wanted))
    }
}

impl Connection {
    /// Asks whether we may do something.
    pub async fn review_access(&self, access: &Access) -> Result<bool, ClusterError> {
        #[derive(Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize)]
        struct Status {
            allowed: bool,
        }
        let optional = |text: &Option<String>| text.clone().unwrap_or_default();
        let attributes = json!({
            "verb": access.verb, "group": access.group, "resource": access.resource,
            "subresource": optional(&access.subresource), "namespace": optional(&access.namespace),
            "name": optional(&access.name),
        });
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let Review { status } = self.review(ACCESS, &review).await?;
        Ok(status.allowed)
    }

    /// Asks what we may do in a namespace.
    pub async fn review_rules(&self, namespace: &str) -> Result<Rules, ClusterError> {
        #[derive(Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            #[serde(deserialize_with = "nullable")]
            resource_rules: Vec<Rule>,
            #[serde(default)]
            incomplete: bool,
            evaluation_error: Option<String>,
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace},
        });
        let Review { status } = self.review(RULES, &review).await?;
        let problem = status.evaluation_error.filter(|text| !text.is_empty());
        Ok(Rules { rules: status.resource_rules, incomplete: status.incomplete, problem })
    }

    /// Asks whom the cluster takes us for; `None` where it does not tell: Kubernetes before 1.27 knows no such question, and
    /// may refuse it instead of saying so.
    pub async fn who_am_i(&self) -> Result<Option<Identity>, ClusterError> {
        #[derive(Deserialize)]
        struct Review {
            status: Status,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Status {
            user_info: Identity,
        }
        for version in IDENTITY {
            let path = format!("/apis/authentication.k8s.io/{version}/selfsubjectreviews");
            let review = json!({"apiVersion": format!("authentication.k8s.io/{version}"), "kind": "SelfSubjectReview"});
            match self.review::<Review>(&path, &review).await {
                Ok(Review { status }) => return Ok(Some(status.user_info)),
                Err(ClusterError::NotFound { .. } | ClusterError::Forbidden { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// Posts a question and decodes the answer.
    async fn review<T: for<'de> Deserialize<'de>>(&self, path: &str, question: &Value) -> Result<T, ClusterError> {
        let kind = HeaderValue::from_static("application/json");
        let call = Call::with_body(Method::POST, path, kind, Bytes::from(question.to_string()));
        let response = self.send(&call).await?;
        let body = self.collect_whole(response.into_body(), &call.words(), LONGEST).await?;
        serde_json::from_slice(&body)
            .map_err(|error| ClusterError::Malformed { request: call.words(), reason: error.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verbs: &[&str], groups: &[&str], resources: &[&str], names: &[&str]) -> Rule {
        let owned = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        Rule { verbs: owned(verbs), groups: owned(groups), resources: owned(resources), names: owned(names) }
    }

    #[test]
    fn a_rule_grants_what_it_names_and_no_more() {
        let pods = rule(&["get", "list"], &[""], &["pods"], &[]);
        assert!(pods.allows("list", "", "pods", None));
        assert!(pods.allows("get", "", "pods", Some("web")));
        for (verb, group, resource) in
            [("watch", "", "pods"), ("get", "apps", "pods"), ("get", "", "pods/log"), ("get", "", "secrets")]
        {
            assert!(!pods.allows(verb, group, resource, None), "{verb} {group} {resource}");
        }
        assert!(!Rule::default().allows("get", "", "pods", None));
    }

    #[test]
    fn a_star_means_everything_of_its_kind() {
        assert!(rule(&["*"], &["*"], &["*"], &[]).allows("escalate", "apps", "deployments/scale", None));
        let verbs = rule(&["*"], &[""], &["pods"], &[]);
        assert!(verbs.allows("delete", "", "pods", None) && !verbs.allows("delete", "apps", "pods", None));
        let logs = rule(&["get"], &[""], &["pods/log"], &[]);
        assert!(logs.allows("get", "", "pods/log", None) && !logs.allows("get", "", "pods", None));
        let scale = rule(&["update"], &["*"], &["*/scale"], &[]);
        assert!(scale.allows("update", "apps", "deployments/scale", None));
        assert!(!scale.allows("update", "apps", "deployments", None));
        assert!(!scale.allows("update", "apps", "scale", None));
        // RBAC knows no star after the slash.
        assert!(!rule(&["get"], &[""], &["pods/*"], &[]).allows("get", "", "pods/log", None));
    }

    #[test]
    fn names_grant_single_objects_and_never_all() {
        let named = rule(&["get", "list"], &[""], &["configmaps"], &["a", "b"]);
        assert!(named.allows("get", "", "configmaps", Some("b")));
        for name in [None, Some("c"), Some(""), Some("*")] {
            assert!(!named.allows("list", "", "configmaps", name), "{name:?}");
        }
        // A star is no name.
        assert!(!rule(&["get"], &[""], &["configmaps"], &["*"]).allows("get", "", "configmaps", Some("a")));
    }

    #[test]
    fn lists_that_go_writes_as_null_are_empty() {
        let read: Rule = serde_json::from_str(r#"{"verbs": ["get"], "apiGroups": null}"#).unwrap();
        assert_eq!(read, rule(&["get"], &[], &[], &[]));
    }
}
