//! Issuing a passport.

use std::sync::Arc;

use aegis_core::id::AgentId;
use aegis_core::moment::Moment;
use aegis_core::rate::Window;
use aegis_kernel::caller::Role;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::{self, RateClass};
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission, Stop};
use aegis_passport::bundle::PinnedPack;
use aegis_passport::document::{ListUrl, STATUS_LIST_ENTRIES, SignedPassport, StatusPlace};
use aegis_passport::facts::Registered;
use aegis_passport::ids::{ActorId, KeyId};
use aegis_passport::issue::{AgentState, AgentStatus, Draft, IssueContext, Parent, draft};
use aegis_passport::keys::Purpose;
use aegis_passport::verdict::Reason;
use aegis_store::{Cause, Fault, Lane, Tx};

use crate::passport::problems::IssueDenied;
use crate::passport::registry::{Known, ParentDocument, Registry};
use crate::passport::sql::{self, AgentRow, PassportRow};
use crate::passport::wire::Issuance;
use crate::passport::{ISSUE_WINDOW, facts};

/// Live passports below one root, so that every cascade fits one transaction.
const LIVE_BELOW_ROOT_MAX: u32 = 100_000;

/// `POST /api/agent/issue`.
pub(crate) struct IssuePassport {
    pub(crate) kernel: Kernel,
    pub(crate) registry: Arc<Registry>,
    pub(crate) issuance: Issuance,
}

impl Access for IssuePassport {
    const NAME: &'static str = "identity.issue";
    const PERMISSION: Permission = Permission::role(Role::Operator, "identity:issue");
    // Issuances are counted inside the operation, exactly.
    const RATE: RateClass = RateClass::UNLIMITED;
    const REFUSALS: Option<RateClass> = Some(RateClass::new("issue-refused", 60, 60));
}

/// The parent of the passport asked for.
struct Above {
    row: PassportRow,
    document: SignedPassport,
    pins: Option<Arc<[PinnedPack]>>,
    standing: Result<(), Reason>,
}

impl Operation for IssuePassport {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = IssueDenied;

    fn lane(&self, caller: &Caller) -> Lane {
        let key = bucket(caller);
        match self.issuance.agent {
            None => Lane::of(&key),
            Some(agent) => Lane::pair(&key, &format!("agent/{agent}")),
        }
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<IssueDenied> {
        let operator = &self.issuance.ask.operator_id;
        let window = self.window(tx, operator.as_str())?;
        let standing = rate::standing(tx, &bucket(caller), window, at.now())?;
        if !standing.admitted {
            let leaf = facts::issue_refused(operator, caller);
            return Ok(Commit::denied(IssueDenied::RateLimited(standing), leaf));
        }
        let (agent, is_new) = self.agent(tx, at)?;
        let above = self.above(tx, at)?;
        let signer = self.kernel.parts().keyring.signer(tx, Purpose::Passport.as_str())?;
        let status = self.status_place(tx, at)?;
        let actor = ActorId::parse(caller.actor()).ok_or_else(|| broken("the caller's id is no actor"))?;
        let shelf = self.registry.shelf();
        let context = IssueContext {
            now: at.now(),
            issuer: self.registry.issuer(),
            key_id: KeyId::of(&signer.key.public()),
            passport_id: at.new_id(),
            agent: state(tx, &agent, at)?,
            status: &status,
            shelf: &shelf,
            parent: above.as_ref().map(|above| Parent {
                passport: above.document.passport(),
                pins: above.pins.as_deref(),
                standing: above.standing,
            }),
            actor: &actor,
            scopes_default: &self.registry.settings().scopes_default,
            agent_key_required_from: self.registry.settings().agent_key_required_from,
        };
        let drafted = draft(&self.issuance.ask, &context).map_err(IssueDenied::Rules)?;
        let Draft { passport, entry, pins } = drafted;
        let signed = passport.sign(&signer.key);
        let row = passport_row(&signed, status_list(&status), at.new_id());
        if is_new {
            sql::insert_agent(tx, &agent)?;
        }
        self.name_agent(tx, &agent)?;
        sql::update_lineage_head(tx, agent.id, entry.head())?;
        sql::insert_passport(tx, &row, &text(&signed)?)?;
        facts::insert_lineage(tx, &entry, row.log_entry)?;
        sql::upsert_pins(tx, &signed.passport().policy_bundle_digest, &facts::write_pins(&pins))?;
        rate::record(tx, &bucket(caller), at.now())?;
        let body = signed.canonical().to_vec();
        let leaf = facts::lineage_leaf(&entry, row.log_entry, caller.actor())?;
        Ok(Commit::created_document(body, leaf)
            .at_location(format!("/registry/passports/{}", row.id))
            .counted(ISSUE_WINDOW, standing)
            .emit(facts::passport_event("passport.issued", caller.actor().to_owned(), &row))
            .afterwards(self.remember(row, signed, pins, above)))
    }
}

impl IssuePassport {
    fn window(&self, tx: &mut Tx<'_>, operator: &str) -> Result<Window, Fault> {
        let own = sql::find_limits(tx, operator)?.map(|(issue, _)| issue);
        Ok(Window { limit: own.unwrap_or(self.registry.settings().issue_per_hour), seconds: 3600 })
    }

    /// The agent asked for, and whether it is new.
    fn agent(&self, tx: &mut Tx<'_>, at: &mut Moment) -> Result<(AgentRow, bool), Stop<IssueDenied>> {
        let ask = &self.issuance.ask;
        let id: AgentId = self.issuance.agent.unwrap_or_else(|| at.new_id());
        let found = if self.issuance.agent.is_some() { sql::find_agent(tx, id)? } else { None };
        let name = ask.agent_name.as_ref().map(ToString::to_string);
        if let Some(name) = &name
            && sql::name_is_taken(tx, &ask.operator_id, name, id)?
        {
            return Err(IssueDenied::AgentNameTaken.into());
        }
        match found {
            Some(agent) if agent.operator != ask.operator_id => Err(IssueDenied::AgentIdTaken.into()),
            Some(agent) => Ok((agent, false)),
            None => {
                let agent = AgentRow {
                    id,
                    operator: ask.operator_id.clone(),
                    name,
                    head: aegis_passport::lineage::Head::GENESIS,
                    revoked: None,
                    created_at: at.now(),
                };
                Ok((agent, true))
            }
        }
    }

    fn name_agent(&self, tx: &mut Tx<'_>, agent: &AgentRow) -> Result<(), Fault> {
        match &self.issuance.ask.agent_name {
            Some(name) if agent.name.as_deref() != Some(name.as_str()) => {
                sql::update_agent_name(tx, agent.id, name.as_str())
            }
            _ => Ok(()),
        }
    }

    fn above(&self, tx: &mut Tx<'_>, at: &Moment) -> Result<Option<Above>, Stop<IssueDenied>> {
        let Some(id) = self.issuance.parent else { return Ok(None) };
        let row = sql::find_passport(tx, id)?
            .filter(|row| row.operator == self.issuance.ask.operator_id)
            .ok_or(IssueDenied::ParentUnknown)?;
        let document = facts::read_document(tx, id)?;
        let standing = self.standing(tx, &row, &document, at)?;
        // Counting the living reads them all, so they are counted only where so many were issued at all.
        if sql::count_issued_below(tx, row.root)? > LIVE_BELOW_ROOT_MAX
            && sql::count_live_below(tx, row.root, at.now())? >= LIVE_BELOW_ROOT_MAX
        {
            return Err(IssueDenied::TreeFull.into());
        }
        let pins = self.registry.pins_of(&document.passport().policy_bundle_digest);
        Ok(Some(Above { row, document, pins, standing }))
    }

    /// Rows first: they know what was revoked a moment ago in this very transaction.
    fn standing(
        &self,
        tx: &mut Tx<'_>,
        row: &PassportRow,
        document: &SignedPassport,
        at: &Moment,
    ) -> Result<Result<(), Reason>, Fault> {
        let mut next = Some(row.clone());
        while let Some(row) = next {
            if row.revoked.is_some() {
                return Ok(Err(Reason::Revoked));
            }
            next = match row.parent {
                None => None,
                Some(parent) => sql::find_passport(tx, parent)?,
            };
        }
        Ok(self.registry.standing(document, at.now()))
    }

    /// A random index of the open list that no passport ever had.
    fn status_place(&self, tx: &mut Tx<'_>, at: &mut Moment) -> Result<StatusPlace, Fault> {
        let list = self.registry.open_list();
        let index = loop {
            let index = u32::try_from(at.entropy().below(u64::from(STATUS_LIST_ENTRIES))).unwrap_or(0);
            if !sql::index_is_taken(tx, list, index)? {
                break index;
            }
        };
        let list_url = ListUrl::parse(&format!("{}/status/{list}", self.registry.origin()))
            .ok_or_else(|| broken("the public origin makes no status list URL"))?;
        Ok(StatusPlace { list_url, index })
    }

    /// What this process keeps of the new passport.
    fn remember(
        &self,
        row: PassportRow,
        signed: SignedPassport,
        pins: Vec<PinnedPack>,
        above: Option<Above>,
    ) -> impl FnOnce() + Send + 'static {
        let registry = Arc::clone(&self.registry);
        move || {
            if let Some(above) = above {
                let passport = above.document.passport().clone();
                registry.add_parent(above.row.id, Arc::new(ParentDocument { passport }));
            }
            registry.index_taken(row.list);
            registry.add_pins(signed.passport().policy_bundle_digest, pins.into());
            registry.add_known(row.id, known(&row), row.log_entry);
        }
    }
}

/// The bucket that counts issuances: a key and all its secrets share one.
fn bucket(caller: &Caller) -> String {
    format!("{ISSUE_WINDOW}/{}", caller.key.map_or_else(|| caller.actor().to_owned(), |key| key.to_string()))
}

fn state(tx: &mut Tx<'_>, agent: &AgentRow, at: &Moment) -> Result<AgentState, Fault> {
    let live = usize::try_from(sql::count_live_of(tx, agent.id, at.now())?).unwrap_or(usize::MAX);
    Ok(AgentState {
        agent_id: agent.id,
        status: if agent.revoked.is_some() { AgentStatus::Revoked } else { AgentStatus::Active },
        live_passports: live,
        head: agent.head,
    })
}

/// What the registry keeps of a row.
pub(in crate::passport) fn known(row: &PassportRow) -> Known {
    Known {
        registered: Registered {
            body_digest: row.body_digest,
            lineage_hash: row.lineage_hash,
            document_digest: Some(row.document_digest),
            log_index: None,
            logged_at: None,
        },
        revocation: row.revoked.as_ref().map(|revoked| revoked.revocation),
    }
}

fn passport_row(signed: &SignedPassport, list: u32, log_entry: aegis_core::id::LogEntryId) -> PassportRow {
    let passport = signed.passport();
    let above = passport.delegation.above;
    PassportRow {
        id: passport.passport_id,
        agent: passport.agent_id,
        operator: passport.operator_id.clone(),
        risk: passport.risk_classification.as_str().to_owned(),
        document_digest: *signed.digest(),
        body_digest: signed.body_digest(),
        key_id: passport.key_id.to_string(),
        lineage_seq: passport.lineage_seq,
        lineage_hash: passport.audit_lineage_hash,
        parent: above.map(|above| above.parent_passport_id),
        root: above.map_or(passport.passport_id, |above| above.root_passport_id),
        list,
        list_index: passport.status.index,
        issued_at: passport.issued_at,
        expires_at: passport.expires_at,
        revoked: None,
        log_entry,
    }
}

/// The number at the end of a list's URL.
fn status_list(place: &StatusPlace) -> u32 {
    place.list_url.as_str().rsplit('/').next().and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn text(signed: &SignedPassport) -> Result<String, Fault> {
    String::from_utf8(signed.canonical().to_vec())
        .map_err(|error| Fault::Internal { what: "write a passport as text", cause: Cause::new(error) })
}

fn broken(what: &'static str) -> Fault {
    Fault::Internal { what: "issue a passport", cause: Cause::text(what) }
}
