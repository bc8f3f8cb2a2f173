//! Making and changing organizations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aegis_core::api_key::{ApiKeySecret, KeyRealm};
use aegis_core::moment::Moment;
use aegis_kernel::credential::{self, ApiKey, NewKey};
use aegis_kernel::operation::Evidence;
use aegis_kernel::organization::{self, Agreement, OrganizationRow};
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission, Refusal, Role, Stop};
use aegis_store::{Fault, Lane, Tx};

use super::super::{WRITES, facts, scopes};
use super::wire;

/// What a new organization is to be.
#[derive(Debug, Clone)]
pub struct NewOrganization {
    /// How it is called.
    pub name: String,
    /// What it does here; never empty.
    pub roles: BTreeSet<Role>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// The agreement on file.
    pub agreement: Option<Agreement>,
    /// Ids that were proposed, of roles it has.
    pub proposed: BTreeMap<Role, String>,
}

/// Why an organization is not made or changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrganizationRefused {
    /// There is none with this id.
    #[error("the organization is unknown")]
    Unknown,
    /// Other organizations have these ids.
    #[error("ids are in use: {0:?}")]
    IdsTaken(Vec<String>),
}

impl Refusal for OrganizationRefused {}

/// A new organization, its first key and that key's secret.
pub(in super::super) struct Registered {
    pub(in super::super) row: OrganizationRow,
    pub(in super::super) key: ApiKey,
    pub(in super::super) secret: ApiKeySecret,
}

/// Writes a new organization and its first key.
pub(in super::super) fn register(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    new: &NewOrganization,
) -> Result<Registered, Stop<OrganizationRefused>> {
    let row = found(tx, at, new)?;
    let (key, secret) = first_key(tx, at, realm, &row)?;
    Ok(Registered { row, key, secret })
}

/// Writes a new organization that has no key yet.
pub(in super::super) fn found(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    new: &NewOrganization,
) -> Result<OrganizationRow, Stop<OrganizationRefused>> {
    let now = at.now();
    // One UUID for all roles that nobody proposed an id for: they are one organization.
    let drawn = at.entropy().uuid_v7(now).simple().to_string();
    let id_of = |role: &Role| {
        let made = || format!("{}{drawn}", role.id_prefix());
        new.proposed.get(role).cloned().unwrap_or_else(made)
    };
    let ids: BTreeMap<Role, String> = new.roles.iter().map(|role| (*role, id_of(role))).collect();
    let taken = organization::list_taken(tx, ids.values())?;
    if !taken.is_empty() {
        return Err(OrganizationRefused::IdsTaken(taken).into());
    }
    // Roles are ordered, so the first id is that of the first role.
    let id = ids.values().next().cloned().unwrap_or_default();
    let row = OrganizationRow {
        id,
        ids,
        name: new.name.clone(),
        country: new.country.clone(),
        agreement: new.agreement.clone(),
        suspended: false,
        created_at: at.now(),
    };
    organization::insert(tx, &row)?;
    Ok(row)
}

/// Makes the first key of an organization: everything its roles allow, but for approving.
pub(in super::super) fn first_key(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    row: &OrganizationRow,
) -> Result<(ApiKey, ApiKeySecret), Fault> {
    let first = NewKey {
        organization: Some(row.id.clone()),
        scopes: scopes::initial(row.ids.keys()),
        allowed_ips: Vec::new(),
        expires_at: None,
    };
    credential::create_key(tx, at, realm, first)
}

/// Contends with everybody who wants one of the same ids.
pub(in super::super) fn lane_of_ids(new: &NewOrganization) -> Lane {
    let keys: Vec<String> = new.proposed.values().map(|id| lane_key(id)).collect();
    Lane::all(keys.iter().map(String::as_str))
}

fn lane_key(id: &str) -> String {
    format!("organization/{id}")
}

/// Makes an organization and its first key.
pub struct CreateOrganization {
    /// What it is to be.
    pub new: NewOrganization,
    /// Which keys are good here.
    pub realm: KeyRealm,
}

impl Access for CreateOrganization {
    const NAME: &'static str = "account.create_organization";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = WRITES;
}

impl Operation for CreateOrganization {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = OrganizationRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of_ids(&self.new)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<OrganizationRefused> {
        let made = register(tx, at, self.realm, &self.new)?;
        let leaf = facts::organization_created(&made.row, &made.key);
        let first = wire::MadeOrganization::first(&made.row, &made.key, &made.secret);
        let again = wire::MadeOrganization::again(&made.row, &made.key);
        Ok(Commit::created(&wire::NewOrganizationAnswer::from(first), leaf)?
            .replayed_as(&wire::NewOrganizationAnswer::from(again))?
            .at_location(format!("/v1/admin/organizations/{}", made.row.id)))
    }
}

/// What is called: with the operator's id, and whether it is suspended now.
pub type SuspensionCallback = dyn Fn(&str, bool) + Send + Sync;

/// Is told when an operator is suspended or reinstated, inside the commit and before the answer. Wired in `app.rs` to whoever keeps operators in memory.
#[derive(Clone)]
pub struct SuspensionListener(pub Arc<SuspensionCallback>);

/// Renames, suspends or reinstates an organization.
pub struct UpdateOrganization {
    /// Its id in any role.
    pub id: String,
    /// A new name.
    pub name: Option<String>,
    /// Whether everything of it stops.
    pub suspension: Option<Suspension>,
    /// Who is told of a suspension or its end.
    pub listener: SuspensionListener,
}

/// What becomes of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Suspension {
    /// Everything of it stops.
    Suspended,
    /// It may act again.
    Lifted,
}

impl Access for UpdateOrganization {
    const NAME: &'static str = "account.update_organization";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = WRITES;
}

impl Operation for UpdateOrganization {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = OrganizationRefused;

    fn lane(&self, _: &Caller) -> Lane {
        // One lane for all, because the id may be that of any role: listeners hear changes in their order.
        Lane::of("organizations")
    }

    fn run(&self, tx: &mut Tx<'_>, _: &mut Moment, _: &Caller) -> Outcome<OrganizationRefused> {
        let mut row = organization::find(tx, &self.id)?.ok_or(OrganizationRefused::Unknown)?;
        let renamed = self.name.as_ref().is_some_and(|name| *name != row.name);
        if let Some(name) = &self.name {
            row.name.clone_from(name);
        }
        if let Some(suspension) = self.suspension {
            row.suspended = suspension == Suspension::Suspended;
        }
        organization::update(tx, &row)?;
        let commit =
            Commit::changed(&wire::OrganizationAnswer::of(&row), facts::organization_updated(&row, renamed))?;
        let operator = row.ids.get(&Role::Operator).cloned();
        let (listener, suspended) = (self.listener.clone(), row.suspended);
        Ok(match (operator, self.suspension) {
            (Some(operator), Some(_)) => commit.afterwards(move || (listener.0)(&operator, suspended)),
            (Some(_) | None, _) => commit,
        })
    }
}
