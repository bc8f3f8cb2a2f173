//! What a verifier knows about a passport beside the passport itself.
//!
//! The online registry and an offline snapshot fill the same struct, so that both get the same verdict.

use aegis_core::crypto::digest::Digest;
use aegis_core::time::Timestamp;

use crate::bundle::{PackName, PinnedPack};
use crate::closed_set::closed_set;
use crate::document::{Passport, SignedPassport};
use crate::ids::PassportId;
use crate::keys::KeyRecord;
use crate::verdict::Reason;

/// The registry's record of a passport, or what a log proof shows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Registered {
    /// Digest without signature and lineage hash: what the lineage entry binds.
    pub body_digest: Digest,
    /// Hash of the entry that made it.
    pub lineage_hash: Digest,
    /// Digest of the whole document as issued, where it is kept: equal means the rest is equal too.
    pub document_digest: Option<Digest>,
    /// Position of its leaf in the log, once integrated.
    pub log_index: Option<u64>,
    /// Log time: the first (witnessed) checkpoint over its leaf, or nothing before there is one.
    pub logged_at: Option<Timestamp>,
}

impl Registered {
    /// Step 8, second half: is `passport` what was registered?
    pub fn matches(&self, passport: &SignedPassport) -> bool {
        self.document_digest.as_ref() == Some(passport.digest())
            || (self.lineage_hash == passport.passport().audit_lineage_hash
                && self.body_digest == passport.body_digest())
    }
}

closed_set! {
    /// Why something was revoked, as published.
    RevocationReason {
        /// Nothing stated.
        Unspecified = "unspecified",
        /// The agent's key is in other hands.
        KeyCompromise = "key_compromise",
        /// The agent itself is in other hands.
        AgentCompromise = "agent_compromise",
        /// The agent belongs to another organization now.
        AffiliationChanged = "affiliation_changed",
        /// The agent is out of use.
        CessationOfOperation = "cessation_of_operation",
        /// What it was allowed was taken away.
        PrivilegeWithdrawn = "privilege_withdrawn",
        /// It broke a policy.
        PolicyViolation = "policy_violation",
        /// The operator decided so.
        OperatorDecision = "operator_decision",
    }
}

/// A recorded revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    /// From when it holds; a repeat may move it earlier.
    pub effective_from: Timestamp,
    /// When it was first recorded.
    pub revoked_at: Timestamp,
    /// Why.
    pub reason_code: RevocationReason,
}

/// A stretch of time, open at its end while it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First instant inside.
    pub from: Timestamp,
    /// First instant after.
    pub until: Option<Timestamp>,
}

impl Span {
    /// Whether `t` lies inside.
    pub fn contains(&self, t: Timestamp) -> bool {
        self.from <= t && self.until.is_none_or(|until| t < until)
    }
}

/// The status of one passport, with its past.
#[derive(Debug, Clone, Copy, Default)]
pub struct StatusRecord<'a> {
    /// Revocation of the passport or of its whole agent.
    pub revocation: Option<Revocation>,
    /// Suspensions of the passport.
    pub suspensions: &'a [Span],
    /// Suspensions of its agent.
    pub agent_suspensions: &'a [Span],
    /// Suspensions of its operator.
    pub operator_suspensions: &'a [Span],
    /// When an amended passport took its place.
    pub superseded_at: Option<Timestamp>,
}

impl StatusRecord<'_> {
    /// The revocation that holds at `t`, by what was known at `known_at` (nothing: by all that is known).
    pub fn revocation_at(&self, t: Timestamp, known_at: Option<Timestamp>) -> Option<Revocation> {
        self.revocation.filter(|revocation| {
            revocation.effective_from <= t
                && known_at.is_none_or(|known_at| revocation.revoked_at <= known_at)
        })
    }

    /// Step 10: is the passport neither revoked, suspended nor superseded at `t`, and its operator in good
    /// standing?
    ///
    /// # Errors
    /// [`Reason::Revoked`], [`Reason::Suspended`], [`Reason::Superseded`], [`Reason::OperatorSuspended`], the
    /// first that applies in this order.
    pub fn check(&self, t: Timestamp, known_at: Option<Timestamp>) -> Result<(), Reason> {
        let inside = |spans: &[Span]| spans.iter().any(|span| span.contains(t));
        if self.revocation_at(t, known_at).is_some() {
            return Err(Reason::Revoked);
        }
        if inside(self.suspensions) || inside(self.agent_suspensions) {
            return Err(Reason::Suspended);
        }
        if self.superseded_at.is_some_and(|superseded| superseded <= t) {
            return Err(Reason::Superseded);
        }
        if inside(self.operator_suspensions) {
            return Err(Reason::OperatorSuspended);
        }
        Ok(())
    }
}

/// How recent the status is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Freshness {
    /// The verifier is certain that nothing newer exists: a node that holds its lease.
    pub fresh: bool,
    /// The instant up to which it knows everything.
    pub as_of: Timestamp,
    /// Age of that knowledge when the verdict is given, rounded down.
    pub age_seconds: u32,
    /// Sequence number of the last status change it knows.
    pub sequence: u64,
}

/// What a verifier does with status that is not fresh when the caller does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenStale {
    /// Refuses at once.
    Refuse,
    /// Accepts it up to the passport's own staleness budget.
    Budget,
}

impl Freshness {
    /// Step 9: may a verdict rest on status of this age? A caller may ask for less than the passport's
    /// budget, never for more.
    ///
    /// # Errors
    /// [`Reason::StatusStale`].
    pub fn check(&self, asked: Option<u32>, when_stale: WhenStale, budget: u32) -> Result<(), Reason> {
        let permitted = match (asked, when_stale) {
            (Some(asked), WhenStale::Refuse | WhenStale::Budget) => Some(asked.min(budget)),
            (None, WhenStale::Budget) => Some(budget),
            (None, WhenStale::Refuse) => None,
        };
        let young = permitted.is_some_and(|permitted| self.age_seconds <= permitted);
        if self.fresh || young { Ok(()) } else { Err(Reason::StatusStale) }
    }
}

/// One ancestor, nearest first.
#[derive(Debug, Clone, Copy)]
pub enum AncestorFact<'a> {
    /// A document that is what was registered and whose signature holds: steps 2–5 and 8 are behind it.
    Held(Ancestor<'a>),
    /// A document that failed one of those steps.
    Broken {
        /// The id the passport below names.
        stands_for: PassportId,
        /// What failed.
        reason: Reason,
    },
}

/// A sound ancestor.
#[derive(Debug, Clone, Copy)]
pub struct Ancestor<'a> {
    /// The id the passport below names. When that one was amended, the document is the head of its chain of
    /// amendments at the instant asked about.
    pub stands_for: PassportId,
    /// The document.
    pub passport: &'a Passport,
    /// Its key.
    pub key: &'a KeyRecord,
    /// Its log time.
    pub logged_at: Option<Timestamp>,
    /// Its status.
    pub status: StatusRecord<'a>,
    /// The packs it pins, where known.
    pub pins: Option<&'a [PinnedPack]>,
}

/// A pinned pack that was withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WithdrawnPack {
    /// Which.
    pub name: PackName,
    /// From when.
    pub withdrawn_at: Timestamp,
}

/// Everything known about one passport.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Its registration; nothing when it was never registered.
    pub registered: Option<Registered>,
    /// Its status.
    pub status: StatusRecord<'a>,
    /// How recent all this is.
    pub freshness: Freshness,
    /// Its ancestors, nearest first.
    pub ancestors: &'a [AncestorFact<'a>],
    /// The packs it pins, where known.
    pub pins: Option<&'a [PinnedPack]>,
    /// Those of them that are withdrawn.
    pub withdrawn_packs: &'a [WithdrawnPack],
    /// Whether a newer version of a pinned pack is active.
    pub packs_outdated: bool,
    /// From when the attesting key was compromised.
    pub attester_compromised_at: Option<Timestamp>,
}
