//! How a connection to a SQLite file is opened and configured.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::{Connection, OpenFlags};

use super::checkpoint::Wakeup;
use super::fault::fault;
use crate::fault::Cause;
use crate::{Fault, OpenMode};

/// How long a connection waits for another process's lock, such as that of a backup, before it reports busy.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

const BUSY_STEP: Duration = Duration::from_millis(1);

/// Compiled statements one connection keeps: more than the program has.
const CACHED_STATEMENTS: usize = 512;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    Read,
    Checkpoint,
    /// A read beside the process that owns the database.
    Inspect,
}

/// Makes sure that there is a file to open. A new one is readable by its owner alone, before SQLite writes to it.
pub(super) fn ensure_file(path: &Path, mode: OpenMode) -> Result<(), Fault> {
    if path.is_file() {
        return Ok(());
    }
    if mode == OpenMode::MustExist {
        return Err(Fault::Missing { what: format!("there is no database at {}", path.display()) });
    }
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(Fault::Unavailable { what: "create the database file", cause: Cause::new(error) }),
    }
}

/// Opens one connection for one thread.
pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Connection, Fault> {
    let access = match purpose {
        Purpose::Write | Purpose::Read | Purpose::Checkpoint => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Purpose::Inspect => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    // Each connection belongs to one thread, so SQLite need not lock it.
    let mut connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)
        .map_err(|error| fault("open the database file", error))?;
    configure(&mut connection, purpose).map_err(|error| fault("configure a connection", error))?;
    if purpose == Purpose::Write {
        demand_wal(&connection)?;
    }
    Ok(connection)
}

/// Reports the length of the log after each commit. To be called last: configuring checkpoints would undo it.
pub(super) fn report_log(connection: &mut Connection, checkpoints: Arc<Wakeup>) -> Result<(), Fault> {
    let hook = move |_: &mut Wal, pages: i32| {
        checkpoints.logged(usize::try_from(pages).unwrap_or_default());
        Ok(())
    };
    connection.wal_hook(Some(hook)).map_err(|error| fault("configure a connection", error))
}

/// Waits for the lock of another connection. In even, short steps: SQLite's own growing ones would make the writer sleep on
/// for up to a tenth of a second after a checkpoint has let it go.
fn wait_for_lock(waits: i32) -> bool {
    thread::sleep(BUSY_STEP);
    BUSY_STEP.saturating_mul(u32::try_from(waits).unwrap_or(u32::MAX)) < BUSY_TIMEOUT
}

fn configure(connection: &mut Connection, purpose: Purpose) -> rusqlite::Result<()> {
    connection.busy_handler(Some(wait_for_lock))?;
    connection.set_prepared_statement_cache_capacity(CACHED_STATEMENTS);
    // A damaged or malicious file must not run code or forge its own schema.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    // "x" is always a column, never silently a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // A plan never depends on what is bound; else cached statements are prepared anew for every new binding.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if purpose == Purpose::Write {
        connection.pragma_update(None, "journal_mode", "wal")?;
    }
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // Checkpoints happen on their own connection: on the writer's they are its slowest commits.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    if matches!(purpose, Purpose::Read | Purpose::Inspect) {
        connection.pragma_update(None, "query_only", true)?;
    }
    Ok(())
}

fn demand_wal(connection: &Connection) -> Result<(), Fault> {
    let mode: String = connection
        .pragma_query_value(None, "journal_mode", |row| row.get(0))
        .map_err(|error| fault("read the journal mode", error))?;
    if mode == "wal" {
        return Ok(());
    }
    Err(Fault::Unavailable {
        what: "switch the database file to write-ahead logging",
        cause: Cause::text(format!("its journal mode stays {mode}; is it on a network file system?")),
    })
}
