//! The committed description and the program's own are the same, and good enough for generators.

use crate::harness::TestServer;

/// Goal: what clients are generated from is what the program does. Method: compare; `UPDATE=1` rewrites.
#[tokio::test]
async fn the_committed_description_is_current() {
    let server = TestServer::start(aegis_testkit::backend::TestDatabase::sqlite()).await;
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../api/openapi.json");
    let current = server.document.to_json().replace("http://localhost:8080", "http://127.0.0.1:8080");
    #[expect(clippy::disallowed_methods, reason = "the switch of this test")]
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(path, &current).expect("written");
    }
    let committed = std::fs::read_to_string(path).expect("api/openapi.json exists");
    assert!(
        committed == current,
        "api/openapi.json is not current: run the test with UPDATE=1 and commit it"
    );
}

/// Goal: no generator of clients stumbles.
#[tokio::test]
async fn the_description_has_no_defects() {
    let server = TestServer::start(aegis_testkit::backend::TestDatabase::sqlite()).await;
    assert_eq!(server.document.defects(), Vec::<String>::new());
}
