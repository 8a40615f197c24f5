//! The normal form of an answer: what two servers may well give differently is replaced or left out.

use serde_json::{Map, Value, json};

/// Fields that only one kind of server keeps, or that say the same in another way.
const LEFT_OUT: [&str; 4] = ["managedFields", "selfLink", "storageVersionHash", "singularName"];

/// Fields whose value is the server's own choice.
const CHOSEN: [&str; 4] = ["uid", "resourceVersion", "continue", "creationTimestamp"];

/// The normal form of `value`.
pub(crate) fn normal(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter_map(field).collect::<Map<_, _>>()),
        Value::Array(items) => items.into_iter().map(normal).collect(),
        Value::String(text) => Value::String(plain(&text)),
        other => other,
    }
}

fn field((name, value): (String, Value)) -> Option<(String, Value)> {
    if LEFT_OUT.contains(&name.as_str()) {
        return None;
    }
    // An explicit null says what an absent field says, and an empty token that there is no next page.
    if value.is_null() || (name == "continue" && value == "") {
        return None;
    }
    let chosen = CHOSEN.contains(&name.as_str()) && value.as_str().is_some_and(|text| !text.is_empty());
    let value = if chosen { json!(format!("<{name}>")) } else { normal(value) };
    Some((name, value))
}

/// Replaces moments and unique ids inside a text.
fn plain(text: &str) -> String {
    let words: Vec<String> = text.split(' ').map(word).collect();
    words.join(" ")
}

fn word(word: &str) -> String {
    let unique = word.split(|letter: char| !letter.is_ascii_hexdigit() && letter != '-').find(|part| is_uid(part));
    if let Some(unique) = unique {
        return word.replace(unique, "<uid>");
    }
    let inner = word.trim_matches(|letter: char| "\"',.;()[]".contains(letter));
    if is_moment(inner) { word.replace(inner, "<time>") } else { word.to_owned() }
}

fn is_uid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(place, letter)| match place {
            8 | 13 | 18 | 23 => letter == '-',
            _ => letter.is_ascii_hexdigit(),
        })
}

fn is_moment(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[10] == b'T'
        && bytes[bytes.len() - 1] == b'Z'
}

#[test]
fn what_servers_choose_is_replaced() {
    let value = json!({
        "metadata": {"uid": "x", "resourceVersion": "12", "name": "a", "managedFields": []},
        "at": "2026-01-02T03:04:05Z",
        "message": "uid: \"0b0e26a5-1f5b-4d3a-9f39-5f1f9f0f8a10\" differs",
        "nothing": null,
    });
    let expected = json!({
        "metadata": {"uid": "<uid>", "resourceVersion": "<resourceVersion>", "name": "a"},
        "at": "<time>",
        "message": "uid: \"<uid>\" differs",
    });
    assert_eq!(normal(value), expected);
}
