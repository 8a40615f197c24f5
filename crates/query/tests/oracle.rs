//! What a question means: conditions are made at random, written down in some spelling, parsed, and compared on random
//! rows with what the conditions plainly say.

#![expect(clippy::unwrap_used, reason = "tests fail loudly")]

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use pilothouse_model::{Cell, Column, ColumnKind, Quantity, Resource, Row, State, Status};
use pilothouse_query::parse;
use proptest::prelude::*;

const NOW: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

/// A row in plain values.
#[derive(Clone, Debug)]
struct Plain {
    name: String,
    namespace: Option<String>,
    state: State,
    gpu: Option<i64>,
    memory: Option<i64>,
    created: i64,
    took: Option<i64>,
    image: Option<String>,
    ready: (i64, i64),
    labels: BTreeMap<String, String>,
}

fn columns() -> Vec<Column> {
    vec![
        Column::new("GPU", ColumnKind::Integer),
        Column::new("Memory", ColumnKind::Bytes),
        Column::new("Age", ColumnKind::Age),
        Column::new("Took", ColumnKind::Duration),
        Column::new("Image", ColumnKind::Text),
        Column::new("Ready", ColumnKind::Fraction),
        Column::new("State", ColumnKind::Status),
    ]
}

impl Plain {
    fn row(&self) -> Row {
        let time = Timestamp::from_second(self.created).unwrap();
        let resource = Resource::new("", "v1", "pods", "Pod");
        Row {
            resource: Arc::new(resource),
            namespace: self.namespace.as_deref().map(Into::into),
            name: self.name.as_str().into(),
            uid: "".into(),
            version: "".into(),
            created: Some(time.into()),
            deleted: None,
            labels: self.labels.iter().map(|(key, value)| (key.as_str().into(), value.as_str().into())).collect(),
            owners: [].into(),
            images: [].into(),
            status: Status::from(self.state),
            cells: [
                self.gpu.map_or(Cell::Missing, Cell::Integer),
                self.memory.map_or(Cell::Unknown, |bytes| Cell::Quantity(Quantity::units(bytes))),
                time.into(),
                self.took.map_or(Cell::Missing, |seconds| SignedDuration::from_secs(seconds).into()),
                Cell::optional(self.image.as_deref()),
                Cell::fraction(self.ready.0, self.ready.1),
            ]
            .into(),
        }
    }
}

fn plain() -> impl Strategy<Value = Plain> {
    let word = || prop::sample::select(vec!["train", "serve", "AND", "Oom-1", "a b"]).prop_map(str::to_owned);
    let place = (word(), prop::option::of(prop::sample::select(vec!["team-a", "team-b"]).prop_map(str::to_owned)));
    let numbers = (
        prop::option::of(0..4_i64),
        prop::option::of(prop::sample::select(vec![1 << 30, 2 << 30, 1_000_000])),
        // Around the dates and ages that conditions name.
        prop_oneof![(-4..1_i64).prop_map(|days| NOW / DAY * DAY + days * DAY), (NOW - 9000)..NOW],
        prop::option::of(prop_oneof![0..200_i64, Just(3600), Just(5400)]),
        (0..3_i64, 1..3_i64),
    );
    let labels = prop::collection::btree_map("(app|example\\.com/team)", "(train|serve|7|10)", 0..=2);
    (place, prop::sample::select(State::ALL.to_vec()), numbers, prop::option::of(word()), labels).prop_map(
        |((name, namespace), state, (gpu, memory, created, took, ready), image, labels)| Plain {
            name,
            namespace,
            state,
            gpu,
            memory,
            created,
            took,
            image,
            ready,
            labels,
        },
    )
}

/// A condition that knows its own meaning.
#[derive(Clone, Debug)]
enum Condition {
    And(Vec<Condition>),
    Or(Vec<Condition>),
    Not(Box<Condition>),
    Leaf(Leaf),
}

#[derive(Clone, Debug)]
enum Leaf {
    Text(String),
    Namespaces(Vec<&'static str>),
    NameBegins(char),
    State(State),
    Active,
    Gpu(&'static str, i64),
    GpuRange(Option<i64>, Option<i64>),
    MemoryGi(&'static str, i64),
    AgeMinutes(&'static str, i64),
    TookAbout(i64),
    Day(&'static str, i64),
    Label(String, String),
    LabelIn(Vec<String>),
    NoLabel(String),
    LabelNumber(String, char, i64),
    HasGpu,
    Image(String),
    Ready(i64, i64),
}

fn leaf() -> impl Strategy<Value = Leaf> {
    let sign = || prop::sample::select(vec!["", "=", ">", ">=", "<", "<="]);
    let order = || prop::sample::select(vec![">", ">=", "<", "<="]);
    let key = || "(app|example\\.com/team)";
    let value = || "(train|serve|x)";
    prop_oneof![
        prop::sample::select(vec!["train", "OOM", "and", "a b", "team-a", "example.com", "Running"])
            .prop_map(|text| Leaf::Text(text.to_owned())),
        prop::collection::vec(prop::sample::select(vec!["team-a", "team-b", "x"]), 1..3).prop_map(Leaf::Namespaces),
        prop::sample::select(vec!['t', 'a']).prop_map(Leaf::NameBegins),
        prop::sample::select(State::ALL.to_vec()).prop_map(Leaf::State),
        Just(Leaf::Active),
        (sign(), 0..4_i64).prop_map(|(sign, gpus)| Leaf::Gpu(sign, gpus)),
        (prop::option::of(0..3_i64), prop::option::of(0..4_i64))
            .prop_filter("a range has an end", |(least, most)| least.or(*most).is_some())
            .prop_map(|(least, most)| Leaf::GpuRange(least, most)),
        (sign(), 1..3_i64).prop_map(|(sign, size)| Leaf::MemoryGi(sign, size)),
        (order(), 0..150_i64).prop_map(|(sign, minutes)| Leaf::AgeMinutes(sign, minutes)),
        (0..4_i64).prop_map(Leaf::TookAbout),
        (sign(), -4..1_i64).prop_map(|(sign, days)| Leaf::Day(sign, days)),
        (key(), value()).prop_map(|(key, value)| Leaf::Label(key, value)),
        prop::collection::vec(value(), 1..3).prop_map(Leaf::LabelIn),
        key().prop_map(Leaf::NoLabel),
        (key(), prop::sample::select(vec!['<', '>']), 6..12_i64)
            .prop_map(|(key, sign, number)| Leaf::LabelNumber(key, sign, number)),
        Just(Leaf::HasGpu),
        prop::sample::select(vec!["train", "a b", "AND"]).prop_map(|text| Leaf::Image(text.to_owned())),
        (0..3_i64, 1..3_i64).prop_map(|(ready, total)| Leaf::Ready(ready, total)),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    leaf().prop_map(Condition::Leaf).prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::And),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Condition::Or),
            inner.prop_map(|condition| Condition::Not(Box::new(condition))),
        ]
    })
}

fn compares(value: Option<i64>, sign: &str, other: i64) -> bool {
    value.is_some_and(|value| match sign {
        ">" => value > other,
        ">=" => value >= other,
        "<" => value < other,
        "<=" => value <= other,
        _ => value == other,
    })
}

fn midnight(days: i64) -> i64 {
    NOW / DAY * DAY + days * DAY
}

impl Condition {
    fn holds(&self, row: &Plain) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|part| part.holds(row)),
            Self::Or(parts) => parts.iter().any(|part| part.holds(row)),
            Self::Not(part) => !part.holds(row),
            Self::Leaf(leaf) => leaf.holds(row),
        }
    }

    /// Writes the condition; `spell` picks among spellings. Groups stand in parentheses where they must or may.
    fn write(&self, spell: &mut dyn FnMut(usize) -> usize) -> String {
        let group = |parts: &[Self], join: &[&str], spell: &mut dyn FnMut(usize) -> usize| {
            let mut text = String::from("(");
            for (number, part) in parts.iter().enumerate() {
                if number > 0 {
                    text.push_str(join[spell(join.len())]);
                }
                text.push_str(&part.write(spell));
            }
            text + ")"
        };
        match self {
            Self::And(parts) => group(parts, &[" ", " AND ", "  "], spell),
            Self::Or(parts) => group(parts, &[" OR "], spell),
            Self::Not(part) => ["-", "NOT "][spell(2)].to_owned() + &part.write(spell),
            Self::Leaf(leaf) => leaf.write(spell),
        }
    }
}

fn quote(text: &str, spell: &mut dyn FnMut(usize) -> usize) -> String {
    if text.contains(' ') || ["AND", "OR", "NOT"].contains(&text) || spell(3) == 0 {
        format!("\"{text}\"")
    } else {
        text.to_owned()
    }
}

impl Leaf {
    fn holds(&self, row: &Plain) -> bool {
        let label = |key: &str| row.labels.get(key).map(String::as_str);
        match self {
            Self::Text(text) => {
                let text = text.to_lowercase();
                let state = row.state.to_string();
                let labels = row.labels.iter().flat_map(|(key, value)| [key, value]);
                [&row.name, &state]
                    .into_iter()
                    .chain(row.namespace.as_ref())
                    .chain(row.image.as_ref())
                    .chain(labels)
                    .any(|own| own.to_lowercase().contains(&text))
            }
            Self::Namespaces(names) => row.namespace.as_deref().is_some_and(|own| names.contains(&own)),
            Self::NameBegins(c) => row.name.to_lowercase().starts_with(*c),
            Self::State(state) => row.state == *state,
            Self::Active => row.state.is_active(),
            Self::Gpu(sign, gpus) => compares(row.gpu, sign, *gpus),
            Self::GpuRange(least, most) => {
                row.gpu.is_some_and(|gpu| least.is_none_or(|least| gpu >= least) && most.is_none_or(|most| gpu <= most))
            }
            Self::MemoryGi(sign, size) => compares(row.memory, sign, size << 30),
            Self::AgeMinutes(sign, minutes) => compares(Some(NOW - row.created), sign, minutes * 60),
            Self::TookAbout(minutes) => row.took.is_some_and(|took| took / 60 == *minutes),
            Self::Day(sign, days) => compares(Some(row.created.div_euclid(DAY)), sign, midnight(*days) / DAY),
            Self::Label(key, value) => label(key) == Some(value),
            Self::LabelIn(values) => label("app").is_some_and(|own| values.iter().any(|value| value == own)),
            Self::NoLabel(key) => label(key).is_none(),
            Self::LabelNumber(key, sign, number) => match label(key) {
                Some("7") => compares(Some(7), &sign.to_string(), *number),
                Some("10") => compares(Some(10), &sign.to_string(), *number),
                _ => false,
            },
            Self::HasGpu => row.gpu.is_some(),
            Self::Image(image) => row.image.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(image)),
            Self::Ready(ready, total) => row.ready == (*ready, *total),
        }
    }

    fn write(&self, spell: &mut dyn FnMut(usize) -> usize) -> String {
        match self {
            Self::Text(text) => quote(text, spell),
            Self::Namespaces(names) => format!("{}:{}", ["ns", "namespace", "NS"][spell(3)], names.join(",")),
            Self::NameBegins(c) => format!("name:{c}*"),
            Self::State(state) => {
                let word = [state.to_string(), state.to_string().to_lowercase()][spell(2)].clone();
                format!("{}:{}", ["state", "status"][spell(2)], quote(&word, spell))
            }
            Self::Active => "is:active".to_owned(),
            Self::Gpu(sign, gpus) => format!("gpu:{sign}{gpus}"),
            Self::GpuRange(least, most) => {
                let end = |end: &Option<i64>| end.map_or(String::new(), |end| end.to_string());
                format!("gpu:{}..{}", end(least), end(most))
            }
            Self::MemoryGi(sign, size) => {
                format!("memory:{sign}{}", [format!("{size}Gi"), format!("{}Mi", size << 10)][spell(2)])
            }
            Self::AgeMinutes(sign, minutes) => {
                let spelled = [format!("{minutes}m"), format!("{}h{}m", minutes / 60, minutes % 60)];
                format!("age:{sign}{}", spelled[spell(2)])
            }
            Self::TookAbout(minutes) => format!("took:{minutes}m"),
            Self::Day(sign, days) => {
                let time = Timestamp::from_second(midnight(*days)).unwrap();
                format!("{}:{sign}{}", ["created", "age"][spell(2)], time.strftime("%Y-%m-%d"))
            }
            Self::Label(key, value) => match spell(3) {
                0 => format!("label:{key}={value}"),
                1 => format!("label:\"{key} == {value}\""),
                _ => format!("label:({key} in ({value}))"),
            },
            Self::LabelIn(values) => {
                [format!("label:app in ({})", values.join(", ")), format!("label:\"app in ({})\"", values.join(","))]
                    [spell(2)]
                .clone()
            }
            Self::NoLabel(key) => format!("label:!{key}"),
            Self::LabelNumber(key, sign, number) => match spell(3) {
                0 => format!("label:{key}{sign}{number}"),
                1 => format!("label:\"{key} {sign} {number}\""),
                _ => format!("label:({key}{sign} 0{number})"),
            },
            Self::HasGpu => "has:gpu".to_owned(),
            Self::Image(image) => format!("image:{}", quote(image, spell)),
            Self::Ready(ready, total) => format!("ready:{ready}/{total}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn questions_mean_what_they_say(
        condition in condition(),
        spellings in prop::collection::vec(any::<usize>(), 32),
        rows in prop::collection::vec(plain(), 12),
    ) {
        let mut next = 0;
        let text = condition.write(&mut |choices| {
            next += 1;
            spellings[next % spellings.len()] % choices
        });
        let filter = parse(&text, &columns());
        prop_assert!(filter.is_ok(), "{text}: {filter:?}");
        let (filter, now) = (filter.unwrap(), Timestamp::from_second(NOW).unwrap());
        for row in &rows {
            prop_assert_eq!(filter.matches(&row.row(), now), condition.holds(row), "{} on {:?}", text, row);
        }
    }
}
