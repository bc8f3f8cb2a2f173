//! One call of each operation that ends well, with what has to be there before it.

use axum::http::Method;
use serde_json::{Value, json};

use super::Described;
use crate::harness::{Reply, TestServer, reference_request};

/// Whose credential a call carries.
#[derive(Debug, Clone, Copy)]
enum By {
    Admin,
    Operator,
    Nobody,
}

/// A call that is ready to be sent, any number of times.
pub(super) struct Valid {
    method: Method,
    path: String,
    by: By,
    body: Option<Value>,
}

impl Valid {
    /// Sends it.
    pub(super) async fn send(&self, server: &TestServer) -> Reply {
        let key = match self.by {
            By::Admin => Some(server.admin()),
            By::Operator => Some(server.operator()),
            By::Nobody => None,
        };
        server.call(self.method.clone(), &self.path, key, self.body.as_ref(), &[]).await
    }
}

/// A call of `operation` that ends well. An operation that is not listed fails the test: it gets its line here.
pub(super) async fn valid_call(server: &TestServer, operation: &Described) -> Valid {
    let mut by = By::Operator;
    let (id, body) = match operation.id.as_str() {
        "account_approve_access" => {
            by = By::Admin;
            (asked(server).await, Some(json!({})))
        }
        "account_create_key" => (String::new(), Some(json!({ "scopes": ["identity:read"] }))),
        "account_create_organization" => {
            by = By::Admin;
            (String::new(), Some(json!({ "name": "New", "roles": ["operator"], "country": "DE" })))
        }
        "account_get_organization" => {
            by = By::Admin;
            ("op_acme_corp".to_owned(), None)
        }
        "account_list_access_requests" | "account_list_organizations" | "instance_metrics" => {
            by = By::Admin;
            (String::new(), None)
        }
        "account_list_keys" | "account_mint_token" | "audit_list_entries" | "identity_list_agents" => {
            (String::new(), None)
        }
        "account_reject_access" => {
            by = By::Admin;
            (asked(server).await, Some(json!({ "reason": "Unknown to us." })))
        }
        "account_request_access" => {
            by = By::Nobody;
            (String::new(), Some(access_request()))
        }
        "account_revoke_key" => (another_key(server).await, None),
        "account_rotate_key" => (another_key(server).await, Some(json!({}))),
        "account_update_organization" => {
            by = By::Admin;
            ("cons_456".to_owned(), Some(json!({ "suspended": true })))
        }
        "audit_get_entry" | "audit_prove_entry" => (logged(server).await, None),
        "identity_get_agent" | "identity_get_lineage" => (text(&server.issue().await, "agent_id"), None),
        "identity_get_document" | "identity_get_passport" => {
            (text(&server.issue().await, "passport_id"), None)
        }
        "identity_issue" => (String::new(), Some(reference_request(&json!({})))),
        "identity_revoke" => {
            let agent = text(&server.issue().await, "agent_id");
            (String::new(), Some(json!({ "agent_id": agent, "reason": "A test." })))
        }
        "identity_set_limits" => {
            by = By::Admin;
            ("op_acme_corp".to_owned(), Some(json!({ "issue_per_hour": 12, "amend_per_hour": 60 })))
        }
        "key_revoke" => {
            by = By::Admin;
            let body = json!({ "revoked_at": "2026-05-08T22:00:00Z", "reason": "A laptop was lost." });
            (retired_key(server).await, Some(body))
        }
        "key_rotate" => {
            by = By::Admin;
            (String::new(), Some(json!({ "purpose": "receipt" })))
        }
        webhook if webhook.starts_with("webhook_") => valid_webhook_call(server, webhook).await,
        other => panic!("{other} has no valid call in coverage/valid.rs"),
    };
    let path = match (operation.path.find('{'), operation.path.find('}')) {
        (Some(from), Some(to)) => format!("{}{id}{}", &operation.path[..from], &operation.path[to + 1..]),
        _ => operation.path.clone(),
    };
    Valid { method: operation.method.clone(), path, by, body }
}

fn text(object: &Value, member: &str) -> String {
    object[member].as_str().unwrap_or_else(|| panic!("{member} of {object}")).to_owned()
}

fn access_request() -> Value {
    json!({ "organization": "New GmbH", "email": "it@new.example", "roles": ["operator"], "country": "DE",
        "baaSigned": false })
}

/// A request for access that waits for a decision.
async fn asked(server: &TestServer) -> String {
    text(&server.post("/v1/access-requests", None, &access_request()).await.expect(202), "id")
}

/// A further key of the operator.
async fn another_key(server: &TestServer) -> String {
    let body = json!({ "scopes": ["identity:read"] });
    text(&server.post("/v1/organizations/me/keys", Some(server.operator()), &body).await.expect(201), "id")
}

/// A log entry of the operator that has its place in the log.
async fn logged(server: &TestServer) -> String {
    let reply = server.issue_with(json!({})).await;
    server.integrate().await;
    reply.header("x-log-entry").expect("the entry of the issue").to_owned()
}

/// A passport key that signs no more.
async fn retired_key(server: &TestServer) -> String {
    let rotate = json!({ "purpose": "passport" });
    let rotated = server.post("/registry/keys/rotate", Some(server.admin()), &rotate).await.expect(200);
    text(&rotated, "retired_key_id")
}

/// The id and the body of a call of a webhook operation.
async fn valid_webhook_call(server: &TestServer, operation: &str) -> (String, Option<Value>) {
    match operation {
        "webhook_list_endpoints" | "webhook_list_events" => (String::new(), None),
        "webhook_create_endpoint" => (String::new(), Some(new_endpoint())),
        "webhook_update_endpoint" => (endpoint(server).await, Some(json!({ "ordered": true }))),
        "webhook_get_endpoint"
        | "webhook_delete_endpoint"
        | "webhook_rotate_secret"
        | "webhook_test_endpoint"
        | "webhook_list_deliveries" => (endpoint(server).await, None),
        "webhook_redeliver" => (delivery(server).await, None),
        other => panic!("{other} has no valid call in coverage/valid.rs"),
    }
}

/// A port of this machine on which nobody listens.
fn new_endpoint() -> Value {
    json!({ "url": "http://127.0.0.1:9/hook", "events": ["*"] })
}

/// A webhook endpoint of the operator.
async fn endpoint(server: &TestServer) -> String {
    text(&server.post("/v1/webhooks", Some(server.operator()), &new_endpoint()).await.expect(201), "id")
}

/// A delivery to an endpoint of the operator.
async fn delivery(server: &TestServer) -> String {
    let path = format!("/v1/webhooks/{}", endpoint(server).await);
    server.call(Method::POST, &format!("{path}/test"), Some(server.operator()), None, &[]).await.expect(202);
    server.call(Method::POST, "/sandbox/tick", None, None, &[]).await.expect(200);
    let listed = server.get(&format!("{path}/deliveries"), Some(server.operator())).await.expect(200);
    text(&listed["deliveries"][0], "id")
}
