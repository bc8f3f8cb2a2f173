//! Sealed signing keys: made, listed, moved through their states, and unsealed once into memory.

mod sql;

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use aegis_core::crypto::aead::SealingKey;
use aegis_core::crypto::sign::{PublicKey, SigningKey};
use aegis_core::moment::Moment;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_store::{Cause, Fault, Tx};

/// Where a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Waiting; only its digest is public.
    Next,
    /// Signs. Exactly one per purpose.
    Active,
    /// Signs no more; what it signed stays good.
    Retired,
    /// Lost or stolen.
    Revoked,
}

impl KeyState {
    const ALL: [KeyState; 4] = [KeyState::Next, KeyState::Active, KeyState::Retired, KeyState::Revoked];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            KeyState::Next => "next",
            KeyState::Active => "active",
            KeyState::Retired => "retired",
            KeyState::Revoked => "revoked",
        }
    }
}

/// One signing key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// RFC 7638 thumbprint.
    pub id: String,
    /// What it signs; a key signs for one purpose only.
    pub purpose: String,
    /// Where it stands.
    pub state: KeyState,
    /// The public half.
    pub public: PublicKey,
    /// When it began to sign.
    pub not_before: Option<Timestamp>,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// When it stopped signing.
    pub retired_at: Option<Timestamp>,
    /// From when on it is not to be trusted, and when that became known; in the order recorded.
    pub revocations: Vec<(Timestamp, Timestamp)>,
    /// Why its state last changed.
    pub reason: Option<String>,
}

/// A key that signs.
#[derive(Clone)]
pub struct Signer {
    /// RFC 7638 thumbprint.
    pub key_id: String,
    /// The key itself.
    pub key: Arc<SigningKey>,
}

/// Opens and keeps signing keys under the key-encryption key.
pub struct Keyring {
    kek: SealingKey,
    // A key never changes under its id, so entries never go stale.
    unsealed: RwLock<HashMap<String, Arc<SigningKey>>>,
}

impl Keyring {
    /// A ring under this key-encryption key.
    pub fn new(kek: SealingKey) -> Keyring {
        Keyring { kek, unsealed: RwLock::default() }
    }

    /// The key-encryption key, for other sealed rows.
    pub fn kek(&self) -> &SealingKey {
        &self.kek
    }

    /// Makes a key of `purpose` in `state` and seals it.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn create(
        &self,
        tx: &mut Tx<'_>,
        at: &mut Moment,
        purpose: &str,
        state: KeyState,
    ) -> Result<KeyRow, Fault> {
        let seed = Secret::new(at.entropy().bytes::<32>());
        let public = SigningKey::from_seed(&seed).public();
        let id = public.thumbprint();
        let sealed = self
            .kek
            .seal(seed.expose(), &place(&id), at.entropy())
            .map_err(|error| Fault::Internal { what: "seal a signing key", cause: Cause::new(error) })?;
        let row = KeyRow {
            id,
            purpose: purpose.to_owned(),
            state,
            public,
            not_before: (state == KeyState::Active).then(|| at.now()),
            changed_at: at.now(),
            retired_at: None,
            revocations: Vec::new(),
            reason: None,
        };
        sql::insert_key(tx, &row, &sealed)?;
        Ok(row)
    }

    /// All keys, newest change first.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn list(tx: &mut Tx<'_>) -> Result<Vec<KeyRow>, Fault> {
        sql::list_keys(tx)
    }

    /// One key.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn find(tx: &mut Tx<'_>, id: &str) -> Result<Option<KeyRow>, Fault> {
        sql::find_key(tx, id)
    }

    /// Writes a key's state and instants back.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn update(tx: &mut Tx<'_>, row: &KeyRow) -> Result<(), Fault> {
        sql::update_key(tx, row)
    }

    /// The one key of `purpose` in `state`, if there is one.
    ///
    /// # Errors
    /// Faults of the store.
    pub fn find_in_state(tx: &mut Tx<'_>, purpose: &str, state: KeyState) -> Result<Option<KeyRow>, Fault> {
        sql::find_in_state(tx, purpose, state)
    }

    /// The key of `purpose` that signs now.
    ///
    /// # Errors
    /// [`Fault::Internal`] when there is none, or its seed does not open: wrong key-encryption key, or a row
    /// that was moved.
    pub fn signer(&self, tx: &mut Tx<'_>, purpose: &str) -> Result<Signer, Fault> {
        let id = sql::find_active_id(tx, purpose)?.ok_or_else(|| Fault::Internal {
            what: "find the active signing key",
            cause: Cause::text(format!("no active key of purpose {purpose}")),
        })?;
        self.open(tx, id)
    }

    /// The key called `key_id`, ready to sign.
    ///
    /// # Errors
    /// As [`Keyring::signer`].
    pub fn open(&self, tx: &mut Tx<'_>, key_id: String) -> Result<Signer, Fault> {
        let unsealed = self.unsealed.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = unsealed.get(&key_id).cloned();
        drop(unsealed);
        let key = match known {
            Some(key) => key,
            None => self.unseal(tx, &key_id)?,
        };
        Ok(Signer { key_id, key })
    }

    fn unseal(&self, tx: &mut Tx<'_>, id: &str) -> Result<Arc<SigningKey>, Fault> {
        let broken = |cause| Fault::Internal { what: "open a sealed signing key", cause };
        let sealed = sql::sealed_seed(tx, id)?;
        let seed = self.kek.open(&sealed, &place(id)).map_err(|error| broken(Cause::new(error)))?;
        let seed: [u8; 32] = seed
            .expose()
            .as_slice()
            .try_into()
            .map_err(|_| broken(Cause::text("the seed is not 32 bytes long")))?;
        let key = Arc::new(SigningKey::from_seed(&Secret::new(seed)));
        if key.public().thumbprint() != id {
            return Err(broken(Cause::text("the seed belongs to another key")));
        }
        self.unsealed
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .insert(id.to_owned(), Arc::clone(&key));
        Ok(key)
    }
}

fn place(id: &str) -> Vec<u8> {
    format!("signing_key/sealed_seed/{id}").into_bytes()
}
