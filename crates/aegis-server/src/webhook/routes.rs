//! Paths of this slice: decode, call, encode.

use std::sync::Arc;

use aegis_core::id::{DeliveryId, WebhookId};
use aegis_kernel::Kernel;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::feed::Feed;
use super::ops::{
    CreateEndpoint, DeleteEndpoint, Redeliver, RotateSecret, TestEndpoint, UpdateEndpoint, WebhookRefused,
};
use super::queries::{GetEndpoint, ListDeliveries, ListEndpoints, ListEvents, StreamEvents};
use super::{stream, wire};
use crate::app::App;
use crate::http::openapi::{Audience, open_to};
use crate::http::{Authenticated, Found, Json, Problem, ProblemCode, Query, Reply, Segment};
use crate::outbound::Outbound;

/// Every path of this slice.
pub fn routes() -> OpenApiRouter<App> {
    use ProblemCode::{DeltaGone, NotFound, StateConflict};
    let holder = Audience::KeyHolder;
    OpenApiRouter::new()
        .routes(open_to(holder, &[StateConflict], routes!(create_endpoint, list_endpoints)))
        .routes(open_to(holder, &[NotFound], routes!(get_endpoint, update_endpoint, delete_endpoint)))
        .routes(open_to(holder, &[NotFound], routes!(rotate_secret)))
        .routes(open_to(holder, &[NotFound, StateConflict], routes!(test_endpoint)))
        .routes(open_to(holder, &[NotFound], routes!(list_deliveries)))
        .routes(open_to(holder, &[NotFound, StateConflict], routes!(redeliver)))
        .routes(open_to(holder, &[DeltaGone], routes!(list_events)))
        .routes(open_to(holder, &[DeltaGone], routes!(stream_events)))
}

/// Name a webhook endpoint.
///
/// Events that happen from now on are posted to `url` as Standard Webhooks: headers `webhook-id`, `webhook-timestamp`
/// and `webhook-signature`, body `{type, timestamp, data}`. The signing secret is shown in this answer only; a replay
/// says `secretShown: false` in its place. Each event arrives at least once, always under the same `webhook-id`. 2xx ends
/// its delivery; otherwise it is tried again after 5 s, 30 s, 2 min, 10 min, 1 h, 6 h and 24 h, each a little longer by
/// chance. 410 disables the endpoint, and so do five days without a success. Redirects are not followed. An organization
/// may have 32 endpoints.
#[utoipa::path(
    post,
    path = "/v1/webhooks",
    operation_id = "webhook_create_endpoint",
    tag = "Webhooks",
    request_body = wire::NewEndpoint,
    responses((status = 201, description = "The endpoint and its signing secret.", body = wire::EndpointAnswer))
)]
async fn create_endpoint(
    State(kernel): State<Kernel>,
    State(outbound): State<Arc<Outbound>>,
    caller: Authenticated<CreateEndpoint>,
    Json(body, digest): Json<wire::NewEndpoint>,
) -> Result<Reply, Problem> {
    let new = body.read(outbound.rules())?;
    let create = CreateEndpoint {
        url: new.url,
        events: new.events,
        description: new.description,
        ordered: new.ordered,
        asymmetric: new.asymmetric,
        kernel: kernel.clone(),
    };
    Ok(kernel.execute(caller.with_body(digest), create).await?.into())
}

/// List your webhook endpoints.
#[utoipa::path(
    get,
    path = "/v1/webhooks",
    operation_id = "webhook_list_endpoints",
    tag = "Webhooks",
    params(wire::PageQuery),
    responses((status = 200, description = "Endpoints, newest first.", body = wire::EndpointList))
)]
async fn list_endpoints(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListEndpoints>,
    Query(query): Query<wire::PageQuery>,
) -> Result<Found<wire::EndpointList>, Problem> {
    let list = ListEndpoints { page: query.page()?, kernel: kernel.clone() };
    Ok(Found(wire::EndpointList::of(&kernel.read(caller.call(), list).await?)))
}

/// Read a webhook endpoint.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}",
    operation_id = "webhook_get_endpoint",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 200, description = "The endpoint.", body = wire::EndpointBody))
)]
async fn get_endpoint(
    State(kernel): State<Kernel>,
    caller: Authenticated<GetEndpoint>,
    Segment(id): Segment<WebhookId>,
) -> Result<Found<wire::EndpointBody>, Problem> {
    let get = GetEndpoint { id, kernel: kernel.clone() };
    Ok(Found(wire::EndpointBody::of(&kernel.read(caller.call(), get).await?)))
}

/// Change, disable or enable a webhook endpoint.
///
/// Disabling cancels what waits. Events that happen while an endpoint is disabled are not sent to it later; they can be
/// read with `GET /v1/events`.
#[utoipa::path(
    patch,
    path = "/v1/webhooks/{id}",
    operation_id = "webhook_update_endpoint",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364")),
    request_body = wire::EndpointPatch,
    responses((status = 200, description = "The endpoint as it is now.", body = wire::EndpointAnswer))
)]
async fn update_endpoint(
    State(kernel): State<Kernel>,
    State(outbound): State<Arc<Outbound>>,
    caller: Authenticated<UpdateEndpoint>,
    Segment(id): Segment<WebhookId>,
    Json(body, digest): Json<wire::EndpointPatch>,
) -> Result<Reply, Problem> {
    let update = UpdateEndpoint { id, change: body.read(outbound.rules())?, kernel: kernel.clone() };
    Ok(kernel.execute(caller.with_body(digest), update).await?.into())
}

/// Delete a webhook endpoint.
///
/// Its secrets and its deliveries go with it; nothing more is sent.
#[utoipa::path(
    delete,
    path = "/v1/webhooks/{id}",
    operation_id = "webhook_delete_endpoint",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 204, description = "The endpoint is gone."))
)]
async fn delete_endpoint(
    State(kernel): State<Kernel>,
    caller: Authenticated<DeleteEndpoint>,
    Segment(id): Segment<WebhookId>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.call(), DeleteEndpoint { id }).await?.into())
}

/// Give a webhook endpoint a new signing secret.
///
/// For 24 hours every message carries two signatures, of the new secret and of the one before. A secret that was replaced
/// earlier ends at once.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/rotate",
    operation_id = "webhook_rotate_secret",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 200, description = "The endpoint and its new secret.", body = wire::EndpointAnswer))
)]
async fn rotate_secret(
    State(kernel): State<Kernel>,
    caller: Authenticated<RotateSecret>,
    Segment(id): Segment<WebhookId>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.call(), RotateSecret { id, kernel: kernel.clone() }).await?.into())
}

/// Test a webhook endpoint.
///
/// Sends an event of the kind `webhook.test` to this endpoint alone, whatever it subscribed to.
#[utoipa::path(
    post,
    path = "/v1/webhooks/{id}/test",
    operation_id = "webhook_test_endpoint",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 202, description = "The test is on its way.", body = wire::TestAnswer))
)]
async fn test_endpoint(
    State(kernel): State<Kernel>,
    caller: Authenticated<TestEndpoint>,
    Segment(id): Segment<WebhookId>,
) -> Result<Reply, Problem> {
    Ok(kernel.execute(caller.call(), TestEndpoint { id }).await?.into())
}

/// List the deliveries to a webhook endpoint.
///
/// With the attempts of each: status, latency and the first 1,024 bytes of the answer. Ended deliveries are kept for 30
/// days.
#[utoipa::path(
    get,
    path = "/v1/webhooks/{id}/deliveries",
    operation_id = "webhook_list_deliveries",
    tag = "Webhooks",
    params(
        ("id" = String, Path, description = "The endpoint's id.", example = "whk_019e099acb007b6a9d0e1f2031425364"),
        wire::PageQuery
    ),
    responses((status = 200, description = "Deliveries, newest first.", body = wire::DeliveryList))
)]
async fn list_deliveries(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListDeliveries>,
    Segment(id): Segment<WebhookId>,
    Query(query): Query<wire::PageQuery>,
) -> Result<Found<wire::DeliveryList>, Problem> {
    let list = ListDeliveries { id, page: query.page()? };
    Ok(Found(wire::DeliveryList::of(&kernel.read(caller.call(), list).await?)))
}

/// Deliver an event again.
///
/// The same body under the same `webhook-id`, at once, and by the whole schedule if it fails again. Also for deliveries
/// that arrived before, and for those still waiting.
#[utoipa::path(
    post,
    path = "/v1/webhooks/deliveries/{id}/redeliver",
    operation_id = "webhook_redeliver",
    tag = "Webhooks",
    params(("id" = String, Path, description = "The delivery's id.", example = "whd_019e099acb007b6a9d0e1f2031425364")),
    responses((status = 202, description = "The delivery is on its way again.", body = wire::RedeliveryAnswer))
)]
async fn redeliver(
    State(kernel): State<Kernel>,
    State(deliverer): State<Arc<super::Deliverer>>,
    caller: Authenticated<Redeliver>,
    Segment(id): Segment<DeliveryId>,
) -> Result<Reply, Problem> {
    let answer = kernel.execute(caller.call(), Redeliver { id }).await?;
    deliverer.wake();
    Ok(answer.into())
}

/// Read the events of your organization.
///
/// The same events that webhooks deliver, oldest first, kept for 1,825 days. Go on with `nextCursor` as often as you
/// like: it is there also at the end, and nothing is missed in between. A cursor whose event is no longer kept answers
/// 410.
#[utoipa::path(
    get,
    path = "/v1/events",
    operation_id = "webhook_list_events",
    tag = "Webhooks",
    params(wire::PageQuery),
    responses((status = 200, description = "Events, oldest first.", body = wire::EventList))
)]
async fn list_events(
    State(kernel): State<Kernel>,
    caller: Authenticated<ListEvents>,
    Query(query): Query<wire::PageQuery>,
) -> Result<Found<wire::EventList>, Problem> {
    let (after, limit) = query.events()?;
    let events = kernel.read(caller.call(), ListEvents { after, limit }).await?;
    Ok(Found(wire::EventList::of(&events, after)))
}

/// Read the events of your organization as they come.
///
/// Server-sent events: `event` is the kind, `id` the event's id, `data` what `GET /v1/events` shows. Come back with the
/// header `Last-Event-ID` and nothing is missed; an id whose event is no longer kept answers 410. The stream ends with
/// the key, with the organization, and when the instance stops. 16 streams for an organization, then 503.
#[utoipa::path(
    get,
    path = "/v1/events/stream",
    operation_id = "webhook_stream_events",
    tag = "Webhooks",
    params(
        wire::StreamQuery,
        ("Last-Event-ID" = Option<String>, Header, description = "Begin after this event.",
            example = "evt_019e099acb007b6a9d0e1f2031425364")
    ),
    responses((status = 200, description = "A stream that does not end by itself.",
        content_type = "text/event-stream", body = String,
        headers(("Cache-Control" = String, description = "`no-store`."))))
)]
async fn stream_events(
    State(kernel): State<Kernel>,
    State(feed): State<Arc<Feed>>,
    caller: Authenticated<StreamEvents>,
    Query(query): Query<wire::StreamQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let after = query.after(header)?;
    let call = caller.call();
    let position = kernel.read(call.clone(), StreamEvents { after }).await?;
    let place = feed.open(call.caller.actor()).ok_or(WebhookRefused::TooManyStreams)?;
    Ok(stream::open(kernel, &feed, place, &call, position))
}
