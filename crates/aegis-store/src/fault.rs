//! What can go wrong below the rules: storage is busy, broken, or lying.
//!
//! A [`Fault`] is never shown to a client. Its `Display` names statements, constraints and columns but no stored value,
//! so that it may be logged; the technical cause stays reachable through `Error::source`.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// The technical reason behind a [`Fault`]; shared because one broken commit answers many callers.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    /// Keeps `error` as the end of the source chain.
    pub fn new(error: impl Error + Send + Sync + 'static) -> Cause {
        Cause(Arc::new(error))
    }

    /// A cause that exists only as a sentence.
    pub fn text(message: impl Into<String>) -> Cause {
        Cause::new(Sentence(message.into()))
    }
}

impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[derive(Debug)]
struct Sentence(String);

impl fmt::Display for Sentence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Sentence {}

/// Why the store could not do what it was asked.
///
/// Every variant but [`Fault::Unknown`] means that nothing was written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Fault {
    /// Too much contention or too long a queue; the same call may well succeed in a moment.
    #[error("the database is busy")]
    Busy,
    /// The database cannot be reached, or this store was closed.
    #[error("the database is unavailable: {what}")]
    Unavailable {
        /// What was being attempted.
        what: &'static str,
        /// The driver's reason.
        #[source]
        cause: Cause,
    },
    /// The answer to a COMMIT was lost: the write may or may not have happened. Only an idempotency key can tell.
    #[error("the outcome of a commit is unknown")]
    Unknown {
        /// The driver's reason.
        #[source]
        cause: Cause,
    },
    /// No space is left for the write. The store keeps working once there is space again.
    #[error("the disk of the database is full")]
    DiskFull,
    /// A write was asked of a store that was opened for reading, or of a database that only reads.
    #[error("the database is open for reading only")]
    ReadOnly,
    /// Another aegis process uses this database.
    #[error("{by}")]
    Locked {
        /// A complete sentence for the person at the terminal: who holds what, and what to do.
        by: String,
    },
    /// There is no database where one was expected, and creating one was not asked for.
    #[error("{what}")]
    Missing {
        /// A complete sentence naming the place.
        what: String,
    },
    /// A unique or primary key already holds this value.
    ///
    /// `constraint` reads the same on both databases: `table.column, table.column`, or the index name where an
    /// expression is indexed.
    #[error("unique constraint refused the row: {constraint}")]
    Unique {
        /// The columns, or the index.
        constraint: String,
    },
    /// A CHECK, NOT NULL or foreign key constraint refused the row: the rules above let through what they should not.
    #[error("constraint refused the row: {constraint}")]
    Constraint {
        /// What the database calls it.
        constraint: String,
    },
    /// A stored value is not what the reader of the row expects. Never replaced by a default; a human must look.
    #[error(
        "stored data is not what it should be: column {column:?} expected {expected}, found {found}, in: {statement}"
    )]
    Corrupt {
        /// The statement whose answer was wrong.
        statement: &'static str,
        /// The column, or `*` for the number of rows.
        column: String,
        /// What was expected.
        expected: &'static str,
        /// The kind that was found; never the value.
        found: &'static str,
    },
    /// The database file or cluster itself is damaged.
    #[error("the database is damaged")]
    Damaged {
        /// The driver's reason.
        #[source]
        cause: Cause,
    },
    /// The schema is not one this program knows how to use.
    #[error("the database schema cannot be used: {problem}")]
    Schema {
        /// A clause naming the migration.
        problem: String,
    },
    /// A defect in the program: a statement that does not compile, a wrong parameter count, a panic.
    #[error("internal storage fault: {what}")]
    Internal {
        /// What was being attempted.
        what: &'static str,
        /// The reason.
        #[source]
        cause: Cause,
    },
}

impl Fault {
    /// Whether the same call may succeed later without anybody repairing anything, and nothing was written by this one.
    pub fn is_retryable(&self) -> bool {
        match self {
            Fault::Busy | Fault::Unavailable { .. } | Fault::DiskFull => true,
            Fault::Unknown { .. }
            | Fault::ReadOnly
            | Fault::Locked { .. }
            | Fault::Missing { .. }
            | Fault::Unique { .. }
            | Fault::Constraint { .. }
            | Fault::Corrupt { .. }
            | Fault::Damaged { .. }
            | Fault::Schema { .. }
            | Fault::Internal { .. } => false,
        }
    }

    pub(crate) fn closed() -> Fault {
        Fault::Unavailable { what: "use a closed store", cause: Cause::text("the store was closed") }
    }

    pub(crate) fn internal(what: &'static str, message: impl Into<String>) -> Fault {
        Fault::Internal { what, cause: Cause::text(message) }
    }

    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> Fault {
        let said = payload
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_owned());
        Fault::internal("a unit of work panicked", said)
    }
}
