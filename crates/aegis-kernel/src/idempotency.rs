//! One intent, one effect: the answer of a request that named its intent is kept with the effect itself.

use aegis_core::crypto::aead::SealingKey;
use aegis_core::id::LogEntryId;
use aegis_core::limits::IDEMPOTENCY_SECONDS;
use aegis_core::moment::Moment;
use aegis_store::{Cause, Fault, Tx};
use serde::{Deserialize, Serialize};

use crate::caller::{Caller, Intent};
use crate::operation::Success;
use crate::sql::{self, StoredAnswer};

/// What an earlier request with the same key means for this one.
pub(crate) enum Earlier {
    /// None, or so old that it no longer counts.
    Nothing,
    /// The same request: its answer.
    Replay(Kept),
    /// Another request used this key.
    Conflict,
}

/// The part of an answer that is kept. Evidence is added again when it is replayed.
#[derive(Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) location: Option<String>,
    pub(crate) entry: Option<String>,
}

impl Kept {
    pub(crate) fn success(&self) -> Success {
        match self.status {
            201 => Success::Created,
            202 => Success::Accepted,
            204 => Success::NoContent,
            _ => Success::Ok,
        }
    }

    pub(crate) fn entry(&self) -> Option<LogEntryId> {
        self.entry.as_deref().and_then(LogEntryId::parse)
    }
}

/// Looks for an earlier request of this caller with the same key.
pub(crate) fn find(
    tx: &mut Tx<'_>,
    at: &Moment,
    kek: &SealingKey,
    caller: &Caller,
    operation: &str,
    intent: &Intent,
) -> Result<Earlier, Fault> {
    let owner = owner(caller);
    let Some(stored) = sql::find_answer(tx, &owner, &intent.key)? else { return Ok(Earlier::Nothing) };
    if at.now().seconds_since(stored.created_at) >= IDEMPOTENCY_SECONDS {
        sql::delete_answer(tx, &owner, &intent.key)?;
        return Ok(Earlier::Nothing);
    }
    if stored.fingerprint != intent.fingerprint || stored.operation != operation {
        return Ok(Earlier::Conflict);
    }
    let opened = kek
        .open(&stored.sealed, &place(&owner, &intent.key))
        .map_err(|error| Fault::Internal { what: "open a stored answer", cause: Cause::new(error) })?;
    serde_json::from_slice(opened.expose())
        .map(Earlier::Replay)
        .map_err(|error| Fault::Internal { what: "read a stored answer", cause: Cause::new(error) })
}

/// Keeps the answer of a request, in the transaction of its effect.
pub(crate) fn keep(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    kek: &SealingKey,
    caller: &Caller,
    operation: &str,
    intent: &Intent,
    kept: &Kept,
) -> Result<(), Fault> {
    let owner = owner(caller);
    let content = serde_json::to_vec(kept)
        .map_err(|error| Fault::Internal { what: "write an answer to keep", cause: Cause::new(error) })?;
    let sealed = kek
        .seal(&content, &place(&owner, &intent.key), at.entropy())
        .map_err(|error| Fault::Internal { what: "seal an answer to keep", cause: Cause::new(error) })?;
    let answer = StoredAnswer {
        operation: operation.to_owned(),
        fingerprint: intent.fingerprint,
        sealed,
        created_at: at.now(),
    };
    sql::insert_answer(tx, &owner, &intent.key, &answer)
}

/// Keys belong to the organization, so that a client may retry with its next API key.
fn owner(caller: &Caller) -> String {
    caller.actor().to_owned()
}

fn place(owner: &str, key: &str) -> Vec<u8> {
    format!("idempotency/answer/{owner}/{key}").into_bytes()
}
