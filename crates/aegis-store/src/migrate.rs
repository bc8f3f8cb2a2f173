//! Brings a schema forward, and refuses one it does not know.
//!
//! Forward only. Each step and the row that records it commit together, so that a crash between steps is resumed by the next
//! call, and a step is applied once.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::dialect::{Backend, Sql};
use crate::{Fault, Tx, Value};

const CREATE: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    name TEXT NOT NULL PRIMARY KEY,
    checksum TEXT NOT NULL,
    applied_at BIGINT NOT NULL
)";
const CREATE_STRICT: &str = "CREATE TABLE IF NOT EXISTS schema_migration (
    name TEXT NOT NULL PRIMARY KEY,
    checksum TEXT NOT NULL,
    applied_at INTEGER NOT NULL
) STRICT";
const CREATE_TABLE: Sql = Sql::differing(CREATE_STRICT, CREATE);
const HAS_TABLE: Sql = Sql::differing(
    "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migration'",
    "SELECT count(*) FROM information_schema.tables
     WHERE table_schema = current_schema() AND table_name = 'schema_migration'",
);
const LIST_APPLIED: Sql = Sql::new("SELECT name, checksum FROM schema_migration ORDER BY name");
const INSERT_APPLIED: Sql =
    Sql::new("INSERT INTO schema_migration (name, checksum, applied_at) VALUES ($1, $2, $3)");

/// One step of a series, in both dialects. May hold several statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    name: &'static str,
    statements: Sql,
}

impl Migration {
    /// A step named `NNNN_owner_what`. Names of a series ascend.
    pub const fn new(name: &'static str, sqlite: &'static str, postgres: &'static str) -> Migration {
        Migration { name, statements: Sql::differing(sqlite, postgres) }
    }

    /// The name under which the step is recorded.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    fn checksum(&self, backend: Backend) -> String {
        format!("{:016x}", stable_hash(self.statements.for_backend(backend).as_bytes()))
    }
}

/// How a database's schema relates to the series this program knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SchemaState {
    /// All steps are applied, and no other.
    Current,
    /// The first steps are applied, these are not.
    Behind {
        /// Names in the order they would be applied.
        missing: Vec<String>,
    },
    /// A step was applied that this program does not know, or one is missing in the middle: a newer program was here.
    Unknown {
        /// The newest unknown step.
        newest: String,
    },
    /// A step was applied from another text than this program carries under its name.
    Altered {
        /// The first such step.
        name: String,
    },
}

/// Compares what is recorded with `series`.
pub(crate) fn state(tx: &mut Tx<'_>, backend: Backend, series: &[Migration]) -> Result<SchemaState, Fault> {
    let recorded = tx.one(HAS_TABLE, &[], |row| row.get::<bool>(0))?;
    let applied: Vec<(String, String)> =
        if recorded { tx.list(LIST_APPLIED, &[], |row| Ok((row.get(0)?, row.get(1)?)))? } else { Vec::new() };
    Ok(compare(&applied, backend, series))
}

fn compare(applied: &[(String, String)], backend: Backend, series: &[Migration]) -> SchemaState {
    let mut known = series.iter();
    for (name, checksum) in applied {
        match known.next() {
            Some(step) if step.name == name => {
                if step.checksum(backend) != *checksum {
                    return SchemaState::Altered { name: name.clone() };
                }
            }
            Some(_) | None => {
                let newest = applied.last().map_or_else(|| name.clone(), |(newest, _)| newest.clone());
                return SchemaState::Unknown { newest };
            }
        }
    }
    let missing: Vec<String> = known.map(|step| step.name.to_owned()).collect();
    if missing.is_empty() { SchemaState::Current } else { SchemaState::Behind { missing } }
}

/// Applies the first missing step and returns its name, `None` if there is none.
pub(crate) fn step(
    tx: &mut Tx<'_>,
    backend: Backend,
    series: &[Migration],
) -> Result<Option<&'static str>, Fault> {
    let missing = match state(tx, backend, series)? {
        SchemaState::Current => return Ok(None),
        SchemaState::Behind { missing } => missing,
        SchemaState::Unknown { newest } => {
            let problem = format!("migration {newest} is not known to this program; use a newer one");
            return Err(Fault::Schema { problem });
        }
        SchemaState::Altered { name } => {
            let problem = format!("migration {name} was applied from another text than this program carries");
            return Err(Fault::Schema { problem });
        }
    };
    let Some(step) = missing.first().and_then(|name| series.iter().find(|step| step.name == name)) else {
        return Ok(None);
    };
    tx.execute(CREATE_TABLE, &[])?;
    tx.batch(step.statements.for_backend(backend))?;
    let params = [step.name.into(), step.checksum(backend).into(), Value::Int(applied_at())];
    tx.execute(INSERT_APPLIED, &params)?;
    Ok(Some(step.name))
}

/// Microseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a note for operators beside the step; no rule ever reads it")]
fn applied_at() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

/// FNV-1a: the same on every machine and in every release. It detects edits by accident, not by an adversary, who could
/// write to `schema_migration` as well.
pub(crate) fn stable_hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::{Migration, stable_hash};

    #[test]
    fn stable_hash_is_fnv_1a() {
        assert_eq!(stable_hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stable_hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn the_series_ascends() {
        let names: Vec<&str> = crate::schema::SERIES.iter().map(Migration::name).collect();
        assert!(names.is_sorted(), "{names:?}");
    }
}
