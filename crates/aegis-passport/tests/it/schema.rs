//! The published JSON Schema against the reader, by an independent validator.

use aegis_core::json::parse;
use aegis_passport::document::SignedPassport;
use aegis_passport::schema::passport_schema;
use serde_json::{Value, json};

/// Both accept the known answer; both refuse each of these changes.
#[test]
fn schema_and_reader_agree() {
    let schema = passport_schema("https://id.example.org");
    assert_eq!(schema["$id"], "https://id.example.org/identity/spec/passport-v1.schema.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let vector: Value = serde_json::from_str(include_str!("../../../../vectors/passport/v1.json")).unwrap();
    let document = &vector["passport"];
    let reads = |value: &Value| {
        let text = serde_json::to_vec(value).unwrap();
        SignedPassport::read(&parse(&text, 64).unwrap()).is_ok()
    };
    assert!(validator.is_valid(document) && reads(document));
    for name in document.as_object().unwrap().keys() {
        let mut without = document.clone();
        without.as_object_mut().unwrap().remove(name);
        assert!(!validator.is_valid(&without) && !reads(&without), "without {name}");
    }
    for (name, value) in [
        ("passport_id", json!("pp_019e099acb001a5f8c1d2e3f40516273")),
        ("agent_name", json!("")),
        ("issuer", json!("did:web:ID.example.org")),
        ("jurisdiction", json!("eu")),
        ("risk_classification", json!("extreme")),
        ("policy_bundle", json!("eu_ai_act+")),
        ("capability_attestation", json!({"model": "m", "provider_signature": "", "grade": "attested"})),
        ("scopes", json!(["A"])),
        ("delegation", json!({"depth": 1, "max_depth": 0})),
        ("agent_pubkey", json!("z6Mk")),
        ("staleness_budget_seconds", json!(0)),
        ("status", json!({"list_url": "ftp://a/1", "index": 0})),
        ("lineage_seq", json!(9_007_199_254_740_992_u64)),
        ("crit", json!([])),
        ("signature", json!("ed25519:AAAA")),
        ("unknown", json!(1)),
    ] {
        let mut changed = document.clone();
        changed[name] = value;
        assert!(!validator.is_valid(&changed) && !reads(&changed), "{name}");
    }
}
