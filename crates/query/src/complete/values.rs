//! The values that a field takes, as they are offered.

use pilothouse_model::{Field, Level, State};

use super::{Item, ItemKind, Offer, Wanted, ranked};
use crate::field::{self, GROUPS, Kind, Known};
use crate::token::Operator;

const COMPARISONS: [(&str, &str); 4] = [(">", "more than"), (">=", "at least"), ("<", "less than"), ("<=", "at most")];
const AGES: [(&str, &str); 5] = [
    ("<10m", "in the last ten minutes"),
    ("<1h", "in the last hour"),
    ("<24h", "in the last day"),
    ("<7d", "in the last week"),
    (">7d", "more than a week ago"),
];
const SPANS: [(&str, &str); 4] = [
    (">1m", "longer than a minute"),
    (">1h", "longer than an hour"),
    (">24h", "longer than a day"),
    ("<1m", "shorter than a minute"),
];

impl Offer<'_> {
    /// The values of a field, given what stands before and at the cursor.
    pub(super) fn value(&self, name: &str, operator: Option<Operator>, typed: &str) -> Vec<Item> {
        let own = name.to_lowercase();
        match own.as_str() {
            "has" => return self.fields(typed, ""),
            "is" => return self.state_groups(typed),
            _ => {}
        }
        let Some(known) = field::find(name, self.columns) else { return Vec::new() };
        let plain = operator.is_none();
        if !known.compares(&own) && !matches!(operator, None | Some(Operator::Equal)) {
            return Vec::new();
        }
        match known.kind {
            Kind::Text => self.texts(&own, &known, typed),
            Kind::Level => {
                let levels = Level::ALL.map(|level| Item::new(level.as_str(), ItemKind::Value, meaning(level)));
                self.counted(&known.field, ranked(typed, levels))
            }
            Kind::Boolean => {
                let words = ["true", "false"].map(|word| Item::new(word, ItemKind::Value, ""));
                self.counted(&known.field, ranked(typed, words))
            }
            Kind::Number | Kind::Fraction => {
                let mut items = if plain { comparisons(typed) } else { Vec::new() };
                items.extend(self.numbers(&own, &known, typed));
                items
            }
            Kind::Cpu | Kind::Bytes if plain => comparisons(typed),
            Kind::Cpu | Kind::Bytes => Vec::new(),
            Kind::Moment => ranges(&AGES, plain, typed),
            Kind::Span => ranges(&SPANS, plain, typed),
        }
    }

    fn state_groups(&self, typed: &str) -> Vec<Item> {
        let groups = self.groups();
        let detail = ["queued to stopping", "failed", "succeeded, failed or canceled", "waits for its end"];
        let items = GROUPS.into_iter().zip(detail).filter(|(group, _)| groups.contains(group));
        ranked(typed, items.map(|(group, detail)| Item::new(group, ItemKind::Value, detail)))
    }

    /// Texts that rows have, each written so that it means itself.
    fn texts(&self, name: &str, known: &Known, typed: &str) -> Vec<Item> {
        let states = known.field == Field::State && field::has_states(self.columns);
        let mut values = self.rows(Wanted::Values(&known.field), typed);
        let mut items = Vec::new();
        if states {
            // States are words of the language, and read as it is written: in lower case.
            values.iter_mut().for_each(|(word, _)| *word = word.to_lowercase());
        }
        for (value, count) in &values {
            if let Some(text) = crate::narrow::written(name, value, self.columns) {
                items.push(Item { text, kind: ItemKind::Value, detail: String::new(), count: Some(*count) });
            }
        }
        if states {
            let others = State::ALL.map(|state| state.as_str().to_lowercase()).into_iter();
            let others = others.filter(|word| !values.iter().any(|(value, _)| value == word));
            items.extend(ranked(typed, others.map(|word| Item::new(word, ItemKind::Value, "none now"))));
        }
        items
    }

    fn numbers(&self, name: &str, known: &Known, typed: &str) -> Vec<Item> {
        let values = self.rows(Wanted::Values(&known.field), typed).into_iter();
        let values = values.filter(|(value, _)| self.fits(&format!("{name}:{value}")));
        values
            .map(|(text, count)| Item { text, kind: ItemKind::Value, detail: String::new(), count: Some(count) })
            .collect()
    }

    /// The items with how many rows have each, where rows have any of them.
    fn counted(&self, field: &Field, mut items: Vec<Item>) -> Vec<Item> {
        let counts = (self.known)(Wanted::Values(field), "");
        for item in &mut items {
            let count = counts.iter().find(|(value, _)| value.eq_ignore_ascii_case(&item.text));
            item.count = Some(count.map_or(0, |(_, count)| *count)).filter(|_| !counts.is_empty());
        }
        items
    }
}

fn comparisons(typed: &str) -> Vec<Item> {
    let fits = COMPARISONS.into_iter().filter(|_| typed.is_empty());
    fits.map(|(sign, meaning)| Item::new(sign, ItemKind::Operator, meaning)).collect()
}

/// Spans with their signs, or without one where it is written already.
fn ranges(all: &[(&str, &str)], plain: bool, typed: &str) -> Vec<Item> {
    if !plain {
        let mut spans: Vec<&str> = all.iter().map(|(text, _)| text.trim_start_matches(['<', '>'])).collect();
        spans.dedup();
        return ranked(typed, spans.into_iter().map(|span| Item::new(span, ItemKind::Value, "")));
    }
    let items = all.iter().map(|(text, meaning)| Item::new(*text, ItemKind::Value, *meaning));
    if typed.is_empty() { items.collect() } else { Vec::new() }
}

fn meaning(level: Level) -> &'static str {
    match level {
        Level::Error => "broken: someone has to act",
        Level::Warning => "degraded or about to break",
        Level::Waiting => "waits for quota, a queue, a node, a volume",
        Level::Progress => "on its way",
        Level::Good => "as it should be, and active",
        Level::Done => "finished well",
        Level::Idle => "off on purpose",
        Level::Unknown => "not said",
    }
}
