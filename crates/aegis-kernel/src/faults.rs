//! Faults a sandbox can be told to have, so that clients and tests can see recovery at work.
//!
//! In production the switches stay at zero: nothing can set them, because the routes that do are not mounted.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// A named switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// The process dies before the operation's commit.
    CrashBeforeCommit,
    /// The process dies after the operation's commit, before anybody is answered.
    CrashAfterCommit,
    /// The operation commits, the answer is lost.
    LoseResponse,
    /// A receiver of events answers 503; it is not called.
    Webhook5xx,
    /// The mail server takes no letter.
    SmtpDown,
}

impl Fault {
    /// All switches.
    pub const ALL: [Fault; 5] = [
        Fault::CrashBeforeCommit,
        Fault::CrashAfterCommit,
        Fault::LoseResponse,
        Fault::Webhook5xx,
        Fault::SmtpDown,
    ];

    /// The name used on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Fault::CrashBeforeCommit => "crash_before_commit",
            Fault::CrashAfterCommit => "crash_after_commit",
            Fault::LoseResponse => "lose_response",
            Fault::Webhook5xx => "webhook_5xx",
            Fault::SmtpDown => "smtp_down",
        }
    }

    /// The switch with this name.
    pub fn named(name: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.name() == name)
    }
}

/// How often a fault is still to happen, and to which operations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// Operation name it is limited to; `*` for every operation.
    pub scope: String,
    /// Occurrences left.
    pub count: u32,
}

/// The switches of one process.
#[derive(Debug, Default)]
pub struct Faults(Mutex<BTreeMap<Fault, Armed>>);

impl Faults {
    /// Sets a switch.
    pub fn arm(&self, fault: Fault, armed: Armed) {
        self.locked().insert(fault, armed);
    }

    /// Clears all switches.
    pub fn clear(&self) {
        self.locked().clear();
    }

    /// The switches that are set.
    pub fn list(&self) -> Vec<(Fault, Armed)> {
        self.locked().iter().map(|(fault, armed)| (*fault, armed.clone())).collect()
    }

    /// Whether `fault` happens to `operation` now; counts one occurrence down.
    pub fn strikes(&self, fault: Fault, operation: &str) -> bool {
        let mut switches = self.locked();
        let Some(armed) = switches.get_mut(&fault) else { return false };
        if armed.count == 0 || (armed.scope != "*" && armed.scope != operation) {
            return false;
        }
        armed.count -= 1;
        if armed.count == 0 {
            switches.remove(&fault);
        }
        true
    }

    fn locked(&self) -> std::sync::MutexGuard<'_, BTreeMap<Fault, Armed>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Dies at once, as a power cut would: no destructor, no flush.
pub fn crash() -> ! {
    std::process::abort()
}
