//! Statements on signing keys. One statement a function; no decisions.

use aegis_core::crypto::sign::PublicKey;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Row, Sql, Tx, Value};

use super::{KeyRow, KeyState};

pub(super) fn insert_key(tx: &mut Tx<'_>, key: &KeyRow, sealed: &[u8]) -> Result<(), Fault> {
    const INSERT: Sql = Sql::new(
        "INSERT INTO signing_key (id, purpose, state, public_key, sealed_seed, not_before, changed_at, revocations) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, '')",
    );
    let values: [Value; 7] = [
        key.id.as_str().into(),
        key.purpose.as_str().into(),
        key.state.name().into(),
        key.public.as_bytes().as_slice().into(),
        sealed.into(),
        key.not_before.map(Timestamp::as_micros).into(),
        key.changed_at.as_micros().into(),
    ];
    tx.execute(INSERT, &values).map(drop)
}

pub(super) fn update_key(tx: &mut Tx<'_>, key: &KeyRow) -> Result<(), Fault> {
    const UPDATE: Sql = Sql::new(
        "UPDATE signing_key SET state = $2, not_before = $3, changed_at = $4, retired_at = $5, revocations = $6, \
         reason = $7 WHERE id = $1",
    );
    let values: [Value; 7] = [
        key.id.as_str().into(),
        key.state.name().into(),
        key.not_before.map(Timestamp::as_micros).into(),
        key.changed_at.as_micros().into(),
        key.retired_at.map(Timestamp::as_micros).into(),
        write_revocations(&key.revocations).into(),
        key.reason.as_deref().into(),
    ];
    tx.execute(UPDATE, &values).map(drop)
}

pub(super) fn list_keys(tx: &mut Tx<'_>) -> Result<Vec<KeyRow>, Fault> {
    const LIST: Sql = Sql::new(
        "SELECT id, purpose, state, public_key, not_before, changed_at, retired_at, revocations, reason \
         FROM signing_key ORDER BY changed_at DESC, id",
    );
    tx.list(LIST, &[], key_row)
}

pub(super) fn find_key(tx: &mut Tx<'_>, id: &str) -> Result<Option<KeyRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, purpose, state, public_key, not_before, changed_at, retired_at, revocations, reason \
         FROM signing_key WHERE id = $1",
    );
    tx.optional(FIND, &[id.into()], key_row)
}

pub(super) fn find_in_state(
    tx: &mut Tx<'_>,
    purpose: &str,
    state: KeyState,
) -> Result<Option<KeyRow>, Fault> {
    const FIND: Sql = Sql::new(
        "SELECT id, purpose, state, public_key, not_before, changed_at, retired_at, revocations, reason \
         FROM signing_key WHERE purpose = $1 AND state = $2",
    );
    tx.optional(FIND, &[purpose.into(), state.name().into()], key_row)
}

/// The id alone: decoding a public key takes longer than all else that signing asks of the row.
pub(super) fn find_active_id(tx: &mut Tx<'_>, purpose: &str) -> Result<Option<String>, Fault> {
    const FIND: Sql = Sql::new("SELECT id FROM signing_key WHERE purpose = $1 AND state = 'active'");
    tx.optional(FIND, &[purpose.into()], |row| row.get(0))
}

pub(super) fn sealed_seed(tx: &mut Tx<'_>, id: &str) -> Result<Vec<u8>, Fault> {
    const FIND: Sql = Sql::new("SELECT sealed_seed FROM signing_key WHERE id = $1");
    tx.one(FIND, &[id.into()], |row| row.get(0))
}

fn key_row(row: &Row<'_>) -> Result<KeyRow, Fault> {
    let state: String = row.get(2)?;
    let state = KeyState::ALL.into_iter().find(|known| known.name() == state);
    let public =
        PublicKey::from_bytes(&row.get(3)?).map_err(|error| Fault::Damaged { cause: Cause::new(error) })?;
    let instant = |index| row.get::<Option<i64>>(index).map(|micros| micros.map(Timestamp::from_micros));
    Ok(KeyRow {
        id: row.get(0)?,
        purpose: row.get(1)?,
        state: state.ok_or_else(|| Fault::Damaged { cause: Cause::text("signing_key.state is unknown") })?,
        public,
        not_before: instant(4)?,
        changed_at: Timestamp::from_micros(row.get(5)?),
        retired_at: instant(6)?,
        revocations: read_revocations(&row.get::<String>(7)?)
            .ok_or_else(|| Fault::Damaged { cause: Cause::text("signing_key.revocations is unreadable") })?,
        reason: row.get(8)?,
    })
}

fn write_revocations(revocations: &[(Timestamp, Timestamp)]) -> String {
    let pairs: Vec<String> = revocations
        .iter()
        .map(|(revoked_at, recorded_at)| format!("{}/{}", revoked_at.as_micros(), recorded_at.as_micros()))
        .collect();
    pairs.join(" ")
}

fn read_revocations(text: &str) -> Option<Vec<(Timestamp, Timestamp)>> {
    let instant = |text: &str| text.parse().ok().map(Timestamp::from_micros);
    text.split_whitespace()
        .map(|pair| {
            let (revoked_at, recorded_at) = pair.split_once('/')?;
            Some((instant(revoked_at)?, instant(recorded_at)?))
        })
        .collect()
}
