//! Throwing away what no longer means anything: expired tokens, kept answers past their day, counted events
//! outside every window, events that were relayed years ago. And writing down when keys were last used, which is noted in memory meanwhile.
//!
//! Nothing here is a change that anybody asked for, so nothing of it is in the log.

use std::collections::HashMap;
use std::time::Duration;

use aegis_core::encoding::to_hex;
use aegis_core::id::ApiKeyId;
use aegis_core::limits::IDEMPOTENCY_SECONDS;
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Lane, Tx, Verdict};
use tokio::sync::Notify;

use crate::credential::sql as credentials;
use crate::job::{Job, Lease, Report, Tick};
use crate::kernel::Kernel;
use crate::{mail, sql};

/// How often: what has expired is refused anyway, so this only bounds the size of tables.
const INTERVAL: Duration = Duration::from_mins(1);
/// Longer than every rate window that is counted in rows.
const HITS_SECONDS: i64 = 2 * 86_400;
/// How long events can be read again: five years, the default of the contract for event rows.
const EVENTS_SECONDS: i64 = 1825 * 86_400;

/// The job that keeps house.
pub struct Housekeeping {
    kernel: Kernel,
    lease: Lease,
    hint: Notify,
}

impl Housekeeping {
    /// A housekeeper under a name of its own.
    pub fn new(kernel: Kernel) -> Housekeeping {
        let holder = to_hex(&kernel.parts().entropy.fork().bytes::<16>());
        let lease = Lease { name: "housekeeping", holder, seconds: 180 };
        Housekeeping { kernel, lease, hint: Notify::new() }
    }

    async fn keep_house(&self) -> Result<Report, Fault> {
        let (store, now) = (&self.kernel.parts().store, self.kernel.now());
        // Uses are noted in each process, so each writes its own, lease or not.
        let used = self.write_last_use().await?;
        if !self.lease.hold(store, now).await? {
            return Ok(if used == 0 { Report::Idle } else { Report::Worked });
        }
        let thrown =
            store.write(Lane::none(), move |tx| throw_away(tx, now).map(Verdict::Commit), |_| {}).await?;
        Ok(if used == 0 && thrown == 0 { Report::Idle } else { Report::Worked })
    }

    async fn write_last_use(&self) -> Result<usize, Fault> {
        let uses = self.kernel.last_use().unwritten();
        if uses.is_empty() {
            return Ok(0);
        }
        let writing = uses.clone();
        let store = &self.kernel.parts().store;
        store.write(Lane::none(), move |tx| write_uses(tx, &writing).map(Verdict::Commit), |()| {}).await?;
        self.kernel.last_use().written(&uses);
        Ok(uses.len())
    }
}

fn write_uses(tx: &mut Tx<'_>, uses: &HashMap<ApiKeyId, Timestamp>) -> Result<(), Fault> {
    uses.iter().try_for_each(|(key, at)| credentials::update_last_use(tx, *key, *at))
}

fn throw_away(tx: &mut Tx<'_>, now: Timestamp) -> Result<u64, Fault> {
    let tokens = credentials::delete_tokens_before(tx, now)?;
    let answers = sql::delete_answers_before(tx, now.plus_seconds(-IDEMPOTENCY_SECONDS))?;
    let hits = sql::delete_hits_before(tx, now.plus_seconds(-HITS_SECONDS))?;
    let events = sql::delete_events_before(tx, now.plus_seconds(-EVENTS_SECONDS))?;
    let letters = mail::throw_away(tx, now)?;
    Ok([tokens, answers, hits, events, letters].into_iter().fold(0, u64::saturating_add))
}

impl Job for Housekeeping {
    fn name(&self) -> &'static str {
        "housekeeping"
    }

    fn interval(&self) -> Duration {
        INTERVAL
    }

    fn hint(&self) -> &Notify {
        &self.hint
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(self.keep_house())
    }
}
