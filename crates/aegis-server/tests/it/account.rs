//! Organizations, keys, tokens and requests for access, as their users meet them.

use axum::http::Method;
use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, both};

both! {
    an_organization_is_made_and_its_key_shown_once,
    an_organization_breaks_every_rule_at_once,
    organizations_are_listed_and_read,
    a_suspension_is_felt_by_the_next_request,
    a_key_is_made_rotated_and_revoked,
    asking_and_approving_stay_apart,
    a_token_narrows_and_dies_with_its_key,
    access_is_asked_for_and_decided,
    strangers_may_ask_five_times_an_hour,
    the_first_key_is_a_mail_away,
    letters_wait_for_the_mail_server,
    only_the_entitled_may_do_so,
    the_sandbox_is_seeded_once,
}

const ORGANIZATIONS: &str = "/v1/admin/organizations";
const KEYS: &str = "/v1/organizations/me/keys";
const TOKEN: &str = "/v1/auth/token";
const ASK: &str = "/v1/access-requests";
const FIRST_KEY: &str = "/v1/access-requests/first-key";

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} in {value}"))
}

async fn delete(server: &TestServer, path: &str, key: &str) -> Reply {
    server.call(Method::DELETE, path, Some(key), None, &[]).await
}

/// Goal: the contract's 201, and a replay that shows no secret. Method: the same request twice under one key.
async fn an_organization_is_made_and_its_key_shown_once(server: TestServer) {
    let body = json!({
        "name": "Everything Inc", "roles": ["consumer", "operator"], "country": "US",
        "baa": { "signedAt": "2026-01-15T00:00:00Z", "documentSha256": "ab".repeat(32) },
        "ids": { "operator": "op_everything" },
    });
    let intent = [("idempotency-key", "make-1")];
    let send =
        async || server.call(Method::POST, ORGANIZATIONS, Some(server.admin()), Some(&body), &intent).await;
    let first = send().await;
    assert_eq!(first.header("location"), Some("/v1/admin/organizations/op_everything"));
    let made = first.expect(201);
    let members: Vec<&String> = made.as_object().unwrap().keys().collect();
    assert_eq!(members, ["apiKey", "baa", "country", "createdAt", "id", "ids", "logEntry", "name", "roles"]);
    assert_eq!(made["id"], "op_everything");
    assert!(text(&made["ids"], "consumer").starts_with("cons_"));
    assert_eq!(made["roles"], json!(["operator", "consumer"]));
    assert_eq!(made["baa"]["signedAt"], "2026-01-15T00:00:00.000Z");
    assert_eq!(made["createdAt"], "2026-05-08T22:00:00.000Z");
    let scopes = made["apiKey"]["scopes"].as_array().unwrap();
    for held in ["identity:issue", "identity:receipt", "exchange:open", "keys", "audit:read"] {
        assert!(scopes.contains(&json!(held)), "{held}");
    }
    assert!(!scopes.contains(&json!("identity:approve")));
    let secret = text(&made["apiKey"], "secret").to_owned();
    server.get(KEYS, Some(&secret)).await.expect(200);

    let replay = send().await;
    assert_eq!(replay.header("idempotency-replayed"), Some("true"));
    let again = replay.expect(201);
    assert_eq!(again["apiKey"]["secretShown"], false);
    assert_eq!(again["apiKey"].get("secret"), None);
    assert_eq!((&again["id"], &again["logEntry"]), (&made["id"], &made["logEntry"]));
}

/// Goal: all violations at once, and ids in use are a conflict. Method: one request with everything wrong.
async fn an_organization_breaks_every_rule_at_once(server: TestServer) {
    let body = json!({ "name": "", "roles": ["operator", "king"], "country": "usa", "idz": {} });
    let problem =
        server.post(ORGANIZATIONS, Some(server.admin()), &body).await.refused(400, "VALIDATION_ERROR");
    let pointers: Vec<&str> =
        problem["details"]["violations"].as_array().unwrap().iter().map(|v| text(v, "pointer")).collect();
    for pointer in ["/name", "/roles/1", "/country", "/idz"] {
        assert!(pointers.contains(&pointer), "{pointer} in {pointers:?}");
    }
    let stray =
        json!({ "name": "A", "roles": ["operator"], "country": "DE", "ids": { "provider": "prov_x1" } });
    server.post(ORGANIZATIONS, Some(server.admin()), &stray).await.refused(400, "VALIDATION_ERROR");
    let wrong =
        json!({ "name": "A", "roles": ["operator"], "country": "DE", "ids": { "operator": "prov_x1" } });
    server.post(ORGANIZATIONS, Some(server.admin()), &wrong).await.refused(400, "VALIDATION_ERROR");
    let taken =
        json!({ "name": "A", "roles": ["operator"], "country": "DE", "ids": { "operator": "op_acme_corp" } });
    let problem =
        server.post(ORGANIZATIONS, Some(server.admin()), &taken).await.refused(409, "STATE_CONFLICT");
    assert_eq!(problem["details"]["ids"], json!(["op_acme_corp"]));
}

/// Goal: the list is stable and its rows can be read by the id of any role. Method: pages of two.
async fn organizations_are_listed_and_read(server: TestServer) {
    let admin = Some(server.admin());
    server.another_operator("op_newest").await;
    let mut ids = Vec::new();
    let mut path = format!("{ORGANIZATIONS}?limit=2");
    loop {
        let page = server.get(&path, admin).await.expect(200);
        ids.extend(page["organizations"].as_array().unwrap().iter().map(|o| text(o, "id").to_owned()));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("{ORGANIZATIONS}?limit=2&cursor={cursor}");
    }
    ids.sort();
    assert_eq!(ids, ["cons_456", "op_acme_corp", "op_newest", "prov_123"]);
    let read = server.get("/v1/admin/organizations/prov_123", admin).await.expect(200);
    assert_eq!((&read["suspended"], &read["country"]), (&json!(false), &json!("US")));
    server.get("/v1/admin/organizations/op_nobody", admin).await.refused(404, "NOT_FOUND");
    server.get(&format!("{ORGANIZATIONS}?cursor=abc"), admin).await.refused(400, "VALIDATION_ERROR");
}

/// Goal: suspending stops keys and tokens with the very next request, and lifting it lets them go on.
async fn a_suspension_is_felt_by_the_next_request(server: TestServer) {
    let token = server.post(TOKEN, Some(server.operator()), &json!({})).await.expect(200);
    let bearer = format!("Bearer {}", text(&token, "access_token"));
    let bearer = [("authorization", bearer.as_str())];
    let path = "/v1/admin/organizations/op_acme_corp";
    for (suspended, status) in [(true, 403), (false, 200)] {
        let body = json!({ "suspended": suspended });
        let changed =
            server.call(Method::PATCH, path, Some(server.admin()), Some(&body), &[]).await.expect(200);
        assert_eq!(changed["suspended"], suspended);
        assert!(text(&changed, "logEntry").starts_with("log_"));
        let by_key = server.get(KEYS, Some(server.operator())).await;
        let by_token = server.call(Method::GET, KEYS, None, None, &bearer).await;
        for reply in [by_key, by_token] {
            assert_eq!(reply.status.as_u16(), status);
            if suspended {
                reply.refused(403, "ORGANIZATION_SUSPENDED");
            }
        }
    }
    let body = json!({ "name": "Acme" });
    let renamed = server.call(Method::PATCH, path, Some(server.admin()), Some(&body), &[]).await;
    assert_eq!(renamed.expect(200)["name"], "Acme");
    let empty = server.call(Method::PATCH, path, Some(server.admin()), Some(&json!({})), &[]).await;
    empty.refused(400, "VALIDATION_ERROR");
}

/// Goal: the life of a key. Method: made narrow, used, rotated with an overlap, revoked twice.
async fn a_key_is_made_rotated_and_revoked(server: TestServer) {
    let body = json!({ "scopes": ["keys"], "allowedIps": ["127.0.0.0/8", "::1"], "expiresAt": "2026-06-08T22:00:00Z" });
    let made = server.post(KEYS, Some(server.operator()), &body).await.expect(201);
    assert_eq!(made["allowedIps"], json!(["127.0.0.0/8", "::1/128"]));
    assert_eq!(made["expiresAt"], "2026-06-08T22:00:00.000Z");
    let (id, first) = (text(&made, "id").to_owned(), text(&made, "secret").to_owned());
    let listed = server.get(KEYS, Some(&first)).await.expect(200);
    let row = listed["keys"].as_array().unwrap().iter().find(|key| key["id"] == json!(id)).unwrap().clone();
    assert_eq!((&row["scopes"], &row["lastUsedAt"]), (&json!(["keys"]), &json!("2026-05-08T22:00:00.000Z")));
    assert_eq!(row.get("secret"), None);

    let rotate = format!("{KEYS}/{id}/rotate");
    let rotated = server.call(Method::POST, &rotate, Some(&first), None, &[]).await.expect(200);
    assert_eq!(rotated["overlapUntil"], "2026-05-09T22:00:00.000Z");
    let second = text(&rotated, "secret").to_owned();
    server.advance(86_399);
    server.get(KEYS, Some(&first)).await.expect(200);
    server.advance(1);
    server.get(KEYS, Some(&first)).await.refused(401, "UNAUTHORIZED");
    server.get(KEYS, Some(&second)).await.expect(200);
    for overlap in ["2026-05-20T22:00:00Z", "2026-05-01T22:00:00Z", "soon"] {
        let body = json!({ "overlapUntil": overlap });
        server.post(&rotate, Some(&second), &body).await.refused(400, "VALIDATION_ERROR");
    }

    let path = format!("{KEYS}/{id}");
    for _ in 0..2 {
        let revoked = delete(&server, &path, server.operator()).await;
        assert_eq!((revoked.status.as_u16(), revoked.bytes.len()), (204, 0));
        assert!(revoked.header("x-log-entry").is_some());
    }
    server.get(KEYS, Some(&second)).await.refused(401, "UNAUTHORIZED");
    server
        .call(Method::POST, &rotate, Some(server.operator()), None, &[])
        .await
        .refused(409, "STATE_CONFLICT");
    let stranger = server.keys.provider.api_key.reveal().to_owned();
    delete(&server, &path, &stranger).await.refused(404, "NOT_FOUND");
    delete(&server, &format!("{KEYS}/key_nonsense"), server.operator()).await.refused(404, "NOT_FOUND");
}

/// Goal: no key asks and approves, and none exceeds the roles. Method: each forbidden pair and a foreign scope.
async fn asking_and_approving_stay_apart(server: TestServer) {
    for (scopes, pointer) in [
        (json!(["identity:approve", "identity:issue"]), "/scopes"),
        (json!(["identity:amend", "identity:approve"]), "/scopes"),
        (json!(["keys", "exchange:open"]), "/scopes/1"),
        (json!(["everything"]), "/scopes/0"),
    ] {
        let body = json!({ "scopes": scopes });
        let problem =
            server.post(KEYS, Some(server.operator()), &body).await.refused(400, "VALIDATION_ERROR");
        assert_eq!(problem["details"]["violations"][0]["pointer"], pointer);
    }
    for body in [
        json!({ "expiresAt": "2026-05-08T22:00:00Z" }),
        json!({ "allowedIps": ["10.0.0.0/33"] }),
        json!({ "scopes": [] }),
    ] {
        server.post(KEYS, Some(server.operator()), &body).await.refused(400, "VALIDATION_ERROR");
    }
    let approver =
        server.post(KEYS, Some(server.operator()), &json!({ "scopes": ["identity:approve"] })).await;
    assert_eq!(approver.expect(201)["scopes"], json!(["identity:approve"]));
    let usual = server.call(Method::POST, KEYS, Some(server.operator()), None, &[]).await.expect(201);
    assert_eq!(usual["scopes"].as_array().unwrap().len(), 8);
}

/// Goal: a token is no wider than its key and ends with it. Method: narrow, try to widen, expire, revoke.
async fn a_token_narrows_and_dies_with_its_key(server: TestServer) {
    let made = server.call(Method::POST, KEYS, Some(server.operator()), None, &[]).await.expect(201);
    let (id, secret) = (text(&made, "id").to_owned(), text(&made, "secret").to_owned());
    let reply = server.call(Method::POST, TOKEN, Some(&secret), None, &[]).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let token = reply.expect(200);
    assert_eq!((&token["token_type"], &token["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert!(text(&token, "scope").split(' ').any(|scope| scope == "identity:issue"));
    let bearer = |token: &Value| format!("Bearer {}", text(token, "access_token"));
    let narrow = server.post(TOKEN, Some(&secret), &json!({ "scopes": ["audit:read"] })).await.expect(200);
    assert_eq!(narrow["scope"], "audit:read");
    let list = async |authorization: &str| {
        server.call(Method::GET, KEYS, None, None, &[("authorization", authorization)]).await
    };
    list(&bearer(&token)).await.expect(200);
    list(&bearer(&narrow)).await.refused(403, "INSUFFICIENT_SCOPE");
    server
        .post(TOKEN, Some(&secret), &json!({ "scopes": ["identity:approve"] }))
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    let by_token = server.call(Method::POST, TOKEN, None, None, &[("authorization", &bearer(&token))]).await;
    by_token.refused(401, "UNAUTHORIZED");
    let both = [("authorization", bearer(&token))];
    let both: Vec<(&str, &str)> = both.iter().map(|(name, value)| (*name, value.as_str())).collect();
    server.call(Method::GET, KEYS, Some(&secret), None, &both).await.refused(400, "AMBIGUOUS_CREDENTIALS");

    server.advance(900);
    list(&bearer(&token)).await.refused(401, "UNAUTHORIZED");
    let token = server.call(Method::POST, TOKEN, Some(&secret), None, &[]).await.expect(200);
    list(&bearer(&token)).await.expect(200);
    delete(&server, &format!("{KEYS}/{id}"), server.operator()).await;
    list(&bearer(&token)).await.refused(401, "UNAUTHORIZED");
}

fn asking(roles: &Value, country: &str, baa_signed: bool) -> Value {
    json!({ "organization": "New GmbH", "email": "it@new.example", "roles": roles, "country": country,
        "baaSigned": baa_signed, "note": "please\nsoon" })
}

/// Goal: nobody gets a key by asking; the roles' demands are checked; a decision is final. Method: an operator
/// is approved, a provider is refused for each reason, then approved, then rejected too late.
async fn access_is_asked_for_and_decided(server: TestServer) {
    let admin = Some(server.admin());
    let asked = server.post(ASK, None, &asking(&json!(["operator"]), "DE", false)).await.expect(202);
    assert_eq!(asked.as_object().unwrap().len(), 1);
    let decide = |id: &Value, how: &str| format!("/v1/admin/access-requests/{}/{how}", id.as_str().unwrap());
    let approve = decide(&asked["id"], "approve");
    let approved = server.call(Method::POST, &approve, admin, None, &[]).await.expect(200);
    assert_eq!((&approved["id"], &approved["state"]), (&asked["id"], &json!("approved")));
    assert!(!approved.to_string().contains("ak_test_"), "the admin is not shown the key");

    for (country, missing) in [("DE", "country"), ("US", "baa")] {
        let asked = server.post(ASK, None, &asking(&json!(["provider"]), country, false)).await.expect(202);
        let refused = server.call(Method::POST, &decide(&asked["id"], "approve"), admin, None, &[]).await;
        assert_eq!(refused.refused(409, "STATE_CONFLICT")["details"]["missing"], missing);
    }
    let listed = server.get("/v1/admin/access-requests?state=pending", admin).await.expect(200);
    let mut pending = listed["accessRequests"].as_array().unwrap().clone();
    assert_eq!(pending.len(), 2);
    // Both were asked for at the same instant, so their order is that of chance.
    pending.sort_by_key(|request| text(request, "country") != "US");
    assert_eq!((text(&pending[0], "email"), text(&pending[0], "note")), ("it@new.example", "please\nsoon"));
    let baa = json!({ "baa": { "signedAt": "2026-01-15T00:00:00Z", "documentSha256": "ab".repeat(32) },
        "ids": { "provider": "prov_new" } });
    let made = server.post(&decide(&pending[0]["id"], "approve"), admin, &baa).await.expect(200);
    assert_eq!(made["organization"]["id"], "prov_new");
    let rejected = server.call(Method::POST, &decide(&pending[1]["id"], "reject"), admin, None, &[]).await;
    assert_eq!(rejected.expect(200)["state"], "rejected");
    let late = server.call(Method::POST, &decide(&pending[1]["id"], "approve"), admin, None, &[]).await;
    late.refused(409, "STATE_CONFLICT");

    // The log tells of requests, and names neither the asker nor the address.
    let entries = server.get("/v1/audit?limit=200", admin).await;
    let entries = String::from_utf8(entries.bytes).unwrap();
    assert!(entries.contains("account.request_access") && entries.contains("account.approve_access"));
    assert!(!entries.contains("new.example") && !entries.contains("New GmbH"));
}

/// The letters to one address, newest first.
async fn letters(server: &TestServer, to: &str) -> Vec<Value> {
    let mailbox = server.get(&format!("/sandbox/mailbox?to={to}"), None).await.expect(200);
    mailbox["messages"].as_array().unwrap().clone()
}

/// Goal: the asker, and nobody else, gets the first key, once. Method: a link is replaced by a newer one, tried after
/// its time, used, and used again; nothing of it is in the database in clear.
async fn the_first_key_is_a_mail_away(server: TestServer) {
    let admin = Some(server.admin());
    let asked = server.post(ASK, None, &asking(&json!(["operator"]), "DE", false)).await.expect(202);
    let approve = format!("/v1/admin/access-requests/{}/approve", text(&asked, "id"));
    let approving = async || server.call(Method::POST, &approve, admin, None, &[]).await;
    let approved = approving().await.expect(200);
    assert_eq!(approved["linkExpiresAt"], "2026-05-15T22:00:00.000Z");
    server.advance(1);
    let again = approving().await.expect(200);
    assert_eq!(again["organization"]["id"], approved["organization"]["id"]);
    let sent = letters(&server, "it@new.example").await;
    let [newer, older] = sent.as_slice() else { panic!("{sent:?}") };
    assert!(letters(&server, "another@new.example").await.is_empty());
    let link = |letter: &Value| json!({ "token": letter["otp"] });
    assert!(text(newer, "text").contains(&format!("http://localhost:8080/first-key#{}", text(newer, "otp"))));
    let fetch = async |body: &Value| server.post(FIRST_KEY, None, body).await;
    fetch(&link(older)).await.refused(404, "NOT_FOUND");
    fetch(&json!({ "token": "aegis_first_x" })).await.refused(404, "NOT_FOUND");
    let made = fetch(&link(newer)).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.expect(201);
    assert_eq!(made["id"], approved["organization"]["id"]);
    server.get(KEYS, Some(text(&made["apiKey"], "secret"))).await.expect(200);
    fetch(&link(newer)).await.refused(404, "NOT_FOUND");
    approving().await.refused(409, "STATE_CONFLICT");

    let asked = server.post(ASK, None, &asking(&json!(["operator"]), "DE", false)).await.expect(202);
    let approve = format!("/v1/admin/access-requests/{}/approve", text(&asked, "id"));
    server.call(Method::POST, &approve, admin, None, &[]).await.expect(200);
    let late = letters(&server, "it@new.example").await.remove(0);
    server.advance(7 * 86_400);
    fetch(&link(&late)).await.refused(404, "NOT_FOUND");
    server.call(Method::POST, &approve, admin, None, &[]).await.expect(200);
    let renewed = letters(&server, "it@new.example").await.remove(0);
    fetch(&link(&renewed)).await.expect(201);
}

/// Goal: a letter written is a letter sent, once the mail server takes it, and only while it is of use. Method: the
/// fault `smtp_down`, a restart, and a clock that runs past the letter's day.
async fn letters_wait_for_the_mail_server(server: TestServer) {
    let down = json!({ "name": "smtp_down", "count": 2 });
    server.post("/sandbox/faults", None, &down).await.expect(200);
    let asked = server.post(ASK, None, &asking(&json!(["operator"]), "DE", false)).await.expect(202);
    let approve = format!("/v1/admin/access-requests/{}/approve", text(&asked, "id"));
    server.call(Method::POST, &approve, Some(server.admin()), None, &[]).await.expect(200);
    let mut tries = Vec::new();
    for seconds in [0, 4, 1, 14, 1] {
        server.advance(seconds);
        tries.push(letters(&server, "it@new.example").await.len());
    }
    assert_eq!(tries, [0, 0, 0, 0, 1], "at once, after 5 s, after 15 s more");
    let server = server.restart().await;
    assert_eq!(letters(&server, "it@new.example").await.len(), 1);

    server.post("/sandbox/faults", None, &json!({ "name": "smtp_down", "count": 1 })).await.expect(200);
    server.call(Method::POST, &approve, Some(server.admin()), None, &[]).await.expect(200);
    assert_eq!(letters(&server, "it@new.example").await.len(), 1);
    server.advance(7 * 86_400);
    assert_eq!(letters(&server, "it@new.example").await.len(), 1, "its link no longer works");
}

/// Goal: the letterbox does not overflow. Method: a sixth request within the hour, and one after it.
async fn strangers_may_ask_five_times_an_hour(server: TestServer) {
    let body = asking(&json!(["operator"]), "DE", false);
    for _ in 0..5 {
        server.post(ASK, None, &body).await.expect(202);
    }
    let over = server.post(ASK, None, &body).await;
    assert_eq!(over.header("retry-after"), Some("3600"));
    over.refused(429, "RATE_LIMITED");
    server.advance(3600);
    server.post(ASK, None, &body).await.expect(202);
}

/// Goal: each endpoint is for its party alone. Method: the wrong keys, and none.
async fn only_the_entitled_may_do_so(server: TestServer) {
    for path in [ORGANIZATIONS, "/v1/admin/access-requests", "/v1/admin/organizations/op_acme_corp"] {
        server.get(path, None).await.refused(401, "UNAUTHORIZED");
        server.get(path, Some(server.operator())).await.refused(403, "INSUFFICIENT_SCOPE");
        server.get(path, Some(server.admin())).await.expect(200);
    }
    server.get(KEYS, Some(server.admin())).await.refused(403, "INSUFFICIENT_SCOPE");
    let body = json!({ "scopes": ["audit:read"] });
    let reader = server.post(KEYS, Some(server.operator()), &body).await.expect(201);
    server.get(KEYS, Some(text(&reader, "secret"))).await.refused(403, "INSUFFICIENT_SCOPE");
}

/// Goal: starting again makes no second admin. Method: seed and bootstrap once more; after a crash on the first
/// day the same keys are told again, later none.
async fn the_sandbox_is_seeded_once(server: TestServer) {
    let kernel = &server.app.kernel;
    let again = aegis_server::account::seed_sandbox(kernel).await.unwrap().unwrap();
    assert_eq!(again.admin_key.reveal(), server.admin());
    server.advance(86_400);
    assert!(aegis_server::account::seed_sandbox(kernel).await.unwrap().is_none());
    assert!(aegis_server::account::bootstrap_admin(kernel).await.unwrap().is_none());
    assert_eq!(server.keys.provider.id, "prov_123");
}
