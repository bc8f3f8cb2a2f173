//! Rules that hold for every operation, generated from the description itself: a new route is covered the
//! moment it exists. Exceptions are listed here and may only become fewer.

mod valid;

use axum::http::Method;
use serde_json::{Value, json};

use self::valid::valid_call;
use crate::harness::{TestServer, both};

both! {
    no_operation_without_a_credential,
    no_operation_without_its_scope,
    foreign_ids_answer_like_unknown_ones,
    every_change_is_in_the_log,
    no_operation_over_its_rate,
}

/// One operation of the description.
struct Described {
    id: String,
    method: Method,
    path: String,
    secured: bool,
    body: Option<Value>,
}

/// Every operation, with ids in its path that nobody has.
fn operations(server: &TestServer) -> Vec<Described> {
    let document = server.document.as_value();
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let Ok(method) = Method::from_bytes(method.to_uppercase().as_bytes()) else { continue };
            let Some(id) = operation["operationId"].as_str() else { continue };
            let body = operation["requestBody"]["content"]["application/json"].is_object().then(|| json!({}));
            let secured = operation["security"].as_array().is_some_and(|list| !list.is_empty());
            found.push(Described { id: id.to_owned(), method, path: path.clone(), secured, body });
        }
    }
    assert!(found.len() > 30, "the description lists the operations");
    found
}

/// The path with ids that are well-formed and unknown.
fn with_unknown_ids(path: &str) -> String {
    let ids = [
        ("{agent_id}", "agent_019e099acb007b6a9d0e1f2031425364"),
        ("{passport_id}", "pp_019e099acb007a5f8c1d2e3f40516273"),
        ("{entryId}", "log_019e099acb007a5f8c1d2e3f40516273"),
        ("{operator_id}", "op_nobody"),
        ("{key_id}", "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"),
    ];
    let mut path = ids.iter().fold(path.to_owned(), |path, (name, id)| path.replace(name, id));
    while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
        path.replace_range(from..=to, "key_019e099acb007a5f8c1d2e3f40516273");
    }
    path
}

/// Method: call each operation that names a security scheme without any credential, and with a key nobody has.
async fn no_operation_without_a_credential(server: TestServer) {
    let mut covered = 0;
    for operation in operations(&server).iter().filter(|operation| operation.secured) {
        let path = with_unknown_ids(&operation.path);
        let send = |key| server.call(operation.method.clone(), &path, key, operation.body.as_ref(), &[]);
        let none = send(None).await;
        assert_eq!((none.status.as_u16(), none.code().as_str()), (401, "UNAUTHORIZED"), "{}", operation.id);
        let unknown = send(Some("ak_test_000000000000000000000000000000000000000000000000A")).await;
        assert_eq!(unknown.status.as_u16(), 401, "{}", operation.id);
        covered += 1;
    }
    assert!(covered > 15, "{covered} operations need a credential");
}

/// Operations that any key may call.
const ANY_KEY: [&str; 1] = ["account_mint_token"];

/// Method: an organization whose one key holds a single scope calls everything; only what that scope opens
/// may answer anything but 403.
async fn no_operation_without_its_scope(server: TestServer) {
    let body = json!({ "scopes": ["audit:read"] });
    let made = server.post("/v1/organizations/me/keys", Some(server.operator()), &body).await.expect(201);
    let key = made["secret"].as_str().expect("a secret");
    for operation in operations(&server).iter().filter(|operation| operation.secured) {
        if operation.id.starts_with("audit_") || ANY_KEY.contains(&operation.id.as_str()) {
            continue;
        }
        let path = with_unknown_ids(&operation.path);
        let reply =
            server.call(operation.method.clone(), &path, Some(key), operation.body.as_ref(), &[]).await;
        assert_eq!(
            (reply.status.as_u16(), reply.code().as_str()),
            (403, "INSUFFICIENT_SCOPE"),
            "{}: {}",
            operation.id,
            String::from_utf8_lossy(&reply.bytes)
        );
    }
}

/// Invariant 14. Method: for every secured GET with ids in its path, another operator asks for the sample
/// operator's objects and for unknown ones; status and body must be the same.
async fn foreign_ids_answer_like_unknown_ones(server: TestServer) {
    let passport = server.issue().await;
    let revoke = json!({ "agent_id": server.issue().await["agent_id"], "reason": "x" });
    let entry = server.post("/registry/revoke", Some(server.operator()), &revoke).await.expect(200);
    let keys = server.get("/v1/organizations/me/keys", Some(server.operator())).await.expect(200);
    let own = [
        ("{agent_id}", passport["agent_id"].clone()),
        ("{passport_id}", passport["passport_id"].clone()),
        ("{entryId}", entry["log_entry"].clone()),
        ("{id}", keys["keys"][0]["id"].clone()),
    ];
    let other = server.another_operator("op_other").await;
    let mut compared = 0;
    for operation in
        operations(&server).iter().filter(|operation| operation.secured && operation.path.contains('{'))
    {
        let mut path = operation.path.clone();
        for (name, id) in &own {
            path = path.replace(name, id.as_str().unwrap_or("missing"));
        }
        if path.contains('{') || path.starts_with("/v1/admin/") {
            continue;
        }
        let headers = [("x-request-id", "12345678")];
        let body = operation.body.as_ref();
        let foreign = server.call(operation.method.clone(), &path, Some(&other), body, &headers).await;
        let unknown = with_unknown_ids(&operation.path);
        let unknown = server.call(operation.method.clone(), &unknown, Some(&other), body, &headers).await;
        assert_eq!((foreign.status, &foreign.bytes), (unknown.status, &unknown.bytes), "{}", operation.id);
        assert!(foreign.status.is_client_error(), "{}: {}", operation.id, foreign.status);
        compared += 1;
    }
    assert!(compared >= 6, "{compared} routes compared");
    assert_eq!(server.verify(&passport).await["valid"], true, "nothing of the sample operator changed");
}

/// Whether an operation changes something. Verifying is asking; these two carry the question in a body.
fn changes(operation: &Described) -> bool {
    operation.method != Method::GET && !operation.id.starts_with("identity_verify")
}

/// Operations of a stranger's machine that change nothing an organization owns: a witness's duty, and the levers of
/// the sandbox. They have tests of their own.
fn stands_apart(operation: &Described) -> bool {
    operation.id.starts_with("sandbox_") || operation.id == "audit_add_checkpoint"
}

/// Method: each changing operation is called once and succeeds; the log then holds the entry the answer named, under
/// the operation's name, and gives its proof.
async fn every_change_is_in_the_log(server: TestServer) {
    let mut covered = 0;
    for operation in
        operations(&server).iter().filter(|operation| changes(operation) && !stands_apart(operation))
    {
        let call = valid_call(&server, operation).await;
        let name = operation.id.replacen('_', ".", 1);
        let url = format!("/v1/audit?limit=200&op={name}");
        let before = server.get(&url, Some(server.admin())).await.expect(200);
        let reply = call.send(&server).await;
        let said = reply.header("x-log-entry").map(str::to_owned);
        assert!(reply.status.is_success(), "{name}: {}", String::from_utf8_lossy(&reply.bytes));
        server.integrate().await;
        let after = server.get(&url, Some(server.admin())).await.expect(200);
        let said = said.unwrap_or_else(|| panic!("{name} names no log entry"));
        let holds = |entries: &Value| entries.to_string().contains(&said);
        assert_eq!((holds(&before), holds(&after)), (false, true), "{name}: {said} in {after}");
        let proof = server.get(&format!("/v1/audit/{said}/proof"), Some(server.admin())).await;
        assert_eq!(proof.status.as_u16(), 200, "{name}: {}", String::from_utf8_lossy(&proof.bytes));
        covered += 1;
    }
    assert!(covered >= 13, "{covered} operations change something");
}

/// Whose answer has no end; its own tests read from it.
const ENDLESS: &str = "webhook_stream_events";

/// The highest limit of any operation, and some.
const CALLS_MAX: usize = 700;

/// Method: each operation is called again and again at one instant, until it answers 429 with the headers that
/// say when to come back. Operations that share a limit find it used up.
async fn no_operation_over_its_rate(server: TestServer) {
    let all = operations(&server);
    let limited = |operation: &&Described| {
        (operation.secured || changes(operation)) && !stands_apart(operation) && operation.id != ENDLESS
    };
    let mut calls = Vec::new();
    for operation in all.iter().filter(limited) {
        calls.push((operation.id.as_str(), valid_call(&server, operation).await));
        server.post("/sandbox/limits/reset", None, &Value::Null).await;
    }
    for (id, call) in &calls {
        let mut refused = call.send(&server).await;
        for _ in 0..CALLS_MAX {
            if refused.status.as_u16() == 429 {
                break;
            }
            refused = call.send(&server).await;
        }
        assert_eq!(refused.status.as_u16(), 429, "{id}: {}", String::from_utf8_lossy(&refused.bytes));
        assert!(refused.header("retry-after").is_some(), "{id} says when to come back");
        refused.refused(429, "RATE_LIMITED");
    }
    assert!(calls.len() > 25, "{} operations have a limit", calls.len());
}
