//! Answers and requests of the registry endpoints.

use aegis_core::id::AgentId;
use aegis_passport::ids::PassportId;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// What a revocation did.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Revoked {
    pub(crate) agent_id: String,
    /// Always `revoked`.
    #[schema(example = "revoked")]
    pub(crate) status: String,
    /// `agent` or `passport`.
    #[schema(example = "agent")]
    pub(crate) scope: String,
    /// When it was first recorded.
    pub(crate) revoked_at: String,
    /// From when it holds.
    pub(crate) effective_from: String,
    pub(crate) reason_code: String,
    /// The highest number a touched passport took.
    pub(crate) sequence: u64,
    /// The passports of the subject that were touched.
    pub(crate) passports: Vec<Named>,
    /// Passports below that were touched.
    pub(crate) cascaded: Vec<Named>,
    /// Whether the subject was revoked before.
    pub(crate) already_revoked: bool,
    /// Present and true when nothing was changed on request.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(nullable = false)]
    pub(crate) dry_run: bool,
}

/// One passport a revocation touched.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Named {
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    agent_id: Option<String>,
    passport_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    status_list_index: Option<u32>,
}

impl Named {
    pub(crate) fn own(passport: PassportId, index: u32) -> Named {
        Named { agent_id: None, passport_id: passport.to_string(), status_list_index: Some(index) }
    }

    pub(crate) fn below(agent: AgentId, passport: PassportId) -> Named {
        Named {
            agent_id: Some(agent.to_string()),
            passport_id: passport.to_string(),
            status_list_index: None,
        }
    }
}

/// What a signing key is for.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PurposeWord {
    Passport,
    Status,
    Receipt,
    Log,
    Root,
}

/// Which key to rotate.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RotateRequest {
    pub(crate) purpose: PurposeWord,
    /// Published beside the retired key: 1-200 characters without control characters.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 200,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$"
    )]
    pub(crate) reason: Option<String>,
}

/// A rotation that was done.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRotated {
    pub(crate) retired_key_id: String,
    pub(crate) active_key_id: String,
    /// The new version of the key history.
    pub(crate) version: u64,
}

/// From when a key is not to be trusted, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevokeKeyRequest {
    /// RFC 3339, between the key's `not_before` and now.
    #[schema(format = DateTime, max_length = 40)]
    pub(crate) revoked_at: String,
    /// Published beside the key: 1-200 characters without control characters.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$")]
    pub(crate) reason: String,
}

/// A key revocation as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KeyRevoked {
    pub(crate) key_id: String,
    #[schema(example = "revoked")]
    pub(crate) status: String,
    pub(crate) revoked_at: String,
    /// The key that signs for this purpose now.
    pub(crate) active_key_id: String,
    /// Passports of the key that the log had before `revoked_at`.
    pub(crate) passports_kept: u64,
    /// Passports of the key that it had not.
    pub(crate) passports_voided: u64,
}

/// How often an operator may issue and amend in an hour.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    #[schema(minimum = 0, maximum = 1_000_000, example = 1000)]
    pub(crate) issue_per_hour: u32,
    #[schema(minimum = 0, maximum = 1_000_000, example = 60)]
    pub(crate) amend_per_hour: u32,
}

/// One agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Agent {
    pub(crate) agent_id: String,
    pub(crate) operator_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) agent_name: Option<String>,
    /// `active`, `suspended` or `revoked`.
    #[schema(example = "active")]
    pub(crate) status: String,
    pub(crate) passports: Vec<PassportLine>,
    pub(crate) lineage_head: LineageHead,
    pub(crate) created_at: String,
}

/// One passport of an agent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PassportLine {
    pub(crate) passport_id: String,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    pub(crate) status: String,
    pub(crate) issued_at: String,
    pub(crate) expires_at: String,
    pub(crate) key_id: String,
    pub(crate) status_list_index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) parent_passport_id: Option<String>,
}

/// The end of a lineage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineageHead {
    pub(crate) seq: u64,
    pub(crate) hash: String,
}

/// A page of agents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Agents {
    pub(crate) agents: Vec<Agent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// A page of an agent's lineage, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Lineage {
    pub(crate) entries: Vec<LineageLine>,
    pub(crate) head: LineageHead,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// One entry of a lineage.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LineageLine {
    /// `aegis-lineage+v1`: `hash` is the SHA-256 of its RFC 8785 bytes.
    #[schema(value_type = Object)]
    pub(crate) entry: Value,
    pub(crate) hash: String,
    pub(crate) leaf_hash: String,
    pub(crate) log_index: Option<u64>,
    pub(crate) log_entry: String,
}

/// A registered passport with its status and its place in the log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Registration {
    #[schema(value_type = Object)]
    pub(crate) passport: Value,
    /// `active`, `expired` or `revoked`.
    #[schema(example = "active")]
    pub(crate) status: String,
    pub(crate) log_entry: String,
    pub(crate) log_index: Option<u64>,
    pub(crate) leaf_hash: String,
    /// When the first checkpoint over its entry was signed.
    pub(crate) logged_at: Option<String>,
    /// Where it can be had in which form.
    #[schema(value_type = Object)]
    pub(crate) renderings: Value,
}

/// A page of policy packs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Packs {
    pub(crate) packs: Vec<PackLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub(crate) next_cursor: Option<String>,
}

/// One policy pack.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PackLine {
    #[schema(example = "eu_ai_act")]
    pub(crate) name: String,
    #[schema(example = "1.0.0")]
    pub(crate) version: String,
    /// Hex digest of the pack's bytes.
    pub(crate) sha256: String,
    /// `active`, `outdated` or `withdrawn`.
    #[schema(example = "active")]
    pub(crate) status: String,
    pub(crate) released_at: String,
}

/// Which agents.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AgentsQuery {
    /// `active` or `revoked`.
    #[schema(pattern = "^(active|suspended|revoked)$")]
    pub(crate) status: Option<String>,
    /// Agents with a passport of this risk.
    pub(crate) risk_classification: Option<super::RiskWord>,
    /// Agents of this name.
    #[schema(min_length = 1, max_length = 64)]
    pub(crate) agent_name: Option<String>,
    /// Objects of a page; 50 by default.
    #[schema(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schema(max_length = 512)]
    pub(crate) cursor: Option<String>,
}
crate::query_parameters!(AgentsQuery);

/// Which page.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// Objects of a page; 50 by default.
    #[schema(minimum = 1, maximum = 200)]
    pub(crate) limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[schema(max_length = 512)]
    pub(crate) cursor: Option<String>,
}
crate::query_parameters!(PageQuery);

/// From where on.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RevocationsQuery {
    /// Answer only the changes after this sequence number.
    #[schema(minimum = 0, maximum = 9_007_199_254_740_991_i64)]
    pub(crate) since: Option<u64>,
}
crate::query_parameters!(RevocationsQuery);

/// Which checkpoint a proof leads to.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ProofQuery {
    /// The first checkpoint over the entry, or the newest.
    pub(crate) checkpoint: Option<ProofCheckpoint>,
}
crate::query_parameters!(ProofQuery);

/// The first checkpoint over the entry (the evidence of its log time), or the newest.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProofCheckpoint {
    #[default]
    First,
    Latest,
}
