//! The log as its readers meet it: entries, proofs, tiles, checkpoints, and the witness role.

use aegis_core::crypto::digest::Digest;
use aegis_core::crypto::sign::SigningKey;
use aegis_core::encoding::{from_base64, from_hex};
use aegis_core::secret::Secret;
use aegis_kernel::audit::sequence::integrate;
use aegis_tlog::checkpoint::Checkpoint;
use aegis_tlog::note::NoteSigner;
use aegis_tlog::proof::{ConsistencyProof, InclusionProof};
use aegis_tlog::tree::{empty_root, leaf_hash};
use aegis_tlog::witness::AddCheckpoint;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

use crate::harness::{Reply, TestServer, both, other_log};

both! {
    entries_are_for_the_entitled,
    entries_are_filtered,
    an_entry_is_proven_offline,
    the_log_is_public,
    proofs_of_the_tree_hold,
    proofs_are_refused_exactly,
    tiles_are_served_as_c2sp_wants,
    another_log_is_cosigned,
}

/// Lets every entry find its place.
async fn rest(server: &TestServer) {
    while integrate(&server.app.kernel).await.unwrap() > 0 {}
}

fn checkpoint(reply: &Reply) -> Checkpoint {
    let note = String::from_utf8(reply.bytes.clone()).unwrap();
    Checkpoint::parse(&format!("{}\n", note.split_once("\n\n").unwrap().0)).unwrap()
}

async fn newest(server: &TestServer) -> Checkpoint {
    rest(server).await;
    checkpoint(&server.get("/log/checkpoint", None).await)
}

/// An auditor's key.
async fn auditor(server: &TestServer) -> String {
    let body = json!({ "name": "Auditor", "roles": ["auditor"], "country": "FR" });
    let made = server.post("/v1/admin/organizations", Some(server.admin()), &body).await.expect(201);
    made["apiKey"]["secret"].as_str().unwrap().to_owned()
}

fn ids(list: &Value) -> Vec<String> {
    list["entries"].as_array().unwrap().iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// Goal: an organization sees its own entries and no sign of others. Method: three kinds of readers and a
/// stranger read the entry of a new key.
async fn entries_are_for_the_entitled(server: TestServer) {
    let made =
        server.post("/v1/organizations/me/keys", Some(server.operator()), &json!({})).await.expect(201);
    let path = format!("/v1/audit/{}", made["logEntry"].as_str().unwrap());
    rest(&server).await;
    let auditor = auditor(&server).await;
    for reader in [server.operator(), server.admin(), &auditor] {
        let entry = server.get(&path, Some(reader)).await.expect(200);
        assert_eq!((&entry["op"], &entry["actor"]), (&json!("account.create_key"), &json!("op_acme_corp")));
        assert_eq!((&entry["subject"], &entry["outcome"]), (&made["id"], &json!("done")));
        assert_eq!(entry["details"]["scopes"], made["scopes"]);
        assert!(entry["index"].is_u64() && entry["salt"].as_str().unwrap().len() == 43);
    }
    let stranger = server.keys.provider.api_key.reveal();
    let unknown = "/v1/audit/log_019e099acb007b6a9d0e1f2031425364";
    for path in [path.as_str(), &format!("{path}/proof"), unknown, "/v1/audit/nonsense"] {
        server.get(path, Some(stranger)).await.refused(404, "NOT_FOUND");
    }
    server.get(&path, None).await.refused(401, "UNAUTHORIZED");
    let own = server.get("/v1/audit", Some(stranger)).await.expect(200);
    assert!(own["entries"].as_array().unwrap().iter().all(|entry| entry["subject"] == "prov_123"));
    let all = server.get("/v1/audit?limit=200", Some(&auditor)).await.expect(200);
    assert!(ids(&all).len() > ids(&own).len() + 3);
    let narrow = json!({ "scopes": ["keys"] });
    let narrow = server.post("/v1/organizations/me/keys", Some(server.operator()), &narrow).await.expect(201);
    server.get("/v1/audit", narrow["secret"].as_str()).await.refused(403, "INSUFFICIENT_SCOPE");
}

/// Goal: filters narrow, pages join without gap. Method: single rows against the whole list, then each filter.
async fn entries_are_filtered(server: TestServer) {
    let admin = Some(server.admin());
    server.advance(100);
    server.another_operator("op_filtered").await;
    let whole = ids(&server.get("/v1/audit?limit=200", admin).await.expect(200));
    let mut paged = Vec::new();
    let mut path = "/v1/audit?limit=1".to_owned();
    loop {
        let page = server.get(&path, admin).await.expect(200);
        paged.extend(ids(&page));
        let Some(cursor) = page["nextCursor"].as_str() else { break };
        path = format!("/v1/audit?limit=1&cursor={cursor}");
    }
    assert_eq!(paged, whole);
    for (filter, expected) in [
        ("subject=op_filtered", 1),
        ("op=account.create_organization", 1),
        ("op=account.create_organization&outcome=denied", 0),
        ("from=2026-05-08T22:01:00Z", 1),
        ("from=2026-05-08T22:01:40Z&to=2026-05-08T22:01:40Z", 0),
    ] {
        let found = server.get(&format!("/v1/audit?{filter}"), admin).await.expect(200);
        assert_eq!(ids(&found).len(), expected, "{filter}");
    }
    let before = server.get("/v1/audit?limit=200&to=2026-05-08T22:01:40Z", admin).await.expect(200);
    assert_eq!(ids(&before), whole[1..]);
    for bad in ["outcome=maybe", "from=yesterday", "cursor=x", "until=1"] {
        server.get(&format!("/v1/audit?{bad}"), admin).await.refused(400, "VALIDATION_ERROR");
    }
}

/// Goal: the proof file stands alone. Method: read it as the format says and check opening, inclusion and root.
async fn an_entry_is_proven_offline(server: TestServer) {
    let made =
        server.post("/v1/organizations/me/keys", Some(server.operator()), &json!({})).await.expect(201);
    let path = format!("/v1/audit/{}/proof", made["logEntry"].as_str().unwrap());
    rest(&server).await;
    let reply = server.get(&path, Some(server.operator())).await;
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    let proof = aegis_tlog::tlogproof::TlogProof::parse(&reply.bytes).unwrap();
    let opening: Value = serde_json::from_slice(proof.extra.as_ref().unwrap()).unwrap();
    assert_eq!(opening["commitment"]["subject"], made["id"]);
    assert_eq!(opening["details"]["scopes"], made["scopes"]);
    let opening = aegis_tlog::leaf::Opening::parse(proof.extra.as_ref().unwrap()).unwrap();
    let stated = Checkpoint::parse(proof.checkpoint.text()).unwrap();
    let inclusion = InclusionProof { index: proof.index, size: stated.size, hashes: proof.hashes };
    inclusion.verify(&opening.commitment().leaf_hash(), &stated.root).unwrap();
    assert_eq!(stated.origin, "localhost:8080/log");
}

/// Goal: anybody may read the log, from any page, with nothing in hand. Method: headers of each public path, also
/// with a credential that is wrong.
async fn the_log_is_public(server: TestServer) {
    rest(&server).await;
    for path in [
        "/log/checkpoint",
        "/log/tile/0/000.p/1",
        "/log/proof/inclusion?index=0",
        "/log/proof/consistency?from=1&to=2",
    ] {
        let reply =
            server.call(Method::GET, path, Some("wrong"), None, &[("origin", "https://x.example")]).await;
        assert_eq!(reply.status.as_u16(), 200, "{path}");
        assert_eq!(reply.header("access-control-allow-origin"), Some("*"), "{path}");
    }
    let reply = server.get("/log/checkpoint", None).await;
    assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    assert_eq!(reply.header("cache-control"), Some("public, max-age=2"));
    assert_eq!(checkpoint(&reply).origin, "localhost:8080/log");
}

fn hashes(proof: &Value) -> Vec<Digest> {
    let list = proof["hashes"].as_array().unwrap().iter();
    list.map(|hash| Digest::from_bytes(from_base64(hash.as_str().unwrap()).unwrap().try_into().unwrap()))
        .collect()
}

/// Goal: proofs lead to the signed roots. Method: each leaf by index and by hash, in the newest tree and in an
/// earlier one; consistency between the two.
async fn proofs_of_the_tree_hold(server: TestServer) {
    let earlier = newest(&server).await;
    for _ in 0..5 {
        server.post("/v1/auth/token", Some(server.operator()), &json!({})).await.expect(200);
    }
    let later = newest(&server).await;
    assert_eq!(later.size, earlier.size + 5);
    for (tree, size) in [(&later, String::new()), (&earlier, format!("&size={}", earlier.size))] {
        for index in 0..tree.size {
            let path = format!("/log/proof/inclusion?index={index}{size}");
            let by_index = server.get(&path, None).await.expect(200);
            let leaf = by_index["leaf_hash"].as_str().unwrap();
            let path = format!("/log/proof/inclusion?leaf_hash={leaf}{size}");
            assert_eq!(server.get(&path, None).await.expect(200), by_index);
            let proof = InclusionProof { index, size: tree.size, hashes: hashes(&by_index) };
            proof.verify(&Digest::from_bytes(from_hex(leaf).unwrap()), &tree.root).unwrap();
            let note = by_index["checkpoint"].as_str().unwrap();
            assert!(note.starts_with(&format!("localhost:8080/log\n{}\n", tree.size)), "{note}");
        }
    }
    let path = format!("/log/proof/consistency?from={}&to={}", earlier.size, later.size);
    let proof = server.get(&path, None).await.expect(200);
    let proof = ConsistencyProof { from: earlier.size, to: later.size, hashes: hashes(&proof) };
    proof.verify(&earlier.root, &later.root).unwrap();
}

/// Goal: the statuses of the contract. Method: every way to ask for what is not there.
async fn proofs_are_refused_exactly(server: TestServer) {
    let size = newest(&server).await.size;
    let zeros = "0".repeat(64);
    for path in [
        format!("inclusion?index={size}"),
        format!("inclusion?index=0&size={}", size + 1),
        "inclusion?index=0&size=0".to_owned(),
        format!("inclusion?leaf_hash={zeros}"),
        format!("consistency?from=0&to={}", size + 1),
        format!("consistency?from={size}&to=9223372036854775807"),
    ] {
        server.get(&format!("/log/proof/{path}"), None).await.refused(404, "NOT_FOUND");
    }
    for path in [
        "inclusion".to_owned(),
        format!("inclusion?index=0&leaf_hash={zeros}"),
        "inclusion?index=-1".to_owned(),
        "inclusion?leaf_hash=ABC".to_owned(),
        "consistency?from=2&to=1".to_owned(),
        "consistency?from=1".to_owned(),
    ] {
        server.get(&format!("/log/proof/{path}"), None).await.refused(400, "VALIDATION_ERROR");
    }
}

/// Goal: tiles are bytes under the paths of the specification, full ones for ever. Method: grow the log past 256
/// entries and rebuild leaf hashes from the bundle of entries.
async fn tiles_are_served_as_c2sp_wants(server: TestServer) {
    while newest(&server).await.size < 260 {
        for _ in 0..50 {
            server.post("/v1/auth/token", Some(server.operator()), &json!({})).await.expect(200);
        }
    }
    let full = server.get("/log/tile/0/000", None).await;
    assert_eq!((full.status.as_u16(), full.bytes.len()), (200, 8192));
    assert_eq!(full.header("content-type"), Some("application/octet-stream"));
    assert_eq!(full.header("cache-control"), Some("public, max-age=31536000, immutable"));
    let bundle = server.get("/log/tile/entries/000", None).await;
    let entries: Vec<_> =
        aegis_tlog::tile::entries(&bundle.bytes).map(|entry| entry.unwrap().to_vec()).collect();
    assert_eq!(entries.len(), 256);
    for (entry, hash) in entries.iter().zip(full.bytes.chunks(32)) {
        assert_eq!(leaf_hash(entry).as_bytes().as_slice(), hash);
    }
    let partial = server.get("/log/tile/0/001.p/3", None).await;
    assert_eq!((partial.status.as_u16(), partial.bytes.len()), (200, 96));
    assert_ne!(partial.header("cache-control"), full.header("cache-control"));
    assert_eq!(server.get("/log/tile/1/000.p/1", None).await.bytes.len(), 32);
    for path in [
        "0/001",
        "0/999",
        "1/000",
        "9/000",
        "0/0",
        "0/000.p/0",
        "0/000.p/256",
        "entries/001",
        "x",
        "0/001.p/255",
    ] {
        server.get(&format!("/log/tile/{path}"), None).await.refused(404, "NOT_FOUND");
    }
}

/// Goal: the witness protocol's statuses and bodies. Method: the log that the instance is configured for, and one that
/// it is not.
async fn another_log_is_cosigned(server: TestServer) {
    let signer = other_log();
    let origin = signer.verifier().name();
    let body = |size: u64, root: Digest, signer: &NoteSigner| {
        let origin = signer.verifier().name();
        let note = Checkpoint::new(origin, size, root).sign(signer).unwrap();
        AddCheckpoint::new(&ConsistencyProof { from: 0, to: size, hashes: Vec::new() }, note)
            .unwrap()
            .to_string()
    };
    let first = body(1, leaf_hash(b"x"), &signer);
    let hash = Digest::of(&[origin.as_bytes()]).to_hex();
    let kept = format!("/log/witness/{hash}/checkpoint");
    let unknown =
        NoteSigner::new("unknown.example/log", SigningKey::from_seed(&Secret::new([5; 32]))).unwrap();
    post(&server, &body(1, leaf_hash(b"x"), &unknown)).await.refused(404, "NOT_FOUND");
    let hash_of_unknown = Digest::of(&[unknown.verifier().name().as_bytes()]).to_hex();
    server.get(&format!("/log/witness/{hash_of_unknown}/checkpoint"), None).await.refused(404, "NOT_FOUND");
    server.get(&kept, None).await.refused(404, "NOT_FOUND");
    post(&server, "old 0\n").await.refused(400, "VALIDATION_ERROR");
    let stranger = NoteSigner::new(origin, SigningKey::from_seed(&Secret::new([6; 32]))).unwrap();
    assert_eq!(post(&server, &body(1, leaf_hash(b"x"), &stranger)).await.status.as_u16(), 403);
    let fork = body(0, Digest::ZERO, &signer);
    assert_eq!(post(&server, &fork).await.status.as_u16(), 422);
    let cosigned = post(&server, &first).await;
    let line = String::from_utf8(cosigned.bytes.clone()).unwrap();
    assert_eq!(cosigned.status.as_u16(), 200);
    assert!(line.starts_with("— localhost:8080/witness "), "{line}");
    let stale = post(&server, &body(1, leaf_hash(b"x"), &signer)).await;
    assert_eq!((stale.status.as_u16(), stale.bytes.as_slice()), (409, b"1\n".as_slice()));
    assert_eq!(stale.header("content-type"), Some("text/x.tlog.size"));
    let kept = server.get(&kept, None).await;
    assert!(String::from_utf8(kept.bytes).unwrap().ends_with(&line));
    assert_ne!(empty_root(), leaf_hash(b"x"));
}

async fn post(server: &TestServer, body: &str) -> Reply {
    let request = Request::post("/log/add-checkpoint").body(Body::from(body.to_owned())).unwrap();
    server.send(request).await
}
