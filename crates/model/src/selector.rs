//! Label selectors in Kubernetes' own syntax: `app=train,tier!=cache,env in (dev,prod),!canary,rank>5`.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde_json::Value;

use crate::object::Read;

/// A conjunction of requirements; the empty selector selects everything.
///
/// Source of the syntax: `k8s.io/apimachinery/pkg/labels/selector.go`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// All must hold.
    pub requirements: Vec<Requirement>,
}

/// One condition on one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// `key in (a,b)`, `key=a`: the label exists and has one of the values.
    In(String, BTreeSet<String>),
    /// `key notin (a,b)`, `key!=a`: the label is absent or has none of the values.
    NotIn(String, BTreeSet<String>),
    /// `key`: the label exists.
    Exists(String),
    /// `!key`: the label is absent.
    Absent(String),
    /// `key>5`: the label's value is a whole number that is greater.
    Greater(String, i64),
    /// `key<5`: the label's value is a whole number that is less.
    Less(String, i64),
}

impl Requirement {
    /// The label that it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::In(key, _) | Self::NotIn(key, _) | Self::Exists(key) | Self::Absent(key) => key,
            Self::Greater(key, _) | Self::Less(key, _) => key,
        }
    }

    /// Whether an object fulfils it whose label has this value, or has none.
    pub fn holds(&self, value: Option<&str>) -> bool {
        let number = || value?.parse::<i64>().ok();
        match self {
            Self::In(_, values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(_, values) => value.is_none_or(|value| !values.contains(value)),
            Self::Exists(_) => value.is_some(),
            Self::Absent(_) => value.is_none(),
            Self::Greater(_, bound) => number().is_some_and(|number| number > *bound),
            Self::Less(_, bound) => number().is_some_and(|number| number < *bound),
        }
    }
}

/// A text that is not a label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a label selector: {why}")]
pub struct ParseSelectorError {
    /// The part that is wrong.
    pub text: String,
    /// What is wrong with it.
    pub why: String,
}

impl LabelSelector {
    /// Selects what has `key` with exactly `value`.
    pub fn equals(key: &str, value: &str) -> Self {
        Self { requirements: vec![Requirement::In(key.to_owned(), BTreeSet::from([value.to_owned()]))] }
    }

    /// Reads `matchLabels` and `matchExpressions` as they stand in objects (`spec.selector`). `None` when an operator is
    /// unknown: such a selector selects nothing for sure.
    pub fn from_json(value: &Value) -> Option<Self> {
        let mut requirements = Vec::new();
        for (key, label) in value.entries("/matchLabels") {
            requirements.push(Requirement::In(key.to_owned(), BTreeSet::from([label.as_str()?.to_owned()])));
        }
        for expression in value.items("/matchExpressions") {
            let key = expression.text("/key")?.to_owned();
            let values = || expression.items("/values").iter().filter_map(Value::as_str).map(str::to_owned).collect();
            requirements.push(match expression.text("/operator")? {
                "In" => Requirement::In(key, values()),
                "NotIn" => Requirement::NotIn(key, values()),
                "Exists" => Requirement::Exists(key),
                "DoesNotExist" => Requirement::Absent(key),
                _ => return None,
            });
        }
        Some(Self { requirements })
    }

    /// Whether labels, looked up through `label`, satisfy every requirement.
    pub fn matches<'a>(&self, label: impl Fn(&str) -> Option<&'a str>) -> bool {
        self.requirements.iter().all(|requirement| requirement.holds(label(requirement.key())))
    }

    /// Whether it selects everything.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }
}

impl FromStr for LabelSelector {
    type Err = ParseSelectorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut requirements = Vec::new();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let end = end_of_requirement(rest);
            requirements.push(requirement(rest[..end].trim())?);
            rest = match rest[end..].strip_prefix(',') {
                Some(more) if more.trim().is_empty() => return Err(error(text, "it ends with a comma")),
                Some(more) => more.trim_start(),
                None => "",
            };
        }
        Ok(Self { requirements })
    }
}

/// The first comma outside parentheses, or the end.
fn end_of_requirement(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return at,
            _ => {}
        }
    }
    text.len()
}

fn error(text: &str, why: &str) -> ParseSelectorError {
    ParseSelectorError { text: text.to_owned(), why: why.to_owned() }
}

fn requirement(text: &str) -> Result<Requirement, ParseSelectorError> {
    if text.is_empty() {
        return Err(error(text, "a requirement is empty"));
    }
    if let Some(key) = text.strip_prefix('!') {
        return Ok(Requirement::Absent(key_of(key.trim(), text)?));
    }
    let single = |value: &str| value_of(value.trim(), text).map(|value| BTreeSet::from([value]));
    if let Some((key, value)) = text.split_once("!=") {
        return Ok(Requirement::NotIn(key_of(key.trim(), text)?, single(value)?));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Ok(Requirement::In(key_of(key.trim(), text)?, single(value)?));
    }
    if let Some(at) = text.find(['<', '>']) {
        let (key, sign, bound) = (key_of(text[..at].trim(), text)?, &text[at..=at], text[at + 1..].trim());
        // The number stands where a value of a label could: it has no sign.
        let Some(number) = bound.parse().ok().filter(|_| is_name(bound)) else {
            return Err(error(text, &format!("`{bound}` is not a whole number, which `{sign}` takes")));
        };
        return Ok(if sign == ">" { Requirement::Greater(key, number) } else { Requirement::Less(key, number) });
    }
    let Some((key, rest)) = text.split_once(char::is_whitespace) else {
        return Ok(Requirement::Exists(key_of(text, text)?));
    };
    let rest = rest.trim();
    let (operator, set) = rest.split_once('(').ok_or_else(|| error(text, "expected `in (...)` or `notin (...)`"))?;
    let set = set.strip_suffix(')').ok_or_else(|| error(text, "a closing parenthesis is missing"))?;
    let values = set.split(',').map(|value| value_of(value.trim(), text)).collect::<Result<BTreeSet<_>, _>>()?;
    let key = key_of(key, text)?;
    match operator.trim() {
        "in" => Ok(Requirement::In(key, values)),
        "notin" => Ok(Requirement::NotIn(key, values)),
        other => Err(error(text, &format!("`{other}` is not an operator; use in, notin, =, !=, <, > or a bare key"))),
    }
}

/// A qualified name: an optional DNS prefix and a name of at most 63 characters.
fn key_of(key: &str, text: &str) -> Result<String, ParseSelectorError> {
    let (prefix, name) = key.rsplit_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let prefix_fits = prefix.is_none_or(|prefix| {
        !prefix.is_empty()
            && prefix.len() <= 253
            && prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(&b))
    });
    if prefix_fits && !name.is_empty() && is_name(name) {
        Ok(key.to_owned())
    } else {
        Err(error(text, &format!("`{key}` is not a label key")))
    }
}

fn value_of(value: &str, text: &str) -> Result<String, ParseSelectorError> {
    if is_name(value) { Ok(value.to_owned()) } else { Err(error(text, &format!("`{value}` is not a label value"))) }
}

/// Empty, or at most 63 letters, digits, `-`, `_`, `.`, beginning and ending with a letter or digit.
fn is_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() <= 63
        && bytes.iter().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(b))
        && bytes.first().is_none_or(u8::is_ascii_alphanumeric)
        && bytes.last().is_none_or(u8::is_ascii_alphanumeric)
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, requirement) in self.requirements.iter().enumerate() {
            if index > 0 {
                f.write_str(",")?;
            }
            write!(f, "{requirement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let set = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
        match self {
            Self::In(key, values) if values.len() == 1 => write!(f, "{key}={}", set(values)),
            Self::In(key, values) => write!(f, "{key} in ({})", set(values)),
            Self::NotIn(key, values) if values.len() == 1 => write!(f, "{key}!={}", set(values)),
            Self::NotIn(key, values) => write!(f, "{key} notin ({})", set(values)),
            Self::Exists(key) => f.write_str(key),
            Self::Absent(key) => write!(f, "!{key}"),
            Self::Greater(key, bound) => write!(f, "{key}>{bound}"),
            Self::Less(key, bound) => write!(f, "{key}<{bound}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels: std::collections::BTreeMap<_, _> = labels.iter().copied().collect();
        selector.parse::<LabelSelector>().unwrap().matches(|key| labels.get(key).copied())
    }

    #[test]
    fn selects_as_kubernetes_does() {
        let labels = [("app", "train"), ("tier", "gpu"), ("example.com/team", "a"), ("rank", "7")];
        for selector in [
            "",
            "app=train",
            "app==train",
            "app",
            "!canary",
            "tier!=cpu",
            "zone!=a",
            "tier in (gpu, cpu)",
            "zone notin (a)",
            "example.com/team=a,app in (train)",
            "rank>6",
            "rank < 8",
            "rank>06,rank<9223372036854775807",
        ] {
            assert!(selects(selector, &labels), "{selector}");
        }
        for selector in ["app=serve", "canary", "!app", "app!=train", "zone in (a)", "tier notin (gpu)", "app="] {
            assert!(!selects(selector, &labels), "{selector}");
        }
        // No number is greater or less than what is none.
        for selector in ["rank>7", "rank<7", "zone>0", "zone<9", "app>0", "app<9"] {
            assert!(!selects(selector, &labels), "{selector}");
        }
    }

    #[test]
    fn errors_name_the_part() {
        for selector in [
            "app=a=b",
            "app in gpu",
            "app in (a",
            "=x",
            "a,,b",
            "a,",
            "-a",
            "app like (a)",
            "a b",
            "a>",
            "a<b",
            "a>=5",
            "a>5>6",
            "a>-5",
            "a>1.5",
            ">5",
            "!a>5",
            "a>9223372036854775808",
            "a in (b>5)",
        ] {
            let error = selector.parse::<LabelSelector>().unwrap_err();
            assert!(error.to_string().contains("is not a label selector"), "{selector}: {error}");
        }
        let error = "app>five".parse::<LabelSelector>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "`app>five` is not a label selector: `five` is not a whole number, which `>` takes"
        );
    }

    #[test]
    fn reads_back_what_it_shows() {
        let selector = "app=train,tier!=cpu,zone in (a,b),!canary,x notin (1,2),y,n>5,n<70";
        assert_eq!(selector.parse::<LabelSelector>().unwrap().to_string(), selector);
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics_and_all_shown_reads_back(text in "[a-c!=, ()in<>5]{0,24}") {
            if let Ok(selector) = text.parse::<LabelSelector>() {
                proptest::prop_assert_eq!(selector.to_string().parse::<LabelSelector>(), Ok(selector));
            }
        }
    }
}
