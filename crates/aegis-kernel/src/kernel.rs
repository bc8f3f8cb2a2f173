//! The pipeline: everything around an operation's rules, readable top to bottom.
//!
//! 1. the rate window of the caller's key, before any transaction;
//! 2. a detached task: a client that hangs up cannot cancel half a commit;
//! 3. the operation's lane, one write transaction, a fresh moment;
//! 4. the idempotency record: replay, or refuse another request under the same key;
//! 5. the operation itself;
//! 6. its log entry, its events, its idempotency record; commit;
//! 7. what this process keeps in memory changes, still before anybody is answered;
//! 8. the sequencer is nudged, and waited for where the answer shows the entry's index.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use aegis_core::api_key::KeyRealm;
use aegis_core::limits::CLOCK_BEHIND_SECONDS_MAX;
use aegis_core::moment::Moment;
use aegis_core::rate::Standing;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, CommitHooks, Fault, Lane, Store, Tx, Verdict};
use tokio::sync::{Notify, oneshot};

use crate::audit::{self, Log};
use crate::caller::{Call, Caller, Permission};
use crate::clock::Clock;
use crate::credential::{self, LastUse, Presented};
use crate::faults::{self, Faults};
use crate::idempotency::{self, Earlier, Kept};
use crate::keyring::Keyring;
use crate::mail::Mailer;
use crate::operation::{Commit, Evidence, Logged, Operation, Proof, Query, Stop, Success};
use crate::os_entropy::EntropySource;
use crate::rate::{RateClass, Windows};
use crate::tally::Tally;
use crate::{outbox, tasks};

/// How long an answer that shows its index waits for the sequencer.
const INDEX_WAIT: Duration = Duration::from_secs(1);

/// What the kernel is made of. Constructed once, in the program's wiring.
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Where *now* comes from.
    pub clock: Clock,
    /// Where randomness comes from.
    pub entropy: EntropySource,
    /// Signing keys.
    pub keyring: Keyring,
    /// The tamper-evident log.
    pub log: Log,
    /// Which API keys are good here.
    pub realm: KeyRealm,
    /// Where letters go.
    pub mailer: Mailer,
    /// Sandbox faults.
    pub faults: Faults,
    /// The crash that the next commit is to meet.
    pub crash: Arc<CrashPlan>,
}

/// A crash that a sandbox fault planned around a commit.
#[derive(Debug, Default)]
pub struct CrashPlan {
    before: AtomicBool,
    after: AtomicBool,
}

impl CrashPlan {
    /// Hooks for the store that carry the plan out.
    pub fn hooks(self: &Arc<Self>) -> CommitHooks {
        let (before, after) = (Arc::clone(self), Arc::clone(self));
        CommitHooks {
            before_commit: Box::new(move || {
                if before.before.load(Ordering::SeqCst) {
                    faults::crash();
                }
            }),
            after_commit: Box::new(move || {
                if after.after.load(Ordering::SeqCst) {
                    faults::crash();
                }
            }),
        }
    }
}

/// How often an operation that lost a race for a unique value runs again.
const UNIQUE_RACES_MAX: usize = 3;

/// Runs operations and queries. Cheap to clone.
#[derive(Clone)]
pub struct Kernel {
    parts: Arc<Parts>,
    windows: Arc<Windows>,
    last_use: Arc<LastUse>,
    last_entry_at: Arc<AtomicI64>,
    tally: Arc<Tally>,
    events: Arc<Notify>,
    mail_hint: Arc<Notify>,
}

/// What a committed, replayed or read use case answers.
#[derive(Debug)]
pub struct Answer {
    /// Which success.
    pub success: Success,
    /// The JSON body, with its log evidence; empty for [`Success::NoContent`].
    pub body: Vec<u8>,
    /// Where the new object can be read.
    pub location: Option<String>,
    /// The entry that proves it.
    pub logged: Option<Logged>,
    /// Whether this is the kept answer of an earlier request.
    pub replayed: bool,
    /// The limit it was counted in, by name.
    pub standing: Option<(&'static str, Standing)>,
    /// A sandbox fault: the answer is to be lost on its way.
    pub lost: bool,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure<R> {
    /// The rules said no.
    Refused(R),
    /// The kernel said no.
    Rejected(Rejection),
    /// The machinery broke.
    Fault(Fault),
}

impl<R> From<Fault> for Failure<R> {
    fn from(fault: Fault) -> Failure<R> {
        Failure::Fault(fault)
    }
}

impl<R> Failure<R> {
    /// For calls of the instance itself, which the kernel has no reason to reject: what the rules said, or a fault
    /// met while trying to `what`.
    ///
    /// # Errors
    /// The fault.
    pub fn refusal(self, what: &'static str) -> Result<R, Fault> {
        match self {
            Failure::Refused(refused) => Ok(refused),
            Failure::Rejected(rejection) => Err(Fault::Internal { what, cause: Cause::new(rejection) }),
            Failure::Fault(fault) => Err(fault),
        }
    }
}

/// The kernel's own refusals.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// No credential, or none that is good.
    #[error("{why}")]
    Unauthorized {
        /// What was wrong with it, safe to tell.
        why: &'static str,
    },
    /// Known, but not allowed.
    #[error("this needs {needed}")]
    Forbidden {
        /// What is needed.
        needed: Permission,
    },
    /// The organization is suspended.
    #[error("the organization is suspended")]
    Suspended,
    /// The key may not be used from this address.
    #[error("the API key may not be used from this address")]
    AddressNotAllowed,
    /// Too often.
    #[error("rate limit {class} is used up")]
    RateLimited {
        /// Which limit.
        class: &'static str,
        /// How it stands.
        standing: Standing,
    },
    /// The idempotency key named another request before.
    #[error("the idempotency key was used for another request")]
    IdempotencyConflict,
    /// The clock is behind the log.
    #[error("the clock of this instance is behind its log")]
    ClockUnsafe,
}

/// What one attempt leaves behind.
struct Done<R> {
    answer: Answer,
    evidence: Evidence,
    denied: Option<R>,
    index: Option<oneshot::Receiver<u64>>,
    afterwards: Vec<Box<dyn FnOnce() + Send>>,
    emitted: bool,
    at: Timestamp,
}

enum Ended<R> {
    Done(Done<R>),
    Refused(R),
    Rejected(Rejection),
}

impl Kernel {
    /// Puts the parts together. `last_entry_at` is the instant of the log's newest entry.
    pub fn new(parts: Parts, last_entry_at: Timestamp) -> Kernel {
        Kernel {
            parts: Arc::new(parts),
            windows: Arc::default(),
            last_use: Arc::default(),
            last_entry_at: Arc::new(AtomicI64::new(last_entry_at.as_micros())),
            tally: Arc::default(),
            events: Arc::default(),
            mail_hint: Arc::default(),
        }
    }

    /// The parts.
    pub fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The current instant.
    pub fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    /// When each key was used in this process.
    pub fn last_use(&self) -> &LastUse {
        &self.last_use
    }

    /// Tells the job that sends letters that one was written.
    pub fn mail_hint(&self) -> &Notify {
        &self.mail_hint
    }

    /// How use cases ended in this process.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Wakes who relays events; told after each commit that has some.
    pub fn events_hint(&self) -> &Arc<Notify> {
        &self.events
    }

    /// The rate windows of this process.
    pub fn windows(&self) -> &Windows {
        &self.windows
    }

    /// Finds out who presented a credential, and whether they may do `permission`.
    ///
    /// # Errors
    /// [`Rejection`] as its variants say; faults of the store.
    pub async fn authenticate(
        &self,
        presented: Presented,
        permission: Permission,
        address: std::net::IpAddr,
    ) -> Result<Caller, Failure<std::convert::Infallible>> {
        let (now, realm) = (self.now(), self.parts.realm);
        let found = self
            .parts
            .store
            .read(move |tx| credential::authenticate(tx, realm, &presented, address, now))
            .await?;
        let caller = found.map_err(Failure::Rejected)?;
        caller.require(permission).map_err(Failure::Rejected)?;
        if let Some(key) = caller.key {
            self.last_use.note(key, now);
        }
        Ok(caller)
    }

    /// Runs a write use case: see the module's description for the steps.
    ///
    /// # Errors
    /// [`Failure`]: refused by the rules, rejected by the kernel, or a fault. Nothing happened then, except
    /// what a committed denial remembers.
    pub async fn execute<O: Operation>(
        &self,
        call: Call,
        operation: O,
    ) -> Result<Answer, Failure<O::Refused>> {
        let ended = self.run_operation(call, operation).await;
        self.tally.operation(O::NAME, &ended);
        ended
    }

    async fn run_operation<O: Operation>(
        &self,
        call: Call,
        operation: O,
    ) -> Result<Answer, Failure<O::Refused>> {
        let standing = self.take(O::RATE, &call).map_err(Failure::Rejected)?;
        let subject = rate_subject(&call);
        if let Some(class) = O::REFUSALS {
            let standing = self.windows.peek(class, &subject, self.now());
            if !standing.admitted {
                return Err(Failure::Rejected(Rejection::RateLimited { class: class.name, standing }));
            }
        }
        let kernel = self.clone();
        let task = tasks::spawn(async move { kernel.commit(call, operation, standing).await });
        let ended = task.await.unwrap_or_else(|error| {
            Err(Fault::Internal { what: "run an operation to its end", cause: Cause::new(error) }.into())
        });
        if let (Some(class), Err(Failure::Refused(_))) = (O::REFUSALS, &ended) {
            self.windows.take(class, &subject, self.now());
        }
        ended
    }

    /// Runs a read use case.
    ///
    /// # Errors
    /// [`Failure`]: refused by the rules, rejected by the kernel, or a fault.
    pub async fn read<Q: Query>(&self, call: Call, query: Q) -> Result<Q::Reply, Failure<Q::Refused>> {
        let ended = self.run_query(call, query).await;
        self.tally.query(Q::NAME, &ended);
        ended
    }

    async fn run_query<Q: Query>(&self, call: Call, query: Q) -> Result<Q::Reply, Failure<Q::Refused>> {
        self.take(Q::RATE, &call).map_err(Failure::Rejected)?;
        let now = self.now();
        let found = self
            .parts
            .store
            .read(move |tx| match query.run(tx, now, &call.caller) {
                Ok(reply) => Ok(Ok(reply)),
                Err(Stop::Refused(refused)) => Ok(Err(refused)),
                Err(Stop::Fault(fault)) => Err(fault),
            })
            .await?;
        found.map_err(Failure::Refused)
    }

    fn take(&self, class: RateClass, call: &Call) -> Result<Standing, Rejection> {
        let standing = self.windows.take(class, &rate_subject(call), self.now());
        if standing.admitted {
            Ok(standing)
        } else {
            Err(Rejection::RateLimited { class: class.name, standing })
        }
    }

    async fn commit<O: Operation>(
        &self,
        call: Call,
        operation: O,
        standing: Standing,
    ) -> Result<Answer, Failure<O::Refused>> {
        let (call, operation) = (Arc::new(call), Arc::new(operation));
        let mut ended = self.try_commit(&call, &operation).await;
        for _ in 0..UNIQUE_RACES_MAX {
            // Another operation took the same name or place first; run again, it is visible now.
            if !matches!(ended, Err(Fault::Unique { .. })) {
                break;
            }
            ended = self.try_commit(&call, &operation).await;
        }
        let ended = ended?;
        match ended {
            Ended::Refused(refused) => Err(Failure::Refused(refused)),
            Ended::Rejected(rejection) => Err(Failure::Rejected(rejection)),
            Ended::Done(mut done) => {
                self.parts.log.hint().notify_one();
                if done.emitted {
                    self.events.notify_one();
                }
                if let Some(refused) = done.denied {
                    return Err(Failure::Refused(refused));
                }
                self.await_index(&mut done.answer, done.index).await?;
                done.answer.standing.get_or_insert((O::RATE.name, standing));
                done.answer.lost = self.parts.faults.strikes(faults::Fault::LoseResponse, O::NAME);
                audit::splice(&mut done.answer.body, done.evidence, done.answer.logged);
                Ok(done.answer)
            }
        }
    }

    async fn try_commit<O: Operation>(
        &self,
        call: &Arc<Call>,
        operation: &Arc<O>,
    ) -> Result<Ended<O::Refused>, Fault> {
        let lane = Self::lane(call, operation.as_ref());
        let (attempting, committing) = (self.clone(), self.clone());
        let (call, operation) = (Arc::clone(call), Arc::clone(operation));
        self.parts
            .store
            .write(
                lane,
                move |tx| attempting.attempt(tx, &call, operation.as_ref()),
                move |ended: &mut Ended<O::Refused>| committing.apply(ended),
            )
            .await
    }

    fn lane<O: Operation>(call: &Call, operation: &O) -> Lane {
        let lane = operation.lane(&call.caller);
        match &call.intent {
            None => lane,
            Some(intent) => {
                let twin = format!("intent/{}/{}", call.caller.actor(), intent.key);
                Lane::all(lane.keys().chain([twin.as_str()]))
            }
        }
    }

    /// One attempt, inside one transaction.
    fn attempt<O: Operation>(
        &self,
        tx: &mut Tx<'_>,
        call: &Call,
        operation: &O,
    ) -> Result<Verdict<Ended<O::Refused>>, Fault> {
        let mut at = match self.moment() {
            Ok(at) => at,
            Err(rejection) => return Ok(Verdict::Rollback(Ended::Rejected(rejection))),
        };
        let kek = self.parts.keyring.kek();
        if let Some(intent) = &call.intent {
            match idempotency::find(tx, &at, kek, &call.caller, O::NAME, intent)? {
                Earlier::Nothing => {}
                Earlier::Conflict => {
                    return Ok(Verdict::Rollback(Ended::Rejected(Rejection::IdempotencyConflict)));
                }
                Earlier::Replay(kept) => {
                    return self.replay::<O>(tx, &at, kept).map(|done| Verdict::Rollback(Ended::Done(done)));
                }
            }
        }
        let commit = match operation.run(tx, &mut at, &call.caller) {
            Ok(commit) => commit,
            Err(Stop::Refused(refused)) => return Ok(Verdict::Rollback(Ended::Refused(refused))),
            Err(Stop::Fault(fault)) => return Err(fault),
        };
        let done = self.seal::<O>(tx, &mut at, call, commit)?;
        self.plan_crash(O::NAME);
        Ok(Verdict::Commit(Ended::Done(done)))
    }

    /// A fresh moment, never earlier than the newest log entry.
    fn moment(&self) -> Result<Moment, Rejection> {
        let (now, last) = (self.now(), Timestamp::from_micros(self.last_entry_at.load(Ordering::SeqCst)));
        if last > now.plus_seconds(CLOCK_BEHIND_SECONDS_MAX) {
            return Err(Rejection::ClockUnsafe);
        }
        Ok(Moment::new(now.max(last), self.parts.entropy.fork()))
    }

    /// Writes what belongs to every operation: entry, events, idempotency record.
    fn seal<O: Operation>(
        &self,
        tx: &mut Tx<'_>,
        at: &mut Moment,
        call: &Call,
        commit: Commit<O::Refused>,
    ) -> Result<Done<O::Refused>, Fault> {
        let is_new = matches!(commit.proof, Proof::New(_));
        let logged = match &commit.proof {
            Proof::New(leaf) => Some(audit::append(tx, at, O::NAME, &call.caller, leaf)?),
            Proof::Earlier(Some(entry)) => audit::find_logged(tx, *entry)?,
            Proof::Earlier(None) => None,
        };
        for leaf in &commit.further {
            audit::append(tx, at, O::NAME, &call.caller, leaf)?;
        }
        for (id, event) in &commit.events {
            outbox::append(tx, at, *id, event)?;
        }
        if let (Some(intent), None) = (&call.intent, &commit.denied) {
            let body = commit.replay_body.as_ref().unwrap_or(&commit.body);
            let kept = Kept {
                status: commit.success.status(),
                body: String::from_utf8_lossy(body).into_owned(),
                location: commit.location.clone(),
                entry: logged.map(|logged| logged.entry.to_string()),
            };
            idempotency::keep(tx, at, self.parts.keyring.kek(), &call.caller, O::NAME, intent, &kept)?;
        }
        let waits = O::EVIDENCE == Evidence::Snake && is_new && commit.denied.is_none();
        let index = logged.filter(|_| waits).map(|logged| self.parts.log.expect_index(logged.entry));
        Ok(Done {
            answer: Answer {
                success: commit.success,
                body: commit.body,
                location: commit.location,
                logged,
                replayed: false,
                standing: commit.standing,
                lost: false,
            },
            evidence: O::EVIDENCE,
            denied: commit.denied,
            index,
            afterwards: commit.afterwards,
            emitted: !commit.events.is_empty(),
            at: at.now(),
        })
    }

    fn replay<O: Operation>(
        &self,
        tx: &mut Tx<'_>,
        at: &Moment,
        kept: Kept,
    ) -> Result<Done<O::Refused>, Fault> {
        let logged = match kept.entry() {
            Some(entry) => audit::find_logged(tx, entry)?,
            None => None,
        };
        let unindexed = logged.filter(|logged| logged.index.is_none() && O::EVIDENCE == Evidence::Snake);
        Ok(Done {
            answer: Answer {
                success: kept.success(),
                body: kept.body.into_bytes(),
                location: kept.location,
                logged,
                replayed: true,
                standing: None,
                lost: false,
            },
            evidence: O::EVIDENCE,
            denied: None,
            index: unindexed.map(|logged| self.parts.log.expect_index(logged.entry)),
            afterwards: Vec::new(),
            emitted: false,
            at: at.now(),
        })
    }

    fn plan_crash(&self, operation: &str) {
        let (faults, crash) = (&self.parts.faults, &self.parts.crash);
        if faults.strikes(faults::Fault::CrashBeforeCommit, operation) {
            crash.before.store(true, Ordering::SeqCst);
        }
        if faults.strikes(faults::Fault::CrashAfterCommit, operation) {
            crash.after.store(true, Ordering::SeqCst);
        }
    }

    /// Runs right after the commit, before anybody is answered.
    fn apply<R>(&self, ended: &mut Ended<R>) {
        if let Ended::Done(done) = ended {
            self.last_entry_at.fetch_max(done.at.as_micros(), Ordering::SeqCst);
            for change in done.afterwards.drain(..) {
                change();
            }
        }
    }

    async fn await_index(
        &self,
        answer: &mut Answer,
        index: Option<oneshot::Receiver<u64>>,
    ) -> Result<(), Fault> {
        let (Some(index), Some(logged)) = (index, answer.logged.as_mut()) else { return Ok(()) };
        if let Ok(Ok(index)) = tokio::time::timeout(INDEX_WAIT, index).await {
            logged.index = Some(index);
            return Ok(());
        }
        // The sequencer may have been faster than the promise to tell us: ask the database once.
        self.parts.log.forget(logged.entry);
        let entry = logged.entry;
        if let Some(found) = self.parts.store.read(move |tx| audit::find_logged(tx, entry)).await? {
            *logged = found;
        }
        Ok(())
    }
}

/// Limits are counted per API key; without one, per address.
fn rate_subject(call: &Call) -> String {
    call.caller.key.map_or_else(|| call.address.to_string(), |key| key.to_string())
}

impl Success {
    /// The status this success is answered with.
    pub const fn status(self) -> u16 {
        match self {
            Success::Ok => 200,
            Success::Created => 201,
            Success::Accepted => 202,
            Success::NoContent => 204,
        }
    }
}
