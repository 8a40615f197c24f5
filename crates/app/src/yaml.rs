//! Objects as YAML: what stands in it is seen, and reads back as it was.

use std::borrow::Cow;

use pilothouse_model::unseen::is_unseen;
use serde_json::Value;

/// No character: a text that holds it is put in double quotes by the writer, keys too, and there it stands as [`WRITTEN`].
const QUOTES: char = '\u{ffff}';
const WRITTEN: &str = "\\uFFFF";

/// The object as YAML, as kubectl's `-o yaml` lays it out. Characters that are not seen are written as escapes.
pub fn yaml(value: &Value) -> String {
    let text = serde_saphyr::to_string(quoted(value).as_ref());
    text.map(escaped).unwrap_or_else(|error| format!("# this value cannot be written as YAML: {error}\n"))
}

/// The value with [`QUOTES`] behind every character that is not seen.
fn quoted(value: &Value) -> Cow<'_, Value> {
    if holds_unseen(value) { Cow::Owned(with_quotes(value)) } else { Cow::Borrowed(value) }
}

fn holds_unseen(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(is_raw),
        Value::Array(items) => items.iter().any(holds_unseen),
        Value::Object(entries) => entries.iter().any(|(key, value)| key.contains(is_raw) || holds_unseen(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn with_quotes(value: &Value) -> Value {
    match value {
        Value::String(text) => Value::String(marked(text)),
        Value::Array(items) => items.iter().map(with_quotes).collect(),
        Value::Object(entries) => entries.iter().map(|(key, value)| (marked(key), with_quotes(value))).collect(),
        other => other.clone(),
    }
}

fn marked(text: &str) -> String {
    let mut marked = String::with_capacity(text.len());
    for character in text.chars() {
        marked.push(character);
        if is_raw(character) {
            marked.push(QUOTES);
        }
    }
    marked
}

/// The text with escapes for what is not seen, each of which is in double quotes, and before its own [`QUOTES`].
fn escaped(text: String) -> String {
    if !text.contains(is_raw) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    let mut rest = text.as_str();
    while let Some(at) = rest.find(is_raw) {
        let (before, from) = rest.split_at(at);
        escaped.push_str(before);
        let mut behind = from.chars();
        let code = behind.next().map_or(0, u32::from);
        escaped.push_str(&if code > 0xffff { format!("\\U{code:08X}") } else { format!("\\u{code:04X}") });
        rest = behind.as_str().strip_prefix(WRITTEN).unwrap_or(behind.as_str());
    }
    escaped + rest
}

/// What the writer would leave as it is; it escapes byte order marks itself.
fn is_raw(character: char) -> bool {
    is_unseen(character) && character != '\u{feff}'
}

#[cfg(test)]
mod tests {
    use pilothouse_model::unseen::is_unseen;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::yaml;

    #[test]
    fn what_is_not_seen_is_written_as_an_escape() {
        let value = json!({
            "note": "abc\u{202e}fed",
            "lines": "one\u{200b}\ntwo\n",
            "zero\u{200d}": ["\u{feff}x", "\u{e0041}"],
            "plain": "two\nlines\n",
        });
        let text = yaml(&value);
        assert!(!text.contains(is_unseen), "{text:?}");
        for part in [
            r#"note: "abc\u202Efed""#,
            r#"lines: "one\u200B\ntwo\n""#,
            r#""zero\u200D":"#,
            r#"- "\uFEFFx""#,
            r#"- "\U000E0041""#,
            "plain: |\n",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces = vec![
            "\u{202e}",
            "\u{200b}",
            "\u{200d}",
            "\u{feff}",
            "\u{e0041}",
            "\u{ffff}",
            "\\uFFFF",
            "\\",
            "\"",
            "'",
            "a",
            ": ",
            "\n",
            " ",
            "#",
            "- ",
            "\u{2028}",
            "\u{1b}",
            "ä",
            "1",
        ];
        prop::collection::vec(prop::sample::select(pieces), 0..6).prop_map(|pieces| pieces.concat())
    }

    fn value() -> impl Strategy<Value = Value> {
        text().prop_map(Value::String).prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
                prop::collection::btree_map(text(), inner, 0..3).prop_map(|entries| entries.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn whatever_is_written_shows_and_reads_back_equal(value in value()) {
            let text = yaml(&value);
            prop_assert!(!text.contains(is_unseen), "{text:?}");
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&text).unwrap(), value, "{}", text);
        }
    }
}
