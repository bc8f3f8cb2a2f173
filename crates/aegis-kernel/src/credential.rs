//! API keys and the short tokens minted from them: hashes only, looked up, never compared in clear.

pub(crate) mod sql;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard};

use aegis_core::api_key::{ApiKeySecret, KeyRealm};
use aegis_core::crypto::digest::Digest;
use aegis_core::encoding::to_base64url;
use aegis_core::id::ApiKeyId;
use aegis_core::limits::TOKEN_SECONDS;
use aegis_core::moment::Moment;
use aegis_core::page::{Page, Paged};
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_store::{Fault, Tx};
use ipnet::IpNet;

use crate::caller::{Caller, Party, Scopes};
use crate::kernel::Rejection;

/// What a request presented to show who it is.
#[derive(Debug)]
pub enum Presented {
    /// An `ak_…` key.
    ApiKey(String),
    /// A bearer token minted from one, or the key itself.
    Bearer(String),
}

/// An API key without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its public name.
    pub id: ApiKeyId,
    /// Whose it is; `None`: the instance's admin.
    pub organization: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// Networks it may be used from; empty: any.
    pub allowed_ips: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to the minute or so.
    pub last_used_at: Option<Timestamp>,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
}

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Whose; `None`: the instance's admin.
    pub organization: Option<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// Networks it may be used from; empty: any.
    pub allowed_ips: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

/// Makes a key and its first secret. The secret is returned here and never again.
///
/// # Errors
/// Faults of the store.
pub fn create_key(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    new: NewKey,
) -> Result<(ApiKey, ApiKeySecret), Fault> {
    let key = ApiKey {
        id: at.new_id(),
        organization: new.organization,
        scopes: new.scopes,
        allowed_ips: new.allowed_ips,
        expires_at: new.expires_at,
        created_at: at.now(),
        last_used_at: None,
        revoked_at: None,
    };
    sql::insert_key(tx, &key)?;
    let secret = add_secret(tx, at, realm, key.id)?;
    Ok((key, secret))
}

/// Gives a key a new secret; earlier ones keep working until `overlap_until`.
///
/// # Errors
/// Faults of the store.
pub fn rotate_key(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    id: ApiKeyId,
    overlap_until: Timestamp,
) -> Result<ApiKeySecret, Fault> {
    sql::expire_secrets(tx, id, overlap_until)?;
    add_secret(tx, at, realm, id)
}

fn add_secret(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    id: ApiKeyId,
) -> Result<ApiKeySecret, Fault> {
    let secret = ApiKeySecret::generate(realm, at.entropy());
    let hint = aegis_core::api_key::hint(&secret).to_string();
    sql::insert_secret(tx, secret.digest(), id, &hint, at.now())?;
    Ok(secret)
}

/// Revokes a key at once, and with it every secret and token of it.
///
/// # Errors
/// Faults of the store.
pub fn revoke_key(tx: &mut Tx<'_>, id: ApiKeyId, now: Timestamp) -> Result<(), Fault> {
    sql::revoke_key(tx, id, now)?;
    sql::delete_tokens_of(tx, id)
}

/// One key of an organization.
///
/// # Errors
/// Faults of the store.
pub fn find_key(tx: &mut Tx<'_>, organization: &str, id: ApiKeyId) -> Result<Option<ApiKey>, Fault> {
    sql::find_key(tx, organization, id)
}

/// Whether the instance has a key of its own that was not revoked.
///
/// # Errors
/// Faults of the store.
pub fn has_admin_key(tx: &mut Tx<'_>) -> Result<bool, Fault> {
    sql::has_admin_key(tx)
}

/// An organization's keys, newest first.
///
/// # Errors
/// Faults of the store.
pub fn list_keys(tx: &mut Tx<'_>, organization: &str, page: &Page) -> Result<Paged<ApiKey>, Fault> {
    let rows = sql::list_keys(tx, organization, page)?;
    Ok(page.cut(rows, |key| key.id.to_string()))
}

/// Mints a token good for 15 minutes from a key, with `scopes` (a subset of the key's).
///
/// # Errors
/// Faults of the store.
pub fn mint_token(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    key: ApiKeyId,
    scopes: &Scopes,
) -> Result<Secret<String>, Fault> {
    let token = format!("{TOKEN_PREFIX}{}", to_base64url(&at.entropy().bytes::<32>()));
    let expires_at = at.now().plus_seconds(TOKEN_SECONDS);
    sql::insert_token(tx, Digest::of(&[token.as_bytes()]), key, scopes, expires_at)?;
    Ok(Secret::new(token))
}

/// Permanent prefix of bearer tokens, for secret scanners.
const TOKEN_PREFIX: &str = "at_";

/// Finds out who presented a credential.
///
/// # Errors
/// Inside: [`Rejection`] when it is unknown, expired, revoked, of another kind of instance, or used from a
/// network its key does not allow. Outside: faults of the store.
pub fn authenticate(
    tx: &mut Tx<'_>,
    realm: KeyRealm,
    presented: &Presented,
    address: IpAddr,
    now: Timestamp,
) -> Result<Result<Caller, Rejection>, Fault> {
    let found = match presented {
        Presented::Bearer(text) if text.starts_with(TOKEN_PREFIX) => {
            sql::find_by_token(tx, Digest::of(&[text.as_bytes()]), now)?.ok_or(UNKNOWN_TOKEN)
        }
        Presented::ApiKey(text) | Presented::Bearer(text) => by_key(tx, realm, text, now)?,
    };
    let (key, scopes) = match found {
        Ok(found) => found,
        Err(why) => return Ok(Err(Rejection::Unauthorized { why })),
    };
    if key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= now) {
        return Ok(Err(Rejection::Unauthorized { why: "The API key was revoked or has expired." }));
    }
    let address = address.to_canonical();
    if !key.allowed_ips.is_empty() && !key.allowed_ips.iter().any(|network| network.contains(&address)) {
        return Ok(Err(Rejection::AddressNotAllowed));
    }
    let party = match &key.organization {
        Some(id) => Party::Organization(sql::find_organization(tx, id)?),
        None => Party::Instance,
    };
    Ok(Ok(Caller { party, key: Some(key.id), scopes }))
}

const UNKNOWN_TOKEN: &str =
    "The bearer token is unknown or has expired; mint a new one with POST /v1/auth/token.";

type Found = Result<(ApiKey, Scopes), &'static str>;

fn by_key(tx: &mut Tx<'_>, realm: KeyRealm, text: &str, now: Timestamp) -> Result<Found, Fault> {
    let secret = match ApiKeySecret::parse(text) {
        Err(aegis_core::api_key::NotAKey::Form) => {
            return Ok(Err("The credential is no API key: expected ak_live_… or ak_test_…."));
        }
        Err(aegis_core::api_key::NotAKey::Checksum) => {
            return Ok(Err("The API key was mistyped or cut: its checksum does not match."));
        }
        Ok((presented, _)) if presented != realm => {
            return Ok(Err(match realm {
                KeyRealm::Live => "This is a production instance: it takes ak_live_ keys, not ak_test_ keys.",
                KeyRealm::Test => "This is a sandbox: it takes ak_test_ keys, not ak_live_ keys.",
            }));
        }
        Ok((_, secret)) => secret,
    };
    let found = sql::find_by_secret(tx, secret.digest(), now)?;
    Ok(found.map(|key| (key.clone(), key.scopes)).ok_or("The API key is unknown or was rotated out."))
}

/// Remembers when keys were used here, to be written together now and then. Nothing is forgotten when it is written:
/// whoever read the row a moment before the write still finds the newest use here.
#[derive(Debug, Default)]
pub struct LastUse(Mutex<HashMap<ApiKeyId, Use>>);

#[derive(Debug, Clone, Copy)]
struct Use {
    at: Timestamp,
    written: bool,
}

impl LastUse {
    /// Notes a use.
    pub fn note(&self, key: ApiKeyId, now: Timestamp) {
        self.uses().insert(key, Use { at: now, written: false });
    }

    /// When `key` was used in this process, written or not.
    pub fn of(&self, key: ApiKeyId) -> Option<Timestamp> {
        self.uses().get(&key).map(|used| used.at)
    }

    /// The uses that are not written yet.
    pub fn unwritten(&self) -> HashMap<ApiKeyId, Timestamp> {
        let uses = self.uses();
        uses.iter().filter(|(_, used)| !used.written).map(|(key, used)| (*key, used.at)).collect()
    }

    /// Notes that these were written.
    pub fn written(&self, written: &HashMap<ApiKeyId, Timestamp>) {
        for (key, used) in self.uses().iter_mut() {
            used.written = used.written || written.get(key) == Some(&used.at);
        }
    }

    fn uses(&self) -> MutexGuard<'_, HashMap<ApiKeyId, Use>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
