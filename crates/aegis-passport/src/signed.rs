//! Signed JSON objects that are not passports: each says what it is, who signed, and with which key.

use aegis_core::canonical;
use aegis_core::crypto::sign::{Signature, SigningKey};
use aegis_core::json::Json;
use aegis_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::closed_set::closed_set;
use crate::ids::{Did, KeyId};
use crate::keys::{KeyBook, KeyRecord, Purpose};

closed_set! {
    /// The `typ` of a signed object. One of another type is refused where this one is expected.
    SignedType {
        /// The revocation list or a delta of it.
        Revocations = "aegis-revocations+v1",
        /// One status change, streamed.
        StatusEvent = "aegis-status-event+v1",
        /// Nothing changed, streamed.
        Heartbeat = "aegis-heartbeat+v1",
        /// Everything an offline verifier needs.
        Snapshot = "aegis-snapshot+v1",
        /// That a passport was verified, with the verdict.
        Receipt = "aegis-receipt+v1",
        /// One exported event.
        Event = "aegis-event+v1",
    }
}

impl SignedType {
    /// The purpose of the keys that sign it.
    pub const fn purpose(self) -> Purpose {
        match self {
            SignedType::Revocations
            | SignedType::StatusEvent
            | SignedType::Heartbeat
            | SignedType::Snapshot => Purpose::Status,
            SignedType::Receipt | SignedType::Event => Purpose::Receipt,
        }
    }
}

/// A key with the names under which it signs.
#[derive(Clone, Copy)]
pub struct Signer<'a> {
    /// Who signs.
    pub issuer: &'a Did,
    /// The key's name.
    pub key_id: KeyId,
    /// The key.
    pub key: &'a SigningKey,
}

/// Why a signed object is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedRefused {
    /// It is something else, or nothing of ours.
    #[error("the object is not of type {0}")]
    WrongType(SignedType),
    /// It names another issuer, or none.
    #[error("the object was signed for another issuer")]
    IssuerUnknown,
    /// The issuer has no such key.
    #[error("the issuer never published the key that signed the object")]
    KeyUnknown,
    /// The key signs other things.
    #[error("the key does not sign objects of type {0}")]
    KeyPurposeMismatch(SignedType),
    /// The key is compromised, and the log did not have the object before.
    #[error("the key that signed the object is revoked")]
    KeyRevoked,
    /// There is no signature, or it does not hold.
    #[error("the signature of the object does not hold")]
    SignatureInvalid,
}

/// Completes `members` to a signed object: `typ`, `issuer`, `key_id` and `signature` are set here, whatever
/// they were.
pub fn sign(typ: SignedType, mut members: Map<String, Value>, signer: &Signer<'_>) -> Map<String, Value> {
    members.remove("signature");
    members.insert("typ".into(), typ.as_str().into());
    members.insert("issuer".into(), signer.issuer.as_str().into());
    members.insert("key_id".into(), signer.key_id.to_string().into());
    // A map of values has a canonical form: every number in it is an integer or a finite double.
    let bytes = canonical::to_bytes(&members).unwrap_or_default();
    members.insert("signature".into(), signer.key.sign(&bytes).to_string().into());
    members
}

/// Checks that `object` is of type `typ` and was signed for the issuer of `keys` by a key for that purpose.
/// `logged_at` is the log time of the object, where there is a proof of it: only that makes an object of a
/// revoked key believable.
///
/// # Errors
/// [`SignedRefused`] with the first rule that does not hold.
pub fn check<'k>(
    object: &Json<'_>,
    typ: SignedType,
    keys: &'k KeyBook,
    logged_at: Option<Timestamp>,
) -> Result<&'k KeyRecord, SignedRefused> {
    let text = |name| object.get(name).and_then(Json::as_str);
    if text("typ") != Some(typ.as_str()) {
        return Err(SignedRefused::WrongType(typ));
    }
    if text("issuer") != Some(keys.issuer().as_str()) {
        return Err(SignedRefused::IssuerUnknown);
    }
    let key = text("key_id").and_then(KeyId::parse).and_then(|id| keys.get(&id));
    let key = key.ok_or(SignedRefused::KeyUnknown)?;
    if key.purpose != typ.purpose() {
        return Err(SignedRefused::KeyPurposeMismatch(typ));
    }
    if let Some(revoked_at) = key.revoked_at(None)
        && logged_at.is_none_or(|logged| logged >= revoked_at)
    {
        return Err(SignedRefused::KeyRevoked);
    }
    let signature = text("signature").and_then(Signature::parse).ok_or(SignedRefused::SignatureInvalid)?;
    let message = message_without(object, "signature").ok_or(SignedRefused::SignatureInvalid)?;
    key.public_key.verify(&message, &signature).map_err(|_| SignedRefused::SignatureInvalid)?;
    Ok(key)
}

/// The RFC 8785 bytes of an object without one of its members.
pub(crate) fn message_without(object: &Json<'_>, name: &str) -> Option<Vec<u8>> {
    let rest = object.members()?.iter().filter(|(known, _)| known != name).cloned().collect();
    canonical::to_bytes(&Json::Object(rest)).ok()
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

    fn signed(seed: u8) -> Map<String, Value> {
        let issuer = Did::parse("did:web:a.example").unwrap();
        let key = key(seed);
        let signer = Signer { issuer: &issuer, key_id: KeyId::of(&key.public()), key: &key };
        let members = serde_json::json!({"as_of": "2026-05-08T22:00:00Z", "note": "\u{e9}", "typ": "forged"});
        sign(SignedType::Heartbeat, members.as_object().unwrap().clone(), &signer)
    }

    fn book() -> KeyBook {
        let record = |seed, purpose| KeyRecord::activated(key(seed).public(), purpose, at(100), None);
        let keys = [record(1, Purpose::Status), record(2, Purpose::Receipt)];
        KeyBook::new(Did::parse("did:web:a.example").unwrap(), keys)
    }

    fn checked(object: &Map<String, Value>, typ: SignedType, keys: &KeyBook) -> Result<(), SignedRefused> {
        let text = serde_json::to_vec_pretty(object).unwrap();
        check(&parse(&text, 8).unwrap(), typ, keys, None).map(|_| ())
    }

    /// What was signed checks; each wrong type, key, purpose, issuer or byte is refused by its own name.
    #[test]
    fn each_rule_has_its_refusal() {
        let good = signed(1);
        assert_eq!(checked(&good, SignedType::Heartbeat, &book()), Ok(()));
        let snapshot = SignedType::Snapshot;
        assert_eq!(checked(&good, snapshot, &book()), Err(SignedRefused::WrongType(snapshot)));
        let heartbeat = SignedType::Heartbeat;
        assert_eq!(
            checked(&signed(2), heartbeat, &book()),
            Err(SignedRefused::KeyPurposeMismatch(heartbeat))
        );
        assert_eq!(checked(&signed(3), heartbeat, &book()), Err(SignedRefused::KeyUnknown));
        for (member, value, refusal) in [
            ("issuer", "did:web:b.example", SignedRefused::IssuerUnknown),
            ("as_of", "2026-05-08T22:00:01Z", SignedRefused::SignatureInvalid),
            ("signature", "ed25519:", SignedRefused::SignatureInvalid),
            ("more", "x", SignedRefused::SignatureInvalid),
        ] {
            let mut bad = good.clone();
            bad.insert(member.into(), value.into());
            assert_eq!(checked(&bad, heartbeat, &book()), Err(refusal), "{member}");
        }
    }

    /// An object of a revoked key counts only with log time before the revocation.
    #[test]
    fn revoked_keys_need_log_time() {
        let mut record = KeyRecord::activated(key(1).public(), Purpose::Status, at(100), None);
        record.revoke(at(200), at(300)).unwrap();
        let keys = KeyBook::new(Did::parse("did:web:a.example").unwrap(), [record]);
        let text = serde_json::to_vec(&signed(1)).unwrap();
        let json = parse(&text, 8).unwrap();
        for (logged_at, good) in [(None, false), (Some(at(200)), false), (Some(at(199)), true)] {
            assert_eq!(check(&json, SignedType::Heartbeat, &keys, logged_at).is_ok(), good);
        }
    }
}
