//! Webhooks as receivers meet them: what arrives, how often, signed with what, and what the organization sees of it.

mod feed;
mod receiver;

use axum::http::Method;
use serde_json::{Value, json};

use self::receiver::{Answer, Receiver};
use crate::harness::{Reply, TestServer, both};

both! {
    an_event_arrives_signed,
    a_failed_delivery_is_tried_by_the_schedule,
    a_redelivery_has_the_same_id,
    gone_disables_the_endpoint,
    five_days_of_failure_disable_the_endpoint,
    a_rotated_secret_signs_for_a_day,
    asymmetric_signatures_hold_for_the_public_key,
    order_is_kept_where_it_was_asked_for,
    a_message_is_sent_again_after_a_crash,
    a_sandbox_fault_fails_a_delivery,
    endpoints_belong_to_their_organization,
    urls_are_judged,
    endpoints_are_changed_and_deleted,
    a_suspended_organization_gets_nothing,
    nothing_secret_is_told,
}

/// The waits of the schedule, in seconds, and a fifth more for chance.
const WAITS: [i64; 7] = [6, 36, 144, 720, 4320, 25_920, 103_680];

impl TestServer {
    /// Names an endpoint of the sample operator.
    pub(super) async fn endpoint(&self, url: &str, changes: Value) -> Value {
        let mut body = json!({ "url": url, "events": ["*"] });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.post("/v1/webhooks", Some(self.operator()), &body).await.expect(201)
    }

    /// A request of the sample operator without a body.
    pub(super) async fn own(&self, method: Method, path: &str) -> Reply {
        self.call(method, path, Some(self.operator()), None, &[]).await
    }

    /// A request of the sample operator with a body.
    async fn patch(&self, path: &str, body: &Value) -> Reply {
        self.call(Method::PATCH, path, Some(self.operator()), Some(body), &[]).await
    }

    /// Runs all due jobs to rest.
    pub(super) async fn tick(&self) {
        self.post("/sandbox/tick", None, &Value::Null).await.expect(200);
    }

    /// The deliveries to an endpoint, newest first.
    async fn deliveries(&self, endpoint: &Value) -> Vec<Value> {
        let listed = self.own(Method::GET, &path(endpoint, "/deliveries")).await.expect(200);
        listed["deliveries"].as_array().unwrap().clone()
    }

    /// An endpoint as it is now.
    async fn now(&self, endpoint: &Value) -> Value {
        self.own(Method::GET, &path(endpoint, "")).await.expect(200)
    }
}

fn path(endpoint: &Value, rest: &str) -> String {
    format!("/v1/webhooks/{}{rest}", endpoint["id"].as_str().unwrap())
}

/// Goal: an event reaches who asked for it, once, signed and as the contract writes it; the secret is shown once, and
/// the delivery shows its attempt. Method: two events, of which one was asked for.
async fn an_event_arrives_signed(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Text("thanks ".repeat(400))]);
    let body = json!({ "url": receiver.url, "events": ["passport.issued"], "description": "Ours" });
    let (operator, intent) = (Some(server.operator()), [("idempotency-key", "first")]);
    let made = server.call(Method::POST, "/v1/webhooks", operator, Some(&body), &intent).await;
    assert_eq!(made.header("location"), Some(path(&made.json(), "").as_str()));
    let made = made.expect(201);
    let again = server.call(Method::POST, "/v1/webhooks", operator, Some(&body), &intent).await.expect(201);
    assert_eq!((&again["secret"], &again["secretShown"]), (&Value::Null, &json!(false)));
    let shown = server.now(&made).await;
    assert_eq!(
        (&shown["secret"], &shown["enabled"], &shown["url"]),
        (&Value::Null, &json!(true), &json!(receiver.url))
    );
    let passport = server.issue().await;
    let revoke = json!({ "agent_id": passport["agent_id"], "reason": "x" });
    server.post("/registry/revoke", operator, &revoke).await.expect(200);
    server.tick().await;
    let messages = receiver.messages();
    assert_eq!(messages.len(), 1, "{messages:?}");
    let message = &messages[0];
    assert!(message.is_signed_with(made["secret"].as_str().unwrap()));
    assert_eq!(message.signatures("v1").len(), 1);
    assert!(message.signatures("v1a").is_empty());
    assert_eq!(message.header("content-type"), "application/json");
    assert_eq!(message.header("webhook-timestamp"), crate::harness::START.to_string());
    assert!(message.id().starts_with("evt_"));
    let body = message.json();
    assert_eq!(
        (&body["type"], &body["timestamp"]),
        (&json!("passport.issued"), &json!("2026-05-08T22:00:00Z"))
    );
    assert_eq!(body["data"]["passport_id"], passport["passport_id"]);
    let deliveries = server.deliveries(&made).await;
    assert_eq!(deliveries.len(), 1);
    let delivery = &deliveries[0];
    assert_eq!((&delivery["state"], &delivery["eventId"]), (&json!("delivered"), &json!(message.id())));
    let attempt = &delivery["attempts"][0];
    assert_eq!((&attempt["number"], &attempt["status"]), (&json!(1), &json!(200)));
    assert_eq!(attempt["answer"].as_str().unwrap().len(), 1024);
    assert!(attempt["latencyMs"].is_u64());
}

/// Goal: a failing delivery is tried at each instant of the schedule and not before, under one id, and given up after the
/// eighth attempt. Method: a receiver that always answers 500 or redirects.
async fn a_failed_delivery_is_tried_by_the_schedule(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Status(302)]);
    receiver.answer([500, 500, 404, 503, 500, 500, 500].map(Answer::Status));
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    server.issue().await;
    server.tick().await;
    for (tried, wait) in (1..).zip(WAITS) {
        assert_eq!(receiver.messages().len(), tried, "before the wait of {wait} s");
        server.advance(wait * 5 / 6 - 1);
        server.tick().await;
        assert_eq!(receiver.messages().len(), tried, "too early");
        server.advance(wait / 6 + 2);
        server.tick().await;
    }
    let messages = receiver.messages();
    assert_eq!(messages.len(), 8);
    assert!(
        messages.iter().all(|message| message.id() == messages[0].id() && message.bytes == messages[0].bytes)
    );
    let timestamps: Vec<&str> = messages.iter().map(|message| message.header("webhook-timestamp")).collect();
    assert!(timestamps.is_sorted() && timestamps[0] != timestamps[7], "each attempt has its own instant");
    let delivery = &server.deliveries(&endpoint).await[0];
    assert_eq!((&delivery["state"], delivery["attempts"].as_array().unwrap().len()), (&json!("failed"), 8));
    assert_eq!(delivery["nextAttemptAt"], Value::Null);
    assert!(server.now(&endpoint).await["failingSince"].is_string());
    server.advance(86_400);
    server.tick().await;
    assert_eq!(receiver.messages().len(), 8, "nothing more is tried");
}

/// Goal: a delivery that was given up, or that arrived, can be sent again, as the same message. Method: redeliver after
/// a failure, and once more after the success.
async fn a_redelivery_has_the_same_id(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Status(500)]);
    let endpoint = server.endpoint(&receiver.url, json!({ "events": ["passport.issued"] })).await;
    let tested = server.own(Method::POST, &path(&endpoint, "/test")).await.expect(202);
    assert!(tested["logEntry"].is_string());
    server.tick().await;
    let delivery = server.deliveries(&endpoint).await[0].clone();
    assert_eq!((&delivery["state"], &delivery["type"]), (&json!("pending"), &json!("webhook.test")));
    let redeliver = format!("/v1/webhooks/deliveries/{}/redeliver", delivery["id"].as_str().unwrap());
    for _ in 0..2 {
        let again = server.own(Method::POST, &redeliver).await.expect(202);
        assert_eq!((&again["id"], &again["state"]), (&delivery["id"], &json!("pending")));
        server.tick().await;
        assert_eq!(server.deliveries(&endpoint).await[0]["state"], "delivered");
    }
    let messages = receiver.messages();
    assert_eq!(messages.len(), 3);
    assert!(messages.iter().all(|message| message.id() == tested["eventId"].as_str().unwrap()));
    assert_eq!(server.deliveries(&endpoint).await[0]["attempts"].as_array().unwrap().len(), 3);
    let other = json!({ "url": "http://127.0.0.1:9/", "events": ["passport.revoked"] });
    let other = server.post("/v1/webhooks", Some(server.operator()), &other).await.expect(201);
    assert!(server.deliveries(&other).await.is_empty(), "a test reaches the tested endpoint alone");
}

/// Goal: 410 disables, cancels what waits, is logged and told to the organization. Method: an endpoint that answers 410,
/// and another one that hears of it.
async fn gone_disables_the_endpoint(server: TestServer) {
    let (leaving, staying) = (Receiver::start().await, Receiver::start().await);
    leaving.answer([Answer::Status(410)]);
    let gone = server.endpoint(&leaving.url, json!({ "events": ["passport.issued"] })).await;
    server.endpoint(&staying.url, json!({ "events": ["webhook.disabled"] })).await;
    server.issue().await;
    server.tick().await;
    let now = server.now(&gone).await;
    assert_eq!((&now["enabled"], &now["disabledReason"]), (&json!(false), &json!("gone")));
    let messages = staying.messages();
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0].json()["data"]["webhookId"], gone["id"]);
    server.issue().await;
    server.tick().await;
    assert_eq!(leaving.messages().len(), 1, "a disabled endpoint gets nothing");
    server.own(Method::POST, &path(&gone, "/test")).await.refused(409, "STATE_CONFLICT");
    server.integrate().await;
    let logged =
        server.get("/v1/audit?op=webhook.disable_endpoint", Some(server.operator())).await.expect(200);
    assert!(logged.to_string().contains(gone["id"].as_str().unwrap()), "{logged}");
    let enabled = server.patch(&path(&gone, ""), &json!({ "enabled": true })).await.expect(200);
    assert_eq!((&enabled["enabled"], &enabled["disabledReason"]), (&json!(true), &Value::Null));
    server.issue().await;
    server.tick().await;
    assert_eq!(leaving.messages().len(), 2);
}

/// Goal: five days without a success disable. Method: one failure, then another five days later; a success between two
/// failures forgives.
async fn five_days_of_failure_disable_the_endpoint(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([500, 200, 500].map(Answer::Status));
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    server.issue().await;
    server.tick().await;
    server.advance(5 * 86_400);
    server.tick().await;
    assert_eq!(server.now(&endpoint).await["failingSince"], Value::Null, "it works again");
    server.issue().await;
    server.tick().await;
    receiver.answer([Answer::Status(500)]);
    server.advance(5 * 86_400);
    server.tick().await;
    let now = server.now(&endpoint).await;
    assert_eq!((&now["enabled"], &now["disabledReason"]), (&json!(false), &json!("failing")));
    assert_eq!(server.deliveries(&endpoint).await[0]["state"], "cancelled");
    let events = server.own(Method::GET, "/v1/events").await.expect(200);
    let last = events["events"].as_array().unwrap().last().unwrap();
    assert_eq!((&last["type"], &last["data"]["reason"]), (&json!("webhook.disabled"), &json!("failing")));
}

/// Goal: for a day both secrets sign, after it the new one alone, and never more than two. Method: rotate, deliver, wait.
async fn a_rotated_secret_signs_for_a_day(server: TestServer) {
    let receiver = Receiver::start().await;
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    let rotated = server.own(Method::POST, &path(&endpoint, "/rotate")).await.expect(200);
    assert_eq!(rotated["overlapUntil"], "2026-05-09T22:00:00.000Z");
    let (old, new) = (endpoint["secret"].as_str().unwrap(), rotated["secret"].as_str().unwrap());
    server.issue().await;
    server.tick().await;
    server.advance(86_400);
    server.issue().await;
    server.tick().await;
    let messages = receiver.messages();
    assert!(messages[0].is_signed_with(old) && messages[0].is_signed_with(new));
    assert!(!messages[1].is_signed_with(old) && messages[1].is_signed_with(new));
    let again = server.own(Method::POST, &path(&endpoint, "/rotate")).await.expect(200);
    let newest = server.own(Method::POST, &path(&endpoint, "/rotate")).await.expect(200);
    server.issue().await;
    server.tick().await;
    let last = receiver.messages()[2].clone();
    assert_eq!(last.signatures("v1").len(), 2);
    assert!(!last.is_signed_with(new));
    assert!(last.is_signed_with(again["secret"].as_str().unwrap()));
    assert!(last.is_signed_with(newest["secret"].as_str().unwrap()));
}

/// Goal: on request messages carry an Ed25519 signature that holds for the public key shown. Method: an asymmetric
/// endpoint, before and after a rotation.
async fn asymmetric_signatures_hold_for_the_public_key(server: TestServer) {
    let receiver = Receiver::start().await;
    let endpoint = server.endpoint(&receiver.url, json!({ "asymmetric": true })).await;
    server.issue().await;
    server.tick().await;
    server.own(Method::POST, &path(&endpoint, "/rotate")).await.expect(200);
    server.issue().await;
    server.tick().await;
    let messages = receiver.messages();
    let first = endpoint["publicKeys"][0].as_str().unwrap();
    assert!(
        messages[0].is_signed_by(first) && messages[0].is_signed_with(endpoint["secret"].as_str().unwrap())
    );
    let keys = server.now(&endpoint).await["publicKeys"].as_array().unwrap().clone();
    assert_eq!((keys.len(), &keys[1]), (2, &endpoint["publicKeys"][0]));
    assert!(keys.iter().all(|key| messages[1].is_signed_by(key.as_str().unwrap())));
    assert!(!messages[0].is_signed_by(keys[0].as_str().unwrap()));
}

/// Goal: an ordered endpoint gets the events about one subject one after another, others are not held up. Method: the
/// first event about one agent fails; an unordered endpoint listens too.
async fn order_is_kept_where_it_was_asked_for(server: TestServer) {
    let (ordered, loose) = (Receiver::start().await, Receiver::start().await);
    for (receiver, order) in [(&ordered, true), (&loose, false)] {
        receiver.answer([Answer::Status(500)]);
        server.endpoint(&receiver.url, json!({ "ordered": order })).await;
    }
    let passport = server.issue().await;
    server.tick().await;
    let revoke = json!({ "agent_id": passport["agent_id"], "reason": "x" });
    server.post("/registry/revoke", Some(server.operator()), &revoke).await.expect(200);
    server.issue().await;
    server.tick().await;
    assert_eq!(ordered.kinds(), ["passport.issued", "passport.issued"], "the other agent is not held up");
    assert_eq!(loose.kinds().len(), 3);
    server.advance(WAITS[0]);
    server.tick().await;
    assert_eq!(
        ordered.kinds(),
        ["passport.issued", "passport.issued", "passport.issued", "passport.revoked"]
    );
    let messages = ordered.messages();
    assert_eq!(messages[0].id(), messages[2].id());
    assert_ne!(messages[0].id(), messages[1].id());
}

/// Goal: at least once. Method: the process ends while a receiver has the message and has not answered; the next process
/// sends it again under the same id, when the lease is over.
async fn a_message_is_sent_again_after_a_crash(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Silence]);
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    server.issue().await;
    server.tick().await;
    assert_eq!(receiver.messages().len(), 1);
    let server = server.restart().await;
    server.tick().await;
    assert_eq!(receiver.messages().len(), 1, "the lease holds");
    server.advance(61);
    server.tick().await;
    let messages = receiver.messages();
    assert_eq!(messages.len(), 2);
    assert_eq!((messages[0].id(), &messages[0].bytes), (messages[1].id(), &messages[1].bytes));
    assert_eq!(server.deliveries(&endpoint).await[0]["state"], "delivered");
}

/// Goal: a sandbox can be told that a receiver fails. Method: one fault, then the retry.
async fn a_sandbox_fault_fails_a_delivery(server: TestServer) {
    let receiver = Receiver::start().await;
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    let fault = json!({ "name": "webhook_5xx", "scope": "webhook.deliver", "count": 1 });
    server.post("/sandbox/faults", None, &fault).await.expect(200);
    server.issue().await;
    server.tick().await;
    assert_eq!(server.deliveries(&endpoint).await[0]["attempts"][0]["status"], 503);
    assert!(receiver.messages().is_empty());
    server.advance(WAITS[0]);
    server.tick().await;
    assert_eq!(receiver.messages().len(), 1);
}

/// Goal: whose endpoint it is not finds nothing, whatever it asks. Method: another operator asks for the sample operator's
/// endpoint and delivery, and for unknown ones.
async fn endpoints_belong_to_their_organization(server: TestServer) {
    let receiver = Receiver::start().await;
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    server.issue().await;
    server.tick().await;
    let delivery = server.deliveries(&endpoint).await[0]["id"].as_str().unwrap().to_owned();
    let other = server.another_operator("op_other").await;
    let id = endpoint["id"].as_str().unwrap();
    let requests = [
        (Method::GET, "/v1/webhooks/{}", id, None),
        (Method::PATCH, "/v1/webhooks/{}", id, Some(json!({ "enabled": false }))),
        (Method::DELETE, "/v1/webhooks/{}", id, None),
        (Method::POST, "/v1/webhooks/{}/rotate", id, None),
        (Method::POST, "/v1/webhooks/{}/test", id, None),
        (Method::GET, "/v1/webhooks/{}/deliveries", id, None),
        (Method::POST, "/v1/webhooks/deliveries/{}/redeliver", delivery.as_str(), None),
    ];
    for (method, form, id, body) in requests {
        let unknown = format!("{}_019e099acb007a5f8c1d2e3f40516273", &id[..3]);
        let mut answers = Vec::new();
        for id in [id, &unknown] {
            let headers = [("x-request-id", "12345678")];
            let path = form.replace("{}", id);
            answers.push(server.call(method.clone(), &path, Some(&other), body.as_ref(), &headers).await);
        }
        assert_eq!(answers[0].bytes, answers[1].bytes, "{method} {form}");
        answers.remove(0).refused(404, "NOT_FOUND");
    }
    let listed = server.get("/v1/webhooks", Some(&other)).await.expect(200);
    assert_eq!(listed, json!({ "webhooks": [] }));
    let shown = server.now(&endpoint).await;
    assert_eq!((&shown["enabled"], &shown["overlapUntil"]), (&json!(true), &Value::Null));
}

/// Goal: a URL that leads where it must not is refused with the rule it breaks; one whose name does so is not called.
/// Method: URLs of each kind; the pure rules have a larger corpus.
async fn urls_are_judged(server: TestServer) {
    for (url, rule) in [
        ("http://example.org/", "scheme"),
        ("ftp://example.org/", "scheme"),
        ("https://user:tiger@example.org/", "credentials"),
        ("https://example.org/#x", "fragment"),
        ("https://example.org:25/", "port"),
        ("https://169.254.169.254/latest/meta-data", "private_address"),
        ("https://10.0.0.1/", "private_address"),
        ("https://[::ffff:10.0.0.1]/", "private_address"),
        ("https://[64:ff9b::a9fe:a9fe]/", "private_address"),
        ("https://2130706433/", "form"),
        ("nowhere", "form"),
    ] {
        let body = json!({ "url": url, "events": ["*"] });
        let refused = server.post("/v1/webhooks", Some(server.operator()), &body).await;
        let refused = refused.refused(400, "VALIDATION_ERROR");
        let violation = &refused["details"]["violations"][0];
        assert_eq!((&violation["pointer"], &violation["rule"]), (&json!("/url"), &json!(rule)), "{url}");
        assert!(!refused.to_string().contains("tiger"), "a password is not repeated");
    }
    let body = json!({ "url": "https://10.0.0.1/", "events": ["no kind"] });
    server.post("/v1/webhooks", Some(server.operator()), &body).await.refused(400, "VALIDATION_ERROR");
    let body = json!({ "url": "https://example.org/", "events": ["*"], "secret": "mine" });
    server.post("/v1/webhooks", Some(server.operator()), &body).await.refused(400, "VALIDATION_ERROR");
}

/// Goal: every part of an endpoint can be changed; deleting ends it; there is a limit. Method: change each, disable with a
/// delivery waiting, delete, and make too many.
async fn endpoints_are_changed_and_deleted(server: TestServer) {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    first.answer([Answer::Status(500)]);
    let endpoint = server.endpoint(&first.url, json!({ "description": "One" })).await;
    server.issue().await;
    server.tick().await;
    let change = json!({ "url": second.url, "events": ["passport.revoked", "passport.issued"], "ordered": true,
        "description": "" });
    let changed = server.patch(&path(&endpoint, ""), &change).await.expect(200);
    assert_eq!(changed["events"], json!(["passport.issued", "passport.revoked"]));
    assert_eq!((&changed["description"], &changed["ordered"]), (&Value::Null, &json!(true)));
    server.advance(WAITS[0]);
    server.tick().await;
    assert_eq!(
        (first.messages().len(), second.messages().len()),
        (1, 1),
        "the retry goes to the new address"
    );
    second.answer([Answer::Status(500)]);
    server.issue().await;
    server.tick().await;
    server.patch(&path(&endpoint, ""), &json!({ "enabled": false })).await.expect(200);
    assert_eq!(server.now(&endpoint).await["disabledReason"], "owner");
    assert_eq!(server.deliveries(&endpoint).await[0]["state"], "cancelled");
    server.patch(&path(&endpoint, ""), &json!({})).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(server.own(Method::DELETE, &path(&endpoint, "")).await.status.as_u16(), 204);
    server.own(Method::GET, &path(&endpoint, "")).await.refused(404, "NOT_FOUND");
    for _ in 0..32 {
        server.endpoint(&first.url, json!({})).await;
    }
    let body = json!({ "url": first.url, "events": ["*"] });
    server.post("/v1/webhooks", Some(server.operator()), &body).await.refused(409, "STATE_CONFLICT");
    let page = server.own(Method::GET, "/v1/webhooks?limit=20").await.expect(200);
    let next = format!("/v1/webhooks?limit=20&cursor={}", page["nextCursor"].as_str().unwrap());
    let rest = server.own(Method::GET, &next).await.expect(200);
    assert_eq!((rest["webhooks"].as_array().unwrap().len(), &rest["nextCursor"]), (12, &Value::Null));
}

/// Goal: nothing is sent for a suspended organization, and nothing is lost. Method: suspend, let it be revoked by the
/// admin, reinstate.
async fn a_suspended_organization_gets_nothing(server: TestServer) {
    let receiver = Receiver::start().await;
    server.endpoint(&receiver.url, json!({ "events": ["passport.revoked"] })).await;
    let agent = server.issue().await["agent_id"].clone();
    let suspend = async |suspended: bool| {
        let body = json!({ "suspended": suspended });
        let path = "/v1/admin/organizations/op_acme_corp";
        server.call(Method::PATCH, path, Some(server.admin()), Some(&body), &[]).await.expect(200);
    };
    suspend(true).await;
    let revoke = json!({ "agent_id": agent, "reason": "x" });
    server.post("/registry/revoke", Some(server.admin()), &revoke).await.expect(200);
    server.tick().await;
    assert!(receiver.messages().is_empty());
    suspend(false).await;
    server.tick().await;
    assert_eq!(receiver.kinds(), ["passport.revoked"], "an admin's act is told to the operator");
}

/// Goal: neither a secret nor the path and query of a URL is in the log, nor in what others see. Method: make, rotate and
/// disable an endpoint with telling texts, and search every entry.
async fn nothing_secret_is_told(server: TestServer) {
    let receiver = Receiver::start().await;
    receiver.answer([Answer::Status(410)]);
    let endpoint = server.endpoint(&receiver.url, json!({})).await;
    let rotated = server.own(Method::POST, &path(&endpoint, "/rotate")).await.expect(200);
    server.issue().await;
    server.tick().await;
    server.integrate().await;
    let entries = server.get("/v1/audit?limit=200", Some(server.admin())).await.expect(200);
    let mut told = entries.to_string();
    for entry in entries.as_object().unwrap().values().filter_map(Value::as_array).flatten() {
        let proof = format!("/v1/audit/{}", entry["id"].as_str().unwrap());
        told.push_str(&server.get(&proof, Some(server.admin())).await.expect(200).to_string());
    }
    told.push_str(&server.own(Method::GET, "/v1/events").await.expect(200).to_string());
    told.push_str(&server.get("/metrics", Some(server.admin())).await.json().to_string());
    assert!(told.contains("webhook.disable_endpoint") && told.contains("webhook.rotate_secret"));
    for secret in [&endpoint["secret"], &rotated["secret"]] {
        assert!(!told.contains(secret.as_str().unwrap().trim_start_matches("whsec_")));
    }
    assert!(!told.contains("of-the-receiver") && !told.contains("/hook"), "the log names hosts alone");
}
