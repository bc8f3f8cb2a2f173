//! Statements on agents, passports, lineage, status and packs. One statement a function; no decisions.

mod agent;
mod passport;
mod policy;
mod status;

pub(super) use agent::*;
pub(super) use passport::*;
pub(super) use policy::*;
pub(super) use status::*;

use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row};

/// A stored text that must be of a certain form; anything else is damage, never a default.
fn parsed<T>(what: &'static str, text: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T, Fault> {
    parse(text)
        .ok_or_else(|| Fault::Damaged { cause: Cause::text(format!("{what} is not what it should be")) })
}

fn instant(row: &Row<'_>, index: usize) -> Result<Timestamp, Fault> {
    row.get(index).map(Timestamp::from_micros)
}

fn optional_instant(row: &Row<'_>, index: usize) -> Result<Option<Timestamp>, Fault> {
    Ok(row.get::<Option<i64>>(index)?.map(Timestamp::from_micros))
}
