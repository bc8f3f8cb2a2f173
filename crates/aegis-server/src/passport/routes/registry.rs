//! The registry: keys, status, agents, passports, packs.

use std::sync::Arc;

use aegis_core::id::AgentId;
use aegis_core::time::Timestamp;
use aegis_kernel::Kernel;
use aegis_passport::did_document::{DidPlace, did_document};
use aegis_passport::ids::PassportId;
use aegis_passport::keys::Purpose;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::Registry;
use super::super::list;
use super::super::ops::{RevokeKey, RotateKey, SetLimits};
use super::super::queries::{
    GetAgent, GetDocument, GetLineage, GetPack, GetPassport, GetProof, ListAgents, ListPacks,
};
use super::super::wire::{
    Agent, Agents, AgentsQuery, KeyRevoked, KeyRotated, Limits, Lineage, Packs, PageQuery, PassportBody,
    ProofQuery, PurposeWord, Registration, RevocationsQuery, RevokeKeyRequest, RotateRequest,
};
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{
    Authenticated, Found, Json, Problem, ProblemCode, Query, Reply, Segment, Violation, read_page,
};

pub(super) fn routes() -> OpenApiRouter<App> {
    use ProblemCode::{
        ClockUnsafe, DeltaGone, IdempotencyConflict, NextKeyMismatch, NotFound, SequenceAhead, StateConflict,
    };
    let anyone = Audience::Anyone;
    let holder = Audience::KeyHolder;
    let changing = [NotFound, StateConflict, NextKeyMismatch, IdempotencyConflict, ClockUnsafe];
    OpenApiRouter::new()
        .routes(open_to(anyone, &[], routes!(keys)))
        .routes(open_to(anyone, &[SequenceAhead, DeltaGone], routes!(revocations)))
        .routes(open_to(anyone, &[], routes!(did_well_known)))
        .routes(open_to(anyone, &[], routes!(did_identity)))
        .routes(open_to(anyone, &[NotFound], routes!(proof)))
        .routes(open_to(anyone, &[], routes!(policy_packs)))
        .routes(open_to(anyone, &[NotFound], routes!(policy_pack)))
        .routes(open_to(holder, &[], routes!(agents)))
        .routes(open_to(holder, &[NotFound], routes!(agent)))
        .routes(open_to(holder, &[NotFound], routes!(lineage)))
        .routes(open_to(holder, &[NotFound], routes!(passport)))
        .routes(open_to(holder, &[NotFound], routes!(document)))
        .routes(open_to(holder, &changing, routes!(rotate_key)))
        .routes(open_to(holder, &changing, routes!(revoke_key)))
        .routes(open_to(holder, &[NotFound, IdempotencyConflict, ClockUnsafe], routes!(set_limits)))
}

/// Published keys.
///
/// Every key this instance ever signed with, under the signature of its root: `aegis-keys+v1`. Cache by
/// `key_id`; the version only rises.
#[utoipa::path(
    get, path = "/registry/keys", operation_id = "identity_keys", tag = "Identity",
    responses(
        (status = 200, description = "The key history.", body = Object),
        (status = 304, description = "Not changed since the entity tag you named."),
    )
)]
async fn keys(State(registry): State<Arc<Registry>>, headers: HeaderMap) -> Response {
    let published = registry.published();
    let etag = format!("\"{}-{}\"", published.version, published.digest.to_hex());
    cached(&headers, &etag, 60, "application/json", || Bytes::from(published.document.clone()))
}

/// Revoked passports.
///
/// The signed list `aegis-revocations+v1`: every revoked passport that has not been expired for more than a
/// day. Signed anew at every change and every 15 s. With `since`, only the changes after that sequence number.
#[utoipa::path(
    get, path = "/registry/revocations", operation_id = "identity_revocations", tag = "Identity",
    params(RevocationsQuery),
    responses(
        (status = 200, description = "The list, or the changes.", body = Object),
        (status = 304, description = "Not changed since the entity tag you named."),
    )
)]
async fn revocations(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    headers: HeaderMap,
    Query(query): Query<RevocationsQuery>,
) -> Result<Response, Problem> {
    let list = match query.since {
        None => list::current(&kernel, &registry).await?,
        Some(since) => list::delta(&kernel, &registry, since).await??,
    };
    let etag = match query.since {
        None => list.etag(),
        Some(since) => format!("\"{since}-{}", list.etag().trim_start_matches('"')),
    };
    Ok(cached(&headers, &etag, 5, "application/json", || list.body))
}

/// The issuer's DID document.
#[utoipa::path(
    get, path = "/.well-known/did.json", operation_id = "identity_did", tag = "Identity",
    responses((status = 200, description = "The document.", content_type = "application/did+json", body = Object))
)]
async fn did_well_known(State(registry): State<Arc<Registry>>) -> Response {
    did(&registry, DidPlace::WellKnown)
}

/// The issuer's DID document under its other name.
#[utoipa::path(
    get, path = "/identity/did.json", operation_id = "identity_did_path", tag = "Identity",
    responses((status = 200, description = "The document.", content_type = "application/did+json", body = Object))
)]
async fn did_identity(State(registry): State<Arc<Registry>>) -> Response {
    did(&registry, DidPlace::Identity)
}

fn did(registry: &Registry, place: DidPlace) -> Response {
    let document = did_document(registry.issuer(), place, &registry.published().records);
    typed("application/did+json", "public, max-age=60", Body::from(document.to_string()))
}

/// Proof that a passport's issuance is in the log.
///
/// A `c2sp.org/tlog-proof@v1` file: its opening shows the lineage entry. By default under the first checkpoint
/// that covers the entry, which is the evidence of its log time.
#[utoipa::path(
    get, path = "/registry/passports/{passport_id}/proof.tlog-proof", operation_id = "identity_get_proof",
    tag = "Identity",
    params(("passport_id" = String, Path, description = "The passport's id."), ProofQuery),
    responses((status = 200, description = "The proof.", content_type = "text/plain", body = String))
)]
async fn proof(
    State(kernel): State<Kernel>,
    Segment(passport): Segment<PassportId>,
    Query(query): Query<ProofQuery>,
    caller: Authenticated<GetProof>,
) -> Result<Response, Problem> {
    let checkpoint = query.checkpoint.unwrap_or_default();
    let proof = kernel.read(caller.call(), GetProof { passport, checkpoint }).await?;
    Ok(typed("text/plain; charset=utf-8", "public, max-age=2", Body::from(proof)))
}

/// Policy packs that passports can be issued under.
#[utoipa::path(
    get, path = "/registry/policy-packs", operation_id = "identity_list_policy_packs", tag = "Identity",
    params(PageQuery),
    responses((status = 200, description = "A page of packs.", body = Packs))
)]
async fn policy_packs(
    State(kernel): State<Kernel>,
    Query(query): Query<PageQuery>,
    caller: Authenticated<ListPacks>,
) -> Result<Found<Packs>, Problem> {
    Ok(Found(kernel.read(caller.call(), ListPacks(read_page(query.limit, query.cursor.as_deref())?)).await?))
}

/// One version of a policy pack, byte for byte.
#[utoipa::path(
    get, path = "/registry/policy-packs/{name}/{version}", operation_id = "identity_get_policy_pack",
    tag = "Identity",
    params(
        ("name" = String, Path, description = "The pack's name."),
        ("version" = String, Path, description = "Its version."),
    ),
    responses((status = 200, description = "The pack.", content_type = "application/json", body = Object))
)]
async fn policy_pack(
    State(kernel): State<Kernel>,
    Path((name, version)): Path<(String, String)>,
    caller: Authenticated<GetPack>,
) -> Result<Response, Problem> {
    let content = kernel.read(caller.call(), GetPack { name, version }).await?;
    Ok(typed("application/json", "public, max-age=31536000, immutable", Body::from(content)))
}

/// Your agents.
#[utoipa::path(
    get, path = "/registry/agents", operation_id = "identity_list_agents", tag = "Identity",
    params(AgentsQuery),
    responses((status = 200, description = "A page of agents, newest first.", body = Agents))
)]
async fn agents(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListAgents>,
    Query(query): Query<AgentsQuery>,
) -> Result<Found<Agents>, Problem> {
    let list = ListAgents {
        status: query.status,
        name: query.agent_name,
        risk: query.risk_classification.map(|risk| risk.risk().as_str().to_owned()),
        page: read_page(query.limit, query.cursor.as_deref())?,
    };
    Ok(Found(kernel.read(caller.call(), list).await?))
}

/// One of your agents with its passports.
#[utoipa::path(
    get, path = "/registry/agents/{agent_id}", operation_id = "identity_get_agent", tag = "Identity",
    params(("agent_id" = String, Path, description = "The agent's id.")),
    responses((status = 200, description = "The agent.", body = Agent))
)]
async fn agent(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetAgent>,
    Segment(agent): Segment<AgentId>,
) -> Result<Found<Agent>, Problem> {
    Ok(Found(kernel.read(caller.call(), GetAgent(agent)).await?))
}

/// The lineage of one of your agents, oldest first.
#[utoipa::path(
    get, path = "/registry/agents/{agent_id}/lineage", operation_id = "identity_get_lineage", tag = "Identity",
    params(("agent_id" = String, Path, description = "The agent's id."), PageQuery),
    responses((status = 200, description = "A page of entries.", body = Lineage))
)]
async fn lineage(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetLineage>,
    Segment(agent): Segment<AgentId>,
    Query(query): Query<PageQuery>,
) -> Result<Found<Lineage>, Problem> {
    let page = read_page(query.limit, query.cursor.as_deref())?;
    Ok(Found(kernel.read(caller.call(), GetLineage { agent, page }).await?))
}

/// A registered passport with its status and its place in the log.
#[utoipa::path(
    get, path = "/registry/passports/{passport_id}", operation_id = "identity_get_passport", tag = "Identity",
    params(("passport_id" = String, Path, description = "The passport's id.")),
    responses((status = 200, description = "The registration.", body = Registration))
)]
async fn passport(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    caller: Authenticated<GetPassport>,
    Segment(passport): Segment<PassportId>,
) -> Result<Found<Registration>, Problem> {
    Ok(Found(kernel.read(caller.call(), GetPassport { passport, registry }).await?))
}

/// The passport document, byte for byte as it was issued.
#[utoipa::path(
    get, path = "/registry/passports/{passport_id}/passport.json", operation_id = "identity_get_document",
    tag = "Identity",
    params(("passport_id" = String, Path, description = "The passport's id.")),
    responses((status = 200, description = "The document.", body = PassportBody))
)]
async fn document(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetDocument>,
    Segment(passport): Segment<PassportId>,
) -> Result<Response, Problem> {
    let document = kernel.read(caller.call(), GetDocument(passport)).await?;
    Ok(typed("application/json", "private, max-age=0", Body::from(document)))
}

/// Rotate a signing key.
///
/// The announced key begins to sign; the old one is retired and stays published.
#[utoipa::path(
    post, path = "/registry/keys/rotate", operation_id = "key_rotate", tag = "Identity",
    request_body = RotateRequest,
    responses((status = 200, description = "The rotation.", body = KeyRotated))
)]
async fn rotate_key(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    caller: Authenticated<RotateKey>,
    Json(body, digest): Json<RotateRequest>,
) -> Result<Reply, Problem> {
    let purpose = match body.purpose {
        PurposeWord::Passport => Purpose::Passport,
        PurposeWord::Status => Purpose::Status,
        PurposeWord::Receipt => Purpose::Receipt,
        PurposeWord::Log => Purpose::Log,
        PurposeWord::Root => Purpose::Root,
    };
    let operation = RotateKey { kernel: kernel.clone(), registry, purpose, only: None, reason: body.reason };
    Ok(kernel.execute(caller.with_body(digest), operation).await?.into())
}

/// Revoke a signing key.
///
/// Passports of the key verify from now on only if the log had them before `revoked_at`. An active key is
/// replaced in the same transaction. A repeat may only reach further back.
#[utoipa::path(
    post, path = "/registry/keys/{key_id}/revoke", operation_id = "key_revoke", tag = "Identity",
    params(("key_id" = String, Path, description = "The key's id.")),
    request_body = RevokeKeyRequest,
    responses((status = 200, description = "The revocation.", body = KeyRevoked))
)]
async fn revoke_key(
    State(kernel): State<Kernel>,
    State(registry): State<Arc<Registry>>,
    caller: Authenticated<RevokeKey>,
    Path(key_id): Path<String>,
    Json(body, digest): Json<RevokeKeyRequest>,
) -> Result<Reply, Problem> {
    let revoked_at = Timestamp::parse_rfc3339(&body.revoked_at).ok_or_else(|| {
        Problem::validation(vec![Violation::new(
            "/revoked_at",
            "form",
            "`revoked_at` must be an RFC 3339 time.",
        )])
    })?;
    let operation = RevokeKey { kernel: kernel.clone(), registry, key_id, revoked_at, reason: body.reason };
    Ok(kernel.execute(caller.with_body(digest), operation).await?.into())
}

/// Give an operator limits of its own.
#[utoipa::path(
    put, path = "/registry/operators/{operator_id}/limits", operation_id = "identity_set_limits", tag = "Identity",
    params(("operator_id" = String, Path, description = "The operator's id.")),
    request_body = Limits,
    responses((status = 200, description = "The limits.", body = Limits))
)]
async fn set_limits(
    State(kernel): State<Kernel>,
    caller: Authenticated<SetLimits>,
    Path(operator): Path<String>,
    Json(limits, digest): Json<Limits>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.with_body(digest), SetLimits { operator, limits }).await?.into())
}

/// A public body with its entity tag; 304 when the client has it already.
fn cached(
    headers: &HeaderMap,
    etag: &str,
    max_age: u32,
    content_type: &'static str,
    body: impl FnOnce() -> Bytes,
) -> Response {
    let known = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let fresh = known.flat_map(|value| value.split(',')).any(|tag| {
        let tag = tag.trim();
        tag == "*" || tag.trim_start_matches("W/") == etag
    });
    let mut response = if fresh {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let mut response = Response::new(Body::from(body()));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(header::ETAG, etag);
    }
    if let Ok(value) = HeaderValue::from_str(&format!("public, max-age={max_age}")) {
        headers.insert(header::CACHE_CONTROL, value);
    }
    response
}

fn typed(content_type: &'static str, cache: &'static str, body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}
