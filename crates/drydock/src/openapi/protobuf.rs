//! The OpenAPI v2 document in the protobuf form that kubectl asks for.
//!
//! Only what kubectl reads is written: paths with their patch operations and extensions, and definitions with their
//! properties. Source of the field numbers: `openapiv2/OpenAPIv2.proto` of google/gnostic-models.

use serde_json::{Map, Value};

/// A message under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(u8::try_from(number & 0x7f).unwrap_or_default() | 0x80);
            number >>= 7;
        }
        self.0.push(u8::try_from(number).unwrap_or_default());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.bytes(field, text.as_bytes());
        }
    }

    fn truth(&mut self, field: u64, truth: bool) {
        if truth {
            self.varint(field << 3);
            self.varint(1);
        }
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }
}

fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field)?.as_str()
}

fn entries(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// The whole document.
pub(super) fn encode(document: &Value) -> Vec<u8> {
    let mut message = Message::default();
    message.text(1, text(document, "swagger"));
    let mut info = Message::default();
    info.text(1, document.pointer("/info/title").and_then(Value::as_str));
    info.text(2, document.pointer("/info/version").and_then(Value::as_str));
    message.message(2, &info);
    let mut paths = Message::default();
    for (path, item) in entries(document.get("paths")) {
        paths.message(2, &named(path, &path_item(item)));
    }
    message.message(8, &paths);
    let mut definitions = Message::default();
    for (name, definition) in entries(document.get("definitions")) {
        definitions.message(1, &named(name, &schema(definition)));
    }
    message.message(9, &definitions);
    message.0
}

/// A name and what it names, as repeated pairs stand for maps.
fn named(name: &str, value: &Message) -> Message {
    let mut pair = Message::default();
    pair.text(1, Some(name));
    pair.message(2, value);
    pair
}

fn extensions(message: &mut Message, field: u64, value: &Value) {
    for (name, extension) in entries(Some(value)).filter(|(name, _)| name.starts_with("x-")) {
        let mut any = Message::default();
        // JSON is YAML.
        any.text(2, Some(&extension.to_string()));
        message.message(field, &named(name, &any));
    }
}

fn path_item(item: &Value) -> Message {
    let mut message = Message::default();
    if let Some(patch) = item.get("patch") {
        message.message(8, &operation(patch));
    }
    message
}

fn operation(operation: &Value) -> Message {
    let mut message = Message::default();
    for media in operation.get("consumes").and_then(Value::as_array).into_iter().flatten() {
        message.text(7, media.as_str());
    }
    for parameter in operation.get("parameters").and_then(Value::as_array).into_iter().flatten() {
        // ParametersItem.parameter → Parameter.non_body_parameter → NonBodyParameter.query_parameter_sub_schema.
        let mut query = Message::default();
        query.text(2, text(parameter, "in"));
        query.text(4, text(parameter, "name"));
        query.text(6, text(parameter, "type"));
        let mut non_body = Message::default();
        non_body.message(3, &query);
        let mut either = Message::default();
        either.message(2, &non_body);
        let mut item = Message::default();
        item.message(1, &either);
        message.message(8, &item);
    }
    let mut responses = Message::default();
    for (code, response) in entries(operation.get("responses")) {
        let mut inner = Message::default();
        inner.text(1, text(response, "description"));
        let mut value = Message::default();
        value.message(1, &inner);
        responses.message(1, &named(code, &value));
    }
    message.message(9, &responses);
    extensions(&mut message, 13, operation);
    message
}

fn schema(value: &Value) -> Message {
    let mut message = Message::default();
    message.text(1, text(value, "$ref"));
    message.text(2, text(value, "format"));
    message.text(4, text(value, "description"));
    for field in value.get("required").and_then(Value::as_array).into_iter().flatten() {
        message.text(19, field.as_str());
    }
    if let Some(additional) = value.get("additionalProperties").filter(|additional| additional.is_object()) {
        let mut item = Message::default();
        item.message(1, &schema(additional));
        message.message(21, &item);
    }
    if let Some(kind) = text(value, "type") {
        let mut item = Message::default();
        item.text(1, Some(kind));
        message.message(22, &item);
    }
    if let Some(items) = value.get("items") {
        let mut item = Message::default();
        item.message(1, &schema(items));
        message.message(23, &item);
    }
    if value.get("properties").is_some() {
        let mut properties = Message::default();
        for (name, property) in entries(value.get("properties")) {
            properties.message(1, &named(name, &schema(property)));
        }
        message.message(25, &properties);
    }
    message.truth(26, value.get("readOnly").and_then(Value::as_bool).unwrap_or(false));
    extensions(&mut message, 31, value);
    message
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn writes_what_the_format_says() {
        let document = json!({ "swagger": "2.0", "info": { "title": "t", "version": "1" }, "paths": {}, "definitions": {
            "A": { "type": "string" },
        } });
        // Read off the wire format by hand: field number and type, length, content.
        let expected = [
            &[0x0a, 3][..],
            b"2.0",
            &[0x12, 6, 0x0a, 1],
            b"t",
            &[0x12, 1],
            b"1",
            &[0x42, 0],
            &[0x4a, 18, 0x0a, 16, 0x0a, 1],
            b"A",
            &[0x12, 11, 0xb2, 0x01, 8, 0x0a, 6],
            b"string",
        ]
        .concat();
        assert_eq!(encode(&document), expected);
    }

    #[test]
    fn long_lengths_take_several_bytes() {
        let mut message = Message::default();
        message.bytes(1, &[7; 300]);
        assert_eq!(message.0[..3], [0x0a, 0xac, 0x02]);
    }
}
