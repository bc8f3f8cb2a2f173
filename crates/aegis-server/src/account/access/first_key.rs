//! The first key of an organization that asked for access: a link by mail that works once.
//!
//! The token stands in the link's fragment, which browsers do not send: it is in no access log and in no `Referer`.
//! The page behind the link asks for the key only when its reader presses the button, so that a mail scanner that
//! follows links uses nothing up. The key is made at that moment; until then there is no secret to keep.

use std::fmt;

use aegis_core::api_key::KeyRealm;
use aegis_core::checked_secret;
use aegis_core::crypto::digest::Digest;
use aegis_core::moment::Moment;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_kernel::keyring::Keyring;
use aegis_kernel::mail::{self, Letter};
use aegis_kernel::operation::Evidence;
use aegis_kernel::organization::{self, OrganizationRow};
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission, Refusal};
use aegis_store::{Fault, Lane, Tx};

use super::super::organizations::ops::first_key;
use super::super::organizations::wire::{MadeOrganization, NewOrganizationAnswer};
use super::super::{FIRST_KEYS, facts};
use super::ops::AccessRequest;
use super::sql::{self, LinkRow};

/// How long a link works.
const LINK_SECONDS: i64 = 7 * 86_400;
const PREFIX: &str = "aegis_first_";

/// The token of a link. Mailed once, never stored.
pub struct LinkToken(Secret<String>);

impl LinkToken {
    /// What stands in its place in rows.
    fn digest(&self) -> Digest {
        Digest::of(&[self.0.expose().as_bytes()])
    }

    /// Reads a token as somebody may have pasted it.
    pub fn parse(text: &str) -> Option<LinkToken> {
        let text = text.trim();
        checked_secret::check(PREFIX, text).ok()?;
        Some(LinkToken(Secret::new(text.to_owned())))
    }
}

impl fmt::Debug for LinkToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkToken(…)")
    }
}

/// Mails a new link; links mailed before for the same request die. Gives the instant until which it works.
pub(super) fn mail_link(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    keyring: &Keyring,
    origin: &str,
    request: &AccessRequest,
    row: &OrganizationRow,
) -> Result<Timestamp, Fault> {
    let token = LinkToken(checked_secret::generate(PREFIX, at.entropy()));
    let expires_at = at.now().plus_seconds(LINK_SECONDS);
    let link =
        LinkRow { digest: token.digest(), request: request.id, organization: row.id.clone(), expires_at };
    sql::delete_links(tx, request.id)?;
    sql::insert_link(tx, &link)?;
    let text = format!(
        "Your request for access was approved: {name} is {id} here.\n\n\
         Open this link to fetch its first API key. It works once, until {until}:\n\n  \
         {origin}/first-key#{token}\n\n\
         The key is shown that one time only. Keep it where you keep passwords.\n",
        name = row.name,
        id = row.id,
        until = expires_at.to_rfc3339_seconds(),
        token = token.0.expose(),
    );
    let letter = Letter {
        to: request.email.clone(),
        subject: "Your access was approved".to_owned(),
        text: Secret::new(text),
        code: Some(token.0),
        useless_at: expires_at,
    };
    mail::post(tx, at, keyring, &letter)?;
    Ok(expires_at)
}

/// Why a link gives no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LinkRefused {
    /// It never worked, was used, was replaced by a newer one, or its time is over: which, is nobody's business.
    #[error("the link does not work, or no longer")]
    Dead,
}

impl Refusal for LinkRefused {}

/// Makes the first key of the organization whose link this is.
pub struct FetchFirstKey {
    /// The token of the link.
    pub token: LinkToken,
    /// Which keys are good here.
    pub realm: KeyRealm,
}

impl Access for FetchFirstKey {
    const NAME: &'static str = "account.fetch_first_key";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = FIRST_KEYS;
}

impl Operation for FetchFirstKey {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = LinkRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of(&format!("first_key/{}", self.token.digest()))
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<LinkRefused> {
        let link = sql::find_link(tx, self.token.digest())?;
        let link = link.filter(|link| link.expires_at > at.now()).ok_or(LinkRefused::Dead)?;
        let row = organization::find(tx, &link.organization)?.ok_or(LinkRefused::Dead)?;
        let (key, secret) = first_key(tx, at, self.realm, &row)?;
        sql::delete_links(tx, link.request)?;
        let leaf = facts::first_key_fetched(link.request, &key);
        let made = MadeOrganization::first(&row, &key, &secret);
        Ok(Commit::created(&NewOrganizationAnswer::from(made), leaf)?)
    }
}
