//! The tamper-evident log: what an operation did is one entry, written in its own transaction.
//!
//! Three steps, kept apart: `append` commits the entry with its operation, [`sequence`] gives waiting
//! entries their places and signs a checkpoint, and whoever reads gets tiles, proofs and openings.

mod append;
pub mod fsck;
pub mod read;
pub mod sequence;
mod sql;
pub mod witness;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::id::LogEntryId;
use aegis_core::time::Timestamp;
use tokio::sync::{Notify, oneshot};

pub use append::{Leaf, LeafOutcome};
pub(crate) use append::{append, splice};
pub use read::find_logged;

/// The purpose of the key that signs checkpoints.
pub const LOG_KEY_PURPOSE: &str = "log";

/// An entry that was given its place in the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Integrated {
    /// Which entry.
    pub entry: LogEntryId,
    /// Its place.
    pub index: u64,
    /// When the first checkpoint that covers it was signed.
    pub signed_at: Timestamp,
}

/// Who wants to know of integrated entries.
pub type Observer = Arc<dyn Fn(&[Integrated]) + Send + Sync>;

/// What one process keeps about its log.
pub struct Log {
    origin: String,
    hint: Arc<Notify>,
    expected: Mutex<HashMap<LogEntryId, oneshot::Sender<u64>>>,
    observers: Mutex<Vec<Observer>>,
}

impl Log {
    /// The log called `origin` (C2SP tlog-checkpoint: host and path, without scheme).
    pub fn new(origin: String) -> Log {
        Log { origin, hint: Arc::default(), expected: Mutex::default(), observers: Mutex::default() }
    }

    /// The log's name, also the name of its note key.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Wakes the sequencer.
    pub fn hint(&self) -> &Notify {
        &self.hint
    }

    /// Calls `observer` after each integration, inside the commit.
    pub fn observe(&self, observer: Observer) {
        self.observers.lock().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    pub(crate) fn expect_index(&self, entry: LogEntryId) -> oneshot::Receiver<u64> {
        let (tell, told) = oneshot::channel();
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).insert(entry, tell);
        told
    }

    pub(crate) fn forget(&self, entry: LogEntryId) {
        self.expected.lock().unwrap_or_else(PoisonError::into_inner).remove(&entry);
    }

    fn announce(&self, integrated: &[Integrated]) {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        for item in integrated {
            if let Some(tell) = expected.remove(&item.entry) {
                // Nobody listens any more when the wait was over; the index is in the database.
                let _gone = tell.send(item.index);
            }
        }
        drop(expected);
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for observer in observers {
            observer(integrated);
        }
    }
}
