//! Organizations as JSON.

use std::collections::{BTreeMap, BTreeSet};

use aegis_core::api_key::ApiKeySecret;
use aegis_core::page::Paged;
use aegis_kernel::Role;
use aegis_kernel::credential::ApiKey;
use aegis_kernel::organization::{Agreement, OrganizationRow};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::wire::{Appended, instant, next_cursor, noted, settled};
use super::ops::{self, Suspension};
use crate::http::{Problem, Violation};

/// What an organization does here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum RoleName {
    /// Answers for agents.
    Operator,
    /// Holds studies.
    Provider,
    /// Asks for studies.
    Consumer,
    /// Reads what others did.
    Auditor,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Role {
        match name {
            RoleName::Operator => Role::Operator,
            RoleName::Provider => Role::Provider,
            RoleName::Consumer => Role::Consumer,
            RoleName::Auditor => Role::Auditor,
        }
    }
}

impl From<Role> for RoleName {
    fn from(role: Role) -> RoleName {
        match role {
            Role::Operator => RoleName::Operator,
            Role::Provider => RoleName::Provider,
            Role::Consumer => RoleName::Consumer,
            Role::Auditor => RoleName::Auditor,
        }
    }
}

/// An organization's id in each of its roles.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Ids {
    /// Its id as operator.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^op_[a-z0-9][a-z0-9_-]{1,61}$", example = "op_acme_corp")]
    operator: Option<String>,
    /// Its id as provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^prov_[a-z0-9][a-z0-9_-]{1,61}$", example = "prov_123")]
    provider: Option<String>,
    /// Its id as consumer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^cons_[a-z0-9][a-z0-9_-]{1,61}$", example = "cons_456")]
    consumer: Option<String>,
    /// Its id as auditor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, pattern = "^aud_[a-z0-9][a-z0-9_-]{1,61}$", example = "aud_vdl")]
    auditor: Option<String>,
}

impl Ids {
    pub(in super::super) fn of(ids: &BTreeMap<Role, String>) -> Ids {
        let id = |role| ids.get(&role).cloned();
        Ids {
            operator: id(Role::Operator),
            provider: id(Role::Provider),
            consumer: id(Role::Consumer),
            auditor: id(Role::Auditor),
        }
    }

    pub(in super::super) fn read(self) -> BTreeMap<Role, String> {
        let Ids { operator, provider, consumer, auditor } = self;
        Role::ALL
            .into_iter()
            .zip([operator, provider, consumer, auditor])
            .filter_map(|(role, id)| Some((role, id?)))
            .collect()
    }
}

/// A business associate agreement on file.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Baa {
    /// When it was signed, RFC 3339.
    #[schema(format = "date-time", example = "2026-01-15T00:00:00Z")]
    signed_at: String,
    /// SHA-256 of the signed document: 64 lower-case hexadecimal characters.
    #[schema(pattern = "^(sha256:)?[0-9a-f]{64}$")]
    document_sha256: String,
}

impl Baa {
    pub(in super::super) fn of(agreement: &Agreement) -> Baa {
        Baa {
            signed_at: agreement.signed_at.to_rfc3339_millis(),
            document_sha256: agreement.document_sha256.clone(),
        }
    }

    pub(in super::super) fn read(self) -> Result<Agreement, Violation> {
        let signed_at = instant("/baa/signedAt", &self.signed_at)?;
        let document_sha256 = self.document_sha256.trim_start_matches("sha256:").to_owned();
        Ok(Agreement { signed_at, document_sha256 })
    }
}

/// A new organization.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewOrganization {
    /// How it is called; no control characters.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f]+$", example = "Acme Corp")]
    name: String,
    /// What it does here; roles combine freely.
    #[schema(min_items = 1, max_items = 4)]
    roles: Vec<RoleName>,
    /// ISO 3166-1 alpha-2 country code.
    #[schema(pattern = "^[A-Z]{2}$", example = "US")]
    country: String,
    /// The business associate agreement on file.
    #[schema(nullable = false)]
    baa: Option<Baa>,
    /// Ids it is to have; of roles left out here, one is made.
    #[schema(nullable = false)]
    ids: Option<Ids>,
}

impl NewOrganization {
    /// What the organization is to be.
    ///
    /// # Errors
    /// `VALIDATION_ERROR` for an unreadable instant, or an id of a role it does not have.
    pub fn read(self) -> Result<ops::NewOrganization, Problem> {
        let mut violations = Vec::new();
        let roles: BTreeSet<Role> = self.roles.into_iter().map(Role::from).collect();
        let proposed = self.ids.unwrap_or_default().read();
        for role in proposed.keys().filter(|role| !roles.contains(role)) {
            let role = role.name();
            let message = format!("`ids.{role}` needs the role `{role}`.");
            violations.push(Violation::new(format!("/ids/{role}"), "role", message));
        }
        let agreement = noted(&mut violations, self.baa.map(Baa::read));
        let (name, country) = (self.name, self.country);
        settled(ops::NewOrganization { name, roles, country, agreement, proposed }, violations)
    }
}

/// A change of an organization.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(min_properties = 1)]
pub struct OrganizationChange {
    /// A new name; no control characters.
    #[schema(nullable = false, min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1f\x7f]+$")]
    pub name: Option<String>,
    /// `true` stops everything of the organization at once; `false` lets it act again.
    #[schema(nullable = false)]
    suspended: Option<bool>,
}

impl OrganizationChange {
    /// What becomes of the organization, if anything.
    pub fn suspension(&self) -> Option<Suspension> {
        self.suspended.map(|suspended| if suspended { Suspension::Suspended } else { Suspension::Lifted })
    }
}

/// One organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationAnswer {
    /// Its own id: the id of its first role.
    #[schema(example = "op_acme_corp")]
    id: String,
    ids: Ids,
    /// How it is called.
    name: String,
    /// What it does here.
    roles: Vec<RoleName>,
    /// ISO 3166-1 alpha-2 country code.
    country: String,
    /// The business associate agreement on file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    baa: Option<Baa>,
    /// Whether everything of it is stopped.
    suspended: bool,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    /// The log entry of this change; absent when nothing was changed.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    log_entry: Appended,
}

impl OrganizationAnswer {
    /// Shows a row.
    pub fn of(row: &OrganizationRow) -> OrganizationAnswer {
        OrganizationAnswer {
            id: row.id.clone(),
            ids: Ids::of(&row.ids),
            name: row.name.clone(),
            roles: role_names(row.ids.keys()),
            country: row.country.clone(),
            baa: row.agreement.as_ref().map(Baa::of),
            suspended: row.suspended,
            created_at: row.created_at.to_rfc3339_millis(),
            log_entry: Appended::LATER,
        }
    }
}

pub(in super::super) fn role_names<'r>(roles: impl IntoIterator<Item = &'r Role>) -> Vec<RoleName> {
    roles.into_iter().map(|role| RoleName::from(*role)).collect()
}

/// A page of organizations, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrganizationList {
    organizations: Vec<OrganizationAnswer>,
    /// Give it as `cursor` to go on; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    next_cursor: Option<String>,
}

impl OrganizationList {
    /// Shows a page.
    pub fn of(paged: &Paged<OrganizationRow>) -> OrganizationList {
        OrganizationList {
            organizations: paged.items.iter().map(OrganizationAnswer::of).collect(),
            next_cursor: next_cursor(paged),
        }
    }
}

/// The first key of a new organization.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FirstKey {
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
}

/// An organization that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct MadeOrganization {
    /// Its own id: the id of its first role.
    id: String,
    ids: Ids,
    /// How it is called.
    name: String,
    /// What it does here.
    roles: Vec<RoleName>,
    /// ISO 3166-1 alpha-2 country code.
    country: String,
    /// The business associate agreement on file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    baa: Option<Baa>,
    /// When it was made.
    #[schema(format = "date-time")]
    created_at: String,
    api_key: FirstKey,
}

/// A new organization with its first key.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewOrganizationAnswer {
    #[serde(flatten)]
    made: MadeOrganization,
    /// The log entry that proves this.
    #[serde(skip_serializing_if = "Appended::by_kernel")]
    #[schema(required = true)]
    log_entry: Appended,
}

impl MadeOrganization {
    /// The one answer that shows the secret.
    pub fn first(row: &OrganizationRow, key: &ApiKey, secret: &ApiKeySecret) -> MadeOrganization {
        MadeOrganization::with(row, key, Some(secret.reveal().to_owned()))
    }

    /// What a replay answers.
    pub fn again(row: &OrganizationRow, key: &ApiKey) -> MadeOrganization {
        MadeOrganization::with(row, key, None)
    }

    fn with(row: &OrganizationRow, key: &ApiKey, secret: Option<String>) -> MadeOrganization {
        MadeOrganization {
            id: row.id.clone(),
            ids: Ids::of(&row.ids),
            name: row.name.clone(),
            roles: role_names(row.ids.keys()),
            country: row.country.clone(),
            baa: row.agreement.as_ref().map(Baa::of),
            created_at: row.created_at.to_rfc3339_millis(),
            api_key: FirstKey {
                id: key.id.to_string(),
                secret_shown: secret.is_none().then_some(false),
                secret,
                scopes: key.scopes.names().to_vec(),
            },
        }
    }
}

impl From<MadeOrganization> for NewOrganizationAnswer {
    fn from(made: MadeOrganization) -> NewOrganizationAnswer {
        NewOrganizationAnswer { made, log_entry: Appended::LATER }
    }
}
