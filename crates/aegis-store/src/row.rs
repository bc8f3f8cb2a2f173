//! Strict decoding of rows: a mismatch is a [`Fault::Corrupt`], never a default.

use crate::Fault;
use crate::dialect::RowSource;

/// One row of an answer, valid while the decoding closure runs.
pub struct Row<'r> {
    pub(crate) statement: &'static str,
    pub(crate) source: RowSource<'r>,
}

impl Row<'_> {
    /// Decodes the column at `index`, counted from 0 in the order of the SELECT list.
    ///
    /// # Errors
    ///
    /// [`Fault::Corrupt`] if the column holds another kind of value, NULL where `T` is not an `Option`, a number out of
    /// `T`'s range, bytes of another length, or if there is no such column.
    pub fn get<T: FromColumn>(&self, index: usize) -> Result<T, Fault> {
        let corrupt = |found| Fault::Corrupt {
            statement: self.statement,
            column: self.source.column_name(index),
            expected: T::EXPECTED,
            found,
        };
        let cell = self.source.cell(index).map_err(corrupt)?;
        let found = cell.kind();
        T::from_cell(cell).ok_or_else(|| corrupt(found))
    }
}

/// What a column holds, borrowed from the driver.
#[derive(Debug, Clone, Copy)]
pub enum Cell<'r> {
    /// SQL NULL.
    Null,
    /// A whole number.
    Int(i64),
    /// UTF-8 text.
    Text(&'r str),
    /// Bytes.
    Bytes(&'r [u8]),
}

impl Cell<'_> {
    fn kind(self) -> &'static str {
        match self {
            Cell::Null => "null",
            Cell::Int(_) => "another number",
            Cell::Text(_) => "text",
            Cell::Bytes(_) => "other bytes",
        }
    }
}

/// A Rust type that a column can be read as.
///
/// Domain types implement it (or decode from these in their `sql.rs`); an implementation refuses by `None` and must not
/// substitute anything.
pub trait FromColumn: Sized {
    /// What a fault says was expected.
    const EXPECTED: &'static str;

    /// The value, or `None` if the cell does not hold one.
    fn from_cell(cell: Cell<'_>) -> Option<Self>;
}

impl FromColumn for i64 {
    const EXPECTED: &'static str = "a signed 64-bit number";

    fn from_cell(cell: Cell<'_>) -> Option<i64> {
        match cell {
            Cell::Int(value) => Some(value),
            Cell::Null | Cell::Text(_) | Cell::Bytes(_) => None,
        }
    }
}

impl FromColumn for u32 {
    const EXPECTED: &'static str = "an unsigned 32-bit number";

    fn from_cell(cell: Cell<'_>) -> Option<u32> {
        i64::from_cell(cell).and_then(|value| u32::try_from(value).ok())
    }
}

impl FromColumn for u64 {
    const EXPECTED: &'static str = "a number that is not negative";

    fn from_cell(cell: Cell<'_>) -> Option<u64> {
        i64::from_cell(cell).and_then(|value| u64::try_from(value).ok())
    }
}

impl FromColumn for bool {
    const EXPECTED: &'static str = "0 or 1";

    fn from_cell(cell: Cell<'_>) -> Option<bool> {
        match i64::from_cell(cell)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl FromColumn for String {
    const EXPECTED: &'static str = "text";

    fn from_cell(cell: Cell<'_>) -> Option<String> {
        match cell {
            Cell::Text(text) => Some(text.to_owned()),
            Cell::Null | Cell::Int(_) | Cell::Bytes(_) => None,
        }
    }
}

impl FromColumn for Vec<u8> {
    const EXPECTED: &'static str = "bytes";

    fn from_cell(cell: Cell<'_>) -> Option<Vec<u8>> {
        match cell {
            Cell::Bytes(bytes) => Some(bytes.to_vec()),
            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    const EXPECTED: &'static str = "bytes of a fixed length";

    fn from_cell(cell: Cell<'_>) -> Option<[u8; N]> {
        match cell {
            Cell::Bytes(bytes) => bytes.try_into().ok(),
            Cell::Null | Cell::Int(_) | Cell::Text(_) => None,
        }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn from_cell(cell: Cell<'_>) -> Option<Option<T>> {
        match cell {
            Cell::Null => Some(None),
            Cell::Int(_) | Cell::Text(_) | Cell::Bytes(_) => T::from_cell(cell).map(Some),
        }
    }
}
