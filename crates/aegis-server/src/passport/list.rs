//! The signed revocation list: rebuilt when the sequence moved or the last one is 15 s old.

use std::sync::Arc;

use aegis_core::time::Timestamp;
use aegis_kernel::Kernel;
use aegis_passport::ids::KeyId;
use aegis_passport::keys::Purpose;
use aegis_passport::revocation_list::{
    EXPIRED_KEPT_SECONDS, ListedPassport, ListedStatus, StatusChange, StatusHead, delta_members, list_members,
};
use aegis_passport::signed::{SignedType, Signer, sign};
use aegis_store::{Cause, Fault, Tx};
use bytes::Bytes;
use serde_json::{Map, Value};

use super::registry::Registry;
use super::sql;

/// A list older than this is signed anew, or earlier if it is good for less than twice as long.
const RESIGN_SECONDS: i64 = 15;
/// A delta never tells more events than this.
pub(super) const DELTA_EVENTS_MAX: u64 = 1_000_000;
/// Nor older ones.
const DELTA_AGE_SECONDS: i64 = 30 * 86_400;

/// A signed list, ready to be sent.
#[derive(Debug, Clone)]
pub(crate) struct SignedList {
    pub(crate) sequence: u64,
    pub(crate) as_of: Timestamp,
    pub(crate) body: Bytes,
}

impl SignedList {
    /// The strong entity tag: sequence and instant say which list this is.
    pub(crate) fn etag(&self) -> String {
        format!("\"{}-{}\"", self.sequence, self.as_of.as_seconds())
    }
}

/// Why there is no delta.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoDelta {
    /// The caller knows more than this server: it was rolled back.
    Ahead { sequence: u64 },
    /// Too long ago.
    Gone,
}

/// The current list: the one in memory while it is fresh.
pub(super) async fn current(kernel: &Kernel, registry: &Arc<Registry>) -> Result<SignedList, Fault> {
    let now = kernel.now().whole_second();
    if let Some(list) = registry.list().as_ref()
        && list.sequence == registry.sequence()
        && now.seconds_since(list.as_of) < RESIGN_SECONDS.min(lifetime(registry) / 2)
    {
        return Ok(list.clone());
    }
    let (signing, keeping) = (kernel.clone(), Arc::clone(registry));
    let list = kernel
        .parts()
        .store
        .read(move |tx| {
            let head = head(tx, &keeping, now)?;
            let listed = listed(tx, head.as_of)?;
            let body = signed(tx, &signing, &keeping, list_members(&listed, &[], &head))?;
            Ok(SignedList { sequence: head.sequence, as_of: head.as_of, body })
        })
        .await?;
    registry.set_list(list.clone());
    Ok(list)
}

/// The changes after `since`.
pub(super) async fn delta(
    kernel: &Kernel,
    registry: &Arc<Registry>,
    since: u64,
) -> Result<Result<SignedList, NoDelta>, Fault> {
    let now = kernel.now().whole_second();
    let (signing, knowing) = (kernel.clone(), Arc::clone(registry));
    kernel
        .parts()
        .store
        .read(move |tx| {
            let head = head(tx, &knowing, now)?;
            if since > head.sequence {
                return Ok(Err(NoDelta::Ahead { sequence: head.sequence }));
            }
            if head.sequence - since > DELTA_EVENTS_MAX {
                return Ok(Err(NoDelta::Gone));
            }
            let events = sql::list_status_events(tx, since, u32::MAX)?;
            let oldest = events.first().map_or(now, |event| event.at);
            if now.seconds_since(oldest) > DELTA_AGE_SECONDS {
                return Ok(Err(NoDelta::Gone));
            }
            let mut told = Vec::with_capacity(events.len());
            for event in events {
                told.push(change(tx, &event)?);
            }
            let ended_after = head.as_of.plus_seconds(-EXPIRED_KEPT_SECONDS);
            let count = usize::try_from(sql::count_revoked(tx, ended_after)?).unwrap_or(usize::MAX);
            let body = signed(tx, &signing, &knowing, delta_members(&told, since, count, &head))?;
            Ok(Ok(SignedList { sequence: head.sequence, as_of: head.as_of, body }))
        })
        .await
}

fn head(tx: &mut Tx<'_>, registry: &Registry, now: Timestamp) -> Result<StatusHead, Fault> {
    Ok(StatusHead {
        as_of: now,
        next_update: now.plus_seconds(lifetime(registry)),
        sequence: sql::newest_sequence(tx)?,
        keys_version: registry.published().version,
    })
}

/// How long a list may be relied on.
fn lifetime(registry: &Registry) -> i64 {
    i64::from(registry.settings().status_lifetime_seconds)
}

fn listed(tx: &mut Tx<'_>, as_of: Timestamp) -> Result<Vec<ListedPassport>, Fault> {
    let rows = sql::list_revoked(tx, as_of.plus_seconds(-EXPIRED_KEPT_SECONDS), 0, u32::MAX)?;
    Ok(rows.iter().map(entry).collect())
}

fn entry(row: &sql::RevokedRow) -> ListedPassport {
    ListedPassport {
        agent_id: row.agent,
        passport_id: row.passport,
        status: ListedStatus::Revoked,
        scope: row.scope,
        revoked_at: row.revoked_at,
        effective_from: row.effective_from,
        reason_code: row.reason_code,
        reason_public: row.reason_public.as_deref().and_then(aegis_passport::revoke::PublicReason::parse),
        expires_at: row.expires_at,
        reinstated_at: None,
        sequence: row.sequence,
    }
}

fn change(tx: &mut Tx<'_>, event: &sql::StatusEventRow) -> Result<(StatusChange, ListedPassport), Fault> {
    let damaged = |what: &str| Fault::Damaged { cause: Cause::text(what) };
    let change = StatusChange::parse(&event.event).ok_or_else(|| damaged("status_event.event is unknown"))?;
    let row = sql::find_revoked(tx, event.passport)?
        .ok_or_else(|| damaged("a status event names a passport that is not revoked"))?;
    // A later change of the same passport has a later number; this event keeps its own.
    Ok((change, ListedPassport { sequence: event.sequence, ..entry(&row) }))
}

fn signed(
    tx: &mut Tx<'_>,
    kernel: &Kernel,
    registry: &Registry,
    members: Map<String, Value>,
) -> Result<Bytes, Fault> {
    let signer = kernel.parts().keyring.signer(tx, Purpose::Status.as_str())?;
    let key_id = KeyId::of(&signer.key.public());
    let signer = Signer { issuer: registry.issuer(), key_id, key: &signer.key };
    let members = sign(SignedType::Revocations, members, &signer);
    serde_json::to_vec(&members)
        .map(Bytes::from)
        .map_err(|error| Fault::Internal { what: "write the revocation list", cause: Cause::new(error) })
}
