//! Rows and objects in every output format.

mod layout;

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use jiff::Timestamp;
use pilothouse_app::{Cluster, Listing, ManyListing, Record, Single, listing_json, many_json, many_row_json, row_json};
use pilothouse_columns::table::{is_default_class, is_events};
use pilothouse_model::{Cell, ClusterId, Column, ColumnKind, Object, Row, time};
use serde_json::{Value, json};

use crate::arguments::{Document, Format, GetArguments};
use crate::failure::Failure;
use crate::output;
use crate::plain::escaped;
use layout::{Layout, NamePlace, labels};

/// What one part of the command line gave.
pub(crate) struct Answer {
    columns: Arc<[Column]>,
    rows: Vec<(Row, Body)>,
    shape: Shape,
}

/// What an answer is as a document. It follows from the question alone: an empty answer has the same shape as a full one.
enum Shape {
    /// Rows that have no object of their own.
    Workloads(Listing),
    /// Rows of several clusters.
    Across(ManyListing),
    /// Objects of a list, or several by name.
    Objects,
    /// One object by name.
    Object,
}

enum Body {
    Stored(Arc<Record>),
    Read(Object),
}

impl Answer {
    pub(crate) fn listed(workloads: bool, listing: Listing) -> Self {
        let rows = listing.rows.iter().map(|record| (record.row.clone(), Body::Stored(Arc::clone(record)))).collect();
        let columns = Arc::clone(&listing.columns);
        Self { columns, rows, shape: if workloads { Shape::Workloads(listing) } else { Shape::Objects } }
    }

    /// Rows of several clusters: each with its cluster in the first cell.
    pub(crate) fn across(listing: ManyListing) -> Self {
        let rows = &listing.rows;
        let rows = rows.iter().map(|one| (Row::clone(&one.row), Body::Stored(Arc::clone(&one.record)))).collect();
        Self { columns: Arc::clone(&listing.columns), rows, shape: Shape::Across(listing) }
    }

    /// Those objects that there are of `asked` names.
    pub(crate) fn named(objects: Vec<Single>, asked: usize) -> Self {
        let columns = objects.first().map_or_else(|| Arc::from([]), |read| Arc::clone(&read.columns));
        let rows = objects.into_iter().map(|read| (read.row, Body::Read(read.object))).collect();
        Self { columns, rows, shape: if asked == 1 { Shape::Object } else { Shape::Objects } }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether its rows have no object of their own.
    fn is_derived(&self) -> bool {
        matches!(self.shape, Shape::Workloads(_))
    }

    /// Its rows as parts of a list.
    fn items(&self, cluster: &ClusterId) -> Result<Vec<Value>, Failure> {
        if let Shape::Across(listing) = &self.shape {
            return Ok(listing.rows.iter().map(|row| many_row_json(row, &listing.columns)).collect());
        }
        let item = |(row, body): &(Row, Body)| {
            if self.is_derived() { Ok(row_json(cluster, row, &self.columns)) } else { body.value() }
        };
        self.rows.iter().map(item).collect()
    }

    /// The document that it is alone; `None` where the one object asked for is not there.
    fn alone(&self, cluster: &ClusterId) -> Result<Option<Value>, Failure> {
        Ok(match (&self.shape, self.rows.as_slice()) {
            (Shape::Workloads(listing), _) => Some(listing_json(cluster, listing)),
            (Shape::Across(listing), _) => Some(many_json(listing)),
            (Shape::Object, rows) => rows.first().map(|(_, body)| body.value()).transpose()?,
            (Shape::Objects, _) => Some(list(&self.items(cluster)?)),
        })
    }
}

impl Body {
    fn value(&self) -> Result<Value, Failure> {
        match self {
            Self::Stored(record) => stored(record).map(Object::into_value),
            Self::Read(object) => Ok(object.value().clone()),
        }
    }

    /// What `question` finds in the object. A body that cannot be read says no more than the row does.
    fn tells<T>(&self, question: impl Fn(&Object) -> Option<T>) -> Option<T> {
        match self {
            Self::Stored(record) => question(&stored(record).ok()?),
            Self::Read(object) => question(object),
        }
    }
}

fn stored(record: &Record) -> Result<Object, Failure> {
    record.object().map_err(|error| Failure::Other(error.to_string()))
}

/// When a container of this pod last ended and was restarted.
fn last_restart(pod: &Object) -> Option<Timestamp> {
    pilothouse_columns::pod::summary(pod).last_restart
}

/// Several objects as kubectl writes them.
fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {"resourceVersion": ""}, "items": items})
}

/// How the command line wants answers printed.
pub(crate) struct Printer {
    cluster: ClusterId,
    format: Format,
    /// Whether long texts are cut: for people who look at a terminal, never for the next program.
    cuts: bool,
    headings: bool,
    show_labels: bool,
    prefixed: bool,
    namespaces: bool,
    widths: Vec<usize>,
    derived: bool,
    /// Whether rows are of several clusters, which their first cells tell.
    across: bool,
}

impl Printer {
    pub(crate) fn new(cluster: &Cluster, options: &GetArguments, prefixed: bool, namespaces: bool) -> Self {
        Self::of(cluster.id().clone(), options, prefixed, namespaces)
    }

    /// For rows of several clusters, each of which says its own.
    pub(crate) fn across(options: &GetArguments, prefixed: bool, namespaces: bool) -> Self {
        Self { across: true, ..Self::of(ClusterId::new(""), options, prefixed, namespaces) }
    }

    fn of(cluster: ClusterId, options: &GetArguments, prefixed: bool, namespaces: bool) -> Self {
        Self {
            cluster,
            format: options.output,
            cuts: options.output == Format::Table && std::io::stdout().is_terminal(),
            headings: !options.no_headers,
            show_labels: options.show_labels,
            prefixed,
            namespaces,
            widths: Vec::new(),
            derived: false,
            across: false,
        }
    }

    /// Prints the whole answer.
    pub(crate) fn print(mut self, answers: &[Answer]) -> Result<(), Failure> {
        let document = match self.format {
            Format::Json => Some(Document::Json),
            Format::Yaml => Some(Document::Yaml),
            Format::Table | Format::Wide | Format::Name => None,
        };
        if let Some(format) = document {
            return match self.value(answers)? {
                Some(value) => output::document(&value, format),
                None => Ok(()),
            };
        }
        let mut text = String::new();
        for answer in answers.iter().filter(|answer| !answer.is_empty()) {
            if !text.is_empty() && self.format != Format::Name {
                text.push('\n');
            }
            self.widths.clear();
            self.derived = answer.is_derived();
            let rows: Vec<_> = answer.rows.iter().map(|(row, body)| (row, body)).collect();
            text.push_str(&self.lines(&answer.columns, &rows, self.headings));
        }
        Ok(std::io::stdout().lock().write_all(text.as_bytes())?)
    }

    fn value(&self, answers: &[Answer]) -> Result<Option<Value>, Failure> {
        let cluster = &self.cluster;
        if let ([answer], false) = (answers, self.prefixed) {
            return answer.alone(cluster);
        }
        let items = answers.iter().map(|answer| answer.items(cluster)).collect::<Result<Vec<_>, _>>()?;
        Ok(Some(list(&items.concat())))
    }

    /// Prints rows as they come, keeping the columns where they were.
    pub(crate) fn print_rows(
        &mut self,
        columns: &[Column],
        records: &[&Arc<Record>],
        first: bool,
    ) -> Result<(), Failure> {
        let mut out = std::io::stdout().lock();
        if matches!(self.format, Format::Json | Format::Yaml) {
            for record in records {
                let value = if record.body.is_some() {
                    Body::Stored(Arc::clone(record)).value()?
                } else {
                    row_json(&self.cluster, &record.row, columns)
                };
                match self.format {
                    Format::Json => writeln!(out, "{}", escaped(&value.to_string()))?,
                    _ => write!(out, "---\n{}", pilothouse_app::yaml(&value))?,
                }
            }
            return Ok(out.flush()?);
        }
        self.derived = records.iter().all(|record| !record.body.is_some());
        let bodies: Vec<_> = records.iter().map(|record| Body::Stored(Arc::clone(record))).collect();
        let rows: Vec<_> = records.iter().map(|record| &record.row).zip(&bodies).collect();
        let text = self.lines(columns, &rows, self.headings && first);
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }

    fn lines(&mut self, columns: &[Column], rows: &[(&Row, &Body)], headings: bool) -> String {
        if self.format == Format::Name {
            let cluster = |row: &Row| match row.cells.first() {
                Some(Cell::Text(cluster)) if self.across => Some(cluster.to_string()),
                _ => None,
            };
            return rows.iter().map(|(row, _)| output::name_line(cluster(row).as_deref(), row)).collect();
        }
        let layout = Layout {
            shown: columns
                .iter()
                .enumerate()
                .skip(usize::from(self.across))
                .filter(|(_, column)| self.format == Format::Wide || !column.wide)
                .collect(),
            namespace: self.namespaces && (self.derived || rows.iter().any(|(row, _)| row.resource.namespaced)),
            name: match rows {
                [(row, _), ..] if !is_events(&row.resource) => NamePlace::First,
                _ if self.format == Format::Wide => NamePlace::Last,
                _ => NamePlace::Nowhere,
            },
            labels: self.show_labels,
        };
        let headings = headings.then(|| {
            let cells = layout.shown.iter().map(|(_, column)| column.title.to_uppercase());
            let line = layout.line("NAMESPACE".to_owned(), "NAME".to_owned(), cells, "LABELS".to_owned());
            self.across.then(|| "CLUSTER".to_owned()).into_iter().chain(line).collect::<Vec<_>>()
        });
        let now = Timestamp::now();
        let line = |(row, body): &(&Row, &Body)| {
            let cells = layout.shown.iter().map(|(index, column)| self.cell(column, row.cells.get(*index), body, now));
            let name = self.name(row, body);
            let cluster = row.cells.first().filter(|_| self.across).map(|cell| cell.show(ColumnKind::Text, now));
            let line = layout.line(row.namespace.as_deref().unwrap_or_default().to_owned(), name, cells, labels(row));
            cluster.into_iter().chain(line).collect::<Vec<_>>()
        };
        let rows: Vec<_> = rows.iter().map(line).collect();
        output::table(headings.as_deref(), &rows, &mut self.widths)
    }

    fn name(&self, row: &Row, body: &Body) -> String {
        let name = if self.prefixed {
            format!("{}/{}", output::qualified(&row.resource), row.name)
        } else {
            row.name.to_string()
        };
        let default = &*row.resource.plural == "storageclasses"
            && body.tells(|class| Some(is_default_class(&row.resource, class))).unwrap_or_default();
        if default { format!("{name} (default)") } else { name }
    }

    /// One cell as people read it.
    fn cell(&self, column: &Column, cell: Option<&Cell>, body: &Body, now: Timestamp) -> String {
        let Some(cell) = cell else { return String::new() };
        let shown = cell.show(column.kind, now);
        if &*column.id == RESTARTS
            && matches!(cell, Cell::Integer(1..))
            && let Some(last) = body.tells(last_restart)
        {
            return format!("{shown} ({} ago)", time::age(last, now));
        }
        if column.kind == ColumnKind::Text && self.cuts { shortened(shown) } else { shown }
    }
}

/// The column of pods that says how often containers were restarted; beside it stands when that was last.
const RESTARTS: &str = "restarts";

/// The longest text that a table on a terminal shows; the wide view shows all of it.
const LONGEST: usize = 100;

/// Long texts end in an ellipsis in the table.
fn shortened(text: String) -> String {
    if text.chars().count() <= LONGEST {
        return text;
    }
    text.chars().take(LONGEST - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use pilothouse_model::{Completeness, Resource};

    use super::*;

    fn nothing() -> Listing {
        Listing {
            columns: Vec::new().into(),
            rows: Vec::new(),
            total: 0,
            next: None,
            unfiltered: 0,
            as_of: None,
            completeness: Completeness::Complete,
            notes: Vec::new(),
        }
    }

    fn printed(format: Format, cuts: bool, resource: &Arc<Resource>, object: Value) -> String {
        let object = Object::new(object).unwrap();
        let projection = pilothouse_columns::project(resource, &object);
        let row = Row::assemble(Arc::clone(resource), &object, projection, &mut |text| text.into());
        let columns = pilothouse_columns::columns(resource);
        let mut printer = Printer {
            cluster: ClusterId::new("lab"),
            format,
            cuts,
            headings: true,
            show_labels: false,
            prefixed: false,
            namespaces: false,
            widths: Vec::new(),
            derived: false,
            across: false,
        };
        let text = printer.lines(&columns, &[(&row, &Body::Read(object))], true);
        text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
    }

    #[test]
    fn a_pod_says_when_it_was_last_restarted() {
        let ended = (Timestamp::now() - jiff::SignedDuration::from_hours(50)).to_string();
        let pod = |restarts: u64| {
            json!({"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "a"}]},
                "status": {"phase": "Running", "containerStatuses": [{"name": "a", "ready": true,
                    "restartCount": restarts, "state": {"running": {}},
                    "lastState": {"terminated": {"finishedAt": ended, "exitCode": 1}}}]}})
        };
        let pods = Arc::new(Resource::new("", "v1", "pods", "Pod"));
        let text = |restarts| printed(Format::Table, false, &pods, pod(restarts));
        assert_eq!(text(5), "NAME READY STATUS RESTARTS AGE\nweb 1/1 Running 5 (2d2h ago) <unknown>\n");
        assert!(text(0).contains("Running 0 <unknown>"), "{}", text(0));
    }

    #[test]
    fn events_are_not_led_by_their_names_and_long_messages_are_cut_for_people_only() {
        let events = Arc::new(Resource::new("", "v1", "events", "Event"));
        let message = "word".repeat(40);
        let event = || json!({"kind": "Event", "metadata": {"name": "web.17", "namespace": "a"}, "message": message});
        let piped = printed(Format::Table, false, &events, event());
        assert!(piped.starts_with("LAST SEEN TYPE REASON OBJECT MESSAGE\n"), "{piped}");
        assert!(piped.contains(&message) && !piped.contains("web.17"), "{piped}");
        assert!(printed(Format::Table, true, &events, event()).contains('…'));
        let wide = printed(Format::Wide, false, &events, event());
        assert!(wide.contains("COUNT NAME\n") && wide.ends_with("web.17\n"), "{wide}");
    }

    #[test]
    fn the_default_storage_class_is_marked() {
        let classes = Arc::new(Resource::new("storage.k8s.io", "v1", "storageclasses", "StorageClass"));
        let class = |default: &str| {
            let annotations = json!({"storageclass.kubernetes.io/is-default-class": default});
            json!({"kind": "StorageClass", "metadata": {"name": "fast", "annotations": annotations}})
        };
        assert!(printed(Format::Table, false, &classes, class("true")).contains("fast (default) "));
        assert!(!printed(Format::Table, false, &classes, class("false")).contains("(default)"));
    }

    #[test]
    fn an_empty_answer_has_the_shape_of_its_question() {
        let lab = ClusterId::new("lab");
        let document = |answer: &Answer| answer.alone(&lab).unwrap();
        let workloads = document(&Answer::listed(true, nothing())).unwrap();
        assert_eq!((&workloads["rows"], &workloads["complete"]), (&json!([]), &json!(true)));
        let objects = document(&Answer::listed(false, nothing())).unwrap();
        assert_eq!((&objects["kind"], &objects["items"]), (&json!("List"), &json!([])));
        assert_eq!(document(&Answer::named(Vec::new(), 2)).unwrap(), objects);
        assert_eq!(document(&Answer::named(Vec::new(), 1)), None);
    }
}
