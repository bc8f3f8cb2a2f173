//! What PostgreSQL's SQLSTATEs mean to the store.

use std::fmt;

use postgres::Error;
use postgres::error::{DbError, SqlState};

use crate::Fault;
use crate::fault::Cause;

/// What a failure means for the attempt it happened in.
pub(super) enum Failure {
    /// Another transaction was in the way; the same work may succeed in a fresh one.
    Conflict,
    /// The connection is gone, and with it the transaction, unless it was being committed.
    Lost(Fault),
    /// The server refused this and is otherwise well.
    Refused(Fault),
}

impl Failure {
    pub(super) fn of(what: &'static str, error: &Error) -> Failure {
        let Some(refusal) = error.as_db_error() else {
            // A statement that could not be encoded or decoded leaves the connection alone.
            if error.is_closed() || caused_by_io(error) {
                return Failure::Lost(Fault::Unavailable { what, cause: cause(error) });
            }
            return Failure::Refused(Fault::Internal { what, cause: cause(error) });
        };
        let code = refusal.code();
        if *code == SqlState::T_R_SERIALIZATION_FAILURE || *code == SqlState::T_R_DEADLOCK_DETECTED {
            return Failure::Conflict;
        }
        // A plan that was made before a migration: a new connection has none.
        let stale_plan =
            *code == SqlState::FEATURE_NOT_SUPPORTED && refusal.message().contains("cached plan");
        if stale_plan || code.code().starts_with("08") || code.code().starts_with("57P") {
            return Failure::Lost(Fault::Unavailable { what, cause: cause(error) });
        }
        Failure::Refused(refused(what, error, refusal))
    }
}

fn caused_by_io(error: &Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        if inner.is::<std::io::Error>() {
            return true;
        }
        source = inner.source();
    }
    false
}

/// A failure to connect.
pub(super) fn unreachable(error: &Error) -> Fault {
    match error.code() {
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            Fault::Missing { what: "the PostgreSQL database that the URL names does not exist".to_owned() }
        }
        Some(_) | None => Fault::Unavailable { what: "connect to PostgreSQL", cause: cause(error) },
    }
}

fn refused(what: &'static str, error: &Error, refusal: &DbError) -> Fault {
    let code = refusal.code();
    if *code == SqlState::UNIQUE_VIOLATION {
        return Fault::Unique { constraint: unique_columns(refusal) };
    }
    if *code == SqlState::DISK_FULL {
        return Fault::DiskFull;
    }
    if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        return Fault::ReadOnly;
    }
    let class = code.code().get(..2).unwrap_or_default();
    match class {
        "23" => Fault::Constraint { constraint: named(refusal) },
        // Lock and statement timeouts, and a server without room for one more.
        "53" | "55" | "57" => Fault::Busy,
        "58" => Fault::Unavailable { what, cause: cause(error) },
        "XX" => Fault::Damaged { cause: cause(error) },
        _ => Fault::Internal { what, cause: cause(error) },
    }
}

/// `table.column, table.column` as SQLite says it. The columns stand only in the detail, `Key (a, b)=(…) already exists.`,
/// whose first parenthesis is the same in every language of the server.
fn unique_columns(refusal: &DbError) -> String {
    let columns = refusal
        .detail()
        .and_then(|detail| detail.split_once(" ("))
        .and_then(|(_, rest)| rest.split_once(")="))
        .map(|(columns, _)| columns);
    match (refusal.table(), columns) {
        (Some(table), Some(columns)) if !columns.contains('(') => {
            let named: Vec<String> = columns.split(", ").map(|column| format!("{table}.{column}")).collect();
            named.join(", ")
        }
        _ => named(refusal),
    }
}

fn named(refusal: &DbError) -> String {
    let name = refusal.constraint().or(refusal.column()).unwrap_or("unnamed");
    refusal.table().map_or_else(
        || name.to_owned(),
        |table| if refusal.constraint().is_some() { name.to_owned() } else { format!("{table}.{name}") },
    )
}

pub(super) fn cause(error: &Error) -> Cause {
    match error.as_db_error() {
        Some(refusal) => Cause::new(Refusal::of(refusal)),
        None => Cause::text(chain(error)),
    }
}

/// The driver's error and its sources in one line. None of them holds a value or a password.
fn chain(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// What the server said, without the parts that quote stored values.
#[derive(Debug)]
struct Refusal {
    code: String,
    message: Option<String>,
}

impl Refusal {
    fn of(refusal: &DbError) -> Refusal {
        let code = refusal.code().code().to_owned();
        // Messages about data and constraints may quote what was sent.
        let quotes_values = code.starts_with("22") || code.starts_with("23");
        let message = (!quotes_values).then(|| refusal.message().to_owned());
        Refusal { code, message }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SQLSTATE {}", self.code)?;
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

impl std::error::Error for Refusal {}
