//! Bodies good and bad against one request type with every kind of rule.

use axum::body::Body;
use axum::http::StatusCode;
use serde::Deserialize;

use super::*;
use crate::http::problem::ProblemCode;

#[derive(Debug, Deserialize, ToSchema, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Risk {
    Minimal,
    Limited,
    High,
}

/// What the agent can do.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Capability {
    /// Name of the model.
    #[schema(min_length = 1, max_length = 8)]
    #[expect(dead_code, reason = "declared for its schema")]
    model: String,
    #[expect(dead_code, reason = "declared for its schema")]
    provider: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "declared for its schema")]
enum Key {
    Text(String),
    Object(Capability),
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(dead_code, reason = "declared for its schema")]
enum Change {
    Grow { by: u32 },
    Rename { name: String },
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Issue {
    /// `op_` and a short
    /// name in lower case.
    #[schema(pattern = "^op_[a-z0-9_-]+$", example = "op_acme_corp")]
    operator_id: String,
    risk_classification: Risk,
    parent_risk: Option<Risk>,
    #[schema(minimum = 60, maximum = 100)]
    ttl_seconds: Option<u32>,
    #[schema(max_items = 2)]
    #[expect(dead_code, reason = "declared for its schema")]
    capabilities: Option<Vec<Capability>>,
    #[expect(dead_code, reason = "declared for its schema")]
    key: Option<Key>,
    #[expect(dead_code, reason = "declared for its schema")]
    change: Option<Change>,
    #[expect(dead_code, reason = "declared for its schema")]
    count: Option<u8>,
}

fn refused(text: &str) -> Vec<(String, String, String)> {
    let problem = parse::<Issue>(text.as_bytes()).unwrap_err();
    assert_eq!(problem.code(), ProblemCode::ValidationError);
    let list = problem.fact("violations").unwrap().as_array().unwrap().clone();
    let text = |v: &Value, k: &str| v[k].as_str().unwrap().to_owned();
    list.iter().map(|v| (text(v, "pointer"), text(v, "rule"), text(v, "message"))).collect()
}

/// A request with these members beside the required ones.
fn with(more: &str) -> String {
    format!(r#"{{"operator_id":"op_acme","risk_classification":"high"{more}}}"#)
}

fn only(more: &str) -> (String, String, String) {
    let mut found = refused(&with(more));
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}

fn triple(pointer: &str, rule: &str, message: &str) -> (String, String, String) {
    (pointer.to_owned(), rule.to_owned(), message.to_owned())
}

/// A good body is read; its fingerprint ignores spelling, space and order.
#[test]
fn reads_and_fingerprints() {
    let (issue, one) = parse::<Issue>(with(r#","ttl_seconds":60"#).as_bytes()).unwrap();
    assert_eq!((issue.operator_id.as_str(), issue.risk_classification), ("op_acme", Risk::High));
    assert_eq!((issue.ttl_seconds, issue.parent_risk), (Some(60), None));
    let other = br#" { "ttl_seconds": 60, "risk_classification":"\u0068igh", "operator_id":"op_acme"} "#;
    assert_eq!(parse::<Issue>(other).unwrap().1, one);
    assert_ne!(parse::<Issue>(with(r#","ttl_seconds":61"#).as_bytes()).unwrap().1, one);
}

/// Whatever is no strict JSON is refused with its place, before any schema.
#[test]
fn refuses_unstrict_text() {
    for (text, pointer, rule) in [
        (r#"{"operator_id":"#, "/operator_id", "syntax"),
        (r#"{"a":1,"a":2}"#, "/a", "duplicate"),
        ("{} {}", "", "trailing"),
        (r#"{"a":"\ud800"}"#, "/a", "encoding"),
        ("nonsense", "", "syntax"),
    ] {
        let found = refused(text);
        assert_eq!((found[0].0.as_str(), found[0].1.as_str()), (pointer, rule), "{text}");
    }
    assert_eq!(parse::<Issue>(b"{\"a\":\"\xff\"}").unwrap_err().code(), ProblemCode::ValidationError);
    let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
    assert_eq!(refused(&deep)[0].1, "depth");
    assert_eq!(
        only(r#","ttl_seconds":1e400"#),
        triple("/ttl_seconds", "number", "A number is beyond the range of a double.")
    );
    let crowd = format!("[{}0]", "0,".repeat(VALUES_MAX));
    assert_eq!(refused(&crowd)[0].1, "count");
}

/// Every violation is named at once, each at its place.
#[test]
fn names_all_violations_at_once() {
    let found = refused(
        r#"{"operatorid":"x","risk_classification":"hihg","ttl_seconds":5,"capabilities":[{},3,{"model":""}]}"#,
    );
    let places: Vec<_> = found.iter().map(|(place, rule, _)| (place.as_str(), rule.as_str())).collect();
    assert_eq!(
        places,
        [
            ("/capabilities", "maxItems"),
            ("/capabilities/0/model", "required"),
            ("/capabilities/1", "type"),
            ("/capabilities/2/model", "minLength"),
            ("/operator_id", "required"),
            ("/operatorid", "unknown"),
            ("/risk_classification", "enum"),
            ("/ttl_seconds", "minimum"),
        ]
    );
    let message = |place: &str| found.iter().find(|(found, ..)| found == place).unwrap().2.as_str();
    assert_eq!(message("/operatorid"), "Unknown field `operatorid`: did you mean `operator_id`?");
    assert_eq!(message("/operator_id"), "`operator_id` is missing.");
    assert_eq!(
        message("/risk_classification"),
        "`risk_classification` must be one of `minimal`, `limited`, `high`; did you mean `high`?"
    );
    assert_eq!(message("/capabilities/1"), "`capabilities[1]` must be an object, not a number.");
    assert_eq!(message("/capabilities/2/model"), "`capabilities[2].model` must have at least 1 character.");
    assert_eq!(message("/ttl_seconds"), "`ttl_seconds` must be 60 or more.");
}

/// A pattern is explained by the words of the declaration; a stranger's name by the known ones.
#[test]
fn explains_in_words() {
    let found = refused(r#"{"operator_id":"Acme","risk_classification":"high"}"#);
    assert_eq!(
        found[0].2,
        "`operator_id` must match the pattern `^op_[a-z0-9_-]+$`: `op_` and a short name in lower case. \
         Example: `op_acme_corp`."
    );
    let (place, _, message) = only(r#","zzz~/":1"#);
    assert_eq!(place, "/zzz~0~1");
    assert!(message.starts_with("Unknown field `zzz~/`; known here: "), "{message}");
}

/// Alternatives are explained by the one that was meant.
#[test]
fn makes_alternatives_readable() {
    assert_eq!(
        only(r#","parent_risk":"low""#).2,
        "`parent_risk` must be one of `minimal`, `limited`, `high`."
    );
    // The object was meant, not the string.
    let found = refused(&with(r#","key":{"modle":"x"}"#));
    assert_eq!(found[0], triple("/key/model", "required", "`key.model` is missing."));
    assert_eq!(found[1].2, "Unknown field `modle`: did you mean `model`?");
    assert_eq!(
        only(r#","key":7"#).2,
        "`key` has none of the permitted forms: `key` must be a string, not a number. Or: `key` must be an \
         object, not a number."
    );
    assert_eq!(
        only(r#","change":{"kind":"shrink"}"#),
        triple("/change/kind", "enum", "`change.kind` must be one of `grow`, `rename`.")
    );
    assert_eq!(
        only(r#","change":{"kind":"grow"}"#),
        triple("/change/by", "required", "`change.by` is missing.")
    );
}

/// Where the schema is wider than the Rust type, the caller still gets the place and never a 500.
#[test]
fn names_the_place_of_unreadable_values() {
    assert_eq!(
        only(r#","count":1.0"#),
        triple("/count", "value", "`count` is not a value that can be used here.")
    );
    assert_eq!(only(r#","count":1e30"#).1, "value");
}

/// A hopeless body is answered with a bounded list.
#[test]
fn bounds_the_list() {
    let items = vec!["3"; 5000].join(",");
    let found = refused(&with(&format!(r#","capabilities":[{items}]"#)));
    assert_eq!(found.len(), crate::http::schema::VIOLATIONS_MAX + 1);
    assert_eq!(found.last().unwrap().1, "count");
}

async fn extracted<E: FromRequest<(), Rejection = Problem>>(
    kind: Option<&str>,
    body: &str,
) -> Result<E, StatusCode> {
    let mut request = Request::builder().method("POST").uri("/");
    if let Some(kind) = kind {
        request = request.header("content-type", kind);
    }
    let request = request.body(Body::from(body.to_owned())).unwrap();
    E::from_request(request, &()).await.map_err(|problem| problem.code().status())
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Nothing {}

/// Content type and size are judged before the text.
#[tokio::test]
async fn judges_the_envelope() {
    let good = with("");
    assert!(extracted::<Json<Issue>>(Some("application/json; charset=UTF-8"), &good).await.is_ok());
    let status = async |kind, body: &str| extracted::<Json<Issue>>(kind, body).await.unwrap_err().as_u16();
    assert_eq!(status(None, &good).await, 415);
    assert_eq!(status(Some("text/plain"), "nonsense").await, 415);
    assert_eq!(status(Some("application/json"), "").await, 400);
    assert_eq!(status(Some("application/json"), &" ".repeat((1 << 20) + 1)).await, 413);
}

/// Where a body is optional, nothing is an empty object.
#[tokio::test]
async fn optional_bodies() {
    let status = async |kind, body: &str| {
        extracted::<OptionalJson<Nothing>>(kind, body).await.err().map(|s| s.as_u16())
    };
    assert_eq!(status(None, "").await, None);
    assert_eq!(status(None, "{}").await, None);
    assert_eq!(status(Some("application/json"), "{}").await, None);
    assert_eq!(status(Some("application/x-www-form-urlencoded"), "").await, None);
    assert_eq!(status(Some("text/plain"), "{}").await, Some(415));
    assert_eq!(status(None, r#"{"x":1}"#).await, Some(400));
}
