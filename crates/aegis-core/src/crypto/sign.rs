//! Ed25519 (RFC 8032), strictly: the only signing and the only verifying function of the tree.
//!
//! *Strict* means: canonical `S`, canonical `A` and `R`, no small-order `A` or `R`, the equation without the
//! cofactor, one signature at a time. [`PublicKey::from_bytes`] refuses weak and non-canonical keys once, so
//! a verification needs only the plain equation and a list of small-order `R`: it computes the encoding that
//! `R` must have and compares bytes, which excludes every non-canonical `R` by itself.
//! A differential test holds this against two independent implementations.

use std::fmt;

use curve25519_dalek::edwards::{EdwardsBasepointTable, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use curve25519_dalek::traits::BasepointTable as _;
use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha512};

use crate::encoding::{from_base64url_exact, to_base64url};
use crate::secret::Secret;

/// A private key, wiped when dropped. Signing is deterministic.
#[derive(Clone)]
pub struct SigningKey(ed25519_dalek::SigningKey);

impl SigningKey {
    /// Derives the key pair of a 32-byte seed (the private key of RFC 8032 §5.1.5).
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> SigningKey {
        SigningKey(ed25519_dalek::SigningKey::from_bytes(seed.expose()))
    }

    /// The matching public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Signs `message`.
    pub fn sign(&self, message: &[u8]) -> Signature {
        Signature(self.0.sign(message).to_bytes())
    }
}

/// A public key that is canonical and not of small order.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(ed25519_dalek::VerifyingKey);

/// The 32 bytes are no point, a non-canonical encoding, or a point of small order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a usable Ed25519 public key: no curve point, not canonical, or of small order")]
pub struct KeyRefused;

/// The signature does not hold for this key and message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the Ed25519 signature does not hold")]
pub struct SignatureRefused;

impl PublicKey {
    /// Accepts a canonical encoding of a point that is not of small order.
    ///
    /// # Errors
    /// [`KeyRefused`] otherwise.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<PublicKey, KeyRefused> {
        let key = ed25519_dalek::VerifyingKey::from_bytes(bytes).map_err(|_| KeyRefused)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if canonical && !key.is_weak() { Ok(PublicKey(key)) } else { Err(KeyRefused) }
    }

    /// The 32-byte encoding (RFC 8032 §5.1.2).
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// The RFC 7638 thumbprint of this key as an OKP JWK (RFC 8037): 43 characters base64url.
    pub fn thumbprint(&self) -> String {
        // The members stand in the lexicographic order that RFC 7638 §3.2 asks for.
        let jwk = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, to_base64url(self.as_bytes()));
        to_base64url(crate::crypto::digest::Digest::of(&[jwk.as_bytes()]).as_bytes())
    }

    /// Checks `signature` over `message`, strictly (see the module's description).
    ///
    /// # Errors
    /// [`SignatureRefused`] for every signature that RFC 8032 or strictness refuses.
    pub fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureRefused> {
        let negated = -self.0.to_edwards();
        check_equation(self, &[message], signature, |k, s| {
            EdwardsPoint::vartime_double_scalar_mul_basepoint(k, &negated, s)
        })
    }
}

/// A public key together with a table of its multiples (30 KiB): verifies in four fifths of the time of
/// [`PublicKey::verify`], with the same verdicts. For keys known in advance, such as an issuer's own.
pub struct PreparedKey {
    key: PublicKey,
    negated: EdwardsBasepointTable,
}

impl PreparedKey {
    /// Computes the table, which takes about as long as three verifications.
    pub fn new(key: PublicKey) -> PreparedKey {
        PreparedKey { key, negated: EdwardsBasepointTable::create(&-key.0.to_edwards()) }
    }

    /// The key itself.
    pub fn public(&self) -> &PublicKey {
        &self.key
    }

    /// Checks `signature` over the concatenation of `parts`, strictly (see the module's description).
    ///
    /// # Errors
    /// [`SignatureRefused`] for every signature that RFC 8032 or strictness refuses.
    pub fn verify(&self, parts: &[&[u8]], signature: &Signature) -> Result<(), SignatureRefused> {
        check_equation(&self.key, parts, signature, |k, s| {
            self.negated.mul_base(k) + EdwardsPoint::mul_base(s)
        })
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.key, f)
    }
}

/// The one verification of the tree (RFC 8032 §5.1.7, strict). `combine` computes `[S]B − [k]A` from `k` and
/// `S`, by whatever means is fastest for the key at hand.
fn check_equation(
    key: &PublicKey,
    parts: &[&[u8]],
    signature: &Signature,
    combine: impl FnOnce(&Scalar, &Scalar) -> EdwardsPoint,
) -> Result<(), SignatureRefused> {
    let (r, s) = signature.halves();
    if SMALL_ORDER.contains(r) {
        return Err(SignatureRefused);
    }
    let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s)).ok_or(SignatureRefused)?;
    let mut hash = Sha512::new();
    hash.update(r);
    hash.update(key.as_bytes());
    for part in parts {
        hash.update(part);
    }
    let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    if combine(&k, &s).compress().as_bytes() == r { Ok(()) } else { Err(SignatureRefused) }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", crate::encoding::to_hex(self.as_bytes()))
    }
}

/// A 64-byte signature, `R ‖ S`. Holding one says nothing about its validity.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the 64 bytes as they are.
    pub const fn from_bytes(bytes: [u8; 64]) -> Signature {
        Signature(bytes)
    }

    /// The 64 bytes.
    pub const fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// `R` and `S`.
    fn halves(&self) -> (&[u8; 32], &[u8; 32]) {
        let ([r, s], _) = self.0.as_chunks::<32>() else { unreachable!() };
        (r, s)
    }

    /// Parses the `ed25519:` + 86 characters base64url form of documents.
    pub fn parse(text: &str) -> Option<Signature> {
        from_base64url_exact(text.strip_prefix("ed25519:")?).map(Signature)
    }
}

/// Writes the `ed25519:` + 86 characters base64url form of documents.
impl fmt::Display for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ed25519:{}", to_base64url(&self.0))
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The canonical encodings of the eight points whose order divides the cofactor.
#[rustfmt::skip]
const SMALL_ORDER: [[u8; 32]; 8] = small_order_encodings();

const fn small_order_encodings() -> [[u8; 32]; 8] {
    // y of the points of order 8, and p - y; the sign bit of x doubles each of them.
    const ORDER_EIGHT: [u8; 32] = [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0, 0xd5,
        0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05,
    ];
    const ORDER_EIGHT_NEGATED: [u8; 32] = [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f, 0x2a,
        0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a,
    ];
    let mut identity = [0; 32];
    identity[0] = 1;
    let mut order_two = [0xff; 32];
    order_two[0] = 0xec;
    order_two[31] = 0x7f;
    let order_four = [0; 32];
    [
        identity,
        order_two,
        order_four,
        with_sign(order_four),
        ORDER_EIGHT,
        with_sign(ORDER_EIGHT),
        ORDER_EIGHT_NEGATED,
        with_sign(ORDER_EIGHT_NEGATED),
    ]
}

const fn with_sign(mut encoding: [u8; 32]) -> [u8; 32] {
    encoding[31] |= 0x80;
    encoding
}

/// The arithmetic backend chosen for this processor, for the start-up line and the self-test.
pub fn backend() -> &'static str {
    if cfg!(curve25519_dalek_backend = "avx512") { detected() } else { "default" }
}

#[cfg(target_arch = "x86_64")]
fn detected() -> &'static str {
    if std::arch::is_x86_feature_detected!("avx512ifma") && std::arch::is_x86_feature_detected!("avx512vl") {
        "avx512"
    } else if std::arch::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "serial"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn detected() -> &'static str {
    "serial"
}

/// Signs and verifies RFC 8032 §7.1 test 2 and refuses an altered message: run at start, so that a broken
/// arithmetic backend is found before the first passport.
///
/// # Errors
/// [`SignatureRefused`] when this machine computes wrongly.
pub fn self_test() -> Result<(), SignatureRefused> {
    let seed = crate::encoding::from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
        .ok_or(SignatureRefused)?;
    let expected: [u8; 64] = crate::encoding::from_hex(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
         085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    )
    .ok_or(SignatureRefused)?;
    let key = SigningKey::from_seed(&Secret::new(seed));
    let signature = key.sign(&[0x72]);
    let good = signature.as_bytes() == &expected && key.public().verify(&[0x72], &signature).is_ok();
    let bad = key.public().verify(&[0x73], &signature).is_ok();
    if good && !bad { Ok(()) } else { Err(SignatureRefused) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The self-test passes here, and RFC 8037 appendix A.3 gives the thumbprint of RFC 8032 test 1.
    #[test]
    fn self_test_and_thumbprint() {
        self_test().unwrap();
        let bytes =
            crate::encoding::from_hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        let key = PublicKey::from_bytes(&bytes.unwrap()).unwrap();
        assert_eq!(key.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }

    /// Every small-order encoding in the list is refused as a key, so the list holds what it says.
    #[test]
    fn small_order_keys_are_refused() {
        for encoding in SMALL_ORDER {
            assert_eq!(PublicKey::from_bytes(&encoding), Err(KeyRefused));
        }
    }
}
