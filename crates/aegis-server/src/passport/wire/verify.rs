//! The verify request and its answer.

use aegis_core::json::Json;
use aegis_core::time::Timestamp;
use aegis_passport::attestation::Grade;
use aegis_passport::bundle::PackName;
use aegis_passport::document::SignedPassport;
use aegis_passport::expect::Expectation;
use aegis_passport::facts::WhenStale;
use aegis_passport::ids::OperatorId;
use aegis_passport::keys::KeyState;
use aegis_passport::scope::Scope;
use aegis_passport::text::Jurisdiction;
use aegis_passport::verdict::{Outcome, Reason, Verdict};
use aegis_passport::verify::Ask;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::{Reading, RiskWord, ScopeText};
use crate::http::schema::Rules;
use crate::http::{Problem, Violation};

/// A passport and what is asked about it. Nothing asked: is it valid now?
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyRequest {
    /// The passport exactly as it was issued. A document that is no passport gets an answer, not an error.
    #[expect(dead_code, reason = "taken from the text itself, where numbers keep their spelling")]
    #[schema(schema_with = passport_schema)]
    passport: Value,
    /// Was it valid then, by what is known now? RFC 3339, at most 60 s ahead.
    #[schema(nullable = false, format = DateTime, max_length = 40)]
    at: Option<String>,
    /// Status this old is acceptable, in seconds; never beyond the passport's own budget.
    #[schema(nullable = false, minimum = 0, maximum = 86400)]
    max_staleness_seconds: Option<u32>,
    /// Ancestors of a delegated passport, nearest first. Here the registry's own copies decide.
    #[expect(dead_code, reason = "the registry's own copies decide")]
    #[schema(nullable = false, max_items = 8, value_type = Option<Vec<Object>>)]
    chain: Option<Vec<Map<String, Value>>>,
    /// Further demands of the caller.
    #[schema(nullable = false)]
    expect: Option<Expect>,
}

/// Verify requests, answered in the same order.
#[derive(Debug, ToSchema)]
#[schema(min_items = 1)]
#[expect(dead_code, reason = "a description only: each request is read from the text itself")]
pub(crate) struct VerifyBatch(Vec<VerifyRequest>);

/// When and how recent, for a passport asked for by its id.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VerifyQuery {
    /// Was it valid then, by what is known now? RFC 3339, at most 60 s ahead.
    #[schema(format = DateTime, max_length = 40)]
    at: Option<String>,
    /// Status this old is acceptable, in seconds; never beyond the passport's own budget.
    #[schema(minimum = 0, maximum = 86400)]
    max_staleness_seconds: Option<u32>,
}
crate::query_parameters!(VerifyQuery);

fn passport_schema() -> utoipa::openapi::schema::Object {
    use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, SchemaType, Type};
    ObjectBuilder::new()
        .schema_type(SchemaType::Array(vec![Type::Object, Type::String]))
        .additional_properties(Some(AdditionalProperties::FreeForm(true)))
        .description(Some("A passport document, exactly as it was issued; other renderings as text."))
        .build()
}

/// What the caller demands beyond validity.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Expect {
    /// Exactly this operator: op_ and 2-62 characters a-z 0-9 _ -.
    #[schema(nullable = false, pattern = "^op_[a-z0-9][a-z0-9_-]{1,61}$")]
    operator_id: Option<String>,
    /// Exactly this jurisdiction: two capital letters, optionally - and 1-3 capital letters or digits.
    #[schema(nullable = false, pattern = "^[A-Z]{2}(-[A-Z0-9]{1,3})?$")]
    jurisdiction: Option<String>,
    /// At least this grade.
    #[schema(nullable = false)]
    min_grade: Option<GradeWord>,
    /// Scopes that the passport must cover.
    #[schema(nullable = false, max_items = 64)]
    scopes: Option<Vec<ScopeText>>,
    /// At most this risk.
    #[schema(nullable = false)]
    max_risk: Option<RiskWord>,
}

/// What stands behind the capability attestation, weakest first.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum GradeWord {
    Declared,
    Attested,
    Verified,
}

impl VerifyRequest {
    fn parse(self, now: Timestamp) -> Result<Ask, Problem> {
        let mut reading = Reading::default();
        let expect = self.expect.map(|expect| expect.parse(&mut reading)).unwrap_or_default();
        ask(reading, now, self.at.as_deref(), self.max_staleness_seconds, expect)
    }
}

impl VerifyQuery {
    /// The question in the rules' own terms.
    pub(crate) fn parse(self, now: Timestamp) -> Result<Ask, Problem> {
        let expect = Expectation::default();
        ask(Reading::default(), now, self.at.as_deref(), self.max_staleness_seconds, expect)
    }
}

fn ask(
    mut reading: Reading,
    now: Timestamp,
    at: Option<&str>,
    max_staleness_seconds: Option<u32>,
    expect: Expectation,
) -> Result<Ask, Problem> {
    let ahead = now.plus_seconds(aegis_core::limits::SKEW_SECONDS);
    let parse = |text: &str| Timestamp::parse_rfc3339(text).filter(|at| *at <= ahead);
    let at = reading.read_text("/at", "an RFC 3339 time, at most 60 s in the future", at, parse);
    if !reading.0.is_empty() {
        return Err(Problem::validation(reading.0));
    }
    let when_stale = WhenStale::Refuse;
    Ok(Ask { now, at, max_staleness_seconds, when_stale, expect, presentation: None })
}

impl Expect {
    fn parse(self, reading: &mut Reading) -> Expectation {
        let mut scopes = Vec::new();
        for (index, ScopeText(text)) in self.scopes.iter().flatten().enumerate() {
            scopes.extend(reading.read(&format!("/expect/scopes/{index}"), Scope::FORM, Scope::parse(text)));
        }
        Expectation {
            operator_id: reading.read_text(
                "/expect/operator_id",
                OperatorId::FORM,
                self.operator_id.as_deref(),
                OperatorId::parse,
            ),
            jurisdiction: reading.read_text(
                "/expect/jurisdiction",
                Jurisdiction::FORM,
                self.jurisdiction.as_deref(),
                Jurisdiction::parse,
            ),
            min_grade: self.min_grade.map(|grade| match grade {
                GradeWord::Declared => Grade::Declared,
                GradeWord::Attested => Grade::Attested,
                GradeWord::Verified => Grade::Verified,
            }),
            scopes,
            max_risk: self.max_risk.map(RiskWord::risk),
            audience: None,
            nonce: None,
        }
    }
}

/// The answer to a verification. The first five members come first, in this order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Verified<'a> {
    /// Whether every check holds.
    #[schema(example = true)]
    valid: bool,
    /// The agent; null before the signature is proven.
    #[schema(value_type = Option<String>, example = "agent_019e099acb007b6a9d0e1f2031425364")]
    agent_id: Option<String>,
    /// End of life.
    #[schema(value_type = Option<String>, example = "2027-05-08T22:00:00Z")]
    expires_at: Option<String>,
    /// Whether a recorded revocation holds at the instant asked about.
    #[schema(example = false)]
    revoked: bool,
    /// When this answer was made.
    #[schema(example = "2026-05-08T22:30:14Z")]
    verified_at: String,
    /// Why it is not valid: a closed set that may grow. Treat an unknown one as invalid.
    #[schema(example = "REVOKED")]
    reason_code: Option<&'a str>,
    /// The same for people.
    reason: Option<&'a str>,
    /// `native` for a document that was sent, `registry` for a registered one asked for by its id.
    #[schema(example = "native")]
    rendering: &'a str,
    passport_id: Option<String>,
    operator_id: Option<&'a str>,
    issuer: Option<&'a str>,
    key_id: Option<String>,
    risk_classification: Option<&'a str>,
    scopes: Option<Vec<&'a str>>,
    attestation_grade: Option<&'a str>,
    /// The instant asked about.
    evaluated_at: String,
    /// Whether it was valid by what could be known at that instant; only when `at` was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    valid_as_known_at: Option<bool>,
    /// Up to when the status behind this answer is complete.
    status_as_of: String,
    /// Whether nothing newer exists.
    status_fresh: bool,
    /// The number of the newest status change this answer rests on.
    status_sequence: u64,
    /// Every check with its evidence.
    #[schema(value_type = Object)]
    checks: Checks<'a>,
}

/// What an answer rests on besides the verdict.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Basis<'a> {
    pub(crate) rendering: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) sequence: u64,
}

impl<'a> Verified<'a> {
    /// Writes a verdict down. Nothing of the document is shown before its signature is proven.
    pub(crate) fn of(
        verdict: &'a Verdict,
        document: Option<&'a SignedPassport>,
        basis: Basis<'a>,
        at_given: bool,
    ) -> Verified<'a> {
        let proven = document.filter(|_| verdict.proven).map(SignedPassport::passport);
        let now = basis.now.to_rfc3339_seconds();
        Verified {
            valid: verdict.valid,
            agent_id: proven.map(|passport| passport.agent_id.to_string()),
            expires_at: proven.map(|passport| passport.expires_at.to_rfc3339_seconds()),
            revoked: verdict.revoked,
            reason_code: verdict.reason.map(Reason::as_str),
            reason: verdict.reason_text(),
            rendering: basis.rendering,
            passport_id: proven.map(|passport| passport.passport_id.to_string()),
            operator_id: proven.map(|passport| passport.operator_id.as_str()),
            issuer: proven.map(|passport| passport.issuer.as_str()),
            key_id: proven.map(|passport| passport.key_id.to_string()),
            risk_classification: proven.map(|passport| passport.risk_classification.as_str()),
            scopes: proven.map(|passport| passport.scopes.as_slice().iter().map(Scope::as_str).collect()),
            attestation_grade: proven
                .map(|passport| passport.capability_attestation.standing.grade().as_str()),
            evaluated_at: verdict.evaluated_at.to_rfc3339_seconds(),
            valid_as_known_at: verdict.valid_as_known_at.filter(|_| at_given),
            status_as_of: now.clone(),
            verified_at: now,
            status_fresh: true,
            status_sequence: verdict.checks.status.sequence.unwrap_or(basis.sequence),
            checks: Checks::of(verdict, at_given),
        }
    }
}

/// One check: its result, its code if it failed, its evidence.
#[derive(Debug, Serialize)]
struct Check<'a, E> {
    result: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(flatten)]
    evidence: E,
}

fn check<'a, E>(outcome: Outcome, evidence: E) -> Check<'a, E> {
    Check { result: outcome.as_str(), code: outcome.reason().map(Reason::as_str), evidence }
}

#[derive(Debug, Serialize)]
struct Nothing {}

#[derive(Debug, Serialize)]
struct KeyEvidence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key_status: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct TimeEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds_left: Option<i64>,
}

#[derive(Debug, Serialize)]
struct LineageEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_index: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    logged_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct StatusEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    age_seconds: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    effective_from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revoked_at: Option<String>,
}

#[derive(Debug, Serialize)]
struct DelegationEvidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    ancestor: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    bounds: Vec<Value>,
}

#[derive(Debug, Serialize)]
struct PolicyEvidence<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    outdated: Option<bool>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withdrawn: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Checks<'a> {
    schema: Check<'a, Nothing>,
    issuer: Check<'a, Nothing>,
    key: Check<'a, KeyEvidence<'a>>,
    signature: Check<'a, Nothing>,
    time: Check<'a, TimeEvidence>,
    lineage: Check<'a, LineageEvidence>,
    status: Check<'a, StatusEvidence>,
    delegation: Check<'a, DelegationEvidence>,
    attestation: Check<'a, Nothing>,
    policy: Check<'a, PolicyEvidence<'a>>,
    possession: Check<'a, Nothing>,
}

impl<'a> Checks<'a> {
    fn of(verdict: &'a Verdict, at_given: bool) -> Checks<'a> {
        let all = &verdict.checks;
        let breaches = all.delegation.breaches.iter();
        Checks {
            schema: check(all.schema, Nothing {}),
            issuer: check(all.issuer, Nothing {}),
            key: check(all.key.outcome, KeyEvidence { key_status: all.key.key_status.map(KeyState::as_str) }),
            signature: check(all.signature, Nothing {}),
            time: check(all.time.outcome, TimeEvidence { seconds_left: all.time.seconds_left }),
            lineage: check(
                all.lineage.outcome,
                LineageEvidence {
                    seq: all.lineage.seq,
                    log_index: all.lineage.log_index,
                    logged_at: all.lineage.logged_at.map(Timestamp::to_rfc3339_seconds),
                },
            ),
            status: check(
                all.status.outcome,
                StatusEvidence {
                    sequence: all.status.sequence,
                    age_seconds: all.status.age_seconds,
                    effective_from: all
                        .status
                        .effective_from
                        .filter(|_| at_given)
                        .map(Timestamp::to_rfc3339_seconds),
                    revoked_at: all.status.revoked_at.filter(|_| at_given).map(Timestamp::to_rfc3339_seconds),
                },
            ),
            delegation: check(
                all.delegation.outcome,
                DelegationEvidence {
                    ancestor: all.delegation.ancestor.map(|id| id.to_string()),
                    bounds: breaches.map(breach).collect(),
                },
            ),
            attestation: check(all.attestation, Nothing {}),
            policy: check(
                all.policy.outcome,
                PolicyEvidence {
                    outdated: all.policy.outdated,
                    withdrawn: all.policy.withdrawn.iter().map(PackName::as_str).collect(),
                    details: all.policy.unmet.iter().map(|demanded| demanded.as_str()).collect(),
                },
            ),
            possession: check(all.possession, Nothing {}),
        }
    }
}

/// One exceeded bound, as answers list it.
pub(crate) fn breach(breach: &aegis_passport::delegation::Breach) -> Value {
    json!({ "bound": breach.bound.as_str(), "parent": breach.parent, "child": breach.child })
}

/// Takes a verify request apart: the passport as it was written, and the question.
///
/// # Errors
/// `VALIDATION_ERROR` for a request that is not of the described form, whatever the passport is.
pub(crate) fn split_request<'j, 'a>(
    request: &'j Json<'a>,
    now: Timestamp,
) -> Result<(&'j Json<'a>, Ask), Problem> {
    if let Some([(name, passport @ Json::Object(_))]) = request.members()
        && name == "passport"
    {
        // The everyday request: a passport and no further question.
        return Ok((passport, Ask::now(now)));
    }
    let value = without_passport(request).ok_or_else(|| {
        let message = "A number is beyond the range of a double.";
        Problem::validation(vec![Violation::new("", "number", message)])
    })?;
    let violations = Rules::of::<VerifyRequest>()?.check(&value);
    let passport = request.get("passport").filter(|_| violations.is_empty());
    let passport = passport.ok_or_else(|| Problem::validation(violations))?;
    let question: VerifyRequest = crate::http::json::into_type(value)?;
    Ok((passport, question.parse(now)?))
}

/// The request with an empty passport of the same type: what the passport holds is judged elsewhere.
fn without_passport(request: &Json<'_>) -> Option<Value> {
    let Json::Object(members) = request else { return request.to_value() };
    members
        .iter()
        .map(|(name, value)| {
            let value = match value {
                Json::Object(_) if name == "passport" => Value::Object(Map::new()),
                Json::Object(_)
                | Json::Array(_)
                | Json::String(_)
                | Json::Number(_)
                | Json::Bool(_)
                | Json::Null => value.to_value()?,
            };
            Some((name.clone().into_owned(), value))
        })
        .collect::<Option<Map<String, Value>>>()
        .map(Value::Object)
}
