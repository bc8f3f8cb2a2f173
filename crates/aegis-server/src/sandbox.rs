//! What only a sandbox has: a clock that can be moved forward, faults on demand, jobs run at once.
//!
//! Mounted in the sandbox only, and answered only to the machine it runs on: to everybody else these paths
//! do not exist. No rule of the program is relaxed here.

pub mod ops;
mod problems;
mod routes;
pub mod wire;

pub use routes::routes;
