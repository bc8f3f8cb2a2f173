//! The deliverer: sends what is due and writes down how it went. At least once, under the same id each time.
//!
//! An attempt has three steps. A transaction leases the delivery: until the lease ends nobody else tries it. The request
//! goes out. Another transaction writes the attempt down and, with it, the end or the next instant. A process that dies
//! between the two leaves a lease that ends by itself, and the message is sent again: a receiver sees it twice, never
//! not at all.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use aegis_core::time::Timestamp;
use aegis_kernel::faults::Fault as SandboxFault;
use aegis_kernel::job::{self, Job, Report, Tick};
use aegis_kernel::kernel::Failure;
use aegis_kernel::{Call, Kernel, outbox, tasks};
use aegis_store::{Fault, Lane, Tx, Verdict};
use bytes::Bytes;
use tokio::sync::Notify;

use super::delivery::{Attempt, Delivery, DeliveryState, DisabledReason};
use super::ops::{DisableEndpoint, lane_of};
use super::signature::{SigningSecret, header};
use super::{DELIVERIES_SECONDS, message, schedule, sealed, sql};
use crate::outbound::{Answered, Outbound, Target, Unanswered};

/// How often to look for what has become due; the relay hints at what is new.
const INTERVAL: Duration = Duration::from_secs(1);
/// For how long an attempt belongs to who began it: longer than an attempt may take.
const LEASE_SECONDS: i64 = 60;
/// Requests on their way at once.
const FLIGHT_MAX: usize = 512;
/// Requests of one organization on their way at once, so that its slow receivers hold up nobody else's.
const FLIGHT_EACH_MAX: u32 = 8;
/// Deliveries leased in one transaction, so that other writes do not wait for long.
const BATCH: usize = 64;
/// Due deliveries that are looked at for a batch; those of organizations whose places are taken are passed over.
const LOOK: u32 = 1024;
/// How long a tick waits for the requests it began; slower ones end by themselves.
const PATIENCE: Duration = Duration::from_secs(2);
/// Bytes of an answer that are kept.
const ANSWER_BYTES: usize = 1024;
/// How often what is too old to be shown is deleted.
const CLEANING_SECONDS: i64 = 3600;
/// The name by which a sandbox fault is limited to deliveries.
const SCOPE: &str = "webhook.deliver";

/// Requests on their way, by organization.
type Flight = Arc<Mutex<HashMap<String, u32>>>;

/// The job that delivers.
pub struct Deliverer {
    kernel: Kernel,
    outbound: Arc<Outbound>,
    flight: Flight,
    hint: Arc<Notify>,
    /// One tick at a time: the timer's and one that somebody asked for would lease the same rows.
    turn: tokio::sync::Mutex<()>,
    cleaned_at: AtomicI64,
}

/// One message, ready to be sent.
struct Parcel {
    delivery: Delivery,
    target: Option<Target>,
    secrets: Vec<SigningSecret>,
    asymmetric: bool,
    body: String,
}

impl Deliverer {
    /// A deliverer that sends through `outbound`.
    pub fn new(kernel: Kernel, outbound: Arc<Outbound>) -> Deliverer {
        Deliverer {
            kernel,
            outbound,
            flight: Flight::default(),
            hint: Arc::default(),
            turn: tokio::sync::Mutex::new(()),
            cleaned_at: AtomicI64::new(0),
        }
    }

    /// Says that something may be due.
    pub fn wake(&self) {
        self.hint.notify_one();
    }

    async fn deliver(&self) -> Result<Report, Fault> {
        let (_turn, others_worked) = match self.turn.try_lock() {
            Ok(turn) => (turn, false),
            Err(_) => (self.turn.lock().await, true),
        };
        self.clean().await?;
        let parcels = self.lease().await?;
        if parcels.is_empty() {
            // What the tick before this one did may have given other jobs something to do.
            return Ok(if others_worked { Report::Worked } else { Report::Idle });
        }
        let sent: Vec<_> = parcels
            .into_iter()
            .map(|parcel| {
                let place = Place::take(&self.flight, &parcel.delivery.organization);
                let (kernel, outbound) = (self.kernel.clone(), Arc::clone(&self.outbound));
                let hint = Arc::clone(&self.hint);
                tasks::spawn(async move {
                    attempt(&kernel, &outbound, parcel).await;
                    drop(place);
                    // Perhaps another was waiting for this one, or for its place.
                    hint.notify_one();
                })
            })
            .collect();
        let all = async {
            for one in sent {
                // A panic was logged where it happened; the lease will end.
                let _ended = one.await;
            }
        };
        let _patience = tokio::time::timeout(PATIENCE, all).await;
        Ok(Report::Worked)
    }

    /// Takes what is due, as far as there is room, and makes it ready.
    async fn lease(&self) -> Result<Vec<Parcel>, Fault> {
        let taken = self.flight.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let flying: u32 = taken.values().sum();
        let room = FLIGHT_MAX.saturating_sub(usize::try_from(flying).unwrap_or(usize::MAX)).min(BATCH);
        let (store, now) = (&self.kernel.parts().store, self.kernel.now());
        let due = store.read(move |tx| sql::list_due_deliveries(tx, now, FLIGHT_EACH_MAX, LOOK)).await?;
        let due = within_room(due, taken, room);
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let (kernel, rules) = (self.kernel.clone(), self.outbound.rules().clone());
        let work = move |tx: &mut Tx<'_>| {
            let mut parcels = Vec::new();
            for delivery in &due {
                let Some(parcel) = lease(tx, &kernel, now, delivery)? else { continue };
                let (parcel, url) = parcel;
                parcels.push(Parcel { target: Target::parse(&url, &rules).ok(), ..parcel });
            }
            Ok(Verdict::Commit(parcels))
        };
        store.write(Lane::of("webhook/lease"), work, |_| {}).await
    }

    /// Deletes what is too old to be shown, now and then.
    async fn clean(&self) -> Result<(), Fault> {
        let now = self.kernel.now();
        let last = Timestamp::from_micros(self.cleaned_at.load(Ordering::Relaxed));
        if now.seconds_since(last) < CLEANING_SECONDS {
            return Ok(());
        }
        let work = move |tx: &mut Tx<'_>| {
            let before = now.plus_seconds(-DELIVERIES_SECONDS);
            sql::delete_attempts_ended_before(tx, before)?;
            sql::delete_deliveries_ended_before(tx, before)?;
            sql::delete_secrets_before(tx, now)?;
            Ok(Verdict::Commit(()))
        };
        self.kernel.parts().store.write(Lane::none(), work, |()| {}).await?;
        self.cleaned_at.store(now.as_micros(), Ordering::Relaxed);
        Ok(())
    }
}

/// Those of `due` for which there is room, in their order.
fn within_room(due: Vec<Delivery>, mut taken: HashMap<String, u32>, room: usize) -> Vec<Delivery> {
    let fits = |delivery: &Delivery| {
        let own = taken.entry(delivery.organization.clone()).or_default();
        *own = own.saturating_add(1);
        *own <= FLIGHT_EACH_MAX
    };
    due.into_iter().filter(fits).take(room).collect()
}

/// Leases one delivery, unless it is due no more; gives the parcel and the URL to be judged.
fn lease(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    now: Timestamp,
    delivery: &Delivery,
) -> Result<Option<(Parcel, String)>, Fault> {
    let Some(mut delivery) = sql::find_delivery(tx, delivery.id)? else { return Ok(None) };
    if delivery.state != DeliveryState::Pending || delivery.due_at > now {
        return Ok(None);
    }
    let Some(endpoint) = sql::find_endpoint(tx, delivery.endpoint)? else { return Ok(None) };
    let Some(event) = outbox::find(tx, delivery.event)? else {
        // Events are kept far longer than deliveries; one that is gone all the same cannot be sent.
        delivery.state = DeliveryState::Cancelled;
        delivery.ended_at = Some(now);
        sql::update_delivery(tx, &delivery)?;
        return Ok(None);
    };
    delivery.due_at = now.plus_seconds(LEASE_SECONDS);
    sql::update_delivery(tx, &delivery)?;
    let kek = kernel.parts().keyring.kek();
    let rows = sql::list_secrets(tx, endpoint.id, now)?;
    let secrets = rows.iter().map(|row| sealed::open_secret(kek, endpoint.id, row));
    let parcel = Parcel {
        delivery,
        target: None,
        secrets: secrets.collect::<Result<_, _>>()?,
        asymmetric: endpoint.asymmetric,
        body: message::body(&event),
    };
    Ok(Some((parcel, sealed::open_url(kek, &endpoint)?)))
}

/// Sends one message and writes down how it went.
async fn attempt(kernel: &Kernel, outbound: &Outbound, parcel: Parcel) {
    let at = kernel.now();
    let started = Instant::now();
    let outcome = send(kernel, outbound, &parcel, at).await;
    let latency_ms = u32::try_from(started.elapsed().as_millis()).unwrap_or(u32::MAX);
    let delivery = parcel.delivery;
    let (status, failure, answer) = match outcome {
        Ok(answered) => (Some(answered.status), None, answered.body),
        Err(unanswered) => (None, Some(unanswered.name().to_owned()), Vec::new()),
    };
    let attempt = Attempt { number: 0, at, latency_ms, status, failure, answer };
    if let Err(fault) = finish(kernel, &delivery, attempt).await {
        // The lease ends by itself, and the message is sent again.
        tracing::warn!(delivery = %delivery.id, error = %job::chain(&fault), "an attempt was not written down");
    }
}

async fn send(
    kernel: &Kernel,
    outbound: &Outbound,
    parcel: &Parcel,
    at: Timestamp,
) -> Result<Answered, Unanswered> {
    if kernel.parts().faults.strikes(SandboxFault::Webhook5xx, SCOPE) {
        return Ok(Answered { status: 503, body: Vec::new(), truncated: false });
    }
    // The rules may have become stricter since the URL was named.
    let target = parcel.target.as_ref().ok_or(Unanswered::PrivateAddress)?;
    let id = parcel.delivery.event.to_string();
    let signature = header(&parcel.secrets, parcel.asymmetric, &id, at.as_seconds(), parcel.body.as_bytes());
    let headers = [
        ("content-type", "application/json".to_owned()),
        ("user-agent", concat!("Aegis/", env!("CARGO_PKG_VERSION")).to_owned()),
        ("webhook-id", id),
        ("webhook-timestamp", at.as_seconds().to_string()),
        ("webhook-signature", signature),
    ];
    outbound.post(target, &headers, Bytes::from(parcel.body.clone()), ANSWER_BYTES).await
}

/// Writes an attempt down; disables the endpoint if that is what it means.
async fn finish(kernel: &Kernel, delivery: &Delivery, attempt: Attempt) -> Result<(), Fault> {
    let (id, endpoint) = (delivery.id, delivery.endpoint);
    let writing = kernel.clone();
    let work = move |tx: &mut Tx<'_>| {
        let Some(delivery) = sql::find_delivery(tx, id)? else { return Ok(Verdict::Rollback(None)) };
        record(tx, &writing, delivery, attempt.clone()).map(Verdict::Commit)
    };
    let disable = kernel.parts().store.write(lane_of(endpoint), work, |_| {}).await?;
    let Some(reason) = disable else { return Ok(()) };
    match kernel.execute(Call::instance(None), DisableEndpoint { id: endpoint, reason }).await {
        Ok(_) => Ok(()),
        Err(Failure::Fault(fault)) => Err(fault),
        // Disabled or deleted meanwhile: nothing is left to do.
        Err(failure) => failure.refusal("disable a webhook endpoint").map(drop),
    }
}

/// The attempt, what it means for its delivery, and since when the endpoint fails.
fn record(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    mut delivery: Delivery,
    mut attempt: Attempt,
) -> Result<Option<DisabledReason>, Fault> {
    let now = kernel.now();
    attempt.number = sql::newest_attempt(tx, delivery.id)?.saturating_add(1);
    sql::insert_attempt(tx, delivery.id, &attempt)?;
    let verdict = schedule::judge(attempt.status);
    let pending = delivery.state == DeliveryState::Pending;
    delivery.tries = delivery.tries.saturating_add(1);
    let next = match verdict {
        schedule::Verdict::Failed if pending => {
            schedule::next_attempt(now, delivery.tries, &mut kernel.parts().entropy.fork())
        }
        schedule::Verdict::Failed | schedule::Verdict::Delivered | schedule::Verdict::Gone => None,
    };
    match (verdict, next) {
        (schedule::Verdict::Delivered, _) => delivery.state = DeliveryState::Delivered,
        (_, Some(next)) => delivery.due_at = next,
        // What was cancelled meanwhile stays so.
        (_, None) if pending => delivery.state = DeliveryState::Failed,
        (_, None) => {}
    }
    delivery.ended_at = match delivery.state {
        DeliveryState::Pending => None,
        DeliveryState::Delivered | DeliveryState::Failed | DeliveryState::Cancelled => Some(now),
    };
    sql::update_delivery(tx, &delivery)?;
    match verdict {
        schedule::Verdict::Delivered => sql::update_working(tx, delivery.endpoint)?,
        schedule::Verdict::Failed | schedule::Verdict::Gone => {
            sql::update_failing(tx, delivery.endpoint, now)?;
        }
    }
    let endpoint = sql::find_endpoint(tx, delivery.endpoint)?;
    let since = endpoint.and_then(|endpoint| endpoint.failing_since);
    Ok(schedule::disables(verdict, since, now))
}

/// A request's place among those on their way.
struct Place {
    flight: Flight,
    organization: String,
}

impl Place {
    fn take(flight: &Flight, organization: &str) -> Place {
        let mut taken = flight.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.entry(organization.to_owned()).or_default();
        *own = own.saturating_add(1);
        Place { flight: Arc::clone(flight), organization: organization.to_owned() }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.flight.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.organization) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                taken.remove(&self.organization);
            }
        }
    }
}

impl Job for Deliverer {
    fn name(&self) -> &'static str {
        "webhook_deliver"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn hint(&self) -> &Notify {
        &self.hint
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(self.deliver())
    }
}
