//! Keeping keys young and the key history good, without anybody asking.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::time::Timestamp;
use aegis_kernel::job::{Job, Report, Tick};
use aegis_kernel::{Call, Caller, Failure, Kernel, Operation};
use aegis_passport::key_history::RESIGN_SECONDS;
use aegis_passport::keys::{KeyState, Purpose};
use aegis_store::{Cause, Fault};
use tokio::sync::Notify;

use super::ops::{ResignKeys, RotateKey};
use super::registry::Registry;

/// Keys live for weeks, so an hour more or less does not matter.
const INTERVAL: Duration = Duration::from_hours(1);
const DAY_SECONDS: i64 = 86_400;

/// Rotates the passport key when it is old, and signs the key history again before it ends.
pub(crate) struct KeyUpkeep {
    kernel: Kernel,
    registry: Arc<Registry>,
    hint: Notify,
}

impl KeyUpkeep {
    /// The upkeep of this instance's keys.
    pub(crate) fn new(kernel: Kernel, registry: Arc<Registry>) -> KeyUpkeep {
        KeyUpkeep { kernel, registry, hint: Notify::new() }
    }

    async fn keep_up(&self) -> Result<Report, Fault> {
        let now = self.kernel.now();
        let (kernel, registry) = (self.kernel.clone(), Arc::clone(&self.registry));
        if self.passport_key_is_old(now) {
            let reason = Some("scheduled rotation".to_owned());
            self.run(RotateKey { kernel, registry, purpose: Purpose::Passport, reason }).await?;
            return Ok(Report::Worked);
        }
        if self.registry.published().expires_at.seconds_since(now) < RESIGN_SECONDS {
            self.run(ResignKeys { kernel, registry }).await?;
            return Ok(Report::Worked);
        }
        Ok(Report::Idle)
    }

    fn passport_key_is_old(&self, now: Timestamp) -> bool {
        let age_max = i64::from(self.registry.settings().key_rotation_days).saturating_mul(DAY_SECONDS);
        let signs = self.registry.published();
        let mut keys = signs.records.iter();
        let active = keys.find(|key| key.purpose == Purpose::Passport && key.state() == KeyState::Active);
        active.is_some_and(|key| now.seconds_since(key.not_before) >= age_max)
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<(), Fault> {
        let address = std::net::IpAddr::from([127, 0, 0, 1]);
        let call = Call { caller: Caller::instance(), intent: None, address };
        match self.kernel.execute(call, operation).await {
            Ok(_) => Ok(()),
            Err(Failure::Fault(fault)) => Err(fault),
            Err(Failure::Rejected(rejection)) => {
                Err(Fault::Internal { what: "keep the keys up", cause: Cause::new(rejection) })
            }
            Err(Failure::Refused(refused)) => {
                Err(Fault::Internal { what: "keep the keys up", cause: Cause::text(refused.to_string()) })
            }
        }
    }
}

impl Job for KeyUpkeep {
    fn name(&self) -> &'static str {
        "identity.key_upkeep"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn hint(&self) -> &Notify {
        &self.hint
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(self.keep_up())
    }
}
