//! B: how many strict Ed25519 verifications a second a core does in a bare loop, over the very bytes that the server is
//! asked about, with the same arithmetic.

use std::time::{Duration, Instant};

use aegis_core::crypto::sign::{self, PublicKey};
use aegis_core::json::{Json, parse};
use aegis_passport::document::SignedPassport;
use ed25519_dalek::{Signature, VerifyingKey};

use crate::machine::{self, GENERATOR_CORE, SERVER_CORE};
use crate::pairs::Sample;
use crate::{Outcome, requests};

/// Verifications between two looks at the clock.
const ROUND: usize = 256;
/// Messages in the loop: enough that they do not stay in the first-level caches.
const MESSAGES_MAX: usize = 20_000;

/// The bare loop's material.
pub(crate) struct Curve {
    key: VerifyingKey,
    signed: Vec<(Vec<u8>, Signature)>,
    next: usize,
    ours: PublicKey,
}

impl Curve {
    /// Takes the passports of one key apart. The server under test says which key it is.
    pub(crate) fn of(documents: &[Box<[u8]>], keys: &[u8]) -> Outcome<Curve> {
        let mut signed = Vec::new();
        let mut key_id = String::new();
        for document in documents.iter().take(MESSAGES_MAX) {
            let json = parse(document, 32)?;
            let passport = SignedPassport::read(&json)?;
            key_id = passport.passport().key_id.to_string();
            signed.push((passport.message(), Signature::from_bytes(passport.signature().as_bytes())));
        }
        let raw = requests::published_key(keys, &key_id)?;
        Ok(Curve {
            key: VerifyingKey::from_bytes(&raw)?,
            ours: PublicKey::from_bytes(&raw)?,
            signed,
            next: 0,
        })
    }

    /// Verifies on the server's core for about `time`, with the library's own strict function.
    pub(crate) fn run(&mut self, time: Duration) -> Outcome<Sample> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the yardstick is the library's own strict verification"
        )]
        self.repeat(time, |curve, message, signature| curve.key.verify_strict(message, signature).is_ok())
    }

    /// The same with the program's own function.
    pub(crate) fn run_ours(&mut self, time: Duration) -> Outcome<Sample> {
        self.repeat(time, |curve, message, signature| {
            let signature = sign::Signature::from_bytes(signature.to_bytes());
            curve.ours.verify(message, &signature).is_ok()
        })
    }

    fn repeat(
        &mut self,
        time: Duration,
        verify: impl Fn(&Curve, &[u8], &Signature) -> bool,
    ) -> Outcome<Sample> {
        machine::stay_on(SERVER_CORE)?;
        let (started, used) = (Instant::now(), machine::own_time());
        let mut operations = 0;
        while started.elapsed() < time {
            for _ in 0..ROUND {
                let (message, signature) = self.signed.get(self.next).ok_or("no passports to verify")?;
                if !verify(self, message, signature) {
                    return Err("a signature does not hold".into());
                }
                self.next = (self.next + 1) % self.signed.len();
            }
            operations += ROUND;
        }
        let cpu = machine::own_time().saturating_sub(used);
        let sample = Sample { operations: operations as f64, wall: started.elapsed(), cpu };
        machine::stay_on(GENERATOR_CORE)?;
        Ok(sample)
    }
}

/// The member of an object, as text.
pub(crate) fn member(document: &[u8], name: &str) -> Outcome<String> {
    let json = parse(document, 32)?;
    let text = json.get(name).and_then(Json::as_str);
    text.map(str::to_owned).ok_or_else(|| format!("the answer has no {name}").into())
}
