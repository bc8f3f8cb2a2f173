//! The only code that knows which database is running: SQLite in one file, or PostgreSQL.

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
