//! Secrets: that a key is there and how much it holds is kept, what it holds is not.

use serde_json::{Map, Value};

/// Annotations whose values are shown. All others are hidden: many tools keep a copy of what they applied in one, values
/// and all, and no list of them would be complete.
const HARMLESS: [&str; 13] = [
    "cert-manager.io/alt-names",
    "cert-manager.io/certificate-name",
    "cert-manager.io/common-name",
    "cert-manager.io/issuer-group",
    "cert-manager.io/issuer-kind",
    "cert-manager.io/issuer-name",
    "kubernetes.io/description",
    "kubernetes.io/legacy-token-invalid-since",
    "kubernetes.io/legacy-token-last-used",
    "kubernetes.io/service-account.name",
    "kubernetes.io/service-account.uid",
    "meta.helm.sh/release-name",
    "meta.helm.sh/release-namespace",
];

/// Takes the values out of a Secret.
pub(super) fn hide(secret: &mut Map<String, Value>) {
    if let Some(data) = secret.get_mut("data") {
        hide_values(data, decoded_length);
    }
    if let Some(data) = secret.get_mut("stringData") {
        hide_values(data, str::len);
    }
    if let Some(annotations) = secret.get_mut("metadata").and_then(|meta| meta.get_mut("annotations")) {
        hide_values_but(annotations, &HARMLESS, str::len);
    }
}

fn hide_values(data: &mut Value, length: impl Fn(&str) -> usize) {
    hide_values_but(data, &[], length);
}

fn hide_values_but(data: &mut Value, shown: &[&str], length: impl Fn(&str) -> usize) {
    match data {
        Value::Object(entries) => {
            for (_, value) in entries.iter_mut().filter(|(key, _)| !shown.contains(&key.as_str())) {
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
