//! A thread with a connection: takes jobs, runs each in a serialisable transaction, again where others were in the way.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::fault::Failure;
use super::guard::Claim;
use super::link::{Address, Link};
use super::session::Session;
use crate::fault::Cause;
use crate::job::{Decision, ReadJob, WriteJob};
use crate::lane::Lanes;
use crate::queue::Queue;
use crate::{CommitHooks, Fault, Lane, Tx, dialect};

/// Attempts before a job is told that the database is busy. With the waits between them, about half a second.
const ATTEMPTS_MAX: u32 = 12;

/// The longest wait between two attempts.
const ATTEMPT_WAIT_MAX: Duration = Duration::from_millis(64);

/// Connections that may break under one job before it is told that the database is unavailable. One is usual: the server
/// was started again while the connection was idle.
const BREAKS_MAX: u32 = 2;

/// The longest wait between two attempts to connect.
const CONNECT_WAIT_MAX: Duration = Duration::from_secs(2);

/// What waits for a worker.
pub(super) enum Job {
    Write(Lane, Box<dyn WriteJob>),
    Read(Box<dyn ReadJob>),
}

/// What all workers share.
pub(super) struct Shared {
    pub(super) queue: Queue<Job>,
    pub(super) lanes: Lanes<Job>,
    pub(super) hooks: CommitHooks,
    pub(super) claim: Arc<Claim>,
    /// Workers that have a connection.
    pub(super) connected: AtomicUsize,
}

pub(super) struct Worker {
    shared: Arc<Shared>,
    address: Address,
    link: Option<Link>,
    connect_wait: Duration,
    connect_after: Instant,
}

/// Why the attempts of one job on one connection ended without a decision.
enum Ended {
    Broken(Fault),
    Fault(Fault),
}

impl Worker {
    pub(super) fn new(shared: Arc<Shared>, address: Address) -> Worker {
        Worker { shared, address, link: None, connect_wait: Duration::ZERO, connect_after: Instant::now() }
    }

    /// Serves the queue until it is closed and empty.
    pub(super) fn run(mut self) {
        loop {
            self.stand_back();
            match self.shared.queue.pop() {
                Some(Job::Write(lane, job)) => self.write(&lane, job),
                Some(Job::Read(job)) => self.read(job),
                None => break,
            }
        }
        self.disconnect();
    }

    /// While this worker cannot connect, jobs are for those that can. If nobody can, it takes them and tells them so.
    fn stand_back(&self) {
        while self.link.is_none()
            && Instant::now() < self.connect_after
            && self.shared.connected.load(Ordering::Relaxed) > 0
        {
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn write(&mut self, lane: &Lane, mut job: Box<dyn WriteJob>) {
        let shared = Arc::clone(&self.shared);
        let outcome = shared.claim.check().and_then(|()| {
            self.on_a_connection(|link| {
                link.lock_lane(lane).map_err(Ended::from)?;
                attempts(link, |link| write_once(link, &shared.hooks, &mut *job))
            })
        });
        if matches!(outcome, Ok(Decision::Commit)) {
            job.committed();
        }
        job.answer(outcome.map(|_| ()));
        self.leave(lane);
    }

    fn read(&mut self, mut job: Box<dyn ReadJob>) {
        let outcome = self.on_a_connection(|link| attempts(link, |link| read_once(link, &mut *job)));
        job.answer(outcome);
    }

    /// Gives the lane back, on the server and in this process, and lets the next in line go on.
    fn leave(&mut self, lane: &Lane) {
        if lane.keys().next().is_some() && self.link.as_mut().is_some_and(|link| link.unlock_lanes().is_err())
        {
            // The server releases the locks of a connection that ends.
            self.disconnect();
        }
        for next in self.shared.lanes.leave(lane) {
            self.shared.queue.push_accepted(next);
        }
    }

    /// Runs `body`, on a new connection if the old one turns out to be broken: nothing was committed on it then.
    fn on_a_connection<T>(
        &mut self,
        mut body: impl FnMut(&mut Link) -> Result<T, Ended>,
    ) -> Result<T, Fault> {
        let mut breaks = 0;
        loop {
            let link = self.connected()?;
            link.failure = None;
            match body(link) {
                Ok(value) => return Ok(value),
                Err(Ended::Fault(fault)) => {
                    if matches!(fault, Fault::Unknown { .. }) || link.client.is_closed() {
                        self.disconnect();
                    }
                    return Err(fault);
                }
                Err(Ended::Broken(fault)) => {
                    self.disconnect();
                    breaks += 1;
                    if breaks >= BREAKS_MAX {
                        return Err(fault);
                    }
                }
            }
        }
    }

    fn connected(&mut self) -> Result<&mut Link, Fault> {
        if self.link.is_none() {
            self.connect()?;
        }
        self.link.as_mut().ok_or_else(Fault::closed)
    }

    fn connect(&mut self) -> Result<(), Fault> {
        if Instant::now() < self.connect_after {
            let cause = Cause::text("the last attempt to connect failed a moment ago");
            return Err(Fault::Unavailable { what: "connect to PostgreSQL", cause });
        }
        match self.address.connect() {
            Ok(link) => {
                self.link = Some(link);
                self.connect_wait = Duration::ZERO;
                self.shared.connected.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(fault) => {
                self.connect_wait =
                    self.connect_wait.saturating_mul(2).clamp(Duration::from_millis(100), CONNECT_WAIT_MAX);
                self.connect_after = Instant::now() + self.connect_wait;
                Err(fault)
            }
        }
    }

    fn disconnect(&mut self) {
        if self.link.take().is_some() {
            self.shared.connected.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// Tries `once` until it is not in conflict with others, within bounds.
fn attempts<T>(link: &mut Link, mut once: impl FnMut(&mut Link) -> Result<T, Failure>) -> Result<T, Ended> {
    for attempt in 0..ATTEMPTS_MAX {
        match once(link) {
            Err(Failure::Conflict) => thread::sleep(wait_after(attempt)),
            Err(failure) => return Err(failure.into()),
            Ok(value) => return Ok(value),
        }
    }
    Err(Ended::Fault(Fault::Busy))
}

/// Doubles from a millisecond, with as much again at random so that two that collided do not collide again.
fn wait_after(attempt: u32) -> Duration {
    let base = Duration::from_millis(1 << attempt.min(10)).min(ATTEMPT_WAIT_MAX / 2);
    let random = RandomState::new().build_hasher().finish() % 1_000;
    base + base.mul_f64(f64::from(u32::try_from(random).unwrap_or_default()) / 1_000.0)
}

fn write_once(link: &mut Link, hooks: &CommitHooks, job: &mut dyn WriteJob) -> Result<Decision, Failure> {
    link.control("BEGIN ISOLATION LEVEL SERIALIZABLE")?;
    let outcome = run(link, |tx| job.run(tx))?;
    match outcome {
        Ok(Decision::Commit) => {
            (hooks.before_commit)();
            commit(link)?;
            // The commit point: from here on a crash loses nothing of this job.
            (hooks.after_commit)();
            Ok(Decision::Commit)
        }
        Ok(Decision::Rollback) => roll_back(link).map(|()| Decision::Rollback),
        Err(fault) => roll_back(link).and(Err(Failure::Refused(fault))),
    }
}

fn read_once(link: &mut Link, job: &mut dyn ReadJob) -> Result<(), Failure> {
    link.control("BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY")?;
    match run(link, |tx| job.run(tx))? {
        // What a serialisable transaction has read counts only once its commit has been accepted.
        Ok(()) => link.control("COMMIT"),
        Err(fault) => roll_back(link).and(Err(Failure::Refused(fault))),
    }
}

/// Runs the work. A failure of the attempt wins over whatever the work made of it.
fn run<T>(
    link: &mut Link,
    work: impl FnOnce(&mut Tx<'_>) -> Result<T, Fault>,
) -> Result<Result<T, Fault>, Failure> {
    let mut tx = Tx::new(dialect::Session::Postgres(Session::new(link)));
    let ran = work(&mut tx);
    let outcome = tx.into_refused().map_or(ran, Err);
    match link.failure.take() {
        None => Ok(outcome),
        Some(Failure::Conflict) => roll_back(link).and(Err(Failure::Conflict)),
        Some(failure) => Err(failure),
    }
}

fn commit(link: &mut Link) -> Result<(), Failure> {
    link.control("COMMIT").map_err(|failure| match failure {
        // Nobody can say on which side of the commit point the connection broke, so this is never tried again.
        Failure::Lost(Fault::Unavailable { cause, .. }) => Failure::Refused(Fault::Unknown { cause }),
        Failure::Lost(fault) => Failure::Refused(fault),
        Failure::Conflict | Failure::Refused(_) => failure,
    })
}

fn roll_back(link: &mut Link) -> Result<(), Failure> {
    link.control("ROLLBACK")
}

impl From<Failure> for Ended {
    fn from(failure: Failure) -> Ended {
        match failure {
            Failure::Conflict => Ended::Fault(Fault::Busy),
            Failure::Lost(fault) => Ended::Broken(fault),
            Failure::Refused(fault) => Ended::Fault(fault),
        }
    }
}
