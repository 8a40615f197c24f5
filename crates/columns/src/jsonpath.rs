//! The part of JSONPath that printer columns use: `.a.b`, `['x.y']`, `[0]`, `[-1]`, `[*]`, `[?(@.type=="Ready")]`.
//!
//! Source of the syntax: `k8s.io/client-go/util/jsonpath`. A leading `$` and the braces of a template are accepted.

use serde_json::Value;

/// A path that was read and can be followed again and again.
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    Index(i64),
    Slice(Option<i64>, Option<i64>),
    All,
    Descend,
    Where(Test),
}

#[derive(Clone, Debug, PartialEq)]
struct Test {
    path: Path,
    wanted: Option<(Operator, Value)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Path {
    /// Reads a path; `None` when it uses what printer columns do not have.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let text = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(text).trim();
        let text = text.strip_prefix(['$', '@']).unwrap_or(text);
        Some(Self { steps: steps(text)? })
    }

    /// Every value that the path leads to, in order.
    pub fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        self.steps
            .iter()
            .fold(vec![value], |found, step| found.into_iter().flat_map(|value| step.from(value)).collect())
    }
}

impl Step {
    fn from<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        match (self, value) {
            (Self::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
            (Self::Index(index), Value::Array(list)) => {
                position(*index, list.len()).map(|at| &list[at]).into_iter().collect()
            }
            (Self::Slice(from, to), Value::Array(list)) => slice(list, *from, *to),
            (Self::All, Value::Array(list)) => list.iter().collect(),
            (Self::All, Value::Object(map)) => map.values().collect(),
            (Self::Descend, _) => descendants(value),
            (Self::Where(test), Value::Array(list)) => list.iter().filter(|item| test.holds(item)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Where an index from the front, or a negative one from the back, points to.
fn position(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index.checked_add(length)? } else { index };
    usize::try_from(index).ok().filter(|_| index < length)
}

fn slice(list: &[Value], from: Option<i64>, to: Option<i64>) -> Vec<&Value> {
    let clamp = |index: i64| {
        let length = i64::try_from(list.len()).unwrap_or(i64::MAX);
        let index = if index < 0 { index.saturating_add(length) } else { index };
        usize::try_from(index.clamp(0, length)).unwrap_or_default()
    };
    let (from, to) = (from.map_or(0, clamp), to.map_or(list.len(), clamp));
    list.get(from..to).unwrap_or_default().iter().collect()
}

fn descendants(value: &Value) -> Vec<&Value> {
    let mut found = vec![value];
    match value {
        Value::Array(list) => found.extend(list.iter().flat_map(descendants)),
        Value::Object(map) => found.extend(map.values().flat_map(descendants)),
        _ => {}
    }
    found
}

impl Test {
    fn holds(&self, value: &Value) -> bool {
        let found = self.path.find(value);
        let Some((operator, wanted)) = &self.wanted else { return !found.is_empty() };
        let Some(found) = found.first() else { return false };
        let order = match (found, wanted) {
            (Value::Number(left), Value::Number(right)) => left.as_f64().partial_cmp(&right.as_f64()),
            (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
            (left, right) => (*left == right).then_some(std::cmp::Ordering::Equal),
        };
        match operator {
            Operator::Equal => order.is_some_and(|order| order.is_eq()),
            Operator::NotEqual => order.is_none_or(|order| order.is_ne()),
            Operator::Less => order.is_some_and(|order| order.is_lt()),
            Operator::LessOrEqual => order.is_some_and(|order| order.is_le()),
            Operator::Greater => order.is_some_and(|order| order.is_gt()),
            Operator::GreaterOrEqual => order.is_some_and(|order| order.is_ge()),
        }
    }
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let (mut steps, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        if let Some(inner) = rest.strip_prefix('[') {
            let end = closing(inner)?;
            steps.push(bracket(inner[..end].trim())?);
            rest = &inner[end + 1..];
        } else {
            if let Some(after) = rest.strip_prefix("..") {
                steps.push(Step::Descend);
                rest = after;
            } else {
                rest = rest.strip_prefix('.').unwrap_or(rest);
            }
            let (name, after) = field(rest);
            if !name.is_empty() {
                steps.push(if name == "*" { Step::All } else { Step::Field(name) });
            } else if !after.is_empty() && !after.starts_with(['[', '.']) {
                return None;
            }
            rest = after;
        }
    }
    Some(steps)
}

/// A field's name up to the next unescaped dot or bracket: `metadata.annotations.example\.com/team`.
fn field(text: &str) -> (String, &str) {
    let (mut name, mut characters) = (String::new(), text.char_indices());
    while let Some((at, c)) = characters.next() {
        match c {
            '.' | '[' => return (name, &text[at..]),
            '\\' => name.extend(characters.next().map(|(_, c)| c)),
            c => name.push(c),
        }
    }
    (name, "")
}

/// The bracket that closes, outside quotes and inner brackets.
fn closing(text: &str) -> Option<usize> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '[') => depth += 1,
            (None, ']') if depth == 0 => return Some(at),
            (None, ']') => depth -= 1,
            _ => {}
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = quoted(text) {
        return Some(Step::Field(name.replace("\\.", ".")));
    }
    if let Some(test) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        return test_of(test.trim()).map(Step::Where);
    }
    if let Some((from, to)) = text.split_once(':') {
        let bound = |text: &str| if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) };
        return Some(Step::Slice(bound(from)?, bound(to)?));
    }
    text.parse().ok().map(Step::Index)
}

fn quoted(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

fn test_of(text: &str) -> Option<Test> {
    let operators = [
        ("==", Operator::Equal),
        ("!=", Operator::NotEqual),
        ("<=", Operator::LessOrEqual),
        (">=", Operator::GreaterOrEqual),
        ("<", Operator::Less),
        (">", Operator::Greater),
    ];
    for (sign, operator) in operators {
        if let Some((path, wanted)) = text.split_once(sign) {
            let wanted = wanted.trim();
            let wanted = match quoted(wanted) {
                Some(text) => Value::String(text.to_owned()),
                None => serde_json::from_str(wanted).ok()?,
            };
            return Some(Test { path: Path::parse(path)?, wanted: Some((operator, wanted)) });
        }
    }
    Some(Test { path: Path::parse(text)?, wanted: None })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn find(path: &str) -> Vec<Value> {
        let value = json!({
            "spec": {"a": {"b.c": 1, "d": [1, 2, 3]}, "replicas": 3},
            "metadata": {"annotations": {"example.com/team": "red"}},
            "status": {"conditions": [
                {"type": "Ready", "status": "True", "n": 2},
                {"type": "Failed", "status": "False", "n": 5},
            ]},
        });
        Path::parse(path).unwrap().find(&value).into_iter().cloned().collect()
    }

    #[test]
    fn follows_what_printer_columns_use() {
        let cases = [
            (".spec.replicas", json!([3])),
            ("$.spec.replicas", json!([3])),
            ("{.spec.replicas}", json!([3])),
            ("spec.replicas", json!([3])),
            (".spec.a['b.c']", json!([1])),
            (".spec.a[\"b.c\"]", json!([1])),
            (".spec.a.b\\.c", json!([1])),
            (".metadata.annotations['example\\.com/team']", json!(["red"])),
            (".spec.a.d[0]", json!([1])),
            (".spec.a.d[-1]", json!([3])),
            (".spec.a.d[7]", json!([])),
            (".spec.a.d[1:]", json!([2, 3])),
            (".spec.a.d[*]", json!([1, 2, 3])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["True"])),
            (".status.conditions[?(@.type=='Ready')].status", json!(["True"])),
            (".status.conditions[?(@.type != 'Ready')].status", json!(["False"])),
            (".status.conditions[?(@.n>2)].type", json!(["Failed"])),
            (".status.conditions[?(@.missing)].type", json!([])),
            (".status.conditions[*].type", json!(["Ready", "Failed"])),
            ("..replicas", json!([3])),
            (".spec.missing.deeper", json!([])),
            (".spec.replicas.deeper[0]", json!([])),
        ];
        for (path, expected) in cases {
            assert_eq!(Value::Array(find(path)), expected, "{path}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for path in [".a[", ".a[x]", ".a[?(@.b==c)]", ".a[?(x"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_path_panics(text in "[a-c.\\[\\]'\"?()@=*0-9:\\\\-]{0,24}") {
            if let Some(path) = Path::parse(&text) {
                path.find(&json!({"a": [{"b": [1, "x"]}], "b": {"a": 1}}));
            }
        }
    }
}
