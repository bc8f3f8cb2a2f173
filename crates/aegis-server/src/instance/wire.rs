//! Health as JSON.

use serde::Serialize;
use utoipa::ToSchema;

/// That the process lives.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// Always `ok`.
    #[schema(example = "ok")]
    pub(super) status: &'static str,
}

/// What readiness rests on.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Readiness {
    /// Always `ready`.
    #[schema(example = "ready")]
    pub(super) status: &'static str,
    /// Entries that wait for their place in the log.
    pub(super) entries_waiting: u64,
}
