//! What every product family needs and none may re-invent: the pipeline of an operation, callers and their
//! keys, idempotency, rates, sealed signing keys, the tamper-evident log, the outbox and jobs.
//!
//! Start reading at [`kernel::Kernel::execute`]: everything else is a step of it. The kernel knows no
//! product and no HTTP: it is handed operations and hands back answers.

pub mod audit;
pub mod caller;
pub mod clock;
pub mod credential;
pub mod faults;
pub mod housekeeping;
pub mod idempotency;
pub mod job;
pub mod kernel;
pub mod keyring;
pub mod mail;
pub mod operation;
pub mod organization;
pub mod os_entropy;
pub mod outbox;
pub mod rate;
pub mod setting;
pub mod tally;
pub mod tasks;

mod sql;

pub use caller::{Call, Caller, Permission, Role};
pub use kernel::{Answer, Failure, Kernel, Rejection};
pub use operation::{Access, Commit, Operation, Outcome, Query, Refusal, Stop};
