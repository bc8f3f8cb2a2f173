//! Endpoints as JSON, and what all shapes of this slice share.

pub mod delivery;
pub mod event;

use aegis_core::id::EventId;
use aegis_core::page::{Page, Paged, encode_cursor};
use aegis_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::delivery::DisabledReason;
use super::ops::EndpointChange;
use super::queries::ShownEndpoint;
use super::signature::{SigningSecret, shown_public_key};
use super::subscription::Subscription;
pub use delivery::{DeliveryList, RedeliveryAnswer, TestAnswer};
pub use event::{EventBody, EventList, StreamQuery};

use crate::http::{Problem, Violation, read_page, unknown_cursor};
use crate::outbound::{Rules, Target};
use crate::query_parameters;

/// Where the kernel appends the id of the entry that proves a change: described here, written there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogEntry, value_type = String, example = "log_019e099acb007b6a9d0e1f2031425364")]
pub struct Appended(());

impl Appended {
    /// Nothing yet.
    const LATER: Appended = Appended(());

    /// Never written by us.
    const fn by_kernel(&self) -> bool {
        matches!(self, Appended(()))
    }
}

/// The kind of an event: `noun.past_tense`; `*` stands for all, also those to come.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(
    value_type = String,
    max_length = 64,
    pattern = r"^(\*|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+)$",
    example = "passport.issued"
)]
pub struct EventKind(String);

fn subscription(kinds: Vec<EventKind>) -> Result<Subscription, Violation> {
    let message = "`events` must name at least one kind of event, or `*` for all.";
    Subscription::of(kinds.into_iter().map(|kind| kind.0).collect())
        .ok_or_else(|| Violation::new("/events", "minItems", message))
}

/// A URL that may be called, as it was written.
fn callable(url: String, rules: &Rules) -> Result<String, Violation> {
    Target::parse(&url, rules)
        .map(|_| url)
        .map_err(|flaw| Violation::new("/url", flaw.rule(), format!("`url` cannot be called: {flaw}.")))
}

/// The host of a URL that was read before, for the log.
pub(super) fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#']).next().unwrap_or_default().to_ascii_lowercase()
}

/// A new endpoint.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewEndpoint {
    /// Where events are posted to: `https`, port 443 or one that this instance permits, no user name, no fragment, and
    /// no private address. A sandbox also takes `http` to its own machine.
    #[schema(min_length = 1, max_length = 2048, example = "https://example.org/hooks/aegis")]
    pub url: String,
    /// Which kinds of events; `*` for all.
    #[schema(min_items = 1, max_items = 64)]
    events: Vec<EventKind>,
    /// What you call it.
    #[schema(nullable = false, max_length = 200)]
    description: Option<String>,
    /// Whether an event waits until those before it about the same subject arrived or were given up; `false` if left out.
    #[schema(nullable = false)]
    ordered: Option<bool>,
    /// Whether deliveries carry an Ed25519 signature (`v1a`) beside the HMAC (`v1`), for receivers that must not be able
    /// to sign themselves; `false` if left out.
    #[schema(nullable = false)]
    asymmetric: Option<bool>,
}

/// What a new endpoint is to be.
pub struct NewEndpointParts {
    /// Where it is; it may be called.
    pub url: String,
    /// What it wants.
    pub events: Subscription,
    /// What its organization calls it.
    pub description: Option<String>,
    /// Whether order is kept per subject.
    pub ordered: bool,
    /// Whether `v1a` signatures are made as well.
    pub asymmetric: bool,
}

impl NewEndpoint {
    /// Reads what a schema cannot check.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with everything that is wrong.
    pub fn read(self, rules: &Rules) -> Result<NewEndpointParts, Problem> {
        match (callable(self.url, rules), subscription(self.events)) {
            (Ok(url), Ok(events)) => Ok(NewEndpointParts {
                url,
                events,
                description: self.description.filter(|text| !text.is_empty()),
                ordered: self.ordered.unwrap_or(false),
                asymmetric: self.asymmetric.unwrap_or(false),
            }),
            (url, events) => Err(Problem::validation(url.err().into_iter().chain(events.err()).collect())),
        }
    }
}

/// What of an endpoint is to change; what is left out stays.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct EndpointPatch {
    /// Where events are posted to from now on, retries of earlier ones included.
    #[schema(
        nullable = false,
        min_length = 1,
        max_length = 2048,
        example = "https://example.org/hooks/aegis"
    )]
    url: Option<String>,
    /// Which kinds of events from now on; `*` for all.
    #[schema(nullable = false, min_items = 1, max_items = 64)]
    events: Option<Vec<EventKind>>,
    /// What you call it; empty takes the description away.
    #[schema(nullable = false, max_length = 200)]
    description: Option<String>,
    /// Whether order is kept per subject.
    #[schema(nullable = false)]
    ordered: Option<bool>,
    /// Whether deliveries carry an Ed25519 signature as well.
    #[schema(nullable = false)]
    asymmetric: Option<bool>,
    /// `false` disables: what waits is cancelled, and what happens meanwhile is not sent later (the events can be read).
    /// `true` enables again.
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

impl EndpointPatch {
    /// Reads what a schema cannot check.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with everything that is wrong.
    pub fn read(self, rules: &Rules) -> Result<EndpointChange, Problem> {
        let url = self.url.map(|url| callable(url, rules)).transpose();
        let events = self.events.map(subscription).transpose();
        match (url, events) {
            (Ok(url), Ok(events)) => Ok(EndpointChange {
                url,
                events,
                description: self.description,
                ordered: self.ordered,
                asymmetric: self.asymmetric,
                enabled: self.enabled,
            }),
            (url, events) => Err(Problem::validation(url.err().into_iter().chain(events.err()).collect())),
        }
    }
}

/// A webhook endpoint.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointBody {
    /// Its id.
    #[schema(example = "whk_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// Where events are posted to.
    #[schema(example = "https://example.org/hooks/aegis")]
    url: String,
    /// Which kinds of events; `*` for all.
    events: Vec<String>,
    /// What you call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    description: Option<String>,
    /// Whether order is kept per subject.
    ordered: bool,
    /// Whether deliveries carry an Ed25519 signature as well.
    asymmetric: bool,
    /// The public keys of the Ed25519 signatures, newest first: two while a rotated secret still signs. Absent unless
    /// `asymmetric`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(nullable = false, example = json!(["whpk_…"]))]
    public_keys: Vec<String>,
    /// Whether it gets events.
    enabled: bool,
    /// Why it gets none: `owner` (you disabled it), `gone` (it answered 410), `failing` (five days without a success).
    /// Absent while it is enabled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "gone")]
    disabled_reason: Option<&'static str>,
    /// The first failure since its last success; absent while it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    failing_since: Option<String>,
    /// Until when the secret before the present one signs beside it; absent when only one does.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    overlap_until: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
}

impl EndpointBody {
    /// Shows an endpoint.
    pub fn of(shown: &ShownEndpoint) -> EndpointBody {
        let endpoint = &shown.endpoint;
        let keys = shown.public_keys.iter().filter(|_| endpoint.asymmetric);
        EndpointBody {
            id: endpoint.id.to_string(),
            url: shown.url.clone(),
            events: endpoint.events.names(),
            description: endpoint.description.clone(),
            ordered: endpoint.ordered,
            asymmetric: endpoint.asymmetric,
            public_keys: keys.map(shown_public_key).collect(),
            enabled: endpoint.disabled.is_none(),
            disabled_reason: endpoint.disabled.map(DisabledReason::name),
            failing_since: endpoint.failing_since.map(Timestamp::to_rfc3339_millis),
            overlap_until: shown.overlap_until.map(Timestamp::to_rfc3339_millis),
            created_at: endpoint.created_at.to_rfc3339_millis(),
        }
    }
}

/// A webhook endpoint after a change.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointAnswer {
    #[serde(flatten)]
    endpoint: EndpointBody,
    /// The new signing secret, after creating and rotating. Shown once: a replay of the request does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "whsec_…")]
    secret: Option<String>,
    /// `false` in a replay, where the secret is left out; absent otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret_shown: Option<bool>,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl EndpointAnswer {
    /// The one answer that shows the secret.
    pub fn first(shown: &ShownEndpoint, secret: &SigningSecret) -> EndpointAnswer {
        EndpointAnswer { secret: Some(secret.reveal().expose().clone()), ..EndpointAnswer::changed(shown) }
    }

    /// What a replay answers instead.
    pub fn again(shown: &ShownEndpoint) -> EndpointAnswer {
        EndpointAnswer { secret_shown: Some(false), ..EndpointAnswer::changed(shown) }
    }

    /// After a change that made no secret.
    pub fn changed(shown: &ShownEndpoint) -> EndpointAnswer {
        EndpointAnswer {
            endpoint: EndpointBody::of(shown),
            secret: None,
            secret_shown: None,
            log_entry: Appended::LATER,
        }
    }
}

/// A page of endpoints, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct EndpointList {
    webhooks: Vec<EndpointBody>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl EndpointList {
    /// Shows a page.
    pub fn of(paged: &Paged<ShownEndpoint>) -> EndpointList {
        EndpointList {
            webhooks: paged.items.iter().map(EndpointBody::of).collect(),
            next_cursor: paged.next.as_deref().map(encode_cursor),
        }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// Objects of a page; 50 if left out.
    #[schema(nullable = false, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    #[schema(nullable = false, max_length = 512)]
    cursor: Option<String>,
}
query_parameters!(PageQuery);

impl PageQuery {
    /// The page asked for.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a cursor that no list gave out.
    pub fn page(&self) -> Result<Page, Problem> {
        Ok(read_page(self.limit, self.cursor.as_deref())?)
    }

    /// The event to go on after, and how many to read.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for a cursor that no list of events gave out.
    pub fn events(&self) -> Result<(Option<EventId>, i64), Problem> {
        let page = self.page()?;
        let after = page.after().map(|key| EventId::parse(key).ok_or_else(unknown_cursor)).transpose()?;
        Ok((after, page.fetch_count().saturating_sub(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The log names the host alone, whatever else the URL holds.
    #[test]
    fn the_log_names_the_host() {
        assert_eq!(host_of("https://Example.org/hooks/T0P/secret?key=1"), "example.org");
        assert_eq!(host_of("http://127.0.0.1:4000/x"), "127.0.0.1:4000");
    }
}
