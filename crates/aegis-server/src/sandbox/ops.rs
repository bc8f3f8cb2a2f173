//! Moving the clock and clearing limits: operations like any other, so that the log shows them.

use aegis_core::moment::Moment;
use aegis_core::time::{SECOND, Timestamp};
use aegis_kernel::audit::Leaf;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::{self, RateClass};
use aegis_kernel::setting::{self, Setting};
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission, Refusal};
use aegis_store::{Cause, Fault, Lane, Tx};
use serde_json::json;

use super::wire;

/// The clock may be moved this far in all: instants stay within the years that documents can write.
const SHIFT_MICROS_MAX: i64 = 1_000 * 366 * 86_400 * SECOND;

/// Where the clock is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// By so many seconds.
    By(i64),
    /// To this instant.
    To(Timestamp),
}

/// Why the clock stays where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClockRefused {
    /// It would run backwards.
    #[error("the clock only moves forward")]
    Backwards,
    /// It would leave the years that documents can write.
    #[error("the clock would go too far")]
    TooFar,
}

impl Refusal for ClockRefused {}

/// Moves the sandbox clock forward, for good: the shift outlives a restart.
pub struct AdvanceClock {
    /// Where to.
    pub forward: Forward,
    /// Whose clock.
    pub kernel: Kernel,
}

impl Access for AdvanceClock {
    const NAME: &'static str = "sandbox.advance_clock";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Operation for AdvanceClock {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = ClockRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("sandbox/clock")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<ClockRefused> {
        let micros = match self.forward {
            Forward::By(seconds) => seconds.saturating_mul(SECOND),
            Forward::To(instant) => instant.as_micros().saturating_sub(at.now().as_micros()),
        };
        if micros < 0 {
            return Err(ClockRefused::Backwards.into());
        }
        let before = match setting::find(tx, Setting::SandboxClockShift)? {
            None => 0,
            Some(text) => text.parse().map_err(|_| Fault::Damaged {
                cause: Cause::text("the stored shift of the sandbox clock is no number"),
            })?,
        };
        let shift: i64 = micros.saturating_add(before);
        if shift > SHIFT_MICROS_MAX {
            return Err(ClockRefused::TooFar.into());
        }
        setting::put(tx, Setting::SandboxClockShift, &shift.to_string())?;
        let now = Timestamp::from_micros(at.now().as_micros().saturating_add(micros));
        let leaf = Leaf::done("clock", None, json!({ "micros": micros.to_string() }));
        let kernel = self.kernel.clone();
        // The commit is the point after which a restart finds the clock moved; here it moves in memory.
        Ok(Commit::changed(&wire::ClockAnswer::of(now), leaf)?.afterwards(move || {
            kernel.parts().clock.advance(micros);
        }))
    }
}

/// Forgets every rate window.
pub struct ResetLimits {
    /// Whose windows.
    pub kernel: Kernel,
}

impl Access for ResetLimits {
    const NAME: &'static str = "sandbox.reset_limits";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Operation for ResetLimits {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = std::convert::Infallible;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::none()
    }

    fn run(&self, tx: &mut Tx<'_>, _: &mut Moment, _: &Caller) -> Outcome<std::convert::Infallible> {
        rate::reset(tx)?;
        let kernel = self.kernel.clone();
        Ok(Commit::removed(Leaf::done("limits", None, json!({})))
            .afterwards(move || kernel.windows().reset()))
    }
}
