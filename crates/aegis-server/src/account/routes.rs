//! Paths of this slice: decode, call, encode.

use std::sync::Arc;

use aegis_core::id::{AccessRequestId, ApiKeyId};
use aegis_kernel::Kernel;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::first_key::FetchFirstKey;
use super::access::ops::{ApproveAccess, RejectAccess, RequestAccess};
use super::access::wire as access_wire;
use super::keys::ops::{CreateKey, MintToken, RevokeKey, RotateKey};
use super::keys::wire as keys_wire;
use super::organizations::ops::{CreateOrganization, SuspensionListener, UpdateOrganization};
use super::organizations::wire as organizations_wire;
use super::queries::{GetOrganization, ListAccessRequests, ListKeys, ListOrganizations};
use super::wire::ListQuery;
use crate::app::App;
use crate::http::call::API_KEY;
use crate::http::html::page_with_script;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, Found, Json, OptionalJson, Problem, ProblemCode, Query, Reply, Segment};

/// Every path of this slice.
pub fn routes() -> OpenApiRouter<App> {
    use ProblemCode::{EmailNotConfigured, NotFound, RateLimited, StateConflict};
    let holder = Audience::KeyHolder;
    OpenApiRouter::new()
        .routes(open_to(holder, &[StateConflict], routes!(create_organization, list_organizations)))
        .routes(open_to(holder, &[NotFound], routes!(get_organization, update_organization)))
        .routes(open_to(holder, &[], routes!(create_key, list_keys)))
        .routes(open_to(holder, &[NotFound, StateConflict], routes!(rotate_key)))
        .routes(open_to(holder, &[NotFound], routes!(revoke_key)))
        .routes(open_to(holder, &[], routes!(mint_token)))
        .routes(open_to(Audience::Anyone, &[RateLimited], routes!(request_access)))
        .routes(open_to(holder, &[], routes!(list_access_requests)))
        .routes(open_to(holder, &[NotFound, StateConflict, EmailNotConfigured], routes!(approve_access)))
        .routes(open_to(Audience::Anyone, &[NotFound, RateLimited], routes!(fetch_first_key)))
        .routes(open_to(Audience::Anyone, &[], routes!(first_key_page)))
        .routes(open_to(holder, &[NotFound, StateConflict], routes!(reject_access)))
}

/// Create an organization.
///
/// Makes the organization and its first key, whose secret is shown in this answer only. A replay under the
/// same `Idempotency-Key` says `secretShown: false` in its place. The first key holds every scope of the
/// organization's roles, but for those that approve. Proposed `ids` that are taken answer 409.
#[utoipa::path(
    post,
    path = "/v1/admin/organizations",
    operation_id = "account_create_organization",
    tag = "Account",
    request_body = organizations_wire::NewOrganization,
    responses((status = 201, description = "The organization and its first key.", body = organizations_wire::NewOrganizationAnswer))
)]
async fn create_organization(
    State(kernel): State<Kernel>,
    caller: Authenticated<CreateOrganization>,
    Json(body, digest): Json<organizations_wire::NewOrganization>,
) -> Result<Reply, Problem> {
    let realm = kernel.parts().realm;
    Ok(kernel
        .execute(caller.with_body(digest), CreateOrganization { new: body.read()?, realm })
        .await?
        .into())
}

/// List organizations.
#[utoipa::path(
    get,
    path = "/v1/admin/organizations",
    operation_id = "account_list_organizations",
    tag = "Account",
    params(ListQuery),
    responses((status = 200, description = "Organizations, newest first.", body = organizations_wire::OrganizationList))
)]
async fn list_organizations(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListOrganizations>,
    Query(query): Query<ListQuery>,
) -> Result<Found<organizations_wire::OrganizationList>, Problem> {
    let paged = kernel.read(caller.call(), ListOrganizations(query.page()?)).await?;
    Ok(Found(organizations_wire::OrganizationList::of(&paged)))
}

/// Read an organization.
#[utoipa::path(
    get,
    path = "/v1/admin/organizations/{id}",
    operation_id = "account_get_organization",
    tag = "Account",
    params(("id" = String, Path, description = "The organization's id in any of its roles.", example = "op_acme_corp")),
    responses((status = 200, description = "The organization.", body = organizations_wire::OrganizationAnswer))
)]
async fn get_organization(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetOrganization>,
    Segment(id): Segment<String>,
) -> Result<Found<organizations_wire::OrganizationAnswer>, Problem> {
    let row = kernel.read(caller.call(), GetOrganization(id)).await?;
    Ok(Found(organizations_wire::OrganizationAnswer::of(&row)))
}

/// Rename, suspend or reinstate an organization.
///
/// `suspended: true` stops everything of the organization with the very next request: its keys, its tokens
/// and its agents.
#[utoipa::path(
    patch,
    path = "/v1/admin/organizations/{id}",
    operation_id = "account_update_organization",
    tag = "Account",
    params(("id" = String, Path, description = "The organization's id in any of its roles.", example = "op_acme_corp")),
    request_body = organizations_wire::OrganizationChange,
    responses((status = 200, description = "The organization as it is now.", body = organizations_wire::OrganizationAnswer))
)]
async fn update_organization(
    State(kernel): State<Kernel>,
    State(listener): State<SuspensionListener>,
    caller: Authenticated<UpdateOrganization>,
    Segment(id): Segment<String>,
    Json(body, digest): Json<organizations_wire::OrganizationChange>,
) -> Result<Reply, Problem> {
    let suspension = body.suspension();
    let update = UpdateOrganization { id, name: body.name, suspension, listener };
    Ok(kernel.execute(caller.with_body(digest), update).await?.into())
}

/// Create a key of your organization.
///
/// The secret is shown in this answer only; a replay says `secretShown: false` in its place. One key must
/// not hold `identity:approve` together with `identity:issue` or `identity:amend`.
#[utoipa::path(
    post,
    path = "/v1/organizations/me/keys",
    operation_id = "account_create_key",
    tag = "Account",
    request_body(content = Option<keys_wire::NewKey>, description = "May be empty: a key like the organization's first."),
    responses((status = 201, description = "The key and its secret.", body = keys_wire::KeyAnswer))
)]
async fn create_key(
    State(kernel): State<Kernel>,
    caller: Authenticated<CreateKey>,
    OptionalJson(body, digest): OptionalJson<keys_wire::NewKey>,
) -> Result<Reply, Problem> {
    let keys_wire::KeyBounds { allowed_ips, expires_at } = body.bounds()?;
    let scopes = body.scopes.map(keys_wire::scope_names);
    let create = CreateKey { scopes, allowed_ips, expires_at, realm: kernel.parts().realm };
    Ok(kernel.execute(caller.with_body(digest), create).await?.into())
}

/// List the keys of your organization.
#[utoipa::path(
    get,
    path = "/v1/organizations/me/keys",
    operation_id = "account_list_keys",
    tag = "Account",
    params(ListQuery),
    responses((status = 200, description = "Keys, newest first; revoked ones too.", body = keys_wire::KeyList))
)]
async fn list_keys(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListKeys>,
    Query(query): Query<ListQuery>,
) -> Result<Found<keys_wire::KeyList>, Problem> {
    let paged = kernel.read(caller.call(), ListKeys(query.page()?)).await?;
    Ok(Found(keys_wire::KeyList::of(&paged, kernel.last_use())))
}

/// Give a key a new secret.
///
/// The old secret keeps working until `overlapUntil`: 24 hours if left out, seven days at most.
#[utoipa::path(
    post,
    path = "/v1/organizations/me/keys/{id}/rotate",
    operation_id = "account_rotate_key",
    tag = "Account",
    params(("id" = String, Path, description = "The key's id.", example = "key_019e099acb007b6a9d0e1f2031425364")),
    request_body(content = Option<keys_wire::Rotation>, description = "May be empty."),
    responses((status = 200, description = "The key and its new secret.", body = keys_wire::KeyAnswer))
)]
async fn rotate_key(
    State(kernel): State<Kernel>,
    caller: Authenticated<RotateKey>,
    Segment(id): Segment<ApiKeyId>,
    OptionalJson(body, digest): OptionalJson<keys_wire::Rotation>,
) -> Result<Reply, Problem> {
    let rotate = RotateKey { id, overlap_until: body.read()?, realm: kernel.parts().realm };
    Ok(kernel.execute(caller.with_body(digest), rotate).await?.into())
}

/// Revoke a key.
///
/// The key, each of its secrets and every token minted from it are refused with the very next request.
#[utoipa::path(
    delete,
    path = "/v1/organizations/me/keys/{id}",
    operation_id = "account_revoke_key",
    tag = "Account",
    params(("id" = String, Path, description = "The key's id.", example = "key_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 204, description = "The key is revoked; also if it was before."))
)]
async fn revoke_key(
    State(kernel): State<Kernel>,
    caller: Authenticated<RevokeKey>,
    Segment(id): Segment<ApiKeyId>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.call(), RevokeKey { id }).await?.into())
}

/// Mint a bearer token from an API key.
///
/// Send the key as `X-API-Key`; a token cannot mint another. `scopes` may only narrow what the key holds.
/// Every call mints a new token, whatever its `Idempotency-Key`, because a token is shown once.
#[utoipa::path(
    post,
    path = "/v1/auth/token",
    operation_id = "account_mint_token",
    tag = "Account",
    request_body(content = Option<keys_wire::NewToken>, description = "May be empty: a token for all the key's scopes."),
    responses((status = 200, description = "A token good for 15 minutes.", body = keys_wire::TokenAnswer,
        headers(("Cache-Control" = String, description = "`no-store`."))))
)]
async fn mint_token(
    State(kernel): State<Kernel>,
    caller: Authenticated<MintToken>,
    headers: HeaderMap,
    OptionalJson(body, digest): OptionalJson<keys_wire::NewToken>,
) -> Result<Response, Problem> {
    if !headers.contains_key(API_KEY) {
        let problem = Problem::new(ProblemCode::Unauthorized, "Send the API key itself, as X-API-Key.");
        let scheme = HeaderValue::from_static("Bearer realm=\"aegis\"");
        return Err(problem.header(header::WWW_AUTHENTICATE, scheme));
    }
    let mut call = caller.with_body(digest);
    call.intent = None;
    let minted = kernel.execute(call, MintToken { scopes: body.scopes.map(keys_wire::scope_names) }).await?;
    let mut response = Reply::from(minted).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// Ask for access.
///
/// Nobody gets a key by this alone: the admin decides. Five requests an hour from one address.
#[utoipa::path(
    post,
    path = "/v1/access-requests",
    operation_id = "account_request_access",
    tag = "Account",
    request_body = access_wire::NewAccessRequest,
    responses((status = 202, description = "The request was taken in.", body = access_wire::AccessRequested))
)]
async fn request_access(
    State(kernel): State<Kernel>,
    caller: Authenticated<RequestAccess>,
    Json(body, digest): Json<access_wire::NewAccessRequest>,
) -> Result<Reply, Problem> {
    let roles = body.roles();
    let access_wire::NewAccessRequest { organization, email, country, baa_signed, note, .. } = body;
    let request = RequestAccess { organization, email, roles, country, baa_signed, note };
    Ok(kernel.execute(caller.with_body(digest), request).await?.into())
}

/// List requests for access.
#[utoipa::path(
    get,
    path = "/v1/admin/access-requests",
    operation_id = "account_list_access_requests",
    tag = "Account",
    params(access_wire::AccessRequestQuery),
    responses((status = 200, description = "Requests, newest first.", body = access_wire::AccessRequestList))
)]
async fn list_access_requests(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListAccessRequests>,
    Query(query): Query<access_wire::AccessRequestQuery>,
) -> Result<Found<access_wire::AccessRequestList>, Problem> {
    let page = query.page()?;
    let list = ListAccessRequests { state: query.state.map(Into::into), page };
    let paged = kernel.read(caller.call(), list).await?;
    Ok(Found(access_wire::AccessRequestList::of(&paged)))
}

/// Approve a request for access.
///
/// Makes the organization and mails the asker a link to its first key, which works once and for seven days. As long
/// as nobody used it, approving again mails a new link and the old one dies. The roles provider and consumer demand
/// an entity of the United States and a business associate agreement; otherwise 409, with `details.missing`.
#[utoipa::path(
    post,
    path = "/v1/admin/access-requests/{id}/approve",
    operation_id = "account_approve_access",
    tag = "Account",
    params(("id" = String, Path, description = "The request's id.", example = "acr_019e099acb007b6a9d0e1f2031425364")),
    request_body(content = Option<access_wire::Approval>, description = "May be empty."),
    responses((status = 200, description = "The organization; its first key is a mail away.", body = access_wire::ApprovedAnswer))
)]
async fn approve_access(
    State(app): State<App>,
    caller: Authenticated<ApproveAccess>,
    Segment(id): Segment<AccessRequestId>,
    OptionalJson(body, digest): OptionalJson<access_wire::Approval>,
) -> Result<Reply, Problem> {
    let (agreement, proposed) = body.read()?;
    let (kernel, origin) = (app.kernel.clone(), Arc::clone(&app.origin));
    let approve = ApproveAccess { id, agreement, proposed, kernel, origin };
    Ok(app.kernel.execute(caller.with_body(digest), approve).await?.into())
}

/// Reject a request for access.
#[utoipa::path(
    post,
    path = "/v1/admin/access-requests/{id}/reject",
    operation_id = "account_reject_access",
    tag = "Account",
    params(("id" = String, Path, description = "The request's id.", example = "acr_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 200, description = "The request is rejected.", body = access_wire::RejectedAnswer))
)]
async fn reject_access(
    State(kernel): State<Kernel>,
    caller: Authenticated<RejectAccess>,
    Segment(id): Segment<AccessRequestId>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.call(), RejectAccess { id }).await?.into())
}

/// Fetch a first key.
///
/// With the token of the link that was mailed when a request for access was approved. Works once; the answer is the
/// only one that ever shows the key. Whatever is wrong with a token, the answer is the same 404.
#[utoipa::path(
    post,
    path = "/v1/access-requests/first-key",
    operation_id = "account_fetch_first_key",
    tag = "Account",
    request_body = access_wire::Link,
    responses((status = 201, description = "The organization and its first key.", body = organizations_wire::NewOrganizationAnswer))
)]
async fn fetch_first_key(
    State(kernel): State<Kernel>,
    caller: Authenticated<FetchFirstKey>,
    Json(body, digest): Json<access_wire::Link>,
) -> Result<Response, Problem> {
    let fetch = FetchFirstKey { token: body.read()?, realm: kernel.parts().realm };
    let mut response = Reply::from(kernel.execute(caller.with_body(digest), fetch).await?).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    Ok(response)
}

/// The page behind a mailed link, for people
///
/// What stands behind the link's `#` never leaves the browser before the button on the page is pressed.
#[utoipa::path(
    get,
    path = "/first-key",
    operation_id = "account_first_key_page",
    tag = "Account",
    responses((status = 200, description = "A page.", content_type = "text/html", body = String))
)]
async fn first_key_page() -> Response {
    page_with_script("Your first API key", include_str!("first_key.html"), include_str!("first_key.js"))
}
