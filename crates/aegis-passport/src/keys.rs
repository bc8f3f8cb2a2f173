//! Issuer keys: one purpose each, one active per purpose, and what a key proves at which instant.

use std::collections::HashMap;
use std::sync::Arc;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{PreparedKey, PublicKey, SignatureRefused};
use aegis_core::time::Timestamp;

use crate::closed_set::closed_set;
use crate::document::{Passport, SignedPassport};
use crate::ids::{Did, KeyId};
use crate::verdict::Reason;

closed_set! {
    /// The one thing a key signs.
    Purpose {
        /// Passports and their renderings.
        Passport = "passport",
        /// Revocation lists, status events, heartbeats, snapshots.
        Status = "status",
        /// Receipts and exported events.
        Receipt = "receipt",
        /// Checkpoints of the log.
        Log = "log",
        /// The key history itself.
        Root = "root",
    }
}

closed_set! {
    /// The state of a published key.
    KeyState {
        /// Signs; exactly one per purpose.
        Active = "active",
        /// Signs no more; what it signed still verifies.
        Retired = "retired",
        /// Signs no more; what it signed verifies only if the log had it before.
        Revoked = "revoked",
    }
}

/// A key was declared compromised. A repeat may only reach further back, so a key has a list of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRevocation {
    /// From this instant nothing the key signed is believed.
    pub revoked_at: Timestamp,
    /// When that became known.
    pub recorded_at: Timestamp,
}

/// One published key with its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its thumbprint.
    pub key_id: KeyId,
    /// What it signs.
    pub purpose: Purpose,
    /// The key.
    pub public_key: PublicKey,
    /// It signs nothing dated before this.
    pub not_before: Timestamp,
    /// It signs nothing dated after this.
    pub retired_at: Option<Timestamp>,
    /// In the order recorded.
    pub revocations: Vec<KeyRevocation>,
    /// The last change of state.
    pub rotated_at: Timestamp,
    /// Why the state last changed, as published.
    pub reason: Option<String>,
    /// SHA-256 of the 32 raw bytes of the key that will follow this one.
    pub next_key_digest: Option<Digest>,
    /// The signed-note form of a log key.
    pub vkey: Option<String>,
}

/// A key rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// Only an active key can be rotated.
    #[error("key {0} is not active")]
    NotActive(KeyId),
    /// The new key is not the one announced.
    #[error("the next key does not match the digest announced for it")]
    NextKeyMismatch,
    /// A revocation must lie between the key's start and now.
    #[error("a key is revoked from an instant between its start and now")]
    RevokedOutsideLife,
}

impl KeyRecord {
    /// A key that becomes active now, announcing the one that will follow it.
    pub fn activated(
        public_key: PublicKey,
        purpose: Purpose,
        now: Timestamp,
        next_key_digest: Option<Digest>,
    ) -> KeyRecord {
        let now = now.whole_second();
        KeyRecord {
            key_id: KeyId::of(&public_key),
            purpose,
            public_key,
            not_before: now,
            retired_at: None,
            revocations: Vec::new(),
            rotated_at: now,
            reason: None,
            next_key_digest,
            vkey: None,
        }
    }

    /// Its state by all that is known.
    pub fn state(&self) -> KeyState {
        match (self.revocations.is_empty(), self.retired_at) {
            (false, _) => KeyState::Revoked,
            (true, Some(_)) => KeyState::Retired,
            (true, None) => KeyState::Active,
        }
    }

    /// From when nothing it signed is believed, by what was known at `known_at` (nothing: by all that is
    /// known).
    pub fn revoked_at(&self, known_at: Option<Timestamp>) -> Option<Timestamp> {
        let known =
            |revocation: &&KeyRevocation| known_at.is_none_or(|known_at| revocation.recorded_at <= known_at);
        self.revocations.iter().filter(known).map(|revocation| revocation.revoked_at).min()
    }

    /// Step 6 of verification: may this key stand behind a passport dated `issued_at` whose log time is
    /// `logged_at`? A revoked key is believed only with proof that the log had the passport before: whoever
    /// stole it can write any date, but cannot put a leaf into the past.
    ///
    /// # Errors
    /// [`Reason::KeyNotValidAtIssue`] for a date outside the key's life, [`Reason::KeyRevoked`] without that
    /// proof.
    pub fn check_issue(
        &self,
        issued_at: Timestamp,
        logged_at: Option<Timestamp>,
        known_at: Option<Timestamp>,
    ) -> Result<(), Reason> {
        if issued_at < self.not_before || self.retired_at.is_some_and(|retired| issued_at > retired) {
            return Err(Reason::KeyNotValidAtIssue);
        }
        match self.revoked_at(known_at) {
            Some(revoked_at) if logged_at.is_none_or(|logged| logged >= revoked_at) => {
                Err(Reason::KeyRevoked)
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Retires this key in favour of `next`, which must be the one announced and announces its own successor.
    ///
    /// # Errors
    /// [`KeyRefused::NotActive`], [`KeyRefused::NextKeyMismatch`].
    pub fn rotate(
        &mut self,
        next: PublicKey,
        next_key_digest: Option<Digest>,
        now: Timestamp,
    ) -> Result<KeyRecord, KeyRefused> {
        if self.state() != KeyState::Active {
            return Err(KeyRefused::NotActive(self.key_id));
        }
        if self.next_key_digest.is_some_and(|announced| announced != announce(&next)) {
            return Err(KeyRefused::NextKeyMismatch);
        }
        let now = now.whole_second();
        self.retired_at = Some(now);
        self.rotated_at = now;
        Ok(KeyRecord::activated(next, self.purpose, now, next_key_digest))
    }

    /// Declares the key compromised from `revoked_at`. `Ok(false)` when that adds nothing: a repeat may only
    /// reach further back.
    ///
    /// # Errors
    /// [`KeyRefused::RevokedOutsideLife`] before the key's start or in the future.
    pub fn revoke(&mut self, revoked_at: Timestamp, now: Timestamp) -> Result<bool, KeyRefused> {
        if revoked_at < self.not_before || revoked_at > now {
            return Err(KeyRefused::RevokedOutsideLife);
        }
        if self.revoked_at(None).is_some_and(|known| known <= revoked_at) {
            return Ok(false);
        }
        if self.revocations.is_empty() {
            self.rotated_at = now.whole_second();
        }
        self.revocations.push(KeyRevocation { revoked_at, recorded_at: now });
        Ok(true)
    }
}

/// The digest by which a key is announced before it is active.
pub fn announce(key: &PublicKey) -> Digest {
    Digest::of(&[key.as_bytes()])
}

/// The keys of one issuer, by id.
#[derive(Debug, Clone)]
pub struct KeyBook {
    issuer: Did,
    keys: HashMap<KeyId, KeyRecord>,
    // One for each key that signs passports: verification is hot, and these keys are few.
    prepared: HashMap<KeyId, Arc<PreparedKey>>,
}

impl KeyBook {
    /// Every key of `issuer`, of whatever purpose.
    pub fn new(issuer: Did, keys: impl IntoIterator<Item = KeyRecord>) -> KeyBook {
        let keys: HashMap<KeyId, KeyRecord> = keys.into_iter().map(|key| (key.key_id, key)).collect();
        let signing = keys.values().filter(|key| key.purpose == Purpose::Passport);
        let prepared = signing.map(|key| (key.key_id, Arc::new(PreparedKey::new(key.public_key)))).collect();
        KeyBook { issuer, keys, prepared }
    }

    /// Whose keys these are.
    pub fn issuer(&self) -> &Did {
        &self.issuer
    }

    /// The key called `key_id`.
    pub fn get(&self, key_id: &KeyId) -> Option<&KeyRecord> {
        self.keys.get(key_id)
    }

    /// Steps 3 and 4 of verification: the key a passport names, if it is this issuer's and for passports.
    ///
    /// # Errors
    /// [`Reason::IssuerUnknown`], [`Reason::KeyUnknown`], [`Reason::KeyPurposeMismatch`].
    pub fn find_for(&self, passport: &Passport) -> Result<&KeyRecord, Reason> {
        if passport.issuer != self.issuer {
            return Err(Reason::IssuerUnknown);
        }
        let key = self.keys.get(&passport.key_id).ok_or(Reason::KeyUnknown)?;
        if key.purpose == Purpose::Passport { Ok(key) } else { Err(Reason::KeyPurposeMismatch) }
    }

    /// Step 5 of verification: checks the signature under `key`, found by [`KeyBook::find_for`].
    ///
    /// # Errors
    /// [`SignatureRefused`] when it does not hold.
    pub fn check_signature(
        &self,
        passport: &SignedPassport,
        key: &KeyRecord,
    ) -> Result<(), SignatureRefused> {
        match self.prepared.get(&key.key_id) {
            Some(prepared) => passport.verify_prepared(prepared),
            None => passport.verify_signature(&key.public_key),
        }
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn public(seed: u8) -> PublicKey {
        SigningKey::from_seed(&Secret::new([seed; 32])).public()
    }

    /// A key signs from its start to its retirement, both ends included.
    #[test]
    fn life_has_two_ends() {
        let mut key = KeyRecord::activated(public(1), Purpose::Passport, at(100), Some(announce(&public(2))));
        assert_eq!(key.check_issue(at(99), None, None), Err(Reason::KeyNotValidAtIssue));
        assert_eq!(key.rotate(public(3), None, at(200)), Err(KeyRefused::NextKeyMismatch));
        let next = key.rotate(public(2), None, at(200)).unwrap();
        assert_eq!((key.state(), next.state()), (KeyState::Retired, KeyState::Active));
        assert_eq!(key.rotate(public(2), None, at(201)), Err(KeyRefused::NotActive(key.key_id)));
        for (issued, verdict) in [(100, Ok(())), (200, Ok(())), (201, Err(Reason::KeyNotValidAtIssue))] {
            assert_eq!(key.check_issue(at(issued), None, None), verdict, "{issued}");
        }
    }

    /// Invariant 8: what a revoked key signed verifies only with log time before the revocation, however it
    /// is dated; a repeat may only reach further back; earlier knowledge is still told.
    #[test]
    fn revoked_keys_need_log_time() {
        let mut key = KeyRecord::activated(public(1), Purpose::Passport, at(100), None);
        assert_eq!(key.revoke(at(99), at(500)), Err(KeyRefused::RevokedOutsideLife));
        assert_eq!(key.revoke(at(501), at(500)), Err(KeyRefused::RevokedOutsideLife));
        assert_eq!(key.revoke(at(300), at(500)), Ok(true));
        assert_eq!(key.check_issue(at(150), None, None), Err(Reason::KeyRevoked));
        assert_eq!(key.check_issue(at(150), Some(at(299)), None), Ok(()));
        assert_eq!(key.check_issue(at(150), Some(at(300)), None), Err(Reason::KeyRevoked));
        assert_eq!(key.revoke(at(400), at(600)), Ok(false));
        assert_eq!(key.revoke(at(200), at(600)), Ok(true));
        assert_eq!(key.check_issue(at(150), Some(at(250)), None), Err(Reason::KeyRevoked));
        assert_eq!(key.check_issue(at(150), Some(at(250)), Some(at(599))), Ok(()));
        assert_eq!(key.revoked_at(Some(at(499))), None);
        assert_eq!(key.state(), KeyState::Revoked);
        assert_eq!(key.rotated_at, at(500));
    }
}
