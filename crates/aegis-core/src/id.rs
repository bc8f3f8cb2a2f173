//! Prefixed, time-ordered ids, typed by what they name.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

use uuid::Uuid;

use crate::encoding::from_hex;

/// What a kind of id looks like.
pub trait IdKind {
    /// The prefix with its underscore, for example `agent_`.
    const PREFIX: &'static str;
}

/// A prefix and the 32 hexadecimal characters of a UUID (RFC 9562); new ones are `UUIDv7`.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K: IdKind> Id<K> {
    /// Names the object with this UUID.
    pub const fn from_uuid(uuid: Uuid) -> Id<K> {
        Id(uuid, PhantomData)
    }

    /// Parses prefix + 32 lower-case hex of an RFC 9562 UUID of version 4 or 7.
    pub fn parse(text: &str) -> Option<Id<K>> {
        let uuid = Uuid::from_bytes(from_hex(text.strip_prefix(K::PREFIX)?)?);
        let standard = uuid.get_variant() == uuid::Variant::RFC4122;
        (standard && matches!(uuid.get_version_num(), 4 | 7)).then_some(Id::from_uuid(uuid))
    }
}

impl<K> Id<K> {
    /// The 128 bits, for keys of in-memory indexes.
    pub const fn as_u128(&self) -> u128 {
        self.0.as_u128()
    }

    /// The UUID behind the prefix.
    pub const fn uuid(&self) -> Uuid {
        self.0
    }
}

impl<K: IdKind> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", K::PREFIX, self.0.simple())
    }
}

impl<K: IdKind> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> Hash for Id<K> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}

/// Declares kinds of ids: `id_kinds! { /// An agent. Agent = "agent_"; }`.
#[macro_export]
macro_rules! id_kinds {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {}
        impl $crate::id::IdKind for $name {
            const PREFIX: &'static str = $prefix;
        }
    )+};
}

id_kinds! {
    /// One entity across all families: software that acts for an operator.
    AgentKind = "agent_";
    /// One entry of the log.
    LogEntryKind = "log_";
    /// An API key's public name; the secret is another thing.
    ApiKeyKind = "key_";
    /// One event of the outbox.
    EventKind = "evt_";
    /// One request for access.
    AccessRequestKind = "acr_";
    /// A receiver of events that an organization named.
    WebhookKind = "whk_";
    /// One event for one receiver.
    DeliveryKind = "whd_";
    /// One letter.
    MailKind = "mail_";
}

/// Names an agent.
pub type AgentId = Id<AgentKind>;
/// Names an entry of the log.
pub type LogEntryId = Id<LogEntryKind>;
/// Names an API key.
pub type ApiKeyId = Id<ApiKeyKind>;
/// Names an event.
pub type EventId = Id<EventKind>;
/// Names a request for access.
pub type AccessRequestId = Id<AccessRequestKind>;
/// Names a webhook endpoint.
pub type WebhookId = Id<WebhookKind>;
/// Names a delivery.
pub type DeliveryId = Id<DeliveryKind>;
/// Names a letter.
pub type MailId = Id<MailKind>;

#[cfg(test)]
mod tests {
    use super::*;

    /// The contract's example agent survives; other prefixes, cases, versions and lengths do not.
    #[test]
    fn parses_strictly() {
        let text = "agent_019e099acb007b6a9d0e1f2031425364";
        assert_eq!(AgentId::parse(text).unwrap().to_string(), text);
        for bad in [
            "pp_019e099acb007b6a9d0e1f2031425364",
            "agent_019E099acb007b6a9d0e1f2031425364",
            "agent_",
            "agent_019e099acb001b6a9d0e1f2031425364",
            "agent_019e099acb007b6acd0e1f2031425364",
            "agent_019e099acb007b6a9d0e1f20314253640",
        ] {
            assert_eq!(AgentId::parse(bad), None, "{bad}");
        }
    }
}
