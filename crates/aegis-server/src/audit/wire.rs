//! Entries, proofs and their queries as JSON.

use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::{to_base64, to_base64url};
use aegis_core::page::{Page, Paged, encode_cursor};
use aegis_core::time::Timestamp;
use aegis_kernel::audit::read::{Entry, EntryFilter};
use aegis_tlog::leaf::Opening;
use aegis_tlog::proof::ConsistencyProof;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::queries::{LeafName, ProvenLeaf};
use crate::http::{Problem, Violation, read_page};
use crate::query_parameters;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OutcomeName {
    /// Done.
    Done,
    /// Refused by a rule, and remembered.
    Denied,
}

impl OutcomeName {
    const fn name(self) -> &'static str {
        match self {
            OutcomeName::Done => "done",
            OutcomeName::Denied => "denied",
        }
    }
}

/// Which entries.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EntryQuery {
    /// Rows of a page; 50 if left out.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[schema(nullable = false, max_length = 512)]
    cursor: Option<String>,
    /// Only entries of this operation.
    #[schema(nullable = false, max_length = 128, example = "identity.issue")]
    op: Option<String>,
    /// Only entries about this object.
    #[schema(nullable = false, max_length = 512)]
    subject: Option<String>,
    /// Only entries that ended so.
    #[schema(nullable = false)]
    outcome: Option<OutcomeName>,
    /// Only entries not before this instant, RFC 3339.
    #[schema(nullable = false, format = "date-time")]
    from: Option<String>,
    /// Only entries before this instant, RFC 3339.
    #[schema(nullable = false, format = "date-time")]
    to: Option<String>,
}
query_parameters!(EntryQuery);

impl EntryQuery {
    /// The entries and the page asked for; whose entries, the query decides from the caller.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for an unreadable instant or a cursor that no list gave out.
    pub fn read(self) -> Result<(EntryFilter, Page), Problem> {
        let instant = |name: &str, text: Option<String>| {
            let unreadable = || {
                let message = "This must be an RFC 3339 date-time, for example 2026-01-15T00:00:00Z.";
                Violation::new(format!("/{name}"), "format", message)
            };
            text.map(|text| Timestamp::parse_rfc3339(&text).ok_or_else(unreadable)).transpose()
        };
        let page = read_page(self.limit, self.cursor.as_deref());
        match (instant("from", self.from), instant("to", self.to), page) {
            (Ok(from), Ok(to), Ok(page)) => {
                let outcome = self.outcome.map(|outcome| outcome.name().to_owned());
                let filter =
                    EntryFilter { reader: None, op: self.op, subject: self.subject, outcome, from, to };
                Ok((filter, page))
            }
            (from, to, page) => {
                let violations = [from.err(), to.err(), page.err()];
                Err(Problem::validation(violations.into_iter().flatten().collect()))
            }
        }
    }
}

/// What an entry commits to: its bytes are the SHA-256 of this object's RFC 8785 form.
#[derive(Debug, Serialize, ToSchema)]
pub struct CommitmentAnswer {
    /// When, in whole seconds.
    #[schema(format = "date-time")]
    at: String,
    /// Name of the operation.
    #[schema(example = "identity.issue")]
    op: String,
    /// Who acted: an id.
    actor: String,
    /// Whom or what it concerned: an id.
    subject: String,
    /// How it ended.
    outcome: String,
    /// SHA-256 of salt and details.
    details_digest: String,
    /// Version of this form.
    #[schema(example = 1)]
    v: u32,
}

/// One entry of the log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryAnswer {
    /// Its id.
    #[schema(example = "log_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// Its place in the tree; null until it is integrated, within a second.
    index: Option<u64>,
    /// Its hash in the tree (RFC 6962), hexadecimal.
    leaf_hash: String,
    /// When it happened.
    #[schema(format = "date-time")]
    at: String,
    /// Name of the operation.
    #[schema(example = "identity.issue")]
    op: String,
    /// Who acted: an id.
    actor: String,
    /// Whom or what it concerned: an id.
    subject: String,
    /// How it ended: `done` or `denied`.
    outcome: String,
    commitment: CommitmentAnswer,
    /// The facts that `commitment` commits to; absent once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Object, nullable = false)]
    details: Option<Value>,
    /// What salts their digest, base64url; absent once erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    salt: Option<String>,
}

impl EntryAnswer {
    /// Shows an entry to somebody who may read its details.
    pub fn of(entry: &Entry) -> EntryAnswer {
        let statement = &entry.commitment.statement;
        // Details are canonical JSON that was just checked against its digest.
        let details = |opening: &Opening| serde_json::from_str(opening.details()).unwrap_or_default();
        EntryAnswer {
            id: entry.logged.entry.to_string(),
            index: entry.logged.index,
            leaf_hash: entry.logged.leaf_hash.to_hex(),
            at: entry.at.to_rfc3339_millis(),
            op: statement.op.clone(),
            actor: statement.actor.clone(),
            subject: statement.subject.clone(),
            outcome: statement.outcome.clone(),
            commitment: CommitmentAnswer {
                at: statement.at.to_rfc3339_seconds(),
                op: statement.op.clone(),
                actor: statement.actor.clone(),
                subject: statement.subject.clone(),
                outcome: statement.outcome.clone(),
                details_digest: entry.commitment.details_digest.to_string(),
                v: 1,
            },
            details: entry.opening.as_ref().map(details),
            salt: entry.opening.as_ref().map(|opening| to_base64url(opening.salt())),
        }
    }
}

/// A page of entries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EntryList {
    entries: Vec<EntryAnswer>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl EntryList {
    /// Shows a page.
    pub fn of(paged: &Paged<Entry>) -> EntryList {
        EntryList {
            entries: paged.items.iter().map(EntryAnswer::of).collect(),
            next_cursor: paged.next.as_deref().map(encode_cursor),
        }
    }
}

/// The bytes of a tile or of a bundle of entries; a description only.
#[derive(Debug, ToSchema)]
#[schema(value_type = String, format = Binary)]
#[expect(dead_code, reason = "a description only: the bytes are answered as they are")]
pub struct Octets(String);

/// Which leaf, in which tree.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InclusionQuery {
    /// The leaf's place; this or `leaf_hash`.
    #[schema(nullable = false, minimum = 0, maximum = 9_223_372_036_854_775_806_i64)]
    index: Option<u64>,
    /// The leaf's hash (RFC 6962), 64 lower-case hexadecimal characters; this or `index`.
    #[schema(nullable = false, pattern = "^[0-9a-f]{64}$")]
    leaf_hash: Option<String>,
    /// Size of the tree; that of the newest checkpoint if left out.
    #[schema(nullable = false, minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub size: Option<u64>,
}
query_parameters!(InclusionQuery);

impl InclusionQuery {
    /// Which leaf.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` unless exactly one of the two names is given.
    pub fn leaf(&self) -> Result<LeafName, Problem> {
        let hash = self.leaf_hash.as_deref().and_then(Digest::parse_hex);
        match (self.index, hash) {
            (Some(index), None) => Ok(LeafName::Index(index)),
            (None, Some(hash)) => Ok(LeafName::Hash(hash)),
            (Some(_), Some(_)) | (None, None) => {
                let message = "Give exactly one of `index` and `leaf_hash`.";
                Err(Problem::validation(vec![Violation::new("", "oneOf", message)]))
            }
        }
    }
}

/// That a leaf is in the tree (RFC 9162 §2.1.3).
#[derive(Debug, Serialize, ToSchema)]
pub struct InclusionAnswer {
    /// The leaf's place.
    index: u64,
    /// The leaf's hash, hexadecimal.
    leaf_hash: String,
    /// Size of the tree.
    size: u64,
    /// From the leaf's sibling upward, base64.
    hashes: Vec<String>,
    /// The signed checkpoint of this size; of a size that was never signed, the newest.
    checkpoint: String,
}

impl InclusionAnswer {
    /// Shows a proof.
    pub fn of(proven: ProvenLeaf) -> InclusionAnswer {
        InclusionAnswer {
            index: proven.inclusion.index,
            leaf_hash: proven.leaf_hash.to_hex(),
            size: proven.inclusion.size,
            hashes: base64_of(&proven.inclusion.hashes),
            checkpoint: proven.checkpoint.note,
        }
    }
}

/// Which two trees.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyQuery {
    /// Size of the earlier tree.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub from: u64,
    /// Size of the later tree.
    #[schema(minimum = 0, maximum = 9_223_372_036_854_775_807_i64)]
    pub to: u64,
}
query_parameters!(ConsistencyQuery);

/// That one tree extends another (RFC 9162 §2.1.4).
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsistencyAnswer {
    /// Size of the earlier tree.
    from: u64,
    /// Size of the later tree.
    to: u64,
    /// The proof, base64.
    hashes: Vec<String>,
}

impl ConsistencyAnswer {
    /// Shows a proof.
    pub fn of(proof: &ConsistencyProof) -> ConsistencyAnswer {
        ConsistencyAnswer { from: proof.from, to: proof.to, hashes: base64_of(&proof.hashes) }
    }
}

fn base64_of(hashes: &[Digest]) -> Vec<String> {
    hashes.iter().map(|hash| to_base64(hash.as_bytes())).collect()
}
