//! Statements on policy packs, pins, key history and limits.

use aegis_core::crypto::digest::Digest;
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Sql, Tx, Value};

use super::parsed;

/// A policy pack as stored.
#[derive(Debug, Clone)]
pub(crate) struct PackRow {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) sha256: String,
    pub(crate) status: String,
    pub(crate) released_at: Timestamp,
    pub(crate) content: String,
}

pub(crate) fn insert_pack(tx: &mut Tx<'_>, pack: &PackRow) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO policy_pack (name, version, sha256, status, released_at, content) VALUES ($1, $2, $3, $4, $5, $6)",
    );
    let values: [Value; 6] = [
        pack.name.as_str().into(),
        pack.version.as_str().into(),
        pack.sha256.as_str().into(),
        pack.status.as_str().into(),
        pack.released_at.as_micros().into(),
        pack.content.as_str().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(crate) fn list_packs(tx: &mut Tx<'_>) -> Result<Vec<PackRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT name, version, sha256, status, released_at, content FROM policy_pack ORDER BY name, version",
    );
    tx.list(LIST, &[], |row| {
        Ok(PackRow {
            name: row.get(0)?,
            version: row.get(1)?,
            sha256: row.get(2)?,
            status: row.get(3)?,
            released_at: Timestamp::from_micros(row.get(4)?),
            content: row.get(5)?,
        })
    })
}

pub(crate) fn upsert_pins(tx: &mut Tx<'_>, digest: &Digest, pins: &str) -> Result<(), Fault> {
    const UPSERT: Sql =
        Sql::new("INSERT INTO policy_pin (digest, pins) VALUES ($1, $2) ON CONFLICT (digest) DO NOTHING");
    tx.execute(UPSERT, &[digest.to_string().into(), pins.into()]).map(drop)
}

pub(crate) fn list_pins(tx: &mut Tx<'_>) -> Result<Vec<(Digest, String)>, Fault> {
    const LIST: Sql = Sql::new("SELECT digest, pins FROM policy_pin");
    tx.list(LIST, &[], |row| {
        Ok((parsed("policy_pin.digest", &row.get::<String>(0)?, Digest::parse)?, row.get(1)?))
    })
}

pub(crate) fn newest_key_history(tx: &mut Tx<'_>) -> Result<Option<(u64, String)>, Fault> {
    const NEWEST: Sql = Sql::new("SELECT version, document FROM key_history ORDER BY version DESC LIMIT 1");
    tx.optional(NEWEST, &[], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(crate) fn insert_key_history(tx: &mut Tx<'_>, version: u64, document: &str) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new("INSERT INTO key_history (version, document) VALUES ($1, $2)");
    tx.execute(INSERT, &[Value::try_from(version)?, document.into()]).map(drop)
}

/// How often an operator may issue and amend in an hour, where it is not the default.
pub(crate) fn find_limits(tx: &mut Tx<'_>, operator: &str) -> Result<Option<(u32, u32)>, Fault> {
    const FIND: Sql =
        Sql::new("SELECT issue_per_hour, amend_per_hour FROM operator_limit WHERE operator_id = $1");
    tx.optional(FIND, &[operator.into()], |row| Ok((row.get(0)?, row.get(1)?)))
}

pub(crate) fn upsert_limits(tx: &mut Tx<'_>, operator: &str, issue: u32, amend: u32) -> Result<(), Fault> {
    const UPSERT: Sql = Sql::new(
        "INSERT INTO operator_limit (operator_id, issue_per_hour, amend_per_hour) VALUES ($1, $2, $3) \
         ON CONFLICT (operator_id) DO UPDATE SET issue_per_hour = excluded.issue_per_hour, \
         amend_per_hour = excluded.amend_per_hour",
    );
    tx.execute(UPSERT, &[operator.into(), issue.into(), amend.into()]).map(drop)
}

/// The id of the organization that is this operator.
pub(crate) fn find_organization_of(tx: &mut Tx<'_>, operator: &str) -> Result<Option<String>, Fault> {
    const FIND: Sql = Sql::new("SELECT organization_id FROM organization_role WHERE id = $1");
    tx.optional(FIND, &[operator.into()], |row| row.get(0))
}

/// Operator ids of suspended organizations.
pub(crate) fn list_suspended_operators(tx: &mut Tx<'_>) -> Result<Vec<String>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT r.id FROM organization_role r JOIN organization o ON o.id = r.organization_id \
         WHERE o.suspended = 1 AND r.role = 'operator'",
    );
    tx.list(LIST, &[], |row| row.get(0))
}
