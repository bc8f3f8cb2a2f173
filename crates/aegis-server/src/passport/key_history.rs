//! The published key history: built from the signing keys, signed by the root, kept version by version.

use aegis_core::crypto::digest::Digest;
use aegis_core::json;
use aegis_core::limits::JSON_DEPTH_MAX;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_kernel::Kernel;
use aegis_kernel::keyring::{KeyRow, KeyState, Keyring};
use aegis_passport::ids::{Did, KeyId};
use aegis_passport::key_history::{KeyHistory, RootSet, SignedKeyHistory, VALID_SECONDS};
use aegis_passport::keys::{KeyBook, KeyRecord, KeyRevocation, Purpose, announce};
use aegis_store::{Cause, Fault, Tx};
use aegis_tlog::note::{SignatureType, VerifierKey};

use super::sql;

/// One published version.
#[derive(Debug, Clone)]
pub(crate) struct PublishedKeys {
    pub(crate) version: u64,
    pub(crate) digest: Digest,
    pub(crate) expires_at: Timestamp,
    pub(crate) document: Vec<u8>,
    pub(crate) records: Vec<KeyRecord>,
}

/// Signs and stores the next version from the keys as they are in this transaction. Every root that was ever
/// in force and is not revoked signs it, so that a client can follow from any version it pinned.
pub(super) fn publish(
    tx: &mut Tx<'_>,
    at: &Moment,
    kernel: &Kernel,
    issuer: &Did,
) -> Result<(KeyBook, PublishedKeys), Fault> {
    let version = sql::newest_key_history(tx)?.map_or(1, |(version, _)| version + 1);
    let rows = Keyring::list(tx)?;
    let history = history(issuer, version, at.now(), &rows, kernel.parts().log.origin())?;
    let mut roots = Vec::new();
    for row in rows.iter().filter(|row| row.purpose == Purpose::Root.as_str()) {
        if matches!(row.state, KeyState::Active | KeyState::Retired) {
            roots.push(kernel.parts().keyring.open(tx, row.id.clone())?);
        }
    }
    let keys: Vec<_> = roots.iter().map(|root| root.key.as_ref()).collect();
    let document = serde_json::to_string(&history.sign(&keys))
        .map_err(|error| Fault::Internal { what: "write the key history", cause: Cause::new(error) })?;
    sql::insert_key_history(tx, version, &document)?;
    published(&document)
}

/// Reads a stored version.
pub(super) fn published(document: &str) -> Result<(KeyBook, PublishedKeys), Fault> {
    let damaged = || Fault::Damaged { cause: Cause::text("a stored key history cannot be read") };
    let json = json::parse(document.as_bytes(), JSON_DEPTH_MAX).map_err(|_| damaged())?;
    let signed = SignedKeyHistory::read(&json).map_err(|_| damaged())?;
    signed.check_own_root().map_err(|_| damaged())?;
    let history = signed.history();
    let records = history.passport_keys.iter().chain(&history.service_keys).cloned().collect();
    let published = PublishedKeys {
        version: history.version,
        digest: signed.digest(),
        expires_at: history.expires_at,
        document: document.as_bytes().to_vec(),
        records,
    };
    Ok((history.book(), published))
}

fn history(
    issuer: &Did,
    version: u64,
    now: Timestamp,
    rows: &[KeyRow],
    log_origin: &str,
) -> Result<KeyHistory, Fault> {
    let now = now.whole_second();
    let mut records = Vec::new();
    for row in rows.iter().filter(|row| row.state != KeyState::Next) {
        records.push(record(row, rows, log_origin)?);
    }
    // Newest first; of keys of the same second the one that signs.
    records.sort_by_key(|key| (std::cmp::Reverse(key.not_before), key.retired_at.is_some()));
    let (passport_keys, service_keys): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|key| key.purpose == Purpose::Passport);
    let roots =
        rows.iter().filter(|row| row.purpose == Purpose::Root.as_str() && row.state == KeyState::Active);
    Ok(KeyHistory {
        issuer: issuer.clone(),
        version,
        issued_at: now,
        expires_at: now.plus_seconds(VALID_SECONDS),
        root: RootSet { key_ids: roots.map(|row| KeyId::of(&row.public)).collect(), threshold: 1 },
        passport_keys,
        service_keys,
    })
}

fn record(row: &KeyRow, rows: &[KeyRow], log_origin: &str) -> Result<KeyRecord, Fault> {
    let damaged = |what: &str| Fault::Damaged { cause: Cause::text(what) };
    let purpose = Purpose::parse(&row.purpose).ok_or_else(|| damaged("signing_key.purpose is unknown"))?;
    let next = rows.iter().find(|next| next.purpose == row.purpose && next.state == KeyState::Next);
    let vkey = match purpose {
        Purpose::Log => Some(
            VerifierKey::new(log_origin, SignatureType::Ed25519, row.public)
                .map_err(|_| damaged("the log's name cannot name a key"))?
                .to_string(),
        ),
        Purpose::Passport | Purpose::Status | Purpose::Receipt | Purpose::Root => None,
    };
    Ok(KeyRecord {
        key_id: KeyId::of(&row.public),
        purpose,
        public_key: row.public,
        not_before: row.not_before.ok_or_else(|| damaged("a key that signs has no start"))?.whole_second(),
        retired_at: row.retired_at.map(Timestamp::whole_second),
        revocations: row
            .revocations
            .iter()
            .map(|(revoked_at, recorded_at)| KeyRevocation {
                revoked_at: *revoked_at,
                recorded_at: *recorded_at,
            })
            .collect(),
        rotated_at: row.changed_at.whole_second(),
        reason: row.reason.clone(),
        next_key_digest: next.filter(|_| row.state == KeyState::Active).map(|next| announce(&next.public)),
        vkey,
    })
}
