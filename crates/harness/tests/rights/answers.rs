//! What the API of the console answers beside lists: counts, search, completion, single objects.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::checks::agree;
use super::dice::Dice;
use super::direct::about;
use super::objects::MARK;
use super::oracle::{Key, Objects};
use super::site::{CLUSTER, Pass, Site, encoded, key_of, object_path, path_of};
use super::truth::{All, NAMED, Truth};
use super::world::{EVENTS, KINDS, Kind, PODS, User, World};

/// How many objects of each kind are asked for by name.
const SAMPLE: usize = 5;

/// How often each value of a field stands in objects; the empty text for none.
pub(crate) fn divided<'a>(
    objects: &'a Objects,
    value: impl Fn(&'a Key, &'a Value) -> Option<&'a str>,
) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for (key, object) in objects {
        *counts.entry(value(key, object).unwrap_or_default().to_owned()).or_default() += 1;
    }
    counts
}

/// How often each value of a field stands in counts as JSON.
pub(crate) fn counts_of(counts: &Value, field: usize) -> BTreeMap<String, u64> {
    let values = counts["counts"][field]["values"].as_array().unwrap().iter();
    let text = |value: &Value| value["value"].as_str().unwrap_or_default().to_owned();
    values.map(|value| (text(value), value["count"].as_u64().unwrap())).collect()
}

fn nothing_leaks(allowed: &BTreeSet<String>, text: &str, (asked, what): (&str, &str)) {
    let leaked = Truth::leaked(allowed, text, asked);
    assert!(leaked.is_empty(), "{what}: {leaked:?} is told\n{text}");
}

/// Counts equal a count over what may be listed.
pub(crate) async fn counts_agree(site: &Site, user: &User, truth: &Truth) {
    for kind in KINDS {
        let what = format!("{} counts {}", user.name, kind.plural);
        let path = format!("counts/resources/{}?limit=1000&by=namespace,label:tone,label:own", path_of(kind));
        let answer = site.api(user, &path).await;
        assert_eq!(answer.status, 200, "{what}: {}", answer.text);
        nothing_leaks(&truth.listed, &answer.text, ("", &what));
        let counts = answer.json();
        let objects = truth.list(kind);
        let count = Value::from(objects.len());
        assert_eq!((&counts["total"], &counts["unfiltered"]), (&count, &count), "{what}: {}", answer.text);
        assert_eq!(
            counts_of(&counts, 0),
            divided(objects, |(namespace, _), _| namespace.as_deref()),
            "{what} by namespace"
        );
        for (field, label) in [(1, "tone"), (2, "own")] {
            let expected = divided(objects, |_, object| object["metadata"]["labels"][label].as_str());
            assert_eq!(counts_of(&counts, field), expected, "{what} by {label}");
        }
    }
}

/// What is offered to be written next are values of what may be listed, with their counts.
pub(crate) async fn completions_agree(site: &Site, user: &User, truth: &Truth) {
    for kind in KINDS {
        let objects = truth.list(kind);
        for (q, expected) in [
            ("namespace:", Some(divided(objects, |(namespace, _), _| namespace.as_deref()))),
            ("label:tone=", Some(divided(objects, |_, object| object["metadata"]["labels"]["tone"].as_str()))),
            ("label:own=", None),
            ("name:", None),
            ("image:", None),
            ("", None),
        ] {
            let what = format!("{} is offered {q} of {}", user.name, kind.plural);
            let path = format!("completions?resource={}&q={}", encoded(&path_of(kind)), encoded(q));
            let answer = site.api(user, &path).await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text);
            nothing_leaks(&truth.listed, &answer.text, (q, &what));
            let Some(mut expected) = expected else { continue };
            expected.remove("");
            let offered = answer.json();
            let counted = |item: &Value| Some((item["text"].as_str()?.trim().to_owned(), item["count"].as_u64()?));
            let offered: BTreeMap<String, u64> =
                offered["items"].as_array().unwrap().iter().filter_map(counted).collect();
            assert_eq!(offered, expected, "{what}: {}", answer.text);
        }
    }
}

/// What a search found: kind, namespace and name.
type Hits = BTreeSet<(String, Key)>;

async fn found(site: &Site, pass: &Pass, (query, what): (&str, &str), truth: &Truth) -> (Hits, u64) {
    let answer = site.get(pass, &format!("/api/v1/search?{query}")).await;
    assert_eq!(answer.status, 200, "{what}: {}", answer.text);
    nothing_leaks(&truth.listed, &answer.text, (query, what));
    let found = answer.json();
    let hits: Hits = found["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["kind"].as_str().unwrap().to_lowercase() + "s", key_of(row)))
        .collect();
    let total = found["total"].as_u64().unwrap();
    for facets in ["kinds", "namespaces"] {
        let counted: u64 = found[facets].as_array().unwrap().iter().filter_map(|facet| facet["count"].as_u64()).sum();
        assert!(counted <= total, "{what}: {facets} of {total}: {}", answer.text);
    }
    (hits, total)
}

/// What a search looks through: events are told with what they are about.
fn searched() -> impl Iterator<Item = Kind> {
    KINDS.into_iter().filter(|kind| *kind != EVENTS)
}

/// What may be listed of any kind and holds something.
fn matching(truth: &Truth, holds: impl Fn(&Key, &Value) -> bool) -> Hits {
    let of = |kind: Kind| {
        let objects = truth.list(kind).iter().filter(|(key, object)| holds(key, object));
        objects.map(|(key, _)| (kind.plural.to_owned(), key.clone())).collect::<Vec<_>>()
    };
    searched().flat_map(of).collect()
}

/// A search finds what may be listed, and tells of nothing else.
pub(crate) async fn search_agrees(
    site: &Site,
    user: &User,
    (all, truth): (&All, &Truth),
    (world, dice): (&World, &mut Dice),
) {
    let pass = site.sign_in(user).await;
    for kind in searched() {
        let there: Vec<&Value> =
            all.of(kind).values().filter(|object| object["metadata"]["labels"]["own"].is_string()).collect();
        if there.is_empty() {
            continue;
        }
        let object = *dice.pick(&there);
        let own = &object["metadata"]["labels"]["own"];
        let what = format!("{} searches {own} of {}", user.name, kind.plural);
        let expected = matching(truth, |_, object| object["metadata"]["labels"]["own"] == *own);
        let number = expected.len() as u64;
        let query = format!("q={}", own.as_str().unwrap());
        agree(&what, &(expected, number), async || found(site, &pass, (&query, &what), truth).await).await;
    }
    let message = |object: &Value| object["status"]["conditions"][0]["message"].as_str().unwrap_or_default().to_owned();
    let pods = all.of(PODS);
    let pod = *dice.pick(&pods.keys().collect::<Vec<_>>());
    for word in super::objects::canaries(&(message(&pods[pod]) + &pods[pod]["spec"]["containers"].to_string())) {
        let what = format!("{} searches {word}, which {pod:?} says", user.name);
        let (hits, _) = found(site, &pass, (&format!("q={word}"), &what), truth).await;
        assert_eq!(
            hits.contains(&("pods".to_owned(), pod.clone())),
            truth.list(PODS).contains_key(pod),
            "{what}: {hits:?}"
        );
    }
    let namespace = dice.pick(&world.namespaces).clone();
    let what = format!("{} searches {MARK} in {namespace}", user.name);
    let here = |key: &Key| key.0.as_ref() == Some(&namespace);
    let (least, most) =
        (matching(truth, |key, _| here(key) && key.1.contains(MARK)), matching(truth, |key, _| here(key)));
    agree(&what, &(Hits::new(), Hits::new()), async || {
        let (hits, total) = found(site, &pass, (&format!("q={MARK}&namespace={namespace}"), &what), truth).await;
        assert_eq!(total, hits.len() as u64, "{what}");
        (least.difference(&hits).cloned().collect(), hits.difference(&most).cloned().collect())
    })
    .await;
}

/// Single objects answer as the API server does, and one that is there and may not be known of as one that is not.
pub(crate) async fn objects_agree(site: &Site, user: &User, (all, truth): (&All, &Truth), dice: &mut Dice) {
    for kind in NAMED {
        let asked: Vec<&Key> =
            truth.reads.keys().filter(|(plural, _)| *plural == kind.plural).map(|(_, key)| key).collect();
        for key in (0..SAMPLE).map(|_| *dice.pick(&asked)).collect::<BTreeSet<_>>() {
            let path = format!("resources/{}", object_path(kind, key));
            let status = truth.reads[&(kind.plural, key.clone())];
            for part in ["", "/events", "/explanation"] {
                let what = format!("{} asks for {path}{part}", user.name);
                let answer = site.api(user, &format!("{path}{part}")).await;
                assert_eq!(answer.status, status, "{what}: {}", answer.text);
                nothing_leaks(&truth.named, &answer.text, (&path, &what));
                if status == 403 {
                    let other = site.api(user, &format!("{}{part}", path.replace(&key.1, "nil"))).await;
                    assert_eq!(other.status, 403, "{what}");
                    assert_eq!(other.text, answer.text.replace(&key.1, "nil"), "{what}: there and not there differ");
                }
            }
            if status != 200 {
                continue;
            }
            let what = format!("{} reads {path}", user.name);
            let object = site.api(user, &path).await.json();
            let uid = &all.of(kind)[key]["metadata"]["uid"];
            assert_eq!(object["metadata"]["uid"], *uid, "{what}");
            let events = site.api(user, &format!("{path}/events")).await.json();
            let told: BTreeSet<Key> =
                events["events"].as_array().unwrap().iter().map(|event| key_of(&event["metadata"])).collect();
            assert_eq!(told, about(truth, uid), "{what}: events");
        }
    }
}

/// Lists over all clusters, which only a session may ask for.
pub(crate) async fn all_clusters_agree(site: &Site, user: &User, truth: &Truth) {
    let pass = site.sign_in(user).await;
    for kind in KINDS {
        let what = format!("{} lists {} of all clusters", user.name, kind.plural);
        agree(&what, &(truth.keys(kind), truth.list(kind).len()), async || {
            let answer = site.get(&pass, &format!("/api/v1/resources/{}?limit=1000", path_of(kind))).await;
            assert_eq!(answer.status, 200, "{what}: {}", answer.text);
            nothing_leaks(&truth.listed, &answer.text, ("", &what));
            let list = answer.json();
            let rows: BTreeSet<Key> = list["rows"].as_array().unwrap().iter().map(key_of).collect();
            assert_eq!(list["total"], list["unfiltered"], "{what}");
            (rows, usize::try_from(list["total"].as_u64().unwrap()).unwrap())
        })
        .await;
        let answer = site.get(&Site::bearer(user), &format!("/api/v1/resources/{}", path_of(kind))).await;
        assert_eq!(answer.status, 401, "{what} with a token: {}", answer.text);
    }
}

/// A bearer token is good for nothing but its cluster.
pub(crate) async fn strangers_learn_nothing(site: &Site) {
    let nobody = Pass::Bearer("nobody-at-all".to_owned());
    for path in ["workloads", "resources/core/v1/pods", "resources", "completions?q=", "counts/workloads"] {
        let answer = site.get(&nobody, &format!("/api/v1/clusters/{CLUSTER}/{path}")).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text);
        nothing_leaks(&BTreeSet::new(), &answer.text, ("", path));
    }
}
