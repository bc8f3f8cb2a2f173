//! Paths of this slice: decode, call, encode.

use std::sync::Arc;

use aegis_core::crypto::digest::Digest;
use aegis_core::id::LogEntryId;
use aegis_kernel::Kernel;
use aegis_kernel::audit::witness::{self, Witnessing};
use aegis_tlog::tile::Resource;
use aegis_tlog::witness::WitnessRefused;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::queries::{
    GetCheckpoint, GetCosigned, GetEntry, GetTile, ListEntries, ProveConsistency, ProveEntry, ProveInclusion,
};
use super::wire;
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, Found, Problem, ProblemCode, Query, Segment, Violation, body};

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// Content type of the size that a witness answers to a stale request (c2sp.org/tlog-witness).
const SIZE: HeaderValue = HeaderValue::from_static("text/x.tlog.size");
const BRIEFLY: HeaderValue = HeaderValue::from_static("public, max-age=2");
const A_MINUTE: HeaderValue = HeaderValue::from_static("public, max-age=60");
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

/// Every path of this slice.
pub fn routes() -> OpenApiRouter<App> {
    use ProblemCode::{NotFound, Unavailable};
    let (holder, anyone) = (Audience::KeyHolder, Audience::Anyone);
    let mut router = OpenApiRouter::new()
        .routes(open_to(holder, &[], routes!(list_entries)))
        .routes(open_to(holder, &[NotFound], routes!(get_entry)))
        .routes(open_to(holder, &[NotFound], routes!(prove_entry)))
        .routes(open_to(anyone, &[Unavailable], routes!(get_checkpoint)))
        .routes(open_to(anyone, &[NotFound], routes!(prove_inclusion)))
        .routes(open_to(anyone, &[NotFound], routes!(prove_consistency)))
        .routes(open_to(anyone, &[NotFound], routes!(add_checkpoint)))
        .routes(open_to(anyone, &[NotFound], routes!(get_cosigned)));
    // OpenAPI has no name for "the rest of the path", so route and description differ in their spelling.
    let (_, paths, methods) = open_to(anyone, &[NotFound], routes!(get_tile));
    router = router.route("/log/tile/{*path}", methods);
    router.get_openapi_mut().paths.paths.extend(paths.paths);
    router
}

/// List entries of the log.
///
/// An organization sees its own entries with their details; auditors and the admin see all.
#[utoipa::path(
    get,
    path = "/v1/audit",
    operation_id = "audit_list_entries",
    tag = "Audit",
    params(wire::EntryQuery),
    responses((status = 200, description = "Entries, newest first.", body = wire::EntryList))
)]
async fn list_entries(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListEntries>,
    Query(query): Query<wire::EntryQuery>,
) -> Result<Found<wire::EntryList>, Problem> {
    let (filter, page) = query.read()?;
    let paged = kernel.read(caller.call(), ListEntries { filter, page }).await?;
    Ok(Found(wire::EntryList::of(&paged)))
}

/// Read an entry of the log.
#[utoipa::path(
    get,
    path = "/v1/audit/{entryId}",
    operation_id = "audit_get_entry",
    tag = "Audit",
    params(("entryId" = String, Path, description = "The entry's id.", example = "log_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 200, description = "The entry.", body = wire::EntryAnswer))
)]
async fn get_entry(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetEntry>,
    Segment(id): Segment<LogEntryId>,
) -> Result<Found<wire::EntryAnswer>, Problem> {
    let entry = kernel.read(caller.call(), GetEntry(id)).await?;
    Ok(Found(wire::EntryAnswer::of(&entry)))
}

/// Fetch an entry's proof.
///
/// One file that proves the entry offline: details and salt, its place, the inclusion proof and the signed
/// checkpoint (`c2sp.org/tlog-proof@v1`; the opening is in the `extra` line). 503 until the entry is
/// integrated, a second at most.
#[utoipa::path(
    get,
    path = "/v1/audit/{entryId}/proof",
    operation_id = "audit_prove_entry",
    tag = "Audit",
    params(("entryId" = String, Path, description = "The entry's id.", example = "log_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 200, description = "The proof.", body = String, content_type = "text/plain; charset=utf-8"))
)]
async fn prove_entry(
    State(kernel): State<Kernel>,
    caller: Authenticated<ProveEntry>,
    Segment(id): Segment<LogEntryId>,
) -> Result<Response, Problem> {
    let proof = kernel.read(caller.call(), ProveEntry(id)).await?;
    Ok(([(header::CONTENT_TYPE, TEXT)], proof).into_response())
}

/// Fetch the newest checkpoint.
///
/// A signed note (`c2sp.org/tlog-checkpoint`): size and root of the tree, signed by the log.
#[utoipa::path(
    get,
    path = "/log/checkpoint",
    operation_id = "audit_get_checkpoint",
    tag = "Audit",
    responses((status = 200, description = "The checkpoint.", body = String, content_type = "text/plain; charset=utf-8",
        headers(("Cache-Control" = String, description = "`public, max-age=2`."))))
)]
async fn get_checkpoint(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetCheckpoint>,
) -> Result<Response, Problem> {
    let note = kernel.read(caller.call(), GetCheckpoint).await?;
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, BRIEFLY)], note).into_response())
}

/// Fetch a tile or a bundle of entries.
///
/// `c2sp.org/tlog-tiles`: `{L}/{N}[.p/{W}]` for tiles of hashes, `entries/{N}[.p/{W}]` for entries. Full tiles
/// never change and are never removed.
#[utoipa::path(
    get,
    path = "/log/tile/{path}",
    operation_id = "audit_get_tile",
    tag = "Audit",
    params(("path" = String, Path, description = "Level and index, for example `0/x001/067` or `entries/000.p/5`; may contain slashes.",
        example = "0/000")),
    responses((status = 200, description = "The bytes.", content_type = "application/octet-stream", body = inline(wire::Octets),
        headers(("Cache-Control" = String, description = "Full tiles are immutable; others may be replaced by wider ones."))))
)]
async fn get_tile(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetTile>,
    Segment(path): Segment<String>,
) -> Result<Response, Problem> {
    let resource = Resource::parse(&path).ok_or_else(Problem::not_found)?;
    let bytes = kernel.read(caller.call(), GetTile(resource)).await?;
    let cache = if resource.is_full() { FOR_EVER } else { A_MINUTE };
    let octets = HeaderValue::from_static("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, octets), (header::CACHE_CONTROL, cache)], bytes).into_response())
}

/// Prove that a leaf is in the tree.
#[utoipa::path(
    get,
    path = "/log/proof/inclusion",
    operation_id = "audit_prove_inclusion",
    tag = "Audit",
    params(wire::InclusionQuery),
    responses((status = 200, description = "The proof.", body = wire::InclusionAnswer))
)]
async fn prove_inclusion(
    State(kernel): State<Kernel>,
    caller: Authenticated<ProveInclusion>,
    Query(query): Query<wire::InclusionQuery>,
) -> Result<Found<wire::InclusionAnswer>, Problem> {
    let prove = ProveInclusion { leaf: query.leaf()?, size: query.size };
    Ok(Found(wire::InclusionAnswer::of(kernel.read(caller.call(), prove).await?)))
}

/// Prove that one tree extends another.
#[utoipa::path(
    get,
    path = "/log/proof/consistency",
    operation_id = "audit_prove_consistency",
    tag = "Audit",
    params(wire::ConsistencyQuery),
    responses((status = 200, description = "The proof.", body = wire::ConsistencyAnswer))
)]
async fn prove_consistency(
    State(kernel): State<Kernel>,
    caller: Authenticated<ProveConsistency>,
    Query(query): Query<wire::ConsistencyQuery>,
) -> Result<Found<wire::ConsistencyAnswer>, Problem> {
    let prove = ProveConsistency { from: query.from, to: query.to };
    let proof = kernel.read(caller.call(), prove).await?;
    Ok(Found(wire::ConsistencyAnswer::of(&proof)))
}

/// Ask for a cosignature of another log's checkpoint.
///
/// The witness role (`c2sp.org/tlog-witness`) for the logs this instance is configured with. What is answered
/// was remembered first: this instance never cosigns a smaller or a forked tree afterwards.
#[utoipa::path(
    post,
    path = "/log/add-checkpoint",
    operation_id = "audit_add_checkpoint",
    tag = "Audit",
    request_body(content = String, content_type = "text/plain", description = "Old size, consistency proof, empty line, checkpoint."),
    responses(
        (status = 200, description = "Our signature line.", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 403, description = "The log's signature is missing or does not hold.", body = String, content_type = "text/plain; charset=utf-8"),
        (status = 409, description = "The old size is not the last one cosigned, which is the body.", body = String, content_type = "text/x.tlog.size"),
        (status = 422, description = "The consistency proof does not hold.", body = String, content_type = "text/plain; charset=utf-8"),
    )
)]
async fn add_checkpoint(
    State(kernel): State<Kernel>,
    State(witnessing): State<Arc<Witnessing>>,
    request: Request,
) -> Result<Response, Problem> {
    let body = body::read(request).await?;
    match witness::add_checkpoint(&kernel, &witnessing, &body).await? {
        Ok(line) => Ok(([(header::CONTENT_TYPE, TEXT)], line).into_response()),
        Err(refused) => refusal(refused),
    }
}

/// The statuses are the protocol's; where it says nothing of the body, it is a problem like any other.
fn refusal(refused: WitnessRefused) -> Result<Response, Problem> {
    let text = format!("{refused}\n");
    match refused {
        WitnessRefused::Malformed => Err(malformed("format", &text)),
        WitnessRefused::OldSizeTooLarge => Err(malformed("order", &text)),
        WitnessRefused::UnknownOrigin => Err(Problem::not_found()),
        WitnessRefused::Conflict { size } => {
            let size = format!("{size}\n");
            Ok((StatusCode::CONFLICT, [(header::CONTENT_TYPE, SIZE)], size).into_response())
        }
        WitnessRefused::BadSignature => {
            Ok((StatusCode::FORBIDDEN, [(header::CONTENT_TYPE, TEXT)], text).into_response())
        }
        WitnessRefused::BadProof => {
            Ok((StatusCode::UNPROCESSABLE_ENTITY, [(header::CONTENT_TYPE, TEXT)], text).into_response())
        }
    }
}

fn malformed(rule: &str, text: &str) -> Problem {
    Problem::validation(vec![Violation::new("", rule, text.trim_end())])
}

/// Fetch the newest checkpoint of another log that this instance cosigned.
#[utoipa::path(
    get,
    path = "/log/witness/{hash}/checkpoint",
    operation_id = "audit_get_cosigned",
    tag = "Audit",
    params(("hash" = String, Path, description = "SHA-256 of the log's origin, 64 lower-case hexadecimal characters.")),
    responses((status = 200, description = "The checkpoint with our cosignature.", body = String, content_type = "text/plain; charset=utf-8",
        headers(("Cache-Control" = String, description = "`public, max-age=2`."))))
)]
async fn get_cosigned(
    State(kernel): State<Kernel>,
    State(witnessing): State<Arc<Witnessing>>,
    caller: Authenticated<GetCosigned>,
    Segment(hash): Segment<String>,
) -> Result<Response, Problem> {
    let origin = Digest::parse_hex(&hash).and_then(|hash| witnessing.origin_with(hash).map(str::to_owned));
    let origin = origin.ok_or_else(Problem::not_found)?;
    let note = kernel.read(caller.call(), GetCosigned(origin)).await?;
    Ok(([(header::CONTENT_TYPE, TEXT), (header::CACHE_CONTROL, BRIEFLY)], note).into_response())
}
