//! Giving an operator limits of its own.

use aegis_core::moment::Moment;
use aegis_kernel::audit::Leaf;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission};
use aegis_store::{Lane, Tx};
use serde_json::json;

use crate::passport::problems::NotShown;
use crate::passport::sql;
use crate::passport::wire::Limits;

/// `PUT /registry/operators/{operator_id}/limits`.
pub(crate) struct SetLimits {
    pub(crate) operator: String,
    pub(crate) limits: Limits,
}

impl Access for SetLimits {
    const NAME: &'static str = "identity.set_limits";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = RateClass::new("limits", 600, 60);
}

impl Operation for SetLimits {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = NotShown;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of(&format!("limits/{}", self.operator))
    }

    fn run(&self, tx: &mut Tx<'_>, _: &mut Moment, _: &Caller) -> Outcome<NotShown> {
        let organization = sql::find_organization_of(tx, &self.operator)?.ok_or(NotShown::Unknown)?;
        let Limits { issue_per_hour, amend_per_hour } = self.limits;
        sql::upsert_limits(tx, &self.operator, issue_per_hour, amend_per_hour)?;
        let facts = json!({ "issue_per_hour": issue_per_hour, "amend_per_hour": amend_per_hour });
        Ok(Commit::changed(&self.limits, Leaf::done(&self.operator, Some(&organization), facts))?)
    }
}
