//! Endpoints, deliveries and attempts as the slice thinks of them.

use aegis_core::id::{DeliveryId, EventId, WebhookId};
use aegis_core::time::Timestamp;

use super::subscription::Subscription;

/// Why an endpoint gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisabledReason {
    /// Its organization said so.
    Owner,
    /// It answered 410.
    Gone,
    /// It failed for five days.
    Failing,
}

impl DisabledReason {
    const ALL: [DisabledReason; 3] = [DisabledReason::Owner, DisabledReason::Gone, DisabledReason::Failing];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            DisabledReason::Owner => "owner",
            DisabledReason::Gone => "gone",
            DisabledReason::Failing => "failing",
        }
    }

    /// The reason with this name.
    pub fn named(name: &str) -> Option<DisabledReason> {
        DisabledReason::ALL.into_iter().find(|reason| reason.name() == name)
    }
}

/// A receiver of events that an organization named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its id.
    pub id: WebhookId,
    /// Whose it is.
    pub organization: String,
    /// Where it is, sealed.
    pub sealed_url: Vec<u8>,
    /// What its organization calls it.
    pub description: Option<String>,
    /// What it wants.
    pub events: Subscription,
    /// Whether an event waits until those before it about the same subject have ended.
    pub ordered: bool,
    /// Whether `v1a` signatures are made as well.
    pub asymmetric: bool,
    /// Why it gets nothing; `None` while it is enabled.
    pub disabled: Option<DisabledReason>,
    /// The first failure after its last success.
    pub failing_since: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One secret of an endpoint, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRow {
    /// Counts from 1; the highest is the newest.
    pub version: u32,
    /// The secret's bytes, sealed.
    pub sealed: Vec<u8>,
    /// The public key of `v1a`.
    pub public_key: [u8; 32],
    /// Until when it signs; `None` for the newest.
    pub expires_at: Option<Timestamp>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    /// It will be tried, now or later.
    Pending,
    /// The receiver answered 2xx.
    Delivered,
    /// All attempts of the round failed, or the receiver answered 410.
    Failed,
    /// Its endpoint was disabled before it ended.
    Cancelled,
}

impl DeliveryState {
    /// All states.
    const ALL: [DeliveryState; 4] =
        [DeliveryState::Pending, DeliveryState::Delivered, DeliveryState::Failed, DeliveryState::Cancelled];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Failed => "failed",
            DeliveryState::Cancelled => "cancelled",
        }
    }

    /// The state with this name.
    pub fn named(name: &str) -> Option<DeliveryState> {
        DeliveryState::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One event for one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: DeliveryId,
    /// For whom.
    pub endpoint: WebhookId,
    /// Whose endpoint that is.
    pub organization: String,
    /// Which event.
    pub event: EventId,
    /// The event's kind.
    pub kind: String,
    /// What the event is about.
    pub subject: String,
    /// The event's place.
    pub position: i64,
    /// How it stands.
    pub state: DeliveryState,
    /// Attempts of the present round.
    pub tries: u32,
    /// The next attempt, or the end of the lease of the present one.
    pub due_at: Timestamp,
    /// When the event was relayed.
    pub created_at: Timestamp,
    /// When it stopped being pending.
    pub ended_at: Option<Timestamp>,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts from 1 over all rounds of its delivery.
    pub number: u32,
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub latency_ms: u32,
    /// The status of the answer; `None`: none came.
    pub status: Option<u16>,
    /// Why no answer came.
    pub failure: Option<String>,
    /// The answer's first bytes.
    pub answer: Vec<u8>,
}
