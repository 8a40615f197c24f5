//! `pilothouse why`: the causes of how an object stands, most telling first, each with its evidence.

use std::io::Write;

use pilothouse_app::explanation_json;
use pilothouse_model::{Cause, Completeness, Row, time};

use crate::arguments::{ClusterArguments, WhyArguments};
use crate::ask::{PATIENCE, cluster, kind_and_name};
use crate::failure::Failure;
use crate::output;

/// Explains one object.
pub(crate) async fn run(arguments: &ClusterArguments, options: &WhyArguments) -> Result<(), Failure> {
    let asked = (kind_and_name(&options.object), options.name.as_deref());
    let (((kind, Some(name)), None) | ((kind, None), Some(name))) = asked else {
        return Err(Failure::Other("name one object: pilothouse why KIND/NAME -n NAMESPACE".to_owned()));
    };
    let cluster = cluster(arguments)?;
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let resource = catalog.find(kind)?;
    let namespace = options.namespace.as_deref().unwrap_or_else(|| cluster.default_namespace());
    let namespace = resource.namespaced.then_some(namespace);
    let (row, causes, completeness) = cluster.explain(&resource, namespace, name, PATIENCE).await?;
    if let Some(format) = options.output {
        return output::document(&explanation_json(cluster.id(), &row, &causes, &completeness), format);
    }
    print(&row, &causes, &completeness)
}

fn print(row: &Row, causes: &[Cause], completeness: &Completeness) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    let place = row.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let state = if row.status.is_some() { format!(" is {}", row.status.word) } else { String::new() };
    let reason = if row.status.reason.is_empty() { String::new() } else { format!(" ({})", row.status.reason) };
    writeln!(out, "{}{place}{state}{reason}", row.reference())?;
    if !row.status.message.is_empty() {
        writeln!(out, "  {}", row.status.message)?;
    }
    let now = jiff::Timestamp::now();
    for (number, cause) in causes.iter().enumerate() {
        writeln!(out, "\n{}. {} [{}]", number + 1, cause.title, output::certainty(cause.certainty))?;
        if !cause.detail.is_empty() {
            writeln!(out, "   {}", cause.detail)?;
        }
        for evidence in &cause.evidence {
            let age = evidence.since.map(|since| format!(" ({} ago)", time::age(since, now))).unwrap_or_default();
            writeln!(out, "   evidence: {} {} = {}{age}", evidence.object, evidence.field, evidence.value)?;
        }
        for advice in &cause.advice {
            writeln!(out, "   next: {advice}")?;
        }
    }
    if causes.is_empty() {
        writeln!(out, "\nNothing known is wrong with it.")?;
    }
    if !completeness.is_complete() {
        writeln!(out, "\nNot everything could be read: {}.", output::incomplete(completeness))?;
    }
    Ok(())
}
