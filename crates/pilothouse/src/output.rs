//! How answers are printed: documents, tables, the version.

use std::io::Write;

use pilothouse_model::{Certainty, Completeness, Resource, Row};
use serde_json::{Value, json};

use crate::arguments::{Document, VersionArguments};
use crate::failure::Failure;
use crate::plain::{escaped, plain};

/// Prints a document for machines.
pub(crate) fn document(value: &Value, format: Document) -> Result<(), Failure> {
    let text = match format {
        Document::Json => {
            let text = serde_json::to_string_pretty(value).map_err(|error| Failure::Other(error.to_string()))?;
            escaped(&text).into_owned() + "\n"
        }
        Document::Yaml => pilothouse_app::yaml(value),
    };
    std::io::stdout().lock().write_all(text.as_bytes())?;
    Ok(())
}

/// Prints a text as it is.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
}

/// Prints the version.
pub(crate) fn version(options: &VersionArguments) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    match options.output {
        Some(format) => {
            document(&json!({"version": version, "os": std::env::consts::OS, "arch": std::env::consts::ARCH}), format)
        }
        None => {
            writeln!(std::io::stdout(), "pilothouse {version}")?;
            Ok(())
        }
    }
}

/// How sure a cause is, in a word.
pub(crate) fn certainty(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Certain => "certain",
        Certainty::Likely => "likely",
        Certainty::Possible => "possible",
    }
}

/// Why an answer is not complete, in words.
pub(crate) fn incomplete(completeness: &Completeness) -> String {
    match completeness {
        Completeness::Complete => "it is complete".to_owned(),
        Completeness::Loading => "it is still loading".to_owned(),
        Completeness::Absent => "the cluster does not serve it".to_owned(),
        Completeness::Stale(why) | Completeness::Forbidden(why) | Completeness::Broken(why) => why.clone(),
    }
}

/// `pod`, `deployment.apps`.
pub(crate) fn qualified(resource: &Resource) -> String {
    let singular =
        if resource.singular.is_empty() { resource.kind.to_lowercase() } else { resource.singular.to_string() };
    if resource.group.is_empty() { singular } else { format!("{singular}.{}", resource.group) }
}

/// A row's line with `-o name`, which other commands take: `pod/web-0`, and where rows are of several clusters, theirs before
/// a tab.
pub(crate) fn name_line(cluster: Option<&str>, row: &Row) -> String {
    let name = format!("{}/{}", qualified(&row.resource), row.name);
    cluster.into_iter().chain([name.as_str()]).map(plain).collect::<Vec<_>>().join("\t") + "\n"
}

/// Lines up cells under headings, three spaces between columns, as kubectl does. No cell reaches the terminal raw.
pub(crate) fn table(headings: Option<&[String]>, rows: &[Vec<String>], widths: &mut Vec<usize>) -> String {
    let harmless = |line: &[String]| line.iter().map(|cell| plain(cell).into_owned()).collect::<Vec<_>>();
    let lines: Vec<_> = headings.into_iter().chain(rows.iter().map(Vec::as_slice)).map(harmless).collect();
    for line in &lines {
        widths.resize(widths.len().max(line.len()), 0);
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for line in &lines {
        let last = line.len().saturating_sub(1);
        for (index, cell) in line.iter().enumerate() {
            text.push_str(cell);
            if index < last {
                text.extend(std::iter::repeat_n(' ', widths[index] - cell.chars().count() + 3));
            }
        }
        text.truncate(text.trim_end_matches(' ').len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pilothouse_model::{Object, Projection, Status};

    use super::*;

    #[test]
    fn a_name_is_what_other_commands_take() {
        let row = |group: &str, kind: &str, singular: &str| {
            let resource = Resource { singular: singular.into(), ..Resource::new(group, "v1", "things", kind) };
            let object = Object::new(json!({"metadata": {"name": "web", "namespace": "a"}})).unwrap();
            let projection = Projection { cells: Vec::new(), status: Status::none() };
            Row::assemble(Arc::new(resource), &object, projection, &mut |text| text.into())
        };
        assert_eq!(name_line(None, &row("", "Pod", "pod")), "pod/web\n");
        assert_eq!(name_line(Some("lab"), &row("apps", "Deployment", "")), "lab\tdeployment.apps/web\n");
        assert_eq!(name_line(Some("l\u{1b}b"), &row("", "Pod", "pod")), "l\u{fffd}b\tpod/web\n");
    }

    #[test]
    fn columns_line_up() {
        let headings = ["NAME", "AGE"].map(str::to_owned);
        let rows = [vec!["long-name".to_owned(), "5s".to_owned()], vec!["é".to_owned(), "2d".to_owned()]];
        let text = table(Some(&headings), &rows, &mut Vec::new());
        assert_eq!(text, "NAME        AGE\nlong-name   5s\né           2d\n");
    }

    #[test]
    fn a_cell_cannot_speak_to_the_terminal() {
        let rows = [vec!["web".to_owned(), "Run\u{1b}[2Jning".to_owned()], vec!["a\nb".to_owned(), "ok".to_owned()]];
        let headings = ["NAME".to_owned(), "PHASE\u{9b}".to_owned()];
        let text = table(Some(&headings), &rows, &mut Vec::new());
        assert_eq!(text, "NAME   PHASE\u{fffd}\nweb    Run\u{fffd}[2Jning\na b    ok\n");
    }
}
