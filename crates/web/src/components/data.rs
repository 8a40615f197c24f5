//! What a ConfigMap or a Secret holds: its keys, and the values that the console may know.

use maud::{Markup, html};
use pilothouse_model::{Object, Quantity};
use serde_json::{Map, Value};

/// The longest value that is shown whole; the YAML has all.
const LONGEST: usize = 4000;

/// Whether an object's page has a card for its data.
pub(crate) fn holds_data(object: &Object) -> bool {
    object.api_version() == "v1" && matches!(object.kind(), "ConfigMap" | "Secret")
}

/// The entries of a ConfigMap or a Secret as a card; nothing for other kinds.
pub(crate) fn data(object: &Object) -> Markup {
    if !holds_data(object) {
        return html! {};
    }
    let secret = object.kind() == "Secret";
    let entries = |field: &str| object.value().get(field).and_then(Value::as_object).cloned().unwrap_or_default();
    let (plain, binary) = (entries("data"), entries("binaryData"));
    html! {
        section.card aria-labelledby="data" {
            header { h2 id="data" { "Data" } span.faint { (plain.len() + binary.len()) } }
            @if plain.is_empty() && binary.is_empty() {
                p.empty { "It holds no keys." }
            } @else {
                div.body { (values(&plain, &binary, secret)) }
            }
        }
    }
}

fn values(plain: &Map<String, Value>, binary: &Map<String, Value>, secret: bool) -> Markup {
    html! {
        dl.facts.entries {
            @for (key, value) in plain {
                @let text = value.as_str().unwrap_or_default();
                div.whole {
                    dt { code { (key) } @if !secret { " " span.faint { (size(text.len())) } } }
                    dd { @if secret { span.soft { (text) } } @else { (shown(text)) } }
                }
            }
            @for (key, value) in binary {
                div.whole {
                    dt { code { (key) } }
                    dd { span.soft { "binary, about " (size(value.as_str().map_or(0, |text| text.len() / 4 * 3))) } }
                }
            }
        }
    }
}

fn shown(text: &str) -> Markup {
    let cut: String = text.chars().take(LONGEST).collect();
    html! {
        @if text.is_empty() { span.none { "empty" } } @else { pre tabindex="0" { (cut) } }
        @if cut.len() < text.len() { p.faint { "The rest stands in the YAML." } }
    }
}

fn size(bytes: usize) -> String {
    if bytes < 1024 { format!("{bytes} B") } else { Quantity::units(i64::try_from(bytes).unwrap_or(i64::MAX)).bytes() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn html(kind: &str, more: &Value) -> String {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "n", "namespace": "a"}});
        object.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        data(&Object::new(object).unwrap()).into_string()
    }

    #[test]
    fn a_config_map_shows_its_keys_and_values() {
        let shown = html("ConfigMap", &json!({"data": {"a.yaml": "<b>x: 1", "none": ""}, "binaryData": {"k": "AAAA"}}));
        assert!(shown.contains("a.yaml") && shown.contains("&lt;b&gt;x: 1") && shown.contains("empty"), "{shown}");
        assert!(shown.contains("binary, about 3 B"), "{shown}");
        let long = html("ConfigMap", &json!({"data": {"a": "é".repeat(LONGEST + 1)}}));
        assert!(long.contains("The rest stands in the YAML."));
        assert!(html("ConfigMap", &json!({})).contains("It holds no keys"));
    }

    #[test]
    fn a_secret_shows_its_keys_and_what_the_console_knows_of_their_values() {
        let shown = html("Secret", &json!({"data": {"password": "<hidden, 12 bytes>"}}));
        assert!(
            shown.contains("password") && shown.contains("&lt;hidden, 12 bytes&gt;") && !shown.contains("<pre"),
            "{shown}"
        );
        assert_eq!(html("Service", &json!({"data": {"a": "b"}})), "");
    }
}
