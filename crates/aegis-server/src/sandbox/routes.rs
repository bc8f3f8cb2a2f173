//! Paths of this slice: decode, call, encode.

use aegis_kernel::Caller;
use aegis_kernel::job::{Job as _, Report};
use aegis_kernel::mail;
use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use super::ops::{AdvanceClock, ResetLimits};
use super::wire;
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, ClientAddress, Found, Json, Problem, ProblemCode, Query, Reply};

/// Rounds over all jobs in one tick; jobs that find work for each other for ever are a defect.
const ROUNDS_MAX: u32 = 10_000;

/// Letters of one answer, unless more are asked for.
const LETTERS_SHOWN: u32 = 50;

/// Every path of this slice. To be mounted in a sandbox only.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(local(routes!(get_clock, advance_clock)))
        .routes(local(routes!(list_faults, arm_fault, clear_faults)))
        .routes(local(routes!(mailbox)))
        .routes(local(routes!(tick)))
        .routes(local(routes!(reset_limits)))
}

/// Described as open to anyone, but not opened to web pages: no page may move the clock of a visitor.
fn local((schemas, paths, methods): UtoipaMethodRouter<App>) -> UtoipaMethodRouter<App> {
    let described = (schemas, paths, methods.clone());
    let (schemas, paths, _) = open_to(Audience::Anyone, &[ProblemCode::NotFound], described);
    (schemas, paths, methods)
}

/// A request from this very machine; any other finds nothing here.
struct Local;

impl FromRequestParts<App> for Local {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Local, Problem> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, app).await?;
        if address.to_canonical().is_loopback() { Ok(Local) } else { Err(Problem::not_found()) }
    }
}

/// Read the clock.
#[utoipa::path(
    get,
    path = "/sandbox/clock",
    operation_id = "sandbox_get_clock",
    tag = "Sandbox",
    responses((status = 200, description = "What the clock shows.", body = wire::ClockAnswer))
)]
async fn get_clock(_: Local, State(app): State<App>) -> Found<wire::ClockAnswer> {
    Found(wire::ClockAnswer::of(app.kernel.now()))
}

/// Move the clock forward.
///
/// Windows, expiries, limits and jobs follow. The clock keeps its lead over a restart and never runs
/// backwards.
#[utoipa::path(
    post,
    path = "/sandbox/clock",
    operation_id = "sandbox_advance_clock",
    tag = "Sandbox",
    request_body = wire::ClockChange,
    responses((status = 200, description = "What the clock shows now.", body = wire::ClockAnswer))
)]
async fn advance_clock(
    _: Local,
    State(app): State<App>,
    caller: Authenticated<AdvanceClock>,
    Json(body, digest): Json<wire::ClockChange>,
) -> Result<Reply, Problem> {
    let advance = AdvanceClock { forward: body.read()?, kernel: app.kernel.clone() };
    let mut call = caller.with_body(digest);
    call.caller = Caller::instance();
    Ok(app.kernel.execute(call, advance).await?.into())
}

/// List armed faults.
#[utoipa::path(
    get,
    path = "/sandbox/faults",
    operation_id = "sandbox_list_faults",
    tag = "Sandbox",
    responses((status = 200, description = "The faults that are armed.", body = wire::FaultList))
)]
async fn list_faults(_: Local, State(app): State<App>) -> Found<wire::FaultList> {
    Found(wire::FaultList::of(app.kernel.parts().faults.list()))
}

/// Arm a fault.
#[utoipa::path(
    post,
    path = "/sandbox/faults",
    operation_id = "sandbox_arm_fault",
    tag = "Sandbox",
    request_body = wire::NewFault,
    responses((status = 200, description = "The faults that are armed now.", body = wire::FaultList))
)]
async fn arm_fault(
    _: Local,
    State(app): State<App>,
    Json(body, _): Json<wire::NewFault>,
) -> Found<wire::FaultList> {
    let faults = &app.kernel.parts().faults;
    faults.arm(body.name.into(), body.armed());
    Found(wire::FaultList::of(faults.list()))
}

/// Disarm all faults.
#[utoipa::path(
    delete,
    path = "/sandbox/faults",
    operation_id = "sandbox_clear_faults",
    tag = "Sandbox",
    responses((status = 204, description = "No fault is armed."))
)]
async fn clear_faults(_: Local, State(app): State<App>) -> StatusCode {
    app.kernel.parts().faults.clear();
    StatusCode::NO_CONTENT
}

/// Read the mailbox.
///
/// Letters that the sandbox would have sent, newest first, for a week. Those that are due are sent first.
#[utoipa::path(
    get,
    path = "/sandbox/mailbox",
    operation_id = "sandbox_read_mailbox",
    tag = "Sandbox",
    params(wire::MailboxQuery),
    responses((status = 200, description = "The letters.", body = wire::Mailbox))
)]
async fn mailbox(
    _: Local,
    State(app): State<App>,
    Query(query): Query<wire::MailboxQuery>,
) -> Result<Found<wire::Mailbox>, Problem> {
    app.letters.tick().await?;
    let limit = query.limit.unwrap_or(LETTERS_SHOWN);
    Ok(Found(wire::Mailbox::of(mail::list_received(&app.kernel, query.to, limit).await?)))
}

/// Run all due jobs to rest.
#[utoipa::path(
    post,
    path = "/sandbox/tick",
    operation_id = "sandbox_tick",
    tag = "Sandbox",
    responses((status = 200, description = "Nothing is due any more.", body = wire::TickAnswer))
)]
async fn tick(_: Local, State(app): State<App>) -> Result<Found<wire::TickAnswer>, Problem> {
    let jobs = app.jobs();
    let mut worked: u32 = 0;
    for _ in 0..ROUNDS_MAX {
        let before = worked;
        for job in &jobs {
            if job.tick().await? == Report::Worked {
                worked = worked.saturating_add(1);
            }
        }
        if worked == before {
            break;
        }
    }
    Ok(Found(wire::TickAnswer { worked }))
}

/// Clear all rate limits.
#[utoipa::path(
    post,
    path = "/sandbox/limits/reset",
    operation_id = "sandbox_reset_limits",
    tag = "Sandbox",
    responses((status = 204, description = "Every window is empty."))
)]
async fn reset_limits(
    _: Local,
    State(app): State<App>,
    caller: Authenticated<ResetLimits>,
) -> Result<Reply, Problem> {
    let mut call = caller.call();
    call.caller = Caller::instance();
    Ok(app.kernel.execute(call, ResetLimits { kernel: app.kernel.clone() }).await?.into())
}
