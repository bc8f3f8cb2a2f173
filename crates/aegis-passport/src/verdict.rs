//! The answer to a verification: one reason at most, and the evidence of every check.

use aegis_core::time::Timestamp;

use crate::bundle::PackName;
use crate::closed_set::closed_set;
use crate::delegation::Breach;
use crate::expect::Demanded;
use crate::ids::PassportId;
use crate::keys::KeyState;

closed_set! {
    /// Why a passport is not valid: a closed, append-only set. A client treats an unknown one as invalid.
    Reason {
        /// A line of a batch is no JSON.
        Unparsable = "UNPARSABLE",
        /// Not a passport of schema 1.
        SchemaInvalid = "SCHEMA_INVALID",
        /// Another major version, or something critical that this reader does not know.
        SchemaUnsupported = "SCHEMA_UNSUPPORTED",
        /// A securing form this reader does not know.
        RenderingUnsupported = "RENDERING_UNSUPPORTED",
        /// Signed for another issuer.
        IssuerUnknown = "ISSUER_UNKNOWN",
        /// No such key.
        KeyUnknown = "KEY_UNKNOWN",
        /// The key signs something else.
        KeyPurposeMismatch = "KEY_PURPOSE_MISMATCH",
        /// The signature does not hold.
        SignatureInvalid = "SIGNATURE_INVALID",
        /// Dated outside the key's life.
        KeyNotValidAtIssue = "KEY_NOT_VALID_AT_ISSUE",
        /// The key is compromised and the log did not have the passport before.
        KeyRevoked = "KEY_REVOKED",
        /// Before its life.
        NotYetValid = "NOT_YET_VALID",
        /// After its life.
        Expired = "EXPIRED",
        /// Never registered.
        PassportUnknown = "PASSPORT_UNKNOWN",
        /// Registered with other content.
        LineageMismatch = "LINEAGE_MISMATCH",
        /// Status older than permitted.
        StatusStale = "STATUS_STALE",
        /// Revoked.
        Revoked = "REVOKED",
        /// The passport or its agent is suspended.
        Suspended = "SUSPENDED",
        /// Amended; another passport took its place.
        Superseded = "SUPERSEDED",
        /// The operator is suspended.
        OperatorSuspended = "OPERATOR_SUSPENDED",
        /// An ancestor is revoked.
        ParentRevoked = "PARENT_REVOKED",
        /// An ancestor is suspended.
        ParentSuspended = "PARENT_SUSPENDED",
        /// An ancestor expired.
        ParentExpired = "PARENT_EXPIRED",
        /// An ancestor does not hold for another reason.
        ParentInvalid = "PARENT_INVALID",
        /// It exceeds its parent.
        DelegationExceeded = "DELEGATION_EXCEEDED",
        /// An ancestor is not at hand.
        ChainIncomplete = "CHAIN_INCOMPLETE",
        /// The attesting key was compromised before it attested.
        CapabilityAttestationInvalid = "CAPABILITY_ATTESTATION_INVALID",
        /// A pinned policy pack is withdrawn.
        PolicyWithdrawn = "POLICY_WITHDRAWN",
        /// The caller demands something else.
        ExpectationFailed = "EXPECTATION_FAILED",
        /// The caller demands a presentation and there is none.
        PossessionRequired = "POSSESSION_REQUIRED",
        /// The presentation does not hold.
        PossessionInvalid = "POSSESSION_INVALID",
    }
}

impl Reason {
    /// One sentence for people.
    pub const fn sentence(self) -> &'static str {
        match self {
            Reason::Unparsable => "the line is not a verify request",
            Reason::SchemaInvalid => "the document is not a version 1 passport",
            Reason::SchemaUnsupported => "the document demands a schema this verifier does not know",
            Reason::RenderingUnsupported => "the document is in a form this verifier does not know",
            Reason::IssuerUnknown => "the passport was issued by someone this verifier does not know",
            Reason::KeyUnknown => "the issuer never published the key named in the passport",
            Reason::KeyPurposeMismatch => "the key named in the passport does not sign passports",
            Reason::SignatureInvalid => "the signature does not match the document",
            Reason::KeyNotValidAtIssue => "the passport is dated outside the life of its key",
            Reason::KeyRevoked => "the issuer key is revoked and the passport was not in the log before that",
            Reason::NotYetValid => "the passport is not valid yet",
            Reason::Expired => "the passport has expired",
            Reason::PassportUnknown => "no such passport was ever registered",
            Reason::LineageMismatch => "the passport differs from the one that was registered",
            Reason::StatusStale => "the status known here is older than permitted",
            Reason::Revoked => "the passport is revoked",
            Reason::Suspended => "the passport or its agent is suspended",
            Reason::Superseded => "an amended passport took the place of this one",
            Reason::OperatorSuspended => "the operator is suspended",
            Reason::ParentRevoked => "a passport it descends from is revoked",
            Reason::ParentSuspended => "a passport it descends from is suspended",
            Reason::ParentExpired => "a passport it descends from has expired",
            Reason::ParentInvalid => "a passport it descends from is not valid",
            Reason::DelegationExceeded => "the passport exceeds the one it descends from",
            Reason::ChainIncomplete => "a passport it descends from is not at hand",
            Reason::CapabilityAttestationInvalid => {
                "the key behind the capability attestation was compromised before it attested"
            }
            Reason::PolicyWithdrawn => "a policy pack the passport was issued under is withdrawn",
            Reason::ExpectationFailed => "the passport is not what the caller expects",
            Reason::PossessionRequired => "the caller expects proof that the presenter holds the agent's key",
            Reason::PossessionInvalid => "the presenter does not prove to hold the agent's key now",
        }
    }
}

/// How one check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It holds.
    Pass,
    /// It does not, for this reason.
    Fail(Reason),
    /// It was not reached, or could not be made without an earlier one.
    Skipped,
    /// It does not concern this passport.
    NotApplicable,
}

impl Outcome {
    /// The word of the verify answer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail(_) => "fail",
            Outcome::Skipped => "skipped",
            Outcome::NotApplicable => "not_applicable",
        }
    }

    /// The reason, if it failed.
    pub const fn reason(self) -> Option<Reason> {
        match self {
            Outcome::Fail(reason) => Some(reason),
            Outcome::Pass | Outcome::Skipped | Outcome::NotApplicable => None,
        }
    }
}

/// A rule's verdict as an outcome.
impl From<Result<(), Reason>> for Outcome {
    fn from(result: Result<(), Reason>) -> Outcome {
        match result {
            Ok(()) => Outcome::Pass,
            Err(reason) => Outcome::Fail(reason),
        }
    }
}

/// Steps 4 and 6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// The key's state, once it was found.
    pub key_status: Option<KeyState>,
}

/// Step 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// Seconds until it expires; negative afterwards.
    pub seconds_left: Option<i64>,
}

/// Step 8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineageCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// Position in the agent's chain.
    pub seq: Option<u64>,
    /// Position of the leaf in the log, once integrated.
    pub log_index: Option<u64>,
    /// Log time.
    pub logged_at: Option<Timestamp>,
}

/// Steps 9 and 10.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// The status sequence the verdict rests on.
    pub sequence: Option<u64>,
    /// How old that status is.
    pub age_seconds: Option<u32>,
    /// From when a recorded revocation holds.
    pub effective_from: Option<Timestamp>,
    /// When it was recorded.
    pub revoked_at: Option<Timestamp>,
}

/// Step 11.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DelegationCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// The ancestor that failed, as the passport below names it.
    pub ancestor: Option<PassportId>,
    /// The bounds exceeded.
    pub breaches: Vec<Breach>,
}

/// Step 13.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyCheck {
    /// How it ended.
    pub outcome: Outcome,
    /// Whether a newer version of a pinned pack is active.
    pub outdated: Option<bool>,
    /// Pinned packs that are withdrawn.
    pub withdrawn: Vec<PackName>,
    /// What the caller expected and did not get.
    pub unmet: Vec<Demanded>,
}

/// Every check, in the order of the algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checks {
    /// Step 2.
    pub schema: Outcome,
    /// Step 3.
    pub issuer: Outcome,
    /// Steps 4 and 6.
    pub key: KeyCheck,
    /// Step 5.
    pub signature: Outcome,
    /// Step 7.
    pub time: TimeCheck,
    /// Step 8.
    pub lineage: LineageCheck,
    /// Steps 9 and 10.
    pub status: StatusCheck,
    /// Step 11.
    pub delegation: DelegationCheck,
    /// Step 12.
    pub attestation: Outcome,
    /// Step 13.
    pub policy: PolicyCheck,
    /// Step 14.
    pub possession: Outcome,
}

impl Checks {
    /// Nothing checked yet.
    pub(crate) fn skipped() -> Checks {
        let outcome = Outcome::Skipped;
        Checks {
            schema: outcome,
            issuer: outcome,
            key: KeyCheck { outcome, key_status: None },
            signature: outcome,
            time: TimeCheck { outcome, seconds_left: None },
            lineage: LineageCheck { outcome, seq: None, log_index: None, logged_at: None },
            status: StatusCheck {
                outcome,
                sequence: None,
                age_seconds: None,
                effective_from: None,
                revoked_at: None,
            },
            delegation: DelegationCheck { outcome, ancestor: None, breaches: Vec::new() },
            attestation: outcome,
            policy: PolicyCheck { outcome, outdated: None, withdrawn: Vec::new(), unmet: Vec::new() },
            possession: outcome,
        }
    }

    /// The outcomes in the order in which the lowest failing one gives the reason.
    pub fn outcomes(&self) -> [Outcome; 11] {
        [
            self.schema,
            self.issuer,
            self.key.outcome,
            self.signature,
            self.time.outcome,
            self.lineage.outcome,
            self.status.outcome,
            self.delegation.outcome,
            self.attestation,
            self.policy.outcome,
            self.possession,
        ]
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether every check holds.
    pub valid: bool,
    /// Whether a recorded revocation holds at the instant asked about. Only with a proven signature.
    pub revoked: bool,
    /// Why it is not valid: that of the lowest failing step.
    pub reason: Option<Reason>,
    /// What exactly is wrong with a document that could not be read.
    pub detail: Option<String>,
    /// Whether the signature holds. Nothing of the document may be echoed before that.
    pub proven: bool,
    /// The instant asked about.
    pub evaluated_at: Timestamp,
    /// Whether it was valid by what could be known at that instant; only when the caller named one.
    pub valid_as_known_at: Option<bool>,
    /// The evidence.
    pub checks: Checks,
}

impl Verdict {
    /// The reason for people; the detail where there is one.
    pub fn reason_text(&self) -> Option<&str> {
        self.detail.as_deref().or(self.reason.map(Reason::sentence))
    }
}
