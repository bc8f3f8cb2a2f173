//! Where a database is, and what may be done to open it.

use std::fmt;
use std::path::PathBuf;

/// Connections to PostgreSQL when the configuration names no number: beyond it, more made the measured throughput worse.
pub const POSTGRES_CONNECTIONS_DEFAULT: usize = 8;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    /// A file on a local disk. Network file systems break its locks.
    Sqlite {
        /// The database file; `-wal`, `-shm` and `.lock` files stand beside it.
        path: PathBuf,
    },
    /// A PostgreSQL server, version 15 or later. The connection is not encrypted: use loopback or a private network.
    Postgres {
        /// A `postgres://` URL; may hold a password, which is why `Debug` and `Display` leave it out.
        url: String,
        /// Connections for units of work; one more holds the process lock.
        connections: usize,
    },
}

/// A text that is not a [`Location`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a database URL is sqlite:PATH or postgres://USER@HOST:PORT/DATABASE: {problem}")]
pub struct LocationInvalid {
    problem: &'static str,
}

impl Location {
    /// Reads `sqlite:PATH`, `postgres://…` or `postgresql://…`.
    ///
    /// # Errors
    ///
    /// [`LocationInvalid`] for another scheme, an empty or in-memory path, or a URL the driver cannot read. The text itself
    /// is not repeated: it may hold a password.
    pub fn parse(url: &str) -> Result<Location, LocationInvalid> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return parse_path(path.strip_prefix("//").unwrap_or(path));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            url.parse::<::postgres::Config>()
                .map_err(|_| LocationInvalid { problem: "the PostgreSQL URL cannot be read" })?;
            return Ok(Location::Postgres { url: url.to_owned(), connections: POSTGRES_CONNECTIONS_DEFAULT });
        }
        Err(LocationInvalid { problem: "unknown scheme" })
    }
}

fn parse_path(path: &str) -> Result<Location, LocationInvalid> {
    if path.is_empty() {
        return Err(LocationInvalid { problem: "the path is empty" });
    }
    if path.starts_with(":memory:") {
        return Err(LocationInvalid {
            problem: "a database in memory cannot be shared by several connections",
        });
    }
    Ok(Location::Sqlite { path: PathBuf::from(path) })
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite { path } => write!(f, "sqlite:{}", path.display()),
            Location::Postgres { .. } => f.write_str("postgres"),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether opening may create the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenMode {
    /// Creates the SQLite file if there is none. PostgreSQL databases are created by their administrator, never here.
    CreateIfMissing,
    /// Refuses with [`crate::Fault::Missing`] if there is none.
    MustExist,
}

/// What runs around every COMMIT that writes, on the thread that commits.
///
/// Made for the crash faults of the sandbox: a process that dies inside `before_commit` has written nothing, one that
/// dies inside `after_commit` has written everything and told nobody. A hook that panics stops the process.
pub struct CommitHooks {
    /// Runs before COMMIT is sent.
    pub before_commit: Box<dyn Fn() + Send + Sync>,
    /// Runs after COMMIT succeeded, before any callback or answer.
    pub after_commit: Box<dyn Fn() + Send + Sync>,
}

impl Default for CommitHooks {
    fn default() -> CommitHooks {
        CommitHooks { before_commit: Box::new(|| ()), after_commit: Box::new(|| ()) }
    }
}

impl fmt::Debug for CommitHooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitHooks").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn parses_what_the_configuration_may_say() {
        assert_eq!(Location::parse("sqlite:a/b.db"), Ok(Location::Sqlite { path: "a/b.db".into() }));
        assert_eq!(Location::parse("sqlite:///a/b.db"), Ok(Location::Sqlite { path: "/a/b.db".into() }));
        assert!(Location::parse("postgres://u@h:1/d").is_ok());
        assert!(Location::parse("postgresql://u@h:1/d").is_ok());
        for wrong in ["", "mysql://x", "sqlite:", "sqlite::memory:", "postgres://h:port/d"] {
            assert!(Location::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_password_is_not_printed() {
        let location = Location::parse("postgres://u:hidden@h:1/d").expect("a URL");
        assert!(!format!("{location:?} {location}").contains("hidden"));
    }
}
