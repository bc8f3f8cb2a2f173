//! Seeded randomness: the only source of ids, salts, nonces and one-time codes.

use rand_chacha::ChaCha20Rng;
use rand_core::{Rng as _, SeedableRng as _};

use crate::time::Timestamp;

/// A `ChaCha20` stream. The same seed gives the same bytes, so a whole test run can be repeated.
pub struct Entropy(ChaCha20Rng);

impl Entropy {
    /// Starts the stream of a seed. In production the seed comes from the operating system.
    pub fn from_seed(seed: [u8; 32]) -> Entropy {
        Entropy(ChaCha20Rng::from_seed(seed))
    }

    /// The next `N` bytes.
    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// A uniform number in `0..bound`, by rejection (no modulo bias). Zero when `bound` is zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        let zone = u64::MAX - (u64::MAX % bound.max(1));
        loop {
            let candidate = self.0.next_u64();
            if candidate < zone {
                return candidate.checked_rem(bound).unwrap_or(0);
            }
        }
    }

    /// A `UUIDv7` (RFC 9562 §5.7): the milliseconds of `now`, then random bits.
    pub fn uuid_v7(&mut self, now: Timestamp) -> uuid::Uuid {
        let millis = u64::try_from(now.as_micros() / 1000).unwrap_or(0);
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Same seed, same bytes; bounded numbers stay below their bound and reach all of it.
    #[test]
    fn repeats_and_stays_in_bounds() {
        assert_eq!(Entropy::from_seed([3; 32]).bytes::<40>(), Entropy::from_seed([3; 32]).bytes::<40>());
        let mut entropy = Entropy::from_seed([3; 32]);
        let mut seen = [false; 10];
        for _ in 0..500 {
            seen[usize::try_from(entropy.below(10)).unwrap()] = true;
        }
        assert!(seen.iter().all(|hit| *hit));
        assert_eq!(entropy.below(0), 0);
    }
}
