//! Several operations in one commit of SQLite, and no caller can tell.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use aegis_store::{CommitHooks, Fault, Sql, Store, Value, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{COUNT, INSERT, ids, insert, open, open_with, put, together, write};

/// Keeps the writer busy until everything that `together` submits is queued, so that it becomes one batch.
async fn in_one_batch<T: Send + 'static>(
    store: &Store,
    operations: Vec<std::pin::Pin<Box<dyn Future<Output = T> + Send>>>,
) -> Vec<T> {
    let (open_gate, gate) = mpsc::channel::<()>();
    let gate = Mutex::new(gate);
    let blocking = store.clone();
    let mut all: Vec<std::pin::Pin<Box<dyn Future<Output = Option<T>> + Send>>> =
        vec![Box::pin(async move {
            write(&blocking, move |_| {
                gate.lock().expect("gate").recv().expect("opened");
                // Longer than a batch may take, so that the next one starts with all that wait.
                std::thread::sleep(Duration::from_millis(30));
                Ok(Verdict::Rollback(()))
            })
            .await
            .expect("the blocking operation");
            None
        })];
    all.extend(operations.into_iter().map(|operation| {
        let boxed: std::pin::Pin<Box<dyn Future<Output = Option<T>> + Send>> =
            Box::pin(async move { Some(operation.await) });
        boxed
    }));
    all.push(Box::pin(async move {
        open_gate.send(()).expect("the gate");
        None
    }));
    together(all).await.into_iter().flatten().collect()
}

type Operation = std::pin::Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;

/// Of twelve operations in one commit four fail in different ways; they alone are undone.
#[tokio::test]
async fn a_failed_operation_is_undone_alone() {
    let commits = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&commits);
    let hooks = CommitHooks {
        after_commit: Box::new(move || {
            counted.fetch_add(1, Ordering::SeqCst);
        }),
        ..CommitHooks::default()
    };
    let database = TestDatabase::sqlite();
    let store = open_with(&database, hooks);
    let calls = Arc::new(Mutex::new(Vec::new()));
    let before = commits.load(Ordering::SeqCst);
    let operations = (0..12_u32)
        .map(|index| {
            let (store, calls) = (store.clone(), Arc::clone(&calls));
            let operation: Operation = Box::pin(async move {
                let work = move |tx: &mut aegis_store::Tx<'_>| {
                    insert(tx, &format!("{index:02}"), 1)?;
                    match index {
                        3 => insert(tx, "00", 1).map(|_| Verdict::Commit(())),
                        5 => Err(Fault::Schema { problem: "of the test".to_owned() }),
                        7 => Ok(Verdict::Rollback(())),
                        9 => panic!("of the test"),
                        _ => Ok(Verdict::Commit(())),
                    }
                };
                let note = move |(): &mut ()| calls.lock().expect("calls").push(index);
                store.write(aegis_store::Lane::none(), work, note).await
            });
            operation
        })
        .collect();
    let results = in_one_batch(&store, operations).await;
    let kept: Vec<u32> = (0..12).filter(|index| ![3, 5, 7, 9].contains(index)).collect();
    for (index, result) in results.iter().enumerate() {
        match index {
            3 => assert!(matches!(result, Err(Fault::Unique { .. })), "{result:?}"),
            5 => assert!(matches!(result, Err(Fault::Schema { .. })), "{result:?}"),
            9 => assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}"),
            _ => assert!(result.is_ok(), "{index}: {result:?}"),
        }
    }
    assert_eq!(ids(&store).await, kept.iter().map(|index| format!("{index:02}")).collect::<Vec<_>>());
    assert_eq!(*calls.lock().expect("calls"), kept, "callbacks in the order of the operations");
    // One on a quiet machine; a slow operation ends a batch early.
    let commits = commits.load(Ordering::SeqCst) - before;
    assert!(commits < 4, "{commits} commits for eight operations");
}

/// A disk without space undoes the whole transaction; every operation in it learns so, and the store goes on afterwards.
#[tokio::test]
async fn a_full_disk_fails_the_batch_and_passes() {
    let database = TestDatabase::sqlite();
    let store = open(&database);
    put(&store, "first", 1).await;
    let limit = |pages: i64| {
        let store = store.clone();
        async move {
            let text: &'static str =
                if pages == 0 { "PRAGMA max_page_count = 1" } else { "PRAGMA max_page_count = 1000000" };
            write(&store, move |tx| tx.one(Sql::new(text), &[], |_| Ok(())).map(Verdict::Rollback)).await
        }
    };
    limit(0).await.expect("limit");
    let operations = ["a", "b", "c"]
        .into_iter()
        .map(|id| {
            let store = store.clone();
            let operation: Operation = Box::pin(async move {
                write(&store, move |tx| {
                    let large = if id == "b" { vec![7_u8; 1_000_000] } else { Vec::new() };
                    tx.execute(INSERT, &[id.into(), 1_i64.into(), Value::Null, large.into()])?;
                    Ok(Verdict::Commit(()))
                })
                .await
            });
            operation
        })
        .collect();
    let results = in_one_batch(&store, operations).await;
    assert!(matches!(results[0], Err(Fault::DiskFull)), "{results:?}");
    assert!(matches!(results[1], Err(Fault::DiskFull)), "{results:?}");
    assert_eq!(
        ids(&store).await.first().map(String::as_str),
        if results[2].is_ok() { Some("c") } else { Some("first") }
    );
    limit(1).await.expect("space again");
    put(&store, "later", 1).await;
    let count: i64 = store.read(|tx| tx.one(COUNT, &[], |row| row.get(0))).await.expect("count");
    assert!(count >= 2);
    let check = Sql::new("PRAGMA integrity_check");
    let said: String = store.read(move |tx| tx.one(check, &[], |row| row.get(0))).await.expect("check");
    assert_eq!(said, "ok");
}

/// An operation must not end the transaction of its neighbours by hand and be believed.
#[tokio::test]
async fn an_operation_that_commits_by_itself_is_a_fault() {
    let database = TestDatabase::sqlite();
    let store = open(&database);
    let result = write(&store, |tx| tx.execute(Sql::new("COMMIT"), &[]).map(Verdict::Commit)).await;
    assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}");
    put(&store, "a", 1).await;
}

/// A writer that never pauses does not let the log grow without end.
#[tokio::test]
async fn the_log_is_bounded() {
    let database = TestDatabase::sqlite();
    let store = open(&database);
    put(&store, "a", 0).await;
    let mut log = database.path().expect("a file").into_os_string();
    log.push("-wal");
    let mut longest = 0;
    for round in 0..400 {
        write(&store, move |tx| {
            let sql = Sql::new("UPDATE item SET bytes = $1, amount = $2 WHERE id = 'a'");
            tx.execute(sql, &[vec![7_u8; 500_000].into(), i64::from(round).into()]).map(Verdict::Commit)
        })
        .await
        .expect("write");
        longest = longest.max(std::fs::metadata(&log).map_or(0, |log| log.len()));
    }
    assert!(longest < 180_000_000, "{longest} bytes of log for 200 MB written");
}
