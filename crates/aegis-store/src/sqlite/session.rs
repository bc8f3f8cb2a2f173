//! Statements on one SQLite connection.

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{CachedStatement, Connection, ToSql};

use super::fault::fault;
use crate::dialect::{RowSource, Sql};
use crate::fault::Cause;
use crate::row::{Cell, Row};
use crate::{Fault, Value};

/// The connection a transaction runs on.
pub(crate) struct Session<'a> {
    connection: &'a Connection,
}

impl<'a> Session<'a> {
    pub(super) fn new(connection: &'a Connection) -> Session<'a> {
        Session { connection }
    }

    pub(crate) fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, Fault> {
        let mut statement = self.bound(sql, params)?;
        let changed = statement.raw_execute().map_err(|error| fault("run a statement", error))?;
        u64::try_from(changed)
            .map_err(|error| Fault::Internal { what: "count rows", cause: Cause::new(error) })
    }

    pub(crate) fn each(
        &mut self,
        sql: Sql,
        params: &[Value],
        visit: &mut dyn FnMut(&Row<'_>) -> bool,
    ) -> Result<(), Fault> {
        let mut statement = self.bound(sql, params)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next().map_err(|error| fault("read rows", error))? {
            if !visit(&Row { statement: sql.text(), source: RowSource::Sqlite(row) }) {
                break;
            }
        }
        Ok(())
    }

    pub(crate) fn prepare(&mut self, sql: Sql) -> Result<(), Fault> {
        self.connection.prepare(sql.sqlite()).map(drop).map_err(|error| fault("prepare a statement", error))
    }

    pub(crate) fn batch(&mut self, statements: &'static str) -> Result<(), Fault> {
        self.connection.execute_batch(statements).map_err(|error| fault("run a migration", error))
    }

    /// Binds by name, because SQLite numbers `$2, $1` by first appearance and not by the number in the name.
    fn bound(&self, sql: Sql, params: &[Value]) -> Result<CachedStatement<'a>, Fault> {
        let mut statement = self
            .connection
            .prepare_cached(sql.sqlite())
            .map_err(|error| fault("prepare a statement", error))?;
        if statement.parameter_count() != params.len() {
            return Err(Fault::internal(
                "bind parameters",
                "the statement wants another number of parameters",
            ));
        }
        for (value, name) in params.iter().zip(PARAMETER_NAMES) {
            let index = statement
                .parameter_index(name)
                .map_err(|error| fault("bind parameters", error))?
                .ok_or_else(|| Fault::internal("bind parameters", format!("the statement has no {name}")))?;
            statement.raw_bind_parameter(index, value).map_err(|error| fault("bind parameters", error))?;
        }
        Ok(statement)
    }
}

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// The cell of a row, or the name of a kind that the store does not know.
pub(crate) fn cell<'r>(row: &'r rusqlite::Row<'_>, index: usize) -> Result<Cell<'r>, &'static str> {
    match row.get_ref(index).map_err(|_| "no such column")? {
        ValueRef::Null => Ok(Cell::Null),
        ValueRef::Integer(number) => Ok(Cell::Int(number)),
        ValueRef::Text(text) => {
            std::str::from_utf8(text).map(Cell::Text).map_err(|_| "text that is not UTF-8")
        }
        ValueRef::Blob(bytes) => Ok(Cell::Bytes(bytes)),
        ValueRef::Real(_) => Err("a floating-point number"),
    }
}

pub(crate) fn column_name(row: &rusqlite::Row<'_>, index: usize) -> Option<String> {
    row.as_ref().column_name(index).ok().map(str::to_owned)
}

/// `$1` and so on: as many parameters as one statement may have.
static PARAMETER_NAMES: [&str; crate::dialect::PARAMETERS_MAX] = [
    "$1", "$2", "$3", "$4", "$5", "$6", "$7", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$16",
    "$17", "$18", "$19", "$20", "$21", "$22", "$23", "$24", "$25", "$26", "$27", "$28", "$29", "$30", "$31",
    "$32", "$33", "$34", "$35", "$36", "$37", "$38", "$39", "$40", "$41", "$42", "$43", "$44", "$45", "$46",
    "$47", "$48", "$49", "$50", "$51", "$52", "$53", "$54", "$55", "$56", "$57", "$58", "$59", "$60", "$61",
    "$62", "$63", "$64",
];
