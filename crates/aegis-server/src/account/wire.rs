//! JSON shapes that every list of this slice shares, and reading what a schema cannot check.

use aegis_core::page::{Page, Paged, encode_cursor};
use aegis_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::http::{Problem, Violation, read_page};
use crate::query_parameters;

/// Where the kernel appends the id of the entry that proves a change: described here, written there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry, value_type = String, example = "log_019e099acb007b6a9d0e1f2031425364")]
pub struct Appended(());

impl Appended {
    /// Nothing yet.
    pub(super) const LATER: Appended = Appended(());

    /// Never written by us.
    pub(super) const fn by_kernel(&self) -> bool {
        matches!(self, Appended(()))
    }
}

/// The schema asks for a date-time already; what it lets through and we cannot read is refused here.
pub(super) fn instant(pointer: &str, text: &str) -> Result<Timestamp, Violation> {
    let message = "This must be an RFC 3339 date-time, for example 2026-01-15T00:00:00Z.";
    Timestamp::parse_rfc3339(text).ok_or_else(|| Violation::new(pointer, "format", message))
}

/// Collects what is wrong in `read`, and goes on without it.
pub(super) fn noted<T>(violations: &mut Vec<Violation>, read: Option<Result<T, Violation>>) -> Option<T> {
    match read? {
        Ok(value) => Some(value),
        Err(violation) => {
            violations.push(violation);
            None
        }
    }
}

pub(super) fn settled<T>(value: T, violations: Vec<Violation>) -> Result<T, Problem> {
    if violations.is_empty() { Ok(value) } else { Err(Problem::validation(violations)) }
}

/// Which part of a list.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Rows of a page; 50 if left out.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[schema(nullable = false, max_length = 512)]
    cursor: Option<String>,
}
query_parameters!(ListQuery);

impl ListQuery {
    /// The page asked for.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a cursor that no list gave out.
    pub fn page(&self) -> Result<Page, Problem> {
        Ok(read_page(self.limit, self.cursor.as_deref())?)
    }
}

pub(super) fn next_cursor<T>(paged: &Paged<T>) -> Option<String> {
    paged.next.as_deref().map(encode_cursor)
}
