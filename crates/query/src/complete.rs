//! What can be written at the cursor: fields, values with how often they occur, operators, labels.

mod place;
mod values;

use std::ops::Range;

use pilothouse_model::{Column, Field};

use crate::error::QueryError;
use crate::field::{self, GROUPS, OTHERS};
use place::Place;

/// More are not offered: nobody reads them, and one letter more finds the others.
const MOST: usize = 50;
/// Fewer letters ask for no values of fields that were not named.
const TELLING: usize = 2;
/// Values of each field that was not named.
const FEW: usize = 4;

/// What can be written at a place of a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// What an item takes the place of, in bytes; on character boundaries.
    pub replace: Range<usize>,
    /// What can be written there, the likeliest first.
    pub items: Vec<Item>,
}

/// One thing that can be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The text, in quotes where it needs them.
    pub text: String,
    /// What it is.
    pub kind: ItemKind,
    /// What it means, in a few words; may be empty.
    pub detail: String,
    /// How many rows have it, where that was counted.
    pub count: Option<usize>,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// A field's name, with its colon where a value follows; the key of a label.
    Field,
    /// A value, or a field with its value.
    Value,
    /// `OR`, `NOT`, a comparison.
    Operator,
    /// `has:`, `is:`, `label:`.
    Function,
}

/// Values that are wanted of whoever knows the rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Those of a field.
    Values(&'a Field),
    /// The keys of labels.
    LabelKeys,
}

/// Knows the rows: gives the values that hold a text, in any case, and how many rows have each, the likeliest first.
pub type Values<'a> = dyn Fn(Wanted<'_>, &str) -> Vec<(String, usize)> + 'a;

impl Item {
    fn new(text: impl Into<String>, kind: ItemKind, detail: impl Into<String>) -> Self {
        Self { text: text.into(), kind, detail: detail.into(), count: None }
    }
}

/// What can be written at `cursor`, in bytes, of a question about a table with these columns.
///
/// ```
/// use pilothouse_model::{Column, ColumnKind};
///
/// let columns = [Column::new("Status", ColumnKind::Status)];
/// let known = |_: pilothouse_query::Wanted<'_>, _: &str| vec![("Init:0/1".to_owned(), 3)];
/// let fields = pilothouse_query::complete("oom sta", 7, &columns, &known);
/// assert_eq!((fields.replace, fields.items[0].text.as_str()), (4..7, "status:"));
/// let values = pilothouse_query::complete("status:in", 9, &columns, &known);
/// assert_eq!((values.replace, values.items[0].text.as_str()), (7..9, "Init:0/1"));
/// ```
pub fn complete(text: &str, cursor: usize, columns: &[Column], known: &Values<'_>) -> Completion {
    let cursor = text.floor_char_boundary(cursor.min(text.len()));
    let offer = Offer { columns, known };
    let (replace, items) = match place::find(text, cursor) {
        Place::Nowhere => (cursor..cursor, Vec::new()),
        Place::Word { part, typed, joins } => (part, offer.word(&typed, joins)),
        Place::Value { name, operator, part, typed, before } => {
            let items = offer.value(&name, operator, &typed);
            let new = |item: &Item| !before.iter().any(|value| value.eq_ignore_ascii_case(&item.text));
            (part, items.into_iter().filter(new).collect())
        }
        Place::LabelKey { part, typed, compares } => (part, offer.label_keys(&typed, if compares { "=" } else { "" })),
        Place::LabelValue { key, part, typed } => (part, offer.label_values(&key, &typed)),
    };
    finish(text, replace, items)
}

/// The same for sort keys: `-age,na`.
pub fn complete_sort(text: &str, cursor: usize, columns: &[Column], known: &Values<'_>) -> Completion {
    let cursor = text.floor_char_boundary(cursor.min(text.len()));
    let start = text[..cursor].rfind(',').map_or(0, |comma| comma + 1);
    let start = start + usize::from(text[start..cursor].starts_with('-'));
    let end = text[cursor..].find(',').map_or(text.len(), |comma| cursor + comma);
    let typed = &text[start..cursor];
    let offer = Offer { columns, known };
    let items = match typed.strip_prefix("label:") {
        Some(key) => {
            let keys = offer.label_keys(key, "").into_iter();
            keys.map(|item| Item { text: format!("label:{}", item.text), ..item }).collect()
        }
        None => {
            let mut items = offer.fields(typed, "");
            items.extend(ranked(typed, [Item::new("label:", ItemKind::Function, "the value of a label")]));
            items
        }
    };
    finish(text, start..end, items)
}

/// Without what is written already, and not too many.
fn finish(text: &str, replace: Range<usize>, mut items: Vec<Item>) -> Completion {
    let written = &text[replace.clone()];
    items.retain(|item| item.text != written);
    items.truncate(MOST);
    Completion { replace, items }
}

/// Those that hold what is typed, in any case: those that begin with it first.
fn ranked(typed: &str, items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let typed = typed.to_lowercase();
    let rank = |item: Item| {
        let text = item.text.to_lowercase();
        let text = text.trim_start_matches('"');
        if text.starts_with(&typed) {
            Some((0, item))
        } else if text.contains(&typed) {
            Some((1, item))
        } else {
            None
        }
    };
    let mut ranked: Vec<_> = items.into_iter().filter_map(rank).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, item)| item).collect()
}

/// What is offered in a table.
struct Offer<'a> {
    columns: &'a [Column],
    known: &'a Values<'a>,
}

impl Offer<'_> {
    fn word(&self, typed: &str, joins: bool) -> Vec<Item> {
        let functions = [
            Item::new("label:", ItemKind::Function, "a label selector, as in label:app=train"),
            Item::new("has:", ItemKind::Function, "the field has a value"),
            Item::new("is:", ItemKind::Function, format!("one of {}", self.groups().join(", "))),
        ];
        let mut items = self.fields(typed, ":");
        items.extend(functions);
        let mut items = ranked(typed, items);
        if typed.chars().count() >= TELLING {
            let of_kinds = self.columns.iter().any(|column| &*column.id == "kind");
            for name in ["state", "ns"].into_iter().chain(of_kinds.then_some("kind")) {
                let likely = self.value(name, None, typed).into_iter().filter(|item| item.count.is_some()).take(FEW);
                items.extend(likely.map(|item| Item { text: format!("{name}:{}", item.text), ..item }));
            }
        }
        let operators = [("AND ", "both hold"), ("OR ", "either holds"), ("NOT ", "does not hold")].into_iter();
        // They need something to join, and side by side means AND: nobody need write it.
        let fits =
            |word: &str| (joins || word == "NOT ") && word.starts_with(typed) && (word != "AND " || !typed.is_empty());
        let operators = operators.filter(|(word, _)| fits(word));
        let operators = operators.map(|(word, meaning)| Item::new(word, ItemKind::Operator, meaning));
        // Capitals are typed for an operator.
        let place = if typed.is_empty() { items.len() } else { 0 };
        items.splice(place..place, operators);
        items
    }

    /// The groups that `is:` takes here.
    fn groups(&self) -> Vec<&'static str> {
        let all = field::has_states(self.columns);
        GROUPS.into_iter().filter(|group| all || *group == "deleting").collect()
    }

    /// Names of fields, with what follows them.
    fn fields(&self, typed: &str, colon: &str) -> Vec<Item> {
        let names = field::fields(self.columns).into_iter().filter(|name| !OTHERS.contains(name));
        let item = |name: &str| {
            let known = field::find(name, self.columns)?;
            let detail = field::meaning(&known, self.columns);
            Some(Item::new(format!("{name}{colon}"), ItemKind::Field, detail))
        };
        ranked(typed, names.filter_map(item))
    }

    fn label_keys(&self, typed: &str, sign: &str) -> Vec<Item> {
        let fits = |key: &str| self.fits(&format!("label:{key}{sign}"));
        let keys = self.rows(Wanted::LabelKeys, typed).into_iter().filter(|(key, _)| fits(key));
        keys.map(|(key, count)| Item {
            text: format!("{key}{sign}"),
            kind: ItemKind::Field,
            detail: String::new(),
            count: Some(count),
        })
        .collect()
    }

    fn label_values(&self, key: &str, typed: &str) -> Vec<Item> {
        let fits = |value: &str| self.fits(&format!("label:\"{key}={value}\""));
        let values = self.rows(Wanted::Values(&Field::Label(key.into())), typed).into_iter();
        let values = values.filter(|(value, _)| !value.is_empty() && fits(value));
        values
            .map(|(value, count)| Item {
                text: value,
                kind: ItemKind::Value,
                detail: String::new(),
                count: Some(count),
            })
            .collect()
    }

    /// What the rows have: what begins as typed before what holds it elsewhere.
    fn rows(&self, wanted: Wanted<'_>, typed: &str) -> Vec<(String, usize)> {
        let begins = |value: &str| value.to_lowercase().starts_with(&typed.to_lowercase());
        let mut values = (self.known)(wanted, typed);
        values.sort_by_key(|(value, _)| !begins(value));
        values
    }

    fn fits(&self, condition: &str) -> bool {
        let read: Result<_, QueryError> = crate::parse(condition, self.columns);
        read.is_ok()
    }
}
