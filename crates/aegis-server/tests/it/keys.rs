//! Signing keys over HTTP: rotation, loss, and upkeep without being asked.

use serde_json::{Value, json};

use crate::harness::{TestServer, both};

both! {
    keys_rotate_and_a_lost_key_voids_what_the_log_had_not,
    keys_are_kept_up_without_being_asked,
}

/// Invariants 8 and 9. Method: rotate; revoke the old key from an instant between two passports.
async fn keys_rotate_and_a_lost_key_voids_what_the_log_had_not(server: TestServer) {
    let before = server.issue().await;
    server.integrate().await;
    server.advance(100);
    let after = server.issue().await;
    server.integrate().await;
    server.advance(100);
    let rotate = json!({ "purpose": "passport" });
    server
        .post("/registry/keys/rotate", Some(server.operator()), &rotate)
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    let rotated = server.post("/registry/keys/rotate", Some(server.admin()), &rotate).await.expect(200);
    assert_eq!(rotated["retired_key_id"], before["key_id"]);
    let keys = server.get("/registry/keys", None).await.expect(200);
    assert_eq!((&keys["version"], &keys["active_key_id"]), (&json!(2), &rotated["active_key_id"]));
    let states: Vec<&Value> = keys["keys"].as_array().unwrap().iter().map(|key| &key["status"]).collect();
    assert_eq!(states, [&json!("active"), &json!("retired")]);
    let newest = server.issue().await;
    assert_eq!(newest["key_id"], rotated["active_key_id"]);
    for passport in [&before, &after, &newest] {
        assert_eq!(server.verify(passport).await["valid"], true);
    }
    let url = format!("/registry/keys/{}/revoke", before["key_id"].as_str().unwrap());
    let body = json!({ "revoked_at": "2026-05-08T22:01:00Z", "reason": "laptop stolen" });
    let revoked = server.post(&url, Some(server.admin()), &body).await.expect(200);
    assert_eq!((&revoked["passports_kept"], &revoked["passports_voided"]), (&json!(1), &json!(1)));
    assert_eq!(server.verify(&before).await["valid"], true, "the log had it before");
    assert_eq!(server.verify(&after).await["reason_code"], "KEY_REVOKED");
    let again = server.post(&url, Some(server.admin()), &body).await.expect(200);
    assert_eq!(again["revoked_at"], revoked["revoked_at"]);
    let early = json!({ "revoked_at": "2026-05-08T21:00:00Z", "reason": "x" });
    server.post(&url, Some(server.admin()), &early).await.refused(400, "VALIDATION_ERROR");
    server.post("/registry/keys/nobody/revoke", Some(server.admin()), &body).await.refused(404, "NOT_FOUND");
    let did = server.get("/.well-known/did.json", None).await.expect(200);
    assert!(!did.to_string().contains(before["key_id"].as_str().unwrap()), "a revoked key asserts nothing");
    server
        .post("/registry/keys/rotate", Some(server.admin()), &json!({ "purpose": "root" }))
        .await
        .expect(200);
    let keys = server.get("/registry/keys", None).await.expect(200);
    assert_eq!(keys["signatures"].as_array().unwrap().len(), 2, "signed by both roots");
}

/// Goal: the passport key is rotated after 90 days, and the key history signed again before its year is over.
/// Method: move the clock and let the job run.
async fn keys_are_kept_up_without_being_asked(server: TestServer) {
    let jobs = server.app.jobs();
    let upkeep = jobs.iter().find(|job| job.name() == "identity.key_upkeep").unwrap();
    let version = |keys: &Value| keys["version"].as_u64().unwrap();
    let first = server.get("/registry/keys", None).await.expect(200);
    upkeep.tick().await.unwrap();
    assert_eq!(server.get("/registry/keys", None).await.expect(200), first, "young keys are left alone");
    server.advance(90 * 86_400);
    upkeep.tick().await.unwrap();
    let rotated = server.get("/registry/keys", None).await.expect(200);
    assert_eq!((version(&rotated), &rotated["keys"][1]["key_id"]), (2, &first["active_key_id"]));
    upkeep.tick().await.unwrap();
    assert_eq!(version(&server.get("/registry/keys", None).await.expect(200)), 2, "once");
}
