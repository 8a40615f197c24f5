//! Which cells a line of a table has besides those of its columns: namespace, name, labels.

use pilothouse_model::{Column, Row};

/// Which cells a line has, and in which order.
pub(super) struct Layout<'a> {
    pub(super) shown: Vec<(usize, &'a Column)>,
    pub(super) namespace: bool,
    pub(super) name: NamePlace,
    pub(super) labels: bool,
}

/// Where the name stands. Events have names that say nothing; kubectl shows them at the end of its wide table only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum NamePlace {
    First,
    Last,
    Nowhere,
}

impl Layout<'_> {
    pub(super) fn line(
        &self,
        namespace: String,
        name: String,
        cells: impl Iterator<Item = String>,
        labels: String,
    ) -> Vec<String> {
        let mut line: Vec<String> = Vec::new();
        line.extend(self.namespace.then_some(namespace));
        line.extend((self.name == NamePlace::First).then(|| name.clone()));
        line.extend(cells);
        line.extend((self.name == NamePlace::Last).then_some(name));
        line.extend(self.labels.then_some(labels));
        line
    }
}

/// All labels, as kubectl's `--show-labels` writes them.
pub(super) fn labels(row: &Row) -> String {
    if row.labels.is_empty() {
        return "<none>".to_owned();
    }
    row.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}
