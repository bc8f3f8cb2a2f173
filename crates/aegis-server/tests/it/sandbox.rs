//! What only a sandbox has.

use std::net::{IpAddr, Ipv4Addr};

use aegis_server::app::Mode;
use aegis_server::http::edge::{Edge, EdgeSettings};
use aegis_server::http::reply::LostAnswer;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use crate::harness::{TestServer, both};

both! {
    the_clock_moves_forward_for_good,
    faults_strike_as_often_as_armed,
    a_tick_brings_everything_to_rest,
    limits_are_cleared,
    only_the_own_machine_finds_it,
}

const CLOCK: &str = "/sandbox/clock";
const FAULTS: &str = "/sandbox/faults";

/// Goal: time goes forward only, and a restart does not take it back. Method: by seconds, to an instant, backwards,
/// then start again.
async fn the_clock_moves_forward_for_good(server: TestServer) {
    assert_eq!(server.get(CLOCK, None).await.expect(200)["now"], "2026-05-08T22:00:00.000Z");
    let moved = server.post(CLOCK, None, &json!({ "advanceSeconds": 90 })).await.expect(200);
    assert_eq!(moved, json!({ "now": "2026-05-08T22:01:30.000Z" }));
    let moved = server.post(CLOCK, None, &json!({ "now": "2026-06-01T00:00:00Z" })).await.expect(200);
    assert_eq!(moved["now"], "2026-06-01T00:00:00.000Z");
    assert_eq!(server.get(CLOCK, None).await.expect(200), moved);
    for bad in [
        json!({ "now": "2026-05-31T23:59:59Z" }),
        json!({ "advanceSeconds": -1 }),
        json!({ "advanceSeconds": 1, "now": "2027-01-01T00:00:00Z" }),
        json!({}),
        json!({ "now": "tomorrow" }),
    ] {
        server.post(CLOCK, None, &bad).await.refused(400, "VALIDATION_ERROR");
    }
    let server = server.restart().await;
    let now = server.get(CLOCK, None).await.expect(200);
    assert!(now["now"].as_str() >= moved["now"].as_str(), "{now}");
}

/// Goal: an armed fault strikes its operation so often and no more. Method: the answer of a token is lost twice.
async fn faults_strike_as_often_as_armed(server: TestServer) {
    let body = json!({ "name": "lose_response", "scope": "account.mint_token", "count": 2 });
    let armed = server.post(FAULTS, None, &body).await.expect(200);
    assert_eq!(armed, json!({ "faults": [body] }));
    let lost = async || {
        let request =
            Request::post("/v1/auth/token").header("x-api-key", server.operator()).body(Body::empty());
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        server.edge.respond(peer, request.unwrap()).await.extensions().get::<LostAnswer>().is_some()
    };
    server
        .call(Method::POST, "/v1/organizations/me/keys", Some(server.operator()), None, &[])
        .await
        .expect(201);
    assert!(lost().await);
    assert_eq!(server.get(FAULTS, None).await.expect(200)["faults"][0]["count"], 1);
    assert!(lost().await);
    assert!(!lost().await);
    server.post(FAULTS, None, &json!({ "name": "crash_after_commit" })).await.expect(200);
    assert_eq!(server.call(Method::DELETE, FAULTS, None, None, &[]).await.status.as_u16(), 204);
    assert_eq!(server.get(FAULTS, None).await.expect(200), json!({ "faults": [] }));
    for bad in [json!({ "name": "earthquake" }), json!({ "name": "lose_response", "count": 0 })] {
        server.post(FAULTS, None, &bad).await.refused(400, "VALIDATION_ERROR");
    }
}

/// Goal: after a tick nothing waits. Method: entries of a few operations, one tick, all have their place.
async fn a_tick_brings_everything_to_rest(server: TestServer) {
    server.another_operator("op_ticked").await;
    server.call(Method::POST, "/sandbox/tick", None, None, &[]).await.expect(200);
    let again = server.call(Method::POST, "/sandbox/tick", None, None, &[]).await.expect(200);
    assert_eq!(again["worked"], 0);
    let entries = server.get("/v1/audit?limit=200", Some(server.admin())).await.expect(200);
    for entry in entries["entries"].as_array().unwrap() {
        assert!(entry["index"].is_u64(), "{entry}");
    }
}

/// Goal: limits can be cleared between trials. Method: use one up, clear, go on.
async fn limits_are_cleared(server: TestServer) {
    let body = json!({ "organization": "A", "email": "a@b.example", "roles": ["operator"], "country": "DE", "baaSigned": false });
    for _ in 0..5 {
        server.post("/v1/access-requests", None, &body).await.expect(202);
    }
    server.post("/v1/access-requests", None, &body).await.refused(429, "RATE_LIMITED");
    let reset = server.call(Method::POST, "/sandbox/limits/reset", None, None, &[]).await;
    assert_eq!(reset.status.as_u16(), 204);
    server.post("/v1/access-requests", None, &body).await.expect(202);
}

/// Goal: nobody else finds these paths, and no web page may use a visitor's. Method: another peer, a page's origin,
/// and the same instance in production.
async fn only_the_own_machine_finds_it(mut server: TestServer) {
    let ask = async |server: &TestServer, peer: [u8; 4]| {
        let request = Request::get(CLOCK).header("origin", "https://x.example").body(Body::empty()).unwrap();
        server.edge.respond(IpAddr::from(peer), request).await
    };
    assert_eq!(ask(&server, [192, 0, 2, 1]).await.status().as_u16(), 404);
    let own = ask(&server, [127, 0, 0, 1]).await;
    assert_eq!(own.status().as_u16(), 200);
    assert_eq!(own.headers().get("access-control-allow-origin"), None);
    server.app.mode = Mode::Production;
    let (router, _) = aegis_server::router::routes(&server.app);
    server.edge = Edge::new(router, EdgeSettings::default(), Box::new(|| [7; 16]));
    assert_eq!(ask(&server, [127, 0, 0, 1]).await.status().as_u16(), 404);
}
