//! Revoking an agent or one passport.

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use aegis_core::id::{AgentId, LogEntryId};
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_kernel::caller::Role;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission};
use aegis_passport::facts::{Revocation, RevocationReason};
use aegis_passport::ids::{ActorId, PassportId};
use aegis_passport::lineage::{Entry, Happening, Head, LineageEvent, StatusScope};
use aegis_passport::revocation_list::StatusChange;
use aegis_passport::revoke::{PassportState, RevokeAsk, RevokeOutcome, Subject, Touched, revoke};
use aegis_store::{Cause, Fault, Lane, Tx};

use crate::passport::facts;
use crate::passport::problems::RevokeDenied;
use crate::passport::registry::Registry;
use crate::passport::sql::{self, AgentRevocation, AgentRow, PassportRevocation, PassportRow};
use crate::passport::wire::{Named, Revoked, Target};

/// `POST /registry/revoke`.
pub(crate) struct Revoke {
    pub(crate) registry: Arc<Registry>,
    pub(crate) target: Target,
    pub(crate) ask: RevokeAsk,
    pub(crate) reason: String,
    pub(crate) reason_public: Option<String>,
    pub(crate) dry_run: bool,
}

impl Access for Revoke {
    const NAME: &'static str = "identity.revoke";
    const PERMISSION: Permission = Permission::role(Role::Operator, "identity:revoke").or_admin();
    const RATE: RateClass = RateClass::new("revoke", 600, 60);
}

/// The agent and, for one passport, that passport.
struct Subjects {
    agent: AgentRow,
    passport: Option<PassportRow>,
    concerned: Vec<PassportRow>,
    descendants: Vec<PassportRow>,
}

impl Operation for Revoke {
    const EVIDENCE: Evidence = Evidence::Snake;
    type Refused = RevokeDenied;

    /// Sequence numbers are dense, so all status changes queue.
    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("status")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<RevokeDenied> {
        let subjects = self.find(tx, at, caller)?.ok_or(RevokeDenied::Unknown)?;
        let concerned: Vec<PassportState> = subjects.concerned.iter().map(state).collect();
        let descendants: Vec<PassportState> = subjects.descendants.iter().map(state).collect();
        let subject = match concerned.first() {
            Some(one) if subjects.passport.is_some() => Subject::Passport(one),
            _ => Subject::Agent {
                agent_id: subjects.agent.id,
                revocation: subjects.agent.revoked.as_ref().map(agent_revocation).transpose()?,
                passports: &concerned,
            },
        };
        let outcome = revoke(&self.ask, &subject, &descendants, at.now()).map_err(RevokeDenied::Rules)?;
        let first = sql::newest_sequence(tx)?;
        if outcome.entries.is_empty() {
            return Ok(self.repeated(tx, &subjects, &outcome, first)?);
        }
        let touched: Vec<Touched> = outcome.passports.iter().chain(&outcome.cascaded).copied().collect();
        let sequence = first + u64::try_from(touched.len()).unwrap_or(u64::MAX);
        let reply = reply(subjects.agent.id, &outcome, sequence);
        if self.dry_run {
            return Ok(Commit::unchanged(&Revoked { dry_run: true, ..reply }, None)?);
        }
        let entry: LogEntryId = at.new_id();
        self.write_status(tx, at, &subjects, &outcome, &touched, first, entry)?;
        let mut commit = self.write_lineage(tx, at, caller, &subjects, &outcome, entry, &reply)?;
        let changed: HashSet<PassportId> =
            touched.iter().map(|touched| touched.passport.passport_id).collect();
        for row in subjects.concerned.iter().chain(&subjects.descendants) {
            if changed.contains(&row.id) {
                // An admin's act is told to the operator all the same.
                let organization = facts::organization_of(tx, &row.operator, caller)?;
                commit = commit.emit(facts::passport_event("passport.revoked", organization, row));
            }
        }
        Ok(commit.afterwards(self.remember(touched, sequence)))
    }
}

impl Revoke {
    /// The subject and everything below it; nothing if it is unknown or another operator's.
    fn find(&self, tx: &mut Tx<'_>, at: &Moment, caller: &Caller) -> Result<Option<Subjects>, Fault> {
        let passport = match self.target.passport {
            None => None,
            Some(id) => match sql::find_passport(tx, id)? {
                None => return Ok(None),
                Some(row) => Some(row),
            },
        };
        let named = self.target.agent.or(passport.as_ref().map(|row| row.agent));
        let Some(agent) = named.map(|id| sql::find_agent(tx, id)).transpose()?.flatten() else {
            return Ok(None);
        };
        let foreign = !caller.is_admin() && caller.id_in(Role::Operator) != Some(agent.operator.as_str());
        if foreign || passport.as_ref().is_some_and(|row| row.agent != agent.id) {
            return Ok(None);
        }
        let concerned = match &passport {
            Some(row) => vec![row.clone()],
            None => sql::list_passports_of(tx, agent.id)?,
        };
        let mut counted: HashSet<PassportId> = concerned.iter().map(|row| row.id).collect();
        let mut descendants: Vec<PassportRow> = Vec::new();
        for row in &concerned {
            let below = sql::list_descendants(tx, row.id, at.now())?;
            descendants.extend(below.into_iter().filter(|below| counted.insert(below.id)));
        }
        Ok(Some(Subjects { agent, passport, concerned, descendants }))
    }

    #[expect(clippy::too_many_arguments, reason = "one write step of one operation, split off for length")]
    fn write_status(
        &self,
        tx: &mut Tx<'_>,
        at: &Moment,
        subjects: &Subjects,
        outcome: &RevokeOutcome,
        touched: &[Touched],
        first: u64,
        entry: LogEntryId,
    ) -> Result<(), Fault> {
        for (sequence, touched) in (first + 1..).zip(touched) {
            let id = touched.passport.passport_id;
            let revoked = PassportRevocation {
                revocation: touched.revocation,
                reason_public: self.reason_public.clone(),
                scope: outcome.scope,
                sequence,
                log_entry: entry,
            };
            sql::update_passport_revoked(tx, id, &revoked)?;
            sql::insert_status_event(tx, sequence, StatusChange::Revoked.as_str(), id, at.now())?;
        }
        if outcome.scope == StatusScope::Agent {
            let revocation = AgentRevocation {
                revoked_at: outcome.revocation.revoked_at,
                effective_from: outcome.revocation.effective_from,
                reason_code: outcome.revocation.reason_code.as_str().to_owned(),
                log_entry: entry,
                sequence: first + u64::try_from(touched.len()).unwrap_or(u64::MAX),
            };
            sql::update_agent_revoked(tx, subjects.agent.id, &revocation)?;
        }
        Ok(())
    }

    /// One lineage entry and one leaf for the subject, and one of each for every descendant.
    #[expect(clippy::too_many_arguments, reason = "one write step of one operation, split off for length")]
    fn write_lineage(
        &self,
        tx: &mut Tx<'_>,
        at: &mut Moment,
        caller: &Caller,
        subjects: &Subjects,
        outcome: &RevokeOutcome,
        entry: LogEntryId,
        reply: &Revoked,
    ) -> Result<Commit<RevokeDenied>, Fault> {
        let actor = ActorId::parse(caller.actor()).ok_or_else(|| Fault::Internal {
            what: "revoke",
            cause: Cause::text("the caller's id is no actor"),
        })?;
        let reader = facts::organization_of(tx, &subjects.agent.operator, caller)?;
        let mut commit = None;
        let mut heads = BTreeMap::from([(subjects.agent.id, subjects.agent.head)]);
        for (position, revoked) in outcome.entries.iter().enumerate() {
            let head = head_of(tx, &mut heads, revoked.agent_id)?;
            let lineage = Entry::after(
                *head,
                revoked.agent_id,
                Happening {
                    passport_id: revoked.passport_id,
                    event: LineageEvent::Revoke,
                    body_digest: revoked.event.body_digest(),
                    actor: actor.clone(),
                    at: at.now().whole_second(),
                },
            );
            *head = lineage.head();
            let id = if position == 0 { entry } else { at.new_id() };
            facts::insert_lineage(tx, &lineage, id)?;
            let leaf = facts::lineage_leaf(&lineage, id, &reader)?;
            commit = Some(match commit {
                None => Commit::changed(reply, leaf)?.also_logged(facts::reason_leaf(
                    lineage.agent_id,
                    entry,
                    &reader,
                    &self.reason,
                )),
                Some(commit) => Commit::also_logged(commit, leaf),
            });
        }
        for (agent, head) in heads {
            sql::update_lineage_head(tx, agent, head)?;
        }
        commit.ok_or_else(|| Fault::Internal { what: "revoke", cause: Cause::text("nothing to record") })
    }

    /// The answer to a revocation that was made before: the first data again.
    fn repeated(
        &self,
        tx: &mut Tx<'_>,
        subjects: &Subjects,
        outcome: &RevokeOutcome,
        newest: u64,
    ) -> Result<Commit<RevokeDenied>, Fault> {
        let entry = match &subjects.passport {
            Some(row) => row.revoked.as_ref().map(|revoked| revoked.log_entry),
            None => subjects.agent.revoked.as_ref().map(|revoked| revoked.log_entry),
        };
        let touched = match entry {
            None => Vec::new(),
            Some(entry) => sql::list_revoked_by(tx, entry)?,
        };
        let sequences = touched.iter().filter_map(|row| row.revoked.as_ref().map(|revoked| revoked.sequence));
        let sequence = sequences.max().unwrap_or(newest);
        let concerned: HashSet<PassportId> = subjects.concerned.iter().map(|row| row.id).collect();
        let own = |row: &&PassportRow| concerned.contains(&row.id);
        let reply = Revoked {
            passports: touched.iter().filter(own).map(|row| Named::own(row.id, row.list_index)).collect(),
            cascaded: touched
                .iter()
                .filter(|row| !own(row))
                .map(|row| Named::below(row.agent, row.id))
                .collect(),
            dry_run: self.dry_run,
            ..reply(subjects.agent.id, outcome, sequence)
        };
        Commit::unchanged(&reply, entry.filter(|_| !self.dry_run))
    }

    fn remember(&self, touched: Vec<Touched>, sequence: u64) -> impl FnOnce() + Send + 'static {
        let registry = Arc::clone(&self.registry);
        move || {
            let revoked: Vec<(PassportId, Revocation)> =
                touched.iter().map(|touched| (touched.passport.passport_id, touched.revocation)).collect();
            registry.revoke(&revoked, sequence);
        }
    }
}

/// The end of an agent's chain, read once.
fn head_of<'h>(
    tx: &mut Tx<'_>,
    heads: &'h mut BTreeMap<AgentId, Head>,
    agent: AgentId,
) -> Result<&'h mut Head, Fault> {
    match heads.entry(agent) {
        MapEntry::Occupied(known) => Ok(known.into_mut()),
        MapEntry::Vacant(unknown) => {
            let row = sql::find_agent(tx, agent)?
                .ok_or_else(|| Fault::Damaged { cause: Cause::text("a passport's agent is missing") })?;
            Ok(unknown.insert(row.head))
        }
    }
}

fn state(row: &PassportRow) -> PassportState {
    PassportState {
        agent_id: row.agent,
        passport_id: row.id,
        status_index: row.list_index,
        issued_at: row.issued_at,
        revocation: row.revoked.as_ref().map(|revoked| revoked.revocation),
    }
}

fn agent_revocation(stored: &AgentRevocation) -> Result<Revocation, Fault> {
    let reason_code = RevocationReason::parse(&stored.reason_code)
        .ok_or_else(|| Fault::Damaged { cause: Cause::text("agent.reason_code is unknown") })?;
    let (revoked_at, effective_from) = (stored.revoked_at, stored.effective_from);
    Ok(Revocation { effective_from, revoked_at, reason_code })
}

fn reply(agent: AgentId, outcome: &RevokeOutcome, sequence: u64) -> Revoked {
    let text = Timestamp::to_rfc3339_seconds;
    let own = |touched: &Touched| Named::own(touched.passport.passport_id, touched.passport.status_index);
    let below = |touched: &Touched| Named::below(touched.passport.agent_id, touched.passport.passport_id);
    Revoked {
        agent_id: agent.to_string(),
        status: "revoked".to_owned(),
        scope: outcome.scope.as_str().to_owned(),
        revoked_at: text(outcome.revocation.revoked_at),
        effective_from: text(outcome.revocation.effective_from),
        reason_code: outcome.revocation.reason_code.as_str().to_owned(),
        sequence,
        passports: outcome.passports.iter().map(own).collect(),
        cascaded: outcome.cascaded.iter().map(below).collect(),
        already_revoked: outcome.already_revoked,
        dry_run: false,
    }
}
