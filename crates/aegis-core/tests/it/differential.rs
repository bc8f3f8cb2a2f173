//! Our verify function against two independent ones, on forged and damaged signatures.
//!
//! Claims: (1) `ed25519_dalek`'s `verify_strict` gives the same verdict as ours on every case; (2) what we accept,
//! aws-lc accepts; (3) what aws-lc accepts and we refuse has a small-order key or a small-order R, which
//! aws-lc does not look for. Nothing else may differ.

use aegis_core::crypto::sign::SigningKey;
use aegis_core::entropy::Entropy;
use aegis_core::secret::Secret;

use crate::signatures::{ours, published};

/// Canonical and non-canonical encodings of small-order points (sign bit clear and set), then non-canonical
/// encodings of other field elements: y = p + 2 … p + 18.
fn special_points() -> Vec<[u8; 32]> {
    let p_plus = |n: u8| {
        let mut encoding = [0xff; 32];
        encoding[0] = 0xed + n;
        encoding[31] = 0x7f;
        encoding
    };
    let mut small = vec![[0; 32], [0; 32]];
    small[1][0] = 1;
    let mut minus_one = [0xff; 32];
    (minus_one[0], minus_one[31]) = (0xec, 0x7f);
    small.push(minus_one);
    for hex in [
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    ] {
        small.push(aegis_core::encoding::from_hex(hex).unwrap());
    }
    small.extend((0..=18).map(p_plus));
    let mut signed = small.clone();
    for encoding in &mut signed {
        encoding[31] |= 0x80;
    }
    small.extend(signed);
    small
}

/// The order L of the base point, little-endian.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// Adds L to a 32-byte little-endian number, dropping what overflows.
fn plus_order(number: &mut [u8]) {
    let mut carry = 0_u16;
    for (byte, order) in number.iter_mut().zip(L) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
}

struct Forgery {
    key: [u8; 32],
    message: Vec<u8>,
    signature: [u8; 64],
}

struct Forger {
    entropy: Entropy,
    special: Vec<[u8; 32]>,
    known: Vec<Forgery>,
}

impl Forger {
    fn pick(&mut self, count: usize) -> usize {
        usize::try_from(self.entropy.below(count.try_into().unwrap())).unwrap()
    }

    fn special(&mut self) -> [u8; 32] {
        let index = self.pick(self.special.len());
        self.special[index]
    }

    /// One of the first five special points or its negative.
    fn small(&mut self) -> [u8; 32] {
        let (index, negative) = (self.pick(5), self.pick(2));
        self.special[index + negative * self.special.len() / 2]
    }

    /// A genuine signature of a fresh key, or a published case.
    fn start(&mut self) -> Forgery {
        if self.pick(4) == 0 {
            let index = self.pick(self.known.len());
            let known = &self.known[index];
            return Forgery { key: known.key, message: known.message.clone(), signature: known.signature };
        }
        let key = SigningKey::from_seed(&Secret::new(self.entropy.bytes()));
        let length = self.pick(48);
        let message = self.entropy.bytes::<48>()[..length].to_vec();
        Forgery { key: *key.public().as_bytes(), signature: *key.sign(&message).as_bytes(), message }
    }

    /// One case; about one in eleven is left genuine.
    fn next(&mut self) -> Forgery {
        let mut case = self.start();
        match self.pick(11) {
            0 => {}
            1 => flip(&mut case.signature[..32], self.pick(256)),
            2 => flip(&mut case.signature[32..], self.pick(256)),
            3 => flip(&mut case.key, self.pick(256)),
            4 if !case.message.is_empty() => {
                let bit = self.pick(case.message.len() * 8);
                flip(&mut case.message, bit);
            }
            4 => case.message.push(0),
            5 => plus_order(&mut case.signature[32..]),
            6 => case.signature[..32].copy_from_slice(&self.special()),
            7 => case.key = self.special(),
            8 => {
                // With S = 0 the equation is R = -kA: among eight points that holds for one in eight.
                case.key = self.small();
                case.signature = [0; 64];
                case.signature[..32].copy_from_slice(&self.small());
            }
            9 => {
                case.key = self.special();
                case.signature[..32].copy_from_slice(&self.special());
            }
            _ => case.signature = self.entropy.bytes(),
        }
        case
    }
}

fn flip(bytes: &mut [u8], bit: usize) {
    bytes[bit / 8] ^= 1 << (bit % 8);
}

#[expect(clippy::disallowed_methods, reason = "the independent implementation this test compares with")]
fn dalek_strict(case: &Forgery) -> bool {
    let signature = ed25519_dalek::Signature::from_bytes(&case.signature);
    ed25519_dalek::VerifyingKey::from_bytes(&case.key)
        .is_ok_and(|key| key.verify_strict(&case.message, &signature).is_ok())
}

fn aws_lc(case: &Forgery) -> bool {
    aws_lc_rs::signature::UnparsedPublicKey::new(&aws_lc_rs::signature::ED25519, case.key)
        .verify(&case.message, &case.signature)
        .is_ok()
}

/// Whether a 32-byte string decodes to a point of small order.
fn is_small_order(encoding: &[u8]) -> bool {
    let encoding: [u8; 32] = encoding.try_into().unwrap();
    ed25519_dalek::VerifyingKey::from_bytes(&encoding).is_ok_and(|point| point.is_weak())
}

#[expect(
    clippy::disallowed_methods,
    reason = "the number of cases is the tester's choice, not configuration"
)]
fn cases_wanted() -> u64 {
    std::env::var("AEGIS_DIFFERENTIAL").ok().map_or(20_000, |count| count.parse().unwrap())
}

/// The three claims of this module, over 20,000 cases (`AEGIS_DIFFERENTIAL=2000000` for more).
#[test]
fn three_verifiers_agree() {
    let published = published().into_iter().filter_map(|case| {
        let signature = case.signature.try_into().ok()?;
        Some(Forgery { key: case.key, message: case.message, signature })
    });
    let mut forger = Forger {
        entropy: Entropy::from_seed([0xd1; 32]),
        special: special_points(),
        known: published.collect(),
    };
    let (mut accepted, mut lenient) = (0_u64, 0_u64);
    for number in 0..cases_wanted() {
        let case = forger.next();
        let verdict = ours(&case.key, &case.message, &case.signature);
        let place = format!("case {number}: key {:02x?} signature {:02x?}", case.key, case.signature);
        assert_eq!(verdict, dalek_strict(&case), "verify_strict differs, {place}");
        match (verdict, aws_lc(&case)) {
            (true, false) => panic!("aws-lc refuses what we accept, {place}"),
            (false, true) => {
                let small = is_small_order(&case.key) || is_small_order(&case.signature[..32]);
                assert!(small, "aws-lc accepts what we refuse, {place}");
                lenient += 1;
            }
            (true, true) => accepted += 1,
            (false, false) => {}
        }
    }
    // Both sides of each claim must occur, else the test shows nothing.
    assert!(accepted > cases_wanted() / 50, "{accepted} accepted");
    assert!(lenient > cases_wanted() / 500, "{lenient} small-order differences");
    println!(
        "{} cases: {accepted} accepted by all three, {lenient} by aws-lc alone, all of small order",
        cases_wanted()
    );
}
