//! Facts committed for others. The row is written by the operation that caused it; sending comes later.

use aegis_core::moment::Moment;
use aegis_store::{Fault, Tx};

use crate::sql;

/// One fact: what happened to which subject, and whom to tell.
#[derive(Debug, Clone)]
pub struct Event {
    /// `noun.past_tense`.
    pub kind: &'static str,
    /// The organization that may learn of it; `None`: the instance only.
    pub organization: Option<String>,
    /// What it happened to; the order of events is kept per subject.
    pub subject: String,
    /// What receivers get.
    pub payload: serde_json::Value,
}

/// Writes an event inside the operation that caused it.
///
/// # Errors
/// Faults of the store.
pub fn append(tx: &mut Tx<'_>, at: &mut Moment, event: &Event) -> Result<(), Fault> {
    let id = at.new_id();
    sql::insert_event(tx, id, at.now(), event)
}
