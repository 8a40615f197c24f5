//! Custom resources against their schema: types, required fields, closed sets, bounds.

use pilothouse_model::Read;
use serde_json::Value;

use crate::failure::FieldProblem;

/// Adds what is wrong with an object.
pub(super) fn check(schema: &Value, value: &Value, problems: &mut Vec<FieldProblem>) {
    for (field, inner) in value.entries("").filter(|(field, _)| !matches!(*field, "apiVersion" | "kind" | "metadata")) {
        if let Some(schema) = schema.get("properties").and_then(|properties| properties.get(field)) {
            walk(schema, inner, field, problems);
        }
    }
    required(schema, value, "", problems);
}

fn walk(schema: &Value, value: &Value, path: &str, problems: &mut Vec<FieldProblem>) {
    if value.is_null() {
        return;
    }
    if !type_fits(schema, value) {
        let wanted = schema.text("/type").unwrap_or_default();
        problems.push(FieldProblem {
            reason: "FieldValueTypeInvalid",
            field: path.to_owned(),
            message: format!(
                "Invalid value: \"{}\": {path} in body must be of type {wanted}: \"{}\"",
                type_of(value),
                type_of(value)
            ),
        });
        return;
    }
    bounds(schema, value, path, problems);
    match value {
        Value::Object(fields) => {
            required(schema, value, path, problems);
            for (field, inner) in fields {
                let own = schema.get("properties").and_then(|properties| properties.get(field));
                if let Some(schema) = own.or_else(|| schema.get("additionalProperties").filter(|any| any.is_object())) {
                    walk(schema, inner, &format!("{path}.{field}"), problems);
                }
            }
        }
        Value::Array(items) => {
            if let Some(schema) = schema.get("items") {
                for (at, item) in items.iter().enumerate() {
                    walk(schema, item, &format!("{path}[{at}]"), problems);
                }
            }
        }
        _ => {}
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn type_fits(schema: &Value, value: &Value) -> bool {
    if schema.boolean("/x-kubernetes-int-or-string") == Some(true) {
        return value.is_string() || value.is_i64() || value.is_u64();
    }
    match (schema.text("/type"), value) {
        (Some("number"), Value::Number(_)) | (None, _) => true,
        (Some("integer"), Value::Number(number)) => number.as_f64().is_some_and(|number| number.fract() == 0.0),
        (Some(wanted), value) => wanted == type_of(value),
    }
}

fn required(schema: &Value, value: &Value, path: &str, problems: &mut Vec<FieldProblem>) {
    for field in schema.items("/required").iter().filter_map(Value::as_str) {
        if value.get(field).is_none() && !matches!((path, field), ("", "apiVersion" | "kind" | "metadata")) {
            let path = if path.is_empty() { field.to_owned() } else { format!("{path}.{field}") };
            problems.push(FieldProblem::required(&path, ""));
        }
    }
}

fn bounds(schema: &Value, value: &Value, path: &str, problems: &mut Vec<FieldProblem>) {
    let allowed = schema.items("/enum");
    if !allowed.is_empty() && !allowed.contains(value) {
        let words: Vec<&str> = allowed.iter().filter_map(Value::as_str).collect();
        let shown = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        problems.push(FieldProblem::unsupported(path, &shown, &words));
    }
    if let Some(number) = value.as_f64() {
        if let Some(least) = schema.get("minimum").and_then(Value::as_f64).filter(|least| number < *least) {
            let why = format!("{path} in body should be greater than or equal to {least}");
            problems.push(FieldProblem::invalid(path, value, &why));
        }
        if let Some(most) = schema.get("maximum").and_then(Value::as_f64).filter(|most| number > *most) {
            let why = format!("{path} in body should be less than or equal to {most}");
            problems.push(FieldProblem::invalid(path, value, &why));
        }
    }
    if let Some(text) = value.as_str()
        && let Some(pattern) = schema.text("/pattern")
        && regex::Regex::new(pattern).is_ok_and(|pattern| !pattern.is_match(text))
    {
        let why = format!("{path} in body should match '{pattern}'");
        problems.push(FieldProblem::invalid(path, value, &why));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_required_fields_sets_and_bounds() {
        let schema = json!({ "type": "object", "required": ["spec"], "properties": { "spec": {
            "type": "object", "required": ["mode"],
            "properties": {
                "mode": { "type": "string", "enum": ["a", "b"] },
                "count": { "type": "integer", "minimum": 1 },
                "size": { "x-kubernetes-int-or-string": true },
                "name": { "type": "string", "pattern": "^x" },
            },
        } } });
        let said = |value: Value| {
            let mut problems = Vec::new();
            check(&schema, &value, &mut problems);
            problems.into_iter().map(|problem| problem.field).collect::<Vec<_>>()
        };
        assert_eq!(
            said(json!({ "spec": { "mode": "a", "count": 2, "size": "1Gi", "name": "xy" } })),
            Vec::<String>::new()
        );
        assert_eq!(said(json!({})), ["spec"]);
        assert_eq!(said(json!({ "spec": { "count": "two", "size": true, "name": "y" } })).len(), 4);
        assert_eq!(said(json!({ "spec": { "mode": "c", "count": 0 } })), ["spec.count", "spec.mode"]);
    }
}
