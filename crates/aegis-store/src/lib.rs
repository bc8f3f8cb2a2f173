//! The only code that knows which database is running: SQLite in one file, or PostgreSQL.
//!
//! What callers may rely on, with either:
//!
//! - **Isolation.** Every [`Store::write`] and [`Store::read`] is one transaction, and the committed ones are serialisable: a
//!   rule that holds for each alone holds for all together. The value of a [`Verdict::Rollback`] was decided on a consistent
//!   snapshot, no more.
//! - **Durability.** A write that was answered survives the death of the process and of the machine, and every read that
//!   starts afterwards sees it. A [`Fault`] means that nothing was written; the one exception is [`Fault::Unknown`], when the
//!   connection to a server breaks during COMMIT. If the disk refuses to sync, the process stops: starting again tells what
//!   is stored, asking the disk once more does not.
//! - **Retries.** Work is a `Fn` because it may run several times: where transactions collide, or a connection breaks before
//!   COMMIT, it starts again in a fresh one, a bounded number of times, and then answers [`Fault::Busy`]. A commit whose
//!   outcome is in doubt is never tried again.
//! - **Order.** Writes that name a common key in their [`Lane`] run in the order they were submitted, and their
//!   `after_commit` callbacks in the order of their commits. A callback runs after its commit is durable and before its
//!   answer.
//! - **Strictness.** A row that is not what its reader expects is a [`Fault::Corrupt`], never a default. A statement that
//!   the database refused ends its transaction even if the work ignores it.
//! - **One process.** A database is used by one aegis process at a time; the next is refused with [`Fault::Locked`]. Losing
//!   the lock of a server is noticed within seconds, and writes stop until it is back.
//! - **Limits.** [`PARAMETERS_MAX`] per statement, [`LIST_ROWS_MAX`] per list, sixteen thousand waiting jobs, half a minute
//!   for one statement of PostgreSQL. No deferred constraints: they would fail a neighbour's commit.
//!
//! On SQLite, writes that wait share one commit, each in its own savepoint; nobody can tell, except by the clock.
//! Connections to PostgreSQL are not encrypted: use loopback or a network that is.
//!
//! Start reading at [`Store`]; beginning, committing and rolling back are in `sqlite/writer.rs` and `postgres/worker.rs` and
//! nowhere else. Blobs live in [`blob`].

pub mod blob;
mod dialect;
mod fault;
mod job;
mod lane;
mod location;
mod migrate;
mod postgres;
mod queue;
mod row;
mod schema;
mod sqlite;
mod stop;
mod store;
mod tx;
mod value;

pub use dialect::{Backend, PARAMETERS_MAX, Sql};
pub use fault::{Cause, Fault};
pub use job::Verdict;
pub use lane::Lane;
pub use location::{CommitHooks, Location, LocationInvalid, OpenMode, POSTGRES_CONNECTIONS_DEFAULT};
pub use migrate::{Migration, SchemaState};
pub use row::{Cell, FromColumn, Row};
pub use store::Store;
pub use tx::{LIST_ROWS_MAX, Tx};
pub use value::{OutOfRange, Value};
