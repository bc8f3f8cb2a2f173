//! The Identity endpoints: decode, call, encode.

mod registry;
mod verify;

use std::sync::Arc;

use aegis_kernel::Kernel;
use aegis_kernel::caller::Role;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Registry;
use super::ops::{IssuePassport, Revoke};
use super::wire::{IssueRequest, PassportBody, RevokeRequest, Revoked};
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, Json, Problem, ProblemCode, Reply};

/// All routes of this slice.
pub(crate) fn routes() -> OpenApiRouter<App> {
    use ProblemCode::{
        AgentIdTaken, AgentNameTaken, AgentNotActive, CapabilityAttestationInvalid, ClockUnsafe,
        DelegationExceeded, DescendantsExist, IdempotencyConflict, NotFound, OperatorMismatch,
        ParentNotUsable, PassportLimit, PolicyPackUnknown, PolicyPackViolation,
    };
    let issuing = [
        NotFound,
        OperatorMismatch,
        AgentIdTaken,
        AgentNameTaken,
        AgentNotActive,
        PassportLimit,
        ParentNotUsable,
        CapabilityAttestationInvalid,
        PolicyPackUnknown,
        PolicyPackViolation,
        DelegationExceeded,
        IdempotencyConflict,
        ClockUnsafe,
    ];
    OpenApiRouter::new()
        .routes(open_to(Audience::KeyHolder, &issuing, routes!(issue)))
        .routes(open_to(
            Audience::KeyHolder,
            &[NotFound, DescendantsExist, IdempotencyConflict, ClockUnsafe],
            routes!(revoke),
        ))
        .merge(verify::routes())
        .merge(registry::routes())
}

/// Issue a passport.
///
/// Vouches for one agent: the answer is the signed document itself and can be posted to verify as it is.
/// Registered, chained into the agent's lineage and logged in one transaction. Ten per hour and API key unless
/// your operator has another limit; repeat safely with an `Idempotency-Key`.
#[utoipa::path(
    post,
    path = "/api/agent/issue",
    operation_id = "identity_issue",
    tag = "Identity",
    request_body = IssueRequest,
    responses((status = 201, description = "The passport.", body = PassportBody))
)]
async fn issue(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    caller: Authenticated<IssuePassport>,
    Json(body, digest): Json<IssueRequest>,
) -> Result<Reply, Problem> {
    if caller.caller.id_in(Role::Operator) != Some(body.operator()) {
        return Err(Problem::new(
            ProblemCode::OperatorMismatch,
            "`operator_id` must be the operator your API key belongs to.",
        ));
    }
    let issuance = body.parse()?;
    let operation = IssuePassport { kernel: kernel.clone(), registry, issuance };
    Ok(kernel.execute(caller.with_body(digest), operation).await?.into())
}

/// Revoke an agent or a passport.
///
/// With `agent_id` alone the agent and all its passports end for good; with `passport_id` that passport only.
/// Descendants end with them. No verification that starts after the answer says valid. There is no way back.
#[utoipa::path(
    post,
    path = "/registry/revoke",
    operation_id = "identity_revoke",
    tag = "Identity",
    request_body = RevokeRequest,
    responses((status = 200, description = "What was revoked, now or before.", body = Revoked))
)]
async fn revoke(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    caller: Authenticated<Revoke>,
    Json(body, digest): Json<RevokeRequest>,
) -> Result<Reply, Problem> {
    let target = body.target()?;
    let operation = Revoke {
        registry,
        target,
        ask: body.ask(&target),
        reason: body.reason,
        reason_public: body.reason_public,
        dry_run: body.dry_run,
    };
    Ok(kernel.execute(caller.with_body(digest), operation).await?.into())
}
