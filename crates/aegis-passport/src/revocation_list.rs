//! The published revocation list, its deltas, and the stream's events: members only; [`crate::signed`] signs
//! them.

use aegis_core::crypto::digest::Digest;
use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;
use serde_json::{Map, Value};

use crate::closed_set::closed_set;
use crate::facts::RevocationReason;
use crate::ids::PassportId;
use crate::lineage::StatusScope;
use crate::revoke::PublicReason;

/// Seconds an expired passport stays on the list, so that clocks may differ and readers may lag.
pub const EXPIRED_KEPT_SECONDS: i64 = 86_400;

closed_set! {
    /// Why a passport is on the list.
    ListedStatus {
        /// For ever.
        Revoked = "revoked",
        /// For now.
        Suspended = "suspended",
        /// Another took its place.
        Superseded = "superseded",
    }
}

closed_set! {
    /// What a delta or the stream reports.
    StatusChange {
        /// It is revoked, or revoked from an earlier instant.
        Revoked = "revoked",
        /// It is suspended.
        Suspended = "suspended",
        /// It is no longer suspended.
        Reinstated = "reinstated",
        /// Another took its place.
        Superseded = "superseded",
    }
}

/// One passport on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPassport {
    /// Its agent.
    pub agent_id: AgentId,
    /// Its id.
    pub passport_id: PassportId,
    /// Why it is listed.
    pub status: ListedStatus,
    /// Whether the whole agent is meant.
    pub scope: StatusScope,
    /// When that was recorded.
    pub revoked_at: Timestamp,
    /// From when it holds.
    pub effective_from: Timestamp,
    /// Why, from the closed set.
    pub reason_code: RevocationReason,
    /// Why, in the operator's words for everybody.
    pub reason_public: Option<PublicReason>,
    /// End of the passport's life.
    pub expires_at: Timestamp,
    /// When a suspension ended; only snapshots list those.
    pub reinstated_at: Option<Timestamp>,
    /// Sequence number of the change.
    pub sequence: u64,
}

impl ListedPassport {
    /// Whether a list as of `as_of` still carries it.
    pub fn is_listed(&self, as_of: Timestamp) -> bool {
        self.expires_at > as_of.plus_seconds(-EXPIRED_KEPT_SECONDS)
    }

    /// The entry of the list.
    pub fn members(&self) -> Map<String, Value> {
        let mut members = Map::new();
        let mut put = |name: &str, value: Value| members.insert(name.to_owned(), value);
        put("agent_id", self.agent_id.to_string().into());
        put("passport_id", self.passport_id.to_string().into());
        put("status", self.status.as_str().into());
        put("scope", self.scope.as_str().into());
        put("revoked_at", self.revoked_at.to_string().into());
        put("effective_from", self.effective_from.to_string().into());
        put("reason_code", self.reason_code.as_str().into());
        if let Some(reason) = &self.reason_public {
            put("reason_public", reason.as_str().into());
        }
        put("expires_at", self.expires_at.to_string().into());
        if let Some(reinstated_at) = self.reinstated_at {
            put("reinstated_at", reinstated_at.to_string().into());
        }
        put("sequence", self.sequence.into());
        members
    }
}

/// The instants and versions every status document states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatusHead {
    /// Everything up to here is known.
    pub as_of: Timestamp,
    /// A newer one will exist by then.
    pub next_update: Timestamp,
    /// The last status change.
    pub sequence: u64,
    /// The version of the key history.
    pub keys_version: u64,
}

impl StatusHead {
    fn put_into(&self, members: &mut Map<String, Value>) {
        members.insert("as_of".into(), self.as_of.to_string().into());
        members.insert("next_update".into(), self.next_update.to_string().into());
        members.insert("sequence".into(), self.sequence.into());
        members.insert("keys_version".into(), self.keys_version.into());
    }
}

/// The whole list. `listed` is in order of sequence; revoked passports always appear, the others when
/// `include` names them. `count` counts what is shown.
pub fn list_members(
    listed: &[ListedPassport],
    include: &[ListedStatus],
    head: &StatusHead,
) -> Map<String, Value> {
    let shown = |passport: &&ListedPassport| {
        let wanted = passport.status == ListedStatus::Revoked || include.contains(&passport.status);
        wanted && passport.reinstated_at.is_none() && passport.is_listed(head.as_of)
    };
    let entries: Vec<Value> =
        listed.iter().filter(shown).map(|passport| Value::Object(passport.members())).collect();
    let mut members = Map::new();
    members.insert("count".into(), entries.len().into());
    members.insert("revocations".into(), Value::Array(entries));
    head.put_into(&mut members);
    members
}

/// The changes after sequence `since`, in order; `count` is that of the full list.
pub fn delta_members(
    events: &[(StatusChange, ListedPassport)],
    since: u64,
    count: usize,
    head: &StatusHead,
) -> Map<String, Value> {
    let event = |(change, passport): &(StatusChange, ListedPassport)| {
        let mut members = passport.members();
        members.insert("event".into(), change.as_str().into());
        Value::Object(members)
    };
    let mut members = Map::new();
    members.insert("count".into(), count.into());
    members.insert("events".into(), events.iter().map(event).collect());
    members.insert("since".into(), since.into());
    head.put_into(&mut members);
    members
}

/// One change on the stream.
pub fn event_members(
    change: StatusChange,
    passport: &ListedPassport,
    prev_sequence: u64,
    as_of: Timestamp,
) -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("entry".into(), Value::Object(passport.members()));
    members.insert("event".into(), change.as_str().into());
    members.insert("sequence".into(), passport.sequence.into());
    members.insert("prev_sequence".into(), prev_sequence.into());
    members.insert("as_of".into(), as_of.to_string().into());
    members
}

/// Nothing changed on the stream.
pub fn heartbeat_members(head: &StatusHead, keys_digest: &Digest) -> Map<String, Value> {
    let mut members = Map::new();
    head.put_into(&mut members);
    members.insert("keys_digest".into(), keys_digest.to_string().into());
    members
}

#[cfg(test)]
mod tests {
    use aegis_core::entropy::Entropy;
    use aegis_core::moment::Moment;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn listed(status: ListedStatus, expires_at: i64, sequence: u64) -> ListedPassport {
        let seed = u8::try_from(sequence).unwrap();
        let mut moment = Moment::new(at(1), Entropy::from_seed([seed; 32]));
        ListedPassport {
            agent_id: moment.new_id(),
            passport_id: moment.new_id(),
            status,
            scope: StatusScope::Passport,
            revoked_at: at(100),
            effective_from: at(90),
            reason_code: RevocationReason::Unspecified,
            reason_public: None,
            expires_at: at(expires_at),
            reinstated_at: None,
            sequence,
        }
    }

    fn head(as_of: i64) -> StatusHead {
        StatusHead { as_of: at(as_of), next_update: at(as_of + 30), sequence: 3, keys_version: 1 }
    }

    /// Revoked ones stay until a day after their expiry; the others only appear when asked for.
    #[test]
    fn lists_what_matters() {
        let all = [
            listed(ListedStatus::Revoked, 1000, 1),
            listed(ListedStatus::Suspended, 1000, 2),
            listed(ListedStatus::Superseded, 1000, 3),
        ];
        let count =
            |include: &[ListedStatus], as_of| list_members(&all, include, &head(as_of))["count"].clone();
        assert_eq!(count(&[], 500), 1);
        assert_eq!(count(&[ListedStatus::Suspended, ListedStatus::Superseded], 500), 3);
        assert_eq!(count(&[], 1000 + EXPIRED_KEPT_SECONDS - 1), 1);
        assert_eq!(count(&[], 1000 + EXPIRED_KEPT_SECONDS), 0);
    }

    /// Invariant 10 in miniature: the list at one sequence, changed by the delta, is the list at the next.
    #[test]
    fn list_and_delta_agree() {
        let first = listed(ListedStatus::Revoked, 1000, 1);
        let second = listed(ListedStatus::Revoked, 1000, 2);
        let delta = delta_members(&[(StatusChange::Revoked, second.clone())], 1, 2, &head(500));
        let full = list_members(&[first.clone(), second], &[], &head(500));
        let mut event = delta["events"][0].as_object().unwrap().clone();
        assert_eq!(event.remove("event").unwrap(), "revoked");
        assert_eq!(full["revocations"][1], Value::Object(event));
        assert_eq!(delta["count"], full["count"]);
        let streamed = event_members(StatusChange::Revoked, &first, 0, at(500));
        assert_eq!(streamed["entry"], full["revocations"][0]);
        assert!(heartbeat_members(&head(500), &Digest::ZERO)["keys_digest"].is_string());
    }
}
