//! What an instance begins with: the first admin key, and in the sandbox three sample organizations.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::api_key::{ApiKeySecret, KeyRealm};
use aegis_core::crypto::digest::Digest;
use aegis_core::moment::Moment;
use aegis_kernel::caller::{Intent, Scopes};
use aegis_kernel::credential::{self, ApiKey, NewKey};
use aegis_kernel::operation::Evidence;
use aegis_kernel::organization::Agreement;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{
    Access, Call, Caller, Commit, Kernel, Operation, Outcome, Permission, Refusal, Role, Stop,
};
use aegis_store::{Cause, Fault, Lane, Tx};
use serde_json::{Value, json};

use super::facts;
use super::organizations::ops::{NewOrganization, OrganizationRefused, Registered, register};

/// Starting happens once in the life of a database; this only satisfies the form.
const STARTS: RateClass = RateClass::new("start", 60, 60);
/// The scope that admin keys carry, for people who look at a token.
const ADMIN: &str = "admin";

/// The sample organizations' ids.
const SAMPLES: [(Role, &str, &str); 3] = [
    (Role::Operator, "op_acme_corp", "Acme Corp"),
    (Role::Provider, "prov_123", "Sample Imaging Center"),
    (Role::Consumer, "cons_456", "Sample Reading Group"),
];

/// Why a start does nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum StartRefused {
    #[error("this was done before")]
    Done,
}

impl Refusal for StartRefused {}

/// Makes the first admin key. `None`: the instance has one, and nobody can be shown it again.
///
/// # Errors
/// Faults of the store.
pub async fn bootstrap_admin(kernel: &Kernel) -> Result<Option<ApiKeySecret>, Fault> {
    let realm = kernel.parts().realm;
    let Some(answer) = begin(kernel, BootstrapAdmin { realm }).await? else { return Ok(None) };
    secret(&answer, "/secret").map(Some)
}

/// The keys of a new sandbox.
#[derive(Debug, Clone)]
pub struct SandboxCredentials {
    /// The admin's key.
    pub admin_key: ApiKeySecret,
    /// The sample operator.
    pub operator: SampleOrganization,
    /// The sample provider.
    pub provider: SampleOrganization,
    /// The sample consumer.
    pub consumer: SampleOrganization,
}

/// A sample organization and its first key.
#[derive(Debug, Clone)]
pub struct SampleOrganization {
    /// Its id.
    pub id: String,
    /// Its first key.
    pub api_key: ApiKeySecret,
}

/// Makes the admin key and the three sample organizations of a sandbox. Repeated within a day, it answers the
/// same keys again, so that a crash before they were written down loses nothing. `None`: they exist, and
/// nobody can be shown their keys again.
///
/// # Errors
/// Faults of the store.
pub async fn seed_sandbox(kernel: &Kernel) -> Result<Option<SandboxCredentials>, Fault> {
    let realm = kernel.parts().realm;
    let intent = Intent { key: SeedSandbox::NAME.to_owned(), fingerprint: Digest::ZERO };
    let Some(answer) = begin_as(kernel, SeedSandbox { realm }, Some(intent)).await? else { return Ok(None) };
    let sample = |role: Role| -> Result<SampleOrganization, Fault> {
        let id = answer.pointer(&format!("/{}/id", role.name())).and_then(Value::as_str);
        Ok(SampleOrganization {
            id: id.map(str::to_owned).ok_or_else(unreadable)?,
            api_key: secret(&answer, &format!("/{}/apiKey", role.name()))?,
        })
    };
    Ok(Some(SandboxCredentials {
        admin_key: secret(&answer, "/adminKey")?,
        operator: sample(Role::Operator)?,
        provider: sample(Role::Provider)?,
        consumer: sample(Role::Consumer)?,
    }))
}

/// Runs a start as the instance itself; `None` if it was done before.
async fn begin<O: Operation<Refused = StartRefused>>(
    kernel: &Kernel,
    start: O,
) -> Result<Option<Value>, Fault> {
    begin_as(kernel, start, None).await
}

/// As [`begin`]; under an intent, a repeat within a day is told the same answer again.
async fn begin_as<O: Operation<Refused = StartRefused>>(
    kernel: &Kernel,
    start: O,
    intent: Option<Intent>,
) -> Result<Option<Value>, Fault> {
    match kernel.execute(Call::instance(intent), start).await {
        Ok(answer) => serde_json::from_slice(&answer.body).map(Some).map_err(|_| unreadable()),
        Err(failure) => failure.refusal("start the instance").map(|StartRefused::Done| None),
    }
}

fn secret(answer: &Value, pointer: &str) -> Result<ApiKeySecret, Fault> {
    let text = answer.pointer(pointer).and_then(Value::as_str).ok_or_else(unreadable)?;
    ApiKeySecret::parse(text).map(|(_, secret)| secret).map_err(|_| unreadable())
}

fn unreadable() -> Fault {
    Fault::Internal { what: "start the instance", cause: Cause::text("its answer cannot be read") }
}

fn create_admin_key(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
) -> Result<(ApiKey, ApiKeySecret), Fault> {
    let scopes = Scopes::new(vec![ADMIN.to_owned()]);
    let new = NewKey { organization: None, scopes, allowed_ips: Vec::new(), expires_at: None };
    credential::create_key(tx, at, realm, new)
}

struct BootstrapAdmin {
    realm: KeyRealm,
}

impl Access for BootstrapAdmin {
    const NAME: &'static str = "account.bootstrap_admin";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = STARTS;
}

impl Operation for BootstrapAdmin {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = StartRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("start")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<StartRefused> {
        if credential::has_admin_key(tx)? {
            return Err(StartRefused::Done.into());
        }
        let (key, secret) = create_admin_key(tx, at, self.realm)?;
        Ok(Commit::created(&json!({ "secret": secret.reveal() }), facts::admin_key_created(&key))?)
    }
}

struct SeedSandbox {
    realm: KeyRealm,
}

impl Access for SeedSandbox {
    const NAME: &'static str = "account.seed_sandbox";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = STARTS;
}

impl Operation for SeedSandbox {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = StartRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of("start")
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<StartRefused> {
        let mut samples: Vec<(Role, Registered)> = Vec::new();
        for (role, id, name) in SAMPLES {
            samples.push((role, sample(tx, at, self.realm, (role, id, name))?));
        }
        let (admin, secret) = create_admin_key(tx, at, self.realm)?;
        let mut body = json!({ "adminKey": secret.reveal() });
        for (role, made) in &samples {
            let shown = json!({ "id": made.row.id, "apiKey": made.secret.reveal() });
            if let Some(body) = body.as_object_mut() {
                body.insert(role.name().to_owned(), shown);
            }
        }
        let mut commit = Commit::created(&body, facts::admin_key_created(&admin))?;
        for (_, made) in &samples {
            commit = commit.also_logged(facts::organization_created(&made.row, &made.key));
        }
        Ok(commit)
    }
}

fn sample(
    tx: &mut Tx<'_>,
    at: &mut Moment,
    realm: KeyRealm,
    (role, id, name): (Role, &str, &str),
) -> Result<Registered, Stop<StartRefused>> {
    let new = NewOrganization {
        name: name.to_owned(),
        roles: BTreeSet::from([role]),
        country: "US".to_owned(),
        // The samples exchange studies, so each of them has signed.
        agreement: Some(Agreement { signed_at: at.now(), document_sha256: "0".repeat(64) }),
        proposed: BTreeMap::from([(role, id.to_owned())]),
    };
    register(tx, at, realm, &new).map_err(|stop| match stop {
        Stop::Refused(OrganizationRefused::IdsTaken(_) | OrganizationRefused::Unknown) => {
            Stop::Refused(StartRefused::Done)
        }
        Stop::Fault(fault) => Stop::Fault(fault),
    })
}
