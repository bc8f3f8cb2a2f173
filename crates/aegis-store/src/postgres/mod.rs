//! PostgreSQL: worker threads that each own a connection, and one more connection that holds the process lock.

mod fault;
mod guard;
mod link;
mod session;
mod worker;

use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::{self, JoinHandle};

use self::guard::{Claim, Guard};
use self::link::Address;
use self::worker::{Job, Shared, Worker};
use crate::fault::Cause;
use crate::job::{ReadJob, WriteJob};
use crate::lane::Lanes;
use crate::queue::{NotQueued, Queue};
use crate::stop::run_or_stop;
use crate::{CommitHooks, Fault, Lane};

pub(crate) use self::session::{Session, cell, column_name};

/// Connections a configuration may ask for.
const CONNECTIONS_MAX: usize = 256;

/// The threads of one open database.
pub(crate) struct Postgres {
    shared: Arc<Shared>,
    read_only: bool,
    threads: Mutex<Vec<JoinHandle<()>>>,
    guard: Mutex<Option<JoinHandle<()>>>,
}

impl Postgres {
    pub(crate) fn open(url: &str, connections: usize, hooks: CommitHooks) -> Result<Postgres, Fault> {
        let address = Address::parse(url)?;
        let store = Postgres::idle(hooks, false);
        let guard = Guard { address: address.clone(), claim: Arc::clone(&store.shared.claim) };
        let (sender, opened) = mpsc::channel();
        let thread = start("store-guard", move || guard.run(&sender))?;
        *store.guard.lock().unwrap_or_else(PoisonError::into_inner) = Some(thread);
        opened.recv().unwrap_or_else(|_| Err(Fault::closed()))?;
        store.start_workers(&address, connections)?;
        Ok(store)
    }

    pub(crate) fn open_read_only(url: &str, connections: usize) -> Result<Postgres, Fault> {
        let address = Address::parse(url)?;
        let store = Postgres::idle(CommitHooks::default(), true);
        // On a thread of its own, as the driver must not be used inside somebody else's runtime.
        let probe = address.clone();
        let (sender, opened) = mpsc::channel();
        let thread = start("store-probe", move || drop(sender.send(probe.connect().map(drop))))?;
        drop(thread.join());
        opened.recv().unwrap_or_else(|_| Err(Fault::closed()))?;
        store.start_workers(&address, connections)?;
        Ok(store)
    }

    fn idle(hooks: CommitHooks, read_only: bool) -> Postgres {
        let shared = Shared {
            queue: Queue::new(),
            lanes: Lanes::new(),
            hooks,
            claim: Arc::new(Claim::new()),
            connected: AtomicUsize::new(0),
        };
        Postgres {
            shared: Arc::new(shared),
            read_only,
            threads: Mutex::new(Vec::new()),
            guard: Mutex::new(None),
        }
    }

    fn start_workers(&self, address: &Address, connections: usize) -> Result<(), Fault> {
        let mut threads = self.threads.lock().unwrap_or_else(PoisonError::into_inner);
        for _ in 0..connections.clamp(1, CONNECTIONS_MAX) {
            let worker = Worker::new(Arc::clone(&self.shared), address.clone());
            threads.push(start("store-worker", move || worker.run())?);
        }
        Ok(())
    }

    pub(crate) fn write(&self, lane: Lane, job: Box<dyn WriteJob>) {
        if self.read_only {
            job.answer(Err(Fault::ReadOnly));
            return;
        }
        // The lane comes before the queue, so that those who wait for each other occupy no worker.
        let entering = lane.clone();
        let Some(job) = self.shared.lanes.enter(&entering, Job::Write(lane, job)) else { return };
        match self.shared.queue.push(job) {
            Ok(()) => {}
            Err(NotQueued::Full(job)) => self.turn_away(job, &Fault::Busy),
            Err(NotQueued::Closed(job)) => self.turn_away(job, &Fault::closed()),
        }
    }

    pub(crate) fn read(&self, job: Box<dyn ReadJob>) {
        match self.shared.queue.push(Job::Read(job)) {
            Ok(()) => {}
            Err(NotQueued::Full(job)) => self.turn_away(job, &Fault::Busy),
            Err(NotQueued::Closed(job)) => self.turn_away(job, &Fault::closed()),
        }
    }

    /// Finishes what was accepted, ends the threads and gives the lock up. May be called more than once.
    pub(crate) fn close(&self) {
        self.shared.queue.close();
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        threads.into_iter().for_each(join);
        // Last: until then the workers may still write.
        self.shared.claim.close();
        let guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner).take();
        guard.into_iter().for_each(join);
    }

    /// Answers a job that no worker will see, and those that waited behind it in its lane.
    fn turn_away(&self, job: Job, fault: &Fault) {
        let mut jobs = vec![job];
        while let Some(job) = jobs.pop() {
            match job {
                Job::Read(job) => job.answer(Err(fault.clone())),
                Job::Write(lane, job) => {
                    job.answer(Err(fault.clone()));
                    jobs.extend(self.shared.lanes.leave(&lane));
                }
            }
        }
    }
}

impl Drop for Postgres {
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
