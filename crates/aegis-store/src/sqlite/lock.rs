//! One process per SQLite file.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use crate::Fault;
use crate::fault::Cause;

/// The exclusive claim to a database file, given up when dropped or when the process ends in whatever way.
///
/// It stands on a file of its own: closing any descriptor of the database file would drop SQLite's own locks on it.
#[derive(Debug)]
pub(super) struct ProcessLock {
    _held: File,
}

impl ProcessLock {
    pub(super) fn take(database: &Path) -> Result<ProcessLock, Fault> {
        let path = lock_path(database);
        // The file stays behind when the lock is given up: removing it would let two processes lock two files of one name.
        let opened = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path);
        let file = opened.map_err(|error| {
            if error.kind() == ErrorKind::NotFound {
                let what = format!("the directory of the database does not exist: {}", database.display());
                return Fault::Missing { what };
            }
            Fault::Unavailable { what: "open the lock file of the database", cause: Cause::new(error) }
        })?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(ProcessLock { _held: file }),
            Err(Errno::WOULDBLOCK) => Err(Fault::Locked {
                by: format!(
                    "another aegis process uses this data directory: it holds {}; stop it first or choose another directory",
                    path.display()
                ),
            }),
            Err(error) => Err(Fault::Unavailable { what: "lock the database", cause: Cause::new(error) }),
        }
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}
