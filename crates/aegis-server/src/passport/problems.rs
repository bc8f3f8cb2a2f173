//! Refusals of the passport rules as problems: the only statuses of this slice.

use aegis_core::rate::Standing;
use aegis_kernel::Refusal;
use aegis_passport::issue::IssueRefused;
use aegis_passport::keys::KeyRefused;
use aegis_passport::pack::PackViolation;
use aegis_passport::revoke::RevokeRefused;
use serde_json::{Value, json};

use super::ISSUE_WINDOW;
use super::list::NoDelta;
use super::wire;
use crate::http::{Problem, ProblemCode, Violation};

/// Why a passport is not issued.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IssueDenied {
    /// The key's window is used up.
    #[error("the limit of issuances is reached")]
    RateLimited(Standing),
    /// The proposed agent id is somebody else's.
    #[error("the agent id is in use")]
    AgentIdTaken,
    /// Another agent of the operator has the name.
    #[error("the agent name is in use")]
    AgentNameTaken,
    /// The parent is unknown or another operator's.
    #[error("the parent passport is unknown")]
    ParentUnknown,
    /// Too many live passports below one root.
    #[error("too many live passports below the root")]
    TreeFull,
    /// A rule of passports.
    #[error(transparent)]
    Rules(IssueRefused),
}

impl Refusal for IssueDenied {}

impl From<IssueDenied> for Problem {
    fn from(denied: IssueDenied) -> Problem {
        match denied {
            IssueDenied::RateLimited(standing) => Problem::rate_limited(ISSUE_WINDOW, &standing),
            IssueDenied::AgentIdTaken => Problem::new(
                ProblemCode::AgentIdTaken,
                "This agent id is in use; leave `agent_id` out to have a new one made.",
            ),
            IssueDenied::AgentNameTaken => Problem::new(
                ProblemCode::AgentNameTaken,
                "Another of your agents that is not revoked has this name; take another name.",
            ),
            IssueDenied::ParentUnknown => Problem::not_found(),
            IssueDenied::TreeFull => Problem::new(
                ProblemCode::PassportLimit,
                "100000 live passports descend from the root of this tree; revoke some or let them expire.",
            ),
            IssueDenied::Rules(refused) => refused_by_rules(refused),
        }
    }
}

fn refused_by_rules(refused: IssueRefused) -> Problem {
    let detail = sentence(&refused);
    match refused {
        IssueRefused::Invalid(violations) => Problem::validation(
            violations
                .iter()
                .map(|violation| {
                    let pointer = violation.pointer();
                    let name = pointer.trim_start_matches('/');
                    Violation::new(pointer, "bounds", format!("`{name}` {violation}."))
                })
                .collect(),
        ),
        IssueRefused::AgentNotActive(status) => {
            Problem::new(ProblemCode::AgentNotActive, detail).with("status", status.as_str())
        }
        IssueRefused::PassportLimit => Problem::new(ProblemCode::PassportLimit, detail),
        IssueRefused::WeakKey => Problem::new(ProblemCode::WeakKey, detail),
        IssueRefused::ProofOfPossessionRequired => {
            Problem::new(ProblemCode::ProofOfPossessionRequired, detail)
        }
        IssueRefused::PackUnknown(unknown) => {
            Problem::new(ProblemCode::PolicyPackUnknown, detail).with("pack", unknown.name)
        }
        IssueRefused::PackViolated(violations) => Problem::new(ProblemCode::PolicyPackViolation, detail)
            .with("rules", violations.iter().map(pack_violation).collect::<Vec<_>>()),
        IssueRefused::ParentNotUsable(reason) => {
            Problem::new(ProblemCode::ParentNotUsable, detail).with("reason_code", reason.as_str())
        }
        IssueRefused::DelegationExceeded(exceeded) => Problem::new(ProblemCode::DelegationExceeded, detail)
            .with("bounds", exceeded.breaches.iter().map(wire::breach).collect::<Vec<_>>()),
    }
}

fn pack_violation(violation: &PackViolation) -> Value {
    json!({
        "pack": violation.pack.to_string(),
        "rule": violation.rule.as_str(),
        "code": violation.code.as_str(),
    })
}

/// An error's text as a sentence.
fn sentence(error: &dyn std::error::Error) -> String {
    let text = error.to_string();
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", characters.as_str())
}

/// Why nothing is revoked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevokeDenied {
    /// Unknown, or another operator's.
    #[error("there is no such agent or passport")]
    Unknown,
    /// A rule of passports.
    #[error(transparent)]
    Rules(RevokeRefused),
}

impl Refusal for RevokeDenied {}

impl From<RevokeDenied> for Problem {
    fn from(denied: RevokeDenied) -> Problem {
        match denied {
            RevokeDenied::Unknown => Problem::not_found(),
            RevokeDenied::Rules(RevokeRefused::FutureEffect) => Problem::validation(vec![Violation::new(
                "/effective_from",
                "future",
                "`effective_from` must not lie in the future; a revocation cannot be scheduled.",
            )]),
            RevokeDenied::Rules(RevokeRefused::DescendantsExist { count, first }) => {
                let ids: Vec<String> = first.iter().map(ToString::to_string).collect();
                let detail = format!(
                    "{count} live passports descend from it; send `cascade: true` to revoke them as well."
                );
                Problem::new(ProblemCode::DescendantsExist, detail)
                    .with("count", count as u64)
                    .with("passport_ids", ids)
            }
        }
    }
}

/// Why a key is not changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyDenied {
    /// There is no key of this name that was ever published.
    #[error("there is no such key")]
    Unknown,
    /// A rule of keys.
    #[error(transparent)]
    Rules(KeyRefused),
}

impl Refusal for KeyDenied {}

impl From<KeyDenied> for Problem {
    fn from(denied: KeyDenied) -> Problem {
        match denied {
            KeyDenied::Unknown => Problem::not_found(),
            KeyDenied::Rules(refused @ KeyRefused::NotActive(_)) => {
                Problem::new(ProblemCode::StateConflict, sentence(&refused))
            }
            KeyDenied::Rules(refused @ KeyRefused::NextKeyMismatch) => {
                Problem::new(ProblemCode::NextKeyMismatch, sentence(&refused))
            }
            KeyDenied::Rules(KeyRefused::RevokedOutsideLife) => Problem::validation(vec![Violation::new(
                "/revoked_at",
                "range",
                "`revoked_at` must lie between the key's `not_before` and now.",
            )]),
        }
    }
}

/// Why something is not shown.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotShown {
    /// Unknown, or another operator's.
    #[error("there is nothing to see")]
    Unknown,
    /// Not in the tree yet.
    #[error("the entry is not integrated yet")]
    NotIntegrated,
}

impl Refusal for NotShown {}

impl From<NotShown> for Problem {
    fn from(not_shown: NotShown) -> Problem {
        match not_shown {
            NotShown::Unknown => Problem::not_found(),
            NotShown::NotIntegrated => Problem::unavailable(1),
        }
    }
}

impl From<NoDelta> for Problem {
    fn from(no_delta: NoDelta) -> Problem {
        match no_delta {
            NoDelta::Ahead { sequence } => Problem::new(
                ProblemCode::SequenceAhead,
                "`since` is ahead of this server: it was rolled back. Do not trust it until you know why.",
            )
            .with("sequence", sequence),
            NoDelta::Gone => Problem::new(
                ProblemCode::DeltaGone,
                "`since` is too long ago for a delta; take the full list.",
            ),
        }
    }
}
