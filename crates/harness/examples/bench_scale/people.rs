//! Many people with windows open, and what becomes of a console that everybody has left.

use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt};
use pilothouse_harness::places;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::console::{CONTEXT, Door, Open};
use crate::dice::Dice;
use crate::first::{self, Ready};
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population::Population;
use crate::probe::{self, Clock};
use crate::report::{Report, Spread};
use crate::windows::{Window, pages};
use crate::world::World;
use crate::writing::Changes;

/// How long each person looks around, and how often, in seconds.
const STAY: Duration = Duration::from_secs(40);
const PACE: u64 = 5;

/// The group of those who see everything.
const READERS: &str = "readers";
/// In how many namespaces each of the others sees something, at the most.
const MOST_NAMESPACES: u64 = 20;
/// How many rights are granted at once.
const AT_ONCE: usize = 16;

/// Someone who looks around.
#[derive(Clone)]
struct Person {
    number: u64,
    /// What lets in; `None` for a further session of the one person of a local console.
    token: Option<String>,
    /// The namespaces in which something is seen; empty where that is everywhere.
    namespaces: Vec<String>,
}

impl Person {
    fn new(world: &World, number: u64, token: Option<String>) -> Self {
        let dice = &mut Dice::new(1, 16, number);
        let all = world.population.namespaces();
        let sees_all = token.is_none() || number.is_multiple_of(3);
        let wanted = if sees_all { 0 } else { 1 + dice.below(MOST_NAMESPACES.min(all)) };
        let mut namespaces: Vec<String> = (0..wanted).map(|_| Population::namespace(dice.below(all))).collect();
        namespaces.sort();
        namespaces.dedup();
        Self { number, token, namespaces }
    }

    async fn enter(&self, door: &Door) -> Outcome<Door> {
        match &self.token {
            Some(token) => door.sign_in(token).await,
            None => door.another(),
        }
    }

    /// A namespace that the person looks into.
    fn somewhere(&self, dice: &mut Dice) -> String {
        let number = dice.below((self.namespaces.len() as u64).max(4));
        self.namespaces.get(number as usize).cloned().unwrap_or_else(|| Population::namespace(number))
    }

    /// The list that the person has open.
    fn window(&self) -> String {
        let all = pages();
        let page = all[self.number as usize % all.len()].clone();
        // What is asked of a namespace is asked of one's own.
        match (page.split_once("ns="), self.namespaces.first()) {
            (Some((before, rest)), Some(own)) => {
                let after = rest.split_once('&').map(|(_, after)| format!("&{after}")).unwrap_or_default();
                format!("{before}ns={own}{after}")
            }
            _ => page,
        }
    }
}

/// A console that many people sign in to, deployed with the rights of `deploy/`, and every table open.
pub(crate) async fn open(world: &World, options: &Options) -> Outcome<Ready> {
    let (kubeconfig, _) = world.credential("ben").ok_or("nobody has tokens here")?;
    let (_, reader) = world.credential("person-0").ok_or("there are no people")?;
    grant(world, options).await?;
    first::tables(Open::shared(&kubeconfig, &reader).await?).await
}

/// Gives the console and the people their rights.
async fn grant(world: &World, options: &Options) -> Outcome<()> {
    const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
    let admin = world.admin();
    let text = std::fs::read_to_string(places::repository().join("deploy/cluster-role.yaml"))?;
    let deployed: Value = serde_saphyr::from_str(&text)?;
    let look = json!({"metadata": {"name": "bench-people"}, "rules": [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}]});
    for role in [&deployed, &look] {
        admin.ensure(&format!("{RBAC}/clusterroles"), role).await;
    }
    let binding = |name: &str, role: &Value, (kind, subject): (&str, &str)| {
        let group = "rbac.authorization.k8s.io";
        json!({
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": role["metadata"]["name"]},
            "subjects": [{"apiGroup": group, "kind": kind, "name": subject}],
        })
    };
    for binding in
        [binding("bench-console", &deployed, ("User", "ben")), binding("bench-readers", &look, ("Group", READERS))]
    {
        admin.ensure(&format!("{RBAC}/clusterrolebindings"), &binding).await;
    }
    let bindings = (0..options.people as u64).flat_map(|number| {
        let name = format!("person-{number}");
        let own = binding(&name, &look, ("User", &name));
        let person = Person::new(world, number, Some(name));
        person.namespaces.into_iter().map(move |namespace| (namespace, own.clone()))
    });
    let all: Vec<(String, Value)> = bindings.collect();
    println!("  {} rights of {} people", all.len(), options.people);
    stream::iter(all)
        .for_each_concurrent(AT_ONCE, |(namespace, binding)| async move {
            admin.ensure(&format!("{RBAC}/namespaces/{namespace}/rolebindings"), &binding).await;
        })
        .await;
    Ok(())
}

/// Everybody opens a window and loads pages every few seconds, while things change.
pub(crate) async fn run(world: &World, ready: &Ready, options: &Options, report: &mut Report) -> Outcome<()> {
    let before = probe::memory(ready.console.id())?;
    probe::forget_peak(ready.console.id());
    let clock = Clock::start(ready.console.id())?;
    let mut changes = Changes::prepare(world, options.through_etcd, Vec::new()).await?;
    let mut people = JoinSet::new();
    for number in 0..options.people as u64 {
        let token = world.credential(&format!("person-{number}")).map(|(_, token)| token);
        people.spawn(look_around(ready.console.door().clone(), Person::new(world, number, token)));
    }
    let middle = async {
        tokio::time::sleep(STAY / 2).await;
        probe::memory(ready.console.id())
    };
    let rate = options.rate / 10;
    let (written, during) = tokio::join!(changes.write(rate, STAY.as_secs()), middle);
    let (written, during) = (written?, during?);
    let (mut times, mut errors) = (Vec::new(), Vec::new());
    while let Some(person) = people.join_next().await {
        match person? {
            Ok((own, failed)) => {
                times.extend(own);
                errors.extend(failed);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    let cores = clock.cores()?;
    let peak = probe::memory(ready.console.id())?.peak;
    let what = format!("{} people with windows open", options.people);
    let who = if options.embedded {
        "local sessions"
    } else {
        "each with a token; a third see all, the others 1 to 20 namespaces"
    };
    let first = errors.first().map(|error| format!("; the first: {error}")).unwrap_or_default();
    report.add(&format!("{what}: errors"), "0", format!("{} ({who}){first}", errors.len()), Some(errors.is_empty()));
    let spread = Spread::of(times).ok_or("nobody could load a page")?;
    let more = format!("{spread}; {:.0} changes a second meanwhile; {cores:.2} cores", written.rate());
    report.at_most(&format!("{what}: a page, p99"), (spread.p99, 100.0, "ms"), &more);
    let grown = during.resident - before.resident;
    report.at_most(
        &format!("{what}: more memory"),
        (grown, 100.0, "MB"),
        &format!("peak {:+.0} MB", peak - before.resident),
    );
    Ok(())
}

/// One person: a window of their own, and a page every few seconds. Gives the times of pages and what went wrong.
async fn look_around(door: Door, person: Person) -> Outcome<(Vec<f64>, Vec<String>)> {
    let dice = &mut Dice::new(1, 15, person.number);
    // People do not all come in the same moment.
    tokio::time::sleep(Duration::from_millis(dice.below(PACE * 1000))).await;
    let door = person.enter(&door).await?;
    let window = Window::open(&door, &person.window()).await?;
    let (until, mut times, mut errors) = (Instant::now() + STAY - Duration::from_secs(PACE), Vec::new(), Vec::new());
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(PACE * 500 + dice.below(PACE * 1000))).await;
        let team = person.somewhere(dice);
        let page = match dice.below(4) {
            0 => format!("/c/{CONTEXT}/workloads?ns={team}"),
            1 => format!("/c/{CONTEXT}/r/core/v1/pods?q=state%3Afailed&ns={team}"),
            2 => format!("/c/{CONTEXT}/r/core/v1/pods?sort=-age&offset={}", dice.below(900)),
            _ => format!("/c/{CONTEXT}"),
        };
        match door.page(&page).await {
            Ok((_, time)) => times.push(time),
            Err(error) => errors.push(error.to_string()),
        }
    }
    let seen = window.take()?;
    errors.extend(seen.error);
    if seen.messages == 0 {
        errors.push("a window was silent".to_owned());
    }
    Ok((times, errors))
}

/// How long the console may take to give its memory back.
const BACK: Duration = Duration::from_secs(300);
/// The time at the end of it over which its processor is measured.
const QUIET: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_secs(5);

/// Everybody leaves: memory comes back, and the processor rests.
pub(crate) async fn idle(ready: &mut Ready, report: &mut Report) -> Outcome<()> {
    let id = ready.console.id();
    let before = probe::memory(id)?;
    ready.leave();
    let started = Instant::now();
    let (start, mut back, mut clock) = (ready.start.resident, None, None);
    // What is given back at the latest: nine tenths of what the tables took.
    let enough = start + (before.resident.max(ready.full.resident) - start) * 0.1;
    let mut now = before;
    while started.elapsed() < BACK {
        tokio::time::sleep(LOOK).await;
        now = probe::memory(id)?;
        if now.resident <= enough && back.is_none() {
            back = Some(started.elapsed());
            println!("  memory is back after {:.0} s", started.elapsed().as_secs_f64());
        }
        if started.elapsed() > BACK - QUIET && clock.is_none() {
            clock = Some(Clock::start(id)?);
        }
    }
    let cores = clock.ok_or("the wait was too short")?.cores()?;
    report.at_most(
        "idle, nothing open",
        (cores * 100.0, 1.0, "% of a core"),
        &format!("over the last {} s", QUIET.as_secs()),
    );
    let when = back.map_or("not within 5 minutes".to_owned(), |back| format!("after {:.0} s", back.as_secs_f64()));
    let measured =
        format!("{when}; {:.0} MB before, {:.0} now, {start:.0} at the start", before.resident, now.resident);
    report.add("memory back (nine tenths of it)", "within 5 minutes", measured, Some(back.is_some()));
    Ok(())
}
