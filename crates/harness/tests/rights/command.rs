//! What the command line tells somebody, with that one's own kubeconfig.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures::future::join;
use pilothouse_harness::places;
use serde_json::Value;

use super::answers::{counts_of, divided};
use super::checks::{keys, known_namespaces};
use super::dice::Dice;
use super::oracle::{self, Key, Objects};
use super::site::key_of;
use super::truth::{All, NAMED, Truth};
use super::world::{CONFIG_MAPS, JOBS, Kind, PODS, SECRETS, User, World};

const LISTED: [Kind; 4] = [PODS, CONFIG_MAPS, SECRETS, JOBS];

/// Somebody at a terminal.
pub(crate) struct Terminal<'a> {
    user: &'a User,
    truth: &'a Truth,
    kubeconfig: PathBuf,
}

/// What a command printed, and how it ended.
struct Printed {
    what: String,
    code: i32,
    out: String,
    err: String,
}

impl Printed {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{}: {error}: {}{}", self.what, self.out, self.err))
    }

    /// The objects of a list.
    fn items(&self) -> Vec<(String, Key)> {
        if self.out.is_empty() {
            return Vec::new();
        }
        let list = self.json();
        let items = list["items"].as_array().unwrap_or_else(|| panic!("{}: {}", self.what, self.out));
        let kind = |item: &Value| item["kind"].as_str().unwrap().to_lowercase() + "s";
        items.iter().map(|item| (kind(item), key_of(&item["metadata"]))).collect()
    }

    fn keys(&self) -> BTreeSet<Key> {
        self.items().into_iter().map(|(_, key)| key).collect()
    }

    /// Like kubectl, it fails when the API server says no.
    fn failed(&self, words: &str) {
        assert_eq!(self.code, 1, "{}: {}{}", self.what, self.out, self.err);
        assert!(self.err.contains(words), "{}: {}", self.what, self.err);
    }

    fn went_well(&self) -> &Self {
        assert_eq!(self.code, 0, "{}: {}{}", self.what, self.out, self.err);
        self
    }
}

impl<'a> Terminal<'a> {
    pub(crate) fn open(user: &'a User, truth: &'a Truth, folder: &Path) -> Self {
        let name = format!("at-the-terminal-{}", user.name.replace(':', "-"));
        let kubeconfig = user.api.credential().write(folder, &name);
        // Who gives a service account a kubeconfig names its namespace.
        if let Some(namespace) =
            user.name.strip_prefix("system:serviceaccount:").and_then(|rest| rest.split(':').next())
        {
            let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&kubeconfig).unwrap()).unwrap();
            config["contexts"][0]["context"]["namespace"] = Value::from(namespace);
            std::fs::write(&kubeconfig, config.to_string()).unwrap();
        }
        Self { user, truth, kubeconfig }
    }

    async fn run(&self, line: &str, allowed: &BTreeSet<String>) -> Printed {
        let mut command = tokio::process::Command::new(places::built("pilothouse"));
        command.args(line.split(' ')).arg("--kubeconfig").arg(&self.kubeconfig).env_remove("KUBECONFIG");
        let output = command.kill_on_drop(true).output().await.unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let printed = Printed {
            what: format!("{}: pilothouse {line}", self.user.name),
            code: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        let leaked = Truth::leaked(allowed, &format!("{}{}", printed.out, printed.err), line);
        assert!(leaked.is_empty(), "{}: {leaked:?} is told\n{}{}", printed.what, printed.out, printed.err);
        printed
    }

    async fn listed(&self, line: &str) -> Printed {
        self.run(line, &self.truth.listed).await
    }

    /// Everything that there is to ask.
    pub(crate) async fn agrees(&self, all: &All, world: &World, dice: &mut Dice) {
        let namespace = dice.pick(&world.namespaces).clone();
        let kind = *dice.pick(&LISTED);
        let chosen: Vec<(Kind, Key)> = (0..2)
            .map(|_| {
                let kind = *dice.pick(&NAMED);
                let asked: Vec<&Key> =
                    self.truth.reads.keys().filter(|(plural, _)| *plural == kind.plural).map(|(_, key)| key).collect();
                (kind, Key::clone(*dice.pick(&asked)))
            })
            .collect();
        join(self.everywhere(all, world), self.one_namespace(kind, &namespace)).await;
        join(self.counted(kind, &namespace), self.named(&chosen[0])).await;
        join(self.named(&chosen[1]), self.found(all, world, dice)).await;
    }

    /// `-A` is no dead end for who may not list the whole cluster, and shows no more than there is to see.
    async fn everywhere(&self, all: &All, world: &World) {
        let printed = self.listed("get pods,configmaps,secrets,jobs -A -o json").await;
        let known = known_namespaces(&self.user.api, self.user, world).await;
        let items = printed.items();
        let (mut whole, mut nothing) = (true, false);
        for kind in LISTED {
            let shown: BTreeSet<Key> =
                items.iter().filter(|(plural, _)| plural == kind.plural).map(|(_, key)| key.clone()).collect();
            let most = self.truth.keys(kind);
            let least = keys(&oracle::listable(&self.user.api, kind, all.of(kind), &known).await);
            assert!(shown.is_subset(&most) && shown.is_superset(&least), "{}: {shown:?}, {most:?}", printed.what);
            let open = self.user.api.get(&kind.path(None)).await.status == 200;
            whole &= open;
            nothing |= !open && most.is_empty();
        }
        assert!(!whole || printed.code == 0, "{}: {}", printed.what, printed.err);
        assert!(!nothing || printed.code == 1, "{}: {}", printed.what, printed.err);
    }

    /// What is there in a namespace.
    fn there(&self, kind: Kind, namespace: &str) -> Objects {
        let here = self.truth.list(kind).iter().filter(|((own, _), _)| own.as_deref() == Some(namespace));
        here.map(|(key, object)| (key.clone(), object.clone())).collect()
    }

    /// One namespace is one question, answered as the API server answers it: all of it or nothing, as kubectl does.
    async fn one_namespace(&self, kind: Kind, namespace: &str) {
        let there = self.there(kind, namespace);
        let open = self.user.api.get(&kind.path(Some(namespace))).await.status == 200;
        let low = |object: &Value| object["metadata"]["labels"]["tone"] == "low";
        let low: BTreeSet<Key> = there.iter().filter(|(_, object)| low(object)).map(|(key, _)| key.clone()).collect();
        for (selector, expected) in [("", keys(&there)), (" -l tone=low", low)] {
            let printed = self.listed(&format!("get {} -n {namespace}{selector} -o json", kind.plural)).await;
            if open {
                assert_eq!(printed.went_well().keys(), expected, "{}: {}", printed.what, printed.err);
            } else {
                printed.failed("Forbidden");
                assert_eq!(printed.keys(), BTreeSet::new(), "{}", printed.what);
            }
        }
    }

    async fn counted(&self, kind: Kind, namespace: &str) {
        let there = self.there(kind, namespace);
        let open = self.user.api.get(&kind.path(Some(namespace))).await.status == 200;
        let printed = self.listed(&format!("get {} -n {namespace} --count-by label:tone -o json", kind.plural)).await;
        if !open {
            return printed.failed("Forbidden");
        }
        let expected = divided(&there, |_, object| object["metadata"]["labels"]["tone"].as_str());
        let counts = printed.went_well().json();
        assert_eq!(counts_of(&counts, 0), expected, "{}: {}", printed.what, printed.out);
        assert_eq!(counts["total"], there.len(), "{}: {}", printed.what, printed.out);
    }

    /// An object by its name, and why it is as it is.
    async fn named(&self, (kind, key): &(Kind, Key)) {
        let place = format!("{}/{} -n {}", kind.plural, key.1, key.0.as_deref().unwrap());
        let status = self.truth.reads[&(kind.plural, key.clone())];
        for line in [format!("get {place} -o json"), format!("why {place} -o json"), format!("why {place}")] {
            let printed = self.run(&line, &self.truth.named).await;
            match status {
                200 => drop(printed.went_well()),
                403 => printed.failed("Forbidden"),
                404 => printed.failed("NotFound"),
                other => panic!("{}: {other}", printed.what),
            }
        }
    }

    async fn found(&self, all: &All, world: &World, dice: &mut Dice) {
        let there: BTreeMap<&Key, &Value> =
            all.of(CONFIG_MAPS).iter().filter(|(_, object)| object["metadata"]["labels"]["own"].is_string()).collect();
        let key = *dice.pick(&there.keys().collect::<Vec<_>>());
        let own = there[key]["metadata"]["labels"]["own"].as_str().unwrap();
        let printed = self.listed(&format!("search {own} -o json")).await;
        let found = printed.json();
        let hits: BTreeSet<Key> = found["rows"].as_array().unwrap().iter().map(key_of).collect();
        let may = self.truth.list(CONFIG_MAPS).contains_key(*key);
        let known = known_namespaces(&self.user.api, self.user, world).await;
        let must = may && key.0.as_ref().is_some_and(|namespace| known.contains(namespace));
        let only: BTreeSet<Key> = if may { [Key::clone(key)].into() } else { BTreeSet::new() };
        assert!(hits.is_subset(&only) && (!must || hits == only), "{}: {}", printed.what, printed.out);
    }
}
