//! JSON Schema of passport version 1, for readers in other languages.
//!
//! It states the forms a schema can state. What it cannot (ascending scopes, budgets by risk, the order of
//! instants, canonical bytes, the signature) is the reader's business, as in [`crate::document`].

use serde_json::{Value, json};

use crate::bundle::BUNDLE_CHARS_MAX;
use crate::delegation::DEPTH_MAX;
use crate::document::{REVOCATION_CHECK, STATUS_LIST_ENTRIES};
use crate::profile::INTEGER_MAX;
use crate::risk::Risk;
use crate::scope::{SCOPE_CHARS_MAX, SCOPES_MAX};

/// Where the schema is served below an instance's origin.
pub const SCHEMA_PATH: &str = "/identity/spec/passport-v1.schema.json";

/// The schema (draft 2020-12) of a 1.0 passport, with its own address below `origin`.
pub fn passport_schema(origin: &str) -> Value {
    let optional = ["agent_name", "agent_pubkey", "crit", "supersedes"];
    let properties = properties();
    let names = properties.as_object().into_iter().flat_map(serde_json::Map::keys);
    let required: Vec<&String> = names.filter(|name| !optional.contains(&name.as_str())).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("{origin}{SCHEMA_PATH}"),
        "title": "Agent passport, version 1.0",
        "description": "Strings are printable ASCII, numbers are integers spelled without sign, fraction or exponent; canonical form RFC 8785, at most 64 KiB.",
        "type": "object",
        "additionalProperties": false,
        "required": required,
        "properties": properties,
    })
}

fn pattern(pattern: &str) -> Value {
    json!({"type": "string", "pattern": pattern})
}

fn text(min: usize, max: usize) -> Value {
    json!({"type": "string", "minLength": min, "maxLength": max, "pattern": "^[ -~]*$"})
}

fn integer(min: u64, max: u64) -> Value {
    json!({"type": "integer", "minimum": min, "maximum": max})
}

fn properties() -> Value {
    let id =
        |prefix: &str| pattern(&format!("^{prefix}_[0-9a-f]{{12}}[47][0-9a-f]{{3}}[89ab][0-9a-f]{{15}}$"));
    let time = || pattern("^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$");
    let digest = || pattern("^sha256:[0-9a-f]{64}$");
    let risks: Vec<&str> = Risk::ALL.iter().map(|risk| risk.as_str()).collect();
    json!({
        "schema_version": {"const": "1.0"},
        "passport_id": id("pp"),
        "agent_id": id("agent"),
        "operator_id": pattern("^op_[a-z0-9][a-z0-9_-]{1,61}$"),
        "issuer": pattern("^did:web:[a-z0-9.-]+(%3A[1-9][0-9]{0,4})?$"),
        "agent_name": text(1, 64),
        "jurisdiction": pattern("^[A-Z]{2}(-[A-Z0-9]{1,3})?$"),
        "risk_classification": {"enum": risks},
        "policy_bundle": bundle(),
        "policy_bundle_digest": digest(),
        "capability_attestation": attestation(&time(), &digest()),
        "scopes": {"type": "array", "maxItems": SCOPES_MAX, "uniqueItems": true, "items": scope()},
        "delegation": delegation(&id("pp")),
        "agent_pubkey": pattern("^z6Mk[1-9A-HJ-NP-Za-km-z]{44}$"),
        "supersedes": id("pp"),
        "staleness_budget_seconds": integer(1, 86_400),
        "status": {
            "type": "object",
            "additionalProperties": false,
            "required": ["list_url", "index"],
            "properties": {
                "list_url": {"type": "string", "pattern": "^https?://[!-~]+$", "maxLength": 512},
                "index": integer(0, u64::from(STATUS_LIST_ENTRIES - 1)),
            },
        },
        "revocation_check": {"const": REVOCATION_CHECK},
        "issued_at": time(),
        "expires_at": time(),
        "key_id": pattern("^[A-Za-z0-9_-]{43}$"),
        "lineage_seq": integer(1, INTEGER_MAX),
        "audit_lineage_hash": digest(),
        "crit": {"type": "array", "minItems": 1, "maxItems": 8, "items": text(1, 64)},
        "signature": pattern("^ed25519:[A-Za-z0-9_-]{86}$"),
    })
}

fn bundle() -> Value {
    let pack = r"[a-z][a-z0-9_]{0,47}(@[0-9]{1,9}\.[0-9]{1,9}\.[0-9]{1,9})?";
    let bundle = format!(r"^{pack}(\+{pack}){{0,15}}$");
    json!({"type": "string", "maxLength": BUNDLE_CHARS_MAX, "pattern": bundle})
}

fn scope() -> Value {
    let scope = r"^(\*|[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)*(:\*)?)$";
    json!({"type": "string", "maxLength": SCOPE_CHARS_MAX, "pattern": scope})
}

fn attestation(time: &Value, digest: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["model", "provider_signature", "grade"],
        "properties": {
            "model": text(1, 128),
            "provider_signature": text(0, 16_384),
            "provider": text(1, 64),
            "model_digest": digest,
            "tools_digest": digest,
            "grade": {"enum": ["declared", "attested", "verified"]},
            "attested_at": time,
        },
        "if": {"properties": {"grade": {"const": "declared"}}},
        "then": {"not": {"required": ["attested_at"]}},
        "else": {"required": ["attested_at"]},
    })
}

fn delegation(passport_id: &Value) -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["depth", "max_depth"],
        "properties": {
            "depth": integer(0, u64::from(DEPTH_MAX)),
            "max_depth": integer(0, u64::from(DEPTH_MAX)),
            "parent_passport_id": passport_id,
            "root_passport_id": passport_id,
        },
        "if": {"properties": {"depth": {"const": 0}}},
        "then": {"not": {"anyOf": [{"required": ["parent_passport_id"]}, {"required": ["root_passport_id"]}]}},
        "else": {"required": ["parent_passport_id", "root_passport_id"]},
    })
}
