//! Statements on one PostgreSQL connection.

use std::error::Error;

use bytes::BytesMut;
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

use super::fault::Failure;
use super::link::Link;
use crate::dialect::{RowSource, Sql};
use crate::row::{Cell, Row};
use crate::{Fault, Value};

/// The connection a transaction runs on. Remembers what a failure means for the attempt, whatever the work makes of the
/// fault it was shown.
pub(crate) struct Session<'a> {
    link: &'a mut Link,
}

impl<'a> Session<'a> {
    pub(super) fn new(link: &'a mut Link) -> Session<'a> {
        Session { link }
    }

    pub(crate) fn execute(&mut self, sql: Sql, params: &[Value]) -> Result<u64, Fault> {
        let statement = self.link.statement(sql.postgres()).map_err(|error| self.fault("prepare", &error))?;
        demand_count(statement.params().len(), params.len())?;
        let params: Vec<&(dyn ToSql + Sync)> =
            params.iter().map(|value| value as &(dyn ToSql + Sync)).collect();
        self.link.client.execute(&statement, &params).map_err(|error| self.fault("run a statement", &error))
    }

    pub(crate) fn each(
        &mut self,
        sql: Sql,
        params: &[Value],
        visit: &mut dyn FnMut(&Row<'_>) -> bool,
    ) -> Result<(), Fault> {
        let statement = self.link.statement(sql.postgres()).map_err(|error| self.fault("prepare", &error))?;
        demand_count(statement.params().len(), params.len())?;
        let mut visit_all = || {
            let mut rows = self.link.client.query_raw(&statement, params)?;
            while let Some(row) = rows.next()? {
                if !visit(&Row { statement: sql.text(), source: RowSource::Postgres(&row) }) {
                    break;
                }
            }
            Ok(())
        };
        let visited = visit_all();
        visited.map_err(|error| self.fault("read rows", &error))
    }

    pub(crate) fn prepare(&mut self, sql: Sql) -> Result<(), Fault> {
        self.link.client.prepare(sql.postgres()).map(drop).map_err(|error| self.fault("prepare", &error))
    }

    pub(crate) fn batch(&mut self, statements: &'static str) -> Result<(), Fault> {
        // A migration may take as long as its tables need.
        let unhurried = self.link.client.batch_execute("SET LOCAL statement_timeout = 0");
        unhurried
            .and_then(|()| self.link.client.batch_execute(statements))
            .map_err(|error| self.fault("run a migration", &error))
    }

    fn fault(&mut self, what: &'static str, error: &postgres::Error) -> Fault {
        match Failure::of(what, error) {
            Failure::Refused(fault) => fault,
            failure @ Failure::Conflict => {
                self.link.failure = Some(failure);
                Fault::Busy
            }
            Failure::Lost(fault) => {
                self.link.failure = Some(Failure::Lost(fault.clone()));
                fault
            }
        }
    }
}

fn demand_count(wanted: usize, given: usize) -> Result<(), Fault> {
    if wanted == given {
        return Ok(());
    }
    Err(Fault::internal("bind parameters", "the statement wants another number of parameters"))
}

impl ToSql for Value {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Int(number) => match *ty {
                Type::INT8 => number.to_sql(ty, out),
                Type::INT4 => i32::try_from(*number)?.to_sql(ty, out),
                Type::INT2 => i16::try_from(*number)?.to_sql(ty, out),
                Type::BOOL => (u8::try_from(*number)? != 0).to_sql(ty, out),
                _ => Err(misplaced("a number", ty)),
            },
            Value::Text(text) if is_text(ty) => text.to_sql(ty, out),
            Value::Bytes(bytes) if *ty == Type::BYTEA => bytes.to_sql(ty, out),
            Value::Text(_) => Err(misplaced("a text", ty)),
            Value::Bytes(_) => Err(misplaced("bytes", ty)),
        }
    }

    fn accepts(_: &Type) -> bool {
        // Decided per value above, where the message can say what was given.
        true
    }

    to_sql_checked!();
}

fn is_text(ty: &Type) -> bool {
    matches!(*ty, Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN)
}

fn misplaced(given: &str, ty: &Type) -> Box<dyn Error + Sync + Send> {
    format!("{given} was given for a parameter of type {ty}").into()
}

impl<'a> FromSql<'a> for Cell<'a> {
    fn from_sql(ty: &Type, raw: &'a [u8]) -> Result<Cell<'a>, Box<dyn Error + Sync + Send>> {
        match *ty {
            Type::INT8 => i64::from_sql(ty, raw).map(Cell::Int),
            Type::INT4 => i32::from_sql(ty, raw).map(i64::from).map(Cell::Int),
            Type::INT2 => i16::from_sql(ty, raw).map(i64::from).map(Cell::Int),
            // Comparisons and EXISTS are 0 and 1 on the other database.
            Type::BOOL => bool::from_sql(ty, raw).map(i64::from).map(Cell::Int),
            Type::BYTEA => <&[u8]>::from_sql(ty, raw).map(Cell::Bytes),
            _ => <&str>::from_sql(ty, raw).map(Cell::Text),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Cell<'a>, Box<dyn Error + Sync + Send>> {
        Ok(Cell::Null)
    }

    fn accepts(ty: &Type) -> bool {
        is_text(ty) || matches!(*ty, Type::INT8 | Type::INT4 | Type::INT2 | Type::BOOL | Type::BYTEA)
    }
}

/// The cell of a row, or the name of a kind that the store does not know.
pub(crate) fn cell(row: &postgres::Row, index: usize) -> Result<Cell<'_>, &'static str> {
    row.try_get(index)
        .map_err(|_| if index < row.len() { "a type the store does not use" } else { "no such column" })
}

pub(crate) fn column_name(row: &postgres::Row, index: usize) -> Option<String> {
    row.columns().get(index).map(|column| column.name().to_owned())
}
