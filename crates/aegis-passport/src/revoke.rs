//! Revocation: final, reaching down to every descendant, and movable only towards the past.

use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;

use crate::facts::{Revocation, RevocationReason};
use crate::ids::PassportId;
use crate::lineage::{LineageEvent, StatusEvent, StatusScope};
use crate::text::Sentence;

/// Why, for the operator's own records; never published.
pub type PrivateReason = Sentence<1000>;
/// Why, for everybody.
pub type PublicReason = Sentence<200>;

/// Descendants named in a refusal at most.
pub const DESCENDANTS_NAMED_MAX: usize = 100;

/// What an operator asks to be revoked, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RevokeAsk {
    /// Why, from the closed set.
    pub reason_code: RevocationReason,
    /// From when it should hold; now by default.
    pub effective_from: Option<Timestamp>,
    /// Whether descendants are revoked too; otherwise their existence refuses the request.
    pub cascade: Cascade,
}

/// What happens to live descendants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cascade {
    /// They are revoked in the same transaction.
    Descendants,
    /// They make the request fail.
    Nothing,
}

/// One passport a revocation may touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PassportState {
    /// Its agent.
    pub agent_id: AgentId,
    /// Its id.
    pub passport_id: PassportId,
    /// Its place in the status list.
    pub status_index: u32,
    /// Start of its life.
    pub issued_at: Timestamp,
    /// Its revocation, if any.
    pub revocation: Option<Revocation>,
}

/// What is revoked.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// An agent with all its passports, expired ones included.
    Agent {
        /// The agent.
        agent_id: AgentId,
        /// Its own revocation, if any.
        revocation: Option<Revocation>,
        /// All its passports.
        passports: &'a [PassportState],
    },
    /// One passport.
    Passport(&'a PassportState),
}

impl Subject<'_> {
    /// How far it reaches.
    pub const fn scope(&self) -> StatusScope {
        match self {
            Subject::Agent { .. } => StatusScope::Agent,
            Subject::Passport(_) => StatusScope::Passport,
        }
    }

    /// The agent concerned.
    pub const fn agent_id(&self) -> AgentId {
        match self {
            Subject::Agent { agent_id, .. } => *agent_id,
            Subject::Passport(passport) => passport.agent_id,
        }
    }

    /// Agent, passport (for one passport), own revocation, passports concerned.
    fn parts(&self) -> (Option<PassportId>, Option<Revocation>, &[PassportState]) {
        match self {
            Subject::Agent { revocation, passports, .. } => (None, *revocation, passports),
            Subject::Passport(passport) => {
                (Some(passport.passport_id), passport.revocation, std::slice::from_ref(*passport))
            }
        }
    }
}

/// A revocation is not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RevokeRefused {
    /// There is no scheduled revocation.
    #[error("a revocation cannot take effect in the future")]
    FutureEffect,
    /// Live descendants, and the request does not reach them.
    #[error("{count} live passports descend from it")]
    DescendantsExist {
        /// How many.
        count: usize,
        /// The first of them.
        first: Vec<PassportId>,
    },
}

/// One passport that changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Touched {
    /// The passport as it was.
    pub passport: PassportState,
    /// Its revocation from now on.
    pub revocation: Revocation,
}

/// One lineage entry a revocation writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationEntry {
    /// Whose chain.
    pub agent_id: AgentId,
    /// The passport; nothing for the whole agent.
    pub passport_id: Option<PassportId>,
    /// What the entry's `body_digest` binds.
    pub event: StatusEvent<'static>,
}

/// What a revocation does. Nothing at all when [`RevokeOutcome::entries`] is empty: a repeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevokeOutcome {
    /// How far it reaches.
    pub scope: StatusScope,
    /// The revocation of the subject as it stands afterwards.
    pub revocation: Revocation,
    /// Whether the subject was revoked before.
    pub already_revoked: bool,
    /// The subject's passports that change.
    pub passports: Vec<Touched>,
    /// Descendants that change.
    pub cascaded: Vec<Touched>,
    /// The subject's entry first, then one for each descendant.
    pub entries: Vec<RevocationEntry>,
}

/// Decides a revocation. `descendants` are the passports below the subject that are not expired, superseded ones
/// included, whoever of the operator's agents holds them.
///
/// # Errors
/// [`RevokeRefused::FutureEffect`]; [`RevokeRefused::DescendantsExist`] when the request does not cascade and
/// one of them is not revoked yet.
pub fn revoke(
    ask: &RevokeAsk,
    subject: &Subject<'_>,
    descendants: &[PassportState],
    now: Timestamp,
) -> Result<RevokeOutcome, RevokeRefused> {
    let recorded_at = now.whole_second();
    let asked = ask.effective_from.map_or(recorded_at, Timestamp::whole_second);
    if ask.effective_from.is_some_and(|asked| asked > now) {
        return Err(RevokeRefused::FutureEffect);
    }
    let live = descendants.iter().filter(|passport| passport.revocation.is_none());
    let count = live.clone().count();
    if ask.cascade == Cascade::Nothing && count > 0 {
        let first = live.take(DESCENDANTS_NAMED_MAX).map(|passport| passport.passport_id).collect();
        return Err(RevokeRefused::DescendantsExist { count, first });
    }
    let (passport_id, before, concerned) = subject.parts();
    let first_issue = concerned.iter().map(|passport| passport.issued_at).min();
    let wanted = Revocation {
        effective_from: first_issue.map_or(asked, |first| asked.max(first)),
        revoked_at: recorded_at,
        reason_code: ask.reason_code,
    };
    let moved = moved(before, wanted);
    let touch = |passports: &[PassportState]| -> Vec<Touched> {
        let touched = |passport: &PassportState| {
            let effective_from = wanted.effective_from.max(passport.issued_at);
            let revocation = self::moved(passport.revocation, Revocation { effective_from, ..wanted })?;
            Some(Touched { passport: *passport, revocation })
        };
        passports.iter().filter_map(touched).collect()
    };
    let (passports, cascaded) = (touch(concerned), touch(descendants));
    let own = moved.map(|revocation| entry(subject.agent_id(), passport_id, revocation));
    let below = cascaded.iter().map(|touched| {
        entry(touched.passport.agent_id, Some(touched.passport.passport_id), touched.revocation)
    });
    Ok(RevokeOutcome {
        scope: subject.scope(),
        revocation: moved.or(before).unwrap_or(wanted),
        already_revoked: before.is_some(),
        entries: own.into_iter().chain(below).collect(),
        passports,
        cascaded,
    })
}

/// What `wanted` makes of `before`: a first revocation stands as asked; a repeat keeps everything but may move
/// the effect earlier; otherwise nothing changes.
fn moved(before: Option<Revocation>, wanted: Revocation) -> Option<Revocation> {
    match before {
        None => Some(wanted),
        Some(before) if wanted.effective_from < before.effective_from => {
            Some(Revocation { effective_from: wanted.effective_from, ..before })
        }
        Some(_) => None,
    }
}

fn entry(agent_id: AgentId, passport_id: Option<PassportId>, revocation: Revocation) -> RevocationEntry {
    let event = StatusEvent {
        event: LineageEvent::Revoke,
        agent_id,
        passport_id,
        effective_from: revocation.effective_from,
        reason_code: revocation.reason_code.as_str(),
    };
    RevocationEntry { agent_id, passport_id, event }
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn passports(count: usize) -> Vec<PassportState> {
        let mut moment = Moment::new(at(1), Entropy::from_seed([7; 32]));
        let agent_id = moment.new_id();
        let mut passport = |index: usize| PassportState {
            agent_id,
            passport_id: moment.new_id(),
            status_index: u32::try_from(index).unwrap(),
            issued_at: at(100 + i64::try_from(index).unwrap()),
            revocation: None,
        };
        (0..count).map(&mut passport).collect()
    }

    fn ask(effective_from: Option<i64>) -> RevokeAsk {
        RevokeAsk {
            reason_code: RevocationReason::AgentCompromise,
            effective_from: effective_from.map(at),
            cascade: Cascade::Descendants,
        }
    }

    fn agent(all: &[PassportState]) -> Subject<'_> {
        Subject::Agent { agent_id: all[0].agent_id, revocation: None, passports: all }
    }

    /// The agent, all its passports and all descendants, each from no earlier than its own issue.
    #[test]
    fn reaches_everything() {
        let all = passports(5);
        let (own, below) = all.split_at(2);
        let outcome = revoke(&ask(Some(0)), &agent(own), below, at(1000)).unwrap();
        assert_eq!((outcome.scope, outcome.already_revoked), (StatusScope::Agent, false));
        assert_eq!(outcome.revocation.effective_from, at(100), "the first issue");
        assert_eq!((outcome.passports.len(), outcome.cascaded.len(), outcome.entries.len()), (2, 3, 4));
        assert_eq!(outcome.entries[0].passport_id, None);
        for touched in outcome.passports.iter().chain(&outcome.cascaded) {
            assert_eq!(touched.revocation.effective_from, touched.passport.issued_at);
        }
        let now = revoke(&ask(None), &Subject::Passport(&own[1]), below, at(1000)).unwrap();
        assert_eq!(now.revocation.effective_from, at(1000));
        assert_eq!(now.entries[0].passport_id, Some(own[1].passport_id));
    }

    /// No schedule, and no orphans unless asked for.
    #[test]
    fn refuses_future_and_orphans() {
        let all = passports(150);
        let (own, below) = all.split_at(1);
        let subject = Subject::Passport(&own[0]);
        assert_eq!(revoke(&ask(Some(1001)), &subject, below, at(1000)), Err(RevokeRefused::FutureEffect));
        let alone = RevokeAsk { cascade: Cascade::Nothing, ..ask(None) };
        let refused = revoke(&alone, &subject, below, at(1000)).unwrap_err();
        let RevokeRefused::DescendantsExist { count, first } = refused else { panic!("{refused:?}") };
        assert_eq!((count, first.len(), first[0]), (149, DESCENDANTS_NAMED_MAX, below[0].passport_id));
        assert!(revoke(&alone, &subject, &[], at(1000)).is_ok());
    }

    proptest! {
        /// Invariant 6: whatever is asked again, only `effective_from` changes, and only towards the past.
        #[test]
        fn repeats_only_move_earlier(times in prop::collection::vec(0_i64..2000, 1..6)) {
            let mut passport = passports(1)[0];
            let mut first: Option<Revocation> = None;
            for (step, time) in (0_i64..).zip(times) {
                let outcome =
                    revoke(&ask(Some(time)), &Subject::Passport(&passport), &[], at(2000 + step)).unwrap();
                prop_assert_eq!(outcome.already_revoked, first.is_some());
                let changed = first.is_none_or(|first| outcome.revocation != first);
                prop_assert_eq!(outcome.entries.len(), usize::from(changed));
                if let Some(before) = first {
                    prop_assert!(outcome.revocation.effective_from <= before.effective_from);
                    let effective_from = outcome.revocation.effective_from;
                    prop_assert_eq!(outcome.revocation, Revocation { effective_from, ..before });
                }
                first = Some(outcome.revocation);
                passport.revocation = first;
            }
        }
    }
}
