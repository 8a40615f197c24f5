//! Secrets: that a key is there and how much it holds is kept, what it holds is not.

use serde_json::{Map, Value};

/// `kubectl apply` keeps a copy of what was applied, values and all, in this annotation.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Takes the values out of a Secret.
pub(super) fn hide(secret: &mut Map<String, Value>) {
    if let Some(data) = secret.get_mut("data") {
        hide_values(data, decoded_length);
    }
    if let Some(data) = secret.get_mut("stringData") {
        hide_values(data, str::len);
    }
    if let Some(Value::Object(annotations)) = secret.get_mut("metadata").and_then(|meta| meta.get_mut("annotations")) {
        annotations.remove(LAST_APPLIED);
    }
}

fn hide_values(data: &mut Value, length: impl Fn(&str) -> usize) {
    match data {
        Value::Object(entries) => {
            for value in entries.values_mut() {
                let text = match &*value {
                    Value::String(text) => format!("<hidden, {} bytes>", length(text)),
                    _ => "<hidden>".to_owned(),
                };
                *value = Value::String(text);
            }
        }
        Value::Null => {}
        // Not a Secret as the API promises it; whatever it is, it stays hidden.
        other => *other = Value::String("<hidden>".to_owned()),
    }
}

/// How many bytes a base64 text stands for.
fn decoded_length(base64: &str) -> usize {
    let digits = base64.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count();
    digits * 3 / 4
}
