//! What the pages of the console show to somebody: everything that may be seen, and not a word of anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::answers::divided;
use super::checks::{PATIENCE, agree};
use super::dice::Dice;
use super::objects::MARK;
use super::oracle::Key;
use super::site::{Answer, CLUSTER, Pass, Site, object_path, path_of};
use super::truth::{All, NAMED, Truth};
use super::world::{CONFIG_MAPS, JOBS, KINDS, Kind, NAMESPACES, PODS, TRAIN_JOBS, User};

/// How many objects of each kind are looked at.
const SAMPLE: usize = 3;
/// How many rows a page has where its pages are turned.
const FEW: usize = 4;

/// The values of an attribute, in the order of the page.
pub(crate) fn attributes<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
    html.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// Namespace and name of a row as pages and their streams tell it apart: `Pod./team-a/web-0`.
pub(crate) fn row_key(id: &str) -> Key {
    let mut parts = id.splitn(3, '/').skip(1);
    let namespace = parts.next().filter(|namespace| !namespace.is_empty()).map(str::to_owned);
    (namespace, parts.next().unwrap_or_else(|| panic!("{id} is no row")).to_owned())
}

/// The rows of a page.
pub(crate) fn rows(html: &str) -> Vec<Key> {
    attributes(html, " data-row=\"").into_iter().map(row_key).collect()
}

/// Somebody who looks at pages.
pub(crate) struct Visitor<'a> {
    pub(crate) site: &'a Site,
    pub(crate) user: &'a User,
    pub(crate) truth: &'a Truth,
    pub(crate) pass: Pass,
}

impl Visitor<'_> {
    /// A page, which tells of nothing that it must not.
    async fn page(&self, path: &str, allowed: &BTreeSet<String>) -> Answer {
        let mut answer = self.site.get(&self.pass, path).await;
        let deadline = Instant::now() + PATIENCE;
        // A busy machine may not have the answer in time; the page says so, and people load it again.
        while answer.status == 503 && Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(100)).await;
            answer = self.site.get(&self.pass, path).await;
        }
        let leaked = Truth::leaked(allowed, &answer.text, path);
        assert!(leaked.is_empty(), "{} sees {leaked:?} at {path}:\n{}", self.user.name, answer.text);
        answer
    }

    async fn listed(&self, path: &str) -> String {
        let answer = self.page(path, &self.truth.listed).await;
        assert_eq!(answer.status, 200, "{} at {path}: {}", self.user.name, answer.text);
        answer.text
    }

    fn here(path: &str) -> String {
        format!("/c/{CLUSTER}/{path}")
    }

    /// Lists, in one cluster and over all.
    pub(crate) async fn lists(&self) {
        for kind in KINDS {
            let path = format!("r/{}?limit=1000", path_of(kind));
            let what = format!("{} at {path}", self.user.name);
            let shown = async |path: &str| rows(&self.listed(path).await).into_iter().collect::<BTreeSet<Key>>();
            agree(&what, &self.truth.keys(kind), async || shown(&Self::here(&path)).await).await;
            agree(&what, &self.truth.keys(kind), async || shown(&format!("/all/{path}")).await).await;
        }
        let workloads: BTreeSet<Key> = [JOBS, TRAIN_JOBS].iter().flat_map(|kind| self.truth.keys(*kind)).collect();
        for path in [Self::here("workloads?limit=1000"), "/all/workloads?limit=1000".to_owned()] {
            let shown: BTreeSet<Key> = rows(&self.listed(&path).await).into_iter().collect();
            assert_eq!(shown, workloads, "{} at {path}", self.user.name);
        }
        self.turned().await;
    }

    /// A list whose pages are turned.
    async fn turned(&self) {
        let mut seen = Vec::new();
        let there = self.truth.keys(CONFIG_MAPS);
        for offset in (0..there.len().max(1)).step_by(FEW) {
            let html = self.listed(&Self::here(&format!("r/core/v1/configmaps?limit={FEW}&offset={offset}"))).await;
            let page = rows(&html);
            assert_eq!(page.len(), FEW.min(there.len() - offset), "{} from {offset} on", self.user.name);
            seen.extend(page);
        }
        assert_eq!(seen.len(), there.len());
        assert_eq!(seen.into_iter().collect::<BTreeSet<Key>>(), there, "{} turns pages", self.user.name);
    }

    /// The counts above lists.
    pub(crate) async fn counts(&self) {
        for kind in [CONFIG_MAPS, PODS, JOBS] {
            let html = self.listed(&Self::here(&format!("r/{}", path_of(kind)))).await;
            let strip = html.split("data-part=\"counts\"").nth(1).and_then(|rest| rest.split("</details>").next());
            let strip = strip.unwrap_or_else(|| panic!("{} sees no counts of {}: {html}", self.user.name, kind.plural));
            let objects = self.truth.list(kind);
            let expected = divided(objects, |(namespace, _), _| namespace.as_deref());
            // One value divides nothing.
            let expected = if expected.len() < 2 { BTreeMap::new() } else { expected };
            assert_eq!(counted(strip), expected, "{} sees counts of {}: {strip}", self.user.name, kind.plural);
        }
    }

    /// The chooser of namespaces and the navigation.
    pub(crate) async fn surroundings(&self) {
        let html = self.listed(&Self::here("workloads")).await;
        let offered: BTreeSet<String> =
            attributes(&html, "type=\"checkbox\" name=\"ns\" value=\"").into_iter().map(str::to_owned).collect();
        let listed: BTreeSet<String> = self.truth.list(NAMESPACES).keys().map(|(_, name)| name.clone()).collect();
        let mut known = self.truth.places.clone();
        known.extend(listed);
        assert!(offered.is_superset(&known), "{} may choose {offered:?}, not {known:?}", self.user.name);
        let links: BTreeSet<&str> = attributes(&html, "href=\"").into_iter().collect();
        for kind in KINDS {
            let shown = links.contains(Self::here(&format!("r/{}", path_of(kind))).as_str());
            let what = format!("{} may go to {}", self.user.name, kind.plural);
            assert_eq!(shown, self.truth.may_list(kind), "{what}");
        }
        for path in ["/", "/clusters"] {
            self.page(path, &self.truth.listed).await;
        }
        for path in ["", "i/core", "i/kubeflow", "i/kubeflow/training"] {
            self.page(Self::here(path).trim_end_matches('/'), &self.truth.listed).await;
        }
    }

    /// Where people search.
    pub(crate) async fn searches(&self, all: &All, dice: &mut Dice) {
        let kind = *dice.pick(&[PODS, JOBS, CONFIG_MAPS, TRAIN_JOBS]);
        let there: Vec<_> =
            all.of(kind).iter().filter(|(_, object)| object["metadata"]["labels"]["own"].is_string()).collect();
        let (key, object) = *dice.pick(&there);
        let own = object["metadata"]["labels"]["own"].as_str().unwrap();
        let address = Self::here(&format!("r/{}", object_path(kind, key)));
        let html = self.listed(&format!("/search?q={own}")).await;
        let what = format!("{} searches {own} of {key:?}", self.user.name);
        assert_eq!(html.contains(&address), self.truth.list(kind).contains_key(key), "{what}: {html}");
        for path in [
            format!("/search?q={MARK}"),
            format!("/palette?q={own}"),
            Self::here(&format!("palette?q={MARK}")),
            Self::here(&format!("complete?resource={}&q=label:own=", path_of(kind))),
            format!("/all/complete?resource={}&q=name:", path_of(kind)),
            Self::here("complete?q=namespace:"),
        ] {
            self.page(&path, &self.truth.listed).await;
        }
    }

    /// Pages of objects.
    pub(crate) async fn objects(&self, dice: &mut Dice) {
        for kind in NAMED {
            let asked: Vec<_> = self.truth.reads.iter().filter(|((plural, _), _)| *plural == kind.plural).collect();
            for ((_, key), status) in (0..SAMPLE).map(|_| *dice.pick(&asked)).collect::<BTreeSet<_>>() {
                self.object(kind, key, *status).await;
            }
        }
    }

    async fn object(&self, kind: Kind, key: &Key, status: u16) {
        for deed in ["edit", "act/delete"] {
            let path = Self::here(&format!("{deed}/{}", object_path(kind, key)));
            let answer = self.page(&path, &self.truth.named).await;
            assert!(answer.status == status || answer.status == 403, "{} at {path}: {}", self.user.name, answer.text);
        }
        for view in ["", "?view=events", "?view=yaml", "?view=logs"] {
            let path = Self::here(&format!("r/{}{view}", object_path(kind, key)));
            let answer = self.page(&path, &self.truth.named).await;
            assert_eq!(answer.status, status, "{} at {path}: {}", self.user.name, answer.text);
            // There and not there look the same to who may not know.
            if status == 403 {
                let other = self.page(&path.replace(&key.1, "nil"), &self.truth.named).await;
                let (here, there) = (plain(&answer.text, &key.1), plain(&other.text, "nil"));
                assert_eq!(here, there, "{} at {path}", self.user.name);
            }
        }
    }
}

/// How often each namespace is counted in the strip above a list; nothing where it divides nothing.
pub(crate) fn counted(strip: &str) -> BTreeMap<String, u64> {
    let section =
        strip.split("<section aria-label=\"Namespace\"").nth(1).and_then(|rest| rest.split("</section>").next());
    let Some(section) = section else { return BTreeMap::new() };
    let values = texts(section, "class=\"value\">").into_iter().map(str::to_owned);
    let counts = texts(section, "class=\"count\">").into_iter().map(|count| count.parse().unwrap());
    values.zip(counts).collect()
}

/// A page without the name that was asked for, and without the time at which it was made.
fn plain(html: &str, name: &str) -> String {
    let (before, rest) = html.split_once("data-now=\"").unwrap_or((html, ""));
    let after = rest.split_once('"').map_or("", |(_, after)| after);
    format!("{before}{after}").replace(name, "NAME")
}

/// The texts that follow a mark, up to the next tag.
fn texts<'a>(html: &'a str, before: &str) -> Vec<&'a str> {
    html.split(before).skip(1).filter_map(|rest| rest.split('<').next()).collect()
}
