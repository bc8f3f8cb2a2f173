//! The one place from which this program calls strangers: addresses that others chose, such as a webhook's receiver.
//!
//! What may be called is decided in [`target`] (the URL) and [`address`] (what its name resolves to), from values alone;
//! [`client`] resolves once, has every address judged, connects to one of those very addresses and reads a bounded
//! answer. It follows no redirect and knows no proxy. Nothing else in the program opens a connection to an address that
//! came from outside. The rules are those of the contract's section on outbound requests (SSRF).

pub mod address;
pub mod client;
pub mod target;

pub use client::{Answered, Outbound, Unanswered};
pub use target::{Flaw, Rules, Target};
