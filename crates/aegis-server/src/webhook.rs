//! Telling organizations what happened: webhook endpoints, signed deliveries, and the same events to read.
//!
//! An operation commits its events (the kernel's outbox). [`relay`] gives each its place and makes a delivery for every
//! endpoint that wants it; [`deliver`] sends what is due and writes down how it went; `stream` and the list of events
//! show the same to whoever asks. Rules without IO: [`signature`], [`schedule`], [`subscription`]. Where a request may
//! go is the business of [`crate::outbound`]. Contract: kernel §5.

pub mod deliver;
pub mod delivery;
mod facts;
pub mod feed;
mod message;
pub mod ops;
mod problems;
pub mod queries;
pub mod relay;
mod routes;
pub mod schedule;
mod sealed;
pub mod signature;
mod sql;
mod stream;
pub mod subscription;
pub mod wire;

pub use deliver::Deliverer;
pub use feed::Feed;
pub use relay::Relay;
pub use routes::routes;

use aegis_kernel::rate::RateClass;

/// Lets a key name endpoints and read events.
pub const WEBHOOKS: &str = "webhooks";

/// Reads of one key.
const READS: RateClass = RateClass::new("webhook_reads", 600, 60);
/// Changes by one key; tests and redeliveries are requests to somebody else's server.
const WRITES: RateClass = RateClass::new("webhooks", 120, 60);

/// Endpoints of one organization; each costs a delivery for every event.
const ENDPOINTS_MAX: i64 = 32;
/// Attempts that a delivery shows.
const ATTEMPTS_SHOWN: u32 = 16;
/// How long ended deliveries are shown: long enough to look into a failure after a holiday.
const DELIVERIES_SECONDS: i64 = 30 * 86_400;
