//! Random questions, each with what it plainly means: a text for the parser and a predicate over plain JSON.

use std::fmt;
use std::sync::Arc;

use pilothouse_model::Read;
use proptest::prelude::*;
use serde_json::Value;

use crate::objects::{
    DAY, IMAGES, NAMESPACES, NODES, NOW, World, capacity, images, label, labels, moment, ready, restarts, seconds,
    state,
};

type Holds = Arc<dyn Fn(&Value) -> bool>;

/// A question and its meaning.
#[derive(Clone)]
pub(crate) struct Condition {
    pub(crate) text: String,
    pub(crate) holds: Holds,
}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn condition(text: impl Into<String>, holds: impl Fn(&Value) -> bool + 'static) -> Condition {
    Condition { text: text.into(), holds: Arc::new(holds) }
}

fn one_of<T: Clone + fmt::Debug + 'static>(all: impl Into<Vec<T>>) -> prop::sample::Select<T> {
    prop::sample::select(all.into())
}

/// The texts that free text looks through, as far as questions here name any of their words.
fn texts(object: &Value) -> Vec<String> {
    let at = ["/metadata/name", "/metadata/namespace", "/spec/nodeName", "/status/podIP", "/spec/storageClassName"];
    let plain = at.iter().chain(&["/spec/color"]).filter_map(|at| object.text(at));
    let labels = labels(object).into_iter().flat_map(|(key, value)| [key, value]);
    let all = plain.chain(labels).chain(images(object)).map(str::to_owned);
    all.chain(state(object)).map(|text| text.to_lowercase()).collect()
}

fn any_text(object: &Value, holds: impl Fn(&str) -> bool) -> bool {
    texts(object).iter().any(|text| holds(text))
}

fn free_text() -> BoxedStrategy<Condition> {
    let words =
        ["zulu", "QUEBEC", "lima", "november-1", "sierra", "kilo", "example.com", "10.0.0", "CrashLoop", "uniform"];
    prop_oneof![
        (one_of(words), any::<bool>()).prop_map(|(word, quoted)| {
            let text = if quoted { format!("\"{word}\"") } else { word.to_owned() };
            condition(text, move |object| any_text(object, |text| text.contains(&word.to_lowercase())))
        }),
        Just(condition("\"a b\"", |object| any_text(object, |text| text.contains("a b")))),
        // First and then: what stands between the stars must follow one another in one text.
        one_of([("zu", "bec"), ("reg", "lima"), ("c", "b"), ("team", "a")]).prop_map(|(first, then)| {
            condition(format!("{first}*{then}"), move |object| {
                any_text(object, |text| text.find(first).is_some_and(|at| text[at + first.len()..].contains(then)))
            })
        }),
        Just(condition("/que.ec$/", |object| any_text(object, |text| {
            text.len() >= 6 && text.ends_with("ec") && text[..text.len() - 2].len() >= 4 && {
                let tail: Vec<char> = text.chars().rev().take(6).collect();
                tail.len() == 6 && tail[5] == 'q' && tail[4] == 'u' && tail[3] == 'e'
            }
        }))),
        Just(condition(r"/^(zulu|tango)\b/", |object| any_text(object, |text| {
            let rest = text.strip_prefix("zulu").or_else(|| text.strip_prefix("tango"));
            rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        }))),
    ]
    .boxed()
}

fn name(object: &Value) -> &str {
    object.text("/metadata/name").unwrap()
}

fn namespace(object: &Value) -> &str {
    object.text("/metadata/namespace").unwrap_or_default()
}

fn identity() -> BoxedStrategy<Condition> {
    let names = prop_oneof![
        Just(condition("name:zulu*", |object| name(object).to_lowercase().starts_with("zulu"))),
        Just(condition("name:*-?", |object| {
            let letters: Vec<char> = name(object).chars().collect();
            letters.len() >= 2 && letters[letters.len() - 2] == '-'
        })),
        Just(condition(r"name:/-\d$/", |object| {
            let letters: Vec<char> = name(object).chars().collect();
            letters.len() >= 2 && letters[letters.len() - 1].is_ascii_digit() && letters[letters.len() - 2] == '-'
        })),
        Just(condition("name:/(?-i)Que/", |object| name(object).contains("Que"))),
        Just(condition("name:\"x-7-1\",Zulu-1,/papa/", |object| {
            let name = name(object).to_lowercase();
            name == "x-7-1" || name == "zulu-1" || name.contains("papa")
        })),
        Just(condition("name:>=t", |object| name(object) >= "t")),
    ];
    let namespaces = (prop::collection::vec(one_of(NAMESPACES), 1..3), one_of(["ns", "namespace", "NS"])).prop_map(
        |(names, field)| {
            let text = format!("{field}:{}", names.join(","));
            condition(text, move |object| names.contains(&namespace(object)))
        },
    );
    let others = one_of([
        ("has:ns", (|object: &Value| !namespace(object).is_empty()) as fn(&Value) -> bool),
        ("ns:team-*", |object| namespace(object).starts_with("team-")),
        ("kind:pod", |object| object["kind"] == "Pod"),
    ]);
    prop_oneof![names, namespaces, others.prop_map(|(text, holds)| condition(text, holds))].boxed()
}

fn label_selector() -> BoxedStrategy<Condition> {
    let key = || one_of(["app", "tier", "example.com/team"]);
    let value = || one_of(["train", "Serve", "sierra", "none"]);
    prop_oneof![
        (key(), value(), one_of(["=", "=="])).prop_map(|(key, value, sign)| {
            condition(format!("label:{key}{sign}{value}"), move |object| label(object, key) == Some(value))
        }),
        (key(), value()).prop_map(|(key, value)| {
            condition(format!("label:{key}!={value}"), move |object| label(object, key) != Some(value))
        }),
        (key(), value(), value()).prop_map(|(key, one, other)| {
            let holds = move |object: &Value| label(object, key).is_some_and(|own| own == one || own == other);
            condition(format!("label:{key} in ({one}, {other})"), holds)
        }),
        (key(), value(), key()).prop_map(|(key, value, has)| {
            let holds = move |object: &Value| label(object, key) != Some(value) && label(object, has).is_some();
            condition(format!("label:\"{key} notin ({value}),{has}\""), holds)
        }),
        (key(), one_of(["<", ">"]), one_of([6_i64, 7, 8, 40])).prop_map(|(key, sign, bound)| {
            let holds = move |object: &Value| {
                let number = match label(object, key) {
                    Some("7") => Some(7),
                    Some("0040") => Some(40),
                    _ => None,
                };
                compares(number, sign, &bound)
            };
            condition(format!("label:{key}{sign}{bound}"), holds)
        }),
        key().prop_map(|key| condition(format!("label:(!{key})"), move |object| label(object, key).is_none())),
        Just(condition("label:app=,tier", |object| label(object, "app") == Some("") && label(object, "tier").is_some())),
    ]
    .boxed()
}

fn compares<T: PartialOrd>(value: Option<T>, sign: &str, other: &T) -> bool {
    value.is_some_and(|value| match sign {
        ">" => value > *other,
        ">=" => value >= *other,
        "<" => value < *other,
        "<=" => value <= *other,
        _ => value == *other,
    })
}

fn sign() -> impl Strategy<Value = &'static str> {
    one_of(["", "=", ">", ">=", "<", "<="])
}

/// A moment in an object by its path, under the names that questions call it.
fn times(fields: Vec<(&'static str, &'static str)>) -> BoxedStrategy<Condition> {
    let order = one_of([">", ">=", "<", "<="]);
    let fields = one_of(fields);
    prop_oneof![
        (fields.clone(), order, one_of([("59s", 59), ("1h", 3600), ("2h", 7200), ("1h30m", 5400), ("1d", DAY)]))
            .prop_map(|((field, at), sign, (span, length))| {
                let holds = move |object: &Value| compares(seconds(object, at).map(|time| NOW - time), sign, &length);
                condition(format!("{field}:{sign}{span}"), holds)
            }),
        // As ages are shown: two hours until there are three.
        (fields.clone(), one_of([("2h", 7200, 3600), ("1m", 60, 60), ("40d", 40 * DAY, DAY)])).prop_map(
            |((field, at), (span, length, unit))| {
                let within = move |time: i64| (length..length + unit).contains(&(NOW - time));
                condition(format!("{field}:{span}"), move |object| seconds(object, at).is_some_and(within))
            }
        ),
        (fields.clone(), sign(), -3..1_i64).prop_map(|((field, at), sign, days)| {
            let midnight = NOW / DAY * DAY + days * DAY;
            let date = &moment(midnight)[..10];
            let holds = move |object: &Value| {
                compares(seconds(object, at).map(|time| time.div_euclid(DAY)), sign, &(midnight / DAY))
            };
            condition(format!("{field}:{sign}{date}"), holds)
        }),
        (fields.clone(), -3..1_i64).prop_map(|((field, at), days)| {
            let start = NOW / DAY * DAY + days * DAY;
            let text = format!("{field}:{}..{}", moment(start), moment(start + 3600));
            condition(text, move |object| {
                seconds(object, at).is_some_and(|time| (start..=start + 3600).contains(&time))
            })
        }),
        fields
            .prop_map(|(field, at)| { condition(format!("has:{field}"), move |object| seconds(object, at).is_some()) }),
    ]
    .boxed()
}

fn numbers(field: &'static str, of: fn(&Value) -> Option<i64>) -> BoxedStrategy<Condition> {
    prop_oneof![
        (sign(), -1..5_i64).prop_map(move |(sign, number)| {
            condition(format!("{field}:{sign}{number}"), move |object| compares(of(object), sign, &number))
        }),
        (0..3_i64, 0..4_i64).prop_map(move |(least, most)| {
            let holds = move |object: &Value| of(object).is_some_and(|value| value >= least && value <= most);
            condition(format!("{field}:{least}..{most}"), holds)
        }),
        (0..3_i64).prop_map(move |least| {
            condition(format!("{field}:{least}.."), move |object| of(object).is_some_and(|value| value >= least))
        }),
        Just(condition(format!("has:{field}"), move |object| of(object).is_some())),
    ]
    .boxed()
}

/// A text, or any of several, under the name of its field.
fn words(field: &'static str, all: &[&'static str], of: fn(&Value) -> Vec<String>) -> BoxedStrategy<Condition> {
    let quoted = |word: &str| format!("\"{}\"", word.replace('"', "\\\""));
    let lower = move |object: &Value| -> Vec<String> { of(object).iter().map(|own| own.to_lowercase()).collect() };
    let word = one_of(all.to_vec());
    prop_oneof![
        (word.clone(), word.clone()).prop_map(move |(one, other)| {
            let holds = move |object: &Value| {
                lower(object).iter().any(|own| *own == one.to_lowercase() || *own == other.to_lowercase())
            };
            condition(format!("{field}:{},{}", quoted(one), quoted(other)), holds)
        }),
        one_of(["lima", "uni", "b"]).prop_map(move |part| {
            condition(format!("{field}:*{part}*"), move |object| lower(object).iter().any(|own| own.contains(part)))
        }),
        one_of(["^r", "^n"]).prop_map(move |start| {
            let holds = move |object: &Value| lower(object).iter().any(|own| own.starts_with(&start[1..]));
            condition(format!("{field}:/{start}/"), holds)
        }),
        Just(condition(format!("has:{field}"), move |object| !of(object).is_empty())),
    ]
    .boxed()
}

fn owned(text: Option<&str>) -> Vec<String> {
    text.map(str::to_owned).into_iter().collect()
}

fn truths(field: &'static str, at: &'static str) -> BoxedStrategy<Condition> {
    one_of([("true", true), ("no", false)])
        .prop_map(move |(word, wanted)| {
            condition(format!("{field}:{word}"), move |object| {
                object.pointer(at).and_then(Value::as_bool) == Some(wanted)
            })
        })
        .boxed()
}

fn states() -> BoxedStrategy<Condition> {
    let all = ["Running", "crashloopbackoff", "Evicted", "Terminating", "Bound", "Suspended", "Active", "NotReady"];
    words("state", &all, |object| state(object).into_iter().collect())
}

/// Conditions on what one kind alone has.
fn own(world: World) -> BoxedStrategy<Condition> {
    match world {
        World::Pods => {
            let fraction = (0..3_i64, 1..3_i64).prop_map(|(done, all)| {
                condition(format!("ready:{done}/{all}"), move |object| ready(object) == (done, all))
            });
            prop_oneof![
                numbers("restarts", |object| Some(restarts(object))),
                numbers("ready", |object| Some(ready(object).0)),
                fraction,
                words("node", &NODES, |object| owned(object.text("/spec/nodeName"))),
                words("image", &IMAGES, |object| images(object).into_iter().map(str::to_owned).collect()),
            ]
            .boxed()
        }
        World::Volumes => {
            let sizes = one_of([("1Gi", 1 << 30), ("1536Mi", 1536 << 20), ("2Gi", 2 << 30), ("500M", 500_000_000)]);
            let sizes = (sign(), sizes).prop_map(|(sign, (size, bytes))| {
                condition(format!("capacity:{sign}{size}"), move |object| compares(capacity(object), sign, &bytes))
            });
            let range = Just(condition("capacity:1Gi..1.5Gi", |object: &Value| {
                capacity(object).is_some_and(|bytes| (1 << 30..=1536 << 20).contains(&bytes))
            }));
            prop_oneof![
                sizes,
                range,
                Just(condition("has:capacity", |object: &Value| capacity(object).is_some())),
                // Without a class the column is blank, as kubectl's is: an empty text is a value, too.
                words("storageclass", &["fast-sierra", "slow"], |object| {
                    vec![object.text("/spec/storageClassName").unwrap_or_default().to_owned()]
                }),
            ]
            .boxed()
        }
        World::CronJobs => prop_oneof![
            truths("suspend", "/spec/suspend"),
            numbers("active", |object| Some(object.items("/status/active").len() as i64)),
            times(vec![("last-schedule", "/status/lastScheduleTime")]),
            words("image", &IMAGES, |object| images(object).into_iter().map(str::to_owned).collect()),
        ]
        .boxed(),
        World::Runs => {
            let ratios = (sign(), one_of([("0.5", 0.5), ("-1", -1.0), ("2", 2.0), ("500m", 0.5)]));
            let ratios = ratios.prop_map(|(sign, (text, ratio))| {
                condition(format!("ratio:{sign}{text}"), move |object| {
                    compares(object.pointer("/spec/ratio").and_then(Value::as_f64), sign, &ratio)
                })
            });
            prop_oneof![
                numbers("size", |object| object.pointer("/spec/size").and_then(Value::as_i64)),
                ratios,
                truths("active", "/spec/active"),
                times(vec![("due", "/spec/due")]),
                words("color", &["red", "DARK red", "*", "/uniform/", "say \"uniform\""], |object| {
                    owned(object.pointer("/spec/color").and_then(Value::as_str))
                }),
            ]
            .boxed()
        }
    }
}

/// A question of any depth about a kind.
pub(crate) fn question(world: World) -> BoxedStrategy<Condition> {
    let waiting = condition("is:deleting", |object| object.pointer("/metadata/deletionTimestamp").is_some());
    let common = vec![
        ("created", "/metadata/creationTimestamp"),
        ("age", "/metadata/creationTimestamp"),
        ("deleted", "/metadata/deletionTimestamp"),
    ];
    let leaf = prop_oneof![
        2 => free_text(),
        2 => identity(),
        2 => label_selector(),
        2 => times(common),
        1 => states(),
        1 => Just(waiting),
        4 => own(world),
    ];
    let joined = |parts: &[Condition], sign: &str| {
        let texts: Vec<_> = parts.iter().map(|part| part.text.as_str()).collect();
        format!("({})", texts.join(sign))
    };
    leaf.prop_recursive(4, 16, 3, move |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            (several(), one_of([" ", " AND ", "  "])).prop_map(move |(parts, sign)| {
                let text = joined(&parts, sign);
                condition(text, move |object| parts.iter().all(|part| (part.holds)(object)))
            }),
            several().prop_map(move |parts| {
                let text = joined(&parts, " OR ");
                condition(text, move |object| parts.iter().any(|part| (part.holds)(object)))
            }),
            (inner.clone(), one_of(["-", "NOT "])).prop_map(|(part, sign)| {
                let text = format!("{sign}{}", part.text);
                condition(text, move |object| !(part.holds)(object))
            }),
        ]
    })
    .boxed()
}
