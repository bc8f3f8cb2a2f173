//! Entries of the log that this slice writes: ids, roles and scopes, never a name or an address.

use aegis_core::id::{AccessRequestId, ApiKeyId};
use aegis_core::time::Timestamp;
use aegis_kernel::Role;
use aegis_kernel::audit::Leaf;
use aegis_kernel::caller::Scopes;
use aegis_kernel::credential::ApiKey;
use aegis_kernel::organization::OrganizationRow;
use serde_json::{Value, json};

pub(super) fn organization_created(row: &OrganizationRow, key: &ApiKey) -> Leaf {
    let ids: serde_json::Map<String, Value> =
        row.ids.iter().map(|(role, id)| (role.name().to_owned(), id.as_str().into())).collect();
    let details = json!({
        "ids": ids,
        "country": row.country,
        "documentSha256": row.agreement.as_ref().map(|agreement| agreement.document_sha256.as_str()),
        "apiKey": key.id.to_string(),
        "scopes": key.scopes.names(),
    });
    Leaf::done(&row.id, Some(&row.id), details)
}

pub(super) fn organization_updated(row: &OrganizationRow, renamed: bool) -> Leaf {
    Leaf::done(&row.id, Some(&row.id), json!({ "suspended": row.suspended, "renamed": renamed }))
}

pub(super) fn admin_key_created(key: &ApiKey) -> Leaf {
    Leaf::done(key.id, None, json!({ "scopes": key.scopes.names() }))
}

pub(super) fn key_created(key: &ApiKey) -> Leaf {
    let details = json!({
        "scopes": key.scopes.names(),
        "expiresAt": key.expires_at.map(Timestamp::to_rfc3339_millis),
        "networks": key.allowed_ips.len(),
    });
    Leaf::done(key.id, key.organization.as_deref(), details)
}

pub(super) fn key_rotated(key: &ApiKey, overlap_until: Timestamp) -> Leaf {
    let details = json!({ "overlapUntil": overlap_until.to_rfc3339_millis() });
    Leaf::done(key.id, key.organization.as_deref(), details)
}

pub(super) fn key_revoked(key: &ApiKey) -> Leaf {
    let before = key.revoked_at.map(Timestamp::to_rfc3339_millis);
    Leaf::done(key.id, key.organization.as_deref(), json!({ "revokedBefore": before }))
}

pub(super) fn token_minted(key: ApiKeyId, organization: Option<&str>, scopes: &Scopes) -> Leaf {
    Leaf::done(key, organization, json!({ "scopes": scopes.names() }))
}

pub(super) fn access_requested(id: AccessRequestId, roles: &[Role], country: &str) -> Leaf {
    Leaf::done(id, None, json!({ "roles": names(roles), "country": country }))
}

pub(super) fn first_key_fetched(id: AccessRequestId, key: &ApiKey) -> Leaf {
    let details = json!({ "accessRequest": id.to_string(), "scopes": key.scopes.names() });
    Leaf::done(key.id, key.organization.as_deref(), details)
}

pub(super) fn access_approved(id: AccessRequestId, row: &OrganizationRow) -> Leaf {
    let details = json!({
        "organization": row.id,
        "roles": row.ids.keys().map(|role| role.name()).collect::<Vec<_>>(),
    });
    Leaf::done(id, Some(&row.id), details)
}

pub(super) fn access_rejected(id: AccessRequestId) -> Leaf {
    Leaf::done(id, None, json!({}))
}

fn names(roles: &[Role]) -> Vec<&'static str> {
    roles.iter().map(|role| role.name()).collect()
}
