//! The relay: gives committed events their places and makes a delivery for each endpoint that wants them.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use aegis_core::moment::Moment;
use aegis_kernel::Kernel;
use aegis_kernel::job::{Job, Report, Tick};
use aegis_kernel::outbox::{self, StoredEvent};
use aegis_store::{Fault, Lane, Tx, Verdict};
use tokio::sync::Notify;

use super::deliver::Deliverer;
use super::delivery::{Delivery, DeliveryState, Endpoint};
use super::feed::Feed;
use super::sql;

/// Commits hint, so this only bounds what a lost hint costs.
const INTERVAL: Duration = Duration::from_secs(1);
/// Events of one transaction.
const BATCH: u32 = 200;

/// The job that relays.
pub struct Relay {
    kernel: Kernel,
    feed: Arc<Feed>,
    deliverer: Arc<Deliverer>,
    hint: Arc<Notify>,
}

impl Relay {
    /// A relay that tells `feed` and `deliverer` of what it relayed.
    pub fn new(kernel: Kernel, feed: Arc<Feed>, deliverer: Arc<Deliverer>) -> Relay {
        let hint = Arc::clone(kernel.events_hint());
        Relay { kernel, feed, deliverer, hint }
    }

    async fn relay(&self) -> Result<Report, Fault> {
        let store = &self.kernel.parts().store;
        if !store.read(outbox::any_waiting).await? {
            return Ok(Report::Idle);
        }
        let kernel = self.kernel.clone();
        let work = move |tx: &mut Tx<'_>| {
            let mut at = Moment::new(kernel.now(), kernel.parts().entropy.fork());
            relay(tx, &mut at).map(Verdict::Commit)
        };
        // One lane for all: places are dense.
        let newest = store.write(Lane::of("webhook/relay"), work, |_| {}).await?;
        if let Some(newest) = newest {
            self.feed.announce(newest);
            self.deliverer.wake();
        }
        Ok(if newest.is_some() { Report::Worked } else { Report::Idle })
    }
}

/// Relays one batch. The commit is the point after which the events can be read and will be delivered.
fn relay(tx: &mut Tx<'_>, at: &mut Moment) -> Result<Option<i64>, Fault> {
    let events = outbox::relay(tx, at.now(), BATCH)?;
    let mut endpoints: HashMap<String, Vec<Endpoint>> = HashMap::new();
    for event in &events {
        let Some(organization) = &event.organization else { continue };
        if !endpoints.contains_key(organization) {
            endpoints.insert(organization.clone(), sql::list_enabled_endpoints(tx, organization)?);
        }
        for endpoint in endpoints.get(organization).into_iter().flatten() {
            if endpoint.events.admits(&event.kind, &event.subject, &endpoint.id.to_string()) {
                sql::insert_delivery(tx, &delivery(at, event, endpoint))?;
            }
        }
    }
    Ok(events.last().and_then(|event| event.position))
}

fn delivery(at: &mut Moment, event: &StoredEvent, endpoint: &Endpoint) -> Delivery {
    Delivery {
        id: at.new_id(),
        endpoint: endpoint.id,
        organization: endpoint.organization.clone(),
        event: event.id,
        kind: event.kind.clone(),
        subject: event.subject.clone(),
        position: event.position.unwrap_or_default(),
        state: DeliveryState::Pending,
        tries: 0,
        due_at: at.now(),
        created_at: at.now(),
        ended_at: None,
    }
}

impl Job for Relay {
    fn name(&self) -> &'static str {
        "webhook_relay"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn hint(&self) -> &Notify {
        &self.hint
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(self.relay())
    }
}
