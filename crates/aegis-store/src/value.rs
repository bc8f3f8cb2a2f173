//! Statements and the values bound to them.

/// One parameter of a statement. The four kinds are all that both databases store alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// BIGINT: counts, instants in microseconds, booleans as 0 and 1.
    Int(i64),
    /// TEXT.
    Text(String),
    /// BLOB or BYTEA.
    Bytes(Vec<u8>),
}

/// A number that does not fit a signed 64-bit column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("number exceeds the signed 64-bit range of a column")]
pub struct OutOfRange;

impl From<OutOfRange> for crate::Fault {
    fn from(error: OutOfRange) -> crate::Fault {
        crate::Fault::Internal { what: "bind a number", cause: crate::fault::Cause::new(error) }
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Value {
        Value::Int(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Value {
        Value::Int(i64::from(value))
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Int(i64::from(value))
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Int(i64::from(value))
    }
}

impl TryFrom<u64> for Value {
    type Error = OutOfRange;

    fn try_from(value: u64) -> Result<Value, OutOfRange> {
        i64::try_from(value).map(Value::Int).map_err(|_| OutOfRange)
    }
}

impl TryFrom<usize> for Value {
    type Error = OutOfRange;

    fn try_from(value: usize) -> Result<Value, OutOfRange> {
        i64::try_from(value).map(Value::Int).map_err(|_| OutOfRange)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

impl From<&String> for Value {
    fn from(value: &String) -> Value {
        Value::Text(value.clone())
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Value {
        Value::Bytes(value)
    }
}

impl From<&[u8]> for Value {
    fn from(value: &[u8]) -> Value {
        Value::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(value: [u8; N]) -> Value {
        Value::Bytes(value.to_vec())
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(value: &[u8; N]) -> Value {
        Value::Bytes(value.to_vec())
    }
}

impl<T> From<Option<T>> for Value
where
    Value: From<T>,
{
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Value::from)
    }
}
