//! What a receiver checks: Standard Webhooks 1.0 signatures, symmetric (`v1`) and asymmetric (`v1a`). Values only, no IO.
//!
//! Signed is `ID.TIMESTAMP.BODY`. `v1` is HMAC-SHA-256 under the secret that the receiver was shown as `whsec_…`; `v1a`
//! is Ed25519 under a seed that never leaves this instance, for receivers who must not be able to sign themselves.

use aegis_core::crypto::mac;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::encoding::to_base64;
use aegis_core::entropy::Entropy;
use aegis_core::secret::Secret;

/// Bytes of a secret as rows keep it, sealed: the MAC key, then the Ed25519 seed.
pub const SECRET_BYTES: usize = 64;
const HALF: usize = 32;

/// What deliveries to one endpoint are signed with.
pub struct SigningSecret {
    mac: Secret<[u8; HALF]>,
    signer: SigningKey,
}

impl SigningSecret {
    /// A new secret, and its bytes to be sealed.
    pub fn generate(entropy: &mut Entropy) -> (SigningSecret, Secret<[u8; SECRET_BYTES]>) {
        let bytes = Secret::new(entropy.bytes::<SECRET_BYTES>());
        let (mac, seed) = halves(bytes.expose());
        (SigningSecret { mac, signer: SigningKey::from_seed(&seed) }, bytes)
    }

    /// The secret behind stored bytes; `None` if they are not as many as they must be.
    pub fn from_bytes(bytes: &[u8]) -> Option<SigningSecret> {
        let (mac, seed) = halves(bytes.try_into().ok()?);
        Some(SigningSecret { mac, signer: SigningKey::from_seed(&seed) })
    }

    /// The symmetric secret as its receiver keeps it: `whsec_` and base64.
    pub fn reveal(&self) -> Secret<String> {
        Secret::new(format!("whsec_{}", to_base64(self.mac.expose())))
    }

    /// The 32 bytes of the public key of `v1a`.
    pub fn public_key(&self) -> [u8; HALF] {
        *self.signer.public().as_bytes()
    }

    /// `v1,` and the MAC of a message in base64.
    fn sign(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
        format!("v1,{}", to_base64(&mac::tag(self.mac.expose(), &parts)))
    }

    /// `v1a,` and the Ed25519 signature of a message in base64.
    fn sign_asymmetric(&self, id: &str, seconds: &str, body: &[u8]) -> String {
        let message = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
        format!("v1a,{}", to_base64(self.signer.sign(&message).as_bytes()))
    }
}

/// A public key as a receiver keeps it: `whpk_` and base64.
pub fn shown_public_key(key: &[u8; HALF]) -> String {
    format!("whpk_{}", to_base64(key))
}

/// The header `webhook-signature`: one signature for each secret that is good now, separated by spaces, and with
/// `asymmetric` one more of each. Receivers skip the versions they do not know.
pub fn header(secrets: &[SigningSecret], asymmetric: bool, id: &str, seconds: i64, body: &[u8]) -> String {
    let seconds = seconds.to_string();
    let symmetric = secrets.iter().map(|secret| secret.sign(id, &seconds, body));
    let further = secrets.iter().filter(|_| asymmetric);
    let further = further.map(|secret| secret.sign_asymmetric(id, &seconds, body));
    symmetric.chain(further).collect::<Vec<_>>().join(" ")
}

fn halves(bytes: &[u8; SECRET_BYTES]) -> (Secret<[u8; HALF]>, Secret<[u8; HALF]>) {
    let (mut mac, mut seed) = ([0; HALF], [0; HALF]);
    for (to, from) in mac.iter_mut().chain(&mut seed).zip(bytes) {
        *to = *from;
    }
    (Secret::new(mac), Secret::new(seed))
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::sign::{PublicKey, Signature};
    use aegis_core::encoding::{from_base64, from_hex};
    use proptest::prelude::*;

    use super::*;

    /// The contract's known answer, and one of `v1a`, in vectors/webhook. Its `v1` secret is 24 bytes; HMAC pads keys
    /// with zeros, so 32 bytes that end in zeros are the same key.
    #[test]
    fn matches_the_known_answers() {
        let text = include_str!("../../../../vectors/webhook/v1.json");
        let vector: serde_json::Value = serde_json::from_str(text).unwrap();
        let part = |pointer: &str| vector.pointer(pointer).unwrap().as_str().unwrap();
        let mac = from_base64(part("/v1/secret").strip_prefix("whsec_").unwrap()).unwrap();
        let seed: [u8; HALF] = from_hex(part("/v1a/seed_hex")).unwrap();
        let mut bytes = [0; SECRET_BYTES];
        bytes[..mac.len()].copy_from_slice(&mac);
        bytes[HALF..].copy_from_slice(&seed);
        let secret = SigningSecret::from_bytes(&bytes).unwrap();
        assert_eq!(shown_public_key(&secret.public_key()), part("/v1a/public_key"));
        let seconds = vector["webhook_timestamp"].as_i64().unwrap();
        let signed = header(&[secret], true, part("/webhook_id"), seconds, part("/body").as_bytes());
        assert_eq!(signed, format!("{} {}", part("/v1/signature"), part("/v1a/signature")));
    }

    /// Two secrets give two signatures of each kind, and the secret shown is the one that signs.
    #[test]
    fn signs_with_each_secret() {
        let mut entropy = Entropy::from_seed([4; 32]);
        let (one, bytes) = SigningSecret::generate(&mut entropy);
        let (two, _) = SigningSecret::generate(&mut entropy);
        assert_eq!(SigningSecret::from_bytes(bytes.expose()).unwrap().public_key(), one.public_key());
        let shown = one.reveal();
        let key = from_base64(shown.expose().strip_prefix("whsec_").unwrap()).unwrap();
        assert_eq!(key, one.mac.expose());
        let signed = header(&[one, two], true, "evt_1", 5, b"{}");
        let versions: Vec<&str> = signed.split(' ').map(|part| part.split_once(',').unwrap().0).collect();
        assert_eq!(versions, ["v1", "v1", "v1a", "v1a"]);
        assert!(SigningSecret::from_bytes(&[0; 63]).is_none());
    }

    proptest! {
        /// The asymmetric signature holds for the public key that receivers are shown, and for no other message.
        #[test]
        fn asymmetric_signatures_hold(seed: [u8; 32], body in proptest::collection::vec(any::<u8>(), 0..64)) {
            let (secret, _) = SigningSecret::generate(&mut Entropy::from_seed(seed));
            let shown = shown_public_key(&secret.public_key());
            let key: [u8; 32] =
                from_base64(shown.strip_prefix("whpk_").unwrap()).unwrap().try_into().unwrap();
            let key = PublicKey::from_bytes(&key).unwrap();
            let signed = secret.sign_asymmetric("evt_1", "7", &body);
            let bytes: [u8; 64] =
                from_base64(signed.strip_prefix("v1a,").unwrap()).unwrap().try_into().unwrap();
            let signature = Signature::from_bytes(bytes);
            let message = |id: &str| [id.as_bytes(), b".7.", &body].concat();
            prop_assert!(key.verify(&message("evt_1"), &signature).is_ok());
            prop_assert!(key.verify(&message("evt_2"), &signature).is_err());
        }
    }
}
