//! The tamper-evident log as others see it: entries with details for those entitled, tiles, checkpoints and
//! proofs for everybody, and the witness role for other logs.
//!
//! Nothing here writes to our log; how entries come into it is the kernel's business.

mod problems;
pub mod queries;
mod routes;
pub mod wire;

pub use routes::routes;

use aegis_kernel::rate::RateClass;

/// Reads of one key.
const READS: RateClass = RateClass::new("reads", 600, 60);
