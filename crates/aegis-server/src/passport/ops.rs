//! Write use cases of passports: one struct, one transaction each.

mod issue;
mod keys;
mod limits;
mod open;
mod revoke;

pub(crate) use issue::IssuePassport;
pub(super) use issue::known;
pub(crate) use keys::{ResignKeys, RevokeKey, RotateKey};
pub(crate) use limits::SetLimits;
pub(crate) use open::Bootstrap;
pub(crate) use revoke::Revoke;
