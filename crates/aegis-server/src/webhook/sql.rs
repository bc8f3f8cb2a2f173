//! Statements on endpoints and their secrets. One statement a function; no decisions.

mod delivery;

use aegis_core::id::WebhookId;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::delivery::{DisabledReason, Endpoint, SecretRow};
use super::subscription::Subscription;

pub(super) use delivery::*;

fn damaged(what: &'static str) -> Fault {
    Fault::Damaged { cause: Cause::text(what) }
}

pub(super) fn insert_endpoint(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO webhook_endpoint (id, organization_id, sealed_url, description, events, ordered, signs_v1a, \
         disabled_reason, failing_since, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    );
    let values: [Value; 10] = [
        endpoint.id.to_string().into(),
        endpoint.organization.as_str().into(),
        endpoint.sealed_url.clone().into(),
        endpoint.description.as_deref().into(),
        endpoint.events.to_string().into(),
        endpoint.ordered.into(),
        endpoint.asymmetric.into(),
        endpoint.disabled.map(DisabledReason::name).into(),
        endpoint.failing_since.map(Timestamp::as_micros).into(),
        endpoint.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn update_endpoint(tx: &mut Tx<'_>, endpoint: &Endpoint) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE webhook_endpoint SET sealed_url = $2, description = $3, events = $4, ordered = $5, signs_v1a = $6, \
         disabled_reason = $7, failing_since = $8 WHERE id = $1",
    );
    let values: [Value; 8] = [
        endpoint.id.to_string().into(),
        endpoint.sealed_url.clone().into(),
        endpoint.description.as_deref().into(),
        endpoint.events.to_string().into(),
        endpoint.ordered.into(),
        endpoint.asymmetric.into(),
        endpoint.disabled.map(DisabledReason::name).into(),
        endpoint.failing_since.map(Timestamp::as_micros).into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

/// `since` is kept if the endpoint was failing before.
pub(super) fn update_failing(tx: &mut Tx<'_>, id: WebhookId, since: Timestamp) -> Result<(), Fault> {
    const UPDATE: Sql =
        Sql::new("UPDATE webhook_endpoint SET failing_since = COALESCE(failing_since, $2) WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), since.as_micros().into()]).map(drop)
}

pub(super) fn update_working(tx: &mut Tx<'_>, id: WebhookId) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE webhook_endpoint SET failing_since = NULL WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into()]).map(drop)
}

pub(super) fn delete_endpoint(tx: &mut Tx<'_>, id: WebhookId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_endpoint WHERE id = $1");
    tx.execute(DELETE, &[id.to_string().into()]).map(drop)
}

pub(super) fn find_endpoint(tx: &mut Tx<'_>, id: WebhookId) -> Result<Option<Endpoint>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, organization_id, sealed_url, description, events, ordered, signs_v1a, disabled_reason, \
         failing_since, created_at FROM webhook_endpoint WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], endpoint_row)
}

pub(super) fn list_endpoints(
    tx: &mut Tx<'_>,
    organization: &str,
    page: &Page,
) -> Result<Vec<Endpoint>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, organization_id, sealed_url, description, events, ordered, signs_v1a, disabled_reason, \
         failing_since, created_at FROM webhook_endpoint WHERE organization_id = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
    );
    tx.list(LIST, &[organization.into(), page.after().into(), page.fetch_count().into()], endpoint_row)
}

pub(super) fn list_enabled_endpoints(tx: &mut Tx<'_>, organization: &str) -> Result<Vec<Endpoint>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, organization_id, sealed_url, description, events, ordered, signs_v1a, disabled_reason, \
         failing_since, created_at FROM webhook_endpoint WHERE organization_id = $1 AND disabled_reason IS NULL \
         ORDER BY id",
    );
    tx.list(LIST, &[organization.into()], endpoint_row)
}

pub(super) fn count_endpoints(tx: &mut Tx<'_>, organization: &str) -> Result<i64, Fault> {
    const COUNT: Sql = Sql::new("SELECT COUNT(*) FROM webhook_endpoint WHERE organization_id = $1");
    tx.one(COUNT, &[organization.into()], |row| row.get(0))
}

pub(super) fn insert_secret(tx: &mut Tx<'_>, id: WebhookId, secret: &SecretRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO webhook_secret (endpoint_id, version, sealed, public_key, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    );
    let values: [Value; 5] = [
        id.to_string().into(),
        secret.version.into(),
        secret.sealed.clone().into(),
        secret.public_key.into(),
        secret.expires_at.map(Timestamp::as_micros).into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

/// The secrets that sign at `now`, newest first.
pub(super) fn list_secrets(tx: &mut Tx<'_>, id: WebhookId, now: Timestamp) -> Result<Vec<SecretRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT version, sealed, public_key, expires_at FROM webhook_secret \
         WHERE endpoint_id = $1 AND (expires_at IS NULL OR expires_at > $2) ORDER BY version DESC",
    );
    tx.list(LIST, &[id.to_string().into(), now.as_micros().into()], |row| {
        Ok(SecretRow {
            version: row.get(0)?,
            sealed: row.get(1)?,
            public_key: row.get(2)?,
            expires_at: row.get::<Option<i64>>(3)?.map(Timestamp::from_micros),
        })
    })
}

pub(super) fn update_secret_expiry(
    tx: &mut Tx<'_>,
    id: WebhookId,
    version: u32,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    const UPDATE: Sql =
        Sql::new("UPDATE webhook_secret SET expires_at = $3 WHERE endpoint_id = $1 AND version = $2");
    tx.execute(UPDATE, &[id.to_string().into(), version.into(), expires_at.as_micros().into()]).map(drop)
}

pub(super) fn delete_secrets_below(tx: &mut Tx<'_>, id: WebhookId, version: u32) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_secret WHERE endpoint_id = $1 AND version < $2");
    tx.execute(DELETE, &[id.to_string().into(), version.into()]).map(drop)
}

pub(super) fn delete_secrets(tx: &mut Tx<'_>, id: WebhookId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_secret WHERE endpoint_id = $1");
    tx.execute(DELETE, &[id.to_string().into()]).map(drop)
}

pub(super) fn delete_secrets_before(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_secret WHERE expires_at < $1");
    tx.execute(DELETE, &[now.as_micros().into()])
}

fn endpoint_row(row: &Row<'_>) -> Result<Endpoint, Fault> {
    let (id, events, reason): (String, String, Option<String>) = (row.get(0)?, row.get(4)?, row.get(7)?);
    let named = |name: String| {
        DisabledReason::named(&name).ok_or_else(|| damaged("webhook_endpoint.disabled_reason is unknown"))
    };
    Ok(Endpoint {
        id: WebhookId::parse(&id).ok_or_else(|| damaged("webhook_endpoint.id is no id"))?,
        organization: row.get(1)?,
        sealed_url: row.get(2)?,
        description: row.get(3)?,
        events: Subscription::parse(&events).ok_or_else(|| damaged("webhook_endpoint.events is empty"))?,
        ordered: row.get(5)?,
        asymmetric: row.get(6)?,
        disabled: reason.map(named).transpose()?,
        failing_since: row.get::<Option<i64>>(8)?.map(Timestamp::from_micros),
        created_at: Timestamp::from_micros(row.get(9)?),
    })
}
