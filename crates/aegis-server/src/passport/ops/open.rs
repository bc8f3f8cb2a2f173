//! The first start: keys of every purpose, the shipped policy packs, the first key history.

use aegis_core::crypto::digest::Digest;
use aegis_core::moment::Moment;
use aegis_kernel::audit::Leaf;
use aegis_kernel::caller::INSTANCE;
use aegis_kernel::keyring::{KeyState, Keyring};
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission};
use aegis_passport::ids::Did;
use aegis_passport::keys::Purpose;
use aegis_passport::pack::{Pack, SHIPPED_PACKS};
use aegis_store::{Cause, Fault, Lane, Tx};
use serde_json::json;

use crate::passport::key_history::publish;
use crate::passport::problems::NotShown;
use crate::passport::sql::{self, PackRow};

/// Makes whatever an instance needs and does not have yet. Run at every start; changes nothing when all is
/// there.
pub(crate) struct Bootstrap {
    pub(crate) kernel: Kernel,
    pub(crate) issuer: Did,
}

impl Access for Bootstrap {
    const NAME: &'static str = "instance.bootstrap";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Operation for Bootstrap {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = NotShown;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("keys")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<NotShown> {
        let packs = shelve_packs(tx, at)?;
        let keys = self.make_keys(tx, at)?;
        if sql::newest_key_history(tx)?.is_none() {
            publish(tx, at, &self.kernel, &self.issuer)?;
        }
        let facts = json!({ "packs": packs, "keys": keys });
        if packs.is_empty() && keys.is_empty() {
            return Ok(Commit::unchanged(&facts, None)?);
        }
        Ok(Commit::changed(&facts, Leaf::done(INSTANCE, None, facts.clone()))?)
    }
}

impl Bootstrap {
    fn make_keys(&self, tx: &mut Tx<'_>, at: &mut Moment) -> Result<Vec<String>, Fault> {
        let mut made = Vec::new();
        for purpose in Purpose::ALL {
            for state in [KeyState::Active, KeyState::Next] {
                if Keyring::find_in_state(tx, purpose.as_str(), state)?.is_none() {
                    let key = self.kernel.parts().keyring.create(tx, at, purpose.as_str(), state)?;
                    made.push(key.id);
                }
            }
        }
        Ok(made)
    }
}

fn shelve_packs(tx: &mut Tx<'_>, at: &Moment) -> Result<Vec<String>, Fault> {
    let unreadable =
        |_| Fault::Internal { what: "read a shipped policy pack", cause: Cause::text("not a pack") };
    let known = sql::list_packs(tx)?;
    let mut shelved = Vec::new();
    for bytes in SHIPPED_PACKS {
        let pack = Pack::read(bytes).map_err(unreadable)?;
        let (name, version) = (pack.name.to_string(), pack.version.to_string());
        if known.iter().any(|row| row.name == name && row.version == version) {
            continue;
        }
        shelved.push(format!("{name}@{version}"));
        let row = PackRow {
            name,
            version,
            sha256: Digest::of(&[bytes]).to_hex(),
            status: "active".to_owned(),
            released_at: at.now(),
            content: String::from_utf8_lossy(bytes).into_owned(),
        };
        sql::insert_pack(tx, &row)?;
    }
    Ok(shelved)
}
