//! What SQLite's result codes mean to the store.

use rusqlite::{Error, ErrorCode, ffi};

use crate::Fault;
use crate::fault::Cause;
use crate::stop::stop_the_process;

/// Translates an error of the driver. Does not return if a sync failed: see [`stop_if_a_sync_failed`].
pub(super) fn fault(what: &'static str, error: Error) -> Fault {
    stop_if_a_sync_failed(&error);
    let Error::SqliteFailure(code, message) = &error else {
        return Fault::Internal { what, cause: Cause::new(error) };
    };
    let message = message.as_deref().unwrap_or_default();
    match code.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            Fault::Busy
        }
        ErrorCode::DiskFull => Fault::DiskFull,
        ErrorCode::ReadOnly => Fault::ReadOnly,
        ErrorCode::ConstraintViolation => constraint(code.extended_code, message),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Fault::Damaged { cause: Cause::new(error) },
        ErrorCode::SystemIoFailure
        | ErrorCode::CannotOpen
        | ErrorCode::PermissionDenied
        | ErrorCode::OutOfMemory
        | ErrorCode::OperationInterrupted
        | ErrorCode::OperationAborted => Fault::Unavailable { what, cause: Cause::new(error) },
        ErrorCode::InternalMalfunction
        | ErrorCode::NotFound
        | ErrorCode::SchemaChanged
        | ErrorCode::TooBig
        | ErrorCode::TypeMismatch
        | ErrorCode::ApiMisuse
        | ErrorCode::NoLargeFileSupport
        | ErrorCode::AuthorizationForStatementDenied
        | ErrorCode::ParameterOutOfRange
        | ErrorCode::Unknown
        | _ => Fault::Internal { what, cause: Cause::new(error) },
    }
}

/// Stops the process if the disk refused to make a write durable. The only answer to such a refusal in this crate.
fn stop_if_a_sync_failed(error: &Error) {
    let Error::SqliteFailure(code, _) = error else { return };
    if matches!(code.extended_code, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC) {
        stop_the_process("the disk refused to make a write durable", error);
    }
}

fn constraint(extended_code: i32, message: &str) -> Fault {
    let named = message.split_once("failed: ").map_or(message, |(_, named)| named);
    match extended_code {
        ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY | ffi::SQLITE_CONSTRAINT_ROWID => {
            let constraint = named.strip_prefix("index '").and_then(|rest| rest.strip_suffix('\''));
            Fault::Unique { constraint: constraint.unwrap_or(named).to_owned() }
        }
        _ => Fault::Constraint { constraint: message.to_owned() },
    }
}
