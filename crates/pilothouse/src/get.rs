//! `pilothouse get`: lists, as kubectl prints them.

mod print;
mod watch;

use std::sync::Arc;

use pilothouse_app::{AppError, Ask, Catalog, Cluster, ErrorKind, Listing, Source};
use pilothouse_model::{Completeness, Resource};

use crate::arguments::{ClusterArguments, Format, GetArguments};
use crate::ask::{PATIENCE, cluster, kind_and_name};
use crate::failure::Failure;
use crate::output;
use print::{Answer, Printer};

/// What one part of the command line asks for.
pub(crate) struct Wanted {
    source: Source,
    /// Names of objects; none for all.
    names: Vec<String>,
}

/// Lists what the command line asks for.
pub(crate) async fn run(arguments: &ClusterArguments, options: &GetArguments) -> Result<(), Failure> {
    let cluster = cluster(arguments)?;
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let wanted = wanted(&catalog, options)?;
    let scope = Scope::of(&cluster, options);
    let printer = Printer::new(&cluster, options, wanted.len() > 1, scope.shows_namespaces());
    if options.watch {
        let [wanted] = wanted.as_slice() else {
            return Err(Failure::Other("you may only watch one resource type at a time".to_owned()));
        };
        return watch::run(&cluster, wanted, scope.ask(options, wanted), printer).await;
    }
    let mut answers = Vec::new();
    for wanted in &wanted {
        answers.push(answer(&cluster, wanted, &scope, options).await?);
    }
    if answers.iter().all(Answer::is_empty) && matches!(options.output, Format::Table | Format::Wide | Format::Name) {
        anstream::eprintln!("{}", scope.nothing(&wanted));
        return Ok(());
    }
    printer.print(&answers)
}

/// Reads `RESOURCE[,RESOURCE] [NAME...]` or `RESOURCE/NAME...`.
fn wanted(catalog: &Catalog, options: &GetArguments) -> Result<Vec<Wanted>, Failure> {
    let source = |text: &str| -> Result<Source, Failure> {
        if matches!(text.to_lowercase().as_str(), "workloads" | "workload") {
            return Ok(Source::Workloads);
        }
        Ok(Source::Resource(catalog.find(text)?))
    };
    if options.resource.contains('/') {
        return std::iter::once(&options.resource)
            .chain(&options.names)
            .map(|text| match kind_and_name(text) {
                (kind, Some(name)) => Ok(Wanted { source: source(kind)?, names: vec![name.to_owned()] }),
                (kind, None) => Err(Failure::Other(format!(
                    "there is no need to name a resource type of its own beside RESOURCE/NAME: write {kind}/NAME"
                ))),
            })
            .collect();
    }
    options
        .resource
        .split(',')
        .filter(|text| !text.is_empty())
        .map(|text| Ok(Wanted { source: source(text)?, names: options.names.clone() }))
        .collect()
}

/// In which namespaces the command line asks.
pub(crate) struct Scope {
    namespaces: Vec<String>,
}

impl Scope {
    fn of(cluster: &Cluster, options: &GetArguments) -> Self {
        let namespaces = if options.all_namespaces {
            Vec::new()
        } else if options.namespace.is_empty() {
            vec![cluster.default_namespace().to_owned()]
        } else {
            options.namespace.clone()
        };
        Self { namespaces }
    }

    fn shows_namespaces(&self) -> bool {
        self.namespaces.len() != 1
    }

    fn ask(&self, options: &GetArguments, wanted: &Wanted) -> Ask {
        let namespaced = match &wanted.source {
            Source::Workloads => true,
            Source::Resource(resource) => resource.namespaced,
        };
        let names = match wanted.names.as_slice() {
            [] => String::new(),
            names => format!("name:{} ", names.join(",")),
        };
        Ask {
            namespaces: if namespaced { self.namespaces.clone() } else { Vec::new() },
            confined: true,
            q: format!("{names}{}", options.query),
            labels: options.selector.clone(),
            sort: sort(&options.sort),
            offset: 0,
            limit: options.limit,
        }
    }

    fn nothing(&self, wanted: &[Wanted]) -> String {
        let namespaced = wanted.iter().any(|wanted| match &wanted.source {
            Source::Workloads => true,
            Source::Resource(resource) => resource.namespaced,
        });
        match self.namespaces.as_slice() {
            [] => "No resources found".to_owned(),
            _ if !namespaced => "No resources found".to_owned(),
            namespaces => format!("No resources found in {} namespace.", namespaces.join(", ")),
        }
    }
}

/// kubectl sorts by JSONPath; the two paths that people know by heart are understood.
fn sort(text: &str) -> String {
    match text.trim_matches(['{', '}']) {
        ".metadata.name" => "name".to_owned(),
        ".metadata.creationTimestamp" => "created".to_owned(),
        ".metadata.namespace" => "namespace".to_owned(),
        _ => text.to_owned(),
    }
}

async fn answer(cluster: &Cluster, wanted: &Wanted, scope: &Scope, options: &GetArguments) -> Result<Answer, Failure> {
    let asks_by_name = !wanted.names.is_empty();
    if let (Source::Resource(resource), true) = (&wanted.source, asks_by_name) {
        return named(cluster, resource, wanted, scope).await;
    }
    let listing = cluster.list_settled(&wanted.source, &scope.ask(options, wanted), PATIENCE).await?;
    check(&listing)?;
    if let (true, [name, ..]) = (listing.rows.is_empty(), wanted.names.as_slice()) {
        return Err(AppError::new(ErrorKind::NotFound, format!("workloads \"{name}\" not found")).into());
    }
    Ok(Answer::listed(listing))
}

/// Reads objects by name, each from the API server itself.
async fn named(cluster: &Cluster, resource: &Arc<Resource>, wanted: &Wanted, scope: &Scope) -> Result<Answer, Failure> {
    let namespace = match scope.namespaces.as_slice() {
        _ if !resource.namespaced => None,
        [namespace] => Some(namespace.as_str()),
        _ => {
            return Err(Failure::Other("a resource cannot be retrieved by name across several namespaces".to_owned()));
        }
    };
    let mut objects = Vec::new();
    for name in &wanted.names {
        objects.push(cluster.read(resource, namespace, name).await?);
    }
    Ok(Answer::named(objects))
}

/// Whether an answer may pass for an answer: what could not be read is an error, or at least told.
fn check(listing: &Listing) -> Result<(), Failure> {
    for note in &listing.notes {
        anstream::eprintln!("warning: {note}");
    }
    let kind = match &listing.completeness {
        Completeness::Complete => return Ok(()),
        Completeness::Absent => ErrorKind::NotFound,
        Completeness::Forbidden(_) => ErrorKind::Forbidden,
        Completeness::Loading | Completeness::Stale(_) | Completeness::Broken(_) => ErrorKind::Unavailable,
    };
    let why = output::incomplete(&listing.completeness);
    if listing.unfiltered == 0 {
        return Err(AppError::new(kind, why).into());
    }
    anstream::eprintln!("warning: the answer is not complete: {why}");
    Ok(())
}
