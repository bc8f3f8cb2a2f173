//! Opening, closing, and who may be there at the same time.

use aegis_store::{CommitHooks, Fault, Location, OpenMode, Store, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{ids, insert, open, put, together, write};

pub(crate) async fn a_second_process_is_refused(database: &TestDatabase) {
    let store = open(database);
    let second = Store::open(&database.location(), OpenMode::CreateIfMissing, CommitHooks::default());
    let fault = second.expect_err("refused");
    assert!(matches!(fault, Fault::Locked { .. }), "{fault:?}");
    assert!(fault.to_string().contains("another aegis process uses this"), "{fault}");
    if let Some(path) = database.path() {
        assert!(fault.to_string().contains(&format!("{}.lock", path.display())), "{fault}");
    }
    store.ping().await.expect("the first is unharmed");
}

pub(crate) async fn a_closed_store_says_so_and_gives_the_lock_up(database: &TestDatabase) {
    let store = open(database);
    let clone = store.clone();
    store.close();
    let written = write(&clone, |tx| insert(tx, "a", 1).map(Verdict::Commit)).await;
    assert!(matches!(written, Err(Fault::Unavailable { .. })), "{written:?}");
    assert!(matches!(clone.ping().await, Err(Fault::Unavailable { .. })));
    let reopened = open(database);
    assert!(ids(&reopened).await.is_empty());
}

pub(crate) async fn reading_only_goes_beside_the_owner_and_refuses_writes(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 1).await;
    let reader = Store::open_read_only(&database.location()).expect("open beside the owner");
    assert_eq!(ids(&reader).await, ["a"]);
    put(&store, "b", 1).await;
    assert_eq!(ids(&reader).await, ["a", "b"]);
    let written = write(&reader, |tx| insert(tx, "c", 1).map(Verdict::Commit)).await;
    assert!(matches!(written, Err(Fault::ReadOnly)), "{written:?}");
    store.close();
    assert_eq!(ids(&reader).await, ["a", "b"], "the owner has gone");
    reader.close();
    let alone = Store::open_read_only(&database.location()).expect("open alone");
    assert_eq!(ids(&alone).await, ["a", "b"]);
}

pub(crate) async fn what_was_written_is_there_after_reopening(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 1).await;
    drop(store);
    let store = open(database);
    assert_eq!(ids(&store).await, ["a"]);
}

pub(crate) async fn jobs_in_the_queue_are_finished_by_close(database: &TestDatabase) {
    let store = open(database);
    let mut writes: Vec<_> = (0..50)
        .map(|index| {
            let store = store.clone();
            let write: std::pin::Pin<Box<dyn Future<Output = bool> + Send>> = Box::pin(async move {
                let id = format!("{index:02}");
                write(&store, move |tx| insert(tx, &id, 1).map(Verdict::Commit)).await.is_ok()
            });
            write
        })
        .collect();
    let closing = store.clone();
    writes.push(Box::pin(async move {
        closing.close();
        true
    }));
    assert!(together(writes).await.into_iter().all(|done| done));
    let store = open(database);
    assert_eq!(ids(&store).await.len(), 50);
}

#[test]
fn sqlite_must_exist_where_creating_is_not_asked_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let missing = Location::Sqlite { path: directory.path().join("none.db") };
    let refused = Store::open(&missing, OpenMode::MustExist, CommitHooks::default());
    assert!(matches!(refused, Err(Fault::Missing { .. })), "{refused:?}");
    assert!(matches!(Store::open_read_only(&missing), Err(Fault::Missing { .. })));
    assert_eq!(std::fs::read_dir(directory.path()).expect("read").count(), 0, "nothing was left behind");
    let nowhere = Location::Sqlite { path: directory.path().join("no/where.db") };
    let refused = Store::open(&nowhere, OpenMode::CreateIfMissing, CommitHooks::default());
    assert!(matches!(refused, Err(Fault::Missing { .. })), "{refused:?}");
}

#[test]
fn sqlite_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let database = TestDatabase::sqlite();
    let store = open(&database);
    let path = database.path().expect("a file");
    for entry in std::fs::read_dir(path.parent().expect("a directory")).expect("read") {
        let entry = entry.expect("an entry");
        let mode = entry.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", entry.path().display());
    }
    store.close();
}

#[test]
fn a_file_that_is_no_database_is_damaged() {
    let database = TestDatabase::sqlite();
    std::fs::write(database.path().expect("a file"), vec![7; 8_192]).expect("write");
    let refused = Store::open(&database.location(), OpenMode::MustExist, CommitHooks::default());
    assert!(matches!(refused, Err(Fault::Damaged { .. })), "{refused:?}");
}

#[test]
fn postgres_must_exist_and_be_reachable() {
    let database = TestDatabase::postgres();
    let Location::Postgres { url, .. } = database.location() else { panic!("a URL") };
    let missing = Location::Postgres { url: format!("{url}_missing"), connections: 1 };
    let refused = Store::open(&missing, OpenMode::CreateIfMissing, CommitHooks::default());
    assert!(matches!(refused, Err(Fault::Missing { .. })), "{refused:?}");
    let closed = Location::Postgres { url: "postgres://aegis@127.0.0.1:1/none".to_owned(), connections: 1 };
    let refused = Store::open(&closed, OpenMode::CreateIfMissing, CommitHooks::default());
    assert!(matches!(refused, Err(Fault::Unavailable { .. })), "{refused:?}");
    assert!(matches!(Store::open_read_only(&closed), Err(Fault::Unavailable { .. })));
}
