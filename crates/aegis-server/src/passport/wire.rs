//! The JSON of the Identity endpoints: `snake_case`, whole seconds, unknown fields refused.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;
use aegis_passport::attestation::AttestationClaim;
use aegis_passport::bundle::Bundle;
use aegis_passport::facts::RevocationReason;
use aegis_passport::ids::{OperatorId, PassportId};
use aegis_passport::issue::{IssueRequest as Ask, KeyOffer, Life};
use aegis_passport::revoke::{Cascade, RevokeAsk};
use aegis_passport::risk::Risk;
use aegis_passport::scope::{Scope, Scopes};
use aegis_passport::text::{AgentName, Jurisdiction, Printable};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::{Problem, Violation};

mod registry;
mod verify;

pub(crate) use registry::*;
pub(crate) use verify::*;

/// How much harm the agent could do, as its operator declares it.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "high")]
pub(crate) enum RiskWord {
    Minimal,
    Limited,
    High,
    Critical,
}

impl RiskWord {
    pub(crate) const fn risk(self) -> Risk {
        match self {
            RiskWord::Minimal => Risk::Minimal,
            RiskWord::Limited => Risk::Limited,
            RiskWord::High => Risk::High,
            RiskWord::Critical => Risk::Critical,
        }
    }
}

/// What the agent runs on, in its operator's words.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AttestationRequest {
    /// The model's name: 1-128 printable ASCII characters.
    #[schema(min_length = 1, max_length = 128, pattern = "^[ -~]+$", example = "claude-opus-4-7")]
    model: String,
    /// The provider's statement. Carried as it is; it adds nothing to grade `declared`.
    #[serde(default)]
    #[schema(max_length = 16384, pattern = "^[ -~]*$", example = "...")]
    provider_signature: String,
    /// Who provides the model: 1-64 printable ASCII characters.
    #[schema(nullable = false, min_length = 1, max_length = 64, pattern = "^[ -~]+$", example = "anthropic")]
    provider: Option<String>,
    /// SHA-256 of the model's weights or manifest: `sha256:` and 64 lower-case hexadecimal digits.
    #[schema(nullable = false, pattern = "^sha256:[0-9a-f]{64}$")]
    model_digest: Option<String>,
    /// SHA-256 of the set of tools the agent runs with: `sha256:` and 64 lower-case hexadecimal digits.
    #[schema(nullable = false, pattern = "^sha256:[0-9a-f]{64}$")]
    tools_digest: Option<String>,
}

/// The passport an operator asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct IssueRequest {
    /// Your operator id: `op_` and 2-62 characters a-z 0-9 _ -, the first a letter or digit.
    #[schema(pattern = "^op_[a-z0-9][a-z0-9_-]{1,61}$", example = "op_acme_corp")]
    operator_id: String,
    /// ISO 3166 country or subdivision, or EU: two capital letters, optionally - and 1-3 capital letters or
    /// digits.
    #[schema(pattern = "^[A-Z]{2}(-[A-Z0-9]{1,3})?$", example = "EU")]
    jurisdiction: String,
    risk_classification: RiskWord,
    /// Policy packs joined by +, each a name, optionally @ and a version: `eu_ai_act+gdpr@1.0.0`.
    #[schema(
        min_length = 1,
        max_length = 512,
        pattern = r"^[a-z][a-z0-9_]{0,47}(@[0-9]+\.[0-9]+\.[0-9]+)?(\+[a-z][a-z0-9_]{0,47}(@[0-9]+\.[0-9]+\.[0-9]+)?){0,15}$",
        example = "eu_ai_act+gdpr"
    )]
    policy_bundle: String,
    capability_attestation: AttestationRequest,
    /// An agent of yours that gets a further passport, or an unused id for a new one: `agent_` and 32 lower-case
    /// hexadecimal digits of a UUID version 4 or 7. Absent: a new agent.
    #[schema(nullable = false, pattern = "^agent_[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}$")]
    agent_id: Option<String>,
    /// Your name for the agent, unique among your agents that are not revoked: 1-64 printable ASCII characters.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 64,
        pattern = "^[ -~]+$",
        example = "invoice reader"
    )]
    agent_name: Option<String>,
    /// Ceiling of what the agent may be granted; `["*"]` by default. Each * or lower-case words joined by :,
    /// optionally ending in :*.
    #[schema(nullable = false, max_items = 64, example = json!(["files:read", "mail:*"]))]
    scopes: Option<Vec<ScopeText>>,
    /// Oldest status a verifier may accept, in seconds; by default the most the risk allows.
    #[schema(nullable = false, minimum = 1, maximum = 86400, example = 300)]
    staleness_budget_seconds: Option<u32>,
    /// Life in seconds, instead of `expires_at`; a year by default (critical: 90 days).
    #[schema(nullable = false, minimum = 60, maximum = 31_622_400, example = 31_536_000)]
    ttl_seconds: Option<u32>,
    /// End of life, instead of `ttl_seconds`: RFC 3339, cut to whole seconds.
    #[schema(nullable = false, format = DateTime, max_length = 40, example = "2027-05-08T22:00:00Z")]
    expires_at: Option<String>,
    /// The passport above, for a delegated agent: `pp_` and 32 lower-case hexadecimal digits.
    #[schema(nullable = false, pattern = "^pp_[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}$")]
    parent_passport_id: Option<String>,
    /// Levels of delegation allowed below; 0 by default.
    #[schema(nullable = false, minimum = 0, maximum = 8, example = 0)]
    delegation_max_depth: Option<u8>,
}

/// A scope: * or lower-case words joined by :, optionally ending in :*.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[schema(
    max_length = 128,
    pattern = r"^(\*|[a-z][a-z0-9_.-]*(:[a-z0-9_.-]+)*(:\*)?)$",
    example = "files:read"
)]
pub(crate) struct ScopeText(String);

/// A request to issue, read into the rules' own terms.
#[derive(Debug)]
pub(crate) struct Issuance {
    pub(crate) ask: Ask,
    pub(crate) agent: Option<AgentId>,
    pub(crate) parent: Option<PassportId>,
}

/// Collects what a schema cannot say.
#[derive(Default)]
struct Reading(Vec<Violation>);

impl Reading {
    fn read<T>(&mut self, pointer: &str, form: &str, value: Option<T>) -> Option<T> {
        if value.is_none() {
            let name = pointer.trim_start_matches('/');
            self.0.push(Violation::new(pointer, "form", format!("`{name}` must be {form}.")));
        }
        value
    }

    /// The same for text that may be absent.
    fn read_text<T>(
        &mut self,
        pointer: &str,
        form: &str,
        text: Option<&str>,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        text.and_then(|text| self.read(pointer, form, parse(text)))
    }
}

impl IssueRequest {
    /// The operator the request names.
    pub(crate) fn operator(&self) -> &str {
        &self.operator_id
    }

    /// Reads every field into its type.
    pub(crate) fn parse(self) -> Result<Issuance, Problem> {
        let mut reading = Reading::default();
        let operator_id =
            reading.read("/operator_id", OperatorId::FORM, OperatorId::parse(&self.operator_id));
        let jurisdiction =
            reading.read("/jurisdiction", Jurisdiction::FORM, Jurisdiction::parse(&self.jurisdiction));
        let policy_bundle = reading.read("/policy_bundle", Bundle::FORM, Bundle::parse(&self.policy_bundle));
        let agent_name = reading.read_text(
            "/agent_name",
            "1-64 printable ASCII characters",
            self.agent_name.as_deref(),
            AgentName::parse,
        );
        let scopes = reading.scopes(self.scopes);
        let life = reading.life(self.ttl_seconds, self.expires_at.as_deref());
        let agent = reading.read_text(
            "/agent_id",
            "agent_ and a UUID of version 4 or 7",
            self.agent_id.as_deref(),
            AgentId::parse,
        );
        let parent = reading.read_text(
            "/parent_passport_id",
            "pp_ and a UUID of version 7",
            self.parent_passport_id.as_deref(),
            PassportId::parse,
        );
        let attestation = reading.attestation(&self.capability_attestation);
        let parts = operator_id.zip(jurisdiction).zip(policy_bundle.zip(attestation));
        match parts {
            Some(((operator_id, jurisdiction), (policy_bundle, attestation))) if reading.0.is_empty() => {
                let ask = Ask {
                    operator_id,
                    jurisdiction,
                    risk_classification: self.risk_classification.risk(),
                    policy_bundle,
                    attestation,
                    agent_name,
                    scopes,
                    staleness_budget_seconds: self.staleness_budget_seconds,
                    life,
                    delegation_max_depth: self.delegation_max_depth,
                    agent_key: KeyOffer::Absent,
                };
                Ok(Issuance { ask, agent, parent })
            }
            _ => Err(Problem::validation(reading.0)),
        }
    }
}

impl Reading {
    fn scopes(&mut self, scopes: Option<Vec<ScopeText>>) -> Option<Scopes> {
        let scopes = scopes?;
        let mut read = Vec::with_capacity(scopes.len());
        for (index, ScopeText(text)) in scopes.iter().enumerate() {
            read.extend(self.read(&format!("/scopes/{index}"), Scope::FORM, Scope::parse(text)));
        }
        if read.len() != scopes.len() {
            return None;
        }
        self.read("/scopes", "at most 64 scopes, none twice", Scopes::from_any_order(read))
    }

    fn life(&mut self, ttl_seconds: Option<u32>, expires_at: Option<&str>) -> Life {
        match (ttl_seconds, expires_at) {
            (None, None) => Life::Default,
            (Some(seconds), None) => Life::Seconds(seconds),
            (None, Some(text)) => {
                let instant = self.read("/expires_at", "an RFC 3339 time", Timestamp::parse_rfc3339(text));
                instant.map_or(Life::Default, Life::Until)
            }
            (Some(_), Some(_)) => {
                let message = "Give `ttl_seconds` or `expires_at`, not both.";
                self.0.push(Violation::new("/expires_at", "exclusive", message));
                Life::Default
            }
        }
    }

    fn attestation(&mut self, request: &AttestationRequest) -> Option<AttestationClaim> {
        const AT: &str = "/capability_attestation";
        let printable = "printable ASCII characters";
        let model = self.read(&format!("{AT}/model"), printable, Printable::parse(&request.model));
        let signature = Printable::parse(&request.provider_signature);
        let provider_signature = self.read(&format!("{AT}/provider_signature"), printable, signature);
        let provider = self.read_text(
            &format!("{AT}/provider"),
            printable,
            request.provider.as_deref(),
            Printable::parse,
        );
        let digest = "sha256: and 64 lower-case hexadecimal digits";
        let model_digest = self.read_text(
            &format!("{AT}/model_digest"),
            digest,
            request.model_digest.as_deref(),
            Digest::parse,
        );
        let tools_digest = self.read_text(
            &format!("{AT}/tools_digest"),
            digest,
            request.tools_digest.as_deref(),
            Digest::parse,
        );
        Some(AttestationClaim {
            model: model?,
            provider_signature: provider_signature?,
            provider,
            model_digest,
            tools_digest,
        })
    }
}

/// Why something is revoked, as published.
#[derive(Debug, Clone, Copy, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ReasonCode {
    #[default]
    Unspecified,
    KeyCompromise,
    AgentCompromise,
    AffiliationChanged,
    CessationOfOperation,
    PrivilegeWithdrawn,
    PolicyViolation,
    OperatorDecision,
}

/// What to revoke, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeRequest {
    /// The agent to revoke with all its passports, for ever; or the agent of `passport_id`.
    #[schema(nullable = false, pattern = "^agent_[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}$")]
    agent_id: Option<String>,
    /// The one passport to revoke.
    #[schema(nullable = false, pattern = "^pp_[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}$")]
    passport_id: Option<String>,
    /// For the audit trail only, never published: 1-1000 characters without control characters.
    #[schema(
        min_length = 1,
        max_length = 1000,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        example = "compromised - prompt injection detected"
    )]
    pub(crate) reason: String,
    /// Published in the revocation list: 200 characters at most, without control characters.
    #[schema(nullable = false, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")]
    pub(crate) reason_public: Option<String>,
    #[serde(default)]
    #[schema(inline)]
    pub(crate) reason_code: ReasonCode,
    /// From when it holds: RFC 3339, not in the future; now by default.
    #[schema(nullable = false, format = DateTime, max_length = 40)]
    effective_from: Option<String>,
    /// Whether passports below are revoked with it. With `false`, live ones below refuse the request.
    #[serde(default = "yes")]
    #[schema(default = true)]
    pub(crate) cascade: bool,
    /// Say what would happen and change nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

const fn yes() -> bool {
    true
}

/// The target and instant of a revocation, read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    pub(crate) agent: Option<AgentId>,
    pub(crate) passport: Option<PassportId>,
    pub(crate) effective_from: Option<Timestamp>,
}

impl RevokeRequest {
    /// Reads the target. An id of another form names nothing, which the operation finds out.
    pub(crate) fn target(&self) -> Result<Target, Problem> {
        let mut reading = Reading::default();
        let agent =
            reading.read_text("/agent_id", "agent_ and a UUID", self.agent_id.as_deref(), AgentId::parse);
        let passport = reading.read_text(
            "/passport_id",
            "pp_ and a UUID",
            self.passport_id.as_deref(),
            PassportId::parse,
        );
        let effective_from = reading.read_text(
            "/effective_from",
            "an RFC 3339 time",
            self.effective_from.as_deref(),
            Timestamp::parse_rfc3339,
        );
        if self.agent_id.is_none() && self.passport_id.is_none() {
            let message = "Name an `agent_id` or a `passport_id`.";
            reading.0.push(Violation::new("/agent_id", "oneOf", message));
        }
        if reading.0.is_empty() {
            Ok(Target { agent, passport, effective_from: effective_from.map(Timestamp::whole_second) })
        } else {
            Err(Problem::validation(reading.0))
        }
    }
}

impl RevokeRequest {
    /// The request in the rules' own terms.
    pub(crate) fn ask(&self, target: &Target) -> RevokeAsk {
        RevokeAsk {
            reason_code: self.reason_code.reason(),
            effective_from: target.effective_from,
            cascade: if self.cascade { Cascade::Descendants } else { Cascade::Nothing },
        }
    }
}

impl ReasonCode {
    const fn reason(self) -> RevocationReason {
        match self {
            ReasonCode::Unspecified => RevocationReason::Unspecified,
            ReasonCode::KeyCompromise => RevocationReason::KeyCompromise,
            ReasonCode::AgentCompromise => RevocationReason::AgentCompromise,
            ReasonCode::AffiliationChanged => RevocationReason::AffiliationChanged,
            ReasonCode::CessationOfOperation => RevocationReason::CessationOfOperation,
            ReasonCode::PrivilegeWithdrawn => RevocationReason::PrivilegeWithdrawn,
            ReasonCode::PolicyViolation => RevocationReason::PolicyViolation,
            ReasonCode::OperatorDecision => RevocationReason::OperatorDecision,
        }
    }
}

/// A passport, version 1, signed.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "a description only: documents are sent as their own bytes")]
pub(crate) struct PassportBody {
    #[schema(example = "1.0")]
    schema_version: String,
    #[schema(example = "pp_019e099acb007a5f8c1d2e3f40516273")]
    passport_id: String,
    #[schema(example = "agent_019e099acb007b6a9d0e1f2031425364")]
    agent_id: String,
    #[schema(example = "op_acme_corp")]
    operator_id: String,
    /// The issuer's DID.
    #[schema(example = "did:web:id.example.org")]
    issuer: String,
    #[schema(nullable = false)]
    agent_name: Option<String>,
    #[schema(example = "EU")]
    jurisdiction: String,
    risk_classification: RiskWord,
    #[schema(example = "eu_ai_act+gdpr")]
    policy_bundle: String,
    /// SHA-256 that pins the packs' exact bytes.
    policy_bundle_digest: String,
    /// The request's, with its `grade`.
    #[schema(value_type = Object)]
    capability_attestation: (),
    scopes: Vec<String>,
    /// Depth, levels allowed below, and the passports above.
    #[schema(value_type = Object)]
    delegation: (),
    staleness_budget_seconds: u32,
    /// `list_url` and `index` of its place in the status lists.
    #[schema(value_type = Object)]
    status: (),
    revocation_check: String,
    issued_at: String,
    expires_at: String,
    /// The issuer key used.
    key_id: String,
    lineage_seq: u64,
    /// Hash of the lineage entry that made it.
    audit_lineage_hash: String,
    /// Ed25519 over the RFC 8785 bytes without this member: `ed25519:` and 86 characters base64url.
    signature: String,
}
