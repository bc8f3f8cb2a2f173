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
    use By::{Admin, Nobody, Operator};
    let nothing = String::new;
    let (by, id, body) = match operation.id.as_str() {
        "account_approve_access" => (Admin, asked(server).await, Some(json!({}))),
        "account_create_key" => (Operator, nothing(), Some(json!({ "scopes": ["identity:read"] }))),
        "account_create_organization" => {
            let body = json!({ "name": "New", "roles": ["operator"], "country": "DE" });
            (Admin, nothing(), Some(body))
        }
        "account_fetch_first_key" => {
            (Nobody, nothing(), Some(json!({ "token": mailed_token(server).await })))
        }
        "account_get_organization" => (Admin, "op_acme_corp".to_owned(), None),
        "account_list_access_requests" | "account_list_organizations" | "instance_metrics" => {
            (Admin, nothing(), None)
        }
        "account_list_keys" | "account_mint_token" | "audit_list_entries" | "identity_list_agents" => {
            (Operator, nothing(), None)
        }
        "account_reject_access" => (Admin, asked(server).await, Some(json!({ "reason": "Unknown to us." }))),
        "account_request_access" => (Nobody, nothing(), Some(access_request())),
        "account_revoke_key" => (Operator, another_key(server).await, None),
        "account_rotate_key" => (Operator, another_key(server).await, Some(json!({}))),
        "account_update_organization" => (Admin, "cons_456".to_owned(), Some(json!({ "suspended": true }))),
        "audit_get_entry" | "audit_prove_entry" => (Operator, logged(server).await, None),
        "identity_get_agent" | "identity_get_lineage" => {
            (Operator, text(&server.issue().await, "agent_id"), None)
        }
        "identity_get_document" | "identity_get_passport" => {
            (Operator, text(&server.issue().await, "passport_id"), None)
        }
        "identity_issue" => (Operator, nothing(), Some(reference_request(&json!({})))),
        "identity_revoke" => {
            let agent = text(&server.issue().await, "agent_id");
            (Operator, nothing(), Some(json!({ "agent_id": agent, "reason": "A test." })))
        }
        "identity_set_limits" => {
            let body = json!({ "issue_per_hour": 12, "amend_per_hour": 60 });
            (Admin, "op_acme_corp".to_owned(), Some(body))
        }
        "key_revoke" => {
            let body = json!({ "revoked_at": "2026-05-08T22:00:00Z", "reason": "A laptop was lost." });
            (Admin, retired_key(server).await, Some(body))
        }
        "key_rotate" => (Admin, nothing(), Some(json!({ "purpose": "receipt" }))),
        webhook if webhook.starts_with("webhook_") => {
            let (id, body) = valid_webhook_call(server, webhook).await;
            (Operator, id, body)
        }
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

/// The token of a link to a first key that waits to be used.
async fn mailed_token(server: &TestServer) -> String {
    let approve = format!("/v1/admin/access-requests/{}/approve", asked(server).await);
    server.post(&approve, Some(server.admin()), &json!({})).await.expect(200);
    let mailbox = server.get("/sandbox/mailbox", None).await.expect(200);
    text(&mailbox["messages"][0], "otp")
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
