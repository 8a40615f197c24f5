//! `pilothouse why`: the causes of how an object stands, most telling first, each with its evidence.

use std::io::Write;

use pilothouse_app::explanation_json;
use pilothouse_model::{Cause, Completeness, Row, time};

use crate::arguments::{ClusterArguments, WhyArguments};
use crate::ask::{PATIENCE, cluster, is_workloads, kind_and_name};
use crate::failure::Failure;
use crate::output;
use crate::plain::plain;

/// Explains one object.
pub(crate) async fn run(arguments: &ClusterArguments, options: &WhyArguments) -> Result<(), Failure> {
    let (kind, name) = object(options)?;
    let cluster = cluster(arguments)?;
    let catalog = cluster.wait_catalog(PATIENCE).await?;
    let resource = catalog.find(kind)?;
    let namespace = options.namespace.as_deref().unwrap_or_else(|| cluster.default_namespace());
    let namespace = resource.namespaced.then_some(namespace);
    let (row, causes, completeness) = cluster.explain(&resource, namespace, name, PATIENCE).await?;
    if let Some(format) = options.output {
        return output::document(&explanation_json(cluster.id(), &row, &causes, &completeness), format);
    }
    let mut out = anstream::stdout().lock();
    for line in lines(&row, &causes, &completeness, jiff::Timestamp::now()) {
        writeln!(out, "{}", plain(&line))?;
    }
    Ok(())
}

/// Which object is meant: `KIND/NAME` or `KIND NAME`.
fn object(options: &WhyArguments) -> Result<(&str, &str), Failure> {
    let asked = (kind_and_name(&options.object)?, options.name.as_deref().filter(|name| !name.is_empty()));
    let (((kind, Some(name)), None) | ((kind, None), Some(name))) = asked else {
        return Err(Failure::Other("name one object: pilothouse why KIND/NAME -n NAMESPACE".to_owned()));
    };
    if is_workloads(kind) {
        return Err(Failure::Other(format!(
            "`{kind}` names no kind of its own: ask by the object's kind, as `pilothouse get workloads -o name` prints it"
        )));
    }
    Ok((kind, name))
}

/// The explanation, line by line; lines begin and end where these do, whatever the cluster's texts hold.
fn lines(row: &Row, causes: &[Cause], completeness: &Completeness, now: jiff::Timestamp) -> Vec<String> {
    let place = row.namespace.as_ref().map(|namespace| format!(" in {namespace}")).unwrap_or_default();
    let state = if row.status.is_some() { format!(" is {}", row.status.word) } else { String::new() };
    let reason = if row.status.reason.is_empty() { String::new() } else { format!(" ({})", row.status.reason) };
    let mut lines = vec![format!("{}{place}{state}{reason}", row.reference())];
    if !row.status.message.is_empty() {
        lines.push(format!("  {}", row.status.message));
    }
    for (number, cause) in causes.iter().enumerate() {
        lines.push(String::new());
        lines.push(format!("{}. {} [{}]", number + 1, cause.title, output::certainty(cause.certainty)));
        if !cause.detail.is_empty() {
            lines.push(format!("   {}", cause.detail));
        }
        for evidence in &cause.evidence {
            let age = evidence.since.map(|since| format!(" ({} ago)", time::age(since, now))).unwrap_or_default();
            lines.push(format!("   evidence: {} {} = {}{age}", evidence.object, evidence.field, evidence.value));
        }
        lines.extend(cause.advice.iter().map(|advice| format!("   next: {advice}")));
    }
    let end = match (causes, completeness.is_complete()) {
        ([], true) => "Nothing known is wrong with it.".to_owned(),
        ([_, ..], true) => return lines,
        ([], false) => {
            format!("No cause was found, but not everything could be read: {}.", output::incomplete(completeness))
        }
        ([_, ..], false) => format!("Not everything could be read: {}.", output::incomplete(completeness)),
    };
    lines.extend([String::new(), end]);
    lines
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{Object, Projection, Resource, Status};
    use serde_json::json;

    use super::*;

    fn told(completeness: &Completeness) -> Vec<String> {
        let resource = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let object = Object::new(json!({"kind": "Pod", "metadata": {"namespace": "a", "name": "web"}})).unwrap();
        let projection = Projection { status: Status::none(), cells: Vec::new() };
        let row = Row::assemble(resource, &object, projection, &mut |text| text.into());
        lines(&row, &[], completeness, jiff::Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn that_nothing_is_wrong_is_only_said_when_all_was_read() {
        assert_eq!(told(&Completeness::Complete)[2], "Nothing known is wrong with it.");
        let told = told(&Completeness::Forbidden("you may not list events".to_owned())).join(" ");
        assert!(!told.contains("Nothing known"), "{told}");
        assert!(told.contains("you may not list events"), "{told}");
    }
}
