//! Events by polling and as a stream.

use std::net::{IpAddr, Ipv4Addr};

use axum::body::Body;
use axum::http::{Method, Request};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};

use crate::harness::{TestServer, both};

both! {
    events_can_be_polled,
    a_stream_resumes_where_it_ended,
    a_stream_ends_with_its_key,
}

/// Three events: two issued, one revoked. Returns their ids.
async fn three_events(server: &TestServer) -> Vec<String> {
    let agent = server.issue().await["agent_id"].clone();
    server.issue().await;
    let revoke = json!({ "agent_id": agent, "reason": "x" });
    server.post("/registry/revoke", Some(server.operator()), &revoke).await.expect(200);
    server.tick().await;
    let listed = server.own(Method::GET, "/v1/events?limit=200").await.expect(200);
    ids(&listed)
}

fn ids(listed: &Value) -> Vec<String> {
    let events = listed["events"].as_array().unwrap();
    events.iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
}

/// Goal: polling with the cursor shows each event once, in order, also those that happen meanwhile; others see nothing.
/// Method: pages of two, then an event, then another operator with the same cursor.
async fn events_can_be_polled(server: TestServer) {
    assert_eq!(server.own(Method::GET, "/v1/events").await.expect(200), json!({ "events": [] }));
    let all = three_events(&server).await;
    assert_eq!(all.len(), 3);
    let first = server.own(Method::GET, "/v1/events?limit=2").await.expect(200);
    assert_eq!(ids(&first), all[..2]);
    let cursor = |page: &Value| format!("/v1/events?cursor={}", page["nextCursor"].as_str().unwrap());
    let second = server.own(Method::GET, &cursor(&first)).await.expect(200);
    assert_eq!(ids(&second), all[2..]);
    assert_eq!(second["events"][0]["type"], "passport.revoked");
    let end = server.own(Method::GET, &cursor(&second)).await.expect(200);
    assert_eq!((&end["events"], &end["nextCursor"]), (&json!([]), &second["nextCursor"]));
    server.issue().await;
    server.tick().await;
    assert_eq!(ids(&server.own(Method::GET, &cursor(&end)).await.expect(200)).len(), 1);
    let other = server.another_operator("op_other").await;
    assert_eq!(server.get("/v1/events", Some(&other)).await.expect(200), json!({ "events": [] }));
    server.get(&cursor(&first), Some(&other)).await.refused(410, "DELTA_GONE");
    server.own(Method::GET, "/v1/events?cursor=mine").await.refused(400, "VALIDATION_ERROR");
}

/// A stream that is open.
struct Stream(Body, String);

impl Stream {
    async fn open(server: &TestServer, key: &str, last: Option<&str>) -> Stream {
        let mut request = Request::get("/v1/events/stream").header("x-api-key", key);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let response = server.edge.respond(peer, request.body(Body::empty()).unwrap()).await;
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        Stream(response.into_body(), String::new())
    }

    /// The next event's kind and id; `None` when the stream has ended. Comments are passed over.
    async fn next(&mut self) -> Option<(String, String, Value)> {
        loop {
            if let Some((frame, rest)) = self.1.split_once("\n\n") {
                let (frame, rest) = (frame.to_owned(), rest.to_owned());
                self.1 = rest;
                let field = |name: &str| {
                    let found = frame.lines().find_map(|line| line.strip_prefix(name));
                    found.map(|value| value.trim_start().to_owned())
                };
                if let (Some(kind), Some(id), Some(data)) = (field("event:"), field("id:"), field("data:")) {
                    return Some((kind, id, serde_json::from_str(&data).unwrap()));
                }
                continue;
            }
            let bytes = self.0.frame().await?.unwrap().into_data().unwrap();
            self.1.push_str(std::str::from_utf8(&bytes).unwrap());
        }
    }
}

/// Goal: a stream shows what happens, and after a break what happened meanwhile, each once. Method: read one event, come
/// back with its id.
async fn a_stream_resumes_where_it_ended(server: TestServer) {
    let operator = server.operator().to_owned();
    let before = three_events(&server).await;
    let mut stream = Stream::open(&server, &operator, None).await;
    server.issue().await;
    server.tick().await;
    let (kind, id, data) = stream.next().await.unwrap();
    assert_eq!(
        (kind.as_str(), &data["type"], &data["id"]),
        ("passport.issued", &json!("passport.issued"), &json!(id))
    );
    assert!(!before.contains(&id), "a stream begins with what comes");
    drop(stream);
    server.issue().await;
    server.tick().await;
    let mut stream = Stream::open(&server, &operator, Some(&before[1])).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        seen.push(stream.next().await.unwrap().1);
    }
    assert_eq!(seen[..2], [before[2].clone(), id]);
    let listed = ids(&server.own(Method::GET, "/v1/events").await.expect(200));
    assert_eq!(listed[2..], seen, "the same events as by polling");
    let other = server.another_operator("op_other").await;
    let path = format!("/v1/events/stream?after={}", before[0]);
    server.get(&path, Some(&other)).await.refused(410, "DELTA_GONE");
    server.own(Method::GET, "/v1/events/stream?after=evt_1").await.refused(400, "VALIDATION_ERROR");
}

/// Goal: a revoked key sees nothing more on a stream that is open. Method: open with a key of its own, revoke it, let
/// something happen.
async fn a_stream_ends_with_its_key(server: TestServer) {
    let body = json!({ "scopes": ["webhooks"] });
    let key = server.post("/v1/organizations/me/keys", Some(server.operator()), &body).await.expect(201);
    let mut stream = Stream::open(&server, key["secret"].as_str().unwrap(), None).await;
    let path = format!("/v1/organizations/me/keys/{}", key["id"].as_str().unwrap());
    assert_eq!(server.own(Method::DELETE, &path).await.status.as_u16(), 204);
    server.issue().await;
    server.tick().await;
    assert_eq!(stream.next().await, None);
}
