//! When an event is tried again, and when it is not: rules over values.

use aegis_core::entropy::Entropy;
use aegis_core::time::{SECOND, Timestamp};

use super::delivery::DisabledReason;

const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
/// What passes before each attempt of a round, counted from the failure before it, in microseconds.
pub const WAITS: [i64; 8] = [0, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, 24 * HOUR];
/// At most so much of a wait is added to it by chance, so that what failed together is not tried together.
const JITTER_PARTS: u64 = 5;
/// An endpoint that has failed for so long without one success is disabled.
pub const FAILING_SECONDS_MAX: i64 = 5 * 86_400;

/// What an attempt means for its delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived: 2xx.
    Delivered,
    /// The receiver says it wants no more: 410.
    Gone,
    /// It did not arrive, as far as is known.
    Failed,
}

/// Judges the status of an answer; `None`: no answer came. A redirect is a failure, because nobody follows it.
pub fn judge(status: Option<u16>) -> Verdict {
    match status {
        Some(200..=299) => Verdict::Delivered,
        Some(410) => Verdict::Gone,
        Some(_) | None => Verdict::Failed,
    }
}

/// When to try again after the last of `tries` attempts failed at `now`; `None`: the round is over.
pub fn next_attempt(now: Timestamp, tries: u32, entropy: &mut Entropy) -> Option<Timestamp> {
    let wait = *WAITS.get(usize::try_from(tries).ok()?)?;
    let span = wait.unsigned_abs() / JITTER_PARTS;
    let jitter = i64::try_from(entropy.below(span.saturating_add(1))).unwrap_or(0);
    Some(Timestamp::from_micros(now.as_micros().saturating_add(wait).saturating_add(jitter)))
}

/// Whether an endpoint is to be disabled after an attempt, where `failing_since` is the first failure after its last
/// success.
pub fn disables(
    verdict: Verdict,
    failing_since: Option<Timestamp>,
    now: Timestamp,
) -> Option<DisabledReason> {
    match verdict {
        Verdict::Gone => Some(DisabledReason::Gone),
        Verdict::Failed => failing_since
            .filter(|since| now.seconds_since(*since) >= FAILING_SECONDS_MAX)
            .map(|_| DisabledReason::Failing),
        Verdict::Delivered => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Success ends, 410 disables, everything else is tried again, redirects too.
    #[test]
    fn judges_statuses() {
        for (status, verdict) in [
            (Some(200), Verdict::Delivered),
            (Some(204), Verdict::Delivered),
            (Some(299), Verdict::Delivered),
            (Some(301), Verdict::Failed),
            (Some(400), Verdict::Failed),
            (Some(410), Verdict::Gone),
            (Some(500), Verdict::Failed),
            (Some(199), Verdict::Failed),
            (None, Verdict::Failed),
        ] {
            assert_eq!(judge(status), verdict, "{status:?}");
        }
    }

    /// Five days without a success disable, not a second less; a success never does.
    #[test]
    fn gives_up_after_five_days() {
        let now = Timestamp::from_seconds(1_000_000);
        let since = |ago: i64| Some(now.plus_seconds(-ago));
        assert_eq!(disables(Verdict::Failed, since(FAILING_SECONDS_MAX), now), Some(DisabledReason::Failing));
        assert_eq!(disables(Verdict::Failed, since(FAILING_SECONDS_MAX - 1), now), None);
        assert_eq!(disables(Verdict::Failed, None, now), None);
        assert_eq!(disables(Verdict::Delivered, since(FAILING_SECONDS_MAX), now), None);
        assert_eq!(disables(Verdict::Gone, None, now), Some(DisabledReason::Gone));
    }

    proptest! {
        /// Each wait is at least the schedule's and at most a fifth longer; after eight attempts there is none.
        #[test]
        fn waits_follow_the_schedule(seed: [u8; 32], tries in 0_u32..12) {
            let now = Timestamp::from_seconds(1_778_277_600);
            let next = next_attempt(now, tries, &mut Entropy::from_seed(seed));
            let wait = WAITS.get(usize::try_from(tries).unwrap());
            prop_assert_eq!(next.is_some(), wait.is_some());
            if let (Some(wait), Some(next)) = (wait, next) {
                let waited = next.as_micros() - now.as_micros();
                prop_assert!((*wait..=wait + wait / 5).contains(&waited), "{waited} after {tries}");
            }
        }
    }
}
