//! What holds for every endpoint of a kind, added to each of them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use utoipa::{PartialSchema as _, ToSchema as _};

use super::{AUDIENCE, About, Audience, PROBLEMS};
use crate::http::problem::{ProblemBody, ProblemCode};

/// The methods an OpenAPI path item may have.
pub(super) const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

pub(super) fn complete(document: &mut Value, about: &About) {
    head(document, about);
    components(document);
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for item in paths.values_mut() {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                complete_operation(operation, method);
            }
        }
    }
}

fn head(document: &mut Value, about: &About) {
    let tags: Vec<Value> =
        about.tags.iter().map(|(name, words)| json!({ "name": name, "description": words })).collect();
    set(
        document,
        "info",
        json!({
            "title": "Aegis",
            "version": about.version,
            "summary": "One self-hosted authority between software agents and what matters.",
            "description": "Who an agent is, what it may do, and proof of both. Every answer that is not a \
                success is a problem (RFC 9457); `/docs/errors` explains each code. Times are RFC 3339 in UTC. \
                Unknown request fields are refused; unknown response fields must be ignored.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        }),
    );
    set(document, "servers", json!([{ "url": about.origin, "description": "This instance" }]));
    set(document, "tags", Value::Array(tags));
}

fn components(document: &mut Value) {
    if document.get("components").is_none() {
        set(document, "components", json!({}));
    }
    let Some(components) = document.get_mut("components").and_then(Value::as_object_mut) else { return };
    components.insert(
        "securitySchemes".into(),
        json!({
            "ApiKeyAuth": { "type": "apiKey", "in": "header", "name": "X-API-Key",
                "description": "An organization's API key, or the instance admin's." },
            "BearerAuth": { "type": "http", "scheme": "bearer",
                "description": "An API key, or a 15-minute token from `POST /v1/auth/token`." },
        }),
    );
    components.insert("headers".into(), headers());
    let shared = ProblemCode::ALL.iter().map(|code| (component_name(*code), response(&[*code])));
    components.insert("responses".into(), Value::Object(shared.collect()));
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    schemas.push((ProblemBody::name().into_owned(), ProblemBody::schema()));
    let all = components.entry("schemas").or_insert_with(|| json!({}));
    for (name, schema) in schemas {
        set(all, &name, serde_json::to_value(schema).unwrap_or(Value::Bool(true)));
    }
}

fn headers() -> Value {
    let text = |words: &str| json!({ "description": words, "schema": { "type": "string" } });
    let number = |words: &str| json!({ "description": words, "schema": { "type": "integer", "minimum": 0 } });
    json!({
        "RequestId": { "required": true, "description": "Names this request in our logs. Your own \
            `X-Request-Id` is kept if it is 8 to 128 of `A-Za-z0-9_-`.",
            "schema": { "type": "string", "pattern": "^[A-Za-z0-9_-]{8,128}$" } },
        "RetryAfter": number("Seconds to wait before trying again."),
        "Allow": text("The methods that are possible here."),
        "WwwAuthenticate": text("The kind of credential that is required."),
        "LogEntry": text("Id of the entry in the tamper-evident log that records this change."),
        "LogIndex": number("Index of that entry; absent until it is integrated, within a second."),
        "IdempotencyReplayed": { "description": "`true` when this is the stored answer of an earlier request \
            with the same `Idempotency-Key`.", "schema": { "type": "string", "enum": ["true"] } },
        "Location": { "description": "Path of what was made.",
            "schema": { "type": "string", "format": "uri-reference" } },
        "RateLimitPolicy": text("The limit that applies: quota `q` in a window of `w` seconds."),
        "RateLimit": text("What is left of it: `r` requests; `t` seconds until one more is free."),
        "RateLimitLimit": number("The quota of the window."),
        "RateLimitRemaining": number("Requests left in the window."),
        "RateLimitReset": number("Seconds until one more request is free."),
    })
}

const RATE_HEADERS: [(&str, &str); 5] = [
    ("RateLimit-Policy", "RateLimitPolicy"),
    ("RateLimit", "RateLimit"),
    ("X-RateLimit-Limit", "RateLimitLimit"),
    ("X-RateLimit-Remaining", "RateLimitRemaining"),
    ("X-RateLimit-Reset", "RateLimitReset"),
];

fn complete_operation(operation: &mut Map<String, Value>, method: &str) {
    let audience = match operation.remove(AUDIENCE).as_ref().and_then(Value::as_str) {
        Some("anyone") => Audience::Anyone,
        Some("anyone-or-key-holder") => Audience::AnyoneOrKeyHolder,
        _ => Audience::KeyHolder,
    };
    let own = operation.remove(PROBLEMS).unwrap_or_default();
    operation.insert("security".into(), security(audience));
    let changes = method != "get" && audience == Audience::KeyHolder;
    if changes && method == "post" {
        offer_idempotency(operation);
    }
    absent_not_null(operation);
    let problems = problems(operation, audience, &own, changes && method == "post");
    let responses = operation.entry("responses").or_insert_with(|| json!({}));
    for (status, codes) in problems {
        let answer = match codes.as_slice() {
            [only] => json!({ "$ref": format!("#/components/responses/{}", component_name(*only)) }),
            several => response(several),
        };
        set(responses, &status, answer);
    }
    let answers = responses.as_object_mut().into_iter().flatten();
    for (status, response) in answers.filter(|(status, _)| status.starts_with('2')) {
        let mut names = vec![("X-Request-Id", "RequestId")];
        if audience == Audience::KeyHolder {
            names.extend(RATE_HEADERS);
        }
        if changes {
            names.extend([("X-Log-Entry", "LogEntry"), ("X-Log-Index", "LogIndex")]);
            names.extend([("Idempotency-Replayed", "IdempotencyReplayed")]);
        }
        if status == "201" {
            names.push(("Location", "Location"));
        }
        add_headers(response, &names);
    }
}

fn security(audience: Audience) -> Value {
    match audience {
        Audience::Anyone => json!([]),
        Audience::AnyoneOrKeyHolder => json!([{}, { "ApiKeyAuth": [] }, { "BearerAuth": [] }]),
        Audience::KeyHolder => json!([{ "ApiKeyAuth": [] }, { "BearerAuth": [] }]),
    }
}

/// A body that may be left out is described as optional; that makes no `null` of it.
fn absent_not_null(operation: &mut Map<String, Value>) {
    let content =
        operation.get_mut("requestBody").and_then(|body| body.pointer_mut("/content/application~1json"));
    let Some(schema) = content.and_then(|content| content.get_mut("schema")) else { return };
    let Some(choices) = schema.get("oneOf").and_then(Value::as_array) else { return };
    let real: Vec<Value> = choices.iter().filter(|choice| choice["type"] != "null").cloned().collect();
    if let [only] = real.as_slice() {
        *schema = only.clone();
    }
}

/// Every authenticated POST takes an `Idempotency-Key` (identity.md §8.1).
fn offer_idempotency(operation: &mut Map<String, Value>) {
    let parameters = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(list) = parameters.as_array_mut()
        && !list.iter().any(|parameter| parameter["name"] == "Idempotency-Key")
    {
        list.push(json!({
            "name": "Idempotency-Key", "in": "header", "required": false,
            "description": "Your name for this intent, kept for 24 hours: a repeated request with the same \
                name and body gets the first answer again and changes nothing.",
            "schema": { "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$" },
        }));
    }
}

/// The problems an operation may answer, by status: its own and those of its kind.
fn problems(
    operation: &Map<String, Value>,
    audience: Audience,
    own: &Value,
    idempotent: bool,
) -> BTreeMap<String, Vec<ProblemCode>> {
    use ProblemCode as P;
    let mut codes: BTreeSet<ProblemCode> =
        [P::HttpsRequired, P::MethodNotAllowed, P::Internal, P::Unavailable].into();
    if idempotent {
        codes.insert(P::IdempotencyConflict);
    }
    if audience != Audience::Anyone {
        codes.extend([P::AmbiguousCredentials, P::Unauthorized, P::InsufficientScope, P::RateLimited]);
        codes.extend([P::OrganizationSuspended, P::KeyIpNotAllowed]);
    }
    if operation.contains_key("requestBody") {
        codes.extend([P::ValidationError, P::BodyTooLarge, P::UnsupportedMediaType]);
    }
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let read = |parameter: &Value| parameter["in"] == "query" || parameter["in"] == "header";
    if parameters.is_some_and(|list| list.iter().any(read)) {
        codes.insert(P::ValidationError);
    }
    let named = own.as_array().into_iter().flatten().filter_map(Value::as_str);
    let named: Vec<&str> = named.collect();
    codes.extend(ProblemCode::ALL.iter().filter(|code| named.contains(&code.as_str())));
    let mut by_status: BTreeMap<String, Vec<ProblemCode>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status().as_str().to_owned()).or_default().push(code);
    }
    by_status
}

/// The answer that stands for these codes, which share a status.
fn response(codes: &[ProblemCode]) -> Value {
    use ProblemCode as P;
    let lines: Vec<String> = codes.iter().map(|code| format!("`{code}`: {}.", code.title())).collect();
    let mut response = json!({
        "description": lines.join("\n"),
        "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
    });
    let mut headers = vec![("X-Request-Id", "RequestId")];
    for code in codes {
        if *code == P::RateLimited {
            headers.extend(RATE_HEADERS);
        }
        if [P::RateLimited, P::Unavailable, P::SigningUnavailable, P::ClockUnsafe].contains(code) {
            headers.push(("Retry-After", "RetryAfter"));
        }
        if *code == P::MethodNotAllowed {
            headers.push(("Allow", "Allow"));
        }
        if *code == P::Unauthorized {
            headers.push(("WWW-Authenticate", "WwwAuthenticate"));
        }
    }
    add_headers(&mut response, &headers);
    response
}

fn add_headers(response: &mut Value, names: &[(&str, &str)]) {
    let Some(response) = response.as_object_mut() else { return };
    let headers = response.entry("headers").or_insert_with(|| json!({}));
    for (name, component) in names {
        if headers.get(*name).is_none() {
            set(headers, name, json!({ "$ref": format!("#/components/headers/{component}") }));
        }
    }
}

/// `AGENT_ID_TAKEN` → `AgentIdTaken`.
fn component_name(code: ProblemCode) -> String {
    format!("{code:?}")
}

fn set(object: &mut Value, name: &str, value: Value) {
    if let Some(map) = object.as_object_mut() {
        map.insert(name.to_owned(), value);
    }
}
