//! What outlives a restart, and what a full check finds.

use aegis_server::passport::fsck;
use aegis_store::{Lane, Sql, Verdict};
use serde_json::{Value, json};

use crate::harness::{TestServer, both};

both! {
    a_restart_forgets_nothing,
    fsck_names_what_was_altered,
}

/// Goal: everything acknowledged is there after a restart, in memory as in rows.
async fn a_restart_forgets_nothing(server: TestServer) {
    let root = server.issue_with(json!({ "scopes": ["a:b"], "delegation_max_depth": 1 })).await.expect(201);
    let child = json!({ "parent_passport_id": root["passport_id"], "scopes": ["a:b"] });
    let child = server.issue_with(child).await.expect(201);
    let gone = server.issue().await;
    let body = json!({ "agent_id": gone["agent_id"], "reason": "x" });
    server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    let keys = server.get("/registry/keys", None).await.bytes;
    let before: Vec<Value> =
        [server.verify(&root).await, server.verify(&child).await, server.verify(&gone).await].into();
    let server = server.restart().await;
    assert_eq!(server.get("/registry/keys", None).await.bytes, keys);
    let after: Vec<Value> =
        [server.verify(&root).await, server.verify(&child).await, server.verify(&gone).await].into();
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&before["valid"], &before["reason_code"]), (&after["valid"], &after["reason_code"]));
        assert_eq!(before["checks"]["lineage"]["seq"], after["checks"]["lineage"]["seq"]);
    }
    let remaining = server.issue_with(json!({})).await;
    assert_eq!(remaining.header("x-ratelimit-remaining"), Some("6"), "the window outlives a restart");
}

/// Invariants 3 and 12. Method: check a sound registry, then alter one row after another and check again.
async fn fsck_names_what_was_altered(server: TestServer) {
    let passport = server.issue().await;
    let gone = server.issue().await;
    let body = json!({ "agent_id": gone["agent_id"], "reason": "x" });
    server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    let store = &server.app.kernel.parts().store;
    let sound = fsck::check(store).await.unwrap();
    assert_eq!((sound.agents, sound.passports, sound.status_changes), (2, 2, 1));
    assert_eq!(sound.first_problem, None);
    let alterations = [
        (
            Sql::new("UPDATE agent SET lineage_seq = lineage_seq + 1 WHERE lineage_seq = 2"),
            "does not end where",
        ),
        (Sql::new("UPDATE agent SET lineage_seq = 2 WHERE lineage_seq = 3"), ""),
        (Sql::new("UPDATE lineage_entry SET entry = replace(entry, 'issue', 'amend') WHERE seq = 1"), "hash"),
        (Sql::new("UPDATE lineage_entry SET entry = replace(entry, 'amend', 'issue') WHERE seq = 1"), ""),
        (Sql::new("UPDATE passport SET expires_at = expires_at + 1000000"), "not what was registered"),
        (Sql::new("UPDATE passport SET expires_at = expires_at - 1000000"), ""),
        (Sql::new("UPDATE passport SET status = 'active' WHERE status = 'revoked'"), "is not revoked"),
        (Sql::new("DELETE FROM status_event"), ""),
    ];
    for (alteration, complaint) in alterations {
        store
            .write(Lane::none(), move |tx| tx.execute(alteration, &[]).map(Verdict::Commit), |_| {})
            .await
            .unwrap();
        match fsck::check(store).await.unwrap().first_problem {
            None => assert_eq!(complaint, "", "after {alteration:?}"),
            Some(problem) => assert!(!complaint.is_empty() && problem.contains(complaint), "{problem}"),
        }
    }
    assert_eq!(server.verify(&passport).await["valid"], true);
}
