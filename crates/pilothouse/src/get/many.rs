//! `pilothouse get --context a,b` and `--all-contexts`: lists over several clusters.

use pilothouse_app::{AppError, Ask, ErrorKind, ManyListing, ManySource, Part};

use super::print::{Answer, Printer};
use super::sort;
use crate::arguments::{ClusterArguments, Format, GetArguments};
use crate::ask::{PATIENCE, engine, is_workloads};
use crate::failure::Failure;
use crate::plain::say;

/// Lists what the command line asks for in these contexts, or in all when none is named. A cluster that does not answer is
/// told at the end, and keeps no other back.
pub(super) async fn run(
    arguments: &ClusterArguments,
    options: &GetArguments,
    contexts: &[String],
) -> Result<(), Failure> {
    refuse(options)?;
    let engine = engine(arguments, contexts)?;
    let many = engine.many(contexts)?;
    let ask = Ask {
        namespaces: namespaces(&many, options)?,
        confined: true,
        q: options.query.clone(),
        labels: options.selector.clone(),
        sort: sort(&options.sort),
        limit: options.limit.filter(|limit| *limit > 0),
        ..Ask::default()
    };
    let texts: Vec<&str> = options.resource.split(',').collect();
    let mut answers = Vec::new();
    let mut failures = Vec::new();
    for text in &texts {
        let source = if is_workloads(text) { ManySource::Workloads } else { ManySource::Named((*text).to_owned()) };
        let listing = many.list_settled(&source, &ask, PATIENCE).await?;
        failures.extend(missing(&listing));
        answers.push(Answer::across(listing));
    }
    let for_people = matches!(options.output, Format::Table | Format::Wide | Format::Name);
    if for_people && answers.iter().all(Answer::is_empty) {
        if failures.is_empty() {
            say("No resources found");
        }
    } else {
        Printer::across(options, texts.len() > 1, ask.namespaces.len() != 1).print(&answers)?;
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::Several(failures)) }
}

/// What means something in one cluster only.
fn refuse(options: &GetArguments) -> Result<(), Failure> {
    let why = if !options.names.is_empty() || options.resource.contains('/') {
        "objects are named in one context: name it with --context, or ask with -q name:NAME"
    } else if options.watch {
        "you may only watch one context at a time"
    } else if options.resource.split(',').any(|text| text.trim().is_empty()) {
        "a resource without a name was asked for; write one, such as pods, or several as in pods,services"
    } else {
        return Ok(());
    };
    Err(Failure::Other(why.to_owned()))
}

/// The namespaces that are meant: without a flag the contexts' own, when they agree.
fn namespaces(many: &pilothouse_app::Many, options: &GetArguments) -> Result<Vec<String>, Failure> {
    if options.all_namespaces {
        return Ok(Vec::new());
    }
    if !options.namespace.is_empty() {
        return Ok(options.namespace.clone());
    }
    let mut own: Vec<String> = Vec::new();
    for id in many.clusters() {
        // What cannot be opened is told by the list.
        if let Ok(cluster) = many.engine().cluster(id.as_str()) {
            own.push(cluster.default_namespace().to_owned());
        }
    }
    own.sort_unstable();
    own.dedup();
    match own.len() {
        0 | 1 => Ok(own),
        _ => Err(Failure::Other(format!(
            "the contexts have namespaces of their own ({}): write -n NAMESPACE, or -A for all",
            own.join(", ")
        ))),
    }
}

/// A failure for each cluster whose rows are not all there; what else there is to know is said.
fn missing(listing: &ManyListing) -> Vec<Failure> {
    let served = listing.parts.iter().any(|part| !not_served(part));
    let mut failures = Vec::new();
    for part in &listing.parts {
        for note in &part.notes {
            say(&format!("warning: {}: {note}", part.cluster));
        }
        let complete = part.completeness.is_complete();
        let why = part.reason().unwrap_or_else(|| "it did not answer in time".to_owned());
        if complete && part.reason().is_some() && served {
            say(&format!("warning: {}: {why}", part.cluster));
        } else if !complete || part.reason().is_some() {
            let kind = part.error.as_ref().map_or(ErrorKind::Unavailable, |error| error.kind);
            let hint = part.error.as_ref().and_then(|error| error.hint.clone());
            let error = AppError { hint, ..AppError::new(kind, format!("{}: {why}", part.cluster)) };
            failures.push(Failure::App(error));
        }
    }
    failures
}

fn not_served(part: &Part) -> bool {
    part.completeness.is_complete() && part.reason().is_some()
}
