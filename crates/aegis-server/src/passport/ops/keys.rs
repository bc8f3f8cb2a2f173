//! Rotating and revoking signing keys.

use std::sync::Arc;

use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_kernel::audit::{Leaf, read as log};
use aegis_kernel::keyring::{KeyRow, KeyState, Keyring};
use aegis_kernel::operation::Evidence;
use aegis_kernel::outbox::Event;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission};
use aegis_passport::ids::KeyId;
use aegis_passport::keys::{KeyRefused, Purpose};
use aegis_store::{Cause, Fault, Lane, Tx};
use serde_json::json;

use crate::passport::key_history::publish;
use crate::passport::problems::KeyDenied;
use crate::passport::registry::Registry;
use crate::passport::sql;
use crate::passport::wire::{KeyRevoked, KeyRotated};

/// How often an admin may touch keys.
const KEY_RATE: RateClass = RateClass::new("keys", 60, 60);

/// `POST /registry/keys/rotate`.
pub(crate) struct RotateKey {
    pub(crate) kernel: Kernel,
    pub(crate) registry: Arc<Registry>,
    pub(crate) purpose: Purpose,
    /// Only while this key signs; whichever does if absent.
    pub(crate) only: Option<KeyId>,
    pub(crate) reason: Option<String>,
}

impl Access for RotateKey {
    const NAME: &'static str = "key.rotate";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = KEY_RATE;
}

impl Operation for RotateKey {
    const EVIDENCE: Evidence = Evidence::SnakeEntry;
    type Refused = KeyDenied;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("keys")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<KeyDenied> {
        let mut old = active(tx, self.purpose)?;
        if let Some(only) = self.only.filter(|only| only.to_string() != old.id) {
            return Err(KeyDenied::Rules(KeyRefused::NotActive(only)).into());
        }
        old.state = KeyState::Retired;
        old.retired_at = Some(at.now());
        old.changed_at = at.now();
        old.reason.clone_from(&self.reason);
        Keyring::update(tx, &old)?;
        let new = promote(tx, at, &self.kernel, self.purpose)?;
        let (book, published) = publish(tx, at, &self.kernel, self.registry.issuer())?;
        let reply = KeyRotated {
            retired_key_id: old.id.clone(),
            active_key_id: new.id.clone(),
            version: published.version,
        };
        let facts =
            json!({ "purpose": self.purpose.as_str(), "retired_key_id": old.id, "active_key_id": new.id });
        let registry = Arc::clone(&self.registry);
        Ok(Commit::changed(&reply, Leaf::done(&old.id, None, facts.clone()))?
            .emit(Event { kind: "key.rotated", organization: None, subject: old.id, payload: facts })
            .afterwards(move || registry.set_keys(book, published)))
    }
}

/// Signs the key history again, unchanged but for its version and instants.
pub(crate) struct ResignKeys {
    pub(crate) kernel: Kernel,
    pub(crate) registry: Arc<Registry>,
}

impl Access for ResignKeys {
    const NAME: &'static str = "key.resign_history";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = KEY_RATE;
}

impl Operation for ResignKeys {
    const EVIDENCE: Evidence = Evidence::SnakeEntry;
    type Refused = KeyDenied;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("keys")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<KeyDenied> {
        let subject = active(tx, Purpose::Root)?.id;
        let (book, published) = publish(tx, at, &self.kernel, self.registry.issuer())?;
        let facts = json!({ "version": published.version });
        let registry = Arc::clone(&self.registry);
        Ok(Commit::changed(&facts, Leaf::done(&subject, None, facts.clone()))?
            .afterwards(move || registry.set_keys(book, published)))
    }
}

/// `POST /registry/keys/{key_id}/revoke`.
pub(crate) struct RevokeKey {
    pub(crate) kernel: Kernel,
    pub(crate) registry: Arc<Registry>,
    pub(crate) key_id: String,
    pub(crate) revoked_at: Timestamp,
    pub(crate) reason: String,
}

impl Access for RevokeKey {
    const NAME: &'static str = "key.revoke";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = KEY_RATE;
}

impl Operation for RevokeKey {
    const EVIDENCE: Evidence = Evidence::SnakeEntry;
    type Refused = KeyDenied;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("keys")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<KeyDenied> {
        let found = Keyring::find(tx, &self.key_id)?.filter(|key| key.state != KeyState::Next);
        let mut key = found.ok_or(KeyDenied::Unknown)?;
        let purpose = Purpose::parse(&key.purpose).ok_or(KeyDenied::Unknown)?;
        let earliest = key.revocations.iter().map(|(revoked_at, _)| *revoked_at).min();
        let start = key.not_before.unwrap_or(key.changed_at).whole_second();
        if self.revoked_at < start || self.revoked_at > at.now() {
            return Err(KeyDenied::Rules(KeyRefused::RevokedOutsideLife).into());
        }
        let (kept, voided) = self.count(tx)?;
        if earliest.is_some_and(|earliest| earliest <= self.revoked_at) {
            let signing = active(tx, purpose)?;
            return Ok(Commit::unchanged(&reply(&key, &signing, kept, voided), None)?);
        }
        let was_active = key.state == KeyState::Active;
        key.revocations.push((self.revoked_at, at.now()));
        key.state = KeyState::Revoked;
        key.reason = Some(self.reason.clone());
        if earliest.is_none() {
            key.changed_at = at.now();
        }
        if was_active {
            key.retired_at = Some(at.now());
        }
        Keyring::update(tx, &key)?;
        let signing = if was_active { promote(tx, at, &self.kernel, purpose)? } else { active(tx, purpose)? };
        let (book, published) = publish(tx, at, &self.kernel, self.registry.issuer())?;
        let facts = json!({
            "purpose": purpose.as_str(),
            "revoked_at": self.revoked_at.to_rfc3339_seconds(),
            "active_key_id": signing.id,
        });
        let registry = Arc::clone(&self.registry);
        Ok(Commit::changed(&reply(&key, &signing, kept, voided), Leaf::done(&key.id, None, facts.clone()))?
            .emit(Event { kind: "key.revoked", organization: None, subject: key.id, payload: facts })
            .afterwards(move || registry.set_keys(book, published)))
    }
}

impl RevokeKey {
    /// How many passports of the key the log had before it was lost, and how many not.
    fn count(&self, tx: &mut Tx<'_>) -> Result<(u64, u64), Fault> {
        let size =
            log::newest_checkpoint_before(tx, self.revoked_at)?.map_or(0, |checkpoint| checkpoint.size);
        sql::count_signed_by(tx, &self.key_id, size)
    }
}

fn reply(key: &KeyRow, signing: &KeyRow, passports_kept: u64, passports_voided: u64) -> KeyRevoked {
    let revoked_at =
        key.revocations.iter().map(|(revoked_at, _)| *revoked_at).min().unwrap_or(key.changed_at);
    KeyRevoked {
        key_id: key.id.clone(),
        status: KeyState::Revoked.name().to_owned(),
        revoked_at: revoked_at.to_rfc3339_seconds(),
        active_key_id: signing.id.clone(),
        passports_kept,
        passports_voided,
    }
}

/// Lets the announced key sign and announces the one after it.
fn promote(tx: &mut Tx<'_>, at: &mut Moment, kernel: &Kernel, purpose: Purpose) -> Result<KeyRow, Fault> {
    let mut next =
        Keyring::find_in_state(tx, purpose.as_str(), KeyState::Next)?.ok_or_else(|| missing("next"))?;
    next.state = KeyState::Active;
    next.not_before = Some(at.now().whole_second());
    next.changed_at = at.now();
    Keyring::update(tx, &next)?;
    kernel.parts().keyring.create(tx, at, purpose.as_str(), KeyState::Next)?;
    Ok(next)
}

fn active(tx: &mut Tx<'_>, purpose: Purpose) -> Result<KeyRow, Fault> {
    Keyring::find_in_state(tx, purpose.as_str(), KeyState::Active)?.ok_or_else(|| missing("active"))
}

fn missing(which: &str) -> Fault {
    Fault::Damaged { cause: Cause::text(format!("a purpose has no {which} signing key")) }
}
