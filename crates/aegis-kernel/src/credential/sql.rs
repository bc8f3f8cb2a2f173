//! Statements on API keys, secrets, tokens and the organization behind them. No decisions.

use std::collections::BTreeMap;

use aegis_core::crypto::digest::Digest;
use aegis_core::id::ApiKeyId;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::ApiKey;
use crate::caller::{Organization, Role, Scopes};

pub(super) fn insert_key(tx: &mut Tx<'_>, key: &ApiKey) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO api_key (id, organization_id, scopes, allowed_ips, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let networks: Vec<String> = key.allowed_ips.iter().map(ToString::to_string).collect();
    let values: [Value; 6] = [
        key.id.to_string().into(),
        key.organization.as_deref().into(),
        key.scopes.to_string().into(),
        networks.join(" ").into(),
        key.expires_at.map(Timestamp::as_micros).into(),
        key.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn insert_secret(
    tx: &mut Tx<'_>,
    digest: Digest,
    id: ApiKeyId,
    hint: &str,
    now: Timestamp,
) -> Result<(), Fault> {
    const INSERT: Sql =
        Sql::new("INSERT INTO api_key_secret (digest, key_id, hint, created_at) VALUES ($1, $2, $3, $4)");
    let values: [Value; 4] =
        [digest.as_bytes().as_slice().into(), id.to_string().into(), hint.into(), now.as_micros().into()];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn expire_secrets(tx: &mut Tx<'_>, id: ApiKeyId, until: Timestamp) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE api_key_secret SET expires_at = $2 WHERE key_id = $1 AND (expires_at IS NULL OR expires_at > $2)",
    );
    tx.execute(UPDATE, &[id.to_string().into(), until.as_micros().into()]).map(drop)
}

pub(super) fn revoke_key(tx: &mut Tx<'_>, id: ApiKeyId, now: Timestamp) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE api_key SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL");
    tx.execute(UPDATE, &[id.to_string().into(), now.as_micros().into()]).map(drop)
}

pub(super) fn delete_tokens_of(tx: &mut Tx<'_>, id: ApiKeyId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM access_token WHERE key_id = $1");
    tx.execute(DELETE, &[id.to_string().into()]).map(drop)
}

pub(crate) fn delete_tokens_before(tx: &mut Tx<'_>, before: Timestamp) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM access_token WHERE expires_at < $1");
    tx.execute(DELETE, &[before.as_micros().into()])
}

pub(crate) fn update_last_use(tx: &mut Tx<'_>, id: ApiKeyId, at: Timestamp) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE api_key SET last_used_at = $2 WHERE id = $1");
    tx.execute(UPDATE, &[id.to_string().into(), at.as_micros().into()]).map(drop)
}

pub(super) fn insert_token(
    tx: &mut Tx<'_>,
    digest: Digest,
    id: ApiKeyId,
    scopes: &Scopes,
    expires_at: Timestamp,
) -> Result<(), Fault> {
    const INSERT: Sql =
        Sql::new("INSERT INTO access_token (digest, key_id, scopes, expires_at) VALUES ($1, $2, $3, $4)");
    let values: [Value; 4] = [
        digest.as_bytes().as_slice().into(),
        id.to_string().into(),
        scopes.to_string().into(),
        expires_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn find_by_secret(
    tx: &mut Tx<'_>,
    digest: Digest,
    now: Timestamp,
) -> Result<Option<ApiKey>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT k.id, k.organization_id, k.scopes, k.allowed_ips, k.expires_at, k.created_at, k.last_used_at, \
         k.revoked_at FROM api_key_secret s JOIN api_key k ON k.id = s.key_id \
         WHERE s.digest = $1 AND (s.expires_at IS NULL OR s.expires_at > $2)",
    );
    tx.optional(FIND, &[digest.as_bytes().as_slice().into(), now.as_micros().into()], key_row)
}

pub(super) fn find_by_token(
    tx: &mut Tx<'_>,
    digest: Digest,
    now: Timestamp,
) -> Result<Option<(ApiKey, Scopes)>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT k.id, k.organization_id, k.scopes, k.allowed_ips, k.expires_at, k.created_at, k.last_used_at, \
         k.revoked_at, t.scopes FROM access_token t JOIN api_key k ON k.id = t.key_id \
         WHERE t.digest = $1 AND t.expires_at > $2",
    );
    tx.optional(FIND, &[digest.as_bytes().as_slice().into(), now.as_micros().into()], |row| {
        Ok((key_row(row)?, Scopes::parse(&row.get::<String>(8)?)))
    })
}

pub(super) fn find_key(tx: &mut Tx<'_>, organization: &str, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, organization_id, scopes, allowed_ips, expires_at, created_at, last_used_at, revoked_at \
         FROM api_key WHERE id = $1 AND organization_id = $2",
    );
    tx.optional(FIND, &[id.to_string().into(), organization.into()], key_row)
}

pub(super) fn has_admin_key(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    const FIND: Sql =
        Sql::new("SELECT 1 FROM api_key WHERE organization_id IS NULL AND revoked_at IS NULL LIMIT 1");
    tx.optional(FIND, &[], |_| Ok(())).map(|found| found.is_some())
}

pub(super) fn list_keys(tx: &mut Tx<'_>, organization: &str, page: &Page) -> Result<Vec<ApiKey>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, organization_id, scopes, allowed_ips, expires_at, created_at, last_used_at, revoked_at \
         FROM api_key WHERE organization_id = $1 AND (CAST($2 AS TEXT) IS NULL OR id < $2) \
         ORDER BY id DESC LIMIT $3",
    );
    tx.list(LIST, &[organization.into(), page.after().into(), page.fetch_count().into()], key_row)
}

/// The organization of a key, with its id in each role.
pub(super) fn find_organization(tx: &mut Tx<'_>, id: &str) -> Result<Organization, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT o.suspended, r.role, r.id FROM organization o \
         JOIN organization_role r ON r.organization_id = o.id WHERE o.id = $1",
    );
    let rows = tx.list(FIND, &[id.into()], |row| {
        Ok((row.get::<bool>(0)?, role(&row.get::<String>(1)?)?, row.get::<String>(2)?))
    })?;
    let suspended = rows.iter().any(|(suspended, _, _)| *suspended);
    let ids: BTreeMap<Role, String> = rows.into_iter().map(|(_, role, id)| (role, id)).collect();
    Ok(Organization { id: id.to_owned(), ids, suspended })
}

fn role(name: &str) -> Result<Role, Fault> {
    Role::named(name)
        .ok_or_else(|| Fault::Damaged { cause: Cause::text("organization_role.role is unknown") })
}

fn key_row(row: &Row<'_>) -> Result<ApiKey, Fault> {
    let damaged = |what: &str| Fault::Damaged { cause: Cause::text(what) };
    let id: String = row.get(0)?;
    let networks: String = row.get(3)?;
    let instant = |index| row.get::<Option<i64>>(index).map(|micros| micros.map(Timestamp::from_micros));
    Ok(ApiKey {
        id: ApiKeyId::parse(&id).ok_or_else(|| damaged("api_key.id is no id"))?,
        organization: row.get(1)?,
        scopes: Scopes::parse(&row.get::<String>(2)?),
        allowed_ips: networks
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()
            .map_err(|_| damaged("api_key.allowed_ips is no list of networks"))?,
        expires_at: instant(4)?,
        created_at: Timestamp::from_micros(row.get(5)?),
        last_used_at: instant(6)?,
        revoked_at: instant(7)?,
    })
}
