//! Authorization: who may do what, decided from the roles and bindings in the store.

use std::sync::Arc;

use pilothouse_model::Read;
use serde_json::{Value, json};

use crate::storage::{State, Stored};
use crate::user::{MASTERS, User};

const GROUP: &str = "rbac.authorization.k8s.io";

/// What somebody wants to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Something with a resource.
    Resource(ResourceWish),
    /// A request to a path that is no resource.
    Path {
        /// The path.
        path: String,
        /// The HTTP method in lower case.
        verb: String,
    },
}

/// What somebody wants to do with a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResourceWish {
    /// `get`, `list`, ...
    pub(crate) verb: String,
    /// API group.
    pub(crate) group: String,
    /// Plural name.
    pub(crate) resource: String,
    /// Subresource, or empty.
    pub(crate) subresource: String,
    /// Namespace; empty for all or for cluster-scoped resources.
    pub(crate) namespace: String,
    /// Name; empty for all.
    pub(crate) name: String,
}

impl Wish {
    /// Why the wish is refused, worded as Kubernetes words it.
    pub(crate) fn refusal(&self, user: &User) -> String {
        match self {
            Self::Path { path, verb } => format!("User \"{}\" cannot {verb} path \"{path}\"", user.name),
            Self::Resource(wish) => {
                let resource = wish.qualified();
                let scope = if wish.namespace.is_empty() {
                    "at the cluster scope".to_owned()
                } else {
                    format!("in the namespace \"{}\"", wish.namespace)
                };
                format!(
                    "User \"{}\" cannot {} resource \"{resource}\" in API group \"{}\" {scope}",
                    user.name, wish.verb, wish.group
                )
            }
        }
    }
}

impl ResourceWish {
    /// `pods` or `pods/log`.
    pub(crate) fn qualified(&self) -> String {
        if self.subresource.is_empty() {
            self.resource.clone()
        } else {
            format!("{}/{}", self.resource, self.subresource)
        }
    }
}

/// Whether some rule that applies to the user grants the wish.
pub(crate) fn allows(state: &State, user: &User, wish: &Wish) -> bool {
    let namespace = match wish {
        Wish::Resource(wish) => wish.namespace.as_str(),
        Wish::Path { .. } => "",
    };
    user.is_in(MASTERS) || open_to_all(wish) || rules(state, user, namespace).iter().any(|rule| grants(rule, wish))
}

/// Discovery, health and reviews of one's own rights, which Kubernetes' default roles give to everybody.
fn open_to_all(wish: &Wish) -> bool {
    default_rules().items("").iter().any(|rule| grants(rule, wish))
}

/// The rules of `system:discovery`, `system:basic-user` and `system:public-info-viewer`.
fn default_rules() -> Value {
    json!([
        {
            "nonResourceURLs": [
                "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                "/version", "/version/",
            ],
            "verbs": ["get"],
        },
        {
            "apiGroups": ["authorization.k8s.io"],
            "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
            "verbs": ["create"],
        },
        { "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"] },
    ])
}

/// All rules that apply to a user in a namespace (cluster-wide ones included); with an empty namespace only those.
pub(crate) fn rules(state: &State, user: &User, namespace: &str) -> Vec<Value> {
    let mut rules = Vec::new();
    let mut collect = |bindings: &str, wanted: &str| {
        for (_, binding) in state.all(&format!("{bindings}.{GROUP}")) {
            let own = binding.value.text("/metadata/namespace").unwrap_or_default();
            if own == wanted && subjects_include(&binding.value, user) {
                rules.extend(
                    role(state, &binding.value, own).iter().flat_map(|role| role.value.items("/rules")).cloned(),
                );
            }
        }
    };
    collect("clusterrolebindings", "");
    if !namespace.is_empty() {
        collect("rolebindings", namespace);
    }
    rules
}

/// The rules that everybody has, and those of the user: what a rules review answers.
pub(crate) fn all_rules(state: &State, user: &User, namespace: &str) -> Vec<Value> {
    let mut all = default_rules().items("").to_vec();
    if user.is_in(MASTERS) {
        all.push(json!({ "apiGroups": ["*"], "resources": ["*"], "verbs": ["*"] }));
        all.push(json!({ "nonResourceURLs": ["*"], "verbs": ["*"] }));
    }
    all.extend(rules(state, user, namespace));
    all
}

fn role(state: &State, binding: &Value, namespace: &str) -> Option<Arc<Stored>> {
    let name = binding.text("/roleRef/name")?;
    let found = match binding.text("/roleRef/kind")? {
        "ClusterRole" => state.get(&format!("clusterroles.{GROUP}"), name),
        "Role" => state.get(&format!("roles.{GROUP}"), &format!("{namespace}/{name}")),
        _ => None,
    };
    found.cloned()
}

fn subjects_include(binding: &Value, user: &User) -> bool {
    binding.items("/subjects").iter().any(|subject| {
        let name = subject.text("/name").unwrap_or_default();
        match subject.text("/kind") {
            Some("User") => name == user.name,
            Some("Group") => user.is_in(name),
            Some("ServiceAccount") => {
                let namespace = subject.text("/namespace").unwrap_or_default();
                user.name.strip_prefix("system:serviceaccount:") == Some(&format!("{namespace}:{name}"))
            }
            _ => false,
        }
    })
}

fn has(rule: &Value, list: &str, wanted: impl Fn(&str) -> bool) -> bool {
    rule.items(list).iter().filter_map(Value::as_str).any(wanted)
}

/// Whether one rule grants a wish.
fn grants(rule: &Value, wish: &Wish) -> bool {
    match wish {
        Wish::Path { path, verb } => {
            has(rule, "/verbs", |own| own == "*" || own == verb)
                && has(rule, "/nonResourceURLs", |own| match own.strip_suffix('*') {
                    Some(prefix) => path.starts_with(prefix),
                    None => own == path,
                })
        }
        Wish::Resource(wish) => {
            let qualified = wish.qualified();
            let names = rule.items("/resourceNames");
            has(rule, "/verbs", |own| own == "*" || own == wish.verb)
                && has(rule, "/apiGroups", |own| own == "*" || own == wish.group)
                && has(rule, "/resources", |own| {
                    own == "*"
                        || own == qualified
                        || (!wish.subresource.is_empty() && own.strip_prefix("*/") == Some(&wish.subresource))
                })
                && (names.is_empty() || names.iter().any(|name| name.as_str() == Some(&wish.name)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::Storage;

    fn wish(verb: &str, group: &str, resource: &str, namespace: &str, name: &str) -> Wish {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        Wish::Resource(ResourceWish {
            verb: verb.to_owned(),
            group: group.to_owned(),
            resource: resource.to_owned(),
            subresource: subresource.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        })
    }

    fn seeded() -> Storage {
        let (storage, _told) = Storage::new(10);
        let mut state = storage.write();
        let viewer = json!({ "metadata": { "name": "viewer" }, "rules": [
            { "apiGroups": [""], "resources": ["pods", "*/log"], "verbs": ["get", "list"] },
            { "apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"], "resourceNames": ["one"] },
            { "nonResourceURLs": ["/metrics/*"], "verbs": ["get"] },
        ] });
        state.put(&"clusterroles.rbac.authorization.k8s.io".into(), "viewer", viewer);
        let binding = json!({
            "metadata": { "name": "v", "namespace": "team-a" },
            "roleRef": { "kind": "ClusterRole", "name": "viewer" },
            "subjects": [{ "kind": "User", "name": "ann" }, { "kind": "ServiceAccount", "name": "bot", "namespace": "ci" }],
        });
        state.put(&"rolebindings.rbac.authorization.k8s.io".into(), "team-a/v", binding);
        let starred = json!({
            "metadata": { "name": "star", "namespace": "team-c" },
            "roleRef": { "kind": "ClusterRole", "name": "viewer" },
            "subjects": [{ "kind": "User", "name": "*" }],
        });
        // A name is a name: Kubernetes has no wildcard for users.
        state.put(&"rolebindings.rbac.authorization.k8s.io".into(), "team-c/star", starred);
        let everywhere = json!({
            "metadata": { "name": "all" },
            "roleRef": { "kind": "ClusterRole", "name": "viewer" },
            "subjects": [{ "kind": "Group", "name": "ops" }],
        });
        state.put(&"clusterrolebindings.rbac.authorization.k8s.io".into(), "all", everywhere);
        drop(state);
        storage
    }

    #[test]
    fn bindings_grant_where_they_bind() {
        let storage = seeded();
        let state = storage.read();
        let ann = User::new("ann", &[]);
        let bot = User::service_account("ci", "bot");
        let olga = User::new("olga", &["ops"]);
        let cases = [
            (&ann, wish("list", "", "pods", "team-a", ""), true),
            (&ann, wish("list", "", "pods", "team-b", ""), false),
            (&ann, wish("list", "", "pods", "", ""), false),
            (&ann, wish("delete", "", "pods", "team-a", "x"), false),
            (&ann, wish("get", "", "pods/log", "team-a", "x"), true),
            (&ann, wish("get", "", "pods/exec", "team-a", "x"), false),
            (&ann, wish("delete", "apps", "deployments", "team-a", "one"), true),
            (&ann, wish("delete", "apps", "deployments", "team-a", "two"), false),
            (&ann, wish("list", "apps", "deployments", "team-a", ""), false),
            (&bot, wish("get", "", "pods", "team-a", "x"), true),
            (&ann, wish("list", "", "pods", "team-c", ""), false),
            (&olga, wish("list", "", "pods", "team-c", ""), true),
            (&olga, wish("list", "", "pods", "", ""), true),
            (&olga, wish("list", "", "pods", "team-b", ""), true),
            (&ann, wish("create", "authorization.k8s.io", "selfsubjectaccessreviews", "", ""), true),
        ];
        for (user, wish, expected) in cases {
            assert_eq!(allows(&state, user, &wish), expected, "{}: {wish:?}", user.name);
        }
        let path = |path: &str| Wish::Path { path: path.to_owned(), verb: "get".to_owned() };
        assert!(allows(&state, &olga, &path("/metrics/x")));
        assert!(!allows(&state, &ann, &path("/metrics/x")), "a namespaced binding grants no paths");
        assert!(allows(&state, &ann, &path("/apis/apps/v1")));
        assert!(allows(&state, &User::admin(), &path("/anything")));
    }

    #[test]
    fn refusals_read_as_kubernetes_words_them() {
        let ann = User::new("ann", &[]);
        assert_eq!(
            wish("list", "apps", "deployments/scale", "x", "").refusal(&ann),
            "User \"ann\" cannot list resource \"deployments/scale\" in API group \"apps\" in the namespace \"x\""
        );
    }
}
