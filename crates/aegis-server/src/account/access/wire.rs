//! Requests for access as JSON.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::id::AccessRequestId;
use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_kernel::Role;
use aegis_kernel::organization::{Agreement, OrganizationRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::organizations::wire::{Baa, Ids, OrganizationAnswer, RoleName, role_names};
use super::super::wire::{Appended, next_cursor};
use super::first_key::{LinkRefused, LinkToken};
use super::ops::{AccessRequest, AccessState};
use crate::http::{Problem, read_page};
use crate::query_parameters;

/// A request for access.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewAccessRequest {
    /// How the organization is called; no control characters.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f]+$", example = "Acme Corp")]
    pub organization: String,
    /// Whom to answer.
    #[schema(
        max_length = 254,
        pattern = r"^[^\s@\x00-\x1f\x7f]+@[^\s@\x00-\x1f\x7f]+$",
        example = "it@acme.example"
    )]
    pub email: String,
    /// What it wants to do here.
    #[schema(min_items = 1, max_items = 4)]
    roles: Vec<RoleName>,
    /// ISO 3166-1 alpha-2 country code.
    #[schema(pattern = "^[A-Z]{2}$", example = "US")]
    pub country: String,
    /// Whether a business associate agreement is signed.
    pub baa_signed: bool,
    /// Anything else; no control characters but line breaks and tabs.
    #[schema(nullable = false, max_length = 2000, pattern = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
    pub note: Option<String>,
}

impl NewAccessRequest {
    /// The roles asked for, each once.
    pub fn roles(&self) -> BTreeSet<Role> {
        self.roles.iter().map(|role| Role::from(*role)).collect()
    }
}

/// A request for access was taken in.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccessRequested {
    /// Its id.
    #[schema(example = "acr_019e099acb007b6a9d0e1f2031425364")]
    id: String,
}

impl AccessRequested {
    /// Names the new request.
    pub fn of(id: AccessRequestId) -> AccessRequested {
        AccessRequested { id: id.to_string() }
    }
}

/// Where a request for access stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AccessStateName {
    /// Nobody has decided.
    Pending,
    /// An organization was made of it.
    Approved,
    /// The admin said no.
    Rejected,
}

impl From<AccessState> for AccessStateName {
    fn from(state: AccessState) -> AccessStateName {
        match state {
            AccessState::Pending => AccessStateName::Pending,
            AccessState::Approved => AccessStateName::Approved,
            AccessState::Rejected => AccessStateName::Rejected,
        }
    }
}

impl From<AccessStateName> for AccessState {
    fn from(name: AccessStateName) -> AccessState {
        match name {
            AccessStateName::Pending => AccessState::Pending,
            AccessStateName::Approved => AccessState::Approved,
            AccessStateName::Rejected => AccessState::Rejected,
        }
    }
}

/// One request for access.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequestAnswer {
    /// Its id.
    #[schema(example = "acr_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    state: AccessStateName,
    /// How the organization is called.
    organization: String,
    /// Whom to answer.
    email: String,
    /// What it wants to do here.
    roles: Vec<RoleName>,
    /// ISO 3166-1 alpha-2 country code.
    country: String,
    /// Whether a business associate agreement is signed, as the asker says.
    baa_signed: bool,
    /// Anything else.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    note: Option<String>,
    /// The organization that was made of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    organization_id: Option<String>,
    /// When it was asked.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    decided_at: Option<String>,
}

impl AccessRequestAnswer {
    fn of(request: &AccessRequest) -> AccessRequestAnswer {
        AccessRequestAnswer {
            id: request.id.to_string(),
            state: request.state.into(),
            organization: request.organization.clone(),
            email: request.email.clone(),
            roles: role_names(&request.roles),
            country: request.country.clone(),
            baa_signed: request.baa_signed,
            note: request.note.clone(),
            organization_id: request.made.clone(),
            created_at: request.created_at.to_rfc3339_millis(),
            decided_at: request.decided_at.map(Timestamp::to_rfc3339_millis),
        }
    }
}

/// A page of requests for access, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccessRequestList {
    access_requests: Vec<AccessRequestAnswer>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl AccessRequestList {
    /// Shows a page.
    pub fn of(paged: &Paged<AccessRequest>) -> AccessRequestList {
        AccessRequestList {
            access_requests: paged.items.iter().map(AccessRequestAnswer::of).collect(),
            next_cursor: next_cursor(paged),
        }
    }
}

/// How a request for access is approved.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// The business associate agreement that was put on file; needed for the roles provider and consumer
    /// unless the request says that one is signed.
    #[schema(nullable = false)]
    baa: Option<Baa>,
    /// Ids the organization is to have; of roles left out here, one is made.
    #[schema(nullable = false)]
    ids: Option<Ids>,
}

impl Approval {
    /// The agreement and the proposed ids.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for an unreadable instant.
    pub fn read(self) -> Result<(Option<Agreement>, BTreeMap<Role, String>), Problem> {
        let agreement = self.baa.map(Baa::read).transpose();
        let agreement = agreement.map_err(|violation| Problem::validation(vec![violation]))?;
        Ok((agreement, self.ids.unwrap_or_default().read()))
    }
}

/// An approved request for access, with the organization that was made of it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApprovedAnswer {
    /// The request's id.
    id: String,
    state: AccessStateName,
    organization: OrganizationAnswer,
    /// Until when the mailed link to the first key works.
    #[schema(format = "date-time")]
    link_expires_at: String,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl ApprovedAnswer {
    /// Shows the approved request.
    pub fn of(request: &AccessRequest, row: &OrganizationRow, link_expires_at: Timestamp) -> ApprovedAnswer {
        ApprovedAnswer {
            id: request.id.to_string(),
            state: request.state.into(),
            organization: OrganizationAnswer::of(row),
            link_expires_at: link_expires_at.to_rfc3339_millis(),
            log_entry: Appended::LATER,
        }
    }
}

/// The token of a link.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// What stands behind the `#` of the link.
    #[schema(max_length = 128, example = "aegis_first_…")]
    token: String,
}

impl Link {
    /// The token, if it is one that was ever mailed by its form.
    ///
    /// # Errors
    /// [`LinkRefused::Dead`]
    pub fn read(&self) -> Result<LinkToken, LinkRefused> {
        LinkToken::parse(&self.token).ok_or(LinkRefused::Dead)
    }
}

/// A rejected request for access.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RejectedAnswer {
    /// The request's id.
    id: String,
    state: AccessStateName,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl RejectedAnswer {
    /// Shows the rejected request.
    pub fn of(request: &AccessRequest) -> RejectedAnswer {
        RejectedAnswer { id: request.id.to_string(), state: request.state.into(), log_entry: Appended::LATER }
    }
}

/// Which requests for access.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccessRequestQuery {
    /// Rows of a page; 50 if left out.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[schema(nullable = false, max_length = 512)]
    cursor: Option<String>,
    /// Only those that stand so.
    #[schema(nullable = false)]
    pub state: Option<AccessStateName>,
}
query_parameters!(AccessRequestQuery);

impl AccessRequestQuery {
    /// As the page of any other list.
    ///
    /// # Errors
    /// As there.
    pub fn page(&self) -> Result<Page, Problem> {
        Ok(read_page(self.limit, self.cursor.as_deref())?)
    }
}
