//! Health for whoever watches the process: `/healthz`, `/readyz`.

use aegis_kernel::Kernel;
use aegis_kernel::audit::read as log;
use aegis_store::{Fault, SchemaState};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::http::Problem;
use crate::http::openapi::{Audience, open_to};

/// Entries that wait longer than this for their place show a sequencer that is behind.
const SEQUENCER_BEHIND_SECONDS: i64 = 5;

/// All routes of this slice.
pub(crate) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(open_to(Audience::Anyone, &[], routes!(healthz)))
        .routes(open_to(Audience::Anyone, &[], routes!(readyz)))
}

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    status: &'static str,
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

/// What readiness rests on.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Always `ready`.
    #[schema(example = "ready")]
    status: &'static str,
    /// Entries that wait for their place in the log.
    entries_waiting: u64,
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

fn not_ready(why: &str) -> Problem {
    Problem::new(crate::http::ProblemCode::Unavailable, why).retry_after(1)
}
