//! What every request meets, tried on a router of a few routes.

use std::net::Ipv4Addr;

use axum::routing::{get, post};
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;

use super::*;

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn edge(settings: EdgeSettings) -> Edge {
    let open =
        OpenApiRouter::new().route("/open/{id}", post(|| async { "open" })).layer(Mark { public: true });
    let own = OpenApiRouter::new()
        .route("/own", get(|| async { "own" }))
        .route("/page", get(|| async { axum::response::Html("<p>") }))
        .route("/refused", get(|| async { Problem::unavailable(7) }))
        .route("/slow", get(|| async { tokio::time::sleep(Duration::from_millis(200)).await }))
        .route("/panic", get(|| async { assert!(PEER.is_unspecified(), "on purpose") }));
    Edge::new(own.merge(open).into(), settings, Box::new(|| [0xab; 16]))
}

async fn ask(edge: &Edge, method: &str, path: &str, headers: &[(&str, &str)]) -> (Response, Value) {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = edge.respond(PEER, request.body(Body::empty()).unwrap()).await;
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    (Response::from_parts(parts, Body::empty()), serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

/// A client's usable id is kept, any other is replaced; errors carry it in header and body.
#[tokio::test]
async fn names_every_request() {
    let edge = edge(EdgeSettings::default());
    let generated = "ab".repeat(16);
    let too_long = "x".repeat(129);
    for (given, expected) in [
        ("client-id_1", "client-id_1"),
        ("short", &generated),
        ("has space", &generated),
        (&too_long, &generated),
    ] {
        let (response, _) = ask(&edge, "GET", "/own", &[("x-request-id", given)]).await;
        assert_eq!(response.headers()["x-request-id"], expected, "{given}");
    }
    let (response, body) = ask(&edge, "GET", "/nowhere", &[("x-request-id", "client-id_1")]).await;
    assert_eq!(response.status(), 404);
    assert_eq!(response.headers()["x-request-id"], "client-id_1");
    assert_eq!((&body["code"], &body["requestId"]), (&"NOT_FOUND".into(), &"client-id_1".into()));
}

/// A wrong method names the right ones; a route's problem keeps its headers; a panic says nothing.
#[tokio::test]
async fn turns_everything_into_problems() {
    let edge = edge(EdgeSettings::default());
    let (response, body) = ask(&edge, "DELETE", "/own", &[]).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (405, &"METHOD_NOT_ALLOWED".into()));
    assert_eq!(response.headers()["allow"], "GET,HEAD");
    assert_eq!(response.headers()["content-type"], "application/problem+json");
    let (response, body) = ask(&edge, "GET", "/refused", &[]).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (503, &"UNAVAILABLE".into()));
    assert_eq!(response.headers()["retry-after"], "7");
    assert_eq!(response.headers().get("content-length"), None);
    let (response, body) = ask(&edge, "GET", "/panic", &[]).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (500, &"INTERNAL".into()));
    assert!(!body.to_string().contains("purpose"));
}

/// Public routes answer any origin, also preflights and refusals; others no origin at all.
#[tokio::test]
async fn opens_public_routes_to_browsers() {
    let edge = edge(EdgeSettings::default());
    let preflight = [("origin", "https://x.example"), ("access-control-request-method", "POST")];
    let (response, _) = ask(&edge, "OPTIONS", "/open/1", &preflight).await;
    assert_eq!(response.status(), 204);
    assert_eq!(response.headers()["access-control-allow-origin"], "*");
    assert_eq!(response.headers()["access-control-allow-methods"], "POST");
    for method in ["POST", "GET"] {
        let (response, _) = ask(&edge, method, "/open/1", &[]).await;
        assert_eq!(response.headers()["access-control-allow-origin"], "*", "{method}");
    }
    let (response, body) = ask(&edge, "OPTIONS", "/own", &preflight).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (405, &"METHOD_NOT_ALLOWED".into()));
    assert_eq!(response.headers().get("access-control-allow-origin"), None);
}

/// Pages get their protection, other answers need none.
#[tokio::test]
async fn protects_pages() {
    let edge = edge(EdgeSettings::default());
    let (response, _) = ask(&edge, "GET", "/page", &[]).await;
    assert!(response.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
    let (response, _) = ask(&edge, "GET", "/own", &[]).await;
    assert_eq!(response.headers().get("content-security-policy"), None);
}

/// What a trusted proxy received in the clear is refused before any route sees it.
#[tokio::test]
async fn requires_https_behind_a_proxy() {
    let trusted_proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let edge = edge(EdgeSettings { trusted_proxies, ..EdgeSettings::default() });
    let (response, body) = ask(&edge, "GET", "/own", &[("x-forwarded-proto", "http")]).await;
    assert_eq!((response.status().as_u16(), &body["code"]), (403, &"HTTPS_REQUIRED".into()));
    let (response, _) = ask(&edge, "GET", "/own", &[("x-forwarded-proto", "https")]).await;
    assert_eq!(response.status(), 200);
}

/// One runs, one waits, the third is told to come back.
#[tokio::test]
async fn bounds_concurrency() {
    let settings = EdgeSettings { running_max: 1, waiting_max: 1, ..EdgeSettings::default() };
    let edge = edge(settings);
    let (first, second, third) = tokio::join!(
        ask(&edge, "GET", "/slow", &[]),
        ask(&edge, "GET", "/slow", &[]),
        ask(&edge, "GET", "/slow", &[])
    );
    assert_eq!((first.0.status().as_u16(), second.0.status().as_u16()), (200, 200));
    assert_eq!((third.0.status().as_u16(), &third.1["code"]), (503, &"UNAVAILABLE".into()));
    assert_eq!(third.0.headers()["retry-after"], "1");
}
