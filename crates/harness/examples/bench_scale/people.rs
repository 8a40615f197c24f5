//! Many people with windows open, and what becomes of a console that everybody has left.

use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::console::{CONTEXT, Door};
use crate::dice::Dice;
use crate::first::Ready;
use crate::options::Options;
use crate::outcome::Outcome;
use crate::population;
use crate::probe::{self, Clock};
use crate::report::{Report, Spread};
use crate::windows::{Window, pages};
use crate::world::World;
use crate::writing::Changes;

/// How long each person looks around, and how often, in seconds.
const STAY: Duration = Duration::from_secs(40);
const PACE: u64 = 5;

/// Everybody opens a window and loads pages every few seconds, while things change.
pub(crate) async fn run(world: &World, ready: &Ready, options: &Options, report: &mut Report) -> Outcome<()> {
    let before = probe::memory(ready.console.id())?;
    probe::forget_peak(ready.console.id());
    let clock = Clock::start(ready.console.id())?;
    let mut changes = Changes::prepare(world, options.through_etcd, Vec::new()).await?;
    let mut people = JoinSet::new();
    for number in 0..options.people {
        people.spawn(person(ready.console.door().another()?, number as u64));
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
    let first = errors.first().map(|error| format!("; the first: {error}")).unwrap_or_default();
    report.add(&format!("{what}: errors"), "0", format!("{}{first}", errors.len()), Some(errors.is_empty()));
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
async fn person(door: Door, number: u64) -> Outcome<(Vec<f64>, Vec<String>)> {
    let dice = &mut Dice::new(1, 15, number);
    // People do not all come in the same moment.
    tokio::time::sleep(Duration::from_millis(dice.below(PACE * 1000))).await;
    let all = pages();
    let window = Window::open(&door, &all[number as usize % all.len()]).await?;
    let (until, mut times, mut errors) = (Instant::now() + STAY - Duration::from_secs(PACE), Vec::new(), Vec::new());
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(PACE * 500 + dice.below(PACE * 1000))).await;
        let team = population::Population::namespace(dice.below(4));
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
