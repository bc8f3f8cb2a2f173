//! Keeping keys young and the key history good, without anybody asking.

use std::sync::Arc;
use std::time::Duration;

use aegis_core::time::Timestamp;
use aegis_kernel::job::{Job, Report, Tick};
use aegis_kernel::{Call, Kernel, Operation};
use aegis_passport::ids::KeyId;
use aegis_passport::key_history::RESIGN_SECONDS;
use aegis_passport::keys::{KeyState, Purpose};
use aegis_store::Fault;
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
        if let Some(old) = self.old_passport_key(now) {
            let (purpose, reason) = (Purpose::Passport, Some("scheduled rotation".to_owned()));
            self.run(RotateKey { kernel, registry, purpose, only: Some(old), reason }).await?;
            return Ok(Report::Worked);
        }
        if self.registry.published().expires_at.seconds_since(now) < RESIGN_SECONDS {
            self.run(ResignKeys { kernel, registry }).await?;
            return Ok(Report::Worked);
        }
        Ok(Report::Idle)
    }

    /// The signing passport key, if it has signed long enough.
    fn old_passport_key(&self, now: Timestamp) -> Option<KeyId> {
        let age_max = i64::from(self.registry.settings().key_rotation_days).saturating_mul(DAY_SECONDS);
        let published = self.registry.published();
        let mut keys = published.records.iter();
        let active = keys.find(|key| key.purpose == Purpose::Passport && key.state() == KeyState::Active);
        active.filter(|key| now.seconds_since(key.not_before) >= age_max).map(|key| key.key_id)
    }

    async fn run<O: Operation>(&self, operation: O) -> Result<(), Fault> {
        if let Err(failure) = self.kernel.execute(Call::instance(None), operation).await {
            // Somebody else rotated it meanwhile, which is just as well.
            let refused = failure.refusal("keep the keys up")?;
            tracing::debug!(%refused, "keys are kept up already");
        }
        Ok(())
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
