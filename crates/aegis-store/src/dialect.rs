//! Where the two databases meet: outside `sqlite/` and `postgres/`, the only file that asks which one is running.

use crate::job::{ReadJob, WriteJob};
use crate::postgres::{self, Postgres};
use crate::row::{Cell, Row};
use crate::sqlite::{self, Sqlite};
use crate::{CommitHooks, Fault, Lane, Location, OpenMode, Value};

/// Parameters one statement may have.
pub const PARAMETERS_MAX: usize = 64;

/// Which database is running: for messages and metrics only, never for a decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// A file on this machine.
    Sqlite,
    /// A server.
    Postgres,
}

/// The text of one statement, with parameters `$1`, `$2`, … in any order and as often as needed.
///
/// Written once in the subset that both databases understand alike; [`Sql::differing`] is for the few that must differ.
/// Where PostgreSQL cannot infer a parameter's type (`$1 IS NULL`, `SELECT $1`) say it: `CAST($1 AS BIGINT)`; the same for
/// sums of BIGINT columns, which it widens otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sql {
    sqlite: &'static str,
    postgres: &'static str,
}

impl Sql {
    /// One text for both databases.
    pub const fn new(text: &'static str) -> Sql {
        Sql { sqlite: text, postgres: text }
    }

    /// Two texts that mean the same.
    pub const fn differing(sqlite: &'static str, postgres: &'static str) -> Sql {
        Sql { sqlite, postgres }
    }

    /// How faults name the statement.
    pub(crate) const fn text(self) -> &'static str {
        self.sqlite
    }

    pub(crate) const fn sqlite(self) -> &'static str {
        self.sqlite
    }

    pub(crate) const fn postgres(self) -> &'static str {
        self.postgres
    }

    pub(crate) const fn for_backend(self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
        }
    }
}

/// The database that was opened.
pub(crate) enum Engine {
    Sqlite(Sqlite),
    Postgres(Postgres),
}

impl Engine {
    pub(crate) fn open(location: &Location, mode: OpenMode, hooks: CommitHooks) -> Result<Engine, Fault> {
        match location {
            Location::Sqlite { path } => Sqlite::open(path, mode, hooks).map(Engine::Sqlite),
            Location::Postgres { url, connections } => {
                Postgres::open(url, *connections, hooks).map(Engine::Postgres)
            }
        }
    }

    pub(crate) fn open_read_only(location: &Location) -> Result<Engine, Fault> {
        match location {
            Location::Sqlite { path } => Sqlite::open_read_only(path).map(Engine::Sqlite),
            Location::Postgres { url, connections } => {
                Postgres::open_read_only(url, *connections).map(Engine::Postgres)
            }
        }
    }

    pub(crate) fn backend(&self) -> Backend {
        match self {
            Engine::Sqlite(_) => Backend::Sqlite,
            Engine::Postgres(_) => Backend::Postgres,
        }
    }

    /// Queues a write. SQLite needs no lane: its one writer runs and acknowledges everything in order of arrival, and
    /// neighbours in a lane may share a commit.
    pub(crate) fn write(&self, lane: Lane, job: Box<dyn WriteJob>) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.write(job),
            Engine::Postgres(postgres) => postgres.write(lane, job),
        }
    }

    pub(crate) fn read(&self, job: Box<dyn ReadJob>) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.read(job),
            Engine::Postgres(postgres) => postgres.read(job),
        }
    }

    pub(crate) fn close(&self) {
        match self {
            Engine::Sqlite(sqlite) => sqlite.close(),
            Engine::Postgres(postgres) => postgres.close(),
        }
    }
}

/// The connection behind a [`crate::Tx`].
pub(crate) enum Session<'a> {
    Sqlite(sqlite::Session<'a>),
    Postgres(postgres::Session<'a>),
}

impl Session<'_> {
    pub(crate) fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, Fault> {
        match self {
            Session::Sqlite(session) => session.execute(sql, params),
            Session::Postgres(session) => session.execute(sql, params),
        }
    }

    /// Shows each row to `visit` until it returns `false`.
    pub(crate) fn each(
        &mut self,
        sql: Sql,
        params: &[Value],
        visit: &mut dyn FnMut(&Row<'_>) -> bool,
    ) -> Result<(), Fault> {
        match self {
            Session::Sqlite(session) => session.each(sql, params, visit),
            Session::Postgres(session) => session.each(sql, params, visit),
        }
    }

    pub(crate) fn prepare(&mut self, sql: Sql) -> Result<(), Fault> {
        match self {
            Session::Sqlite(session) => session.prepare(sql),
            Session::Postgres(session) => session.prepare(sql),
        }
    }

    pub(crate) fn batch(&mut self, statements: &'static str) -> Result<(), Fault> {
        match self {
            Session::Sqlite(session) => session.batch(statements),
            Session::Postgres(session) => session.batch(statements),
        }
    }
}

/// A row of the driver.
pub(crate) enum RowSource<'r> {
    Sqlite(&'r rusqlite::Row<'r>),
    Postgres(&'r ::postgres::Row),
}

impl RowSource<'_> {
    pub(crate) fn cell(&self, index: usize) -> Result<Cell<'_>, &'static str> {
        match self {
            RowSource::Sqlite(row) => sqlite::cell(row, index),
            RowSource::Postgres(row) => postgres::cell(row, index),
        }
    }

    pub(crate) fn column_name(&self, index: usize) -> String {
        let name = match self {
            RowSource::Sqlite(row) => sqlite::column_name(row, index),
            RowSource::Postgres(row) => postgres::column_name(row, index),
        };
        name.unwrap_or_else(|| format!("number {index}"))
    }
}
