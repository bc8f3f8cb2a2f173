//! For whoever watches the process: `/healthz`, `/readyz`, `/metrics`.

use aegis_kernel::Kernel;
use aegis_kernel::audit::read as log;
use aegis_store::{Fault, SchemaState};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::metrics::{ReadStanding, page};
use super::wire::{Health, Readiness};
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, Problem};

/// Entries that wait longer than this for their place show a sequencer that is behind.
const SEQUENCER_BEHIND_SECONDS: i64 = 5;

/// All routes of this slice.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(open_to(Audience::Anyone, &[], routes!(healthz)))
        .routes(open_to(Audience::Anyone, &[], routes!(readyz)))
        .routes(open_to(Audience::KeyHolder, &[], routes!(metrics)))
}

/// Is the process alive?
///
/// Looks at nothing: for a supervisor that restarts a process that does not answer.
#[utoipa::path(
    get, path = "/healthz", operation_id = "instance_healthz", tag = "Instance",
    responses((status = 200, description = "It is.", body = Health))
)]
async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Can this instance take requests?
///
/// The database answers, its schema is current, the log keeps up; otherwise 503 says which does not hold.
#[utoipa::path(
    get, path = "/readyz", operation_id = "instance_readyz", tag = "Instance",
    responses((status = 200, description = "It can.", body = Readiness))
)]
async fn readyz(State(kernel): State<Kernel>) -> Result<Json<Readiness>, Problem> {
    let store = &kernel.parts().store;
    if store.schema_state()? != SchemaState::Current {
        return Err(not_ready("The database schema is not the one this program works with."));
    }
    let (waiting, oldest) = store
        .read(|tx| Ok((log::count_waiting(tx)?, log::oldest_waiting_at(tx)?)))
        .await
        .map_err(|fault: Fault| {
            tracing::warn!(error = %aegis_kernel::job::chain(&fault), "not ready");
            not_ready("The database does not answer.")
        })?;
    if oldest.is_some_and(|at| kernel.now().seconds_since(at) > SEQUENCER_BEHIND_SECONDS) {
        return Err(not_ready("The log is behind: entries wait for their place."));
    }
    Ok(Json(Readiness { status: "ready", entries_waiting: waiting }))
}

/// How is this instance doing?
///
/// Counters for Prometheus: requests, operations, verdicts, faults, the log. For admin keys.
#[utoipa::path(
    get, path = "/metrics", operation_id = "instance_metrics", tag = "Instance",
    responses((status = 200, description = "The counters, in Prometheus text format.", content_type = "text/plain", body = String))
)]
async fn metrics(State(app): State<App>, caller: Authenticated<ReadStanding>) -> Result<Response, Problem> {
    let standing = app.kernel.read(caller.call(), ReadStanding).await?;
    let mut response = page(&app, standing).into_response();
    let headers = response.headers_mut();
    headers
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

fn not_ready(why: &str) -> Problem {
    Problem::new(crate::http::ProblemCode::Unavailable, why).retry_after(1)
}
