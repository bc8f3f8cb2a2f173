//! Signed notes: text with signature lines, and the keys that check them (c2sp.org/signed-note).
//!
//! A note's text means nothing until [`SignedNote::verify`] has named who signed it. Signatures of keys the
//! reader does not know are carried along and ignored, which is what lets keys rotate and witnesses join.

use std::fmt;

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::{PublicKey, Signature, SigningKey};
use aegis_core::encoding::{from_base64, from_hex, to_base64, to_hex};
use aegis_core::time::Timestamp;

use crate::cosignature;

/// Largest note that is read: 64 signature lines, post-quantum ones among them, fit.
pub const NOTE_BYTES_MAX: usize = 512 << 10;
/// Most signature lines of a note that is read; the specification asks for at least 16.
pub const SIGNATURES_MAX: usize = 64;
/// Longest key name, in bytes.
pub const NAME_BYTES_MAX: usize = 255;

/// Whether `name` may name a key: not empty, no Unicode space, no control character below U+0020, no plus.
pub fn is_key_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c < ' ' || c == '+';
    !name.is_empty() && name.len() <= NAME_BYTES_MAX && !name.contains(forbidden)
}

/// The text cannot name a key (see [`is_key_name`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key name is 1 to 255 bytes without white space, control characters and plus")]
pub struct NameRefused;

/// What a key signs, and its assigned identifier byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// Ed25519 over the note text: `0x01`.
    Ed25519,
    /// Timestamped Ed25519 cosignature of a checkpoint, `cosignature/v1`: `0x04`.
    CosignatureV1,
}

impl SignatureType {
    /// The assigned byte.
    pub const fn byte(self) -> u8 {
        match self {
            SignatureType::Ed25519 => 0x01,
            SignatureType::CosignatureV1 => 0x04,
        }
    }

    fn from_byte(byte: u8) -> Option<SignatureType> {
        [SignatureType::Ed25519, SignatureType::CosignatureV1].into_iter().find(|kind| kind.byte() == byte)
    }
}

/// The first four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ public key): a label, not a fingerprint.
pub fn key_id(name: &str, kind: SignatureType, key: &PublicKey) -> u32 {
    let digest = Digest::of(&[name.as_bytes(), &[b'\n', kind.byte()], key.as_bytes()]);
    let [a, b, c, d, ..] = *digest.as_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// A key that checks signatures, with the name and id under which they appear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: u32,
    kind: SignatureType,
    key: PublicKey,
}

/// Why a text is no usable verifier key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyRefused {
    /// Not `name+8 hex digits+base64`, or no acceptable name.
    #[error("a verifier key is name+hash+key, with 8 lower-case hex digits and base64")]
    Syntax,
    /// The signature type is none of [`SignatureType`].
    #[error("the signature type {0:#04x} is not supported")]
    Type(u8),
    /// The key is not 32 bytes of a usable Ed25519 public key.
    #[error("no usable Ed25519 public key")]
    Key,
    /// The id is not the one that name, type and key give.
    #[error("the key id does not belong to this name and key")]
    Id,
}

impl VerifierKey {
    /// Names a public key.
    ///
    /// # Errors
    /// [`NameRefused`] for a name that cannot stand in a signature line.
    pub fn new(name: &str, kind: SignatureType, key: PublicKey) -> Result<VerifierKey, NameRefused> {
        let id = key_id(name, kind, &key);
        if is_key_name(name) {
            Ok(VerifierKey { name: name.to_owned(), id, kind, key })
        } else {
            Err(NameRefused)
        }
    }

    /// Parses `name+hash+key` (a *vkey*); exactly what `Display` writes.
    ///
    /// # Errors
    /// [`VerifierKeyRefused`] with the part that is wrong.
    pub fn parse(text: &str) -> Result<VerifierKey, VerifierKeyRefused> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierKeyRefused::Syntax);
        };
        let id = from_hex(id).map(u32::from_be_bytes).ok_or(VerifierKeyRefused::Syntax)?;
        let encoded = from_base64(key).ok_or(VerifierKeyRefused::Syntax)?;
        let (kind, key) = encoded.split_first().ok_or(VerifierKeyRefused::Syntax)?;
        let kind = SignatureType::from_byte(*kind).ok_or(VerifierKeyRefused::Type(*kind))?;
        let key = <&[u8; 32]>::try_from(key).map_err(|_| VerifierKeyRefused::Key)?;
        let key = PublicKey::from_bytes(key).map_err(|_| VerifierKeyRefused::Key)?;
        let verifier = VerifierKey::new(name, kind, key).map_err(|NameRefused| VerifierKeyRefused::Syntax)?;
        if verifier.id == id { Ok(verifier) } else { Err(VerifierKeyRefused::Id) }
    }

    /// The key's name; a log's is its origin.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key id of its signature lines.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// What it signs.
    pub const fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The public key itself.
    pub const fn public_key(&self) -> &PublicKey {
        &self.key
    }

    /// Checks one signature of this key over `text`.
    fn check<'k>(&'k self, text: &str, signature: &[u8]) -> Option<Verified<'k>> {
        let at = match self.kind {
            SignatureType::Ed25519 => {
                let signature = Signature::from_bytes(*<&[u8; 64]>::try_from(signature).ok()?);
                self.key.verify(text.as_bytes(), &signature).ok()?;
                None
            }
            SignatureType::CosignatureV1 => Some(cosignature::check(&self.key, text, signature)?),
        };
        Some(Verified { key: self, at })
    }
}

/// Writes the `name+hash+key` form.
impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind.byte()];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, to_hex(&self.id.to_be_bytes()), to_base64(&key))
    }
}

/// A named private key that signs note texts (type `0x01`).
pub struct NoteSigner {
    verifier: VerifierKey,
    key: SigningKey,
}

impl NoteSigner {
    /// Names a private key.
    ///
    /// # Errors
    /// [`NameRefused`] for a name that cannot stand in a signature line.
    pub fn new(name: &str, key: SigningKey) -> Result<NoteSigner, NameRefused> {
        let verifier = VerifierKey::new(name, SignatureType::Ed25519, key.public())?;
        Ok(NoteSigner { verifier, key })
    }

    /// The key that checks these signatures.
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    /// Signs `text`, which ends with a newline.
    pub fn sign(&self, text: &str) -> NoteSignature {
        let signature = self.key.sign(text.as_bytes());
        NoteSignature::by(&self.verifier, signature.as_bytes().to_vec())
    }
}

/// One signature line: who, and the bytes after the key id. Holding one says nothing about its validity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    name: String,
    id: u32,
    bytes: Vec<u8>,
}

impl NoteSignature {
    pub(crate) fn by(key: &VerifierKey, bytes: Vec<u8>) -> NoteSignature {
        NoteSignature { name: key.name.clone(), id: key.id, bytes }
    }

    /// Parses one line without its newline: em dash, space, name, space, base64.
    pub fn parse(line: &str) -> Option<NoteSignature> {
        let (name, signature) = line.strip_prefix("— ")?.split_once(' ')?;
        let decoded = from_base64(signature)?;
        let (id, bytes) = decoded.split_first_chunk::<4>()?;
        let complete = is_key_name(name) && !bytes.is_empty();
        complete.then(|| NoteSignature {
            name: name.to_owned(),
            id: u32::from_be_bytes(*id),
            bytes: bytes.to_vec(),
        })
    }

    /// Name of the key.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Id of the key.
    pub const fn id(&self) -> u32 {
        self.id
    }

    /// Whether it claims to be of `key`.
    pub fn is_by(&self, key: &VerifierKey) -> bool {
        self.id == key.id && self.name == key.name
    }
}

/// Writes the line, without a newline.
impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.id.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.bytes);
        write!(f, "— {} {}", self.name, to_base64(&bytes))
    }
}

/// Why bytes are no signed note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoteMalformed {
    /// Beyond [`NOTE_BYTES_MAX`] or [`SIGNATURES_MAX`].
    #[error("the note is too large or has too many signatures")]
    TooLarge,
    /// Not UTF-8, or a control character other than newline.
    #[error("the note is not UTF-8 or has control characters")]
    Characters,
    /// No blank line between text and signatures, no signature, or no final newline.
    #[error("the note lacks its blank line, signatures or final newline")]
    Structure,
    /// A line after the blank line is no signature line.
    #[error("a signature line is malformed")]
    SignatureLine,
}

/// Why a note is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteRefused {
    /// A signature that claims to be of a known key does not hold.
    #[error("the signature of {0} does not hold")]
    BadSignature(String),
    /// No signature is of a known key.
    #[error("no signature of a known key")]
    Unsigned,
}

/// A signature that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified<'k> {
    /// The key that signed.
    pub key: &'k VerifierKey,
    /// When, for a cosignature.
    pub at: Option<Timestamp>,
}

/// A text and its signature lines, not yet believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl SignedNote {
    /// Joins a text and its signatures. Both must be as [`SignedNote::parse`] would take them.
    ///
    /// # Errors
    /// [`NoteMalformed`] as [`SignedNote::parse`].
    pub fn new(text: &str, signatures: Vec<NoteSignature>) -> Result<SignedNote, NoteMalformed> {
        let note = SignedNote { text: text.to_owned(), signatures };
        if SignedNote::parse(note.to_string().as_bytes())? == note {
            Ok(note)
        } else {
            Err(NoteMalformed::Structure)
        }
    }

    /// Reads a note; exactly what `Display` writes.
    ///
    /// # Errors
    /// [`NoteMalformed`] with the rule that is broken.
    pub fn parse(note: &[u8]) -> Result<SignedNote, NoteMalformed> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(NoteMalformed::TooLarge);
        }
        let note = std::str::from_utf8(note).map_err(|_| NoteMalformed::Characters)?;
        if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
            return Err(NoteMalformed::Characters);
        }
        // The last empty line separates; the text keeps the newline before it.
        let blank = note.rfind("\n\n").ok_or(NoteMalformed::Structure)?;
        let (text, rest) = note.split_at_checked(blank + 1).ok_or(NoteMalformed::Structure)?;
        let lines = rest.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
        let lines = lines.ok_or(NoteMalformed::Structure)?;
        if lines.split('\n').nth(SIGNATURES_MAX).is_some() {
            return Err(NoteMalformed::TooLarge);
        }
        let signatures: Option<Vec<_>> = lines.split('\n').map(NoteSignature::parse).collect();
        let signatures = signatures.ok_or(NoteMalformed::SignatureLine)?;
        Ok(SignedNote { text: text.to_owned(), signatures })
    }

    /// The text with its final newline. Not to be acted upon before [`SignedNote::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signature lines in order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Adds a signature line, such as a witness's answer; one that is already there is not repeated.
    ///
    /// # Errors
    /// [`NoteMalformed::TooLarge`] beyond [`SIGNATURES_MAX`]; nothing changed.
    pub fn add(&mut self, signature: NoteSignature) -> Result<(), NoteMalformed> {
        if self.signatures.contains(&signature) {
            return Ok(());
        }
        if self.signatures.len() >= SIGNATURES_MAX {
            return Err(NoteMalformed::TooLarge);
        }
        self.signatures.push(signature);
        Ok(())
    }

    /// The signatures of `keys`, each of which holds; unknown ones are ignored. May be none.
    ///
    /// # Errors
    /// [`NoteRefused::BadSignature`] if a line with name and id of a known key does not hold.
    pub fn signatures_of<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteRefused> {
        let mut verified = Vec::new();
        for signature in &self.signatures {
            for key in keys.iter().filter(|key| signature.is_by(key)) {
                let holds = key.check(&self.text, &signature.bytes);
                verified.push(holds.ok_or_else(|| NoteRefused::BadSignature(key.name.clone()))?);
            }
        }
        Ok(verified)
    }

    /// As [`SignedNote::signatures_of`], and there is at least one: from here on the text may be believed.
    ///
    /// # Errors
    /// [`NoteRefused::BadSignature`] as there; [`NoteRefused::Unsigned`] if no line is of a known key.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<Vec<Verified<'k>>, NoteRefused> {
        let verified = self.signatures_of(keys)?;
        if verified.is_empty() { Err(NoteRefused::Unsigned) } else { Ok(verified) }
    }
}

/// Writes the whole note.
impl fmt::Display for SignedNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures.iter().try_for_each(|signature| writeln!(f, "{signature}"))
    }
}

#[cfg(test)]
mod tests {
    use aegis_core::secret::Secret;
    use proptest::prelude::*;

    use super::*;

    fn signer(name: &str, seed: u8) -> NoteSigner {
        NoteSigner::new(name, SigningKey::from_seed(&Secret::new([seed; 32]))).unwrap()
    }

    fn note() -> (NoteSigner, SignedNote) {
        let signer = signer("example.com/foo", 1);
        let text = "first\n\nthird — line\n";
        let note = SignedNote::new(text, vec![signer.sign(text)]).unwrap();
        (signer, note)
    }

    /// A note survives writing and reading and names its signer; unknown keys, also with the same name, are
    /// ignored, and a known key's broken signature refuses the note.
    #[test]
    fn verifies() {
        let (signer, note) = note();
        assert_eq!(SignedNote::parse(note.to_string().as_bytes()), Ok(note.clone()));
        let known = [signer.verifier().clone()];
        assert_eq!(note.verify(&known).unwrap(), [Verified { key: &known[0], at: None }]);
        let strangers =
            [super::tests::signer("example.com/foo", 2), super::tests::signer("example.com/bar", 1)];
        for stranger in strangers {
            assert_eq!(note.verify(&[stranger.verifier().clone()]), Err(NoteRefused::Unsigned));
            let mut more = note.clone();
            more.add(stranger.sign("another text\n")).unwrap();
            assert_eq!(more.verify(&known).unwrap().len(), 1, "an unknown signature is not looked at");
            assert_eq!(
                more.verify(&[known[0].clone(), stranger.verifier().clone()]),
                Err(NoteRefused::BadSignature(stranger.verifier().name().to_owned()))
            );
        }
        let mut same = note.clone();
        same.add(note.signatures()[0].clone()).unwrap();
        assert_eq!(same, note);
    }

    /// The same key in another role has another id, and its signature does not count there.
    #[test]
    fn types_are_separate() {
        let (signer, note) = note();
        let key = *signer.verifier().public_key();
        let witness = VerifierKey::new("example.com/foo", SignatureType::CosignatureV1, key).unwrap();
        assert_ne!(witness.id(), signer.verifier().id());
        assert_eq!(note.verify(&[witness]), Err(NoteRefused::Unsigned));
    }

    /// Every broken rule of the format is refused under its name.
    #[test]
    fn reads_strictly() {
        let good = note().1.to_string();
        let malformed = |text: &str| SignedNote::parse(text.as_bytes()).unwrap_err();
        for (text, why) in [
            (good.replace("first", "fi\trst"), NoteMalformed::Characters),
            (good.replace('\n', "\r\n"), NoteMalformed::Characters),
            (good.trim_end().to_owned(), NoteMalformed::Structure),
            (good.replace("\n\n", "\n"), NoteMalformed::Structure),
            (format!("{good}\n"), NoteMalformed::Structure),
            ("text\n\n".to_owned(), NoteMalformed::Structure),
            (String::new(), NoteMalformed::Structure),
            (good.replace("— example", "-- example"), NoteMalformed::SignatureLine),
            (good.replace("— example", "—  example"), NoteMalformed::SignatureLine),
            (good.replace("/foo ", "+foo "), NoteMalformed::SignatureLine),
            (good.replace("/foo ", "/foo\u{2003} "), NoteMalformed::SignatureLine),
            (good.replace("=\n", "\n"), NoteMalformed::SignatureLine),
            (format!("{good}trailer\n"), NoteMalformed::SignatureLine),
            ("text\n\n— a AAAAAA==\n".to_owned(), NoteMalformed::SignatureLine),
            (format!("text\n\n{}", "— a AAAAAAA=\n".repeat(65)), NoteMalformed::TooLarge),
            (format!("{}\n{good}", "x".repeat(NOTE_BYTES_MAX)), NoteMalformed::TooLarge),
        ] {
            assert_eq!(malformed(&text), why, "{text:?}");
        }
        assert_eq!(SignedNote::parse(b"\xff\n\n"), Err(NoteMalformed::Characters));
        let many = format!("text\n\n{}", "— a AAAAAAA=\n".repeat(64));
        let mut many = SignedNote::parse(many.as_bytes()).unwrap();
        assert_eq!(many.add(note().1.signatures()[0].clone()), Err(NoteMalformed::TooLarge));
        assert_eq!(SignedNote::new("a\n", vec![]), Err(NoteMalformed::Structure));
        assert!(SignedNote::new("a", many.signatures().to_vec()).is_err());
    }

    /// A verifier key has one spelling and every wrong part is named.
    #[test]
    fn verifier_keys_are_strict() {
        let key = signer("example.com/foo", 1).verifier().clone();
        let text = key.to_string();
        assert_eq!(VerifierKey::parse(&text), Ok(key.clone()));
        let id = to_hex(&key.id().to_be_bytes());
        for (bad, why) in [
            (String::new(), VerifierKeyRefused::Syntax),
            (text.replace('+', "-"), VerifierKeyRefused::Syntax),
            (text.replace(&id, &id[1..]), VerifierKeyRefused::Syntax),
            (text.replace("example.com/foo", ""), VerifierKeyRefused::Syntax),
            (text.replace("example.com/foo", "example .com/foo"), VerifierKeyRefused::Syntax),
            (format!("{text}\n"), VerifierKeyRefused::Syntax),
            (text.replace(&id, "00000000"), VerifierKeyRefused::Id),
            (text.replace("foo", "bar"), VerifierKeyRefused::Id),
            (format!("a+00000000+{}", to_base64(&[6; 33])), VerifierKeyRefused::Type(6)),
            (format!("a+00000000+{}", to_base64(&[1; 32])), VerifierKeyRefused::Key),
            (format!("a+00000000+{}", to_base64(&[1; 34])), VerifierKeyRefused::Key),
            (format!("a+00000000+{}", to_base64(&[&[1][..], &[0; 32]].concat())), VerifierKeyRefused::Key),
        ] {
            assert_eq!(VerifierKey::parse(&bad), Err(why), "{bad:?}");
        }
        for name in ["", "a b", "a+b", "a\u{a0}b", "a\nb", &"x".repeat(256)] {
            assert!(!is_key_name(name), "{name:?}");
        }
    }

    proptest! {
        /// Whatever is read is written back the same; nothing panics.
        #[test]
        fn parsing_is_total(text in "[a\n— +=A]{0,40}|\\PC{0,40}", noise in prop::collection::vec(any::<u8>(), 0..80)) {
            for bytes in [text.as_bytes(), &noise] {
                if let Ok(note) = SignedNote::parse(bytes) {
                    prop_assert_eq!(note.to_string().into_bytes(), bytes);
                }
                if let Ok(text) = std::str::from_utf8(bytes) {
                    prop_assert!(VerifierKey::parse(text).is_err());
                    let line = NoteSignature::parse(text);
                    prop_assert!(line.is_none_or(|line| line.to_string() == text));
                }
            }
        }

        /// One altered byte anywhere: the note is unreadable, or unsigned, or its signature does not hold.
        #[test]
        fn altered_notes_fail(at: prop::sample::Index, bit in 0_u8..8) {
            let (signer, note) = note();
            let mut bytes = note.to_string().into_bytes();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            let verified = SignedNote::parse(&bytes).is_ok_and(|note| {
                note.verify(std::slice::from_ref(signer.verifier())).is_ok()
            });
            prop_assert!(!verified);
        }
    }
}
