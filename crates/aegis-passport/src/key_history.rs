//! The key history `aegis-keys+v1`: every key an issuer ever published, under the signature of its root.
//!
//! Version N + 1 is signed by the roots of both N and N + 1, so whoever pinned one version can follow to any
//! later one and never back. No key is ever dropped from it.

use aegis_core::canonical;
use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{PublicKey, Signature, SigningKey};
use aegis_core::encoding::{to_base64url, to_key_multibase};
use aegis_core::json::Json;
use aegis_core::time::Timestamp;
use serde_json::{Map, Value, json};

use crate::document::{DIGEST_FORM, TIME_FORM};
use crate::fields::{Fields, Flaw, Malformed, Strangers, items, text_item};
use crate::ids::{Did, KeyId, from_spki_pem, to_spki_pem};
use crate::keys::{KeyBook, KeyRecord, KeyRevocation, KeyState, Purpose};
use crate::profile::INTEGER_MAX;
use crate::signed::message_without;

const TYPE: &str = "aegis-keys+v1";
/// Seconds a version is meant to live: one year.
pub const VALID_SECONDS: i64 = 31_536_000;
/// Seconds before its end at which it is signed again.
pub const RESIGN_SECONDS: i64 = 2_592_000;
/// Root keys at most.
pub const ROOTS_MAX: usize = 16;

/// Who may sign the next version: `threshold` of these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootSet {
    /// The keys, listed among the service keys.
    pub key_ids: Vec<KeyId>,
    /// How many of them must sign.
    pub threshold: usize,
}

/// Every key of an issuer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHistory {
    /// Whose.
    pub issuer: Did,
    /// Rises by one with each change.
    pub version: u64,
    /// When this version was signed.
    pub issued_at: Timestamp,
    /// When it should be replaced at the latest.
    pub expires_at: Timestamp,
    /// Passport keys, newest first.
    pub passport_keys: Vec<KeyRecord>,
    /// Keys of the other purposes.
    pub service_keys: Vec<KeyRecord>,
    /// Who signs the next version.
    pub root: RootSet,
}

impl KeyHistory {
    /// The document without signatures.
    pub fn members(&self) -> Map<String, Value> {
        let active = self.passport_keys.iter().find(|key| key.state() == KeyState::Active);
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("typ", TYPE.into());
        put("issuer", self.issuer.as_str().into());
        put("version", self.version.into());
        put("issued_at", self.issued_at.to_string().into());
        put("expires_at", self.expires_at.to_string().into());
        put("keys", self.passport_keys.iter().map(|key| Value::Object(key_members(key))).collect());
        put("active_key_id", active.map(|key| key.key_id.to_string()).into());
        put("service_keys", self.service_keys.iter().map(service_key_members).collect());
        let roots: Vec<String> = self.root.key_ids.iter().map(KeyId::to_string).collect();
        put("root", json!({"key_ids": roots, "threshold": self.root.threshold}));
        members
    }

    /// The document signed by these root keys; of version N and N + 1 where they differ.
    pub fn sign(&self, roots: &[&SigningKey]) -> Map<String, Value> {
        let mut members = self.members();
        // Strings, integers and nulls have a canonical form.
        let bytes = canonical::to_bytes(&members).unwrap_or_default();
        let signature = |key: &&SigningKey| json!({"key_id": KeyId::of(&key.public()).to_string(), "signature": key.sign(&bytes).to_string()});
        members.insert("signatures".into(), roots.iter().map(signature).collect());
        members
    }

    /// All keys, for looking up.
    pub fn book(&self) -> KeyBook {
        KeyBook::new(self.issuer.clone(), self.keys().cloned())
    }

    fn keys(&self) -> impl Iterator<Item = &KeyRecord> {
        self.passport_keys.iter().chain(&self.service_keys)
    }

    fn root_key(&self, key_id: &KeyId) -> Option<&PublicKey> {
        let is_root = |key: &&KeyRecord| key.key_id == *key_id && key.purpose == Purpose::Root;
        self.root.key_ids.contains(key_id).then_some(())?;
        self.service_keys.iter().find(is_root).map(|key| &key.public_key)
    }
}

fn key_members(key: &KeyRecord) -> Map<String, Value> {
    let raw = key.public_key.as_bytes();
    let time = |instant: Option<Timestamp>| Value::from(instant.map(|instant| instant.to_string()));
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
    put("key_id", key.key_id.to_string().into());
    put("public_key_pem", to_spki_pem(raw).into());
    put("status", key.state().as_str().into());
    put("rotated_at", key.rotated_at.to_string().into());
    put("not_before", key.not_before.to_string().into());
    put("retired_at", time(key.retired_at));
    put("revoked_at", time(key.revoked_at(None)));
    put("reason", key.reason.clone().into());
    put("next_key_digest", key.next_key_digest.map(|digest| digest.to_string()).into());
    put("public_key_multibase", to_key_multibase(raw).into());
    put("public_key_jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": to_base64url(raw)}));
    members
}

fn service_key_members(key: &KeyRecord) -> Value {
    let mut members = key_members(key);
    members.insert("purpose".into(), key.purpose.as_str().into());
    if let Some(vkey) = &key.vkey {
        members.insert("vkey".into(), vkey.clone().into());
    }
    Value::Object(members)
}

/// A key history with its signatures, read. Whether they hold depends on what is trusted already.
#[derive(Debug, Clone)]
pub struct SignedKeyHistory {
    history: KeyHistory,
    message: Vec<u8>,
    signatures: Vec<(KeyId, Signature)>,
    digest: Digest,
}

/// Why a key history is not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HistoryRefused {
    /// It is another issuer's.
    #[error("the key history belongs to another issuer")]
    ForeignIssuer,
    /// Older than the one held, or another one of the same version.
    #[error("the key history goes back from version {held} to {offered}, or forks it")]
    NotForward {
        /// Version held.
        held: u64,
        /// Version offered.
        offered: u64,
    },
    /// Too few root signatures.
    #[error("the key history lacks signatures of the root of version {version}")]
    RootSignaturesMissing {
        /// Whose root.
        version: u64,
    },
    /// A key that was published is gone, changed, or believed again.
    #[error("the key history drops or alters key {0}")]
    KeyAltered(KeyId),
}

impl SignedKeyHistory {
    /// Reads the document strictly.
    ///
    /// # Errors
    /// [`Malformed`] naming the first place that is not as it should be.
    pub fn read(json: &Json<'_>) -> Result<SignedKeyHistory, Malformed> {
        let no_form = || Malformed::at("", Flaw::Form("an object with a canonical form"));
        let message = message_without(json, "signatures").ok_or_else(no_form)?;
        let digest = canonical::digest(json).map_err(|_| no_form())?;
        let mut f = Fields::of(json, Strangers::Refused)?;
        let active = f.optional_nested("active_key_id", |json| nullable(json, "a key id", KeyId::parse))?;
        let expires_at = f.text("expires_at", TIME_FORM, Timestamp::parse_seconds)?;
        let issued_at = f.text("issued_at", TIME_FORM, Timestamp::parse_seconds)?;
        let issuer = f.text("issuer", Did::FORM, Did::parse)?;
        let passport_keys =
            f.nested("keys", |json| items(json, "a list of keys", 0..=10_000, |key| read_key(key, false)))?;
        let root = f.nested("root", read_root)?;
        let service_keys = f.nested("service_keys", |json| {
            items(json, "a list of keys", 0..=10_000, |key| read_key(key, true))
        })?;
        let signatures =
            f.nested("signatures", |json| items(json, "1-32 signatures", 1..=32, read_signature))?;
        f.text("typ", TYPE, |text| (text == TYPE).then_some(()))?;
        let version = f.number("version", "a positive integer", 1..=INTEGER_MAX)?;
        f.end()?;
        let found = passport_keys.iter().find(|key| key.state() == KeyState::Active).map(|key| key.key_id);
        if active.flatten() != found {
            let flaw = Flaw::Contradiction("it must name the active passport key");
            return Err(Malformed::at("/active_key_id", flaw));
        }
        let history =
            KeyHistory { issuer, version, issued_at, expires_at, passport_keys, service_keys, root };
        Ok(SignedKeyHistory { history, message, signatures, digest })
    }

    /// The keys.
    pub fn history(&self) -> &KeyHistory {
        &self.history
    }

    /// SHA-256 of the RFC 8785 bytes of the whole document: its fingerprint.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether enough of its own root keys signed it. That alone makes it coherent, not trusted: trust comes
    /// from a pinned fingerprint or from [`SignedKeyHistory::follows`].
    ///
    /// # Errors
    /// [`HistoryRefused::RootSignaturesMissing`].
    pub fn check_own_root(&self) -> Result<(), HistoryRefused> {
        self.check_root(&self.history)
    }

    /// Whether a client that holds `held` may take this one instead: same issuer, not back, signed by both
    /// roots, every published key kept.
    ///
    /// # Errors
    /// [`HistoryRefused`] with the first rule that does not hold.
    pub fn follows(&self, held: &SignedKeyHistory) -> Result<(), HistoryRefused> {
        if self.history.issuer != held.history.issuer {
            return Err(HistoryRefused::ForeignIssuer);
        }
        if self.digest == held.digest {
            return Ok(());
        }
        let (held_version, offered) = (held.history.version, self.history.version);
        if offered <= held_version {
            return Err(HistoryRefused::NotForward { held: held_version, offered });
        }
        self.check_root(&held.history)?;
        self.check_own_root()?;
        held.history.keys().try_for_each(|key| self.keeps(key))
    }

    fn check_root(&self, of: &KeyHistory) -> Result<(), HistoryRefused> {
        let mut signers: Vec<KeyId> = self
            .signatures
            .iter()
            .filter(|(key_id, signature)| {
                of.root_key(key_id).is_some_and(|key| key.verify(&self.message, signature).is_ok())
            })
            .map(|(key_id, _)| *key_id)
            .collect();
        signers.sort_unstable();
        signers.dedup();
        let enough = of.root.threshold >= 1 && signers.len() >= of.root.threshold;
        if enough { Ok(()) } else { Err(HistoryRefused::RootSignaturesMissing { version: of.version }) }
    }

    /// A key once published stays, the same, and only ever loses trust.
    fn keeps(&self, held: &KeyRecord) -> Result<(), HistoryRefused> {
        let kept = self.history.keys().find(|key| key.key_id == held.key_id).is_some_and(|key| {
            let not_later = match (held.revoked_at(None), key.revoked_at(None)) {
                (Some(before), Some(now)) => now <= before,
                (Some(_), None) => false,
                (None, _) => true,
            };
            let not_longer = match (held.retired_at, key.retired_at) {
                (Some(before), Some(now)) => now == before,
                (Some(_), None) => false,
                (None, _) => true,
            };
            let same = key.purpose == held.purpose && key.not_before == held.not_before;
            same && not_later && not_longer
        });
        if kept { Ok(()) } else { Err(HistoryRefused::KeyAltered(held.key_id)) }
    }
}

fn nullable<T>(
    json: &Json<'_>,
    form: &'static str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, Malformed> {
    if *json == Json::Null { Ok(None) } else { text_item(json, form, parse).map(Some) }
}

fn read_root(json: &Json<'_>) -> Result<RootSet, Malformed> {
    let mut f = Fields::of(json, Strangers::Refused)?;
    let key_ids = f.nested("key_ids", |json| {
        items(json, "1-16 key ids", 1..=ROOTS_MAX, |item| text_item(item, "a key id", KeyId::parse))
    })?;
    let threshold = f.number("threshold", "a number from 1 to the number of keys", 1..=16)?;
    f.end()?;
    if threshold > key_ids.len() {
        return Err(Malformed::at("/threshold", Flaw::Contradiction("there are fewer keys")));
    }
    Ok(RootSet { key_ids, threshold })
}

fn read_signature(json: &Json<'_>) -> Result<(KeyId, Signature), Malformed> {
    let mut f = Fields::of(json, Strangers::Refused)?;
    let key_id = f.text("key_id", "a key id", KeyId::parse)?;
    let signature = f.text("signature", "ed25519: and 86 characters base64url", Signature::parse)?;
    f.end()?;
    Ok((key_id, signature))
}

/// Reads one key; its other public forms must be those of the PEM.
fn read_key(json: &Json<'_>, service: bool) -> Result<KeyRecord, Malformed> {
    let mut f = Fields::of(json, Strangers::Refused)?;
    let key_id = f.text("key_id", "a key id", KeyId::parse)?;
    let next_key_digest = f.nested("next_key_digest", |json| nullable(json, DIGEST_FORM, Digest::parse))?;
    let not_before = f.text("not_before", TIME_FORM, Timestamp::parse_seconds)?;
    let public_key_jwk = f.required("public_key_jwk")?;
    let multibase = f.text("public_key_multibase", "a multibase key", |text| Some(text.to_owned()))?;
    let public_key = f.text("public_key_pem", "a usable Ed25519 key as SPKI PEM", |text| {
        from_spki_pem(text).and_then(|bytes| PublicKey::from_bytes(&bytes).ok())
    })?;
    let purpose = if service { Some(f.text("purpose", "a purpose", Purpose::parse)?) } else { None };
    let reason = f.nested("reason", |json| nullable(json, "text", |text| Some(text.to_owned())))?;
    let retired_at = f.nested("retired_at", |json| nullable(json, TIME_FORM, Timestamp::parse_seconds))?;
    let revoked_at = f.nested("revoked_at", |json| nullable(json, TIME_FORM, Timestamp::parse_seconds))?;
    let rotated_at = f.text("rotated_at", TIME_FORM, Timestamp::parse_seconds)?;
    let status = f.text("status", "active, retired or revoked", KeyState::parse)?;
    let vkey = if service { f.optional_text("vkey", "text", |text| Some(text.to_owned()))? } else { None };
    f.end()?;
    let raw = public_key.as_bytes();
    let x = public_key_jwk.get("x").and_then(Json::as_str);
    if KeyId::of(&public_key) != key_id || to_key_multibase(raw) != multibase || x != Some(&to_base64url(raw))
    {
        let flaw = Flaw::Contradiction("its forms and its id must name one key");
        return Err(Malformed::at("/public_key_pem", flaw));
    }
    // Published is one instant of revocation; it became known when the state changed.
    let revocations = revoked_at
        .map(|revoked_at| KeyRevocation { revoked_at, recorded_at: rotated_at })
        .into_iter()
        .collect();
    let purpose = purpose.unwrap_or(Purpose::Passport);
    let record = KeyRecord {
        key_id,
        purpose,
        public_key,
        not_before,
        retired_at,
        revocations,
        rotated_at,
        reason,
        next_key_digest,
        vkey,
    };
    let state_fits = record.state() == status && (purpose == Purpose::Passport) != service;
    if state_fits {
        Ok(record)
    } else {
        Err(Malformed::at("/status", Flaw::Contradiction("it must follow from the instants")))
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::json::parse;
    use aegis_core::secret::Secret;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_seed(&Secret::new([seed; 32]))
    }

    fn history(version: u64, roots: &[u8]) -> KeyHistory {
        let record = |seed, purpose| KeyRecord::activated(key(seed).public(), purpose, at(100), None);
        let root_record = |seed: &u8| record(*seed, Purpose::Root);
        KeyHistory {
            issuer: Did::parse("did:web:a.example").unwrap(),
            version,
            issued_at: at(100),
            expires_at: at(100 + VALID_SECONDS),
            passport_keys: vec![record(1, Purpose::Passport)],
            service_keys: std::iter::once(record(2, Purpose::Status))
                .chain(roots.iter().map(root_record))
                .collect(),
            root: RootSet {
                key_ids: roots.iter().map(|seed| KeyId::of(&key(*seed).public())).collect(),
                threshold: 1,
            },
        }
    }

    fn signed(history: &KeyHistory, roots: &[u8]) -> SignedKeyHistory {
        let keys: Vec<SigningKey> = roots.iter().map(|seed| key(*seed)).collect();
        let text = serde_json::to_vec(&history.sign(&keys.iter().collect::<Vec<_>>())).unwrap();
        SignedKeyHistory::read(&parse(&text, 16).unwrap()).unwrap()
    }

    /// Reading gives back what was written, and the sealed root's signature holds.
    #[test]
    fn survives_its_text() {
        let mut written = history(1, &[9]);
        written.service_keys[0].vkey = Some("a.example/log+00000000+AAAA".into());
        written.passport_keys[0].revoke(at(150), at(200)).unwrap();
        written.passport_keys[0].revocations[0].recorded_at = written.passport_keys[0].rotated_at;
        written
            .passport_keys
            .insert(0, KeyRecord::activated(key(3).public(), Purpose::Passport, at(200), None));
        let read = signed(&written, &[9]);
        assert_eq!(read.history(), &written);
        assert_eq!(read.check_own_root(), Ok(()));
        assert!(signed(&written, &[8]).check_own_root().is_err());
    }

    /// Invariant 9: forward only, both roots, every key kept, trust only ever lost.
    #[test]
    fn clients_only_go_forward() {
        let held = signed(&history(5, &[9]), &[9]);
        assert_eq!(held.follows(&held), Ok(()));
        assert_eq!(signed(&history(6, &[9]), &[9]).follows(&held), Ok(()));
        let back = HistoryRefused::NotForward { held: 5, offered: 4 };
        assert_eq!(signed(&history(4, &[9]), &[9]).follows(&held), Err(back));
        let mut fork = history(5, &[9]);
        fork.expires_at = at(999);
        assert!(matches!(signed(&fork, &[9]).follows(&held), Err(HistoryRefused::NotForward { .. })));

        // A new root: the old one must keep its record and both must sign.
        let mut moved = history(6, &[9]);
        moved.service_keys.push(KeyRecord::activated(key(8).public(), Purpose::Root, at(100), None));
        moved.root.key_ids = vec![KeyId::of(&key(8).public())];
        assert_eq!(signed(&moved, &[9, 8]).follows(&held), Ok(()));
        let missing = |version| Err(HistoryRefused::RootSignaturesMissing { version });
        assert_eq!(signed(&moved, &[8]).follows(&held), missing(5));
        assert_eq!(signed(&moved, &[9]).follows(&held), missing(6));

        let mut dropped = history(6, &[9]);
        dropped.service_keys.remove(0);
        let gone = KeyId::of(&key(2).public());
        assert_eq!(signed(&dropped, &[9]).follows(&held), Err(HistoryRefused::KeyAltered(gone)));
        let mut revoked = history(6, &[9]);
        revoked.passport_keys[0].revoke(at(150), at(200)).unwrap();
        let revoked = signed(&revoked, &[9]);
        assert_eq!(revoked.follows(&held), Ok(()));
        let believed = signed(&history(7, &[9]), &[9]);
        let again = KeyId::of(&key(1).public());
        assert_eq!(believed.follows(&revoked), Err(HistoryRefused::KeyAltered(again)));
    }

    /// One key signing twice is one signature, and a threshold of two needs two keys.
    #[test]
    fn thresholds_count_keys() {
        let mut two = history(1, &[9, 8]);
        two.root.threshold = 2;
        assert!(signed(&two, &[9, 9]).check_own_root().is_err());
        assert!(signed(&two, &[9, 7]).check_own_root().is_err());
        assert_eq!(signed(&two, &[9, 8]).check_own_root(), Ok(()));
    }
}
