//! A unit of work without its types: what the queues carry and the database threads run.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{Fault, Tx};

/// What a unit of work wants done with what it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict<T> {
    /// Keep everything and run `after_commit`.
    Commit(T),
    /// Undo everything; the value is returned all the same and `after_commit` does not run.
    Rollback(T),
}

/// A [`Verdict`] whose value stayed with the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    Commit,
    Rollback,
}

/// A write on its way. May be run several times; exactly one `answer` ends it.
pub(crate) trait WriteJob: Send {
    /// Runs the work once and keeps its value, replacing that of an earlier run. A panic becomes [`Fault::Internal`].
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<Decision, Fault>;
    /// Runs `after_commit`; called once, after the commit is durable and before the answer.
    fn committed(&mut self);
    /// Tells the caller: the kept value, or the fault.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// A read on its way. May be run several times; exactly one `answer` ends it.
pub(crate) trait ReadJob: Send {
    /// Runs the work once and keeps its value, replacing that of an earlier run. A panic becomes [`Fault::Internal`].
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault>;
    /// Tells the caller: the kept value, or the fault.
    fn answer(self: Box<Self>, outcome: Result<(), Fault>);
}

/// Where an answer goes. A caller that stopped listening is no reason to stop a write.
pub(crate) enum ReplyTo<T> {
    Task(oneshot::Sender<Result<T, Fault>>),
    Thread(std::sync::mpsc::Sender<Result<T, Fault>>),
}

impl<T> ReplyTo<T> {
    fn send(self, outcome: Result<T, Fault>) {
        match self {
            ReplyTo::Task(sender) => drop(sender.send(outcome)),
            ReplyTo::Thread(sender) => drop(sender.send(outcome)),
        }
    }
}

pub(crate) struct Write<T, W, A> {
    work: W,
    after_commit: Option<A>,
    value: Option<T>,
    reply: ReplyTo<T>,
}

impl<T, W, A> Write<T, W, A> {
    pub(crate) fn new(work: W, after_commit: A, reply: ReplyTo<T>) -> Write<T, W, A> {
        Write { work, after_commit: Some(after_commit), value: None, reply }
    }
}

impl<T, W, A> WriteJob for Write<T, W, A>
where
    T: Send,
    W: Fn(&mut Tx<'_>) -> Result<Verdict<T>, Fault> + Send,
    A: FnOnce(&mut T) + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<Decision, Fault> {
        self.value = None;
        // What the closure can reach after a panic is undone by the rollback or was never shared.
        let verdict = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)))
            .unwrap_or_else(|payload| Err(Fault::panicked(&*payload)))?;
        let (decision, value) = match verdict {
            Verdict::Commit(value) => (Decision::Commit, value),
            Verdict::Rollback(value) => (Decision::Rollback, value),
        };
        self.value = Some(value);
        Ok(decision)
    }

    fn committed(&mut self) {
        if let (Some(after_commit), Some(value)) = (self.after_commit.take(), self.value.as_mut()) {
            after_commit(value);
        }
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let Write { value, reply, .. } = *self;
        reply.send(deliver(outcome, value));
    }
}

pub(crate) struct Read<T, W> {
    work: W,
    value: Option<T>,
    reply: ReplyTo<T>,
}

impl<T, W> Read<T, W> {
    pub(crate) fn new(work: W, reply: ReplyTo<T>) -> Read<T, W> {
        Read { work, value: None, reply }
    }
}

impl<T, W> ReadJob for Read<T, W>
where
    T: Send,
    W: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Result<(), Fault> {
        self.value = None;
        let value = catch_unwind(AssertUnwindSafe(|| (self.work)(tx)))
            .unwrap_or_else(|payload| Err(Fault::panicked(&*payload)))?;
        self.value = Some(value);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), Fault>) {
        let Read { value, reply, .. } = *self;
        reply.send(deliver(outcome, value));
    }
}

fn deliver<T>(outcome: Result<(), Fault>, value: Option<T>) -> Result<T, Fault> {
    outcome.and_then(|()| value.ok_or_else(|| Fault::internal("answer a caller", "the work left no value")))
}
