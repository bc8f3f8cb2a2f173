//! An organization's own keys, and the tokens minted from keys.

use aegis_core::api_key::KeyRealm;
use aegis_core::id::ApiKeyId;
use aegis_core::limits::SKEW_SECONDS;
use aegis_core::moment::Moment;
use aegis_core::time::Timestamp;
use aegis_kernel::caller::{Organization, Scopes};
use aegis_kernel::credential::{self, ApiKey, NewKey};
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission, Refusal};
use aegis_store::{Fault, Lane, Tx};
use ipnet::IpNet;

use super::super::scopes::{self, KEYS, ScopeFlaw};
use super::super::{TOKENS, WRITES, facts};
use super::wire;

/// How long a rotated secret keeps working when nobody says otherwise.
const OVERLAP_SECONDS: i64 = 86_400;
/// How long it may keep working at most: a forgotten secret must not live for ever.
const OVERLAP_SECONDS_MAX: i64 = 7 * 86_400;

/// Why nothing is done about a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyRefused {
    /// The organization has no such key.
    #[error("the key is unknown")]
    Unknown,
    /// The key was revoked or has expired.
    #[error("the key has ended")]
    Ended,
    /// What is asked for breaks these rules.
    #[error("the key cannot be like this: {0:?}")]
    Flawed(Vec<KeyFlaw>),
}

/// One broken rule of a request about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyFlaw {
    /// It may not hold these scopes.
    Scope(ScopeFlaw),
    /// It would have expired before it was made.
    Expired,
    /// The overlap would have ended already.
    OverlapOver,
    /// The overlap would be too long; this is the last instant possible.
    OverlapTooLong(Timestamp),
}

impl Refusal for KeyRefused {}

fn flawless(flaws: Vec<KeyFlaw>) -> Result<(), KeyRefused> {
    if flaws.is_empty() { Ok(()) } else { Err(KeyRefused::Flawed(flaws)) }
}

/// The organization that calls. Permissions admit no other party to these operations.
fn own(caller: &Caller) -> Result<&Organization, KeyRefused> {
    caller.organization().ok_or(KeyRefused::Unknown)
}

fn find(tx: &mut Tx<'_>, caller: &Caller, id: ApiKeyId) -> Result<Result<ApiKey, KeyRefused>, Fault> {
    let Some(organization) = caller.organization() else { return Ok(Err(KeyRefused::Unknown)) };
    Ok(credential::find_key(tx, &organization.id, id)?.ok_or(KeyRefused::Unknown))
}

fn lane_of(id: ApiKeyId) -> Lane {
    Lane::of(&format!("api_key/{id}"))
}

/// Makes another key of the calling organization.
pub struct CreateKey {
    /// What it may do; `None`: what a first key may.
    pub scopes: Option<Vec<String>>,
    /// Networks it may be used from; empty: any.
    pub allowed_ips: Vec<IpNet>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// Which keys are good here.
    pub realm: KeyRealm,
}

impl Access for CreateKey {
    const NAME: &'static str = "account.create_key";
    const PERMISSION: Permission = Permission::any_role(KEYS);
    const RATE: RateClass = WRITES;
}

impl Operation for CreateKey {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = KeyRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::none()
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<KeyRefused> {
        let organization = own(caller)?;
        let asked = self.scopes.as_deref().unwrap_or_default();
        let scopes = scopes::flaws(asked, organization.ids.keys()).into_iter().map(KeyFlaw::Scope);
        let over = self.expires_at.is_some_and(|end| end <= at.now());
        flawless(scopes.chain(over.then_some(KeyFlaw::Expired)).collect())?;
        let new = NewKey {
            organization: Some(organization.id.clone()),
            scopes: match &self.scopes {
                Some(asked) => Scopes::new(asked.clone()),
                None => scopes::initial(organization.ids.keys()),
            },
            allowed_ips: self.allowed_ips.clone(),
            expires_at: self.expires_at,
        };
        let (key, secret) = credential::create_key(tx, at, self.realm, new)?;
        Ok(Commit::created(&wire::KeyAnswer::first(&key, &secret, None), facts::key_created(&key))?
            .replayed_as(&wire::KeyAnswer::again(&key, None))?)
    }
}

/// Gives a key a new secret; the old one keeps working for a while.
pub struct RotateKey {
    /// Which key.
    pub id: ApiKeyId,
    /// Until when earlier secrets keep working; `None`: for a day.
    pub overlap_until: Option<Timestamp>,
    /// Which keys are good here.
    pub realm: KeyRealm,
}

impl Access for RotateKey {
    const NAME: &'static str = "account.rotate_key";
    const PERMISSION: Permission = Permission::any_role(KEYS);
    const RATE: RateClass = WRITES;
}

impl Operation for RotateKey {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = KeyRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<KeyRefused> {
        let key = find(tx, caller, self.id)??;
        let now = at.now();
        if key.revoked_at.is_some() || key.expires_at.is_some_and(|end| end <= now) {
            return Err(KeyRefused::Ended.into());
        }
        let until = self.overlap_until.unwrap_or(now.plus_seconds(OVERLAP_SECONDS));
        let latest = now.plus_seconds(OVERLAP_SECONDS_MAX);
        // A client's clock may differ: "until now" is understood even when it is a moment ago.
        let over = until < now.plus_seconds(-SKEW_SECONDS);
        let long = until > latest.plus_seconds(SKEW_SECONDS);
        let flaws = [over.then_some(KeyFlaw::OverlapOver), long.then_some(KeyFlaw::OverlapTooLong(latest))];
        flawless(flaws.into_iter().flatten().collect())?;
        let until = until.clamp(now, latest);
        let secret = credential::rotate_key(tx, at, self.realm, key.id, until)?;
        let leaf = facts::key_rotated(&key, until);
        Ok(Commit::changed(&wire::KeyAnswer::first(&key, &secret, Some(until)), leaf)?
            .replayed_as(&wire::KeyAnswer::again(&key, Some(until)))?)
    }
}

/// Revokes a key at once, and every token of it. Revoking it again changes nothing more.
pub struct RevokeKey {
    /// Which key.
    pub id: ApiKeyId,
}

impl Access for RevokeKey {
    const NAME: &'static str = "account.revoke_key";
    const PERMISSION: Permission = Permission::any_role(KEYS);
    const RATE: RateClass = WRITES;
}

impl Operation for RevokeKey {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = KeyRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<KeyRefused> {
        let key = find(tx, caller, self.id)??;
        credential::revoke_key(tx, key.id, at.now())?;
        Ok(Commit::removed(facts::key_revoked(&key)))
    }
}

/// Why no token is minted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefused {
    /// The key does not hold this scope.
    #[error("the key does not hold {0}")]
    Wider(String),
}

impl Refusal for TokenRefused {}

/// Mints a token from the calling key. Each token is one entry of the log: a credential that came into
/// being is a change like any other, and one row more is cheap beside the token's own.
pub struct MintToken {
    /// A part of the key's scopes; `None`: all of them.
    pub scopes: Option<Vec<String>>,
}

impl Access for MintToken {
    const NAME: &'static str = "account.mint_token";
    const PERMISSION: Permission = Permission::ANY_KEY;
    const RATE: RateClass = TOKENS;
}

impl Operation for MintToken {
    // The body's form is that of RFC 6749 §5.1.
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = TokenRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::none()
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<TokenRefused> {
        let scopes = match &self.scopes {
            None => caller.scopes.clone(),
            Some(asked) => Scopes::new(asked.clone()),
        };
        if let Some(wider) = scopes.names().iter().find(|scope| !caller.scopes.contains(scope)) {
            return Err(TokenRefused::Wider(wider.clone()).into());
        }
        let Some(key) = caller.key else { return Err(TokenRefused::Wider(scopes.to_string()).into()) };
        let token = credential::mint_token(tx, at, key, &scopes)?;
        let organization = caller.organization().map(|organization| organization.id.as_str());
        let leaf = facts::token_minted(key, organization, &scopes);
        Ok(Commit::changed(&wire::TokenAnswer::of(token.expose(), &scopes), leaf)?)
    }
}
