//! Lineage: one hash chain per agent over everything that ever happened to its passports.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::AgentId;
use aegis_core::json::Json;
use aegis_core::time::Timestamp;

use crate::closed_set::closed_set;
use crate::document::{DIGEST_FORM, TIME_FORM};
use crate::fields::{Fields, Malformed, Strangers};
use crate::ids::{ActorId, PassportId};
use crate::profile::{INTEGER_MAX, ObjectWriter};

closed_set! {
    /// What an entry records.
    LineageEvent {
        /// A passport was issued.
        Issue = "issue",
        /// A passport took the place of another.
        Amend = "amend",
        /// An amendment that changed the agent's key.
        Rotate = "rotate",
        /// Validity was paused.
        Suspend = "suspend",
        /// A pause ended.
        Reinstate = "reinstate",
        /// Validity ended for ever.
        Revoke = "revoke",
    }
}

/// One link of an agent's chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Position, from 1, without gaps.
    pub seq: u64,
    /// Whose chain.
    pub agent_id: AgentId,
    /// The passport concerned; nothing for an agent-wide event.
    pub passport_id: Option<PassportId>,
    /// What happened.
    pub event: LineageEvent,
    /// Digest of the passport body, or of [`StatusEvent`].
    pub body_digest: Digest,
    /// Who did it.
    pub actor: ActorId,
    /// When; never before the entry above.
    pub at: Timestamp,
    /// Hash of the entry above; zeros for the first.
    pub prev: Digest,
}

/// The end of a chain so far. The head of an empty chain is [`Head::GENESIS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Position of the last entry; 0 before the first.
    pub seq: u64,
    /// Its hash.
    pub hash: Digest,
}

impl Head {
    /// Before the first entry.
    pub const GENESIS: Head = Head { seq: 0, hash: Digest::ZERO };
}

/// What an entry records beside its place in the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// The passport concerned; nothing for an agent-wide event.
    pub passport_id: Option<PassportId>,
    /// What happened.
    pub event: LineageEvent,
    /// Digest of the passport body, or of [`StatusEvent`].
    pub body_digest: Digest,
    /// Who did it.
    pub actor: ActorId,
    /// When.
    pub at: Timestamp,
}

impl Entry {
    /// The entry that follows `head` in the chain of `agent_id`.
    pub fn after(head: Head, agent_id: AgentId, what: Happening) -> Entry {
        let Happening { passport_id, event, body_digest, actor, at } = what;
        let seq = head.seq.saturating_add(1);
        Entry { seq, agent_id, passport_id, event, body_digest, actor, at, prev: head.hash }
    }

    /// The RFC 8785 bytes.
    pub fn canonical(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(512);
        let mut out = ObjectWriter::open(&mut bytes);
        out.text("actor", self.actor.as_str());
        out.shown("agent_id", &self.agent_id);
        out.shown("at", &self.at);
        out.shown("body_digest", &self.body_digest);
        out.text("event", self.event.as_str());
        out.text("passport_id", &or_empty(self.passport_id));
        out.shown("prev", &self.prev);
        out.number("seq", self.seq);
        out.text("typ", ENTRY_TYPE);
        out.number("v", 1);
        out.close();
        bytes
    }

    /// SHA-256 of the canonical bytes: the `prev` of the next entry, and the `audit_lineage_hash` of the
    /// passport this entry made.
    pub fn hash(&self) -> Digest {
        Digest::of(&[&self.canonical()])
    }

    /// The chain's head once this entry is in it.
    pub fn head(&self) -> Head {
        Head { seq: self.seq, hash: self.hash() }
    }

    /// Reads an entry.
    ///
    /// # Errors
    /// [`Malformed`] naming the first place that is not as it should be.
    pub fn read(json: &Json<'_>) -> Result<Entry, Malformed> {
        let mut fields = Fields::of(json, Strangers::Refused)?;
        let actor = fields.text("actor", "an organization id", ActorId::parse)?;
        let agent_id = fields.text("agent_id", "an agent id", AgentId::parse)?;
        let at = fields.text("at", TIME_FORM, Timestamp::parse_seconds)?;
        let body_digest = fields.text("body_digest", DIGEST_FORM, Digest::parse)?;
        let event = fields.text("event", "a lineage event", LineageEvent::parse)?;
        let passport_id = fields.text("passport_id", "a passport id or empty", |text| {
            if text.is_empty() { Some(None) } else { PassportId::parse(text).map(Some) }
        })?;
        let prev = fields.text("prev", DIGEST_FORM, Digest::parse)?;
        let seq = fields.number("seq", "a positive integer", 1..=INTEGER_MAX)?;
        fields.text("typ", ENTRY_TYPE, |text| (text == ENTRY_TYPE).then_some(()))?;
        fields.number::<u8>("v", "1", 1..=1)?;
        fields.end()?;
        Ok(Entry { seq, agent_id, passport_id, event, body_digest, actor, at, prev })
    }
}

const ENTRY_TYPE: &str = "aegis-lineage+v1";

fn or_empty(id: Option<PassportId>) -> String {
    id.map(|id| id.to_string()).unwrap_or_default()
}

closed_set! {
    /// What a status event reaches.
    StatusScope {
        /// The agent and all its passports.
        Agent = "agent",
        /// One passport.
        Passport = "passport",
    }
}

/// A revocation, suspension or reinstatement as lineage binds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEvent<'a> {
    /// Revoke, suspend or reinstate.
    pub event: LineageEvent,
    /// Whose status.
    pub agent_id: AgentId,
    /// The passport; nothing for the whole agent, which also decides the scope.
    pub passport_id: Option<PassportId>,
    /// From when it holds.
    pub effective_from: Timestamp,
    /// Why, from the closed set; `unspecified` for suspend and reinstate.
    pub reason_code: &'a str,
}

impl StatusEvent<'_> {
    /// The `body_digest` of the entry that records this.
    pub fn body_digest(&self) -> Digest {
        let scope = if self.passport_id.is_some() { StatusScope::Passport } else { StatusScope::Agent };
        let mut bytes = Vec::with_capacity(256);
        let mut out = ObjectWriter::open(&mut bytes);
        out.shown("agent_id", &self.agent_id);
        out.shown("effective_from", &self.effective_from);
        out.text("event", self.event.as_str());
        out.text("passport_id", &or_empty(self.passport_id));
        out.text("reason_code", self.reason_code);
        out.text("scope", scope.as_str());
        out.text("typ", "aegis-status+v1");
        out.close();
        Digest::of(&[&bytes])
    }
}

/// A chain does not hold: the first entry that is wrong, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChainBroken {
    /// Positions are not 1, 2, 3, …
    #[error("entry {expected} of the lineage is missing or out of place (found {found})")]
    Gap {
        /// The position that should have come.
        expected: u64,
        /// The position that came.
        found: u64,
    },
    /// `prev` is not the hash of the entry above.
    #[error("entry {seq} of the lineage does not follow from the one above")]
    Unlinked {
        /// The entry.
        seq: u64,
    },
    /// The entry belongs to another agent's chain.
    #[error("entry {seq} of the lineage names another agent")]
    ForeignAgent {
        /// The entry.
        seq: u64,
    },
    /// The entry is dated before the one above.
    #[error("entry {seq} of the lineage is dated before the one above")]
    Backdated {
        /// The entry.
        seq: u64,
    },
    /// Something follows the final revocation of the agent.
    #[error("entry {seq} of the lineage follows the agent's revocation")]
    AfterEnd {
        /// The entry.
        seq: u64,
    },
}

/// Recomputes a whole chain from genesis and returns its head.
///
/// # Errors
/// [`ChainBroken`] with the first entry that does not hold.
pub fn check_chain(agent_id: AgentId, entries: &[Entry]) -> Result<Head, ChainBroken> {
    let mut head = Head::GENESIS;
    let mut above: Option<&Entry> = None;
    let mut ended = false;
    for entry in entries {
        let seq = entry.seq;
        if seq != head.seq.saturating_add(1) {
            return Err(ChainBroken::Gap { expected: head.seq.saturating_add(1), found: seq });
        }
        if entry.prev != head.hash {
            return Err(ChainBroken::Unlinked { seq });
        }
        if entry.agent_id != agent_id {
            return Err(ChainBroken::ForeignAgent { seq });
        }
        if above.is_some_and(|above| entry.at < above.at) {
            return Err(ChainBroken::Backdated { seq });
        }
        // A repeated revocation may still move the effective time earlier.
        if ended && entry.event != LineageEvent::Revoke {
            return Err(ChainBroken::AfterEnd { seq });
        }
        ended = ended || (entry.event == LineageEvent::Revoke && entry.passport_id.is_none());
        head = entry.head();
        above = Some(entry);
    }
    Ok(head)
}
