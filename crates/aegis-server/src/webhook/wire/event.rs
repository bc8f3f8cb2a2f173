//! Events as JSON, by polling and in streams.

use aegis_core::id::EventId;
use aegis_core::page::encode_cursor;
use aegis_kernel::outbox::StoredEvent;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::http::{Problem, Violation};
use crate::query_parameters;

/// One event, as webhooks deliver it, with its id.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventBody {
    /// Its id: the `webhook-id` of its messages.
    #[schema(example = "evt_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// Its kind.
    #[schema(example = "passport.issued")]
    r#type: String,
    /// When it was committed, in whole seconds.
    #[schema(format = "date-time")]
    timestamp: String,
    /// What happened; its members depend on the kind.
    #[schema(value_type = Object)]
    data: Value,
}

impl EventBody {
    /// Shows an event.
    pub fn of(event: &StoredEvent) -> EventBody {
        EventBody {
            id: event.id.to_string(),
            r#type: event.kind.clone(),
            timestamp: event.at.to_rfc3339_seconds(),
            // Written by the outbox from a value, so it can be read.
            data: serde_json::from_str(&event.payload).unwrap_or_default(),
        }
    }
}

/// Events in the order in which they can be read, oldest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EventList {
    events: Vec<EventBody>,
    /// Give it as `cursor` to go on, now or later: what happens meanwhile follows. Absent only before the first event.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl EventList {
    /// Shows events; `after` is where they began.
    pub fn of(events: &[StoredEvent], after: Option<EventId>) -> EventList {
        let last = events.last().map(|event| event.id).or(after);
        EventList {
            events: events.iter().map(EventBody::of).collect(),
            next_cursor: last.map(|id| encode_cursor(&id.to_string())),
        }
    }
}

/// Where a stream begins.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StreamQuery {
    /// Begin after this event. The header `Last-Event-ID`, which browsers send when they come back, wins over it. Without
    /// either the stream begins with the next event.
    #[schema(
        nullable = false,
        pattern = "^evt_[0-9a-f]{32}$",
        example = "evt_019e099acb007b6a9d0e1f2031425364"
    )]
    after: Option<String>,
}
query_parameters!(StreamQuery);

impl StreamQuery {
    /// The event to go on after; `header` is the last one the client has seen, by its header.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for what is no id of an event.
    pub fn after(&self, header: Option<&str>) -> Result<Option<EventId>, Problem> {
        let header = header.filter(|text| !text.is_empty());
        let (text, place) = match (header, self.after.as_deref()) {
            (Some(text), _) => (text, ""),
            (None, Some(text)) => (text, "/after"),
            (None, None) => return Ok(None),
        };
        let message =
            "The event to go on after must be the id of an event: evt_ and 32 hexadecimal characters.";
        Ok(Some(EventId::parse(text).ok_or_else(|| Violation::new(place, "event", message))?))
    }
}
