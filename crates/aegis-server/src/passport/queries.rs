//! Read use cases of passports.

use std::sync::Arc;

use aegis_core::id::AgentId;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_kernel::audit::read as log;
use aegis_kernel::caller::Role;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Permission, Query, Stop};
use aegis_passport::document::SignedPassport;
use aegis_passport::ids::PassportId;
use aegis_store::{Cause, Fault, Tx};
use serde_json::{Value, json};

use super::facts;
use super::problems::NotShown;
use super::registry::Registry;
use super::sql::{self, AgentFilter, AgentRow, PassportRow};
use super::wire::{
    Agent, Agents, Lineage, LineageHead, LineageLine, PackLine, Packs, PassportLine, ProofCheckpoint,
    Registration,
};

/// An operator for its own, an auditor, or the admin.
const READER: Permission = Permission::role(Role::Operator, "identity:read").or_auditor().or_admin();

const READ_RATE: RateClass = RateClass::new("identity-read", 600, 60);

/// `None`: everybody's; otherwise only this operator's.
fn own_only(caller: &Caller) -> Option<&str> {
    if caller.is_admin() || caller.id_in(Role::Auditor).is_some() {
        None
    } else {
        caller.id_in(Role::Operator)
    }
}

fn may_see(caller: &Caller, operator: &str) -> bool {
    own_only(caller).is_none_or(|own| own == operator)
}

/// `GET /registry/agents`.
pub(crate) struct ListAgents {
    pub(crate) status: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) risk: Option<String>,
    pub(crate) page: Page,
}

impl Access for ListAgents {
    const NAME: &'static str = "identity.list_agents";
    const PERMISSION: Permission = READER;
    const RATE: RateClass = READ_RATE;
}

impl Query for ListAgents {
    type Reply = Agents;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, now: Timestamp, caller: &Caller) -> Result<Agents, Stop<NotShown>> {
        let filter = AgentFilter {
            operator: own_only(caller).map(str::to_owned),
            status: self.status.clone(),
            name: self.name.clone(),
            risk: self.risk.clone(),
        };
        let rows = sql::list_agents(tx, &filter, &self.page)?;
        let paged = self.page.cut(rows, |row| row.id.to_string());
        let mut agents = Vec::with_capacity(paged.items.len());
        for row in paged.items {
            agents.push(agent(tx, row, now)?);
        }
        Ok(Agents { agents, next_cursor: paged.next.as_deref().map(aegis_core::page::encode_cursor) })
    }
}

/// `GET /registry/agents/{agent_id}`.
pub(crate) struct GetAgent(pub(crate) AgentId);

impl Access for GetAgent {
    const NAME: &'static str = "identity.get_agent";
    const PERMISSION: Permission = READER;
    const RATE: RateClass = READ_RATE;
}

impl Query for GetAgent {
    type Reply = Agent;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, now: Timestamp, caller: &Caller) -> Result<Agent, Stop<NotShown>> {
        let row = find_agent(tx, self.0, caller)?;
        Ok(agent(tx, row, now)?)
    }
}

/// `GET /registry/agents/{agent_id}/lineage`.
pub(crate) struct GetLineage {
    pub(crate) agent: AgentId,
    pub(crate) page: Page,
}

impl Access for GetLineage {
    const NAME: &'static str = "identity.get_lineage";
    const PERMISSION: Permission = READER;
    const RATE: RateClass = READ_RATE;
}

impl Query for GetLineage {
    type Reply = Lineage;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<Lineage, Stop<NotShown>> {
        let agent = find_agent(tx, self.agent, caller)?;
        let after = self.page.after().and_then(|seq| seq.parse().ok()).unwrap_or(0);
        let rows = sql::list_lineage(tx, agent.id, after, self.page.fetch_count())?;
        let paged = self.page.cut(rows, |row| row.seq.to_string());
        let mut entries = Vec::with_capacity(paged.items.len());
        for row in paged.items {
            let logged = log::find_logged(tx, row.log_entry)?
                .ok_or_else(|| damaged("a lineage entry is not in the log"))?;
            entries.push(LineageLine {
                entry: serde_json::from_str(&row.entry).map_err(|_| damaged("a lineage entry is no JSON"))?,
                hash: row.hash.to_string(),
                leaf_hash: logged.leaf_hash.to_hex(),
                log_index: logged.index,
                log_entry: row.log_entry.to_string(),
            });
        }
        let next_cursor = paged.next.as_deref().map(aegis_core::page::encode_cursor);
        Ok(Lineage { entries, head: head(&agent), next_cursor })
    }
}

/// `GET /registry/passports/{passport_id}`.
pub(crate) struct GetPassport {
    pub(crate) passport: PassportId,
    pub(crate) registry: Arc<Registry>,
}

impl Access for GetPassport {
    const NAME: &'static str = "identity.get_passport";
    const PERMISSION: Permission = READER;
    const RATE: RateClass = READ_RATE;
}

impl Query for GetPassport {
    type Reply = Registration;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, now: Timestamp, caller: &Caller) -> Result<Registration, Stop<NotShown>> {
        let row = find_passport(tx, self.passport, caller)?;
        let document = facts::read_document(tx, row.id)?;
        let logged =
            log::find_logged(tx, row.log_entry)?.ok_or_else(|| damaged("a passport is not in the log"))?;
        let covered = match logged.index {
            None => None,
            Some(index) => log::first_checkpoint_over(tx, index)?,
        };
        let base = format!("{}/registry/passports/{}", self.registry.origin(), row.id);
        Ok(Registration {
            passport: value(&document)?,
            status: status(&row, now).to_owned(),
            log_entry: row.log_entry.to_string(),
            log_index: logged.index,
            leaf_hash: logged.leaf_hash.to_hex(),
            logged_at: covered.map(|checkpoint| checkpoint.signed_at.to_rfc3339_seconds()),
            renderings: json!({
                "native": format!("{base}/passport.json"),
                "tlog_proof": format!("{base}/proof.tlog-proof"),
            }),
        })
    }
}

/// `GET /registry/passports/{passport_id}/passport.json`.
pub(crate) struct GetDocument(pub(crate) PassportId);

impl Access for GetDocument {
    const NAME: &'static str = "identity.get_document";
    const PERMISSION: Permission = READER;
    const RATE: RateClass = READ_RATE;
}

impl Query for GetDocument {
    type Reply = Vec<u8>;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<Vec<u8>, Stop<NotShown>> {
        let row = find_passport(tx, self.0, caller)?;
        Ok(facts::read_document(tx, row.id)?.canonical().to_vec())
    }
}

/// `GET /registry/passports/{passport_id}/proof.tlog-proof`: public, for whoever holds the passport.
pub(crate) struct GetProof {
    pub(crate) passport: PassportId,
    pub(crate) checkpoint: ProofCheckpoint,
}

impl Access for GetProof {
    const NAME: &'static str = "identity.get_proof";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for GetProof {
    type Reply = String;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<String, Stop<NotShown>> {
        let row = sql::find_passport(tx, self.passport)?.ok_or(NotShown::Unknown)?;
        let entry =
            log::find_entry(tx, row.log_entry)?.ok_or_else(|| damaged("a passport is not in the log"))?;
        let index = entry.logged.index.ok_or(NotShown::NotIntegrated)?;
        let checkpoint = match self.checkpoint {
            ProofCheckpoint::First => log::first_checkpoint_over(tx, index)?,
            ProofCheckpoint::Latest => log::newest_checkpoint(tx)?,
        };
        let checkpoint = checkpoint.ok_or(NotShown::NotIntegrated)?;
        let proof = log::prove_inclusion(tx, index, checkpoint.size)?.ok_or(NotShown::NotIntegrated)?;
        Ok(log::write_proof(proof, &checkpoint, entry.opening.as_ref())?)
    }
}

/// A registered document, for verification by its id. `None`: unknown.
pub(crate) struct FindDocument(pub(crate) PassportId);

impl FindDocument {
    pub(crate) fn run(&self, tx: &mut Tx<'_>) -> Result<Option<SignedPassport>, Fault> {
        if sql::find_document(tx, self.0)?.is_none() {
            return Ok(None);
        }
        facts::read_document(tx, self.0).map(Some)
    }
}

/// `GET /registry/policy-packs`.
pub(crate) struct ListPacks(pub(crate) Page);

impl Access for ListPacks {
    const NAME: &'static str = "identity.list_policy_packs";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for ListPacks {
    type Reply = Packs;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<Packs, Stop<NotShown>> {
        let key = |name: &str, version: &str| format!("{name}@{version}");
        let after = self.0.after().unwrap_or_default().to_owned();
        let rows: Vec<_> = sql::list_packs(tx)?;
        let rest = rows.into_iter().filter(|row| key(&row.name, &row.version) > after).collect();
        let paged = self.0.cut(rest, |row| key(&row.name, &row.version));
        let line = |row: sql::PackRow| PackLine {
            name: row.name,
            version: row.version,
            sha256: row.sha256,
            status: row.status,
            released_at: row.released_at.to_rfc3339_seconds(),
        };
        Ok(Packs {
            packs: paged.items.into_iter().map(line).collect(),
            next_cursor: paged.next.as_deref().map(aegis_core::page::encode_cursor),
        })
    }
}

/// `GET /registry/policy-packs/{name}/{version}`.
pub(crate) struct GetPack {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Access for GetPack {
    const NAME: &'static str = "identity.get_policy_pack";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Query for GetPack {
    type Reply = Vec<u8>;
    type Refused = NotShown;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, _: &Caller) -> Result<Vec<u8>, Stop<NotShown>> {
        let found =
            sql::list_packs(tx)?.into_iter().find(|row| row.name == self.name && row.version == self.version);
        Ok(found.ok_or(NotShown::Unknown)?.content.into_bytes())
    }
}

fn find_agent(tx: &mut Tx<'_>, id: AgentId, caller: &Caller) -> Result<AgentRow, Stop<NotShown>> {
    let found = sql::find_agent(tx, id)?.filter(|agent| may_see(caller, agent.operator.as_str()));
    Ok(found.ok_or(NotShown::Unknown)?)
}

fn find_passport(tx: &mut Tx<'_>, id: PassportId, caller: &Caller) -> Result<PassportRow, Stop<NotShown>> {
    let found = sql::find_passport(tx, id)?.filter(|row| may_see(caller, row.operator.as_str()));
    Ok(found.ok_or(NotShown::Unknown)?)
}

fn agent(tx: &mut Tx<'_>, row: AgentRow, now: Timestamp) -> Result<Agent, Fault> {
    let passports = sql::list_passports_of(tx, row.id)?;
    Ok(Agent {
        agent_id: row.id.to_string(),
        operator_id: row.operator.to_string(),
        lineage_head: head(&row),
        agent_name: row.name,
        status: if row.revoked.is_some() { "revoked" } else { "active" }.to_owned(),
        passports: passports.iter().map(|passport| line(passport, now)).collect(),
        created_at: row.created_at.to_rfc3339_seconds(),
    })
}

fn line(row: &PassportRow, now: Timestamp) -> PassportLine {
    PassportLine {
        passport_id: row.id.to_string(),
        status: status(row, now).to_owned(),
        issued_at: row.issued_at.to_rfc3339_seconds(),
        expires_at: row.expires_at.to_rfc3339_seconds(),
        key_id: row.key_id.clone(),
        status_list_index: row.list_index,
        parent_passport_id: row.parent.map(|id| id.to_string()),
    }
}

fn head(row: &AgentRow) -> LineageHead {
    LineageHead { seq: row.head.seq, hash: row.head.hash.to_string() }
}

fn status(row: &PassportRow, now: Timestamp) -> &'static str {
    match (&row.revoked, row.expires_at <= now) {
        (Some(_), _) => "revoked",
        (None, true) => "expired",
        (None, false) => "active",
    }
}

fn value(document: &SignedPassport) -> Result<Value, Fault> {
    serde_json::from_slice(document.canonical()).map_err(|_| damaged("a stored passport is no JSON"))
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { cause: Cause::text(what) }
}
