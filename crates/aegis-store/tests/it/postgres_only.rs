//! What can only happen where the database is another process: connections break.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};
use std::time::Duration;

use aegis_store::{CommitHooks, Fault, Lane, Location, Sql, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{ids, insert, open, open_with, put, write};

const OWN_BACKEND: Sql = Sql::new("SELECT pg_backend_pid()");

/// Runs a statement on a connection that the store knows nothing of.
fn beside(database: &TestDatabase, statement: &str) {
    let Location::Postgres { url, .. } = database.location() else { panic!("a URL") };
    std::thread::scope(|scope| {
        let ran = scope
            .spawn(|| ::postgres::Client::connect(&url, ::postgres::NoTls)?.batch_execute(statement))
            .join()
            .expect("the thread");
        ran.expect("the statement");
    });
}

fn terminate(database: &TestDatabase, backend: i64) {
    beside(database, &format!("SELECT pg_terminate_backend({backend})"));
}

/// The connection dies between the last statement and COMMIT: nobody knows, and the store says exactly that, once.
#[tokio::test]
async fn a_commit_without_an_answer_is_unknown() {
    let database = Arc::new(TestDatabase::postgres());
    let backend = Arc::new(AtomicI64::new(0));
    let (victim, place) = (Arc::clone(&backend), Arc::clone(&database));
    let before_commit = Box::new(move || {
        let backend = victim.swap(0, Ordering::SeqCst);
        if backend != 0 {
            terminate(&place, backend);
        }
    });
    let store = open_with(&database, CommitHooks { before_commit, ..CommitHooks::default() });
    let runs = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&runs);
    let result = store
        .write(
            Lane::of("a"),
            move |tx| {
                counted.fetch_add(1, Ordering::SeqCst);
                backend.store(tx.one(OWN_BACKEND, &[], |row| row.get(0))?, Ordering::SeqCst);
                insert(tx, "a", 1).map(Verdict::Commit)
            },
            |_| panic!("a callback without a commit"),
        )
        .await;
    assert!(matches!(result, Err(Fault::Unknown { .. })), "{result:?}");
    assert_eq!(runs.load(Ordering::SeqCst), 1, "a commit in doubt must not be tried again");
    let again = store.write(Lane::of("a"), |tx| insert(tx, "b", 1).map(Verdict::Commit), |_| ()).await;
    again.expect("the lane is free and the connection new");
}

/// The connection dies in the middle: nothing was committed, so the work runs again on another connection.
#[tokio::test]
async fn a_connection_that_breaks_before_commit_is_replaced() {
    let database = Arc::new(TestDatabase::postgres());
    let store = open(&database);
    let runs = Arc::new(AtomicU32::new(0));
    let (counted, place) = (Arc::clone(&runs), Arc::clone(&database));
    let result = write(&store, move |tx| {
        insert(tx, "a", 1)?;
        if counted.fetch_add(1, Ordering::SeqCst) == 0 {
            terminate(&place, tx.one(OWN_BACKEND, &[], |row| row.get(0))?);
        }
        insert(tx, "b", 1).map(Verdict::Commit)
    })
    .await;
    result.expect("the second run");
    assert_eq!(runs.load(Ordering::SeqCst), 2);
    assert_eq!(ids(&store).await, ["a", "b"]);
    // All idle connections at once, as when the server is started again.
    let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()
                  AND query NOT LIKE '%pg_try_advisory_lock%'";
    beside(&database, others);
    for _ in 0..8 {
        store.ping().await.expect("a ping on a new connection");
    }
}

/// Whoever loses the process lock stops writing until it is back.
#[tokio::test]
async fn a_lost_process_lock_stops_writes_until_it_is_back() {
    let database = TestDatabase::postgres();
    let store = open(&database);
    put(&store, "a", 1).await;
    let Location::Postgres { url, .. } = database.location() else { panic!("a URL") };
    let own = "locktype = 'advisory'
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let find = format!("SELECT (classid::bigint << 32) | objid::bigint FROM pg_locks WHERE {own}");
    let terminate_holder = format!("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {own}");
    let thief = tokio::task::spawn_blocking(move || {
        let mut client = ::postgres::Client::connect(&url, ::postgres::NoTls).expect("connect");
        let key: i64 = client.query_one(&find, &[]).expect("the lock").get(0);
        client.batch_execute(&terminate_holder).expect("terminate");
        client.execute("SELECT pg_advisory_lock($1)", &[&key]).expect("take");
        client
    });
    let thief = thief.await.expect("the thief");
    let refused = until(&store, |result| matches!(result, Err(Fault::Unavailable { .. }))).await;
    assert!(refused, "writes went on without the lock");
    tokio::task::spawn_blocking(move || drop(thief)).await.expect("give the lock back");
    assert!(until(&store, Result::is_ok).await, "writes did not come back");
}

async fn until(store: &aegis_store::Store, wanted: impl Fn(&Result<(), Fault>) -> bool) -> bool {
    for _ in 0..200 {
        let result = write(store, |_| Ok(Verdict::Commit(()))).await;
        if wanted(&result) {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    false
}
