//! Facts committed for others. The row is written by the operation that caused it; sending comes later.
//!
//! An event gets its place in the order of all events when it is relayed, not when it is committed: transactions end in
//! another order than they began, and whoever reads on from a place must not miss what was committed before it.

use aegis_core::id::EventId;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
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

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its id, the same for every receiver.
    pub id: EventId,
    /// `noun.past_tense`.
    pub kind: String,
    /// The organization that may learn of it; `None`: the instance only.
    pub organization: Option<String>,
    /// What it happened to.
    pub subject: String,
    /// When it was committed.
    pub at: Timestamp,
    /// What receivers get: JSON text, byte for byte the same each time.
    pub payload: String,
    /// Its place in the order of all events, once relayed; starts at 1.
    pub position: Option<i64>,
}

/// Writes an event inside the operation that caused it, under `id` if the operation has to know it.
///
/// # Errors
/// Faults of the store.
pub fn append(tx: &mut Tx<'_>, at: &mut Moment, id: Option<EventId>, event: &Event) -> Result<(), Fault> {
    let id = id.unwrap_or_else(|| at.new_id());
    sql::insert_event(tx, id, at.now(), event)
}

/// Gives at most `limit` waiting events their places, oldest first, and returns them with their places.
///
/// # Errors
/// Faults of the store.
pub fn relay(tx: &mut Tx<'_>, now: Timestamp, limit: u32) -> Result<Vec<StoredEvent>, Fault> {
    let mut events = sql::list_waiting_events(tx, limit)?;
    if events.is_empty() {
        return Ok(events);
    }
    let newest = sql::newest_event_position(tx)?;
    for (position, event) in (newest.saturating_add(1)..).zip(&mut events) {
        sql::update_event_relayed(tx, event.id, position, now)?;
        event.position = Some(position);
    }
    Ok(events)
}

/// Whether an event waits to be relayed.
///
/// # Errors
/// Faults of the store.
pub fn any_waiting(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    Ok(!sql::list_waiting_events(tx, 1)?.is_empty())
}

/// One event, whoever may learn of it.
///
/// # Errors
/// Faults of the store.
pub fn find(tx: &mut Tx<'_>, id: EventId) -> Result<Option<StoredEvent>, Fault> {
    sql::find_event(tx, id)
}

/// Relayed events that `organization` may learn of and whose place is after `position`, in their order.
///
/// # Errors
/// Faults of the store.
pub fn list_after(
    tx: &mut Tx<'_>,
    organization: &str,
    position: i64,
    limit: i64,
) -> Result<Vec<StoredEvent>, Fault> {
    sql::list_events_after(tx, organization, position, limit)
}

/// The place of the newest relayed event; 0 when there is none.
///
/// # Errors
/// Faults of the store.
pub fn newest_position(tx: &mut Tx<'_>) -> Result<i64, Fault> {
    sql::newest_event_position(tx)
}
