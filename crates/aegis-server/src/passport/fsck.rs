//! Recomputing the registry: every lineage from its genesis, every passport from its document, every status
//! change from its place in the sequence, each held against the log.

use aegis_core::id::AgentId;
use aegis_core::json;
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_kernel::audit::read as log;
use aegis_passport::ids::PassportId;
use aegis_passport::keys::KeyBook;
use aegis_passport::lineage::{Entry, check_chain};
use aegis_store::{Fault, Store, Tx};

use super::facts;
use super::key_history::published;
use super::sql::{self, AgentRow, PassportRow};

/// Rows read in one transaction.
const BATCH_ROWS: u32 = 500;
/// Entries of one lineage: an agent with more would have been issued for years without pause.
const LINEAGE_MAX: i64 = 1_000_000;

/// What was recomputed, and the first thing that is wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryReport {
    /// Agents whose lineage was recomputed.
    pub agents: u64,
    /// Passports whose document, signature and registration were recomputed.
    pub passports: u64,
    /// Status changes whose numbers were checked.
    pub status_changes: u64,
    /// Names what is wrong; the counts then end there.
    pub first_problem: Option<String>,
}

/// Something is wrong, or could not be read.
enum Wrong {
    Found(String),
    Fault(Fault),
}

impl From<Fault> for Wrong {
    fn from(fault: Fault) -> Wrong {
        // A row that cannot be read is what a check is for.
        if matches!(fault, Fault::Damaged { .. } | Fault::Corrupt { .. }) {
            Wrong::Found(aegis_kernel::job::chain(&fault))
        } else {
            Wrong::Fault(fault)
        }
    }
}

/// Recomputes the whole registry of passports.
///
/// # Errors
/// Faults of the store other than damage, which the report names.
pub async fn check(store: &Store) -> Result<RegistryReport, Fault> {
    let mut report = RegistryReport::default();
    let mut agent = None;
    while report.first_problem.is_none() {
        let (after, found) = (agent, store.read(move |tx| settle(check_agents(tx, agent))).await?);
        match take(&mut report.first_problem, found) {
            Some((count, last)) if last != after => (report.agents, agent) = (report.agents + count, last),
            _ => break,
        }
    }
    let mut passport = None;
    while report.first_problem.is_none() {
        let (after, found) = (passport, store.read(move |tx| settle(check_passports(tx, passport))).await?);
        match take(&mut report.first_problem, found) {
            Some((count, last)) if last != after => {
                (report.passports, passport) = (report.passports + count, last);
            }
            _ => break,
        }
    }
    let mut sequence = 0;
    while report.first_problem.is_none() {
        let found = store.read(move |tx| settle(check_status(tx, sequence))).await?;
        match take(&mut report.first_problem, found) {
            Some(last) if last > sequence => (report.status_changes, sequence) = (last, last),
            _ => break,
        }
    }
    Ok(report)
}

fn settle<T>(checked: Result<T, Wrong>) -> Result<Result<T, String>, Fault> {
    match checked {
        Ok(value) => Ok(Ok(value)),
        Err(Wrong::Found(problem)) => Ok(Err(problem)),
        Err(Wrong::Fault(fault)) => Err(fault),
    }
}

fn take<T>(problem: &mut Option<String>, found: Result<T, String>) -> Option<T> {
    found.map_err(|what| *problem = Some(what)).ok()
}

fn demand(holds: bool, what: impl FnOnce() -> String) -> Result<(), Wrong> {
    if holds { Ok(()) } else { Err(Wrong::Found(what())) }
}

fn check_agents(tx: &mut Tx<'_>, after: Option<AgentId>) -> Result<(u64, Option<AgentId>), Wrong> {
    let agents = sql::list_all_agents(tx, after, BATCH_ROWS)?;
    let mut last = after;
    for agent in &agents {
        check_lineage(tx, agent)?;
        last = Some(agent.id);
    }
    Ok((agents.len() as u64, last))
}

fn check_lineage(tx: &mut Tx<'_>, agent: &AgentRow) -> Result<(), Wrong> {
    let id = agent.id;
    let mut entries = Vec::new();
    for row in sql::list_lineage(tx, id, 0, LINEAGE_MAX)? {
        let place = format!("lineage entry {} of {id}", row.seq);
        let unreadable = || Wrong::Found(format!("{place} cannot be read"));
        let json = json::parse(row.entry.as_bytes(), JSON_DEPTH_MAX).map_err(|_| unreadable())?;
        let entry = Entry::read(&json).map_err(|_| unreadable())?;
        demand(entry.hash() == row.hash, || format!("{place} does not have the hash that is stored"))?;
        let logged = log::find_entry(tx, row.log_entry)?;
        let told = logged.as_ref().and_then(|logged| logged.opening.as_ref());
        let same = told.is_some_and(|opening| opening.details().as_bytes() == entry.canonical().as_slice());
        demand(same, || format!("{place} is not what log entry {} says", row.log_entry))?;
        entries.push(entry);
    }
    let head = check_chain(id, &entries).map_err(|broken| Wrong::Found(format!("{id}: {broken}")))?;
    demand(head == agent.head, || format!("{id}: the lineage does not end where the agent's row says"))
}

fn check_passports(tx: &mut Tx<'_>, after: Option<PassportId>) -> Result<(u64, Option<PassportId>), Wrong> {
    let Some((_, document)) = sql::newest_key_history(tx)? else { return Ok((0, after)) };
    let (keys, _) = published(&document)?;
    let rows = sql::list_all_passports(tx, after, BATCH_ROWS)?;
    let mut last = after;
    for row in &rows {
        check_passport(tx, row, &keys)?;
        last = Some(row.id);
    }
    Ok((rows.len() as u64, last))
}

fn check_passport(tx: &mut Tx<'_>, row: &PassportRow, keys: &KeyBook) -> Result<(), Wrong> {
    let id = row.id;
    let signed = facts::read_document(tx, id)?;
    let passport = signed.passport();
    let registered = *signed.digest() == row.document_digest
        && signed.body_digest() == row.body_digest
        && (passport.passport_id, passport.agent_id) == (id, row.agent)
        && (passport.lineage_seq, passport.audit_lineage_hash) == (row.lineage_seq, row.lineage_hash)
        && (passport.issued_at, passport.expires_at) == (row.issued_at, row.expires_at)
        && passport.status.index == row.list_index;
    demand(registered, || format!("{id}: the document is not what was registered"))?;
    let key = keys.find_for(passport).map_err(|reason| Wrong::Found(format!("{id}: {reason}")))?;
    let proven = signed.verify_signature(&key.public_key).is_ok();
    demand(proven, || format!("{id}: the signature does not hold"))?;
    let above = sql::list_lineage(tx, row.agent, row.lineage_seq.saturating_sub(1), 1)?;
    let made =
        above.first().is_some_and(|entry| entry.seq == row.lineage_seq && entry.hash == row.lineage_hash);
    demand(made, || format!("{id}: its lineage entry is missing"))
}

fn check_status(tx: &mut Tx<'_>, after: u64) -> Result<u64, Wrong> {
    let mut last = after;
    for event in sql::list_status_events(tx, after, BATCH_ROWS)? {
        let expected = last + 1;
        demand(event.sequence == expected, || format!("status change {expected} is missing"))?;
        let revoked = sql::find_revoked(tx, event.passport)?.is_some();
        demand(revoked, || format!("status change {expected}: {} is not revoked", event.passport))?;
        last = event.sequence;
    }
    Ok(last)
}
