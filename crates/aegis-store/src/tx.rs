//! The transaction as a unit of work sees it: four verbs.

use crate::dialect::{Session, Sql};
use crate::row::Row;
use crate::{Fault, Value};

/// Rows one `list` may visit. Whatever could be longer is read page by page.
pub const LIST_ROWS_MAX: usize = 1_000_000;

/// An open transaction, lent to a unit of work. There is no way to begin or end one from outside the store.
///
/// The first statement that the database refuses ends the usefulness of the transaction, on both databases alike: later
/// verbs repeat that fault and the work is undone even if it swallowed it. A row that may already be there is therefore
/// written with `ON CONFLICT DO NOTHING` and the count that `execute` returns. Faults of decoding do not have this effect.
pub struct Tx<'a> {
    session: Session<'a>,
    refused: Option<Fault>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(session: Session<'a>) -> Tx<'a> {
        Tx { session, refused: None }
    }

    /// The fault that ended this transaction, whatever the work made of it.
    pub(crate) fn into_refused(self) -> Option<Fault> {
        self.refused
    }

    /// Runs a statement and returns how many rows it inserted, updated or deleted.
    ///
    /// # Errors
    ///
    /// [`Fault::Unique`] and [`Fault::Constraint`] if a constraint refuses a row, [`Fault::ReadOnly`] inside a read,
    /// [`Fault::DiskFull`] if there is no space, [`Fault::Internal`] if the statement or its parameters are wrong.
    pub fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, Fault> {
        self.checked(|session| {
            demand_storable(params)?;
            session.execute(sql, params)
        })
    }

    /// Reads exactly one row.
    ///
    /// # Errors
    ///
    /// [`Fault::Corrupt`] if there is no row or more than one, whatever `decode` refuses, and as [`Tx::execute`].
    pub fn one<T>(
        &mut self,
        sql: Sql,
        params: &[Value],
        decode: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.optional(sql, params, decode)?.ok_or_else(|| row_count(sql, "exactly one row", "no row"))
    }

    /// Reads one row if there is one.
    ///
    /// # Errors
    ///
    /// [`Fault::Corrupt`] if there is more than one row, whatever `decode` refuses, and as [`Tx::execute`].
    pub fn optional<T>(
        &mut self,
        sql: Sql,
        params: &[Value],
        decode: impl FnOnce(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Option<T>, Fault> {
        let mut decode = Some(decode);
        let mut found = None;
        let mut several = false;
        self.checked(|session| {
            demand_storable(params)?;
            session.each(sql, params, &mut |row| {
                match decode.take() {
                    Some(decode) => found = Some(decode(row)),
                    None => several = true,
                }
                !several
            })
        })?;
        if several {
            return Err(row_count(sql, "at most one row", "several rows"));
        }
        found.transpose()
    }

    /// Reads all rows in the order of the statement's ORDER BY.
    ///
    /// # Errors
    ///
    /// The first refusal of `decode`, [`Fault::Internal`] beyond [`LIST_ROWS_MAX`] rows, and as [`Tx::execute`].
    pub fn list<T>(
        &mut self,
        sql: Sql,
        params: &[Value],
        mut decode: impl FnMut(&Row<'_>) -> Result<T, Fault>,
    ) -> Result<Vec<T>, Fault> {
        let mut rows = Vec::new();
        let mut refusal = None;
        self.checked(|session| {
            demand_storable(params)?;
            session.each(sql, params, &mut |row| {
                if rows.len() >= LIST_ROWS_MAX {
                    refusal = Some(Fault::internal("list rows", "more rows than one list may visit"));
                    return false;
                }
                match decode(row) {
                    Ok(value) => rows.push(value),
                    Err(fault) => refusal = Some(fault),
                }
                refusal.is_none()
            })
        })?;
        refusal.map_or(Ok(rows), Err)
    }

    /// Compiles a statement without running it, so that a test can hold every constant against both migrated schemas.
    ///
    /// # Errors
    ///
    /// [`Fault::Internal`] with the database's reason if the statement does not compile.
    pub fn prepare(&mut self, sql: Sql) -> Result<(), Fault> {
        self.checked(|session| session.prepare(sql))
    }

    /// Runs the statements of a migration.
    pub(crate) fn batch(&mut self, statements: &'static str) -> Result<(), Fault> {
        self.checked(|session| session.batch(statements))
    }

    fn checked<T>(&mut self, verb: impl FnOnce(&mut Session<'a>) -> Result<T, Fault>) -> Result<T, Fault> {
        if let Some(fault) = &self.refused {
            return Err(fault.clone());
        }
        verb(&mut self.session).inspect_err(|fault| self.refused = Some(fault.clone()))
    }
}

/// PostgreSQL cannot store a zero byte in a text; refused here, it cannot be stored on the other database either.
fn demand_storable(params: &[Value]) -> Result<(), Fault> {
    let holds_zero = |value: &Value| matches!(value, Value::Text(text) if text.as_bytes().contains(&0));
    if params.iter().any(holds_zero) {
        return Err(Fault::internal("bind parameters", "a text holds a zero byte"));
    }
    Ok(())
}

fn row_count(sql: Sql, expected: &'static str, found: &'static str) -> Fault {
    Fault::Corrupt { statement: sql.text(), column: "*".to_owned(), expected, found }
}
