//! The only place that asks the operating system for randomness.

use std::sync::Mutex;

use aegis_core::entropy::Entropy;

/// Gives each attempt its own seeded stream.
pub struct EntropySource(Mutex<Entropy>);

impl EntropySource {
    /// Seeded by the operating system.
    ///
    /// # Errors
    /// When the system has no randomness to give; the program must not start then.
    pub fn from_system() -> std::io::Result<EntropySource> {
        let mut seed = [0; 32];
        #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for randomness")]
        getrandom::fill(&mut seed).map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(EntropySource::from_seed(seed))
    }

    /// A repeatable source, for tests.
    pub fn from_seed(seed: [u8; 32]) -> EntropySource {
        EntropySource(Mutex::new(Entropy::from_seed(seed)))
    }

    /// A fresh stream, independent of all others.
    pub fn fork(&self) -> Entropy {
        let mut root = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        Entropy::from_seed(root.bytes())
    }
}
