//! What can be read: endpoints, their deliveries, and events.

use aegis_core::crypto::aead::SealingKey;
use aegis_core::id::{EventId, WebhookId};
use aegis_core::page::{Page, Paged};
use aegis_core::time::Timestamp;
use aegis_kernel::outbox::{self, StoredEvent};
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Kernel, Permission, Query, Stop};
use aegis_store::{Fault, Tx};

use super::delivery::{Attempt, Delivery, Endpoint};
use super::ops::{WebhookRefused, own_endpoint};
use super::{ATTEMPTS_SHOWN, READS, WEBHOOKS, sealed, sql};

/// An endpoint with what its row keeps elsewhere or sealed.
pub struct ShownEndpoint {
    /// The row.
    pub endpoint: Endpoint,
    /// Where it is.
    pub url: String,
    /// The public keys that sign now, newest first.
    pub public_keys: Vec<[u8; 32]>,
    /// Until when the secret before the present one signs.
    pub overlap_until: Option<Timestamp>,
}

/// Reads what belongs to an endpoint.
pub(super) fn show(
    tx: &mut Tx<'_>,
    kek: &SealingKey,
    now: Timestamp,
    endpoint: Endpoint,
) -> Result<ShownEndpoint, Fault> {
    let secrets = sql::list_secrets(tx, endpoint.id, now)?;
    Ok(ShownEndpoint {
        url: sealed::open_url(kek, &endpoint)?,
        public_keys: secrets.iter().map(|secret| secret.public_key).collect(),
        overlap_until: secrets.iter().find_map(|secret| secret.expires_at),
        endpoint,
    })
}

/// The endpoints of the calling organization, newest first.
pub struct ListEndpoints {
    /// Which part of the list.
    pub page: Page,
    /// Whose key-encryption key opens.
    pub kernel: Kernel,
}

impl Access for ListEndpoints {
    const NAME: &'static str = "webhook.list_endpoints";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = READS;
}

impl Query for ListEndpoints {
    type Reply = Paged<ShownEndpoint>;
    type Refused = WebhookRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<Paged<ShownEndpoint>, Stop<WebhookRefused>> {
        let organization = caller.organization().ok_or(WebhookRefused::Unknown)?;
        let rows = sql::list_endpoints(tx, &organization.id, &self.page)?;
        let Paged { items, next } = self.page.cut(rows, |row| row.id.to_string());
        let kek = self.kernel.parts().keyring.kek();
        let items = items.into_iter().map(|row| show(tx, kek, now, row)).collect::<Result<_, _>>()?;
        Ok(Paged { items, next })
    }
}

/// One endpoint.
pub struct GetEndpoint {
    /// Which one.
    pub id: WebhookId,
    /// Whose key-encryption key opens.
    pub kernel: Kernel,
}

impl Access for GetEndpoint {
    const NAME: &'static str = "webhook.get_endpoint";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = READS;
}

impl Query for GetEndpoint {
    type Reply = ShownEndpoint;
    type Refused = WebhookRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<ShownEndpoint, Stop<WebhookRefused>> {
        let endpoint = own_endpoint(tx, caller, self.id)??;
        Ok(show(tx, self.kernel.parts().keyring.kek(), now, endpoint)?)
    }
}

/// The deliveries to one endpoint with their newest attempts, newest first.
pub struct ListDeliveries {
    /// Which endpoint.
    pub id: WebhookId,
    /// Which part of the list.
    pub page: Page,
}

impl Access for ListDeliveries {
    const NAME: &'static str = "webhook.list_deliveries";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = READS;
}

impl Query for ListDeliveries {
    type Reply = Paged<(Delivery, Vec<Attempt>)>;
    type Refused = WebhookRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        _: Timestamp,
        caller: &Caller,
    ) -> Result<Paged<(Delivery, Vec<Attempt>)>, Stop<WebhookRefused>> {
        let endpoint = own_endpoint(tx, caller, self.id)??;
        let rows = sql::list_deliveries(tx, endpoint.id, &self.page)?;
        let Paged { items, next } = self.page.cut(rows, |row| row.id.to_string());
        let mut shown = Vec::with_capacity(items.len());
        for delivery in items {
            let attempts = sql::list_attempts(tx, delivery.id, ATTEMPTS_SHOWN)?;
            shown.push((delivery, attempts));
        }
        Ok(Paged { items: shown, next })
    }
}

/// The place of an event of `organization`; 0, before all events, for none.
fn position_of(
    tx: &mut Tx<'_>,
    organization: &str,
    event: Option<EventId>,
) -> Result<i64, Stop<WebhookRefused>> {
    let Some(id) = event else { return Ok(0) };
    let found = outbox::find(tx, id)?.filter(|event| event.organization.as_deref() == Some(organization));
    Ok(found.and_then(|event| event.position).ok_or(WebhookRefused::EventUnknown)?)
}

/// The events of the calling organization in their order.
pub struct ListEvents {
    /// Begin after this one; `None`: with the oldest that is kept.
    pub after: Option<EventId>,
    /// How many.
    pub limit: i64,
}

impl Access for ListEvents {
    const NAME: &'static str = "webhook.list_events";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = READS;
}

impl Query for ListEvents {
    type Reply = Vec<StoredEvent>;
    type Refused = WebhookRefused;

    fn run(
        &self,
        tx: &mut Tx<'_>,
        _: Timestamp,
        caller: &Caller,
    ) -> Result<Vec<StoredEvent>, Stop<WebhookRefused>> {
        let organization = caller.organization().ok_or(WebhookRefused::Unknown)?;
        let position = position_of(tx, &organization.id, self.after)?;
        Ok(outbox::list_after(tx, &organization.id, position, self.limit)?)
    }
}

/// The place where a stream of events begins.
pub struct StreamEvents {
    /// Begin after this one; `None`: with the next that happens.
    pub after: Option<EventId>,
}

impl Access for StreamEvents {
    const NAME: &'static str = "webhook.stream_events";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = READS;
}

impl Query for StreamEvents {
    type Reply = i64;
    type Refused = WebhookRefused;

    fn run(&self, tx: &mut Tx<'_>, _: Timestamp, caller: &Caller) -> Result<i64, Stop<WebhookRefused>> {
        let organization = caller.organization().ok_or(WebhookRefused::Unknown)?;
        match self.after {
            None => Ok(outbox::newest_position(tx)?),
            after @ Some(_) => position_of(tx, &organization.id, after),
        }
    }
}
