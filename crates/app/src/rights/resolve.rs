//! Asks a cluster what someone may read there.
//!
//! Rules that hold everywhere are those that hold in a namespace that does not exist: bindings of one namespace cannot reach
//! it, bindings of the whole cluster do. One question so tells apart what hundreds of questions about single resources would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use futures::stream::{self, StreamExt, TryStreamExt};
use pilothouse_cluster::{Access, ClusterError, Connection, Rule, Rules};
use pilothouse_model::Str;
use ring::rand::SecureRandom;

use super::{Rights, Verb, reading};
use crate::moment::Name;

/// How many questions are under way at once.
const AT_ONCE: usize = 16;
/// What the Node authorizer says of rules: it grants nothing to anyone but nodes, so nothing is missing.
const NODES_ONLY: &str = "node authorizer does not support user rule resolution";

/// The name of a namespace that does not exist: nobody can guess it, and so nobody can make it.
static NOWHERE: LazyLock<String> = LazyLock::new(|| {
    let mut random = [0_u8; 16];
    // Without randomness it is a name that nobody has reason to give.
    if ring::rand::SystemRandom::new().fill(&mut random).is_err() {
        tracing::warn!("the system gives no random numbers");
    }
    let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("pilothouse-nowhere-{digits}")
});

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

/// What may be read everywhere: comes first, for it may name namespaces.
pub(super) async fn everywhere(connection: &Connection) -> Result<Everywhere, ClusterError> {
    let mut listed = Listed::from(connection.review_rules(&NOWHERE).await?);
    if listed.incomplete {
        let star = ("*".to_owned(), "*".to_owned());
        let mut rules = listed.rules.to_vec();
        for verb in Verb::ALL {
            if connection.review_access(&access(verb, &star, None)).await? {
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

    /// The namespaces that rules name.
    pub(super) fn named_namespaces(&self) -> impl Iterator<Item = Str> {
        let about = |rule: &&Rule| rule.resources.iter().any(|resource| resource == "namespaces");
        self.0.rules.iter().filter(about).flat_map(|rule| &rule.names).map(|name| Str::from(name.as_str()))
    }

    /// Everything that may be read, looking into these namespaces. `asked` are the resources that are asked about one by one
    /// where rules cannot be listed.
    pub(super) async fn within(
        self,
        connection: &Connection,
        namespaces: BTreeSet<Str>,
        asked: BTreeSet<Name>,
    ) -> Result<Rights, ClusterError> {
        let Listed { rules: everywhere, mut incomplete } = self.0;
        if Rights::new(Arc::clone(&everywhere), []).is_everything() {
            return Ok(Rights::new(everywhere, []));
        }
        let within = stream::iter(namespaces).map(async |namespace: Str| {
            let listed = Listed::from(connection.review_rules(&namespace).await?);
            Ok::<_, ClusterError>((namespace, listed))
        });
        let within: BTreeMap<Str, Listed> = within.buffer_unordered(AT_ONCE).try_collect().await?;
        incomplete |= within.values().any(|listed| listed.incomplete);
        let places: BTreeMap<Str, Arc<[Rule]>> =
            within.into_iter().map(|(namespace, listed)| (namespace, listed.rules)).collect();
        if !incomplete {
            return Ok(Rights::new(everywhere, places));
        }
        let (everywhere, places) = review(connection, everywhere, places, &asked).await?;
        Ok(Rights::new(everywhere, places).with_reviews(asked))
    }
}

type Places = BTreeMap<Str, Arc<[Rule]>>;

/// Asks about resources one by one, where no rule grants them already.
async fn review(
    connection: &Connection,
    everywhere: Arc<[Rule]>,
    mut places: Places,
    asked: &BTreeSet<Name>,
) -> Result<(Arc<[Rule]>, Places), ClusterError> {
    let questions = asked.iter().flat_map(|name| Verb::ALL.map(|verb| (verb, name.clone(), None)));
    let grants = |rules: &[Rule], verb: Verb, name: &Name| {
        rules.iter().any(|rule| rule.allows(verb.as_str(), &name.0, &name.1, None))
    };
    let open = questions.filter(|(verb, name, _)| !grants(&everywhere, *verb, name)).collect();
    let granted = ask(connection, open).await?;
    let everywhere = reading(everywhere.iter().cloned().chain(granted.into_iter().map(|(rule, _)| rule)).collect());
    let mut open = Vec::new();
    for (namespace, rules) in &places {
        for (verb, name) in asked.iter().flat_map(|name| Verb::ALL.map(|verb| (verb, name))) {
            if !grants(&everywhere, verb, name) && !grants(rules, verb, name) {
                open.push((verb, name.clone(), Some(namespace.clone())));
            }
        }
    }
    for (rule, namespace) in ask(connection, open).await? {
        if let Some(rules) = namespace.and_then(|namespace| places.get_mut(&namespace)) {
            *rules = reading(rules.iter().cloned().chain([rule]).collect());
        }
    }
    Ok((everywhere, places))
}

/// Of these questions those that are granted, as rules.
async fn ask(
    connection: &Connection,
    questions: Vec<(Verb, Name, Option<Str>)>,
) -> Result<Vec<(Rule, Option<Str>)>, ClusterError> {
    let answers = stream::iter(questions).map(async |(verb, name, namespace): (Verb, Name, Option<Str>)| {
        let allowed = connection.review_access(&access(verb, &name, namespace.as_deref())).await?;
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
