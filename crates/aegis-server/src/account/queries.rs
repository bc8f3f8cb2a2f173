//! What can be read: organizations, keys, requests for access.

use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_kernel::credential::{self, ApiKey};
use aegis_kernel::organization::{self, OrganizationRow};
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Permission, Query, Stop};
use aegis_store::Tx;

use super::access::ops::{AccessRefused, AccessRequest, AccessState};
use super::access::sql;
use super::keys::ops::KeyRefused;
use super::organizations::ops::OrganizationRefused;
use super::{READS, scopes};

/// All organizations, newest first.
pub struct ListOrganizations(pub Page);

impl Access for ListOrganizations {
    const NAME: &'static str = "account.list_organizations";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = READS;
}

impl Query for ListOrganizations {
    type Reply = Paged<OrganizationRow>;
    type Refused = OrganizationRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        _: Timestamp,
        _: &Caller,
    ) -> Result<Paged<OrganizationRow>, Stop<OrganizationRefused>> {
        Ok(organization::list(tx, &self.0)?)
    }
}

/// One organization, by its id in any role.
pub struct GetOrganization(pub String);

impl Access for GetOrganization {
    const NAME: &'static str = "account.get_organization";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = READS;
}

impl Query for GetOrganization {
    type Reply = OrganizationRow;
    type Refused = OrganizationRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        _: Timestamp,
        _: &Caller,
    ) -> Result<OrganizationRow, Stop<OrganizationRefused>> {
        Ok(organization::find(tx, &self.0)?.ok_or(OrganizationRefused::Unknown)?)
    }
}

/// The keys of the calling organization, newest first; revoked ones too.
pub struct ListKeys(pub Page);

impl Access for ListKeys {
    const NAME: &'static str = "account.list_keys";
    const PERMISSION: Permission = Permission::any_role(scopes::KEYS);
    const RATE: RateClass = READS;
}

impl Query for ListKeys {
    type Reply = Paged<ApiKey>;
    type Refused = KeyRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<Paged<ApiKey>, Stop<KeyRefused>> {
        let organization = caller.organization().ok_or(KeyRefused::Unknown)?;
        Ok(credential::list_keys(tx, &organization.id, &self.0)?)
    }
}

/// Requests for access, newest first.
pub struct ListAccessRequests {
    /// Only those that stand so.
    pub state: Option<AccessState>,
    /// Which part of the list.
    pub page: Page,
}

impl Access for ListAccessRequests {
    const NAME: &'static str = "account.list_access_requests";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = READS;
}

impl Query for ListAccessRequests {
    type Reply = Paged<AccessRequest>;
    type Refused = AccessRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        _: Timestamp,
        _: &Caller,
    ) -> Result<Paged<AccessRequest>, Stop<AccessRefused>> {
        let rows = sql::list_access_requests(tx, self.state, &self.page)?;
        Ok(self.page.cut(rows, |request| request.id.to_string()))
    }
}
