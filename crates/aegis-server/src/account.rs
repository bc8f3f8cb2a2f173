//! Organizations, their API keys and tokens, and requests for access.
//!
//! One folder for each noun; what can be changed is in their `ops.rs`, what can be read in [`queries`]. What a key may hold is decided in [`scopes`]; who calls is
//! the kernel's business.

pub mod access;
mod facts;
pub mod keys;
pub mod organizations;
mod problems;
pub mod queries;
mod routes;
pub mod scopes;
mod start;
pub mod wire;

pub use organizations::ops::SuspensionListener;
pub use routes::routes;
pub use start::{SampleOrganization, SandboxCredentials, bootstrap_admin, seed_sandbox};

use aegis_kernel::rate::RateClass;

/// Reads of one key.
const READS: RateClass = RateClass::new("reads", 600, 60);
/// Changes by one key; minting tokens counts by itself.
const WRITES: RateClass = RateClass::new("account", 600, 60);
/// Tokens minted from one key.
const TOKENS: RateClass = RateClass::new("tokens", 600, 60);
/// Requests for access from one address: a stranger's letterbox, not an interface.
const ACCESS_REQUESTS: RateClass = RateClass::new("access_requests", 5, 3600);
/// Links to a first key tried from one address.
const FIRST_KEYS: RateClass = RateClass::new("first_keys", 20, 3600);
