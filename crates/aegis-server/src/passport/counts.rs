//! How verifications ended, for whoever watches the process.

use std::sync::atomic::{AtomicU64, Ordering};

use aegis_passport::verdict::{Reason, Verdict};

/// Counters that verification touches without a lock.
#[derive(Debug, Default)]
pub(crate) struct VerifyCounts {
    valid: AtomicU64,
    /// By the reason's place in its set.
    reasons: [AtomicU64; Reason::ALL.len()],
    remembered: AtomicU64,
    checked: AtomicU64,
}

impl VerifyCounts {
    /// Counts a verdict that is about to be answered.
    pub(crate) fn verdict(&self, verdict: &Verdict) {
        let place = verdict.reason.and_then(|reason| self.reasons.get(reason as usize));
        place.unwrap_or(&self.valid).fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a signature that was to be proven: remembered, or checked.
    pub(super) fn signature(&self, remembered: bool) {
        let counter = if remembered { &self.remembered } else { &self.checked };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Verdicts by reason; `VALID` for those without one.
    pub(crate) fn verdicts(&self) -> Vec<(&'static str, u64)> {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let reasons =
            Reason::ALL.iter().zip(&self.reasons).map(|(reason, count)| (reason.as_str(), load(count)));
        [("VALID", load(&self.valid))].into_iter().chain(reasons).collect()
    }

    /// Signatures that were remembered, and that were checked.
    pub(crate) fn signatures(&self) -> (u64, u64) {
        (self.remembered.load(Ordering::Relaxed), self.checked.load(Ordering::Relaxed))
    }
}
