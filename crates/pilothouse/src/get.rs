//! `pilothouse get`: lists, as kubectl prints them.

mod count;
mod many;
mod print;
mod watch;

use std::sync::Arc;

use pilothouse_app::{AppError, Ask, Catalog, Cluster, ErrorKind, Listing, Source};
use pilothouse_model::{Completeness, Resource};

use crate::arguments::{ClusterArguments, Format, GetArguments};
use crate::ask::{PATIENCE, cluster, is_workloads, kind_and_name, several};
use crate::failure::Failure;
use crate::output;
use crate::plain::say;
use print::{Answer, Printer};

/// What one part of the command line asks for.
pub(crate) struct Wanted {
    source: Source,
    /// Names of objects; none for all.
    names: Vec<String>,
}

/// Lists what the command line asks for.
pub(crate) async fn run(arguments: &ClusterArguments, options: &GetArguments) -> Result<(), Failure> {
    if let Some(contexts) = several(arguments, options.all_contexts)? {
        if options.count_by.is_some() {
            return Err(Failure::Other("only one cluster at a time is counted; name one context".to_owned()));
        }
        return many::run(arguments, options, &contexts).await;
    }
    let cluster = cluster(arguments)?;
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let wanted = wanted(&catalog, options)?;
    refuse_names_and_filters(options)?;
    let scope = Scope::of(&cluster, options);
    if let Some(fields) = &options.count_by {
        return count::run(&cluster, &wanted, &scope, (options, fields)).await;
    }
    let printer = Printer::new(&cluster, options, wanted.len() > 1, scope.shows_namespaces());
    if options.watch {
        let [wanted] = wanted.as_slice() else {
            return Err(Failure::Other("you may only watch one resource type at a time".to_owned()));
        };
        return watch::run(&cluster, wanted, scope.ask(options, wanted), printer).await;
    }
    let mut answers = Vec::new();
    let mut failures = Vec::new();
    for wanted in &wanted {
        // What cannot be read does not keep the others back.
        match answer(&cluster, wanted, &scope, options).await {
            Ok((answer, missing)) => {
                answers.push(answer);
                failures.extend(missing);
            }
            Err(failure) => failures.push(failure),
        }
    }
    let for_people = matches!(options.output, Format::Table | Format::Wide | Format::Name);
    if failures.is_empty() && for_people && answers.iter().all(Answer::is_empty) {
        say(&scope.nothing(&wanted));
        return Ok(());
    }
    printer.print(&answers)?;
    if failures.is_empty() { Ok(()) } else { Err(Failure::Several(failures)) }
}

/// Who names objects gets these objects: what narrows or orders a list has no part in it, and is not ignored in silence.
fn refuse_names_and_filters(options: &GetArguments) -> Result<(), Failure> {
    if options.names.is_empty() && !options.resource.contains('/') {
        return Ok(());
    }
    let filters = [
        ("--selector", !options.selector.is_empty()),
        ("--query", !options.query.is_empty()),
        ("--sort", !options.sort.is_empty()),
        ("--limit", options.limit.is_some()),
    ];
    match filters.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            Err(Failure::Other(format!("name cannot be provided when {option} is specified; leave one of them out")))
        }
    }
}

/// Reads `RESOURCE[,RESOURCE] [NAME...]` or `RESOURCE/NAME...`.
fn wanted(catalog: &Catalog, options: &GetArguments) -> Result<Vec<Wanted>, Failure> {
    if let Some(blank) = options.names.iter().find(|name| name.trim().is_empty()) {
        return Err(Failure::Other(format!("`{blank}` is no name of an object")));
    }
    if options.resource.contains('/') {
        return std::iter::once(&options.resource)
            .chain(&options.names)
            .map(|text| match kind_and_name(text)? {
                (kind, Some(name)) => Ok(Wanted { source: source(catalog, kind)?, names: vec![name.to_owned()] }),
                (kind, None) => Err(Failure::Other(format!(
                    "there is no need to name a resource type of its own beside RESOURCE/NAME: write {kind}/NAME"
                ))),
            })
            .collect();
    }
    let mut wanted = Vec::new();
    for text in options.resource.split(',') {
        let sources = match source(catalog, text) {
            Ok(source) => vec![source],
            Err(unknown) => match catalog.category(text) {
                members if members.is_empty() => return Err(unknown),
                members => members.into_iter().map(Source::Resource).collect(),
            },
        };
        wanted.extend(sources.into_iter().map(|source| Wanted { source, names: options.names.clone() }));
    }
    Ok(wanted)
}

/// What one name of a resource means.
fn source(catalog: &Catalog, text: &str) -> Result<Source, Failure> {
    if text.trim().is_empty() {
        let why = "a resource without a name was asked for; write one, such as pods, or several as in pods,services";
        return Err(Failure::Other(why.to_owned()));
    }
    Ok(if is_workloads(text) { Source::Workloads } else { Source::Resource(catalog.find(text)?) })
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
            names => {
                let quoted = |name: &String| format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
                format!("name:{} ", names.iter().map(quoted).collect::<Vec<_>>().join(","))
            }
        };
        Ask {
            namespaces: if namespaced { self.namespaces.clone() } else { Vec::new() },
            confined: true,
            q: format!("{names}{}", options.query),
            labels: options.selector.clone(),
            sort: sort(&options.sort),
            offset: 0,
            after: String::new(),
            limit: options.limit.filter(|limit| *limit > 0),
            among: None,
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

/// What was asked for, and a failure for each name that it does not have.
type Answered = (Answer, Vec<Failure>);

async fn answer(
    cluster: &Cluster,
    wanted: &Wanted,
    scope: &Scope,
    options: &GetArguments,
) -> Result<Answered, Failure> {
    if let (Source::Resource(resource), [_, ..]) = (&wanted.source, wanted.names.as_slice()) {
        return named(cluster, resource, wanted, scope).await;
    }
    let listing = cluster.list_settled(&wanted.source, &scope.ask(options, wanted), PATIENCE).await?;
    check(&listing)?;
    let missing = missing(&wanted.names, &listing);
    Ok((Answer::listed(wanted.source == Source::Workloads, listing), missing))
}

/// A failure for each of these workloads that the list does not have.
fn missing(names: &[String], listing: &Listing) -> Vec<Failure> {
    let has = |name: &str| listing.rows.iter().any(|record| *record.row.name == *name);
    let failure = |name: &String| {
        let error = if listing.completeness.is_complete() {
            AppError::new(ErrorKind::NotFound, format!("workloads \"{name}\" not found"))
        } else {
            let why = output::incomplete(&listing.completeness);
            AppError::new(ErrorKind::Unavailable, format!("whether there is a workload \"{name}\" is unknown: {why}"))
        };
        Failure::App(error)
    };
    names.iter().filter(|name| !has(name)).map(failure).collect()
}

/// Reads objects by name, each from the API server itself. One that cannot be read does not keep the others back.
async fn named(
    cluster: &Cluster,
    resource: &Arc<Resource>,
    wanted: &Wanted,
    scope: &Scope,
) -> Result<Answered, Failure> {
    let namespace = match scope.namespaces.as_slice() {
        _ if !resource.namespaced => None,
        [namespace] => Some(namespace.as_str()),
        _ => {
            return Err(Failure::Other("a resource cannot be retrieved by name across several namespaces".to_owned()));
        }
    };
    let mut objects = Vec::new();
    let mut failures = Vec::new();
    for name in &wanted.names {
        match cluster.read(resource, namespace, name).await {
            Ok(object) => objects.push(object),
            Err(error) => failures.push(Failure::App(error)),
        }
    }
    Ok((Answer::named(objects, wanted.names.len()), failures))
}

/// Whether an answer may pass for an answer: what could not be read is an error, or at least told.
fn check(listing: &Listing) -> Result<(), Failure> {
    check_known(&listing.completeness, &listing.notes, listing.unfiltered)
}

/// The same for any answer of which this much is known, made from so many rows.
fn check_known(completeness: &Completeness, notes: &[String], unfiltered: usize) -> Result<(), Failure> {
    for note in notes {
        say(&format!("warning: {note}"));
    }
    let kind = match completeness {
        Completeness::Complete => return Ok(()),
        Completeness::Absent => ErrorKind::NotOffered,
        Completeness::Forbidden(_) => ErrorKind::Forbidden,
        Completeness::Loading | Completeness::Stale(_) | Completeness::Broken(_) => ErrorKind::Unavailable,
    };
    let why = output::incomplete(completeness);
    if unfiltered == 0 {
        return Err(AppError::new(kind, why).into());
    }
    say(&format!("warning: the answer is not complete: {why}"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn options(line: &str) -> GetArguments {
        match Arguments::try_parse_from(line.split(' ')).unwrap().command {
            Command::Get(options) => options,
            other => panic!("not get: {other:?}"),
        }
    }

    #[test]
    fn each_resource_has_a_name_and_a_category_is_all_that_is_in_it() {
        let resource = |plural: &str, kind: &str| {
            let categories = vec!["all".into()];
            let verbs = vec!["list".into()];
            Arc::new(Resource { categories, verbs, ..Resource::new("", "v1", plural, kind) })
        };
        let catalog =
            Catalog { resources: vec![resource("pods", "Pod"), resource("services", "Service")], problems: Vec::new() };
        let asked = |resource: &str| {
            let options = GetArguments { resource: resource.to_owned(), ..options("pilothouse get pods") };
            wanted(&catalog, &options).map(|wanted| wanted.len())
        };
        assert_eq!(asked("pods").unwrap(), 1);
        assert_eq!(asked("all").unwrap(), 2);
        assert_eq!(asked("all,workloads").unwrap(), 3);
        for text in ["", ",", "pods,", "/", "pods/", "/web", "none"] {
            assert!(asked(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_limit_of_nothing_is_none() {
        let asked = |line: &str| {
            let wanted = Wanted { source: Source::Workloads, names: Vec::new() };
            Scope { namespaces: Vec::new() }.ask(&options(line), &wanted).limit
        };
        assert_eq!(asked("pilothouse get workloads --limit 0"), None);
        assert_eq!(asked("pilothouse get workloads --limit 3"), Some(3));
    }

    #[test]
    fn names_and_filters_are_refused_together() {
        for line in ["get pods -l a=b --limit 3", "get pods a b", "get pod/a pod/b", "get workloads -q x --sort age"] {
            assert!(refuse_names_and_filters(&options(&format!("pilothouse {line}"))).is_ok(), "{line}");
        }
        for (line, option) in [
            ("get pods a -l a=b", "--selector"),
            ("get pod/a -q x", "--query"),
            ("get workloads a --sort age", "--sort"),
            ("get workloads a --limit 3", "--limit"),
        ] {
            let refused = refuse_names_and_filters(&options(&format!("pilothouse {line}")));
            assert!(matches!(refused, Err(Failure::Other(why)) if why.contains(option)), "{line}");
        }
    }

    #[test]
    fn each_missing_name_is_told_and_an_incomplete_list_proves_nothing() {
        let listing = |completeness| Listing {
            columns: Vec::new().into(),
            rows: Vec::new(),
            total: 0,
            next: None,
            unfiltered: 1,
            as_of: None,
            completeness,
            notes: Vec::new(),
        };
        let names = ["a".to_owned(), "b".to_owned()];
        let told = |completeness| match missing(&names, &listing(completeness)).as_slice() {
            [Failure::App(a), Failure::App(b)] => (a.kind, b.message.clone()),
            other => panic!("{other:?}"),
        };
        assert_eq!(told(Completeness::Complete), (ErrorKind::NotFound, "workloads \"b\" not found".to_owned()));
        assert_eq!(told(Completeness::Stale("cut".to_owned())).0, ErrorKind::Unavailable);
    }
}
