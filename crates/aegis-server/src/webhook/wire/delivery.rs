//! Deliveries, attempts and tests as JSON.

use aegis_core::id::EventId;
use aegis_core::page::{Paged, encode_cursor};
use aegis_core::time::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::Appended;
use crate::webhook::delivery::{Attempt, Delivery, DeliveryState};

/// A test that is on its way.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TestAnswer {
    /// The event, also the message's `webhook-id`; its delivery is listed with the endpoint's.
    #[schema(example = "evt_019e099acb007b6a9d0e1f2031425364")]
    event_id: String,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl TestAnswer {
    /// Names the event.
    pub fn of(event: EventId) -> TestAnswer {
        TestAnswer { event_id: event.to_string(), log_entry: Appended::LATER }
    }
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryStateWord {
    /// It will be tried, now or later.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// All attempts failed, or the receiver answered 410.
    Failed,
    /// Its endpoint was disabled before it ended.
    Cancelled,
}

impl From<DeliveryState> for DeliveryStateWord {
    fn from(state: DeliveryState) -> DeliveryStateWord {
        match state {
            DeliveryState::Pending => DeliveryStateWord::Pending,
            DeliveryState::Delivered => DeliveryStateWord::Delivered,
            DeliveryState::Failed => DeliveryStateWord::Failed,
            DeliveryState::Cancelled => DeliveryStateWord::Cancelled,
        }
    }
}

/// One try of a delivery.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AttemptBody {
    /// Counts from 1.
    number: u32,
    /// When it began.
    #[schema(format = "date-time")]
    at: String,
    /// How long it took, in milliseconds.
    latency_ms: u32,
    /// The status of the answer; absent if none came.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, minimum = 100, maximum = 999)]
    status: Option<u16>,
    /// Why no answer came: `private_address`, `unresolvable`, `connect`, `tls`, `timeout` or `protocol`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "timeout")]
    failure: Option<String>,
    /// The first 1,024 bytes of the answer's body as text; what is no UTF-8 is replaced.
    answer: String,
}

impl AttemptBody {
    fn of(attempt: &Attempt) -> AttemptBody {
        AttemptBody {
            number: attempt.number,
            at: attempt.at.to_rfc3339_millis(),
            latency_ms: attempt.latency_ms,
            status: attempt.status,
            failure: attempt.failure.clone(),
            answer: String::from_utf8_lossy(&attempt.answer).into_owned(),
        }
    }
}

/// One event for one endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryBody {
    /// Its id.
    #[schema(example = "whd_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// The endpoint.
    #[schema(example = "whk_019e099acb007b6a9d0e1f2031425364")]
    webhook_id: String,
    /// The event, also the message's `webhook-id`.
    #[schema(example = "evt_019e099acb007b6a9d0e1f2031425364")]
    event_id: String,
    /// The event's kind.
    #[schema(example = "passport.issued")]
    r#type: String,
    /// How it stands.
    state: DeliveryStateWord,
    /// When it is tried next; absent once it has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    next_attempt_at: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it ended; absent while it is pending.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    ended_at: Option<String>,
    /// The newest 16 attempts, newest first.
    attempts: Vec<AttemptBody>,
}

impl DeliveryBody {
    /// Shows a delivery.
    pub fn of(delivery: &Delivery, attempts: &[Attempt]) -> DeliveryBody {
        let pending = delivery.state == DeliveryState::Pending;
        DeliveryBody {
            id: delivery.id.to_string(),
            webhook_id: delivery.endpoint.to_string(),
            event_id: delivery.event.to_string(),
            r#type: delivery.kind.clone(),
            state: delivery.state.into(),
            next_attempt_at: pending.then(|| delivery.due_at.to_rfc3339_millis()),
            created_at: delivery.created_at.to_rfc3339_millis(),
            ended_at: delivery.ended_at.map(Timestamp::to_rfc3339_millis),
            attempts: attempts.iter().map(AttemptBody::of).collect(),
        }
    }
}

/// A page of deliveries, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryList {
    deliveries: Vec<DeliveryBody>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl DeliveryList {
    /// Shows a page.
    pub fn of(paged: &Paged<(Delivery, Vec<Attempt>)>) -> DeliveryList {
        let shown = paged.items.iter().map(|(delivery, attempts)| DeliveryBody::of(delivery, attempts));
        DeliveryList { deliveries: shown.collect(), next_cursor: paged.next.as_deref().map(encode_cursor) }
    }
}

/// A delivery that is on its way again.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RedeliveryAnswer {
    #[serde(flatten)]
    delivery: DeliveryBody,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl RedeliveryAnswer {
    /// Shows the delivery.
    pub fn of(delivery: &Delivery, attempts: &[Attempt]) -> RedeliveryAnswer {
        RedeliveryAnswer { delivery: DeliveryBody::of(delivery, attempts), log_entry: Appended::LATER }
    }
}
