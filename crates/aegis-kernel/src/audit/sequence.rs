//! The sequencer: gives waiting entries their places, extends the tree and signs a checkpoint, all in one
//! transaction. Start-up runs this very code: there is no separate recovery.

use std::time::Duration;

use aegis_core::moment::Moment;
use aegis_store::{Cause, Fault, Lane, Tx, Verdict};
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::edge::RightEdge;
use aegis_tlog::note::NoteSigner;
use aegis_tlog::tile::Resource;
use tokio::sync::Notify;

use super::read::SignedCheckpoint;
use super::sql;
use super::{Integrated, LOG_KEY_PURPOSE};
use crate::job::{Job, Report, Tick};
use crate::kernel::Kernel;

/// Entries given a place in one transaction: bounds how long writers wait behind it.
const BATCH_MAX: u32 = 2_048;

/// The job that integrates waiting entries.
pub struct Sequencer {
    /// Whose log.
    pub kernel: Kernel,
    /// How long entries wait when no hint comes.
    pub interval: Duration,
}

impl Job for Sequencer {
    fn name(&self) -> &'static str {
        "log.sequence"
    }

    fn interval(&self) -> Duration {
        self.interval
    }

    fn hint(&self) -> &Notify {
        self.kernel.parts().log.hint()
    }

    fn tick(&self) -> Tick<'_> {
        Box::pin(async move {
            let done = integrate(&self.kernel).await?;
            Ok(if done == 0 { Report::Idle } else { Report::Worked })
        })
    }
}

/// Integrates up to one batch of waiting entries; returns how many.
///
/// # Errors
/// Faults of the store; [`Fault::Damaged`] when the stored tree is not the one that was signed.
pub async fn integrate(kernel: &Kernel) -> Result<usize, Fault> {
    let waiting = kernel.parts().store.read(|tx| sql::list_waiting(tx, 1)).await?;
    let signed = kernel.parts().store.read(sql::newest_checkpoint).await?;
    if waiting.is_empty() && signed.is_some() {
        return Ok(0);
    }
    let (working, announcing) = (kernel.clone(), kernel.clone());
    let integrated = kernel
        .parts()
        .store
        .write(
            Lane::of("log"),
            move |tx| extend(&working, tx).map(Verdict::Commit),
            move |integrated: &mut Vec<Integrated>| announcing.parts().log.announce(integrated),
        )
        .await?;
    Ok(integrated.len())
}

fn extend(kernel: &Kernel, tx: &mut Tx<'_>) -> Result<Vec<Integrated>, Fault> {
    let newest = sql::newest_checkpoint(tx)?;
    let size = newest.as_ref().map_or(0, |checkpoint| checkpoint.size);
    let mut edge = load_edge(tx, size)?;
    if newest.as_ref().is_some_and(|checkpoint| checkpoint.root != edge.root()) {
        return Err(damaged("the stored tiles do not give the root that was signed; run `aegis fsck`"));
    }
    let waiting = sql::list_waiting(tx, BATCH_MAX)?;
    if waiting.is_empty() && newest.is_some() {
        return Ok(Vec::new());
    }
    let moment = Moment::new(kernel.now(), kernel.parts().entropy.fork());
    let mut integrated = Vec::with_capacity(waiting.len());
    for (entry, bytes) in waiting {
        let index = edge.size();
        edge.append(bytes.as_bytes())
            .map_err(|error| Fault::Internal { what: "append to the log", cause: Cause::new(error) })?;
        sql::update_index(tx, entry, index)?;
        integrated.push(Integrated { entry, index, signed_at: moment.now() });
    }
    for write in edge.take_writes() {
        let (level, index) = place(&write.resource);
        sql::upsert_tile(tx, level, index, write.bytes)?;
    }
    sign(kernel, tx, &edge, &moment)?;
    Ok(integrated)
}

fn sign(kernel: &Kernel, tx: &mut Tx<'_>, edge: &RightEdge, moment: &Moment) -> Result<(), Fault> {
    let unsigned = |cause| Fault::Internal { what: "sign a checkpoint", cause };
    let parts = kernel.parts();
    let signer = parts.keyring.signer(tx, LOG_KEY_PURPOSE)?;
    let signer = NoteSigner::new(parts.log.origin(), signer.key.as_ref().clone())
        .map_err(|error| unsigned(Cause::new(error)))?;
    let note = Checkpoint::new(parts.log.origin(), edge.size(), edge.root())
        .sign(&signer)
        .map_err(|error| unsigned(Cause::new(error)))?;
    let row = SignedCheckpoint {
        size: edge.size(),
        root: edge.root(),
        note: note.to_string(),
        signed_at: moment.now(),
    };
    // The commit of this transaction is the point after which the new size is ours for ever.
    sql::insert_checkpoint(tx, &row)
}

pub(super) fn load_edge(tx: &mut Tx<'_>, size: u64) -> Result<RightEdge, Fault> {
    RightEdge::load(size, |resource| {
        let (level, index) = place(&resource);
        sql::find_tile(tx, level, index)?
            .ok_or_else(|| damaged("a tile of the log is missing; run `aegis fsck`"))
    })
    .map_err(|error| match error {
        aegis_tlog::edge::EdgeUnreadable::Source(fault) => fault,
        other @ (aegis_tlog::edge::EdgeUnreadable::Damaged(_) | aegis_tlog::edge::EdgeUnreadable::Size) => {
            Fault::Damaged { cause: Cause::text(other.to_string()) }
        }
    })
}

/// Level and index of the row that holds a tile or bundle; bundles of entries are level -1.
pub(super) fn place(resource: &Resource) -> (i64, u64) {
    match resource {
        Resource::Tile(tile) => (i64::from(tile.level()), tile.index()),
        Resource::Entries(bundle) => (-1, bundle.index()),
    }
}

fn damaged(what: &str) -> Fault {
    Fault::Damaged { cause: Cause::text(what) }
}
