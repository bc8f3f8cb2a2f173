//! What a receiver gets for one event: the same bytes with every attempt and for every receiver.

use aegis_kernel::outbox::StoredEvent;
use serde_json::Value;

/// The body: `{"type":…,"timestamp":…,"data":…}`. The instant is that of the commit, in whole seconds.
pub(super) fn body(event: &StoredEvent) -> String {
    let kind = Value::from(event.kind.as_str());
    let timestamp = Value::from(event.at.to_rfc3339_seconds());
    // The payload is JSON text as the outbox wrote it.
    format!(r#"{{"type":{kind},"timestamp":{timestamp},"data":{}}}"#, event.payload)
}

#[cfg(test)]
mod tests {
    use aegis_core::id::EventId;
    use aegis_core::time::Timestamp;

    use super::*;

    /// The contract's example, byte for byte.
    #[test]
    fn writes_the_contracts_body() {
        let event = StoredEvent {
            id: EventId::parse("evt_019e099acb007b6a9d0e1f2031425364").unwrap(),
            kind: "transfer.delivered".to_owned(),
            organization: None,
            subject: "tr_01".to_owned(),
            at: Timestamp::parse_rfc3339("2026-11-21T17:40:00Z").unwrap(),
            payload: r#"{"transferId":"tr_01"}"#.to_owned(),
            position: Some(1),
        };
        let expected = r#"{"type":"transfer.delivered","timestamp":"2026-11-21T17:40:00Z","data":{"transferId":"tr_01"}}"#;
        assert_eq!(body(&event), expected);
    }
}
