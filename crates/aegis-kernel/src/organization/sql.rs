//! Statements on organizations and their roles. One statement a function; no decisions.

use std::collections::BTreeMap;

use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::{Agreement, OrganizationRow};
use crate::caller::Role;

pub(super) fn is_taken(tx: &mut Tx<'_>, id: &str) -> Result<bool, Fault> {
    const FIND: Sql = Sql::new("SELECT 1 FROM organization_role WHERE id = $1");
    tx.optional(FIND, &[id.into()], |_| Ok(())).map(|found| found.is_some())
}

pub(super) fn insert_organization(tx: &mut Tx<'_>, row: &OrganizationRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO organization (id, name, country, baa_signed_at, baa_sha256, suspended, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let agreement = row.agreement.as_ref();
    let values: [Value; 7] = [
        row.id.as_str().into(),
        row.name.as_str().into(),
        row.country.as_str().into(),
        agreement.map(|agreement| agreement.signed_at.as_micros()).into(),
        agreement.map(|agreement| agreement.document_sha256.as_str()).into(),
        row.suspended.into(),
        row.created_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn insert_role(tx: &mut Tx<'_>, organization: &str, role: Role, id: &str) -> Result<(), Fault> {
    const INSERT: Sql =
        Sql::new("INSERT INTO organization_role (id, organization_id, role) VALUES ($1, $2, $3)");
    tx.execute(INSERT, &[id.into(), organization.into(), role.name().into()]).map(drop)
}

pub(super) fn update_organization(tx: &mut Tx<'_>, row: &OrganizationRow) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new("UPDATE organization SET name = $2, suspended = $3 WHERE id = $1");
    let values: [Value; 3] = [row.id.as_str().into(), row.name.as_str().into(), row.suspended.into()];
    tx.execute(UPDATE, &values).map(drop)
}

/// One row for each role of the organization that has `id` in one of them.
pub(super) fn list_roles_of(tx: &mut Tx<'_>, id: &str) -> Result<Vec<OrganizationRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT o.id, o.name, o.country, o.baa_signed_at, o.baa_sha256, o.suspended, o.created_at, r.role, r.id \
         FROM organization_role named JOIN organization o ON o.id = named.organization_id \
         JOIN organization_role r ON r.organization_id = o.id WHERE named.id = $1 ORDER BY r.id",
    );
    tx.list(LIST, &[id.into()], organization_row)
}

/// One row for each role of each organization of a page, newest organization first.
pub(super) fn list_roles(
    tx: &mut Tx<'_>,
    after: Option<(Timestamp, &str)>,
    limit: i64,
) -> Result<Vec<OrganizationRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT o.id, o.name, o.country, o.baa_signed_at, o.baa_sha256, o.suspended, o.created_at, r.role, r.id \
         FROM (SELECT id, name, country, baa_signed_at, baa_sha256, suspended, created_at FROM organization \
               WHERE CAST($1 AS BIGINT) IS NULL OR created_at < $1 OR (created_at = $1 AND id < $2) \
               ORDER BY created_at DESC, id DESC LIMIT $3) o \
         JOIN organization_role r ON r.organization_id = o.id ORDER BY o.created_at DESC, o.id DESC, r.id",
    );
    let (created_at, id) = after.unzip();
    let values: [Value; 3] = [created_at.map(Timestamp::as_micros).into(), id.into(), limit.into()];
    tx.list(LIST, &values, organization_row)
}

fn organization_row(row: &Row<'_>) -> Result<OrganizationRow, Fault> {
    let role = Role::named(&row.get::<String>(7)?)
        .ok_or_else(|| Fault::Damaged { cause: Cause::text("organization_role.role is unknown") })?;
    let signed_at: Option<i64> = row.get(3)?;
    let document: Option<String> = row.get(4)?;
    Ok(OrganizationRow {
        id: row.get(0)?,
        ids: BTreeMap::from([(role, row.get(8)?)]),
        name: row.get(1)?,
        country: row.get(2)?,
        agreement: signed_at.zip(document).map(|(micros, document_sha256)| Agreement {
            signed_at: Timestamp::from_micros(micros),
            document_sha256,
        }),
        suspended: row.get(5)?,
        created_at: Timestamp::from_micros(row.get(6)?),
    })
}
