//! The issuer's DID documents: where W3C verifiers find its keys.

use aegis_core::encoding::to_key_multibase;
use serde_json::{Value, json};

use crate::ids::Did;
use crate::keys::{KeyRecord, KeyState, Purpose};

/// Which of the two documents of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DidPlace {
    /// `did:web:HOST` at `/.well-known/did.json`.
    WellKnown,
    /// `did:web:HOST:identity` at `/identity/did.json`.
    Identity,
}

/// The document: passport and status keys that are not revoked may assert. Each names the other as itself.
pub fn did_document<'k>(
    issuer: &Did,
    place: DidPlace,
    keys: impl IntoIterator<Item = &'k KeyRecord>,
) -> Value {
    let (host, identity) = (issuer.to_string(), format!("{issuer}:identity"));
    let (id, other) = match place {
        DidPlace::WellKnown => (host, identity),
        DidPlace::Identity => (identity, host),
    };
    let asserts = |key: &&KeyRecord| {
        matches!(key.purpose, Purpose::Passport | Purpose::Status) && key.state() != KeyState::Revoked
    };
    let method = |key: &KeyRecord| {
        json!({
            "id": format!("{id}#{}", key.key_id),
            "type": "Multikey",
            "controller": id,
            "publicKeyMultibase": to_key_multibase(key.public_key.as_bytes()),
        })
    };
    let methods: Vec<Value> = keys.into_iter().filter(asserts).map(method).collect();
    let ids: Vec<Value> = methods.iter().filter_map(|method| method.get("id").cloned()).collect();
    json!({
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"],
        "id": id,
        "alsoKnownAs": [other],
        "verificationMethod": methods,
        "assertionMethod": ids,
    })
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::sign::SigningKey;
    use aegis_core::secret::Secret;
    use aegis_core::time::Timestamp;

    use super::*;

    /// Passport and status keys appear until revoked; other purposes never do.
    #[test]
    fn lists_keys_that_may_assert() {
        let now = Timestamp::from_seconds(100);
        let record = |seed: u8, purpose| {
            let key = SigningKey::from_seed(&Secret::new([seed; 32])).public();
            KeyRecord::activated(key, purpose, now, None)
        };
        let mut keys: Vec<KeyRecord> =
            Purpose::ALL.iter().zip(1..).map(|(purpose, seed)| record(seed, *purpose)).collect();
        let issuer = Did::parse("did:web:localhost%3A8080").unwrap();
        let document = did_document(&issuer, DidPlace::Identity, &keys);
        assert_eq!(document["id"], "did:web:localhost%3A8080:identity");
        assert_eq!(document["alsoKnownAs"][0], "did:web:localhost%3A8080");
        assert_eq!(document["assertionMethod"].as_array().unwrap().len(), 2);
        assert_eq!(
            document["verificationMethod"][0]["id"],
            format!("did:web:localhost%3A8080:identity#{}", keys[0].key_id)
        );
        keys[0].revoke(now, now).unwrap();
        let document = did_document(&issuer, DidPlace::WellKnown, &keys);
        assert_eq!(document["assertionMethod"].as_array().unwrap().len(), 1);
    }
}
