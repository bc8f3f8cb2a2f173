//! The two ways to reach a transaction: an [`Operation`] writes, a [`Query`] reads.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::{EventId, LogEntryId};
use aegis_core::moment::Moment;
use aegis_core::rate::Standing;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Lane, Tx};
use serde::Serialize;

use crate::audit::Leaf;
use crate::caller::{Caller, Permission};
use crate::outbox::Event;
use crate::rate::RateClass;

/// What one must hold to run a use case, and how often it may run.
pub trait Access {
    /// `family.verb_object`: the name in permissions, log, metrics and the API description.
    const NAME: &'static str;
    /// Who may.
    const PERMISSION: Permission;
    /// How often one API key may.
    const RATE: RateClass;
    /// How often one API key may be refused by the rules, where that is limited.
    const REFUSALS: Option<RateClass> = None;
}

/// One write use case: a struct, one transaction.
///
/// `run` may be executed more than once, each time in a fresh transaction with a fresh [`Moment`]. It
/// touches only `tx`, `at` and pure functions. `Err` means that nothing happened; what must be remembered of
/// a refusal is a [`Commit::denied`].
pub trait Operation: Access + Send + Sync + 'static {
    /// Where the answer carries its log evidence.
    const EVIDENCE: Evidence;
    /// Why the rules may say no.
    type Refused: Refusal;

    /// The queue of operations that contend for the same thing.
    fn lane(&self, caller: &Caller) -> Lane;

    /// Does it.
    ///
    /// # Errors
    /// [`Stop::Refused`] by the rules, [`Stop::Fault`] of the store; nothing is kept of either.
    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<Self::Refused>;
}

/// One read use case.
pub trait Query: Access + Send + Sync + 'static {
    /// What is found.
    type Reply: Send + 'static;
    /// Why the rules may say no.
    type Refused: Refusal;

    /// Reads it.
    ///
    /// # Errors
    /// As [`Operation::run`].
    fn run(
        &self,
        tx: &mut Tx<'_>,
        now: Timestamp,
        caller: &Caller,
    ) -> Result<Self::Reply, Stop<Self::Refused>>;
}

/// A reason of the rules to say no, typed per family.
pub trait Refusal: std::error::Error + Send + 'static {}

/// For operations that the rules never refuse.
impl Refusal for std::convert::Infallible {}

/// What an operation returns.
pub type Outcome<R> = Result<Commit<R>, Stop<R>>;

/// Why nothing happened.
#[derive(Debug)]
pub enum Stop<R> {
    /// The rules said no.
    Refused(R),
    /// The machinery broke.
    Fault(Fault),
}

impl<R> From<Fault> for Stop<R> {
    fn from(fault: Fault) -> Stop<R> {
        Stop::Fault(fault)
    }
}

impl<R: Refusal> From<R> for Stop<R> {
    fn from(refused: R) -> Stop<R> {
        Stop::Refused(refused)
    }
}

/// Where an answer shows which log entry proves it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// Response headers only: the body is somebody else's format.
    Headers,
    /// `log_entry`, `log_index`, `leaf_hash` are appended to the body; the answer waits for integration.
    Snake,
    /// `log_entry` is appended to the body.
    SnakeEntry,
    /// `logEntry` is appended to the body.
    Camel,
}

/// How a committed operation is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Success {
    /// 200
    Ok,
    /// 201
    Created,
    /// 202
    Accepted,
    /// 204
    NoContent,
}

/// What an operation wants committed and answered. The leaf is a constructor argument: no change without it.
pub struct Commit<R> {
    pub(crate) success: Success,
    pub(crate) body: Vec<u8>,
    pub(crate) replay_body: Option<Vec<u8>>,
    pub(crate) location: Option<String>,
    pub(crate) proof: Proof,
    pub(crate) further: Vec<Leaf>,
    pub(crate) events: Vec<(Option<EventId>, Event)>,
    pub(crate) denied: Option<R>,
    pub(crate) standing: Option<(&'static str, Standing)>,
    pub(crate) afterwards: Vec<Box<dyn FnOnce() + Send>>,
}

/// The entry that proves an answer.
pub(crate) enum Proof {
    /// This operation's own new entry.
    New(Leaf),
    /// Nothing changed; an earlier entry tells what happened, if any.
    Earlier(Option<LogEntryId>),
}

impl<R> Commit<R> {
    fn new(success: Success, body: Vec<u8>, proof: Proof) -> Commit<R> {
        Commit {
            success,
            body,
            replay_body: None,
            location: None,
            proof,
            further: Vec::new(),
            events: Vec::new(),
            denied: None,
            standing: None,
            afterwards: Vec::new(),
        }
    }

    /// Something was made.
    ///
    /// # Errors
    /// [`Fault::Internal`] when the body has no JSON form.
    pub fn created(body: &impl Serialize, leaf: Leaf) -> Result<Commit<R>, Fault> {
        Ok(Commit::new(Success::Created, to_json(body)?, Proof::New(leaf)))
    }

    /// Something was made, answered with these bytes as they are.
    pub fn created_document(body: Vec<u8>, leaf: Leaf) -> Commit<R> {
        Commit::new(Success::Created, body, Proof::New(leaf))
    }

    /// Something was changed.
    ///
    /// # Errors
    /// As [`Commit::created`].
    pub fn changed(body: &impl Serialize, leaf: Leaf) -> Result<Commit<R>, Fault> {
        Ok(Commit::new(Success::Ok, to_json(body)?, Proof::New(leaf)))
    }

    /// Something was taken in and will be decided later.
    ///
    /// # Errors
    /// As [`Commit::created`].
    pub fn accepted(body: &impl Serialize, leaf: Leaf) -> Result<Commit<R>, Fault> {
        Ok(Commit::new(Success::Accepted, to_json(body)?, Proof::New(leaf)))
    }

    /// Something was removed; there is nothing to say.
    pub fn removed(leaf: Leaf) -> Commit<R> {
        Commit::new(Success::NoContent, Vec::new(), Proof::New(leaf))
    }

    /// Nothing changed; `earlier` is the entry that tells what happened before.
    ///
    /// # Errors
    /// As [`Commit::created`].
    pub fn unchanged(body: &impl Serialize, earlier: Option<LogEntryId>) -> Result<Commit<R>, Fault> {
        Ok(Commit::new(Success::Ok, to_json(body)?, Proof::Earlier(earlier)))
    }

    /// The rules said no, and that must be remembered.
    pub fn denied(refused: R, leaf: Leaf) -> Commit<R> {
        let mut commit = Commit::new(Success::Ok, Vec::new(), Proof::New(leaf));
        commit.denied = Some(refused);
        commit
    }

    /// Logs a consequence for another subject: one more entry in the same transaction.
    #[must_use]
    pub fn also_logged(mut self, leaf: Leaf) -> Commit<R> {
        self.further.push(leaf);
        self
    }

    /// Tells others, at least once, after the commit.
    #[must_use]
    pub fn emit(mut self, event: Event) -> Commit<R> {
        self.events.push((None, event));
        self
    }

    /// As [`Commit::emit`], under an id that the answer names.
    #[must_use]
    pub fn emit_as(mut self, id: EventId, event: Event) -> Commit<R> {
        self.events.push((Some(id), event));
        self
    }

    /// Where the new object can be read.
    #[must_use]
    pub fn at_location(mut self, location: String) -> Commit<R> {
        self.location = Some(location);
        self
    }

    /// The body a replay answers instead: secrets are shown once.
    ///
    /// # Errors
    /// As [`Commit::created`].
    pub fn replayed_as(mut self, body: &impl Serialize) -> Result<Commit<R>, Fault> {
        self.replay_body = Some(to_json(body)?);
        Ok(self)
    }

    /// The limit this answer was counted in, by name, in place of its class's.
    #[must_use]
    pub fn counted(mut self, limit: &'static str, standing: Standing) -> Commit<R> {
        self.standing = Some((limit, standing));
        self
    }

    /// Changes what this process keeps in memory: inside the commit, before anybody is answered.
    #[must_use]
    pub fn afterwards(mut self, change: impl FnOnce() + Send + 'static) -> Commit<R> {
        self.afterwards.push(Box::new(change));
        self
    }
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(body)
        .map_err(|error| Fault::Internal { what: "write an answer as JSON", cause: Cause::new(error) })
}

/// Which entry of the log proves an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Logged {
    /// The entry's id.
    pub entry: LogEntryId,
    /// Its hash in the tree.
    pub leaf_hash: Digest,
    /// Its place in the tree, once integrated.
    pub index: Option<u64>,
}
