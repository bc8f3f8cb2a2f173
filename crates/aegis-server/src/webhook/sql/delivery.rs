//! Statements on deliveries and attempts. One statement a function; no decisions.

use aegis_core::id::{DeliveryId, EventId, WebhookId};
use aegis_core::page::Page;
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Row, Sql, Tx, Value};

use super::damaged;
use crate::webhook::delivery::{Attempt, Delivery, DeliveryState};

/// Does nothing if the endpoint has this event already.
pub(in crate::webhook) fn insert_delivery(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO webhook_delivery (id, endpoint_id, organization_id, event_id, event_type, subject, position, \
         state, tries, due_at, created_at, ended_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ON CONFLICT (endpoint_id, event_id) DO NOTHING",
    );
    let values: [Value; 12] = [
        delivery.id.to_string().into(),
        delivery.endpoint.to_string().into(),
        delivery.organization.as_str().into(),
        delivery.event.to_string().into(),
        delivery.kind.as_str().into(),
        delivery.subject.as_str().into(),
        delivery.position.into(),
        delivery.state.name().into(),
        delivery.tries.into(),
        delivery.due_at.as_micros().into(),
        delivery.created_at.as_micros().into(),
        delivery.ended_at.map(Timestamp::as_micros).into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

/// Writes state, tries and instants back.
pub(in crate::webhook) fn update_delivery(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE webhook_delivery SET state = $2, tries = $3, due_at = $4, ended_at = $5 WHERE id = $1",
    );
    let values: [Value; 5] = [
        delivery.id.to_string().into(),
        delivery.state.name().into(),
        delivery.tries.into(),
        delivery.due_at.as_micros().into(),
        delivery.ended_at.map(Timestamp::as_micros).into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

pub(in crate::webhook) fn cancel_deliveries(
    tx: &mut Tx<'_>,
    endpoint: WebhookId,
    now: Timestamp,
) -> Result<u64, Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE webhook_delivery SET state = 'cancelled', ended_at = $2 \
         WHERE endpoint_id = $1 AND state = 'pending'",
    );
    tx.execute(UPDATE, &[endpoint.to_string().into(), now.as_micros().into()])
}

pub(in crate::webhook) fn find_delivery(tx: &mut Tx<'_>, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, endpoint_id, organization_id, event_id, event_type, subject, position, state, tries, due_at, \
         created_at, ended_at FROM webhook_delivery WHERE id = $1",
    );
    tx.optional(FIND, &[id.to_string().into()], delivery_row)
}

/// Deliveries whose attempt is due, longest due first, at most `each` of one organization. A suspended organization has
/// none, nor has a disabled endpoint, and an ordered endpoint none before which another about the same subject is pending.
pub(in crate::webhook) fn list_due_deliveries(
    tx: &mut Tx<'_>,
    now: Timestamp,
    each: u32,
    limit: u32,
) -> Result<Vec<Delivery>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, endpoint_id, organization_id, event_id, event_type, subject, position, state, tries, due_at, \
         created_at, ended_at FROM ( \
         SELECT due.id, due.endpoint_id, due.organization_id, due.event_id, due.event_type, due.subject, \
         due.position, due.state, due.tries, due.due_at, due.created_at, due.ended_at, \
         ROW_NUMBER() OVER (PARTITION BY due.organization_id ORDER BY due.due_at, due.position) AS place \
         FROM webhook_delivery AS due \
         JOIN webhook_endpoint AS endpoint ON endpoint.id = due.endpoint_id \
         JOIN organization ON organization.id = due.organization_id \
         WHERE due.state = 'pending' AND due.due_at <= $1 AND organization.suspended = 0 \
         AND endpoint.disabled_reason IS NULL \
         AND (endpoint.ordered = 0 OR NOT EXISTS (SELECT 1 FROM webhook_delivery AS earlier \
         WHERE earlier.endpoint_id = due.endpoint_id AND earlier.subject = due.subject \
         AND earlier.state = 'pending' AND earlier.position < due.position)) \
         ) AS ranked WHERE place <= $2 ORDER BY due_at, position LIMIT $3",
    );
    tx.list(LIST, &[now.as_micros().into(), each.into(), limit.into()], delivery_row)
}

pub(in crate::webhook) fn list_deliveries(
    tx: &mut Tx<'_>,
    endpoint: WebhookId,
    page: &Page,
) -> Result<Vec<Delivery>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, endpoint_id, organization_id, event_id, event_type, subject, position, state, tries, due_at, \
         created_at, ended_at FROM webhook_delivery WHERE endpoint_id = $1 \
         AND (CAST($2 AS TEXT) IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
    );
    let values: [Value; 3] = [endpoint.to_string().into(), page.after().into(), page.fetch_count().into()];
    tx.list(LIST, &values, delivery_row)
}

pub(in crate::webhook) fn insert_attempt(
    tx: &mut Tx<'_>,
    delivery: DeliveryId,
    attempt: &Attempt,
) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO webhook_attempt (delivery_id, number, at, latency_ms, status, failure, answer) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    );
    let values: [Value; 7] = [
        delivery.to_string().into(),
        attempt.number.into(),
        attempt.at.as_micros().into(),
        attempt.latency_ms.into(),
        attempt.status.map(i64::from).into(),
        attempt.failure.as_deref().into(),
        attempt.answer.clone().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(in crate::webhook) fn newest_attempt(tx: &mut Tx<'_>, delivery: DeliveryId) -> Result<u32, Fault> {
    const NEWEST: Sql =
        Sql::new("SELECT COALESCE(MAX(number), 0) FROM webhook_attempt WHERE delivery_id = $1");
    tx.one(NEWEST, &[delivery.to_string().into()], |row| row.get(0))
}

/// The newest `limit` attempts, newest first.
pub(in crate::webhook) fn list_attempts(
    tx: &mut Tx<'_>,
    delivery: DeliveryId,
    limit: u32,
) -> Result<Vec<Attempt>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT number, at, latency_ms, status, failure, answer FROM webhook_attempt \
         WHERE delivery_id = $1 ORDER BY number DESC LIMIT $2",
    );
    tx.list(LIST, &[delivery.to_string().into(), limit.into()], |row| {
        let status: Option<u32> = row.get(3)?;
        let status = status.map(u16::try_from).transpose();
        Ok(Attempt {
            number: row.get(0)?,
            at: Timestamp::from_micros(row.get(1)?),
            latency_ms: row.get(2)?,
            status: status.map_err(|_| damaged("webhook_attempt.status is no status"))?,
            failure: row.get(4)?,
            answer: row.get(5)?,
        })
    })
}

pub(in crate::webhook) fn delete_attempts(tx: &mut Tx<'_>, endpoint: WebhookId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new(
        "DELETE FROM webhook_attempt WHERE delivery_id IN \
         (SELECT id FROM webhook_delivery WHERE endpoint_id = $1)",
    );
    tx.execute(DELETE, &[endpoint.to_string().into()]).map(drop)
}

pub(in crate::webhook) fn delete_deliveries(tx: &mut Tx<'_>, endpoint: WebhookId) -> Result<(), Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_delivery WHERE endpoint_id = $1");
    tx.execute(DELETE, &[endpoint.to_string().into()]).map(drop)
}

pub(in crate::webhook) fn delete_attempts_ended_before(
    tx: &mut Tx<'_>,
    before: Timestamp,
) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new(
        "DELETE FROM webhook_attempt WHERE delivery_id IN \
         (SELECT id FROM webhook_delivery WHERE ended_at < $1)",
    );
    tx.execute(DELETE, &[before.as_micros().into()])
}

pub(in crate::webhook) fn delete_deliveries_ended_before(
    tx: &mut Tx<'_>,
    before: Timestamp,
) -> Result<u64, Fault> {
    const DELETE: Sql = Sql::new("DELETE FROM webhook_delivery WHERE ended_at < $1");
    tx.execute(DELETE, &[before.as_micros().into()])
}

fn delivery_row(row: &Row<'_>) -> Result<Delivery, Fault> {
    let (id, endpoint, event, state): (String, String, String, String) =
        (row.get(0)?, row.get(1)?, row.get(3)?, row.get(7)?);
    Ok(Delivery {
        id: DeliveryId::parse(&id).ok_or_else(|| damaged("webhook_delivery.id is no id"))?,
        endpoint: WebhookId::parse(&endpoint)
            .ok_or_else(|| damaged("webhook_delivery.endpoint_id is no id"))?,
        organization: row.get(2)?,
        event: EventId::parse(&event).ok_or_else(|| damaged("webhook_delivery.event_id is no id"))?,
        kind: row.get(4)?,
        subject: row.get(5)?,
        position: row.get(6)?,
        state: DeliveryState::named(&state).ok_or_else(|| damaged("webhook_delivery.state is unknown"))?,
        tries: row.get(8)?,
        due_at: Timestamp::from_micros(row.get(9)?),
        created_at: Timestamp::from_micros(row.get(10)?),
        ended_at: row.get::<Option<i64>>(11)?.map(Timestamp::from_micros),
    })
}
