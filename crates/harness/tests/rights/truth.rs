//! Everything that the API server itself gives someone at one moment.

use std::collections::{BTreeMap, BTreeSet};

use pilothouse_harness::Api;
use reqwest::Method;
use serde_json::{Value, json};

use super::objects::canaries;
use super::oracle::{self, Key, Objects};
use super::world::{CONFIG_MAPS, JOBS, KINDS, Kind, PODS, User, World};

/// The kinds whose objects are asked for by name.
pub(crate) const NAMED: [Kind; 3] = [PODS, JOBS, CONFIG_MAPS];

/// Everything of a world, as the administrator sees it.
pub(crate) struct All(BTreeMap<&'static str, Objects>);

impl All {
    pub(crate) async fn read(admin: &Api, kinds: &[Kind]) -> Self {
        let mut all = BTreeMap::new();
        for kind in kinds {
            all.insert(kind.plural, oracle::everything(admin, *kind).await);
        }
        Self(all)
    }

    pub(crate) fn of(&self, kind: Kind) -> &Objects {
        &self.0[kind.plural]
    }
}

/// What someone is given.
pub(crate) struct Truth {
    lists: BTreeMap<&'static str, Objects>,
    /// The HTTP status of reading each object of [`NAMED`] in the world's namespaces, and one that is not there.
    pub(crate) reads: BTreeMap<(&'static str, Key), u16>,
    /// The canaries of everything that is given in lists, and of what someone is told of the own rights.
    pub(crate) listed: BTreeSet<String>,
    /// The same with what may be read by name.
    pub(crate) named: BTreeSet<String>,
    /// The namespaces in which something may be read that may not be read everywhere.
    pub(crate) places: BTreeSet<String>,
    rules: Rules,
}

impl Truth {
    /// Everything that a user is given.
    pub(crate) async fn of(user: &User, all: &All, world: &World) -> Self {
        let mut truth = Self::listed(user, all, (world, &KINDS)).await;
        let absent = (Some(world.namespaces[0].clone()), "absent".to_owned());
        for kind in NAMED {
            for key in all.of(kind).keys().chain([&absent]) {
                if key.0.as_ref().is_none_or(|namespace| !world.namespaces.contains(namespace)) {
                    continue;
                }
                let status = oracle::read(&user.api, kind, key).await;
                if status == 200 {
                    truth.named.extend(canaries(&all.of(kind)[key].to_string()));
                }
                truth.reads.insert((kind.plural, key.clone()), status);
            }
        }
        truth
    }

    /// What a user is given in lists of some kinds.
    pub(crate) async fn listed(user: &User, all: &All, (world, kinds): (&World, &[Kind])) -> Self {
        let mut lists = BTreeMap::new();
        let mut listed = canaries(&user.name);
        for kind in kinds {
            let objects = oracle::listable(&user.api, *kind, all.of(*kind), &world.namespaces).await;
            listed.extend(objects.values().flat_map(|object| canaries(&object.to_string())));
            lists.insert(kind.plural, objects);
        }
        let rules = Rules::of(&user.api, world).await;
        listed.extend(rules.told());
        let places = rules.places();
        Self { lists, reads: BTreeMap::new(), named: listed.clone(), listed, places, rules }
    }

    /// Whether anything of a kind may be listed anywhere, be it there or not.
    pub(crate) fn may_list(&self, kind: Kind) -> bool {
        let within = self.rules.within.values().flatten().filter(|_| kind.namespaced);
        self.rules.everywhere.iter().chain(within).any(|rule| {
            let has = |field: &str, word: &str| {
                rule[field].as_array().is_some_and(|words| words.iter().any(|own| own == word || own == "*"))
            };
            has("verbs", "list") && has("apiGroups", kind.group) && has("resources", kind.plural)
        })
    }

    /// What may be listed of a kind.
    pub(crate) fn list(&self, kind: Kind) -> &Objects {
        &self.lists[kind.plural]
    }

    /// The keys of what may be listed of a kind.
    pub(crate) fn keys(&self, kind: Kind) -> BTreeSet<Key> {
        self.list(kind).keys().cloned().collect()
    }

    /// Those that begin to be known by a text that somebody asked with.
    pub(crate) fn leaked(allowed: &BTreeSet<String>, text: &str, asked: &str) -> BTreeSet<String> {
        let asked = canaries(asked);
        canaries(text).into_iter().filter(|word| !allowed.contains(word) && !asked.contains(word)).collect()
    }
}

/// What the API server answers to somebody who asks for the own rights.
struct Rules {
    everywhere: Vec<Value>,
    /// Those of namespaces that do not hold everywhere.
    within: BTreeMap<String, Vec<Value>>,
}

impl Rules {
    async fn of(api: &Api, world: &World) -> Self {
        let everywhere = rules(api, "nowhere-at-all").await;
        let mut within = BTreeMap::new();
        for namespace in &world.namespaces {
            let mut here = rules(api, namespace).await;
            here.retain(|rule| !everywhere.contains(rule));
            within.insert(namespace.clone(), here);
        }
        Self { everywhere, within }
    }

    /// The canaries in it: of names in rules, and of namespaces in which there are any.
    fn told(&self) -> BTreeSet<String> {
        let names =
            self.within.iter().filter(|(_, rules)| !rules.is_empty()).flat_map(|(namespace, _)| canaries(namespace));
        let rules = self.everywhere.iter().chain(self.within.values().flatten());
        names.chain(rules.flat_map(|rule| canaries(&rule.to_string()))).collect()
    }

    fn places(&self) -> BTreeSet<String> {
        let reads = |rule: &Value| {
            let verbs = rule["verbs"].as_array();
            verbs.is_some_and(|verbs| verbs.iter().any(|verb| ["*", "get", "list"].contains(&verb.as_str().unwrap())))
        };
        let places = self.within.iter().filter(|(_, rules)| rules.iter().any(reads));
        places.map(|(namespace, _)| namespace.clone()).collect()
    }
}

async fn rules(api: &Api, namespace: &str) -> Vec<Value> {
    let asked = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace},
    });
    let path = "/apis/authorization.k8s.io/v1/selfsubjectrulesreviews";
    let answer = api.send(Method::POST, path, Some(("application/json", &asked))).await.body;
    answer["status"]["resourceRules"].as_array().expect("rules are told").clone()
}
