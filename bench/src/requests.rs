//! Requests as bytes, prepared before anything is measured.

use aegis_core::json::{Json, parse};
use serde_json::{Value, json};

use crate::Outcome;

/// The operator of the sandbox.
pub(crate) const OPERATOR: &str = "op_acme_corp";

/// A request with a body; `key` is the API key, if the route wants one.
pub(crate) fn post(path: &str, key: Option<&str>, body: &[u8]) -> Box<[u8]> {
    with_body(
        "POST",
        path,
        "application/json",
        &key.map(|key| format!("X-API-Key: {key}")).unwrap_or_default(),
        body,
    )
}

pub(crate) fn put(path: &str, key: &str, body: &[u8]) -> Box<[u8]> {
    with_body("PUT", path, "application/json", &format!("X-API-Key: {key}"), body)
}

/// `header` is a whole header line, or nothing.
pub(crate) fn with_body(method: &str, path: &str, media: &str, header: &str, body: &[u8]) -> Box<[u8]> {
    let line = if header.is_empty() { String::new() } else { format!("{header}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {media}\r\n{line}Content-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat().into()
}

pub(crate) fn get(path: &str) -> Box<[u8]> {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes().into()
}

/// Asks for a passport of about 1.2 KiB. With `parent`, one below it.
pub(crate) fn issue(key: &str, parent: Option<&str>) -> Box<[u8]> {
    let mut body = json!({
        "operator_id": OPERATOR,
        "jurisdiction": "EU",
        "risk_classification": "high",
        "policy_bundle": "eu_ai_act+gdpr",
        "capability_attestation": {
            "model": "claude-opus-4-7", "provider": "anthropic", "provider_signature": "k".repeat(86),
        },
        "scopes": ["calendar:read", "invoice:pay", "mail:send"],
        "delegation_max_depth": 1,
    });
    if let (Some(parent), Some(members)) = (parent, body.as_object_mut()) {
        members.insert("parent_passport_id".to_owned(), parent.into());
        members.insert("delegation_max_depth".to_owned(), 0.into());
    }
    post("/api/agent/issue", Some(key), body.to_string().as_bytes())
}

pub(crate) fn revoke(key: &str, passport_id: &str) -> Box<[u8]> {
    let body = json!({ "passport_id": passport_id, "reason": "measured" });
    post("/registry/revoke", Some(key), body.to_string().as_bytes())
}

pub(crate) fn verify(document: &[u8]) -> Box<[u8]> {
    post("/api/agent/verify", None, &[b"{\"passport\":", document, b"}"].concat())
}

/// Many in one request.
pub(crate) fn verify_batch(documents: &[Box<[u8]>]) -> Box<[u8]> {
    let mut body = Vec::new();
    for document in documents {
        body.extend_from_slice(if body.is_empty() { b"[" } else { b"," });
        body.extend_from_slice(b"{\"passport\":");
        body.extend_from_slice(document);
        body.push(b'}');
    }
    body.push(b']');
    post("/api/agent/verify/batch", None, &body)
}

/// The request that raises how often the operator may issue.
pub(crate) fn raise_limits(admin: &str) -> Box<[u8]> {
    let body = json!({ "issue_per_hour": 1_000_000, "amend_per_hour": 1_000_000 });
    put(&format!("/registry/operators/{OPERATOR}/limits"), admin, body.to_string().as_bytes())
}

/// The raw bytes of a published key.
pub(crate) fn published_key(history: &[u8], key_id: &str) -> Outcome<[u8; 32]> {
    let history: Value = parse(history, 32)?.to_value().ok_or("the key history holds an odd number")?;
    let keys = history.get("keys").and_then(Value::as_array).ok_or("the key history has no keys")?;
    let key = keys
        .iter()
        .find(|key| key.get("key_id").and_then(Value::as_str) == Some(key_id))
        .ok_or("the passports' key is not published")?;
    let pem = key.get("public_key_pem").and_then(Value::as_str).ok_or("the key has no public form")?;
    let text: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    // SubjectPublicKeyInfo of Ed25519 (RFC 8410): twelve fixed bytes, then the key.
    let der = aegis_core::encoding::from_base64(&text).ok_or("the key's PEM is no Base64")?;
    let raw = der.get(12..).and_then(|raw| raw.try_into().ok());
    raw.ok_or_else(|| "the key's PEM is no Ed25519 key".into())
}

/// Whether an answer of the batch endpoint says valid to all of `count`.
pub(crate) fn all_valid(body: &[u8], count: usize) -> bool {
    let Ok(json) = parse(body, 64) else { return false };
    json.items().is_some_and(|items| {
        items.len() == count && items.iter().all(|item| item.get("valid") == Some(&Json::Bool(true)))
    })
}
