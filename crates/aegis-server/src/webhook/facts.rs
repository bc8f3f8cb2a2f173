//! Entries of the log and events that this slice writes: ids, hosts, counts; never a secret, a path or a query.

use aegis_core::id::WebhookId;
use aegis_core::time::Timestamp;
use aegis_kernel::audit::Leaf;
use aegis_kernel::outbox::Event;
use serde_json::json;

use super::delivery::{Delivery, DisabledReason, Endpoint};
use super::subscription::{DISABLED, TEST};

/// An endpoint was made or changed; `host` is where its events go now.
pub(super) fn endpoint_set(endpoint: &Endpoint, host: &str) -> Leaf {
    let details = json!({
        "host": host,
        "events": endpoint.events.names(),
        "ordered": endpoint.ordered,
        "asymmetric": endpoint.asymmetric,
        "enabled": endpoint.disabled.is_none(),
    });
    leaf(endpoint, details)
}

pub(super) fn endpoint_deleted(endpoint: &Endpoint) -> Leaf {
    leaf(endpoint, json!({}))
}

pub(super) fn endpoint_disabled(endpoint: &Endpoint, reason: DisabledReason, cancelled: u64) -> Leaf {
    leaf(endpoint, json!({ "reason": reason.name(), "cancelled": cancelled }))
}

pub(super) fn secret_rotated(endpoint: &Endpoint, overlap_until: Timestamp) -> Leaf {
    leaf(endpoint, json!({ "overlapUntil": overlap_until.to_rfc3339_millis() }))
}

pub(super) fn endpoint_tested(endpoint: &Endpoint) -> Leaf {
    leaf(endpoint, json!({}))
}

pub(super) fn redelivered(delivery: &Delivery) -> Leaf {
    let details = json!({ "deliveryId": delivery.id.to_string(), "eventId": delivery.event.to_string() });
    Leaf::done(delivery.endpoint, Some(&delivery.organization), details)
}

fn leaf(endpoint: &Endpoint, details: serde_json::Value) -> Leaf {
    Leaf::done(endpoint.id, Some(&endpoint.organization), details)
}

/// The event that tests one endpoint.
pub(super) fn test_event(endpoint: &Endpoint) -> Event {
    Event {
        kind: TEST,
        organization: Some(endpoint.organization.clone()),
        subject: endpoint.id.to_string(),
        payload: json!({ "webhookId": endpoint.id.to_string() }),
    }
}

/// What the organization and its other endpoints are told.
pub(super) fn disabled_event(
    organization: &str,
    id: WebhookId,
    reason: DisabledReason,
    failing_since: Option<Timestamp>,
) -> Event {
    Event {
        kind: DISABLED,
        organization: Some(organization.to_owned()),
        subject: id.to_string(),
        payload: json!({
            "webhookId": id.to_string(),
            "reason": reason.name(),
            "failingSince": failing_since.map(Timestamp::to_rfc3339_millis),
        }),
    }
}
