//! The reference for people, rendered from the document alone: what it does not say, it does not describe.

use std::fmt::Write as _;

use serde_json::Value;

use super::at;
use super::defects::{operations, resolve};
use super::example;
use crate::http::html::{self, escape, inline_code};

pub(super) fn page(document: &Value) -> String {
    let mut body = String::new();
    prose(&mut body, at(document, "/info/description"));
    let families: Vec<&Value> = document["tags"].as_array().into_iter().flatten().collect();
    contents(&mut body, document, &families);
    for family in &families {
        let name = family["name"].as_str().unwrap_or_default();
        if members(document, name).next().is_none() {
            continue;
        }
        let _ = writeln!(body, "<h2 id=\"{0}\">{0}</h2>", escape(name));
        prose(&mut body, &family["description"]);
        for (path, method, operation) in members(document, name) {
            endpoint(&mut body, document, path, method, operation);
        }
    }
    schemas(&mut body, document);
    html::page("Reference", &body)
}

fn members<'a>(
    document: &'a Value,
    family: &'a str,
) -> impl Iterator<Item = (&'a str, &'static str, &'a Value)> {
    operations(document).filter(move |(_, _, operation)| at(operation, "/tags/0") == family)
}

fn contents(body: &mut String, document: &Value, families: &[&Value]) {
    body.push_str("<nav>");
    for family in families {
        let name = family["name"].as_str().unwrap_or_default();
        if members(document, name).next().is_none() {
            continue;
        }
        let _ = writeln!(body, "<h3><a href=\"#{0}\">{0}</a></h3><ul class=\"columns\">", escape(name));
        for (path, method, operation) in members(document, name) {
            let id = operation["operationId"].as_str().unwrap_or_default();
            let _ = writeln!(
                body,
                "<li><a href=\"#{}\"><span class=\"method\">{}</span> {}</a></li>",
                escape(id),
                method.to_uppercase(),
                escape(path)
            );
        }
        body.push_str("</ul>");
    }
    body.push_str("</nav>\n");
}

fn endpoint(body: &mut String, document: &Value, path: &str, method: &str, operation: &Value) {
    let id = operation["operationId"].as_str().unwrap_or_default();
    let summary = operation["summary"].as_str().unwrap_or(id);
    let _ = writeln!(
        body,
        "<section id=\"{}\"><h3><span class=\"method\">{}</span> <code>{}</code> <small>{}</small></h3>",
        escape(id),
        method.to_uppercase(),
        escape(path),
        inline_code(summary)
    );
    prose(body, &operation["description"]);
    let _ = writeln!(body, "<p><strong>Who.</strong> {}</p>", audience(operation));
    parameters(body, operation);
    request_body(body, document, operation);
    let _ = writeln!(body, "<pre><code>{}</code></pre>", escape(&curl(document, path, method, operation)));
    answers(body, document, operation);
    body.push_str("</section>\n");
}

fn audience(operation: &Value) -> &'static str {
    match operation["security"].as_array().map(Vec::as_slice) {
        None | Some([]) => "Anyone; no credential is read.",
        Some([first, ..]) if first.as_object().is_some_and(serde_json::Map::is_empty) => {
            "Anyone; some requests need an API key."
        }
        Some(_) => "An API key as <code>X-API-Key</code>, or a bearer token.",
    }
}

fn parameters(body: &mut String, operation: &Value) {
    let list: Vec<&Value> = operation["parameters"].as_array().into_iter().flatten().collect();
    if list.is_empty() {
        return;
    }
    body.push_str("<table><tr><th>Parameter</th><th>In</th><th>Type</th><th>Meaning</th></tr>\n");
    for parameter in list {
        let _ = writeln!(
            body,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(parameter["name"].as_str().unwrap_or_default()),
            if parameter["required"] == true { "" } else { " <small>optional</small>" },
            escape(parameter["in"].as_str().unwrap_or_default()),
            type_of(&parameter["schema"]),
            inline_code(parameter["description"].as_str().unwrap_or_default())
        );
    }
    body.push_str("</table>\n");
}

fn request_body(body: &mut String, document: &Value, operation: &Value) {
    for (media_type, content) in at(operation, "/requestBody/content").as_object().into_iter().flatten() {
        let _ = writeln!(body, "<p><strong>Body</strong> <code>{}</code></p>", escape(media_type));
        fields(body, document, &content["schema"]);
    }
}

/// The fields of an object schema, or its type in a line.
fn fields(body: &mut String, document: &Value, schema: &Value) {
    let whole = resolve(document, schema);
    let Some(properties) = whole["properties"].as_object() else {
        let _ = writeln!(body, "<p>{}</p>", type_of(schema));
        return;
    };
    let required: Vec<&Value> = whole["required"].as_array().into_iter().flatten().collect();
    body.push_str("<table><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>\n");
    for (name, field) in properties {
        let needed = required.iter().any(|known| *known == name);
        let words =
            field["description"].as_str().or_else(|| resolve(document, field)["description"].as_str());
        let _ = writeln!(
            body,
            "<tr><td><code>{}</code>{}</td><td>{}</td><td>{}</td></tr>",
            escape(name),
            if needed { "" } else { " <small>optional</small>" },
            type_of(field),
            inline_code(words.unwrap_or_default())
        );
    }
    body.push_str("</table>\n");
}

/// A schema in a few words, components as links.
fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|reference| reference.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escape(name));
    }
    for several in ["oneOf", "anyOf", "allOf"] {
        if let Some(forms) = schema[several].as_array() {
            let forms = forms.iter().filter(|form| form["type"] != "null");
            return forms.map(type_of).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("<code>{}</code>", escape(&plain(value))));
        return values.collect::<Vec<_>>().join(", ");
    }
    let mut words = match example::kind(schema) {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "" => "anything".to_owned(),
        kind => escape(kind),
    };
    for (keyword, sign) in [
        ("format", ""),
        ("minimum", "≥ "),
        ("maximum", "≤ "),
        ("minLength", "length ≥ "),
        ("maxLength", "length ≤ "),
        ("minItems", "items ≥ "),
        ("maxItems", "items ≤ "),
    ] {
        if let Some(value) = schema.get(keyword).filter(|value| *value != "int32" && *value != "int64") {
            let _ = write!(words, ", {sign}{}", escape(&plain(value)));
        }
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        let _ = write!(words, ", <code>{}</code>", escape(pattern));
    }
    words
}

fn answers(body: &mut String, document: &Value, operation: &Value) {
    body.push_str("<table><tr><th>Status</th><th>Answer</th></tr>\n");
    for (status, answer) in operation["responses"].as_object().into_iter().flatten() {
        let answer = resolve(document, answer);
        let schema = answer["content"].as_object().and_then(|content| content.values().next());
        let shape = schema.filter(|_| status.starts_with('2')).map(|content| type_of(&content["schema"]));
        let _ = writeln!(
            body,
            "<tr><td>{}</td><td>{} {}</td></tr>",
            escape(status),
            linked_codes(answer["description"].as_str().unwrap_or_default()),
            shape.unwrap_or_default()
        );
    }
    body.push_str("</table>\n");
}

/// A description in which the codes of problems lead to the catalogue.
fn linked_codes(description: &str) -> String {
    let lines =
        description.lines().map(|line| match line.strip_prefix('`').and_then(|rest| rest.split_once('`')) {
            Some((code, rest)) if code.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') => {
                format!("<a href=\"/docs/errors#{code}\">{code}</a>{}", inline_code(rest))
            }
            Some(_) | None => inline_code(line),
        });
    lines.collect::<Vec<_>>().join("<br>")
}

fn schemas(body: &mut String, document: &Value) {
    body.push_str("<h2 id=\"schemas\">Schemas</h2>\n");
    for (name, schema) in at(document, "/components/schemas").as_object().into_iter().flatten() {
        let _ = writeln!(body, "<section id=\"schema-{0}\"><h3>{0}</h3>", escape(name));
        prose(body, &schema["description"]);
        fields(body, document, schema);
        body.push_str("</section>\n");
    }
}

/// One command that can be pasted into a terminal.
fn curl(document: &Value, path: &str, method: &str, operation: &Value) -> String {
    let origin = at(document, "/servers/0/url").as_str().unwrap_or_default();
    let verb = if method == "get" { String::new() } else { format!("-X {} ", method.to_uppercase()) };
    let mut line = format!("curl {verb}{origin}{path}");
    if operation["security"]
        .as_array()
        .and_then(|list| list.first())
        .is_some_and(|first| first != &serde_json::json!({}))
    {
        line.push_str(" \\\n  -H \"X-API-Key: $KEY\"");
    }
    let content = at(operation, "/requestBody/content/application~1json");
    if !content.is_null() {
        let example = content.get("example").cloned();
        let example = example.unwrap_or_else(|| example::of(document, &content["schema"]));
        let text = example.to_string().replace('\'', "'\\''");
        let _ = write!(line, " \\\n  -H \"Content-Type: application/json\" \\\n  -d '{text}'");
    }
    line
}

fn prose(body: &mut String, text: &Value) {
    for paragraph in text.as_str().unwrap_or_default().split("\n\n").filter(|text| !text.trim().is_empty()) {
        let _ = writeln!(body, "<p>{}</p>", inline_code(paragraph));
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
