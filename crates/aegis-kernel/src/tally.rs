//! How often each use case ended in which way, for whoever watches the process. Names and ways only: no ids.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aegis_store::Fault;

use crate::kernel::{Answer, Failure, Rejection};

/// How a use case ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    /// Done.
    Done,
    /// Done before under the same idempotency key.
    Replayed,
    /// The rules said no.
    Refused,
    /// The kernel said no.
    Rejected,
    /// Too often.
    RateLimited,
    /// The machinery broke.
    Fault,
}

impl Ending {
    /// The word in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Ending::Done => "done",
            Ending::Replayed => "replayed",
            Ending::Refused => "refused",
            Ending::Rejected => "rejected",
            Ending::RateLimited => "rate_limited",
            Ending::Fault => "fault",
        }
    }

    fn of_failure<R>(failure: &Failure<R>) -> Ending {
        match failure {
            Failure::Refused(_) => Ending::Refused,
            Failure::Rejected(Rejection::RateLimited { .. }) => Ending::RateLimited,
            Failure::Rejected(
                Rejection::Unauthorized { .. }
                | Rejection::Forbidden { .. }
                | Rejection::Suspended
                | Rejection::AddressNotAllowed
                | Rejection::IdempotencyConflict
                | Rejection::ClockUnsafe,
            ) => Ending::Rejected,
            Failure::Fault(_) => Ending::Fault,
        }
    }
}

/// Counters by use case, and faults by their kind.
#[derive(Debug, Default)]
pub struct Tally(Mutex<Counts>);

/// What was counted so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Operations and queries by name and ending.
    pub endings: BTreeMap<(&'static str, Ending), u64>,
    /// Faults by kind.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Counts an operation that ended.
    pub(crate) fn operation<R>(&self, name: &'static str, ended: &Result<Answer, Failure<R>>) {
        let ending = match ended {
            Ok(answer) if answer.replayed => Ending::Replayed,
            Ok(_) => Ending::Done,
            Err(failure) => Ending::of_failure(failure),
        };
        self.note(name, ending, ended.as_ref().err());
    }

    /// Counts a query that ended.
    pub(crate) fn query<T, R>(&self, name: &'static str, ended: &Result<T, Failure<R>>) {
        let ending = ended.as_ref().map_or_else(Ending::of_failure, |_| Ending::Done);
        self.note(name, ending, ended.as_ref().err());
    }

    fn note<R>(&self, name: &'static str, ending: Ending, failure: Option<&Failure<R>>) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.endings.entry((name, ending)).or_default() += 1;
        if let Some(Failure::Fault(fault)) = failure {
            *counts.faults.entry(kind(fault)).or_default() += 1;
        }
    }

    /// What was counted so far.
    pub fn read(&self) -> Counts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The kind of a fault in one word.
const fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::Busy => "busy",
        Fault::Unavailable { .. } => "unavailable",
        Fault::Unknown { .. } => "unknown",
        Fault::DiskFull => "disk_full",
        Fault::ReadOnly => "read_only",
        Fault::Locked { .. } => "locked",
        Fault::Missing { .. } => "missing",
        Fault::Unique { .. } => "unique",
        Fault::Constraint { .. } => "constraint",
        Fault::Corrupt { .. } => "corrupt",
        Fault::Damaged { .. } => "damaged",
        Fault::Schema { .. } => "schema",
        Fault::Internal { .. } => "internal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Endings and the kinds of faults are counted by name.
    #[test]
    fn counts_endings() {
        let tally = Tally::default();
        tally.query::<(), ()>("a.read", &Ok(()));
        tally.query::<(), ()>("a.read", &Err(Failure::Fault(Fault::Busy)));
        tally.query::<(), ()>("a.read", &Err(Failure::Refused(())));
        let counts = tally.read();
        assert_eq!(counts.endings[&("a.read", Ending::Fault)], 1);
        assert_eq!(counts.endings.len(), 3);
        assert_eq!(counts.faults, BTreeMap::from([("busy", 1)]));
    }
}
