//! Tables of rows: heading, rows, and how a row is told apart.

use maud::{Markup, html};
use pilothouse_app::RowId;
use pilothouse_model::{Cell, Column, ColumnKind, Row};

use super::icon::icon;
use super::scene::Scene;
use super::{status, value};
use crate::question::Question;
use crate::urls::Url;

/// Columns after these, the state and the age give way on narrow screens.
const FIRST: usize = 2;

/// What a table shows: made from the question and the columns alone, so that a stream makes the same rows as the page.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The table's columns.
    pub(crate) columns: Vec<Column>,
    /// Whether the namespace has a column: not for cluster-scoped objects, and not when only one is asked for.
    pub(crate) namespace: bool,
    /// Whether the wide view's columns show.
    pub(crate) wide: bool,
    /// Whether rows have a name in the document: only where each object has one row.
    pub(crate) named: bool,
    /// The columns that the order names: what a table is sorted by shows.
    sorted: Vec<String>,
    /// Whether rows of several clusters stand together: then the cluster is a part of what tells them apart.
    clusters: bool,
    /// Whether the name says nothing to people, as that of an event: it stands last and takes little room.
    nameless: bool,
}

impl Shape {
    /// The shape of a list of (or not of) namespaced objects.
    pub(crate) fn new(columns: &[Column], namespaced: bool, question: &Question) -> Self {
        let namespace = namespaced && question.namespaces.len() != 1;
        let sorted = question.sort.split(',').map(|key| key.trim().trim_start_matches('-').to_lowercase()).collect();
        let nameless = columns.iter().any(|column| &*column.id == "last-seen") && columns.iter().any(is_message);
        Self {
            columns: columns.to_vec(),
            namespace,
            wide: question.wide,
            named: true,
            sorted,
            clusters: false,
            nameless,
        }
    }

    /// The same inside a page that may show an object in several tables.
    pub(crate) fn inside(self, inside: bool) -> Self {
        Self { named: !inside, ..self }
    }

    /// The same for rows of several clusters, whose first column tells which.
    pub(crate) fn across(self) -> Self {
        Self { clusters: true, ..self }
    }

    /// What tells a row of this cluster apart on the page.
    pub(crate) fn key(&self, cluster: &str, row: &RowId) -> String {
        if self.clusters { format!("{cluster}:{}", key(row)) } else { key(row) }
    }

    /// The columns shown, each with its place in a row's cells.
    fn shown(&self) -> impl Iterator<Item = (usize, &Column)> {
        self.columns
            .iter()
            .enumerate()
            .filter(|(_, column)| self.wide || !column.wide || self.sorted.iter().any(|id| **id == *column.id))
    }

    /// Whether kind and namespace give their room to the message early: among workloads, unless all columns are asked for.
    fn folds(&self) -> bool {
        !self.wide && self.columns.iter().any(is_kind) && self.columns.iter().any(is_message)
    }

    /// Whether the kind's own columns tell the state.
    fn tells_state(&self) -> bool {
        self.shown().any(|(_, column)| column.kind == ColumnKind::Status)
    }

    /// Whether the name that says nothing shows at all: when somebody asks for it.
    fn shows_last_name(&self) -> bool {
        self.nameless && (self.wide || self.sorted.iter().any(|id| id == "name"))
    }

    /// A short text that differs when the columns do.
    pub(crate) fn print(&self) -> String {
        self.columns.iter().map(|column| &*column.id).collect::<Vec<_>>().join(" ")
    }
}

/// The heading. `here` is the list's address; without it nothing can be sorted by.
pub(crate) fn heading(shape: &Shape, here: Option<&Url>, question: &Question) -> Markup {
    let sortable = |id: &str, title: &str| sort_link(id, title, here, question);
    html! {
        thead {
            tr {
                @if !shape.nameless { th scope="col" aria-sort=[order("name", question)] { (sortable("name", "Name")) } }
                @if shape.namespace {
                    th.lesser.folds[shape.folds()] scope="col" aria-sort=[order("namespace", question)] { (sortable("namespace", "Namespace")) }
                }
                @if !shape.tells_state() {
                    th.own-state scope="col" aria-sort=[order("state", question)] { (sortable("state", "State")) }
                }
                @for (index, column) in shape.shown() {
                    th scope="col" class=[class(shape, column, index, None)] aria-sort=[order(&column.id, question)]
                        title=[(!column.description.is_empty()).then_some(&*column.description)] {
                        (sortable(&column.id, &column.title))
                    }
                }
                @if shape.shows_last_name() { th.lesser scope="col" aria-sort=[order("name", question)] { (sortable("name", "Name")) } }
            }
        }
    }
}

fn sort_link(id: &str, title: &str, here: Option<&Url>, question: &Question) -> Markup {
    let Some(here) = here else { return html! { (title) } };
    let next = if question.sort == id { format!("-{id}") } else { id.to_owned() };
    let address = here.ask(&Question { sort: next, offset: 0, ..question.clone() });
    html! { a id={ "sort-" (id) } href=(address) { (title) (icon("down")) } }
}

fn order(id: &str, question: &Question) -> Option<&'static str> {
    let first = question.sort.split(',').next().unwrap_or_default();
    if first == id {
        Some("ascending")
    } else if first.strip_prefix('-') == Some(id) {
        Some("descending")
    } else {
        None
    }
}

/// One row.
pub(crate) fn row(row: &Row, shape: &Shape, scene: &Scene<'_>) -> Markup {
    let namespace = row.namespace.as_deref();
    html! {
        @let key = shape.key(scene.cluster, &RowId::of(row));
        tr id=[shape.named.then(|| format!("row:{key}"))] data-row=(key) {
            @let page = scene.object(&row.resource, namespace, &row.name);
            @if !shape.nameless {
                th scope="row" title=(row.name) { a href=(page) { (row.name) } (under(row, shape)) }
            }
            @if shape.namespace {
                td.text.lesser.folds[shape.folds()] { @match namespace { Some(namespace) => (namespace), None => (value::missing()) } }
            }
            @if !shape.tells_state() {
                td.own-state { (status::status(&row.status)) }
            }
            @for (index, column) in shape.shown() {
                @let cell = row.cells.get(index).unwrap_or(&Cell::Unknown);
                td class=[class(shape, column, index, Some(cell))] title=[hint(cell)] {
                    @if shape.nameless && &*column.id == "reason" {
                        a href=(page) { (cell_of(cell, column, scene)) }
                    } @else if column.kind == ColumnKind::Status && row.status.is_some() {
                        (status::status(&row.status))
                    } @else {
                        (cell_of(cell, column, scene))
                    }
                }
            }
            @if shape.shows_last_name() {
                th.slim.lesser scope="row" title=(row.name) { a href=(page) { (row.name) } }
            }
        }
    }
}

/// A message stands in an element of its own: where there is little room it takes two lines, and no more.
fn cell_of(cell: &Cell, column: &Column, scene: &Scene<'_>) -> Markup {
    let shown = value::cell(cell, column.kind, scene.now);
    if is_message(column) {
        html! { span.lines { (shown) } }
    } else {
        shown
    }
}

/// What narrow screens show below the name instead of columns of its own.
fn under(row: &Row, shape: &Shape) -> Markup {
    let kind = shape.columns.iter().any(is_kind).then_some(&*row.resource.kind);
    let parts: Vec<&str> = kind.into_iter().chain(row.namespace.as_deref().filter(|_| shape.namespace)).collect();
    html! { @if !parts.is_empty() { small.narrow.folded[shape.folds()] { (parts.join(" · ")) } } }
}

/// Whether a column tells the kind of each row, as tables of several kinds do.
fn is_kind(column: &Column) -> bool {
    *column.id == *"kind"
}

/// Whether a column holds what the cluster says at length.
fn is_message(column: &Column) -> bool {
    *column.id == *"message"
}

/// Text that may be cut short is whole on hovering.
fn hint(cell: &Cell) -> Option<&str> {
    match cell {
        Cell::Text(text) if text.len() > 40 => Some(text),
        _ => None,
    }
}

fn class(shape: &Shape, column: &Column, index: usize, cell: Option<&Cell>) -> Option<String> {
    let mut classes = Vec::new();
    match column.kind {
        ColumnKind::Integer | ColumnKind::Number | ColumnKind::Cpu | ColumnKind::Bytes | ColumnKind::Fraction => {
            classes.push("number");
        }
        ColumnKind::Text if cell.is_some() && is_message(column) => {
            classes.push(if shape.nameless { "text long wraps" } else { "text long" });
        }
        ColumnKind::Text if cell.is_some() => classes.push("text"),
        _ => {}
    }
    classes.extend(yields(shape, column));
    // Where the name says nothing, the message says it all.
    let stays = shape.nameless && (is_message(column) || &*column.id == "reason");
    if is_kind(column) || (index >= FIRST && !stays && !matches!(column.kind, ColumnKind::Status | ColumnKind::Age)) {
        classes.push("lesser");
    }
    (!classes.is_empty()).then(|| classes.join(" "))
}

/// Among workloads, a message says more than the columns that it needs the room of; all columns are one link away.
fn yields(shape: &Shape, column: &Column) -> Option<&'static str> {
    match &*column.id {
        _ if !shape.folds() => None,
        "kind" => Some("folds"),
        "reason" => Some("yields-first"),
        "progress" => Some("yields-second of-progress"),
        "gpu" => Some("of-gpu"),
        _ => None,
    }
}

/// The row's name within its table: kind and group tell rows of mixed tables apart.
pub(crate) fn key(row: &RowId) -> String {
    format!("{}.{}/{}/{}", row.kind, row.group, row.namespace.as_deref().unwrap_or_default(), row.name)
}

/// A table around rows made with [`row`].
pub(crate) fn table(label: &str, heading: &Markup, rows: &Markup) -> Markup {
    html! {
        div.table tabindex="0" role="region" aria-label=(label) {
            table { (heading) tbody data-part="rows" { (rows) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_is_sorted_by_shows() {
        let columns = [Column::new("Kind", ColumnKind::Text), Column::new("Finished", ColumnKind::Age).wide()];
        let shown = |sort: &str| {
            let question = Question { sort: sort.into(), ..Question::default() };
            heading(&Shape::new(&columns, true, &question), None, &question).into_string().contains("Finished")
        };
        assert!(!shown("") && !shown("kind") && shown("finished,kind") && shown("kind,-Finished"));
    }

    #[test]
    fn the_name_of_an_event_says_nothing_and_its_message_stays() {
        let columns = [
            Column::new("Last Seen", ColumnKind::Age),
            Column::new("Type", ColumnKind::Status),
            Column::new("Reason", ColumnKind::Text),
            Column::new("Object", ColumnKind::Text),
            Column::new("Message", ColumnKind::Text),
        ];
        let shown = |question: &Question| {
            let html = heading(&Shape::new(&columns, true, question), None, question).into_string();
            let titles = html.split("</th>").map(|th| th.rsplit('>').next().unwrap_or_default().to_owned());
            (titles.take_while(|title| !title.is_empty()).collect::<Vec<_>>(), html)
        };
        let (titles, html) = shown(&Question::default());
        assert_eq!(titles, ["Namespace", "Last Seen", "Type", "Reason", "Object", "Message"]);
        assert_eq!(html.matches("lesser").count(), 2, "namespace and object give way, the message does not: {html}");
        let (titles, _) = shown(&Question { wide: true, ..Question::default() });
        assert_eq!(titles.last().map(String::as_str), Some("Name"));
    }

    #[test]
    fn columns_make_room_for_a_message_unless_all_are_asked_for() {
        let columns = ["Kind", "Reason", "Progress", "Message"].map(|title| Column::new(title, ColumnKind::Text));
        let narrow = |columns: &[Column], wide| {
            let question = Question { wide, ..Question::default() };
            heading(&Shape::new(columns, true, &question), None, &question).into_string()
        };
        let html = narrow(&columns, false);
        assert!(html.contains("yields-first") && html.contains("yields-second"), "{html}");
        assert_eq!(html.matches("folds").count(), 2, "{html}");
        for html in [narrow(&columns, true), narrow(&columns[1..], false), narrow(&columns[..3], false)] {
            assert!(!html.contains("yields") && !html.contains("folds"), "{html}");
        }
    }
}
