//! Naming, changing and forgetting endpoints, and giving them new secrets.

use aegis_core::id::WebhookId;
use aegis_core::moment::Moment;
use aegis_kernel::operation::Evidence;
use aegis_kernel::rate::RateClass;
use aegis_kernel::{Access, Caller, Commit, Kernel, Operation, Outcome, Permission};
use aegis_store::{Lane, Tx};

use super::super::delivery::{DisabledReason, Endpoint};
use super::super::subscription::Subscription;
use super::super::{ENDPOINTS_MAX, WEBHOOKS, WRITES, facts, queries, sealed, sql, wire};
use super::{WebhookRefused, lane_of, own_endpoint};

/// How long a rotated secret goes on signing beside the new one.
const OVERLAP_SECONDS: i64 = 86_400;

/// Names an endpoint of the calling organization.
pub struct CreateEndpoint {
    /// Where it is; read and judged before.
    pub url: String,
    /// What it wants.
    pub events: Subscription,
    /// What the organization calls it.
    pub description: Option<String>,
    /// Whether order is kept per subject.
    pub ordered: bool,
    /// Whether `v1a` signatures are made as well.
    pub asymmetric: bool,
    /// Whose key-encryption key seals.
    pub kernel: Kernel,
}

impl Access for CreateEndpoint {
    const NAME: &'static str = "webhook.create_endpoint";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for CreateEndpoint {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = WebhookRefused;

    fn lane(&self, caller: &Caller) -> Lane {
        // Endpoints are counted, so those of one organization are made one after another.
        Lane::of(&format!("webhooks/{}", caller.actor()))
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let organization = caller.organization().ok_or(WebhookRefused::Unknown)?;
        let count = sql::count_endpoints(tx, &organization.id)?;
        if count >= ENDPOINTS_MAX {
            return Err(WebhookRefused::TooMany(count).into());
        }
        let kek = self.kernel.parts().keyring.kek();
        let id: WebhookId = at.new_id();
        let endpoint = Endpoint {
            id,
            organization: organization.id.clone(),
            sealed_url: sealed::seal_url(kek, at.entropy(), id, &self.url)?,
            description: self.description.clone(),
            events: self.events.clone(),
            ordered: self.ordered,
            asymmetric: self.asymmetric,
            disabled: None,
            failing_since: None,
            created_at: at.now(),
        };
        sql::insert_endpoint(tx, &endpoint)?;
        let (secret, row) = sealed::new_secret(kek, at.entropy(), id, 1)?;
        sql::insert_secret(tx, id, &row)?;
        let shown = queries::show(tx, kek, at.now(), endpoint)?;
        let leaf = facts::endpoint_set(&shown.endpoint, &wire::host_of(&self.url));
        Ok(Commit::created(&wire::EndpointAnswer::first(&shown, &secret), leaf)?
            .replayed_as(&wire::EndpointAnswer::again(&shown))?
            .at_location(format!("/v1/webhooks/{id}")))
    }
}

/// What of an endpoint is to change; `None` stays.
#[derive(Debug, Clone, Default)]
pub struct EndpointChange {
    /// Where it is; read and judged before.
    pub url: Option<String>,
    /// What it wants.
    pub events: Option<Subscription>,
    /// What the organization calls it; inside: nothing.
    pub description: Option<String>,
    /// Whether order is kept per subject.
    pub ordered: Option<bool>,
    /// Whether `v1a` signatures are made as well.
    pub asymmetric: Option<bool>,
    /// Whether it gets events.
    pub enabled: Option<bool>,
}

/// Changes, enables or disables an endpoint.
pub struct UpdateEndpoint {
    /// Which one.
    pub id: WebhookId,
    /// What is to change.
    pub change: EndpointChange,
    /// Whose key-encryption key seals.
    pub kernel: Kernel,
}

impl Access for UpdateEndpoint {
    const NAME: &'static str = "webhook.update_endpoint";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for UpdateEndpoint {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let mut endpoint = own_endpoint(tx, caller, self.id)??;
        let kek = self.kernel.parts().keyring.kek();
        let change = self.change.clone();
        if let Some(url) = &change.url {
            endpoint.sealed_url = sealed::seal_url(kek, at.entropy(), endpoint.id, url)?;
        }
        endpoint.events = change.events.unwrap_or(endpoint.events);
        // An empty description takes the old one away.
        let described = change.description.map(|text| Some(text).filter(|text| !text.is_empty()));
        endpoint.description = described.unwrap_or(endpoint.description);
        endpoint.ordered = change.ordered.unwrap_or(endpoint.ordered);
        endpoint.asymmetric = change.asymmetric.unwrap_or(endpoint.asymmetric);
        match change.enabled {
            Some(true) if endpoint.disabled.is_some() => {
                endpoint.disabled = None;
                endpoint.failing_since = None;
            }
            Some(false) if endpoint.disabled.is_none() => {
                endpoint.disabled = Some(DisabledReason::Owner);
                sql::cancel_deliveries(tx, endpoint.id, at.now())?;
            }
            Some(_) | None => {}
        }
        sql::update_endpoint(tx, &endpoint)?;
        let shown = queries::show(tx, kek, at.now(), endpoint)?;
        let leaf = facts::endpoint_set(&shown.endpoint, &wire::host_of(&shown.url));
        Ok(Commit::changed(&wire::EndpointAnswer::changed(&shown), leaf)?)
    }
}

/// Forgets an endpoint, its secrets and its deliveries. The events stay readable.
pub struct DeleteEndpoint {
    /// Which one.
    pub id: WebhookId,
}

impl Access for DeleteEndpoint {
    const NAME: &'static str = "webhook.delete_endpoint";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for DeleteEndpoint {
    const EVIDENCE: Evidence = Evidence::Headers;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, _: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let endpoint = own_endpoint(tx, caller, self.id)??;
        sql::delete_attempts(tx, endpoint.id)?;
        sql::delete_deliveries(tx, endpoint.id)?;
        sql::delete_secrets(tx, endpoint.id)?;
        sql::delete_endpoint(tx, endpoint.id)?;
        Ok(Commit::removed(facts::endpoint_deleted(&endpoint)))
    }
}

/// Gives an endpoint a new secret. The one before signs for a day longer; an older one, whose own day is not over, ends
/// at once, so that never more than two sign.
pub struct RotateSecret {
    /// Which endpoint.
    pub id: WebhookId,
    /// Whose key-encryption key seals.
    pub kernel: Kernel,
}

impl Access for RotateSecret {
    const NAME: &'static str = "webhook.rotate_secret";
    const PERMISSION: Permission = Permission::any_role(WEBHOOKS);
    const RATE: RateClass = WRITES;
}

impl Operation for RotateSecret {
    const EVIDENCE: Evidence = Evidence::Camel;
    type Refused = WebhookRefused;

    fn lane(&self, _: &Caller) -> Lane {
        lane_of(self.id)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, caller: &Caller) -> Outcome<WebhookRefused> {
        let endpoint = own_endpoint(tx, caller, self.id)??;
        let kek = self.kernel.parts().keyring.kek();
        let until = at.now().plus_seconds(OVERLAP_SECONDS);
        let newest = sql::list_secrets(tx, endpoint.id, at.now())?.first().map_or(0, |row| row.version);
        sql::delete_secrets_below(tx, endpoint.id, newest)?;
        sql::update_secret_expiry(tx, endpoint.id, newest, until)?;
        let (secret, row) = sealed::new_secret(kek, at.entropy(), endpoint.id, newest.saturating_add(1))?;
        sql::insert_secret(tx, endpoint.id, &row)?;
        let shown = queries::show(tx, kek, at.now(), endpoint)?;
        let leaf = facts::secret_rotated(&shown.endpoint, until);
        Ok(Commit::changed(&wire::EndpointAnswer::first(&shown, &secret), leaf)?
            .replayed_as(&wire::EndpointAnswer::again(&shown))?)
    }
}
