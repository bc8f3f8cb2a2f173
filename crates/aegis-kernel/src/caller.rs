//! Who calls, and what they may do.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use aegis_core::crypto::digest::Digest;
use aegis_core::id::ApiKeyId;

use crate::kernel::Rejection;

/// What an organization does here. Roles combine freely; each has its own id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Answers for agents.
    Operator,
    /// Holds studies.
    Provider,
    /// Asks for studies.
    Consumer,
    /// Reads what others did.
    Auditor,
}

impl Role {
    /// All roles, in the order in which an organization's own id is chosen.
    pub const ALL: [Role; 4] = [Role::Operator, Role::Provider, Role::Consumer, Role::Auditor];

    /// The name used on the wire and in rows.
    pub const fn name(self) -> &'static str {
        match self {
            Role::Operator => "operator",
            Role::Provider => "provider",
            Role::Consumer => "consumer",
            Role::Auditor => "auditor",
        }
    }

    /// The prefix of ids in this role.
    pub const fn id_prefix(self) -> &'static str {
        match self {
            Role::Operator => "op_",
            Role::Provider => "prov_",
            Role::Consumer => "cons_",
            Role::Auditor => "aud_",
        }
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// Named sets of permissions that a key holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scopes(Vec<String>);

impl Scopes {
    /// Sorted and without repetition.
    pub fn new(mut names: Vec<String>) -> Scopes {
        names.sort();
        names.dedup();
        Scopes(names)
    }

    /// Reads the space-separated form of rows.
    pub fn parse(text: &str) -> Scopes {
        Scopes::new(text.split_whitespace().map(str::to_owned).collect())
    }

    /// Whether `scope` is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.0.iter().any(|name| name == scope)
    }

    /// The names, ascending.
    pub fn names(&self) -> &[String] {
        &self.0
    }
}

/// Writes the space-separated form.
impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

/// The organization a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// Its own id: the id of its first role.
    pub id: String,
    /// Its id in each role.
    pub ids: BTreeMap<Role, String>,
    /// Everything of a suspended organization stops.
    pub suspended: bool,
}

/// Which kind of party calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Party {
    /// Nobody we know: public operations only.
    Anonymous,
    /// The admin of this instance.
    Instance,
    /// An organization.
    Organization(Organization),
}

/// The party of one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Which kind of party.
    pub party: Party,
    /// The key that was presented, directly or through a token minted from it.
    pub key: Option<ApiKeyId>,
    /// What the key (or the narrower token) may do.
    pub scopes: Scopes,
}

/// The actor that log entries name for the instance itself.
pub const INSTANCE: &str = "instance";

/// The actor that log entries name for somebody without a credential.
pub const ANONYMOUS: &str = "anonymous";

impl Caller {
    /// Somebody without a credential.
    pub fn anonymous() -> Caller {
        Caller { party: Party::Anonymous, key: None, scopes: Scopes::default() }
    }

    /// The instance acting on its own behalf: start-up and jobs.
    pub fn instance() -> Caller {
        Caller { party: Party::Instance, key: None, scopes: Scopes::default() }
    }

    /// Whether this is an admin of the instance.
    pub fn is_admin(&self) -> bool {
        self.party == Party::Instance
    }

    /// The organization that calls, if it is one.
    pub fn organization(&self) -> Option<&Organization> {
        if let Party::Organization(organization) = &self.party { Some(organization) } else { None }
    }

    /// This caller's id in `role`.
    pub fn id_in(&self, role: Role) -> Option<&str> {
        self.organization()?.ids.get(&role).map(String::as_str)
    }

    /// The id that rows and log entries name.
    pub fn actor(&self) -> &str {
        match &self.party {
            Party::Anonymous => ANONYMOUS,
            Party::Instance => INSTANCE,
            Party::Organization(organization) => &organization.id,
        }
    }

    /// Checks that this caller holds `permission`.
    ///
    /// # Errors
    /// [`Rejection::Forbidden`] naming what is missing; [`Rejection::Suspended`] for a stopped organization.
    pub fn require(&self, permission: Permission) -> Result<(), Rejection> {
        let held = match &self.party {
            Party::Anonymous => permission.admits_anyone,
            Party::Instance => permission.admits_admin || permission.admits_anyone,
            Party::Organization(organization) if organization.suspended => return Err(Rejection::Suspended),
            Party::Organization(_) => permission.admits_anyone || self.holds(permission),
        };
        if held { Ok(()) } else { Err(Rejection::Forbidden { needed: permission }) }
    }

    fn holds(&self, permission: Permission) -> bool {
        let in_role = permission.role.is_none_or(|role| self.id_in(role).is_some());
        let scoped = permission.scope.is_some_and(|scope| self.scopes.contains(scope));
        let auditing = permission.admits_auditor && self.id_in(Role::Auditor).is_some();
        (in_role && scoped) || auditing || permission.admits_any_key
    }
}

/// The right to run one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each names one kind of party that is admitted besides")]
pub struct Permission {
    /// The role the organization must have; `None`: any.
    pub role: Option<Role>,
    /// The scope its key must hold; `None`: no organization may, only the admin.
    pub scope: Option<&'static str>,
    /// Whether the instance's admin may as well.
    pub admits_admin: bool,
    /// Whether an appointed auditor may as well.
    pub admits_auditor: bool,
    /// Whether any organization may, whatever its key holds.
    pub admits_any_key: bool,
    /// Whether no credential is needed.
    pub admits_anyone: bool,
}

impl Permission {
    /// Only the instance's admin.
    pub const ADMIN: Permission = Permission::of(None, None).or_admin();

    /// Everybody; no credential is read.
    pub const PUBLIC: Permission = {
        let mut public = Permission::of(None, None);
        public.admits_anyone = true;
        public
    };

    /// Whoever has a key of this instance.
    pub const ANY_KEY: Permission = {
        let mut any = Permission::ADMIN;
        any.admits_any_key = true;
        any
    };

    const fn of(role: Option<Role>, scope: Option<&'static str>) -> Permission {
        Permission {
            role,
            scope,
            admits_admin: false,
            admits_auditor: false,
            admits_any_key: false,
            admits_anyone: false,
        }
    }

    /// An organization in `role` whose key holds `scope`.
    pub const fn role(role: Role, scope: &'static str) -> Permission {
        Permission::of(Some(role), Some(scope))
    }

    /// Any organization whose key holds `scope`.
    pub const fn any_role(scope: &'static str) -> Permission {
        Permission::of(None, Some(scope))
    }

    /// The same, or the admin.
    #[must_use]
    pub const fn or_admin(mut self) -> Permission {
        self.admits_admin = true;
        self
    }

    /// The same, or an auditor.
    #[must_use]
    pub const fn or_auditor(mut self) -> Permission {
        self.admits_auditor = true;
        self
    }
}

/// Says what is needed, for the message of a refusal.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.role, self.scope) {
            (Some(role), Some(scope)) => {
                write!(f, "a key of an organization with role `{}` and scope `{scope}`", role.name())
            }
            (None, Some(scope)) => write!(f, "a key with scope `{scope}`"),
            (_, None) => f.write_str("an admin key of this instance"),
        }
    }
}

/// A client's name for one intent, and the digest of the request it named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The `Idempotency-Key`.
    pub key: String,
    /// Digest of method, path and canonical body.
    pub fingerprint: Digest,
}

/// One authenticated request.
#[derive(Debug, Clone)]
pub struct Call {
    /// Who calls.
    pub caller: Caller,
    /// Present when the client named its intent.
    pub intent: Option<Intent>,
    /// Where the request came from.
    pub address: IpAddr,
}

impl Call {
    /// The instance acting on its own behalf: start-up and jobs.
    pub fn instance(intent: Option<Intent>) -> Call {
        Call { caller: Caller::instance(), intent, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
    }
}
