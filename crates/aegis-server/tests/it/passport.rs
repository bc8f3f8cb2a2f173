//! Identity over HTTP: the reference page's calls, every refusal of issue and revoke, and what must hold
//! whatever happens (the numbers are those of the identity contract's invariants).

use axum::http::Method;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{TestServer, both, reference_request};

both! {
    the_reference_calls,
    any_altered_byte_is_noticed,
    issue_names_every_violation,
    issue_refuses_what_the_rules_refuse,
    issue_is_limited_exactly,
    a_repeated_key_gets_the_same_answer,
    delegation_narrows_and_cascades,
    a_repeated_revoke_only_moves_earlier,
    dry_run_changes_nothing,
    verify_answers_whatever_it_is_given,
    verify_refuses_what_is_no_request,
    verify_looks_back_and_expects,
    a_batch_answers_in_order,
    the_revocation_list_is_signed_and_dense,
    other_tenants_see_nothing,
    suspended_operators_are_out_at_once,
}

const FIVE: [&str; 5] = ["valid", "agent_id", "expires_at", "revoked", "verified_at"];

/// Goal: the reference page's calls answer as it shows. Method: make them in its order.
async fn the_reference_calls(server: TestServer) {
    let reply = server.issue_with(json!({})).await;
    assert_eq!(reply.header("x-ratelimit-remaining"), Some("9"));
    assert!(reply.header("x-log-entry").is_some_and(|id| id.starts_with("log_")));
    let location = reply.header("location").unwrap().to_owned();
    let text = String::from_utf8(reply.bytes.clone()).unwrap();
    let passport = reply.expect(201);
    assert_eq!(location, format!("/registry/passports/{}", passport["passport_id"].as_str().unwrap()));
    assert_eq!(passport["expires_at"], "2027-05-08T22:00:00Z");
    for member in ["signature", "audit_lineage_hash", "policy_bundle_digest", "key_id"] {
        assert!(passport[member].is_string(), "{member}");
    }
    // The document is canonical, so it reads the same whoever writes it again.
    assert_eq!(serde_json::to_string(&passport).unwrap(), text);
    let verdict = server.post("/api/agent/verify", None, &json!({ "passport": passport })).await;
    assert_eq!(verdict.header("cache-control"), Some("no-store"));
    assert_eq!(verdict.header("access-control-allow-origin"), Some("*"));
    let order: Vec<String> = FIVE
        .iter()
        .map(|name| String::from_utf8_lossy(&verdict.bytes).find(&format!("\"{name}\"")).unwrap())
        .map(|at| format!("{at:06}"))
        .collect();
    assert!(order.is_sorted(), "the five members come first, in the page's order");
    let verdict = verdict.expect(200);
    assert_eq!((&verdict["valid"], &verdict["revoked"]), (&json!(true), &json!(false)));
    assert_eq!(verdict["agent_id"], passport["agent_id"]);

    let reason = "compromised — prompt injection detected";
    let body = json!({ "agent_id": passport["agent_id"], "reason": reason });
    let revoked = server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    assert_eq!((&revoked["scope"], &revoked["sequence"]), (&json!("agent"), &json!(1)));
    assert!(
        revoked["log_index"].is_u64() && revoked["log_entry"].is_string() && revoked["leaf_hash"].is_string()
    );
    let verdict = server.verify(&passport).await;
    assert_eq!(
        (&verdict["valid"], &verdict["revoked"], &verdict["reason_code"]),
        (&json!(false), &json!(true), &json!("REVOKED"))
    );
    let keys = server.get("/registry/keys", None).await.expect(200);
    assert_eq!(keys["keys"][0]["key_id"], passport["key_id"]);
    assert_eq!(keys["active_key_id"], passport["key_id"]);
    let list = server.get("/registry/revocations", None).await.expect(200);
    assert_eq!((&list["count"], &list["revocations"][0]["agent_id"]), (&json!(1), &passport["agent_id"]));
    assert!(!list.to_string().contains("prompt injection"), "the reason is never published");
}

/// Invariant 1. Method: change each byte of the canonical form in turn; nothing stays valid.
async fn any_altered_byte_is_noticed(server: TestServer) {
    let text = server.issue().await.to_string();
    let mut lines: Vec<String> = Vec::new();
    for index in 0..text.len() {
        let mut altered = text.clone().into_bytes();
        altered[index] = if altered[index] == b'1' { b'2' } else { b'1' };
        if let Ok(altered) = String::from_utf8(altered) {
            lines.push(format!("{{\"passport\":{altered}}}"));
        }
    }
    for batch in lines.chunks(1000) {
        let request = axum::http::Request::post("/api/agent/verify/batch")
            .header("content-type", "application/x-ndjson")
            .body(axum::body::Body::from(batch.join("\n")))
            .unwrap();
        let reply = server.send(request).await;
        let answers = String::from_utf8(reply.bytes).unwrap();
        assert_eq!(answers.lines().count(), batch.len());
        for answer in answers.lines() {
            let answer: Value = serde_json::from_str(answer).unwrap();
            assert_eq!(answer["valid"], false, "{answer}");
            assert_ne!(answer["revoked"], true, "nothing unproven is believed");
        }
    }
}

/// Goal: all violations at once, each named, with the nearest known field.
async fn issue_names_every_violation(server: TestServer) {
    let body = json!({
        "operator_id": "op_acme_corp", "jurisdiction": "eu", "risk_classification": "hgh",
        "policy_bundel": "gdpr", "capability_attestation": { "model": 5 }, "ttl_seconds": 1,
    });
    let problem = server
        .post("/api/agent/issue", Some(server.operator()), &body)
        .await
        .refused(400, "VALIDATION_ERROR");
    let found: Vec<(&str, &str)> = problem["details"]["violations"]
        .as_array()
        .unwrap()
        .iter()
        .map(|violation| (violation["pointer"].as_str().unwrap(), violation["message"].as_str().unwrap()))
        .collect();
    let says = |pointer: &str, words: &str| {
        found.iter().any(|(at, message)| *at == pointer && message.contains(words))
    };
    assert!(says("/policy_bundel", "`policy_bundle`"), "{found:?}");
    assert!(says("/policy_bundle", "missing"));
    assert!(says("/jurisdiction", "capital letters"));
    assert!(says("/risk_classification", "`high`"));
    assert!(says("/capability_attestation/model", "string"));
    assert!(says("/ttl_seconds", "60"));
    let both = json!({ "ttl_seconds": 3600, "expires_at": "2026-06-01T00:00:00Z" });
    let problem = server.issue_with(both).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(problem["details"]["violations"][0]["pointer"], "/expires_at");
    let text = r#"{"operator_id":"op_acme_corp","operator_id":"op_acme_corp"}"#;
    let request = axum::http::Request::post("/api/agent/issue")
        .header("x-api-key", server.operator())
        .header("content-type", "application/json")
        .body(axum::body::Body::from(text))
        .unwrap();
    let problem = server.send(request).await.refused(400, "VALIDATION_ERROR");
    assert_eq!(problem["details"]["violations"][0]["rule"], "duplicate");
}

/// Goal: each refusal of issue has its status and code, and leaves nothing behind.
async fn issue_refuses_what_the_rules_refuse(server: TestServer) {
    let url = "/api/agent/issue";
    let request = reference_request(&json!({}));
    server.post(url, None, &request).await.refused(401, "UNAUTHORIZED");
    server.post(url, Some("ak_your_key_here"), &request).await.refused(401, "UNAUTHORIZED");
    let provider = server.keys.provider.api_key.reveal();
    server.post(url, Some(provider), &request).await.refused(403, "INSUFFICIENT_SCOPE");
    server.issue_with(json!({ "operator_id": "op_other" })).await.refused(403, "OPERATOR_MISMATCH");
    let pack = json!({ "policy_bundle": "gdpr+unheard_of" });
    assert_eq!(
        server.issue_with(pack).await.refused(422, "POLICY_PACK_UNKNOWN")["details"]["pack"],
        "unheard_of"
    );
    let critical = server.issue_with(json!({ "risk_classification": "critical" })).await;
    let rules = critical.refused(422, "POLICY_PACK_VIOLATION")["details"]["rules"].clone();
    assert_eq!(rules[0]["code"], "EU_AI_ACT_ATTESTATION_TIER_INSUFFICIENT", "{rules}");
    server.issue_with(json!({ "staleness_budget_seconds": 301 })).await.refused(400, "VALIDATION_ERROR");
    let parent = json!({ "parent_passport_id": "pp_019e099acb007a5f8c1d2e3f40516273", "scopes": ["a:b"] });
    server.issue_with(parent).await.refused(404, "NOT_FOUND");
    server.issue_with(json!({ "agent_name": "reader" })).await.expect(201);
    server.issue_with(json!({ "agent_name": "reader" })).await.refused(409, "AGENT_NAME_TAKEN");
    let agents = server.get("/registry/agents", Some(server.operator())).await.expect(200);
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1, "refusals leave no agent");
    let other = server.another_operator("op_other").await;
    let taken = agents["agents"][0]["agent_id"].clone();
    let body = reference_request(&json!({ "operator_id": "op_other", "agent_id": taken }));
    server.post(url, Some(&other), &body).await.refused(409, "AGENT_ID_TAKEN");
    let both = [("authorization", "Bearer at_x")];
    server
        .call(Method::POST, url, Some(server.operator()), Some(&request), &both)
        .await
        .refused(400, "AMBIGUOUS_CREDENTIALS");
}

/// Invariant 15. Method: 40 issuances at once against a limit of 10, then the window slides.
async fn issue_is_limited_exactly(server: TestServer) {
    let requests = (0..40).map(|_| server.issue_with(json!({})));
    let replies = join_all(requests).await;
    let statuses: Vec<u16> = replies.iter().map(|reply| reply.status.as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 10, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 30, "{statuses:?}");
    let refused = replies.into_iter().find(|reply| reply.status == 429).unwrap();
    assert_eq!(refused.header("retry-after"), Some("3600"));
    refused.refused(429, "RATE_LIMITED");
    server.advance(3599);
    server.issue_with(json!({})).await.refused(429, "RATE_LIMITED");
    server.advance(1);
    server.issue_with(json!({})).await.expect(201);
    let limits = json!({ "issue_per_hour": 12, "amend_per_hour": 60 });
    let url = "/registry/operators/op_acme_corp/limits";
    server
        .call(Method::PUT, url, Some(server.operator()), Some(&limits), &[])
        .await
        .refused(403, "INSUFFICIENT_SCOPE");
    server.call(Method::PUT, url, Some(server.admin()), Some(&limits), &[]).await.expect(200);
    assert_eq!(server.issue_with(json!({})).await.header("x-ratelimit-limit"), Some("12"));
}

/// Goal: one intent, one passport. Method: the same key again, with the same and with another body.
async fn a_repeated_key_gets_the_same_answer(server: TestServer) {
    let key = [("idempotency-key", "intent-1")];
    let body = reference_request(&json!({}));
    let send = |body: Value| {
        let server = &server;
        async move {
            server.call(Method::POST, "/api/agent/issue", Some(server.operator()), Some(&body), &key).await
        }
    };
    let twins = join_all((0..16).map(|_| send(body.clone()))).await;
    let first = twins.iter().find(|reply| reply.header("idempotency-replayed").is_none()).unwrap();
    assert!(twins.iter().all(|reply| reply.bytes == first.bytes && reply.status == 201));
    assert_eq!(twins.iter().filter(|reply| reply.header("idempotency-replayed").is_none()).count(), 1);
    send(reference_request(&json!({ "jurisdiction": "DE" }))).await.refused(422, "IDEMPOTENCY_CONFLICT");
    let agents = server.get("/registry/agents", Some(server.operator())).await.expect(200);
    assert_eq!(agents["agents"].as_array().unwrap().len(), 1);
    let revoke = json!({ "agent_id": agents["agents"][0]["agent_id"], "reason": "once" });
    let again = |_| {
        server.call(
            Method::POST,
            "/registry/revoke",
            Some(server.operator()),
            Some(&revoke),
            &[("idempotency-key", "intent-2")],
        )
    };
    let (one, two) = (again(1).await, again(2).await);
    assert_eq!(one.bytes, two.bytes, "log evidence included");
    server.advance(86_400);
    send(reference_request(&json!({ "jurisdiction": "DE" }))).await.expect(201);
}

/// Invariants 4 and 7. Method: a tree of three; breach each bound; revoke the root; nothing below is valid.
async fn delegation_narrows_and_cascades(server: TestServer) {
    let root = server
        .issue_with(json!({ "scopes": ["mail:*", "files:read"], "delegation_max_depth": 2 }))
        .await
        .expect(201);
    let below = |parent: &Value, changes: Value| {
        let mut body = json!({ "parent_passport_id": parent["passport_id"], "scopes": ["mail:send"], "delegation_max_depth": 1 });
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body
    };
    let child = server.issue_with(below(&root, json!({}))).await.expect(201);
    assert_eq!(child["delegation"]["depth"], 1);
    let grandchild = server.issue_with(below(&child, json!({ "delegation_max_depth": 0 }))).await.expect(201);
    for passport in [&root, &child, &grandchild] {
        assert_eq!(server.verify(passport).await["valid"], true);
    }
    let wide = json!({ "scopes": ["files:write"], "delegation_max_depth": 2, "risk_classification": "limited",
        "policy_bundle": "gdpr", "jurisdiction": "DE", "expires_at": "2027-05-09T22:00:00Z",
        "staleness_budget_seconds": 3600 });
    let bounds =
        server.issue_with(below(&root, wide)).await.refused(422, "DELEGATION_EXCEEDED")["details"]["bounds"]
            .clone();
    let names: Vec<&str> =
        bounds.as_array().unwrap().iter().map(|bound| bound["bound"].as_str().unwrap()).collect();
    for bound in
        ["max_depth", "scopes", "risk", "packs", "expires_at", "staleness_budget_seconds", "jurisdiction"]
    {
        assert!(names.contains(&bound), "{bound} in {names:?}");
    }
    let refuse = json!({ "passport_id": root["passport_id"], "reason": "x", "cascade": false });
    let problem = server
        .post("/registry/revoke", Some(server.operator()), &refuse)
        .await
        .refused(409, "DESCENDANTS_EXIST");
    assert_eq!(problem["details"]["count"], 2);
    let body = json!({ "passport_id": root["passport_id"], "reason": "x" });
    let done = server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    assert_eq!((done["cascaded"].as_array().unwrap().len(), &done["sequence"]), (2, &json!(3)));
    for passport in [&root, &child, &grandchild] {
        let verdict = server.verify(passport).await;
        assert_eq!((&verdict["valid"], &verdict["reason_code"]), (&json!(false), &json!("REVOKED")));
    }
    server.issue_with(below(&child, json!({}))).await.refused(409, "PARENT_NOT_USABLE");
    for passport in [&root, &child] {
        let path = format!("/registry/agents/{}/lineage", passport["agent_id"].as_str().unwrap());
        let lineage = server.get(&path, Some(server.operator())).await.expect(200);
        let events: Vec<&str> = lineage["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line["entry"]["event"].as_str().unwrap())
            .collect();
        assert_eq!(events, ["issue", "revoke"]);
        assert_eq!(lineage["head"]["hash"], lineage["entries"][1]["hash"]);
    }
}

/// Invariant 6. Method: revoke again, later and earlier.
async fn a_repeated_revoke_only_moves_earlier(server: TestServer) {
    let passport = server.issue().await;
    server.advance(1000);
    let revoke = |effective: Option<&str>| {
        let mut body =
            json!({ "agent_id": passport["agent_id"], "reason": "gone", "reason_code": "key_compromise" });
        if let Some(effective) = effective {
            body["effective_from"] = effective.into();
        }
        let server = &server;
        async move { server.post("/registry/revoke", Some(server.operator()), &body).await }
    };
    revoke(Some("2026-05-08T23:00:00Z")).await.refused(400, "VALIDATION_ERROR");
    let first = revoke(None).await.expect(200);
    let again = revoke(None).await.expect(200);
    assert_eq!((&again["already_revoked"], &again["sequence"]), (&json!(true), &first["sequence"]));
    for member in ["revoked_at", "effective_from", "reason_code", "passports", "log_entry", "leaf_hash"] {
        assert_eq!(again[member], first[member], "{member}");
    }
    let at = json!({ "passport": passport, "at": "2026-05-08T22:05:00Z" });
    let before = server.post("/api/agent/verify", None, &at).await.expect(200);
    assert_eq!((&before["valid"], &before["valid_as_known_at"]), (&json!(true), &json!(true)));
    let earlier = revoke(Some("2026-05-08T22:00:10Z")).await.expect(200);
    assert_eq!(
        (&earlier["effective_from"], &earlier["sequence"]),
        (&json!("2026-05-08T22:00:10Z"), &json!(2))
    );
    let after = server.post("/api/agent/verify", None, &at).await.expect(200);
    assert_eq!(
        (&after["valid"], &after["revoked"], &after["valid_as_known_at"]),
        (&json!(false), &json!(true), &json!(true))
    );
    server.issue_with(json!({ "agent_id": passport["agent_id"] })).await.refused(409, "AGENT_NOT_ACTIVE");
}

/// Goal: a dry run says what would happen and leaves everything as it was.
async fn dry_run_changes_nothing(server: TestServer) {
    let passport = server.issue().await;
    let body = json!({ "agent_id": passport["agent_id"], "reason": "x", "dry_run": true });
    let said = server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    assert_eq!((&said["dry_run"], &said["passports"].as_array().unwrap().len()), (&json!(true), &1));
    assert_eq!(server.verify(&passport).await["valid"], true);
    let list = server.get("/registry/revocations", None).await.expect(200);
    assert_eq!((&list["count"], &list["sequence"]), (&json!(0), &json!(0)));
}

/// Invariant 20 and §9. Method: bad passports are answers, bad requests are errors, nothing is a 5xx.
async fn verify_answers_whatever_it_is_given(server: TestServer) {
    let passport = server.issue().await;
    let altered = |name: &str, value: Value| {
        let mut passport = passport.clone();
        passport[name] = value;
        passport
    };
    let foreign = altered("issuer", json!("did:web:elsewhere.example"));
    let cases = [
        (json!({ "agent_id": "x" }), "SCHEMA_INVALID"),
        (altered("jurisdiction", json!("DE")), "SIGNATURE_INVALID"),
        (altered("expires_at", json!("2030-05-08T22:00:00Z")), "SIGNATURE_INVALID"),
        (altered("schema_version", json!("2.0")), "SCHEMA_UNSUPPORTED"),
        (altered("crit", json!(["moon_phase"])), "SCHEMA_UNSUPPORTED"),
        (altered("extra", json!(1)), "SCHEMA_INVALID"),
        (altered("agent_name", Value::Null), "SCHEMA_INVALID"),
        (foreign, "ISSUER_UNKNOWN"),
        (altered("key_id", json!("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k")), "KEY_UNKNOWN"),
        (json!("eyJhbGciOiJFZERTQSJ9.e30.AA"), "RENDERING_UNSUPPORTED"),
        (json!({ "@context": [] }), "RENDERING_UNSUPPORTED"),
    ];
    for (document, reason) in cases {
        let verdict = server.verify(&document).await;
        assert_eq!(
            (&verdict["valid"], verdict["reason_code"].as_str()),
            (&json!(false), Some(reason)),
            "{verdict}"
        );
        assert_eq!(
            (&verdict["agent_id"], &verdict["revoked"]),
            (&Value::Null, &json!(false)),
            "nothing unproven is echoed"
        );
    }
}

/// Invariant 20. Method: requests that are no verify requests, and passports outside the profile.
async fn verify_refuses_what_is_no_request(server: TestServer) {
    let passport = server.issue().await;
    let exotic = passport
        .to_string()
        .replace("\"staleness_budget_seconds\":300", "\"staleness_budget_seconds\":1e400");
    let send = |text: String, content: &'static str| {
        let server = &server;
        async move {
            let request = axum::http::Request::post("/api/agent/verify").header("content-type", content);
            server.send(request.body(axum::body::Body::from(text)).unwrap()).await
        }
    };
    let json_type = "application/json";
    let verdict = send(format!("{{\"passport\":{exotic}}}"), json_type).await.expect(200);
    assert_eq!(verdict["reason_code"], "SCHEMA_INVALID");
    for text in [
        "{\"passport\":",
        "[]",
        "{}",
        "{\"passport\":5}",
        "{\"passport\":{},\"passport\":{}}",
        "{\"passport\":\"\\ud800\"}",
        "{\"passport\":{},\"pasport\":1}",
        "\u{feff}{}",
    ] {
        send(text.to_owned(), json_type).await.refused(400, "VALIDATION_ERROR");
    }
    let deep = format!("{{\"passport\":{}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    send(deep, json_type).await.refused(400, "VALIDATION_ERROR");
    send("{}".to_owned(), "text/plain").await.refused(415, "UNSUPPORTED_MEDIA_TYPE");
    send(" ".repeat(2 << 20), json_type).await.refused(413, "BODY_TOO_LARGE");
    server.get("/api/agent/verify", None).await.refused(405, "METHOD_NOT_ALLOWED");
    let unknown = server.get("/api/agent/verify/pp_nonsense", None).await.expect(200);
    assert_eq!(
        (&unknown["reason_code"], &unknown["rendering"]),
        (&json!("PASSPORT_UNKNOWN"), &json!("registry"))
    );
    let known = server
        .get(&format!("/api/agent/verify/{}", passport["passport_id"].as_str().unwrap()), None)
        .await
        .expect(200);
    assert_eq!((&known["valid"], &known["rendering"]), (&json!(true), &json!("registry")));
    server.get("/api/agent/verify/pp_nonsense?att=1", None).await.refused(400, "VALIDATION_ERROR");
}

/// §9 `at` and `expect`. Method: ask about the past, the future, and for more than the passport has.
async fn verify_looks_back_and_expects(server: TestServer) {
    let passport = server.issue().await;
    let ask = |extra: Value| {
        let mut body = json!({ "passport": passport });
        for (name, value) in extra.as_object().unwrap() {
            body[name] = value.clone();
        }
        let server = &server;
        async move { server.post("/api/agent/verify", None, &body).await }
    };
    let met = json!({ "expect": { "operator_id": "op_acme_corp", "jurisdiction": "EU", "min_grade": "declared", "scopes": ["a:b"], "max_risk": "high" } });
    assert_eq!(ask(met).await.expect(200)["valid"], true);
    let unmet =
        json!({ "expect": { "operator_id": "op_other", "min_grade": "verified", "max_risk": "limited" } });
    let verdict = ask(unmet).await.expect(200);
    assert_eq!(verdict["reason_code"], "EXPECTATION_FAILED");
    assert_eq!(verdict["checks"]["policy"]["details"], json!(["operator_id", "min_grade", "max_risk"]));
    assert_eq!(
        ask(json!({ "at": "2026-05-08T21:58:00Z" })).await.expect(200)["reason_code"],
        "NOT_YET_VALID"
    );
    assert_eq!(ask(json!({ "at": "2026-05-08T21:59:30Z" })).await.expect(200)["valid"], true, "skew");
    ask(json!({ "at": "2026-05-08T22:02:00Z" })).await.refused(400, "VALIDATION_ERROR");
    server.advance(365 * 86_400);
    let verdict = ask(json!({})).await.expect(200);
    assert_eq!((&verdict["reason_code"], &verdict["agent_id"]), (&json!("EXPIRED"), &passport["agent_id"]));
}

/// §9 batch. Method: good, bad and unparsable items keep their places.
async fn a_batch_answers_in_order(server: TestServer) {
    let passport = server.issue().await;
    let mut altered = passport.clone();
    altered["jurisdiction"] = json!("DE");
    let items: Vec<Value> =
        (0..300).map(|n| json!({ "passport": if n % 3 == 0 { &passport } else { &altered } })).collect();
    let answers = server.post("/api/agent/verify/batch", None, &json!(items)).await.expect(200);
    for (n, answer) in answers.as_array().unwrap().iter().enumerate() {
        assert_eq!((&answer["index"], &answer["valid"]), (&json!(n), &json!(n % 3 == 0)));
    }
    let too_many = json!(vec![json!({ "passport": {} }); 1001]);
    server.post("/api/agent/verify/batch", None, &too_many).await.refused(413, "BATCH_TOO_LARGE");
    let problem = server
        .post("/api/agent/verify/batch", None, &json!([{ "passport": {} }, {}]))
        .await
        .refused(400, "VALIDATION_ERROR");
    assert_eq!(problem["details"]["violations"][0]["pointer"], "/1/passport");
    let lines = format!("{{\"passport\":{passport}}}\nnot json\n{{\"passport\":{altered}}}");
    let request =
        axum::http::Request::post("/api/agent/verify/batch").header("content-type", "application/x-ndjson");
    let reply = server.send(request.body(axum::body::Body::from(lines)).unwrap()).await;
    let answers: Vec<Value> = String::from_utf8(reply.bytes)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let reasons: Vec<&Value> = answers.iter().map(|answer| &answer["reason_code"]).collect();
    assert_eq!(reasons, [&Value::Null, &json!("UNPARSABLE"), &json!("SIGNATURE_INVALID")]);
    assert_eq!(answers[1]["index"], 1);
}

/// Invariant 10, as far as it concerns the list. Method: list, entity tag, deltas, the bounds of `since`.
async fn the_revocation_list_is_signed_and_dense(server: TestServer) {
    let mut agents = Vec::new();
    for _ in 0..3 {
        agents.push(server.issue().await["agent_id"].clone());
    }
    let empty = server.get("/registry/revocations", None).await;
    let tag = empty.header("etag").unwrap().to_owned();
    assert_eq!(empty.header("cache-control"), Some("public, max-age=5"));
    let same =
        server.call(Method::GET, "/registry/revocations", None, None, &[("if-none-match", &tag)]).await;
    assert_eq!(same.status, 304);
    for agent in &agents {
        let body = json!({ "agent_id": agent, "reason": "x", "reason_public": "out of use" });
        server.post("/registry/revoke", Some(server.operator()), &body).await.expect(200);
    }
    let changed =
        server.call(Method::GET, "/registry/revocations", None, None, &[("if-none-match", &tag)]).await;
    let list = changed.expect(200);
    let sequences: Vec<&Value> =
        list["revocations"].as_array().unwrap().iter().map(|entry| &entry["sequence"]).collect();
    assert_eq!(sequences, [&json!(1), &json!(2), &json!(3)]);
    assert_eq!(list["revocations"][0]["reason_public"], "out of use");
    let keys = server.get("/registry/keys", None).await.expect(200);
    let status_key =
        keys["service_keys"].as_array().unwrap().iter().find(|key| key["purpose"] == "status").unwrap();
    assert_eq!(status_key["key_id"], list["key_id"]);
    let delta = server.get("/registry/revocations?since=1", None).await.expect(200);
    assert_eq!((delta["events"].as_array().unwrap().len(), &delta["count"]), (2, &json!(3)));
    assert_eq!(delta["events"][0]["event"], "revoked");
    server.get("/registry/revocations?since=4", None).await.refused(409, "SEQUENCE_AHEAD");
    server.get("/registry/revocations?since=-1", None).await.refused(400, "VALIDATION_ERROR");
    let as_of = list["as_of"].clone();
    server.advance(16);
    assert_ne!(server.get("/registry/revocations", None).await.expect(200)["as_of"], as_of, "signed anew");
}

/// Invariant 14, by hand for this slice. Method: another operator asks for what exists and what does not.
async fn other_tenants_see_nothing(server: TestServer) {
    let passport = server.issue().await;
    let other = server.another_operator("op_other").await;
    let agent = passport["agent_id"].as_str().unwrap();
    let id = passport["passport_id"].as_str().unwrap();
    let unknown_agent = "agent_019e099acb007b6a9d0e1f2031425364";
    let unknown = "pp_019e099acb007a5f8c1d2e3f40516273";
    let pairs = [
        (format!("/registry/agents/{agent}"), format!("/registry/agents/{unknown_agent}")),
        (format!("/registry/agents/{agent}/lineage"), format!("/registry/agents/{unknown_agent}/lineage")),
        (format!("/registry/passports/{id}"), format!("/registry/passports/{unknown}")),
        (
            format!("/registry/passports/{id}/passport.json"),
            format!("/registry/passports/{unknown}/passport.json"),
        ),
    ];
    for (foreign, unknown) in pairs {
        server.get(&foreign, Some(server.operator())).await.expect(200);
        let same = [("x-request-id", "12345678")];
        let foreign = server.call(Method::GET, &foreign, Some(&other), None, &same).await;
        let unknown = server.call(Method::GET, &unknown, Some(&other), None, &same).await;
        assert_eq!((foreign.status, foreign.bytes), (unknown.status, unknown.bytes));
    }
    let revoke = json!({ "agent_id": agent, "reason": "x" });
    server.post("/registry/revoke", Some(&other), &revoke).await.refused(404, "NOT_FOUND");
    assert_eq!(server.verify(&passport).await["valid"], true);
    let list = server.get("/registry/agents", Some(&other)).await.expect(200);
    assert_eq!(list["agents"], json!([]));
    server.post("/registry/revoke", Some(server.admin()), &revoke).await.expect(200);
}

/// §18.2, one node. Method: suspend the organization; its passports and its keys are out at once, then back.
async fn suspended_operators_are_out_at_once(server: TestServer) {
    let passport = server.issue().await;
    let url = "/v1/admin/organizations/op_acme_corp";
    server
        .call(Method::PATCH, url, Some(server.admin()), Some(&json!({ "suspended": true })), &[])
        .await
        .expect(200);
    let verdict = server.verify(&passport).await;
    assert_eq!((&verdict["valid"], &verdict["reason_code"]), (&json!(false), &json!("OPERATOR_SUSPENDED")));
    server.issue_with(json!({})).await.refused(403, "ORGANIZATION_SUSPENDED");
    let server = server.restart().await;
    assert_eq!(server.verify(&passport).await["reason_code"], "OPERATOR_SUSPENDED");
    server
        .call(Method::PATCH, url, Some(server.admin()), Some(&json!({ "suspended": false })), &[])
        .await
        .expect(200);
    assert_eq!(server.verify(&passport).await["valid"], true);
    server.issue_with(json!({})).await.expect(201);
}
