//! Requests for access: anybody may ask, the admin decides. Asking alone never gives anybody a key.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aegis_core::id::AccessRequestId;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_kernel::operation::Evidence;
use aegis_kernel::organization::{self, Agreement, OrganizationRow};
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission, Refusal, Role, Stop};
use aegis_store::{Lane, Tx};

use super::super::organizations::ops::{NewOrganization, OrganizationRefused, found};
use super::super::{ACCESS_REQUESTS, WRITES, facts};
use super::{first_key, sql, wire};

/// Where a request for access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessState {
    /// Nobody has decided.
    Pending,
    /// An organization was made of it.
    Approved,
    /// The admin said no.
    Rejected,
}

impl AccessState {
    /// All of them.
    pub const ALL: [AccessState; 3] = [AccessState::Pending, AccessState::Approved, AccessState::Rejected];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            AccessState::Pending => "pending",
            AccessState::Approved => "approved",
            AccessState::Rejected => "rejected",
        }
    }
}

/// One request for access as stored. The address stays in the row: no log, no entry, no error repeats it.
#[derive(Clone)]
pub struct AccessRequest {
    /// Its id.
    pub id: AccessRequestId,
    /// Where it stands.
    pub state: AccessState,
    /// How the organization is called.
    pub organization: String,
    /// Whom to answer.
    pub email: String,
    /// What the organization wants to do here.
    pub roles: BTreeSet<Role>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Whether a business associate agreement is signed, as the asker says.
    pub baa_signed: bool,
    /// Anything else.
    pub note: Option<String>,
    /// What was made of it.
    pub made: Option<String>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it was decided.
    pub decided_at: Option<Timestamp>,
}

/// Why a request for access is not decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessRefused {
    /// There is none with this id.
    #[error("the request for access is unknown")]
    Unknown,
    /// It was decided before.
    #[error("the request for access is {}", .0.name())]
    Decided(AccessState),
    /// The roles are open to entities of the United States only.
    #[error("the roles demand an entity of the United States")]
    NotEligible,
    /// The roles demand a business associate agreement.
    #[error("the roles demand a business associate agreement")]
    NoAgreement,
    /// There is no way to tell the asker.
    #[error("no mail server is configured")]
    NoMail,
    /// An id was proposed for a role that was not asked for.
    #[error("an id of role {} was proposed", .0.name())]
    IdWithoutRole(Role),
    /// The organization cannot be made.
    #[error(transparent)]
    Organization(#[from] OrganizationRefused),
}

impl Refusal for AccessRefused {}

/// Asks for access.
pub struct RequestAccess {
    /// How the organization is called.
    pub organization: String,
    /// Whom to answer.
    pub email: String,
    /// What the organization wants to do here.
    pub roles: BTreeSet<Role>,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Whether a business associate agreement is signed.
    pub baa_signed: bool,
    /// Anything else.
    pub note: Option<String>,
}

impl Access for RequestAccess {
    const NAME: &'static str = "account.request_access";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = ACCESS_REQUESTS;
}

impl Operation for RequestAccess {
    // The answer is exactly `{id}`; the entry is for the instance, not for a stranger.
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = AccessRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::none()
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<AccessRefused> {
        let request = AccessRequest {
            id: at.new_id(),
            state: AccessState::Pending,
            organization: self.organization.clone(),
            email: self.email.clone(),
            roles: self.roles.clone(),
            country: self.country.clone(),
            baa_signed: self.baa_signed,
            note: self.note.clone(),
            made: None,
            created_at: at.now(),
            decided_at: None,
        };
        sql::insert_access_request(tx, &request)?;
        let roles: Vec<Role> = request.roles.iter().copied().collect();
        let leaf = facts::access_requested(request.id, &roles, &request.country);
        Ok(Commit::accepted(&wire::AccessRequested::of(request.id), leaf)?)
    }
}

/// Makes an organization of a request for access.
pub struct ApproveAccess {
    /// Which request.
    pub id: AccessRequestId,
    /// The agreement that was put on file, where the roles demand one.
    pub agreement: Option<Agreement>,
    /// Ids the new organization is to have.
    pub proposed: BTreeMap<Role, String>,
    /// Whose mail tells the asker.
    pub kernel: Kernel,
    /// The public origin, for the link in it.
    pub origin: Arc<str>,
}

impl Access for ApproveAccess {
    const NAME: &'static str = "account.approve_access";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = WRITES;
}

impl ApproveAccess {
    /// What the roles demand of the one who asks.
    fn check(&self, request: &AccessRequest) -> Result<(), AccessRefused> {
        if !self.kernel.parts().mailer.is_configured() {
            return Err(AccessRefused::NoMail);
        }
        if let Some(role) = self.proposed.keys().find(|role| !request.roles.contains(role)) {
            return Err(AccessRefused::IdWithoutRole(*role));
        }
        let exchanges = request.roles.contains(&Role::Provider) || request.roles.contains(&Role::Consumer);
        if exchanges && request.country != "US" {
            return Err(AccessRefused::NotEligible);
        }
        if exchanges && !request.baa_signed && self.agreement.is_none() {
            return Err(AccessRefused::NoAgreement);
        }
        Ok(())
    }
}

impl Operation for ApproveAccess {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = AccessRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<AccessRefused> {
        let request = sql::find_access_request(tx, self.id)?.ok_or(AccessRefused::Unknown)?;
        let (request, row) = match request.state {
            AccessState::Pending => self.found(tx, at, request)?,
            AccessState::Approved => unfetched(tx, request)?,
            AccessState::Rejected => return Err(AccessRefused::Decided(request.state).into()),
        };
        let keyring = &self.kernel.parts().keyring;
        let until = first_key::mail_link(tx, at, keyring, &self.origin, &request, &row)?;
        let leaf = facts::access_approved(request.id, &row);
        let kernel = self.kernel.clone();
        Ok(Commit::changed(&wire::ApprovedAnswer::of(&request, &row, until), leaf)?
            .afterwards(move || kernel.mail_hint().notify_one()))
    }
}

impl ApproveAccess {
    /// Makes the organization that was asked for.
    fn found(
        &self,
        tx: &mut Tx<'_>,
        at: &mut Moment,
        mut request: AccessRequest,
    ) -> Result<(AccessRequest, OrganizationRow), Stop<AccessRefused>> {
        self.check(&request)?;
        let new = NewOrganization {
            name: request.organization.clone(),
            roles: request.roles.clone(),
            country: request.country.clone(),
            agreement: self.agreement.clone(),
            proposed: self.proposed.clone(),
        };
        let row = found(tx, at, &new).map_err(|stop| match stop {
            Stop::Refused(refused) => Stop::Refused(AccessRefused::from(refused)),
            Stop::Fault(fault) => Stop::Fault(fault),
        })?;
        request.state = AccessState::Approved;
        request.made = Some(row.id.clone());
        request.decided_at = Some(at.now());
        sql::update_access_request(tx, &request)?;
        Ok((request, row))
    }
}

/// An approved request whose key nobody fetched: mail gets lost and links expire, so it may be approved again.
fn unfetched(
    tx: &mut Tx<'_>,
    request: AccessRequest,
) -> Result<(AccessRequest, OrganizationRow), Stop<AccessRefused>> {
    let row = match &request.made {
        Some(made) if sql::has_link(tx, request.id)? => organization::find(tx, made)?,
        _ => None,
    };
    let row = row.ok_or(AccessRefused::Decided(AccessState::Approved))?;
    Ok((request, row))
}

/// Says no to a request for access.
pub struct RejectAccess {
    /// Which request.
    pub id: AccessRequestId,
}

impl Access for RejectAccess {
    const NAME: &'static str = "account.reject_access";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = WRITES;
}

impl Operation for RejectAccess {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = AccessRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<AccessRefused> {
        let mut request = sql::find_access_request(tx, self.id)?.ok_or(AccessRefused::Unknown)?;
        if request.state != AccessState::Pending {
            return Err(AccessRefused::Decided(request.state).into());
        }
        request.state = AccessState::Rejected;
        request.decided_at = Some(at.now());
        sql::update_access_request(tx, &request)?;
        Ok(Commit::changed(&wire::RejectedAnswer::of(&request), facts::access_rejected(request.id))?)
    }
}

fn lane_of(id: AccessRequestId) -> Lane {
    Lane::of(&format!("access_request/{id}"))
}
