//! Idempotency keys: one intent, one effect, one answer.

use std::fmt;

use aegis_core::canonical::{self, NotCanonical};
use aegis_core::crypto::digest::Digest;
use aegis_core::id::AgentId;
use aegis_core::json::Json;
use aegis_core::time::Timestamp;

use crate::ids::ActionId;

/// A lease that nobody renews lapses after this long.
pub const LEASE_SECONDS: i64 = 15;

/// The caller's name for one intent: a UUID of version 4 in lower case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdempotencyKey([u8; KEY_CHARS]);

const KEY_CHARS: usize = 36;

/// What a request's `Idempotency-Key` is not: `INVALID_IDEMPOTENCY_FORMAT` with `details.reason`. Positions count
/// characters from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyFlaw {
    /// There is none.
    #[error("Idempotency-Key is required: a UUID of version 4")]
    Missing,
    /// There are several.
    #[error("Idempotency-Key was sent more than once")]
    Repeated,
    /// No UUID in its common form.
    #[error("Idempotency-Key is no UUID: position {position} must be {expected}")]
    NotUuid {
        /// The first wrong character; the end of the text where it is too short.
        position: usize,
        /// What would be right there.
        expected: &'static str,
    },
    /// A UUID of another version.
    #[error("Idempotency-Key is no UUID of version 4: position 14 must be 4")]
    Version,
    /// A UUID of another variant.
    #[error("Idempotency-Key is no UUID of RFC 9562: position 19 must be 8, 9, a or b")]
    Variant,
}

impl KeyFlaw {
    /// `details.reason`
    pub const fn reason(&self) -> &'static str {
        match self {
            KeyFlaw::Missing => "missing",
            KeyFlaw::Repeated => "repeated",
            KeyFlaw::NotUuid { .. } => "not_uuid",
            KeyFlaw::Version => "version",
            KeyFlaw::Variant => "variant",
        }
    }

    /// `details.position`
    pub const fn position(&self) -> Option<usize> {
        match self {
            KeyFlaw::Missing | KeyFlaw::Repeated => None,
            KeyFlaw::NotUuid { position, .. } => Some(*position),
            KeyFlaw::Version => Some(14),
            KeyFlaw::Variant => Some(19),
        }
    }

    /// `details.expected`
    pub const fn expected(&self) -> &'static str {
        match self {
            KeyFlaw::Missing | KeyFlaw::Repeated => "one UUID of version 4",
            KeyFlaw::NotUuid { expected, .. } => expected,
            KeyFlaw::Version => "4",
            KeyFlaw::Variant => "8, 9, a or b",
        }
    }
}

impl IdempotencyKey {
    /// Reads the values of all `Idempotency-Key` headers of a request: one UUID of version 4 in any letter case.
    ///
    /// # Errors
    /// [`KeyFlaw`]
    pub fn read(values: &[&str]) -> Result<IdempotencyKey, KeyFlaw> {
        let text = match values {
            [] => return Err(KeyFlaw::Missing),
            [text] => *text,
            [_, _, ..] => return Err(KeyFlaw::Repeated),
        };
        for (position, found) in text.bytes().enumerate() {
            let (fits, expected) = match position {
                8 | 13 | 18 | 23 => (found == b'-', "-"),
                0..KEY_CHARS => (found.is_ascii_hexdigit(), "a hexadecimal digit"),
                _ => (false, "the end"),
            };
            if !fits {
                return Err(KeyFlaw::NotUuid { position, expected });
            }
        }
        let lower = text.to_ascii_lowercase();
        let too_short = KeyFlaw::NotUuid { position: text.len(), expected: "a hexadecimal digit or -" };
        let key: [u8; KEY_CHARS] = lower.as_bytes().try_into().map_err(|_| too_short)?;
        match (key.get(14), key.get(19)) {
            (Some(b'4'), Some(b'8' | b'9' | b'a' | b'b')) => Ok(IdempotencyKey(key)),
            (Some(b'4'), _) => Err(KeyFlaw::Variant),
            _ => Err(KeyFlaw::Version),
        }
    }

    /// What is stored and looked up in its place: SHA-256(agent id ‖ 0 ‖ key). It is kept for ever.
    pub fn record_key(&self, agent: AgentId) -> Digest {
        Digest::of(&[agent.to_string().as_bytes(), &[0], &self.0])
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

/// What a request asks for, whatever its headers: SHA-256(method ‖ path ‖ RFC 8785 form of the body). An empty
/// body equals `{}`.
///
/// # Errors
/// [`NotCanonical`] for a number beyond the range of a double.
pub fn fingerprint(method: &str, path: &str, body: &Json<'_>) -> Result<Digest, NotCanonical> {
    Ok(Digest::of(&[method.as_bytes(), path.as_bytes(), &canonical::to_bytes(body)?]))
}

/// What is known of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The request that owns it.
    pub fingerprint: Digest,
    /// What became of that request.
    pub stage: KeyStage,
}

/// How far the request that owns a key has come. A refusal that stores nothing leaves no trace of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyStage {
    /// A process works on it, and holds the key until then unless it renews.
    Leased {
        /// The lease's end.
        until: Timestamp,
    },
    /// Its action is committed and not final.
    Committed {
        /// The action.
        action: ActionId,
    },
    /// Its answer is final and kept.
    Final {
        /// The action.
        action: ActionId,
        /// Since when.
        at: Timestamp,
    },
}

/// What a request with a key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookUp {
    /// The first: it goes on, under a new lease.
    First,
    /// A repeat while the first is worked on: `IDEMPOTENCY_IN_PROGRESS`, or wait.
    InProgress {
        /// Seconds until the lease would lapse, rounded up: `Retry-After`.
        retry_seconds: i64,
    },
    /// Another request under the same key, and the instance is strict: `IDEMPOTENCY_CONFLICT`.
    Conflict,
    /// A repeat of a committed action: its present state.
    Current {
        /// The action.
        action: ActionId,
        /// Whether this request asks for something else.
        mismatch: bool,
    },
    /// A repeat of a final one: the kept answer, byte for byte.
    Replay {
        /// The action.
        action: ActionId,
        /// Whether this request asks for something else.
        mismatch: bool,
    },
    /// A repeat when the answer is no longer kept: `IDEMPOTENCY_KEY_EXPIRED`. It still executes nothing.
    Expired {
        /// The action.
        action: ActionId,
    },
}

/// How an instance treats keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRules {
    /// Whether another request under a known key is refused instead of answered.
    pub strict: bool,
    /// Days an answer is kept after it became final.
    pub retention_days: u32,
}

/// Decides what a request with `fingerprint` is, given what is `known` of its key.
pub fn look_up(known: Option<&Known>, fingerprint: &Digest, rules: KeyRules, now: Timestamp) -> LookUp {
    let Some(known) = known else { return LookUp::First };
    let mismatch = known.fingerprint != *fingerprint;
    let conflict = mismatch && rules.strict;
    match known.stage {
        KeyStage::Leased { until } if until <= now => LookUp::First,
        KeyStage::Final { action, at } if is_past(at, rules, now) => LookUp::Expired { action },
        KeyStage::Leased { .. } | KeyStage::Committed { .. } | KeyStage::Final { .. } if conflict => {
            LookUp::Conflict
        }
        KeyStage::Leased { until } => {
            let retry_seconds = until.seconds_since(now).saturating_add(1).clamp(1, LEASE_SECONDS);
            LookUp::InProgress { retry_seconds }
        }
        KeyStage::Committed { action } => LookUp::Current { action, mismatch },
        KeyStage::Final { action, .. } => LookUp::Replay { action, mismatch },
    }
}

fn is_past(at: Timestamp, rules: KeyRules, now: Timestamp) -> bool {
    now.seconds_since(at) >= i64::from(rules.retention_days).saturating_mul(86_400)
}

/// Whether the holder of lease number `held` may commit while the key's lease is number `current`: each new lease
/// has a higher number, so a holder that slept through its end finds itself fenced off.
pub const fn may_commit(held: u64, current: u64) -> bool {
    held == current
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::json::parse;
    use aegis_core::moment::Moment;
    use proptest::prelude::*;

    use super::*;

    const KEY: &str = "550e8400-e29b-41d4-a716-446655440000";

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    /// Faults of a key are named with reason, position and what would be right.
    #[test]
    fn faults_are_named() {
        assert_eq!(IdempotencyKey::read(&[&KEY.to_uppercase()]).unwrap().to_string(), KEY);
        let faults = [
            (vec![], ("missing", None, "one UUID of version 4")),
            (vec![KEY, KEY], ("repeated", None, "one UUID of version 4")),
            (vec![""], ("not_uuid", Some(0), "a hexadecimal digit or -")),
            (vec!["550e8400e29b41d4a716446655440000"], ("not_uuid", Some(8), "-")),
            (vec!["550e8400-e29b-41d4-a716-44665544000g"], ("not_uuid", Some(35), "a hexadecimal digit")),
            (vec!["550e8400-e29b-41d4-a716-4466554400001"], ("not_uuid", Some(36), "the end")),
            (vec!["550e8400-e29b-41d4-a716-44665544000"], ("not_uuid", Some(35), "a hexadecimal digit or -")),
            (vec!["550e8400-e29b-71d4-a716-446655440000"], ("version", Some(14), "4")),
            (vec!["550e8400-e29b-41d4-c716-446655440000"], ("variant", Some(19), "8, 9, a or b")),
        ];
        for (values, expected) in faults {
            let flaw = IdempotencyKey::read(&values).unwrap_err();
            assert_eq!((flaw.reason(), flaw.position(), flaw.expected()), expected, "{values:?}");
        }
    }

    /// Records and fingerprints are those of the contract's formulas; the order of members is nothing.
    #[test]
    fn digests_are_the_contracts() {
        let agent = AgentId::parse("agent_019e099acb007b6a9d0e1f2031425364").unwrap();
        let key = IdempotencyKey::read(&[KEY]).unwrap();
        let bytes = format!("{agent}\0{KEY}");
        assert_eq!(key.record_key(agent), Digest::of(&[bytes.as_bytes()]));
        let print = |body: &str| {
            fingerprint("POST", "/v1/actions/transfer", &parse(body.as_bytes(), 8).unwrap()).unwrap()
        };
        let expected = Digest::of(&[br#"POST/v1/actions/transfer{"amount":"1","destination":"0x"}"#]);
        assert_eq!(print(r#"{ "destination": "0x", "amount": "1" }"#), expected);
        assert_ne!(print(r#"{"destination":"0x","amount":"1.0"}"#), expected);
    }

    /// The table of key states, each with the same and with another request.
    #[test]
    fn look_up_is_the_table() {
        let action: ActionId = Moment::new(at(0), Entropy::from_seed([1; 32])).new_id();
        let (own, other) = (Digest::of(&[b"own"]), Digest::of(&[b"other"]));
        let rules = KeyRules { strict: false, retention_days: 30 };
        let ask = |stage, print: &Digest, strict, now| {
            let known = Known { fingerprint: own, stage };
            look_up(Some(&known), print, KeyRules { strict, ..rules }, at(now))
        };
        assert_eq!(look_up(None, &own, rules, at(0)), LookUp::First);
        let leased = KeyStage::Leased { until: at(15) };
        assert_eq!(ask(leased, &own, true, 14), LookUp::InProgress { retry_seconds: 2 });
        assert_eq!(ask(leased, &other, false, 14), LookUp::InProgress { retry_seconds: 2 });
        assert_eq!(ask(leased, &other, true, 14), LookUp::Conflict);
        assert_eq!(ask(leased, &own, true, 15), LookUp::First, "the lease lapsed");
        let committed = KeyStage::Committed { action };
        assert_eq!(ask(committed, &own, false, 9), LookUp::Current { action, mismatch: false });
        assert_eq!(ask(committed, &other, false, 9), LookUp::Current { action, mismatch: true });
        assert_eq!(ask(committed, &other, true, 9), LookUp::Conflict);
        let done = KeyStage::Final { action, at: at(0) };
        assert_eq!(ask(done, &own, true, 30 * 86_400 - 1), LookUp::Replay { action, mismatch: false });
        assert_eq!(ask(done, &other, false, 1), LookUp::Replay { action, mismatch: true });
        assert_eq!(ask(done, &other, true, 1), LookUp::Conflict);
        assert_eq!(ask(done, &own, true, 30 * 86_400), LookUp::Expired { action });
    }

    proptest! {
        /// Invariant 2: a key that ever committed is never first again, with any body, at any time, however the
        /// instance is configured.
        #[test]
        fn committed_is_never_first(now: i64, since: i64, body: u8, strict: bool, days: u32, finished: bool) {
            let action: ActionId = Moment::new(at(0), Entropy::from_seed([1; 32])).new_id();
            let stage = if finished {
                KeyStage::Final { action, at: Timestamp::from_micros(since) }
            } else {
                KeyStage::Committed { action }
            };
            let known = Known { fingerprint: Digest::of(&[&[0]]), stage };
            let rules = KeyRules { strict, retention_days: days };
            let found = look_up(Some(&known), &Digest::of(&[&[body]]), rules, Timestamp::from_micros(now));
            prop_assert_ne!(found, LookUp::First);
        }

        /// Invariant 2, leases: of any number of holders of a key, at most the last may commit.
        #[test]
        fn lapsed_holders_are_fenced(leases in 1_u64..20, current in 0_u64..20) {
            let allowed = (0..leases).filter(|held| may_commit(*held, current)).count();
            prop_assert_eq!(allowed, usize::from(current < leases));
        }
    }
}
