//! Asks a cluster what someone may read there.
//!
//! Rules that hold everywhere are those that hold in a namespace that does not exist: bindings of one namespace cannot reach
//! it, bindings of the whole cluster do. One question so tells apart what hundreds of questions about single resources would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use futures::stream::{self, StreamExt, TryStreamExt};
use pilothouse_cluster::{Access, ClusterError, Connection, Identity, Rule, Rules};
use pilothouse_model::Str;
use tokio::sync::Semaphore;

use super::{Rights, Verb, reading};
use crate::moment::Name;

/// How many questions are under way at once.
const AT_ONCE: usize = 16;
/// What the Node authorizer says of rules: it grants nothing to anyone but nodes, so nothing is missing.
const NODES_ONLY: &str = "node authorizer does not support user rule resolution";

/// The name of a namespace that does not exist: nobody can guess it, and so nobody can make it.
static NOWHERE: LazyLock<String> = LazyLock::new(|| format!("pilothouse-nowhere-{:032x}", rand::random::<u128>()));

/// Rules as far as they could be listed.
struct Listed {
    rules: Arc<[Rule]>,
    incomplete: bool,
}

impl From<Rules> for Listed {
    fn from(rules: Rules) -> Self {
        let incomplete = rules.incomplete && rules.problem.as_deref() != Some(NODES_ONLY);
        Self { rules: reading(rules.rules), incomplete }
    }
}

/// The rules that hold everywhere, and whether there may be others that cannot be listed.
pub(super) struct Everywhere(Listed);

/// Who asks, and how much all who ask together may ask at once: the console is no burden to an API server.
pub(super) struct Asking {
    pub(super) connection: Connection,
    pub(super) turns: Arc<Semaphore>,
}

impl Asking {
    async fn rules(&self, namespace: &str) -> Result<Listed, ClusterError> {
        // Nobody closes it.
        let _turn = self.turns.acquire().await.ok();
        Ok(Listed::from(self.connection.review_rules(namespace).await?))
    }

    /// Whom the cluster takes the person for; `None` where it does not tell.
    pub(super) async fn identity(&self) -> Result<Option<Identity>, ClusterError> {
        let _turn = self.turns.acquire().await.ok();
        let told = self.connection.who_am_i().await?;
        Ok(told.map(|Identity { name, mut groups }| {
            groups.sort_unstable();
            Identity { name, groups }
        }))
    }

    async fn access(&self, access: &Access) -> Result<bool, ClusterError> {
        let _turn = self.turns.acquire().await.ok();
        self.connection.review_access(access).await
    }
}

/// What may be read everywhere: comes first, for it may name namespaces.
pub(super) async fn everywhere(asking: &Asking) -> Result<Everywhere, ClusterError> {
    let mut listed = asking.rules(&NOWHERE).await?;
    if listed.incomplete {
        let star = ("*".to_owned(), "*".to_owned());
        let mut rules = listed.rules.to_vec();
        for verb in Verb::ALL {
            if asking.access(&access(verb, &star, None)).await? {
                rules.push(rule(verb, &star));
            }
        }
        listed.rules = reading(rules);
    }
    Ok(Everywhere(listed))
}

impl Everywhere {
    /// Whether no more needs to be asked.
    pub(super) fn is_everything(&self) -> bool {
        Rights::new(Arc::clone(&self.0.rules), []).is_everything()
    }

    /// The rules, where the cluster can list all of them.
    pub(super) fn complete(&self) -> Option<&Arc<[Rule]>> {
        (!self.0.incomplete).then_some(&self.0.rules)
    }

    /// The namespaces that rules name.
    pub(super) fn named_namespaces(&self) -> impl Iterator<Item = Str> {
        let about = |rule: &&Rule| rule.resources.iter().any(|resource| resource == "namespaces");
        self.0.rules.iter().filter(about).flat_map(|rule| &rule.names).map(|name| Str::from(name.as_str()))
    }

    /// Everything that may be read, looking into these namespaces. `asked` are the resources that are asked about one by one
    /// where rules cannot be listed.
    pub(super) async fn within(
        self,
        asking: &Asking,
        namespaces: BTreeSet<Str>,
        asked: BTreeSet<Name>,
    ) -> Result<Rights, ClusterError> {
        let Listed { rules: everywhere, mut incomplete } = self.0;
        if Rights::new(Arc::clone(&everywhere), []).is_everything() {
            return Ok(Rights::new(everywhere, []));
        }
        let within = places(asking, namespaces).await?;
        incomplete |= within.values().any(|listed| listed.incomplete);
        let places: BTreeMap<Str, Arc<[Rule]>> =
            within.into_iter().map(|(namespace, listed)| (namespace, listed.rules)).collect();
        if !incomplete {
            return Ok(Rights::new(everywhere, places));
        }
        let (everywhere, places) = review(asking, everywhere, places, &asked).await?;
        Ok(Rights::new(everywhere, places).with_reviews(asked))
    }
}

/// The rules of namespaces.
async fn places(asking: &Asking, namespaces: BTreeSet<Str>) -> Result<BTreeMap<Str, Listed>, ClusterError> {
    let each = stream::iter(namespaces).map(async |namespace: Str| {
        let listed = asking.rules(&namespace).await?;
        Ok::<_, ClusterError>((namespace, listed))
    });
    each.buffer_unordered(AT_ONCE).try_collect().await
}

/// The rules of namespaces; `None` where the cluster cannot list all of them.
pub(super) async fn complete_places(
    asking: &Asking,
    namespaces: BTreeSet<Str>,
) -> Result<Option<BTreeMap<Str, Arc<[Rule]>>>, ClusterError> {
    let places = places(asking, namespaces).await?;
    let each = places.into_iter().map(|(namespace, listed)| (!listed.incomplete).then_some((namespace, listed.rules)));
    Ok(each.collect())
}

type Places = BTreeMap<Str, Arc<[Rule]>>;

/// Asks about resources one by one, where no rule grants them already.
async fn review(
    asking: &Asking,
    everywhere: Arc<[Rule]>,
    mut places: Places,
    asked: &BTreeSet<Name>,
) -> Result<(Arc<[Rule]>, Places), ClusterError> {
    let questions = asked.iter().flat_map(|name| Verb::ALL.map(|verb| (verb, name.clone(), None)));
    let grants = |rules: &[Rule], verb: Verb, name: &Name| {
        rules.iter().any(|rule| rule.allows(verb.as_str(), &name.0, &name.1, None))
    };
    let open = questions.filter(|(verb, name, _)| !grants(&everywhere, *verb, name)).collect();
    let granted = ask(asking, open).await?;
    let everywhere = reading(everywhere.iter().cloned().chain(granted.into_iter().map(|(rule, _)| rule)).collect());
    let mut open = Vec::new();
    for (namespace, rules) in &places {
        for (verb, name) in asked.iter().flat_map(|name| Verb::ALL.map(|verb| (verb, name))) {
            if !grants(&everywhere, verb, name) && !grants(rules, verb, name) {
                open.push((verb, name.clone(), Some(namespace.clone())));
            }
        }
    }
    for (rule, namespace) in ask(asking, open).await? {
        if let Some(rules) = namespace.and_then(|namespace| places.get_mut(&namespace)) {
            *rules = reading(rules.iter().cloned().chain([rule]).collect());
        }
    }
    Ok((everywhere, places))
}

/// Of these questions those that are granted, as rules.
async fn ask(
    asking: &Asking,
    questions: Vec<(Verb, Name, Option<Str>)>,
) -> Result<Vec<(Rule, Option<Str>)>, ClusterError> {
    let answers = stream::iter(questions).map(async |(verb, name, namespace): (Verb, Name, Option<Str>)| {
        let allowed = asking.access(&access(verb, &name, namespace.as_deref())).await?;
        Ok::<_, ClusterError>(allowed.then(|| (rule(verb, &name), namespace)))
    });
    answers.buffer_unordered(AT_ONCE).try_filter_map(async |granted| Ok(granted)).try_collect().await
}

fn access(verb: Verb, name: &Name, namespace: Option<&str>) -> Access {
    Access {
        verb: verb.as_str().to_owned(),
        group: name.0.clone(),
        resource: name.1.clone(),
        namespace: namespace.map(str::to_owned),
        ..Access::default()
    }
}

fn rule(verb: Verb, name: &Name) -> Rule {
    Rule {
        verbs: vec![verb.as_str().to_owned()],
        groups: vec![name.0.clone()],
        resources: vec![name.1.clone()],
        names: Vec::new(),
    }
}
