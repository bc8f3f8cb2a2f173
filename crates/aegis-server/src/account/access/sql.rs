//! Statements on requests for access. One statement a function; no decisions.

use std::collections::BTreeSet;

use aegis_core::crypto::digest::Digest;
use aegis_core::id::AccessRequestId;
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_kernel::Role;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::ops::{AccessRequest, AccessState};

pub(super) fn insert_access_request(tx: &mut Tx<'_>, request: &AccessRequest) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO access_request (id, state, organization, email, roles, country, baa_signed, note, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    );
    let roles: Vec<&str> = request.roles.iter().map(|role| role.name()).collect();
    let values: [Value; 9] = [
        request.id.to_string().into(),
        request.state.name().into(),
        request.organization.as_str().into(),
        request.email.as_str().into(),
        roles.join(" ").into(),
        request.country.as_str().into(),
        request.baa_signed.into(),
        request.note.as_deref().into(),
        request.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn update_access_request(tx: &mut Tx<'_>, request: &AccessRequest) -> Result<(), Fault> {
    const UPDATE: Sql =
        Sql::new("UPDATE access_request SET state = $2, organization_id = $3, decided_at = $4 WHERE id = $1");
    let values: [Value; 4] = [
        request.id.to_string().into(),
        request.state.name().into(),
        request.made.as_deref().into(),
        request.decided_at.map(Timestamp::as_micros).into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

pub(super) fn find_access_request(
    tx: &mut Tx<'_>,
    id: AccessRequestId,
) -> Result<Option<AccessRequest>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, state, organization, email, roles, country, baa_signed, note, organization_id, created_at, \
         decided_at FROM access_request WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], access_request_row)
}

pub(in super::super) fn list_access_requests(
    tx: &mut Tx<'_>,
    state: Option<AccessState>,
    page: &Page,
) -> Result<Vec<AccessRequest>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, state, organization, email, roles, country, baa_signed, note, organization_id, created_at, \
         decided_at FROM access_request WHERE (CAST($1 AS TEXT) IS NULL OR state = $1) \
         AND (CAST($2 AS TEXT) IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
    );
    let values: [Value; 3] =
        [state.map(AccessState::name).into(), page.after().into(), page.fetch_count().into()];
    tx.list(LIST, &values, access_request_row)
}

fn access_request_row(row: &Row<'_>) -> Result<AccessRequest, Fault> {
    let damaged = |what: &str| Fault::Damaged { cause: Cause::text(what) };
    let (id, state, roles): (String, String, String) = (row.get(0)?, row.get(1)?, row.get(4)?);
    let roles: Option<BTreeSet<Role>> = roles.split_whitespace().map(Role::named).collect();
    Ok(AccessRequest {
        id: AccessRequestId::parse(&id).ok_or_else(|| damaged("access_request.id is no id"))?,
        state: AccessState::ALL
            .into_iter()
            .find(|known| known.name() == state)
            .ok_or_else(|| damaged("access_request.state is unknown"))?,
        organization: row.get(2)?,
        email: row.get(3)?,
        roles: roles.ok_or_else(|| damaged("access_request.roles is unknown"))?,
        country: row.get(5)?,
        baa_signed: row.get(6)?,
        note: row.get(7)?,
        made: row.get(8)?,
        created_at: Timestamp::from_micros(row.get(9)?),
        decided_at: row.get::<Option<i64>>(10)?.map(Timestamp::from_micros),
    })
}

/// A link that was mailed and not used.
pub(super) struct LinkRow {
    pub(super) digest: Digest,
    pub(super) request: AccessRequestId,
    pub(super) organization: String,
    pub(super) expires_at: Timestamp,
}

pub(super) fn insert_link(tx: &mut Tx<'_>, link: &LinkRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO first_key_link (digest, access_request_id, organization_id, expires_at) VALUES ($1, $2, $3, $4)",
    );
    let values: [Value; 4] = [
        link.digest.as_bytes().as_slice().into(),
        link.request.to_string().into(),
        link.organization.as_str().into(),
        link.expires_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn find_link(tx: &mut Tx<'_>, digest: Digest) -> Result<Option<LinkRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT access_request_id, organization_id, expires_at FROM first_key_link WHERE digest = $1",
    );
    tx.optional(FIND, &[digest.as_bytes().as_slice().into()], |row| {
        let request: String = row.get(0)?;
        let damaged = || Fault::Damaged { cause: Cause::text("first_key_link.access_request_id is no id") };
        Ok(LinkRow {
            digest,
            request: AccessRequestId::parse(&request).ok_or_else(damaged)?,
            organization: row.get(1)?,
            expires_at: Timestamp::from_micros(row.get(2)?),
        })
    })
}

/// Whether a link for this request waits to be used, expired or not.
pub(super) fn has_link(tx: &mut Tx<'_>, request: AccessRequestId) -> Result<bool, Fault> {
    const COUNT: Sql = Sql::new("SELECT COUNT(*) FROM first_key_link WHERE access_request_id = $1");
    let count: i64 = tx.one(COUNT, &[request.to_string().into()], |row| row.get(0))?;
    Ok(count > 0)
}

pub(super) fn delete_links(tx: &mut Tx<'_>, request: AccessRequestId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM first_key_link WHERE access_request_id = $1");
    tx.execute(DELETE, &[request.to_string().into()]).map(drop)
}
