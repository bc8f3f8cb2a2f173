//! Write use cases of webhooks: one struct, one transaction each.

mod deliveries;
mod endpoints;

pub use deliveries::{DisableEndpoint, Redeliver, TestEndpoint};
pub use endpoints::{CreateEndpoint, DeleteEndpoint, EndpointChange, RotateSecret, UpdateEndpoint};

use aegis_core::id::WebhookId;
use aegis_kernel::{Caller, Refusal};
use aegis_store::{Fault, Lane, Tx};

use super::delivery::Endpoint;
use super::sql;

/// Why nothing is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookRefused {
    /// The organization has no such endpoint or delivery.
    #[error("the endpoint or delivery is unknown")]
    Unknown,
    /// The organization has as many endpoints as it may.
    #[error("the organization has {0} endpoints already")]
    TooMany(i64),
    /// The endpoint is disabled.
    #[error("the endpoint is disabled")]
    Disabled,
    /// No event of the organization has this id, or it is no longer kept.
    #[error("the event to go on from is unknown")]
    EventUnknown,
    /// The organization reads as many streams as it may.
    #[error("too many streams")]
    TooManyStreams,
}

impl Refusal for WebhookRefused {}

/// The endpoint called `id`, if it is the caller's.
pub(super) fn own_endpoint(
    tx: &mut Tx<'_>,
    caller: &Caller,
    id: WebhookId,
) -> Result<Result<Endpoint, WebhookRefused>, Fault> {
    let Some(organization) = caller.organization() else { return Ok(Err(WebhookRefused::Unknown)) };
    let found = sql::find_endpoint(tx, id)?.filter(|endpoint| endpoint.organization == organization.id);
    Ok(found.ok_or(WebhookRefused::Unknown))
}

/// Changes of one endpoint and results of its deliveries run one after another.
pub(super) fn lane_of(id: WebhookId) -> Lane {
    Lane::of(&format!("webhook/{id}"))
}
