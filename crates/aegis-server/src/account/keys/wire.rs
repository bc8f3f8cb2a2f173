//! Keys and tokens as JSON.

use aegis_core::api_key::ApiKeySecret;
use aegis_core::limits::TOKEN_SECONDS;
use aegis_core::page::Paged;
use aegis_core::time::Timestamp;
use aegis_kernel::caller::Scopes;
use aegis_kernel::credential::{ApiKey, LastUse};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::wire::{Appended, instant, next_cursor, noted, settled};
use crate::http::{Problem, Violation};

/// A new key.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewKey {
    /// What it may do; left out: everything its organization's roles allow, but for approving.
    #[schema(nullable = false, min_items = 1, max_items = 64)]
    pub scopes: Option<Vec<ScopeName>>,
    /// Networks it may be used from (CIDR, v4 or v6, or single addresses); left out or empty: any.
    #[schema(nullable = false, max_items = 64, example = json!(["192.0.2.0/24", "2001:db8::/32"]))]
    allowed_ips: Option<Vec<String>>,
    /// When it ends by itself, RFC 3339.
    #[schema(nullable = false, format = "date-time")]
    expires_at: Option<String>,
}

/// The name of a scope: which ones a key may hold depends on its organization's roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(
    value_type = String,
    max_length = 64,
    pattern = "^(keys|audit:read|webhooks|identity:[a-z]+|exchange:[a-z-]+)$",
    example = "identity:read"
)]
pub struct ScopeName(String);

/// The names alone.
pub fn scope_names(names: Vec<ScopeName>) -> Vec<String> {
    names.into_iter().map(|name| name.0).collect()
}

/// The parts of [`NewKey`] that need reading.
pub struct KeyBounds {
    /// Networks it may be used from; empty: any.
    pub allowed_ips: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl NewKey {
    /// Reads networks and expiry.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` with everything that is neither.
    pub fn bounds(&self) -> Result<KeyBounds, Problem> {
        let mut violations = Vec::new();
        let networks = self.allowed_ips.as_deref().unwrap_or_default().iter().enumerate();
        let allowed_ips =
            networks.filter_map(|(index, text)| noted(&mut violations, Some(network(index, text)))).collect();
        let expires_at = self.expires_at.as_deref().map(|text| instant("/expiresAt", text));
        let expires_at = noted(&mut violations, expires_at);
        settled(KeyBounds { allowed_ips, expires_at }, violations)
    }
}

fn network(index: usize, text: &str) -> Result<IpNet, Violation> {
    let single = || text.parse::<std::net::IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
    text.parse::<IpNet>().ok().or_else(single).map(|network| network.trunc()).ok_or_else(|| {
        let message = "A network is written like 192.0.2.0/24 or 2001:db8::/32.";
        Violation::new(format!("/allowedIps/{index}"), "cidr", message)
    })
}

/// How a key is rotated.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rotation {
    /// Until when the old secret keeps working, RFC 3339: at most seven days; left out: for 24 hours.
    #[schema(nullable = false, format = "date-time")]
    overlap_until: Option<String>,
}

impl Rotation {
    /// Reads the instant.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` if it is none.
    pub fn read(&self) -> Result<Option<Timestamp>, Problem> {
        let read = self.overlap_until.as_deref().map(|text| instant("/overlapUntil", text)).transpose();
        read.map_err(|violation| Problem::validation(vec![violation]))
    }
}

/// A key with its new secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyAnswer {
    /// Its public name.
    #[schema(example = "key_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// The key itself. Shown once: a replay of the request does not have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, example = "ak_test_…")]
    secret: Option<String>,
    /// `false` in a replay, where the secret is left out; absent in the first answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret_shown: Option<bool>,
    /// What it may do.
    scopes: Vec<String>,
    /// Networks it may be used from; empty: any.
    allowed_ips: Vec<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    expires_at: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// Until when the secret before this one keeps working.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    overlap_until: Option<String>,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl KeyAnswer {
    /// The one answer that shows the secret.
    pub fn first(key: &ApiKey, secret: &ApiKeySecret, overlap_until: Option<Timestamp>) -> KeyAnswer {
        KeyAnswer::with(key, Some(secret.reveal().to_owned()), overlap_until)
    }

    /// What a replay answers.
    pub fn again(key: &ApiKey, overlap_until: Option<Timestamp>) -> KeyAnswer {
        KeyAnswer::with(key, None, overlap_until)
    }

    fn with(key: &ApiKey, secret: Option<String>, overlap_until: Option<Timestamp>) -> KeyAnswer {
        KeyAnswer {
            id: key.id.to_string(),
            secret_shown: secret.is_none().then_some(false),
            secret,
            scopes: key.scopes.names().to_vec(),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            expires_at: key.expires_at.map(Timestamp::to_rfc3339_millis),
            created_at: key.created_at.to_rfc3339_millis(),
            overlap_until: overlap_until.map(Timestamp::to_rfc3339_millis),
            log_entry: Appended::LATER,
        }
    }
}

/// One key, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ListedKey {
    /// Its public name.
    #[schema(example = "key_019e099acb007b6a9d0e1f2031425364")]
    id: String,
    /// What it may do.
    scopes: Vec<String>,
    /// Networks it may be used from; empty: any.
    allowed_ips: Vec<String>,
    /// When it ends by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    expires_at: Option<String>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// When it was last used, directly or through a token; absent if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    last_used_at: Option<String>,
    /// When it was revoked; absent while it works.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, format = "date-time")]
    revoked_at: Option<String>,
}

/// A page of keys, newest first, revoked ones too.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct KeyList {
    keys: Vec<ListedKey>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl KeyList {
    /// Shows a page; `recent` are the uses that are not written yet.
    pub fn of(paged: &Paged<ApiKey>, recent: &LastUse) -> KeyList {
        let listed = |key: &ApiKey| ListedKey {
            id: key.id.to_string(),
            scopes: key.scopes.names().to_vec(),
            allowed_ips: key.allowed_ips.iter().map(ToString::to_string).collect(),
            expires_at: key.expires_at.map(Timestamp::to_rfc3339_millis),
            created_at: key.created_at.to_rfc3339_millis(),
            last_used_at: recent.of(key.id).or(key.last_used_at).map(Timestamp::to_rfc3339_millis),
            revoked_at: key.revoked_at.map(Timestamp::to_rfc3339_millis),
        };
        KeyList { keys: paged.items.iter().map(listed).collect(), next_cursor: next_cursor(paged) }
    }
}

/// What a token is to be good for.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// A part of the key's scopes; left out: all of them.
    #[schema(nullable = false, min_items = 1, max_items = 64)]
    pub scopes: Option<Vec<ScopeName>>,
}

/// A bearer token (RFC 6749 §5.1).
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenAnswer {
    /// Send it as `Authorization: Bearer`.
    access_token: String,
    /// Always `Bearer`.
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// Seconds until it ends.
    #[schema(example = 900)]
    expires_in: i64,
    /// What it may do, separated by spaces.
    #[schema(example = "identity:read identity:issue")]
    scope: String,
}

impl TokenAnswer {
    /// Shows a new token.
    pub fn of(token: &str, scopes: &Scopes) -> TokenAnswer {
        TokenAnswer {
            access_token: token.to_owned(),
            token_type: "Bearer",
            expires_in: TOKEN_SECONDS,
            scope: scopes.to_string(),
        }
    }
}
