//! Verification: the fourteen steps, and every reason a passport can fail.
//!
//! In two halves. [`Proven`] covers steps 2–5, which need only the document and the issuer's keys and stop at
//! the first failure; a verifier may remember that a signature was proven, never that a passport was valid.
//! [`judge`] covers steps 6–14, which rest on facts that change, and runs them all, so that an expired passport
//! that was also revoked says both.

use aegis_core::json::Json;
use aegis_core::limits::SKEW_SECONDS;
use aegis_core::time::Timestamp;

use crate::delegation::{Bounds, narrow};
use crate::document::{Passport, SignedPassport};
use crate::expect::{Expectation, Presentation};
use crate::facts::{Ancestor, AncestorFact, Facts, Registered, WhenStale};
use crate::fields::Malformed;
use crate::ids::PassportId;
use crate::keys::{KeyBook, KeyRecord};
use crate::verdict::{
    Checks, DelegationCheck, KeyCheck, LineageCheck, Outcome, PolicyCheck, Reason, StatusCheck, TimeCheck,
    Verdict,
};

/// What the caller asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// The verifier's clock.
    pub now: Timestamp,
    /// The instant asked about, if not now.
    pub at: Option<Timestamp>,
    /// Status this old is acceptable to the caller.
    pub max_staleness_seconds: Option<u32>,
    /// What the verifier does with stale status when the caller does not say.
    pub when_stale: WhenStale,
    /// Further demands.
    pub expect: Expectation,
    /// Proof that the presenter holds the agent's key.
    pub presentation: Option<Presentation>,
}

impl Ask {
    /// Is it valid now? No further demands; stale status is refused.
    pub fn now(now: Timestamp) -> Ask {
        Ask {
            now,
            at: None,
            max_staleness_seconds: None,
            when_stale: WhenStale::Refuse,
            expect: Expectation::default(),
            presentation: None,
        }
    }

    /// The instant asked about.
    pub fn instant(&self) -> Timestamp {
        self.at.unwrap_or(self.now)
    }
}

/// A passport whose signature holds under a key of its issuer.
#[derive(Debug, Clone, Copy)]
pub struct Proven<'p, 'k> {
    passport: &'p SignedPassport,
    key: &'k KeyRecord,
}

impl<'p, 'k> Proven<'p, 'k> {
    /// Step 5: checks the signature under `key`, which [`KeyBook::find_for`] found in `keys`.
    ///
    /// # Errors
    /// [`Reason::SignatureInvalid`].
    pub fn by_signature(
        passport: &'p SignedPassport,
        key: &'k KeyRecord,
        keys: &KeyBook,
    ) -> Result<Proven<'p, 'k>, Reason> {
        match keys.check_signature(passport, key) {
            Ok(()) => Ok(Proven { passport, key }),
            Err(_) => Err(Reason::SignatureInvalid),
        }
    }

    /// Takes the caller's word that [`SignedPassport::digest`] was proven before. Skips step 5 alone.
    pub fn remembered(passport: &'p SignedPassport, key: &'k KeyRecord) -> Proven<'p, 'k> {
        Proven { passport, key }
    }

    /// The document.
    pub fn passport(&self) -> &'p SignedPassport {
        self.passport
    }

    /// The key it was proven under.
    pub fn key(&self) -> &'k KeyRecord {
        self.key
    }
}

/// The verdict on a document that is no passport (step 2).
pub fn refuse_document(error: &Malformed, ask: &Ask) -> Verdict {
    let reason = if error.is_unsupported() { Reason::SchemaUnsupported } else { Reason::SchemaInvalid };
    Verdict { detail: Some(error.to_string()), ..stopped(reason, ask) }
}

/// The verdict when verification stops with `reason` before the signature is proven (steps 1–5). Nothing of
/// the document is echoed.
pub fn stopped(reason: Reason, ask: &Ask) -> Verdict {
    let mut checks = Checks::skipped();
    let (pass, fail) = (Outcome::Pass, Outcome::Fail(reason));
    if reason == Reason::PassportUnknown {
        // An id nobody knows has no document to check.
        checks.lineage.outcome = fail;
    } else if reason == Reason::IssuerUnknown {
        (checks.schema, checks.issuer) = (pass, fail);
    } else if matches!(reason, Reason::KeyUnknown | Reason::KeyPurposeMismatch) {
        (checks.schema, checks.issuer, checks.key.outcome) = (pass, pass, fail);
    } else if reason == Reason::SignatureInvalid {
        (checks.schema, checks.issuer, checks.key.outcome, checks.signature) = (pass, pass, pass, fail);
    } else {
        // Whatever else stops here is no document this verifier can read.
        checks.schema = fail;
    }
    Verdict {
        valid: false,
        revoked: false,
        reason: Some(reason),
        detail: None,
        proven: false,
        evaluated_at: ask.instant(),
        valid_as_known_at: ask.at.map(|_| false),
        checks,
    }
}

/// All of it: reads, proves and judges. `facts` is asked only for a proven passport.
pub fn verify<'f>(
    document: &Json<'_>,
    keys: &KeyBook,
    facts: impl FnOnce(&SignedPassport) -> Facts<'f>,
    ask: &Ask,
) -> Verdict {
    let passport = match SignedPassport::read(document) {
        Ok(passport) => passport,
        Err(error) => return refuse_document(&error, ask),
    };
    let key = keys.find_for(passport.passport());
    match key.and_then(|key| Proven::by_signature(&passport, key, keys)) {
        Ok(proven) => judge(proven, &facts(&passport), ask),
        Err(reason) => stopped(reason, ask),
    }
}

/// Steps 6–14: is this proven passport valid at the instant asked about, by these facts?
pub fn judge(proven: Proven<'_, '_>, facts: &Facts<'_>, ask: &Ask) -> Verdict {
    let checks = evaluate(proven, facts, ask, None);
    let reason = checks.outcomes().into_iter().find_map(Outcome::reason);
    let known =
        |at| evaluate(proven, facts, ask, Some(at)).outcomes().into_iter().all(|o| o.reason().is_none());
    let registered = checks.lineage.outcome == Outcome::Pass;
    Verdict {
        valid: reason.is_none(),
        // A revocation is the registry's word about a registered passport; without one there is no such word.
        revoked: registered && facts.status.revocation_at(ask.instant(), None).is_some(),
        reason,
        detail: None,
        proven: true,
        evaluated_at: ask.instant(),
        valid_as_known_at: ask.at.map(known),
        checks,
    }
}

/// Runs every check. With `known_at`, what was recorded later counts as unknown.
fn evaluate(proven: Proven<'_, '_>, facts: &Facts<'_>, ask: &Ask, known_at: Option<Timestamp>) -> Checks {
    let (passport, t) = (proven.passport.passport(), ask.instant());
    let logged_at = facts.registered.and_then(|registered| registered.logged_at);
    let mut checks = Checks::skipped();
    (checks.schema, checks.issuer, checks.signature) = (Outcome::Pass, Outcome::Pass, Outcome::Pass);
    checks.key = KeyCheck {
        outcome: proven.key.check_issue(passport.issued_at, logged_at, known_at).into(),
        key_status: Some(proven.key.state()),
    };
    checks.time = TimeCheck {
        outcome: check_time(passport, t).into(),
        seconds_left: Some(passport.expires_at.seconds_since(t)),
    };
    checks.lineage = check_lineage(proven.passport, facts);
    if checks.lineage.outcome != Outcome::Pass {
        return checks;
    }
    checks.status = check_status(passport, facts, ask, known_at);
    checks.delegation = check_delegation(passport, facts, t, known_at);
    checks.attestation = check_attestation(passport, facts).into();
    checks.policy = check_policy(passport, facts, ask);
    checks.possession = ask.expect.check_possession(passport, ask.presentation.as_ref(), ask.now);
    checks
}

/// Step 7. Skew is tolerated at the start of life, never at its end.
fn check_time(passport: &Passport, t: Timestamp) -> Result<(), Reason> {
    if t < passport.issued_at.plus_seconds(-SKEW_SECONDS) {
        return Err(Reason::NotYetValid);
    }
    if t >= passport.expires_at { Err(Reason::Expired) } else { Ok(()) }
}

/// Step 8.
fn check_lineage(passport: &SignedPassport, facts: &Facts<'_>) -> LineageCheck {
    let Some(registered) = facts.registered else {
        let outcome = Outcome::Fail(Reason::PassportUnknown);
        return LineageCheck { outcome, seq: None, log_index: None, logged_at: None };
    };
    let outcome =
        if registered.matches(passport) { Outcome::Pass } else { Outcome::Fail(Reason::LineageMismatch) };
    let Registered { log_index, logged_at, .. } = registered;
    LineageCheck { outcome, seq: Some(passport.passport().lineage_seq), log_index, logged_at }
}

/// Steps 9 and 10.
fn check_status(
    passport: &Passport,
    facts: &Facts<'_>,
    ask: &Ask,
    known_at: Option<Timestamp>,
) -> StatusCheck {
    let budget = passport.staleness_budget_seconds;
    let fresh = facts.freshness.check(ask.max_staleness_seconds, ask.when_stale, budget);
    let outcome = fresh.and_then(|()| facts.status.check(ask.instant(), known_at));
    let revocation = facts.status.revocation;
    StatusCheck {
        outcome: outcome.into(),
        sequence: Some(facts.freshness.sequence),
        age_seconds: Some(facts.freshness.age_seconds),
        effective_from: revocation.map(|revocation| revocation.effective_from),
        revoked_at: revocation.map(|revocation| revocation.revoked_at),
    }
}

/// Step 11: every ancestor holds, and each passport stays within the one above.
fn check_delegation(
    passport: &Passport,
    facts: &Facts<'_>,
    t: Timestamp,
    known_at: Option<Timestamp>,
) -> DelegationCheck {
    if passport.delegation.above.is_none() {
        return DelegationCheck { outcome: Outcome::NotApplicable, ancestor: None, breaches: Vec::new() };
    }
    let failed = |id: PassportId, reason, breaches| DelegationCheck {
        outcome: Outcome::Fail(reason),
        ancestor: Some(id),
        breaches,
    };
    let (mut child, mut child_pins) = (passport, facts.pins);
    let mut ancestors = facts.ancestors.iter();
    // Narrowing makes depth fall by one at each step, so this ends after at most eight.
    while let Some(above) = child.delegation.above {
        let id = above.parent_passport_id;
        let ancestor = match ancestors.next() {
            Some(AncestorFact::Held(ancestor)) if ancestor.stands_for == id => ancestor,
            Some(AncestorFact::Broken { stands_for, .. }) if *stands_for == id => {
                return failed(id, Reason::ParentInvalid, Vec::new());
            }
            Some(AncestorFact::Held(_) | AncestorFact::Broken { .. }) | None => {
                return failed(id, Reason::ChainIncomplete, Vec::new());
            }
        };
        if let Err(reason) = check_ancestor(child, ancestor, t, known_at) {
            return failed(id, reason, Vec::new());
        }
        let bounds = Bounds::of(ancestor.passport, ancestor.pins);
        if let Err(exceeded) = narrow(&Bounds::of(child, child_pins), &bounds) {
            return failed(id, Reason::DelegationExceeded, exceeded.breaches);
        }
        (child, child_pins) = (ancestor.passport, ancestor.pins);
    }
    DelegationCheck { outcome: Outcome::Pass, ancestor: None, breaches: Vec::new() }
}

/// Steps 6, 7 and 10 for an ancestor, and that it is the one the child may have.
fn check_ancestor(
    child: &Passport,
    ancestor: &Ancestor<'_>,
    t: Timestamp,
    known_at: Option<Timestamp>,
) -> Result<(), Reason> {
    let parent = ancestor.passport;
    let root = parent.delegation.above.map_or(ancestor.stands_for, |above| above.root_passport_id);
    let same_root = child.delegation.above.is_some_and(|above| above.root_passport_id == root);
    if parent.operator_id != child.operator_id || parent.issuer != child.issuer || !same_root {
        return Err(Reason::ParentInvalid);
    }
    let outcome = ancestor
        .status
        .check(t, known_at)
        .and_then(|()| check_time(parent, t))
        .and_then(|()| ancestor.key.check_issue(parent.issued_at, ancestor.logged_at, known_at));
    outcome.map_err(parent_reason)
}

/// What an ancestor's failure is called at its descendant.
fn parent_reason(reason: Reason) -> Reason {
    if reason == Reason::Revoked {
        Reason::ParentRevoked
    } else if matches!(reason, Reason::Suspended | Reason::OperatorSuspended) {
        Reason::ParentSuspended
    } else if reason == Reason::Expired {
        Reason::ParentExpired
    } else {
        Reason::ParentInvalid
    }
}

/// Step 12.
fn check_attestation(passport: &Passport, facts: &Facts<'_>) -> Result<(), Reason> {
    let attested_at = passport.capability_attestation.standing.attested_at();
    match (attested_at, facts.attester_compromised_at) {
        (Some(attested_at), Some(compromised_at)) if compromised_at <= attested_at => {
            Err(Reason::CapabilityAttestationInvalid)
        }
        _ => Ok(()),
    }
}

/// Step 13.
fn check_policy(passport: &Passport, facts: &Facts<'_>, ask: &Ask) -> PolicyCheck {
    let gone = facts.withdrawn_packs.iter().filter(|pack| pack.withdrawn_at <= ask.instant());
    let withdrawn: Vec<_> = gone.map(|pack| pack.name.clone()).collect();
    let unmet = ask.expect.unmet_by(passport);
    let outcome = match (withdrawn.is_empty(), unmet.is_empty()) {
        (false, _) => Outcome::Fail(Reason::PolicyWithdrawn),
        (true, false) => Outcome::Fail(Reason::ExpectationFailed),
        (true, true) => Outcome::Pass,
    };
    PolicyCheck { outcome, outdated: Some(facts.packs_outdated), withdrawn, unmet }
}
