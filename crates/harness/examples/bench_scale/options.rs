//! What the program was asked to do.

use std::path::PathBuf;

use crate::outcome::Outcome;

/// Everything there is to measure, in the order in which it is done.
pub(crate) const PHASES: [&str; 8] = ["reflector", "kubectl", "list", "memory", "query", "churn", "people", "idle"];

pub(crate) const USAGE: &str =
    "usage: bench_scale [--pods N] [--embedded] [--keep DIR] [--json FILE] [--only PHASE,..] [--skip PHASE,..]
                   [--rate CHANGES] [--seconds N] [--people N] [--seed N] [--load-only]
                   [--changes-through-api]
phases: reflector kubectl list memory query churn people idle";

/// The arguments.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) pods: u64,
    pub(crate) seed: u64,
    pub(crate) embedded: bool,
    /// Where etcd's data stays, so that the next run begins with the load in place.
    pub(crate) keep: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) phases: Vec<&'static str>,
    /// Changes a second.
    pub(crate) rate: u64,
    /// How long changes are made.
    pub(crate) seconds: u64,
    pub(crate) people: usize,
    pub(crate) load_only: bool,
    /// Whether changes are written past the API server.
    pub(crate) through_etcd: bool,
}

impl Options {
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Outcome<Self> {
        let mut options = Self {
            pods: 100_000,
            seed: 7,
            embedded: false,
            keep: None,
            json: None,
            phases: PHASES.to_vec(),
            rate: 1000,
            seconds: 30,
            people: 200,
            load_only: false,
            through_etcd: true,
        };
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{argument} wants a value\n{USAGE}"));
            match argument.as_str() {
                "--pods" => options.pods = value()?.parse()?,
                "--seed" => options.seed = value()?.parse()?,
                "--rate" => options.rate = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--people" => options.people = value()?.parse()?,
                "--keep" => options.keep = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--only" => options.phases = phases(&value()?, true)?,
                "--skip" => options.phases = phases(&value()?, false)?,
                "--embedded" => options.embedded = true,
                "--changes-through-api" => options.through_etcd = false,
                "--load-only" => options.load_only = true,
                _ => return Err(format!("what is {argument}?\n{USAGE}").into()),
            }
        }
        if options.pods < 100 {
            return Err("fewer than 100 pods measure nothing".into());
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, phase: &str) -> bool {
        self.phases.contains(&phase)
    }
}

/// The phases that are named, or those that are not.
fn phases(text: &str, named: bool) -> Outcome<Vec<&'static str>> {
    let words: Vec<&str> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    if let Some(odd) = words.iter().find(|word| !PHASES.contains(word)) {
        return Err(format!("there is no phase {odd}\n{USAGE}").into());
    }
    Ok(PHASES.into_iter().filter(|phase| words.contains(phase) == named).collect())
}
