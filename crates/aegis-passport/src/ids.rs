//! Names of passports, operators, keys and issuers.

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{KeyRefused, PublicKey};
use aegis_core::encoding::{
    from_base64, from_base64url_exact, from_key_multibase, to_base64, to_base64url, to_key_multibase,
};
use aegis_core::id::Id;

aegis_core::id_kinds! {
    /// One passport.
    PassportKind = "pp_";
    /// One challenge to prove possession of an agent key.
    ChallengeKind = "chg_";
    /// One amendment that waits for a second key.
    AmendmentKind = "amd_";
    /// One receipt of a verification.
    ReceiptKind = "rcp_";
}

/// Names a passport.
pub type PassportId = Id<PassportKind>;
/// Names a challenge.
pub type ChallengeId = Id<ChallengeKind>;
/// Names an amendment.
pub type AmendmentId = Id<AmendmentKind>;
/// Names a receipt.
pub type ReceiptId = Id<ReceiptKind>;

/// Names an operator: `^op_[a-z0-9][a-z0-9_-]{1,61}$`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OperatorId(Box<str>);

impl OperatorId {
    /// What [`OperatorId::parse`] accepts, for messages.
    pub const FORM: &'static str = "op_ and 2-62 characters a-z 0-9 _ -, the first a letter or digit";

    /// Takes a name of the right form.
    pub fn parse(text: &str) -> Option<OperatorId> {
        let name = text.strip_prefix("op_")?.as_bytes();
        let (first, rest) = name.split_first()?;
        let fits = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        let rest_fits = rest.iter().all(|b| fits(b) || matches!(b, b'_' | b'-'));
        (fits(first) && rest_fits && (1..=61).contains(&rest.len())).then(|| OperatorId(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for OperatorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Names the party that acted in a lineage entry: the id of an organization of any role, or of the instance
/// itself. 1–80 characters `a-z 0-9 _ -`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ActorId(Box<str>);

impl ActorId {
    /// Takes a name of the right form.
    pub fn parse(text: &str) -> Option<ActorId> {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        ((1..=80).contains(&text.len()) && text.bytes().all(fits)).then(|| ActorId(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An operator acts under its own id.
impl From<&OperatorId> for ActorId {
    fn from(operator: &OperatorId) -> ActorId {
        ActorId(operator.0.clone())
    }
}

/// Names a public key: its RFC 7638 thumbprint, base64url, 43 characters.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId([u8; 32]);

impl KeyId {
    /// The name of an Ed25519 key.
    pub fn of(key: &PublicKey) -> KeyId {
        KeyId::of_bytes(key.as_bytes())
    }

    /// The name of the 32-byte encoding of an Ed25519 key.
    pub fn of_bytes(key: &[u8; 32]) -> KeyId {
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, to_base64url(key));
        KeyId(*Digest::of(&[jwk.as_bytes()]).as_bytes())
    }

    /// Parses the 43 characters.
    pub fn parse(text: &str) -> Option<KeyId> {
        from_base64url_exact(text).map(KeyId)
    }

    /// The 32 bytes of the thumbprint.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_base64url(&self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The DER of an Ed25519 `SubjectPublicKeyInfo` up to the key (RFC 8410 §4).
const SPKI_PREFIX: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// An Ed25519 key as SPKI PEM, the form `openssl pkey -pubin` reads.
pub fn to_spki_pem(key: &[u8; 32]) -> String {
    let der = [SPKI_PREFIX.as_slice(), key].concat();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", to_base64(&der))
}

/// Reads [`to_spki_pem`]'s form; line breaks and surrounding space are free, everything else is exact.
pub fn from_spki_pem(text: &str) -> Option<[u8; 32]> {
    let body = text.trim().strip_prefix("-----BEGIN PUBLIC KEY-----")?;
    let body = body.strip_suffix("-----END PUBLIC KEY-----")?;
    let der = from_base64(&body.split_ascii_whitespace().collect::<String>())?;
    der.strip_prefix(&SPKI_PREFIX)?.try_into().ok()
}

/// The public key an agent proves to hold, as written in documents: `z6Mk…`. The bytes need not be a usable
/// curve point; [`AgentKey::public_key`] decides that.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AgentKey([u8; 32]);

impl AgentKey {
    /// What [`AgentKey::parse`] accepts, for messages.
    pub const FORM: &'static str = "an Ed25519 key as multibase base58btc, 48 characters z6Mk...";

    /// Takes the 32-byte encoding.
    pub const fn from_bytes(bytes: [u8; 32]) -> AgentKey {
        AgentKey(bytes)
    }

    /// Parses the multibase form.
    pub fn parse(text: &str) -> Option<AgentKey> {
        from_key_multibase(text).map(AgentKey)
    }

    /// Parses the multibase form or SPKI PEM.
    pub fn parse_any(text: &str) -> Option<AgentKey> {
        AgentKey::parse(text).or_else(|| from_spki_pem(text).map(AgentKey))
    }

    /// The key, ready to verify with.
    ///
    /// # Errors
    /// [`KeyRefused`] for a weak, non-canonical or impossible key.
    pub fn public_key(&self) -> Result<PublicKey, KeyRefused> {
        PublicKey::from_bytes(&self.0)
    }

    /// The agent's own DID, `did:key:z6Mk…`.
    pub fn did(&self) -> String {
        format!("did:key:{self}")
    }
}

impl fmt::Display for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_key_multibase(&self.0))
    }
}

impl fmt::Debug for AgentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An issuer: `did:web:HOST`, `%3A` before a port. No path: one instance is one issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Did(Box<str>);

impl Did {
    /// What [`Did::parse`] accepts, for messages.
    pub const FORM: &'static str = "did:web: and a host name, optionally %3A and a port";

    /// Takes a DID of the right form.
    pub fn parse(text: &str) -> Option<Did> {
        let place = text.strip_prefix("did:web:")?;
        let (host, port) = match place.split_once("%3A") {
            Some((host, port)) => (host, Some(port)),
            None => (place, None),
        };
        (is_host(host) && port.is_none_or(is_port)).then(|| Did(text.into()))
    }

    /// The issuer of an instance whose public origin is `origin`: `http://localhost:8080` gives
    /// `did:web:localhost%3A8080`.
    pub fn from_origin(origin: &str) -> Option<Did> {
        let place = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"))?;
        let place = place.strip_suffix('/').unwrap_or(place);
        Did::parse(&format!("did:web:{}", place.replacen(':', "%3A", 1)))
    }

    /// The DID.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Host and port as a URL writes them, `localhost:8080`.
    pub fn host(&self) -> String {
        self.0.strip_prefix("did:web:").unwrap_or(&self.0).replacen("%3A", ":", 1)
    }

    /// The DID URL of one of its keys, `did:web:HOST#KEY_ID`.
    pub fn key_url(&self, key_id: &KeyId) -> String {
        format!("{}#{key_id}", self.0)
    }
}

impl fmt::Display for Did {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_host(host: &str) -> bool {
    (1..=253).contains(&host.len())
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        })
}

fn is_port(port: &str) -> bool {
    !port.starts_with('0')
        && port.bytes().all(|b| b.is_ascii_digit())
        && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use aegis_core::encoding::from_hex;

    use super::*;

    fn test_key() -> [u8; 32] {
        from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap()
    }

    /// The contract's key id is the thumbprint of the RFC 8032 test key, and survives its text form.
    #[test]
    fn key_id_is_the_thumbprint() {
        let id = KeyId::of(&PublicKey::from_bytes(&test_key()).unwrap());
        assert_eq!(id.to_string(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(KeyId::parse(&id.to_string()), Some(id));
        assert_eq!(KeyId::parse("kPrK"), None);
    }

    /// PEM and multibase name the same key; damaged forms name none.
    #[test]
    fn agent_keys_have_two_forms() {
        let key = AgentKey::from_bytes(test_key());
        assert_eq!(AgentKey::parse_any(&key.to_string()), Some(key));
        assert_eq!(AgentKey::parse_any(&to_spki_pem(&test_key())), Some(key));
        assert_eq!(AgentKey::parse(&to_spki_pem(&test_key())), None);
        assert_eq!(AgentKey::parse_any("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"), None);
        assert!(AgentKey::from_bytes([0; 32]).public_key().is_err(), "small order");
    }

    /// Issuers follow from origins; hosts and ports are strict.
    #[test]
    fn issuers_are_hosts() {
        let issuer = Did::from_origin("http://localhost:8080").unwrap();
        assert_eq!(issuer.as_str(), "did:web:localhost%3A8080");
        assert_eq!(issuer.host(), "localhost:8080");
        assert_eq!(Did::from_origin("https://id.example.org/").unwrap().as_str(), "did:web:id.example.org");
        for bad in
            ["did:web:", "did:web:a..b", "did:web:A", "did:web:a%3A", "did:web:a%3A0", "did:web:a%3A65536"]
        {
            assert_eq!(Did::parse(bad), None, "{bad}");
        }
        for bad in ["ftp://a", "https://", "https://a/b", "https://a:1:2"] {
            assert_eq!(Did::from_origin(bad), None, "{bad}");
        }
    }

    /// Operator names: the contract's example and each way to miss the pattern.
    #[test]
    fn operators_match_their_pattern() {
        assert!(OperatorId::parse("op_acme_corp").is_some());
        assert!(OperatorId::parse("op_a1").is_some());
        for bad in ["op_", "op_a", "op__a", "op_-a", "op_A1", "acme", &format!("op_{}", "a".repeat(63))] {
            assert_eq!(OperatorId::parse(bad), None, "{bad}");
        }
    }
}
