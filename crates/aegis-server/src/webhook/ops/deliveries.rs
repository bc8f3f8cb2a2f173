//! Testing an endpoint, delivering again, and disabling an endpoint that does not work.

use aegis_core::id::{DeliveryId, EventId, WebhookId};
use aegis_core::moment::Moment;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Operation, Outcome, Permission};
use aegis_store::{Lane, Tx};

use super::super::delivery::{DeliveryState, DisabledReason};
use super::super::{ATTEMPTS_SHOWN, WEBHOOKS, WRITES, facts, sql, wire};
use super::{WebhookRefused, lane_of, own_endpoint};

/// Sends one endpoint an event that says nothing.
pub struct TestEndpoint {
    /// Which one.
    pub id: WebhookId,
}

impl Access for TestEndpoint {
    const NAME: &'static str = "webhook.test_endpoint";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for TestEndpoint {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let endpoint = own_endpoint(tx, caller, self.id)??;
        if endpoint.disabled.is_some() {
            return Err(WebhookRefused::Disabled.into());
        }
        let event: EventId = at.new_id();
        Ok(Commit::accepted(&wire::TestAnswer::of(event), facts::endpoint_tested(&endpoint))?
            .emit_as(event, facts::test_event(&endpoint)))
    }
}

/// Delivers an event to its endpoint again, at once and by the whole schedule, under the same message id. One that is
/// still being tried is tried at once.
pub struct Redeliver {
    /// Which delivery.
    pub id: DeliveryId,
}

impl Access for Redeliver {
    const NAME: &'static str = "webhook.redeliver";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for Redeliver {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::none()
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let mut delivery = sql::find_delivery(tx, self.id)?.ok_or(WebhookRefused::Unknown)?;
        let endpoint = own_endpoint(tx, caller, delivery.endpoint)??;
        if endpoint.disabled.is_some() {
            return Err(WebhookRefused::Disabled.into());
        }
        delivery.state = DeliveryState::Pending;
        delivery.tries = 0;
        delivery.due_at = at.now();
        delivery.ended_at = None;
        sql::update_delivery(tx, &delivery)?;
        let attempts = sql::list_attempts(tx, delivery.id, ATTEMPTS_SHOWN)?;
        let leaf = facts::redelivered(&delivery);
        Ok(Commit::accepted(&wire::RedeliveryAnswer::of(&delivery, &attempts), leaf)?)
    }
}

/// Disables an endpoint that asked for it or has failed for days, and tells its organization. Run by the deliverer.
pub struct DisableEndpoint {
    /// Which one.
    pub id: WebhookId,
    /// Why.
    pub reason: DisabledReason,
}

impl Access for DisableEndpoint {
    const NAME: &'static str = "webhook.disable_endpoint";
    const PERMISSION: Permission = Permission::ADMIN;
    const RATE: RateClass = RateClass::UNLIMITED;
}

impl Operation for DisableEndpoint {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<WebhookRefused> {
        let found = sql::find_endpoint(tx, self.id)?;
        let mut endpoint = found.ok_or(WebhookRefused::Unknown)?;
        if endpoint.disabled.is_some() {
            return Err(WebhookRefused::Disabled.into());
        }
        endpoint.disabled = Some(self.reason);
        sql::update_endpoint(tx, &endpoint)?;
        let cancelled = sql::cancel_deliveries(tx, endpoint.id, at.now())?;
        let leaf = facts::endpoint_disabled(&endpoint, self.reason, cancelled);
        let since = endpoint.failing_since;
        Ok(Commit::removed(leaf).emit(facts::disabled_event(
            &endpoint.organization,
            self.id,
            self.reason,
            since,
        )))
    }
}
