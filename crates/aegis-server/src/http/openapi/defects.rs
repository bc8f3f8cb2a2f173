//! What is wrong with a description, in the eyes of its readers.

use std::collections::BTreeMap;

use serde_json::Value;

use super::at;
use super::complete::METHODS;
use crate::http::schema::Rules;

pub(super) fn find(document: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut ids: BTreeMap<&str, usize> = BTreeMap::new();
    for (path, method, operation) in operations(document) {
        let name = format!("{} {path}", method.to_uppercase());
        match operation["operationId"].as_str() {
            Some(id) => *ids.entry(id).or_default() += 1,
            None => found.push(format!("{name}: no operationId")),
        }
        for member in ["summary", "tags"] {
            if operation.get(member).is_none() {
                found.push(format!("{name}: no {member}"));
            }
        }
        parameters(&name, path, operation, &mut found);
        answers(&name, operation, &mut found);
        body(&name, document, operation, &mut found);
    }
    found.extend(
        ids.iter().filter(|(_, count)| **count > 1).map(|(id, _)| format!("operationId {id}: used twice")),
    );
    schemas(document, &mut found);
    found
}

/// Every operation with its path and method.
pub(super) fn operations(document: &Value) -> impl Iterator<Item = (&str, &'static str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    paths.flat_map(|(path, item)| {
        METHODS.into_iter().filter_map(move |method| Some((path.as_str(), method, item.get(method)?)))
    })
}

/// The segments in the path and the parameters declared as such are the same.
fn parameters(name: &str, path: &str, operation: &Value, found: &mut Vec<String>) {
    let declared: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    for segment in path.split('{').skip(1).filter_map(|rest| rest.split('}').next()) {
        if !declared.iter().any(|parameter| parameter["in"] == "path" && parameter["name"] == segment) {
            found.push(format!("{name}: segment {{{segment}}} is not described"));
        }
    }
    for parameter in declared {
        let title = parameter["name"].as_str().unwrap_or("?");
        if parameter["in"] == "path" && !path.contains(&format!("{{{title}}}")) {
            found.push(format!("{name}: parameter {title} is not in the path"));
        }
        if parameter["description"].as_str().unwrap_or_default().is_empty() {
            found.push(format!("{name}: parameter {title} has no description"));
        }
    }
}

fn answers(name: &str, operation: &Value, found: &mut Vec<String>) {
    let answers = operation["responses"].as_object();
    if !answers.is_some_and(|answers| answers.keys().any(|status| status.starts_with(['1', '2', '3']))) {
        found.push(format!("{name}: no success is described"));
    }
    for (status, answer) in answers.into_iter().flatten() {
        if answer.get("$ref").is_none() && answer["description"].as_str().unwrap_or_default().is_empty() {
            found.push(format!("{name}: {status} has no description"));
        }
    }
}

/// Request bodies must say that unknown fields are refused, because they are.
fn body(name: &str, document: &Value, operation: &Value, found: &mut Vec<String>) {
    let schema = at(operation, "/requestBody/content/application~1json/schema");
    if schema.is_null() {
        return;
    }
    let schema = resolve(document, schema);
    let forms = schema["oneOf"].as_array().cloned().unwrap_or_else(|| vec![schema.clone()]);
    for form in forms.iter().map(|form| resolve(document, form)).filter(|form| form["type"] == "object") {
        if form.get("additionalProperties").is_none() {
            found.push(format!("{name}: the body lacks #[serde(deny_unknown_fields)]"));
        }
    }
}

/// Each component, with all others at hand, is a JSON Schema that compiles.
fn schemas(document: &Value, found: &mut Vec<String>) {
    for name in at(document, "/components/schemas").as_object().into_iter().flatten().map(|(name, _)| name) {
        let alone = serde_json::json!({
            "$ref": format!("#/components/schemas/{name}"),
            "components": { "schemas": at(document, "/components/schemas") },
        });
        if let Err(reason) = Rules::compile(alone) {
            found.push(format!("schema {name}: {reason}"));
        }
    }
}

/// Follows one reference within the document.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let target = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    target.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}
