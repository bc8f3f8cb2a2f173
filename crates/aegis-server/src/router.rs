//! All routes of the program in one place, and the description made from them.

use utoipa_axum::router::OpenApiRouter;

use crate::app::{App, Mode};
use crate::http::openapi::{About, Document, describe};
use crate::{account, audit, instance, passport, sandbox, webhook};

/// The families in the order of the reference.
const TAGS: [(&str, &str); 7] = [
    ("Identity", "Who an agent is: issue, verify and revoke passports; keys, status and proofs around them."),
    ("Account", "Organizations, their API keys and tokens, and requests for access."),
    ("Audit", "The tamper-evident log: entries for those entitled, tiles and proofs for everybody."),
    ("Webhooks", "What happened, told: signed deliveries to your endpoints, and the same events to read."),
    ("Instance", "Is the process alive and ready?"),
    ("Sandbox", "Only on a sandbox, only from its own machine: clock, faults, limits."),
    ("Reference", "This description and the catalogue of problems."),
];

/// The router of an instance, without what holds for every route (that is [`crate::http::edge::Edge`]).
pub fn routes(app: &App) -> (axum::Router, Document) {
    let router = OpenApiRouter::<App>::new()
        .merge(passport::routes::routes())
        .merge(account::routes())
        .merge(audit::routes())
        .merge(webhook::routes())
        .merge(instance::routes::routes());
    let router = match app.mode {
        Mode::Sandbox => router.merge(sandbox::routes()),
        Mode::Production => router,
    };
    let about = About {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        origin: app.origin.to_string(),
        tags: TAGS.to_vec(),
    };
    let (router, document) = describe(router, &about);
    (router.with_state(app.clone()), document)
}
