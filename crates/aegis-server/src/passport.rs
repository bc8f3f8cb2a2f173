//! Passports: issue, verify, revoke, and the registry around them.
//!
//! The rules are in `aegis-passport`; here bytes move: rows, log entries, HTTP. [`Registry`] is what
//! verification knows without asking the database.

mod counts;
mod facts;
pub mod fsck;
pub(crate) mod jobs;
mod key_history;
mod list;
mod load;
pub(crate) mod ops;
mod problems;
mod queries;
mod registry;
pub(crate) mod routes;
mod settings;
mod sql;
pub(crate) mod wire;

pub use registry::Registry;
pub use settings::Settings;

/// The window of issuances per API key.
const ISSUE_WINDOW: &str = "issue";
