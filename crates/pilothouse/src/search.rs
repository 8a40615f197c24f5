//! `pilothouse search`: everything that mentions some words.

use pilothouse_app::{AppError, ConnectionState, ErrorKind, Found, Hit, Many, SearchAsk, found_json};
use pilothouse_model::{Cell, ColumnKind};

use crate::arguments::{ClusterArguments, Document, Format, SearchArguments};
use crate::ask::{PATIENCE, engine, several};
use crate::failure::Failure;
use crate::output;
use crate::plain::say;

/// Searches what the command line asks for.
pub(crate) async fn run(arguments: &ClusterArguments, options: &SearchArguments) -> Result<(), Failure> {
    let contexts = match several(arguments, options.all_contexts)? {
        Some(contexts) => contexts,
        None => arguments.context.iter().cloned().collect(),
    };
    let engine = engine(arguments, &contexts)?;
    let current = vec![engine.current().to_string()];
    let many = engine.many(if contexts.is_empty() && !options.all_contexts { &current } else { &contexts })?;
    let ask = SearchAsk {
        text: options.text.join(" "),
        namespaces: if options.all_namespaces { Vec::new() } else { options.namespace.clone() },
        limit: options.limit,
    };
    if ask.text.trim().chars().count() < 2 {
        return Err(Failure::Other("write at least two letters of what to look for".to_owned()));
    }
    let found = many.search(ask)?.settled(PATIENCE).await?;
    let failures = gaps(&found, &many);
    print(&found, &many, options)?;
    if failures.is_empty() { Ok(()) } else { Err(Failure::Several(failures)) }
}

/// Says what was not searched; a cluster that does not answer is a failure.
fn gaps(found: &Found, many: &Many) -> Vec<Failure> {
    let mut failures = Vec::new();
    for gap in &found.gaps {
        if gap.kinds.is_empty() {
            let cluster = many.engine().cluster(gap.cluster.as_str());
            let error = match cluster.map(|cluster| cluster.state()) {
                Ok(ConnectionState::Failed { error, .. }) | Err(error) => error,
                Ok(_) => AppError::new(ErrorKind::Unavailable, format!("{} did not answer in time", gap.cluster)),
            };
            failures.push(Failure::App(AppError { message: format!("{}: {}", gap.cluster, error.message), ..error }));
        } else {
            say(&format!("warning: {}: not searched: {} ({})", gap.cluster, gap.kinds.join(", "), gap.why));
        }
    }
    failures
}

fn print(found: &Found, many: &Many, options: &SearchArguments) -> Result<(), Failure> {
    let document = match options.output {
        Format::Json => Some(Document::Json),
        Format::Yaml => Some(Document::Yaml),
        Format::Table | Format::Wide | Format::Name => None,
    };
    if let Some(format) = document {
        return output::document(&found_json(found), format);
    }
    if found.hits.is_empty() {
        say("No resources found");
        return Ok(());
    }
    let clusters = many.clusters().len() > 1;
    let now = many.engine().now();
    let line = |hit: &Hit| {
        let row = &hit.record.row;
        if options.output == Format::Name {
            return vec![format!("{}/{}", row.resource.group_resource(), row.name)];
        }
        let age = row.created.map_or(Cell::Missing, Cell::Time).show(ColumnKind::Age, now);
        let mut cells: Vec<String> = clusters.then(|| hit.cluster.to_string()).into_iter().collect();
        cells.extend([
            row.resource.kind.to_string(),
            row.namespace.as_deref().unwrap_or("<none>").to_owned(),
            row.name.to_string(),
            if row.status.is_some() { row.status.word.to_string() } else { "<none>".to_owned() },
            age,
        ]);
        if options.output == Format::Wide {
            cells.push(hit.matched.what.as_str().to_owned());
            cells.push(hit.matched.text.clone());
        }
        cells
    };
    let rows: Vec<_> = found.hits.iter().map(line).collect();
    let mut headings: Vec<String> = clusters.then(|| "CLUSTER".to_owned()).into_iter().collect();
    headings.extend(["KIND", "NAMESPACE", "NAME", "STATE", "AGE"].map(str::to_owned));
    if options.output == Format::Wide {
        headings.extend(["MATCHED", "TEXT"].map(str::to_owned));
    }
    let headings = (options.output != Format::Name && !options.no_headers).then_some(headings);
    output::text(&output::table(headings.as_deref(), &rows, &mut Vec::new()))?;
    if found.total > found.hits.len() {
        say(&format!(
            "the best {} of {} results; narrow the search, as in kind:Pod ns:NAMESPACE",
            found.hits.len(),
            found.total
        ));
    }
    Ok(())
}
