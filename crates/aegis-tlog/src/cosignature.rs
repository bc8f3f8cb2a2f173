//! Cosignatures: a witness's statement that, at a time, it saw a log at a size and root and nothing that
//! contradicts it (c2sp.org/tlog-cosignature, `cosignature/v1`, Ed25519).

use aegis_core::crypto::sign::{PublicKey, Signature, SigningKey};
use aegis_core::time::Timestamp;

use crate::note::{NameRefused, NoteSignature, SignatureType, VerifierKey};
use crate::tree::SIZE_MAX;

/// The bytes a cosigner signs: two header lines, then the checkpoint's text with its final newline.
fn message(seconds: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

/// A named private key that cosigns checkpoints (type `0x04`). It must not be used for anything else: the
/// signed message does not contain the name.
pub struct Cosigner {
    verifier: VerifierKey,
    key: SigningKey,
}

impl Cosigner {
    /// Names a private key.
    ///
    /// # Errors
    /// [`NameRefused`] for a name that cannot stand in a signature line.
    pub fn new(name: &str, key: SigningKey) -> Result<Cosigner, NameRefused> {
        let verifier = VerifierKey::new(name, SignatureType::CosignatureV1, key.public())?;
        Ok(Cosigner { verifier, key })
    }

    /// The key that checks these cosignatures.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Cosigns the text of a checkpoint as seen at `at`, in whole seconds; an instant before 1970 counts as
    /// its first second.
    ///
    /// The caller has checked consistency with all it cosigned before and has made the new size durable
    /// (see [`crate::witness`]).
    pub fn cosign(&self, text: &str, at: Timestamp) -> NoteSignature {
        let seconds = u64::try_from(at.as_seconds()).unwrap_or(0);
        let signature = self.key.sign(message(seconds, text).as_bytes());
        let mut bytes = seconds.to_be_bytes().to_vec();
        bytes.extend_from_slice(signature.as_bytes());
        NoteSignature::by(&self.verifier, bytes)
    }
}

/// The time of a cosignature of `key` over `text`, if it holds: 8 bytes of seconds, 64 of signature.
pub(crate) fn check(key: &PublicKey, text: &str, bytes: &[u8]) -> Option<Timestamp> {
    let (seconds, signature) = bytes.split_first_chunk::<8>()?;
    let seconds = u64::from_be_bytes(*seconds);
    let signature = Signature::from_bytes(*<&[u8; 64]>::try_from(signature).ok()?);
    if seconds > SIZE_MAX {
        return None;
    }
    key.verify(message(seconds, text).as_bytes(), &signature).ok()?;
    i64::try_from(seconds).ok().map(Timestamp::from_seconds)
}

#[cfg(test)]
mod tests {
    use aegis_core::crypto::digest::Digest;
    use aegis_core::secret::Secret;

    use super::*;
    use crate::checkpoint::Checkpoint;
    use crate::note::{NoteRefused, SignedNote, Verified};

    /// A cosignature names its time; any change of time, text or length breaks it.
    #[test]
    fn binds_time_and_text() {
        let cosigner =
            Cosigner::new("witness.example/w1", SigningKey::from_seed(&Secret::new([2; 32]))).unwrap();
        let at = Timestamp::from_micros(1_679_315_147_900_000);
        let text = Checkpoint::new("example.com/log", 7, Digest::ZERO).to_string();
        let note = SignedNote::new(&text, vec![cosigner.cosign(&text, at)]).unwrap();
        let keys = [cosigner.verifier().clone()];
        let verified = note.verify(&keys).unwrap();
        assert_eq!(verified, [Verified { key: &keys[0], at: Some(at.whole_second()) }]);
        assert!(
            message(1_679_315_147, &text)
                .starts_with("cosignature/v1\ntime 1679315147\nexample.com/log\n7\n")
        );

        let other = Checkpoint::new("example.com/log", 8, Digest::ZERO).to_string();
        let moved = SignedNote::new(&other, note.signatures().to_vec()).unwrap();
        assert_eq!(moved.verify(&keys), Err(NoteRefused::BadSignature("witness.example/w1".into())));
        let key = cosigner.verifier().public_key();
        let signature = cosigner.key.sign(message(5, &text).as_bytes());
        let with_time = |seconds: u64| [&seconds.to_be_bytes()[..], signature.as_bytes()].concat();
        assert_eq!(check(key, &text, &with_time(5)), Some(Timestamp::from_seconds(5)));
        assert_eq!(check(key, &text, &with_time(6)), None);
        assert_eq!(check(key, &text, signature.as_bytes()), None);
        assert_eq!(check(key, &text, &[with_time(5), vec![0]].concat()), None);
        let beyond = cosigner.key.sign(message(1 << 63, &text).as_bytes());
        let beyond = [&(1_u64 << 63).to_be_bytes()[..], beyond.as_bytes()].concat();
        assert_eq!(check(key, &text, &beyond), None, "beyond 2^63 - 1");
    }
}
