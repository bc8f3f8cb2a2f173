//! What the hot paths know without asking the database: keys, registrations, status.
//!
//! Built from the database at start, changed inside each commit before anybody is answered: a verification
//! that starts after the answer to a revocation sees it. Reading takes no lock and no disk. The database
//! stays the truth.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use aegis_core::crypto::digest::Digest;
use aegis_core::id::LogEntryId;
use aegis_core::json::Json;
use aegis_core::time::Timestamp;
use aegis_kernel::audit::Integrated;
use aegis_passport::bundle::PinnedPack;
use aegis_passport::document::{Passport, STATUS_LIST_ENTRIES, SignedPassport};
use aegis_passport::facts::{
    Ancestor, AncestorFact, Facts, Freshness, Registered, Revocation, Span, StatusRecord,
};
use aegis_passport::ids::{Did, PassportId};
use aegis_passport::keys::{KeyBook, KeyRecord};
use aegis_passport::pack::PackShelf;
use aegis_passport::verdict::{Reason, Verdict};
use aegis_passport::verify::{Ask, Proven, judge, refuse_document, stopped};
use arc_swap::ArcSwap;
use quick_cache::sync::Cache;

use super::counts::VerifyCounts;
use super::key_history::PublishedKeys;
use super::list::SignedList;
use super::settings::Settings;

/// Proven signatures remembered (identity.md §17).
const PROVEN_MAX: usize = 131_072;

/// A status list opens its successor when this many of its indexes are taken: 75 %.
const LIST_FULL_AT: u32 = STATUS_LIST_ENTRIES / 4 * 3;

/// What is kept of each passport.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known {
    pub(crate) registered: Registered,
    pub(crate) revocation: Option<Revocation>,
}

/// The document of a passport that has children.
#[derive(Debug)]
pub(crate) struct ParentDocument {
    pub(crate) passport: Passport,
}

/// Keys, registrations and status of one instance.
pub struct Registry {
    issuer: Did,
    origin: String,
    settings: Settings,
    keys: ArcSwap<KeyBook>,
    published: ArcSwap<PublishedKeys>,
    shelf: ArcSwap<PackShelf>,
    known: papaya::HashMap<u128, Known>,
    parents: papaya::HashMap<u128, Arc<ParentDocument>>,
    pins: papaya::HashMap<Digest, Arc<[PinnedPack]>>,
    waiting: papaya::HashMap<u128, PassportId>,
    suspended: papaya::HashMap<String, Span>,
    proven: Cache<Digest, ()>,
    sequence: AtomicU64,
    used: Mutex<BTreeMap<u32, u32>>,
    list: ArcSwap<Option<SignedList>>,
    counts: VerifyCounts,
}

/// What the database held at start.
pub(crate) struct Loaded {
    pub(crate) issuer: Did,
    pub(crate) origin: String,
    pub(crate) settings: Settings,
    pub(crate) keys: KeyBook,
    pub(crate) published: PublishedKeys,
    pub(crate) shelf: PackShelf,
    pub(crate) sequence: u64,
    pub(crate) used: BTreeMap<u32, u32>,
}

impl Registry {
    pub(crate) fn new(loaded: Loaded) -> Registry {
        Registry {
            issuer: loaded.issuer,
            origin: loaded.origin,
            settings: loaded.settings,
            keys: ArcSwap::from_pointee(loaded.keys),
            published: ArcSwap::from_pointee(loaded.published),
            shelf: ArcSwap::from_pointee(loaded.shelf),
            known: papaya::HashMap::new(),
            parents: papaya::HashMap::new(),
            pins: papaya::HashMap::new(),
            waiting: papaya::HashMap::new(),
            suspended: papaya::HashMap::new(),
            proven: Cache::new(PROVEN_MAX),
            sequence: AtomicU64::new(loaded.sequence),
            used: Mutex::new(loaded.used),
            list: ArcSwap::from_pointee(None),
            counts: VerifyCounts::default(),
        }
    }

    /// Who signs.
    pub fn issuer(&self) -> &Did {
        &self.issuer
    }

    /// The digest by which a client pins the key history it sees first.
    pub fn keys_digest(&self) -> Digest {
        self.published.load().digest
    }

    /// The public origin, without a slash at its end.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The issuer's own choices.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Verifies a document: reads, proves and judges it.
    pub fn verify(&self, document: &Json<'_>, ask: &Ask) -> (Option<SignedPassport>, Verdict) {
        if matches!(document, Json::String(_)) || document.get("@context").is_some() {
            return (None, stopped(Reason::RenderingUnsupported, ask));
        }
        let passport = match SignedPassport::read(document) {
            Ok(passport) => passport,
            Err(error) => return (None, refuse_document(&error, ask)),
        };
        let verdict = self.judge_read(&passport, ask);
        (verdict.proven.then_some(passport), verdict)
    }

    /// How verifications ended.
    pub(crate) fn counts(&self) -> &VerifyCounts {
        &self.counts
    }

    /// Verifies a document that was read already.
    pub(crate) fn judge_read(&self, passport: &SignedPassport, ask: &Ask) -> Verdict {
        let keys = self.keys.load();
        let key = match keys.find_for(passport.passport()) {
            Ok(key) => key,
            Err(reason) => return stopped(reason, ask),
        };
        match self.prove(passport, key, &keys) {
            Ok(proven) => self.judge_proven(proven, &keys, ask),
            Err(reason) => stopped(reason, ask),
        }
    }

    /// Step 5, remembered: a hit says that this key, these bytes and this signature were proven together.
    fn prove<'p, 'k>(
        &self,
        passport: &'p SignedPassport,
        key: &'k KeyRecord,
        keys: &KeyBook,
    ) -> Result<Proven<'p, 'k>, Reason> {
        let digest = passport.digest();
        let remembered = self.proven.get(digest).is_some();
        self.counts.signature(remembered);
        if remembered {
            return Ok(Proven::remembered(passport, key));
        }
        let proven = Proven::by_signature(passport, key, keys)?;
        self.proven.insert(*digest, ());
        Ok(proven)
    }

    fn judge_proven(&self, proven: Proven<'_, '_>, keys: &KeyBook, ask: &Ask) -> Verdict {
        // Read before the records: every change up to this number is in them.
        let sequence = self.sequence.load(Ordering::SeqCst);
        let passport = proven.passport().passport();
        let known = self.known(passport.passport_id);
        let above = self.ancestors(passport);
        let spans = self.operator_suspension(passport.operator_id.as_str());
        let ancestors: Vec<AncestorFact<'_>> =
            above.iter().map(|above| above.fact(keys, spans.as_slice())).collect();
        let pins = self.pins.pin().get(&passport.policy_bundle_digest).cloned();
        let facts = Facts {
            registered: known.map(|known| known.registered),
            status: StatusRecord {
                revocation: known.and_then(|known| known.revocation),
                operator_suspensions: spans.as_slice(),
                ..StatusRecord::default()
            },
            freshness: Freshness { fresh: true, as_of: ask.now, age_seconds: 0, sequence },
            ancestors: &ancestors,
            pins: pins.as_deref(),
            // Every pack on the shelf is shipped and active: there is no way yet to add or withdraw one.
            withdrawn_packs: &[],
            packs_outdated: false,
            attester_compromised_at: None,
        };
        judge(proven, &facts, ask)
    }

    /// The ancestors of a passport as registered, nearest first; ends where one is unknown.
    fn ancestors(&self, passport: &Passport) -> Vec<Above> {
        let mut above = Vec::new();
        let mut next = passport.delegation.above.map(|above| above.parent_passport_id);
        while let Some(id) = next {
            let document = self.parents.pin().get(&id.as_u128()).cloned();
            let (Some(document), Some(known)) = (document, self.known(id)) else { break };
            next = document.passport.delegation.above.map(|above| above.parent_passport_id);
            let pins = self.pins.pin().get(&document.passport.policy_bundle_digest).cloned();
            above.push(Above { id, document, known, pins });
        }
        above
    }

    pub(crate) fn known(&self, id: PassportId) -> Option<Known> {
        self.known.pin().get(&id.as_u128()).copied()
    }

    pub(crate) fn pins_of(&self, digest: &Digest) -> Option<Arc<[PinnedPack]>> {
        self.pins.pin().get(digest).cloned()
    }

    fn operator_suspension(&self, operator: &str) -> Option<Span> {
        if self.suspended.is_empty() { None } else { self.suspended.pin().get(operator).copied() }
    }

    /// Whether a registered passport is good now, for issuing below it.
    pub(crate) fn standing(&self, passport: &SignedPassport, now: Timestamp) -> Result<(), Reason> {
        self.judge_read(passport, &Ask::now(now)).reason.map_or(Ok(()), Err)
    }

    // What follows changes the registry. Each is called inside a commit.

    /// A passport that is registered; until the log has it, under the entry it waits for.
    pub(crate) fn add_known(&self, id: PassportId, known: Known, entry: LogEntryId) {
        if known.registered.log_index.is_none() {
            self.waiting.pin().insert(entry.as_u128(), id);
        }
        self.known.pin().insert(id.as_u128(), known);
    }

    pub(crate) fn has_parent(&self, id: PassportId) -> bool {
        self.parents.pin().contains_key(&id.as_u128())
    }

    pub(crate) fn add_parent(&self, id: PassportId, document: Arc<ParentDocument>) {
        self.parents.pin().insert(id.as_u128(), document);
    }

    pub(crate) fn add_pins(&self, digest: Digest, pins: Arc<[PinnedPack]>) {
        self.pins.pin().insert(digest, pins);
    }

    /// Records revocations, then the sequence number they took.
    pub(crate) fn revoke(&self, revoked: &[(PassportId, Revocation)], sequence: u64) {
        let known = self.known.pin();
        for (id, revocation) in revoked {
            known.update(id.as_u128(), |known| Known { revocation: Some(*revocation), ..*known });
        }
        self.sequence.fetch_max(sequence, Ordering::SeqCst);
    }

    /// Notes the places entries got in the log.
    pub(crate) fn integrated(&self, entries: &[Integrated]) {
        let (waiting, known) = (self.waiting.pin(), self.known.pin());
        for entry in entries {
            let Some(id) = waiting.remove(&entry.entry.as_u128()).copied() else { continue };
            known.update(id.as_u128(), |known| {
                let mut known = *known;
                known.registered.log_index = Some(entry.index);
                known.registered.logged_at = Some(entry.signed_at);
                known
            });
        }
    }

    /// Stops or frees everything of an operator.
    pub fn set_operator_suspended(&self, operator: &str, since: Option<Timestamp>) {
        let suspended = self.suspended.pin();
        match since {
            Some(from) => {
                suspended.insert(operator.to_owned(), Span { from, until: None });
            }
            None => {
                suspended.remove(operator);
            }
        }
    }

    pub(crate) fn set_keys(&self, keys: KeyBook, published: PublishedKeys) {
        self.keys.store(Arc::new(keys));
        self.published.store(Arc::new(published));
    }

    pub(crate) fn published(&self) -> Arc<PublishedKeys> {
        self.published.load_full()
    }

    pub(crate) fn shelf(&self) -> Arc<PackShelf> {
        self.shelf.load_full()
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::SeqCst)
    }

    pub(crate) fn list(&self) -> Arc<Option<SignedList>> {
        self.list.load_full()
    }

    pub(crate) fn set_list(&self, list: SignedList) {
        self.list.store(Arc::new(Some(list)));
    }

    /// The status list that takes new passports, and how many of its indexes are taken.
    pub(crate) fn open_list(&self) -> u32 {
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        match used.last_key_value() {
            None => 1,
            Some((list, used)) if *used < LIST_FULL_AT => *list,
            Some((list, _)) => list + 1,
        }
    }

    pub(crate) fn index_taken(&self, list: u32) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        *used.entry(list).or_default() += 1;
    }
}

/// One registered ancestor with what is known of it.
struct Above {
    id: PassportId,
    document: Arc<ParentDocument>,
    known: Known,
    pins: Option<Arc<[PinnedPack]>>,
}

impl Above {
    fn fact<'a>(&'a self, keys: &'a KeyBook, operator_suspensions: &'a [Span]) -> AncestorFact<'a> {
        let passport = &self.document.passport;
        match keys.find_for(passport) {
            Err(reason) => AncestorFact::Broken { stands_for: self.id, reason },
            Ok(key) => AncestorFact::Held(Ancestor {
                stands_for: self.id,
                passport,
                key,
                logged_at: self.known.registered.logged_at,
                status: StatusRecord {
                    revocation: self.known.revocation,
                    operator_suspensions,
                    ..StatusRecord::default()
                },
                pins: self.pins.as_deref(),
            }),
        }
    }
}
