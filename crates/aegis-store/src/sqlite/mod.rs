//! SQLite: one file, one writer thread with group commit, several reader threads, one checkpointer.

mod checkpoint;
mod connection;
mod fault;
mod lock;
mod reader;
mod session;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use self::checkpoint::{Checkpointer, Wakeup};
use self::connection::Purpose;
use self::lock::ProcessLock;
use self::reader::Reader;
use self::writer::Writer;
use crate::fault::Cause;
use crate::job::{ReadJob, WriteJob};
use crate::queue::{NotQueued, Queue};
use crate::stop::run_or_stop;
use crate::{CommitHooks, Fault, OpenMode};

pub(crate) use self::session::{Session, cell, column_name};

/// The threads of one open database file.
pub(crate) struct Sqlite {
    /// `None` if the database was opened for reading.
    writes: Option<Arc<Queue<Box<dyn WriteJob>>>>,
    reads: Arc<Queue<Box<dyn ReadJob>>>,
    checkpoints: Arc<Wakeup>,
    threads: Mutex<Threads>,
}

struct Threads {
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
    checkpointer: Option<JoinHandle<()>>,
    lock: Option<ProcessLock>,
}

impl Sqlite {
    pub(crate) fn open(path: &Path, mode: OpenMode, hooks: CommitHooks) -> Result<Sqlite, Fault> {
        let path = absolute(path)?;
        if mode == OpenMode::MustExist {
            // Before the lock: asking for a database that is not there leaves no file behind.
            connection::ensure_file(&path, mode)?;
        }
        let lock = ProcessLock::take(&path)?;
        connection::ensure_file(&path, mode)?;
        // First, because it switches the file to write-ahead logging for the others.
        let mut write_connection = connection::open(&path, Purpose::Write)?;
        let checkpoint_connection = connection::open(&path, Purpose::Checkpoint)?;
        let queue = Arc::new(Queue::new());
        let checkpoints = Arc::new(Wakeup::new());
        connection::report_log(&mut write_connection, Arc::clone(&checkpoints))?;
        let writer = Writer { connection: write_connection, queue: Arc::clone(&queue), hooks };
        let checkpointer =
            Checkpointer { connection: checkpoint_connection, wakeup: Arc::clone(&checkpoints) };
        let store = Sqlite {
            writes: Some(queue),
            reads: Arc::new(Queue::new()),
            checkpoints,
            threads: Mutex::new(Threads {
                writer: None,
                readers: Vec::new(),
                checkpointer: None,
                lock: Some(lock),
            }),
        };
        // From here on dropping `store` ends the threads started so far.
        store.threads(|threads| {
            threads.writer = Some(start("store-writer", move || writer.run())?);
            threads.checkpointer = Some(start("store-checkpoint", move || checkpointer.run())?);
            Ok(())
        })?;
        store.start_readers(&path, Purpose::Read)?;
        Ok(store)
    }

    pub(crate) fn open_read_only(path: &Path) -> Result<Sqlite, Fault> {
        let path = absolute(path)?;
        connection::ensure_file(&path, OpenMode::MustExist)?;
        let store = Sqlite {
            writes: None,
            reads: Arc::new(Queue::new()),
            checkpoints: Arc::new(Wakeup::new()),
            threads: Mutex::new(Threads {
                writer: None,
                readers: Vec::new(),
                checkpointer: None,
                lock: None,
            }),
        };
        store.start_readers(&path, Purpose::Inspect)?;
        Ok(store)
    }

    pub(crate) fn write(&self, job: Box<dyn WriteJob>) {
        let Some(writes) = &self.writes else {
            job.answer(Err(Fault::ReadOnly));
            return;
        };
        match writes.push(job) {
            Ok(()) => {}
            Err(NotQueued::Full(job)) => job.answer(Err(Fault::Busy)),
            Err(NotQueued::Closed(job)) => job.answer(Err(Fault::closed())),
        }
    }

    pub(crate) fn read(&self, job: Box<dyn ReadJob>) {
        match self.reads.push(job) {
            Ok(()) => {}
            Err(NotQueued::Full(job)) => job.answer(Err(Fault::Busy)),
            Err(NotQueued::Closed(job)) => job.answer(Err(Fault::closed())),
        }
    }

    /// Finishes what was accepted, checkpoints, ends the threads and gives the lock up. May be called more than once.
    pub(crate) fn close(&self) {
        if let Some(writes) = &self.writes {
            writes.close();
        }
        self.reads.close();
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        let workers = threads.writer.take().into_iter().chain(threads.readers.drain(..)).collect::<Vec<_>>();
        workers.into_iter().for_each(join);
        // Last, so that its final checkpoint finds no reader in its way.
        self.checkpoints.close();
        threads.checkpointer.take().into_iter().for_each(join);
        threads.lock = None;
    }

    fn start_readers(&self, path: &Path, purpose: Purpose) -> Result<(), Fault> {
        let count = thread::available_parallelism().map_or(2, |cores| cores.get().clamp(2, 8));
        for _ in 0..count {
            let reader =
                Reader { connection: connection::open(path, purpose)?, queue: Arc::clone(&self.reads) };
            self.threads(|threads| {
                threads.readers.push(start("store-reader", move || reader.run())?);
                Ok(())
            })?;
        }
        Ok(())
    }

    fn threads<T>(&self, change: impl FnOnce(&mut Threads) -> Result<T, Fault>) -> Result<T, Fault> {
        change(&mut self.threads.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        self.close();
    }
}

fn start(name: &'static str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, Fault> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || run_or_stop(name, body))
        .map_err(|error| Fault::Unavailable { what: "start a thread", cause: Cause::new(error) })
}

fn join(thread: JoinHandle<()>) {
    // The last owner of the store may be a value that a job dropped on this very thread; it ends by itself then.
    if thread.thread().id() != thread::current().id() {
        drop(thread.join());
    }
}

/// An absolute path cannot be taken for one of SQLite's `file:` addresses, and survives a change of directory.
fn absolute(path: &Path) -> Result<std::path::PathBuf, Fault> {
    std::path::absolute(path)
        .map_err(|error| Fault::Unavailable { what: "find the database file", cause: Cause::new(error) })
}
