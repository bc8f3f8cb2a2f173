//! Examples for people, made from schemas.

use serde_json::{Map, Value, json};

use super::defects::resolve;

/// Nesting after which an example stops; recursive schemas would not end.
const DEPTH_MAX: usize = 8;

/// A value that fits `schema`: its own example where it has one, else made of its parts. Objects show their
/// required fields and those with an example.
pub(super) fn of(document: &Value, schema: &Value) -> Value {
    build(document, schema, DEPTH_MAX)
}

fn build(document: &Value, schema: &Value, depth: usize) -> Value {
    // A description beside a reference may carry its own example.
    if let Some(example) = given(schema) {
        return example;
    }
    let schema = resolve(document, schema);
    if let Some(example) = given(schema) {
        return example;
    }
    if depth == 0 {
        return Value::Null;
    }
    for several in ["oneOf", "anyOf"] {
        if let Some(form) =
            schema[several].as_array().and_then(|forms| forms.iter().find(|f| f["type"] != "null"))
        {
            return build(document, form, depth - 1);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut whole = Map::new();
        for part in parts.iter().map(|part| build(document, part, depth - 1)) {
            whole.extend(part.as_object().cloned().unwrap_or_default());
        }
        return Value::Object(whole);
    }
    match kind(schema) {
        "object" => Value::Object(fields(document, schema, depth)),
        "array" => json!([build(document, &schema["items"], depth - 1)]),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(1)),
        "boolean" => json!(true),
        "string" => text(schema),
        _ => Value::Null,
    }
}

fn given(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema.get(name).and_then(|list| list.get(0)).cloned();
    let own =
        schema.get("example").or_else(|| schema.get("const")).or_else(|| schema.get("default")).cloned();
    own.or_else(|| first("examples")).or_else(|| first("enum"))
}

fn fields(document: &Value, schema: &Value, depth: usize) -> Map<String, Value> {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let fields = schema["properties"].as_object().into_iter().flatten();
    fields
        .filter(|(name, field)| required.contains(&name.as_str()) || field.get("example").is_some())
        .map(|(name, field)| (name.clone(), build(document, field, depth - 1)))
        .collect()
}

fn text(schema: &Value) -> Value {
    match schema["format"].as_str() {
        Some("date-time") => json!("2026-05-08T22:00:00Z"),
        Some("uri") => json!("https://example.org/"),
        Some("email") => json!("someone@example.org"),
        Some(_) | None => json!("…"),
    }
}

/// The type of a schema, `null` apart.
pub(super) fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("")
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
            if schema.get("properties").is_some() { "object" } else { "" }
        }
    }
}
