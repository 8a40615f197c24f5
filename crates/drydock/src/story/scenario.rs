//! What happens to whom, as data: the runs that come and go, those of the past, and what stands all the time.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::clock::{Clock, stamp};
use super::dice::{Dice, letters, pick};
use super::fate;
use super::kind::Kind;
use super::world::{TEAMS, Team};

pub(super) mod deck;
mod learning;
mod pipeline;
mod serving;

pub(super) use pipeline::pipeline_spec;

/// What kind of work a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Work {
    /// One of the training operator's kinds with so many workers, each with so many GPUs.
    Training { kind: Kind, workers: u32, gpus: u32 },
    /// A TrainJob on this runtime with so many nodes, each with so many GPUs.
    Train { runtime: &'static str, nodes: u32, gpus: u32 },
    /// A Katib experiment.
    Experiment { trials: u32, parallel: u32, gpus: u32 },
    /// A pipeline as KFP v2 compiles it.
    Pipeline,
    /// A plain Argo Workflow of one retried step between two others.
    Steps,
    /// A SparkApplication with so many executors.
    Spark { executors: u32 },
    /// A plain Job.
    Job,
    /// A notebook with so many GPUs.
    Notebook { gpus: u32 },
    /// A served model with so many GPUs.
    Model { gpus: u32 },
}

impl Work {
    /// How many GPUs it holds at most.
    fn gpus(self) -> u32 {
        match self {
            Self::Training { workers, gpus, .. } => (workers + 1) * gpus,
            Self::Train { nodes, gpus, .. } => nodes * gpus,
            Self::Experiment { parallel, gpus, .. } => parallel * gpus,
            Self::Notebook { gpus } => gpus,
            Self::Model { gpus } => 2 * gpus,
            Self::Pipeline => 1,
            Self::Steps | Self::Spark { .. } | Self::Job => 0,
        }
    }
}

/// A run and its fate.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    /// What the run's name tells of its purpose.
    pub(super) word: &'static str,
    pub(super) work: Work,
    /// Ends of fate annotations (empty: the whole run, `.worker-1`, `.node-0.try-1`) and the fates.
    pub(super) fates: &'static [(&'static str, &'static str)],
    pub(super) twist: Twist,
}

/// What else is particular about a run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Twist {
    #[default]
    None,
    /// It has a deadline of so many seconds.
    Deadline(u32),
    /// It may be restarted so many times.
    Restarts(u32),
    /// It is created suspended or stopped.
    Suspended,
    /// It asks for a kind of GPU that no node has.
    WrongPool,
    /// It belongs to the team with little quota.
    SmallQuota,
    /// These tasks come from the cache.
    Cached(&'static str),
    /// Somebody stopped it.
    Terminated,
}

/// Label of everything that the director starts and cleans up.
pub(super) const PART_OF_STORY: &str = "platform.example.com/story";

/// A run about to be created.
pub(super) struct Run<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) team: Team,
    pub(super) name: String,
    pub(super) dice: Dice,
}

/// The object of a scenario: its kind and JSON.
pub(super) fn object(run: &Run<'_>) -> (Kind, Value) {
    let (kind, mut object) = match run.scenario.work {
        Work::Training { kind, workers, gpus } => (kind, learning::training(run, kind, workers, gpus)),
        Work::Train { runtime, nodes, gpus } => (Kind::TrainJob, learning::train(run, runtime, nodes, gpus)),
        Work::Experiment { trials, parallel, gpus } => {
            (Kind::Experiment, learning::experiment(run, trials, parallel, gpus))
        }
        Work::Pipeline => (Kind::Workflow, pipeline::pipeline(run)),
        Work::Steps => (Kind::Workflow, pipeline::steps()),
        Work::Spark { executors } => (Kind::SparkApplication, pipeline::spark(run, executors)),
        Work::Job => (Kind::Job, learning::plain_job(run)),
        Work::Notebook { gpus } => (Kind::Notebook, serving::notebook(run, gpus)),
        Work::Model { gpus } => (Kind::InferenceService, serving::model(run, gpus)),
    };
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"]["name"] = run.name.as_str().into();
    object["metadata"]["namespace"] = run.team.namespace.into();
    object["metadata"]["labels"][PART_OF_STORY] = "run".into();
    object["metadata"]["labels"]["platform.example.com/purpose"] = run.scenario.word.into();
    for (end, fate) in run.scenario.fates {
        object["metadata"]["annotations"][format!("{}{end}", fate::FATE)] = (*fate).into();
    }
    if let Twist::Cached(tasks) = run.scenario.twist {
        object["metadata"]["annotations"][super::argo::CACHED] = tasks.into();
    }
    (kind, object)
}

/// Makes an object one of a past run: it began then, and what took seconds now took as many minutes.
pub(super) fn long_ago(object: &mut Value, clock: Clock, hours: f64) {
    const STRETCH: f64 = 40.0;
    let Some(notes) = object.pointer_mut("/metadata/annotations").and_then(Value::as_object_mut) else { return };
    for (_, fate) in notes.iter_mut().filter(|(key, _)| key.starts_with(fate::FATE)) {
        let words: Vec<String> = fate
            .as_str()
            .unwrap_or_default()
            .split_whitespace()
            .enumerate()
            .map(|(index, word)| match word.parse::<f64>() {
                Ok(seconds) if index == 1 => format!("{}", seconds * STRETCH),
                _ => word.to_owned(),
            })
            .collect();
        *fate = words.join(" ").into();
    }
    // `Clock::after` scales by the speed, so that what lies behind is over at every speed.
    let began = clock.after(clock.now(), -hours * 3600.0);
    notes.insert(fate::BEGAN.to_owned(), stamp(began).into());
}

/// The team and the name of the run with this number in a series.
pub(super) fn cast<'a>(scenario: &'a Scenario, series: &str, number: usize, dice: Dice) -> Run<'a> {
    let mut stream = dice.stream(&format!("{series} {number} {}", scenario.word));
    let team = match scenario.twist {
        Twist::SmallQuota => TEAMS[TEAMS.len() - 1],
        // Teams run what fits their quota; the one with little quota runs little.
        _ => {
            let fits: Vec<Team> =
                TEAMS[..TEAMS.len() - 1].iter().copied().filter(|team| team.gpus >= scenario.work.gpus()).collect();
            *pick(&mut stream, if fits.is_empty() { TEAMS } else { &fits })
        }
    };
    let name = format!("{}-{}-{}", team.subject, scenario.word, letters(&mut stream, 5));
    Run { scenario, team, name, dice }
}

/// An endless series of scenarios: the deck, shuffled anew each time it is through.
pub(super) fn shuffled(dice: Dice, round: usize) -> Vec<usize> {
    let mut stream: ChaCha8Rng = dice.stream(&format!("deck {round}"));
    let mut order: Vec<usize> = (0..deck::RUNS.len()).collect();
    for index in (1..order.len()).rev() {
        order.swap(index, stream.random_range(0..=index));
    }
    order
}

#[cfg(test)]
mod tests {
    use pilothouse_model::Read;

    use super::*;

    fn plan(seed: u64) -> Vec<String> {
        let dice = Dice::new(seed);
        let of = |index: usize| {
            let run = cast(&deck::RUNS[index], "run", index, dice);
            let (kind, object) = object(&run);
            format!("{:?} {}", kind, object)
        };
        (0..3).flat_map(|round| shuffled(dice, round)).map(of).collect()
    }

    #[test]
    fn same_seed_same_plan() {
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
    }

    #[test]
    fn every_fate_in_the_tables_can_be_read() {
        for scenario in deck::RUNS.iter().chain(deck::STANDING).chain(deck::PAST.iter().map(|(scenario, _)| scenario)) {
            for (_, fate) in scenario.fates {
                assert!(fate::Fate::read(fate).is_some(), "{}: {fate}", scenario.word);
            }
            let run = cast(scenario, "test", 0, Dice::new(1));
            let (_, object) = object(&run);
            assert!(object.text("/metadata/name").is_some_and(|name| name.len() <= 40), "{}", run.name);
        }
    }

    #[test]
    fn the_past_is_stretched_and_dated() {
        let mut object = json!({"metadata": {"annotations": { fate::FATE: "fail 2 3" }}});
        long_ago(&mut object, Clock::new(1.0), 2.0);
        assert_eq!(object["metadata"]["annotations"][fate::FATE], "fail 80 3");
        assert!(super::super::clock::began(&object) < jiff::Timestamp::now());
    }
}
