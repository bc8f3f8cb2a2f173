//! Isolation, durability, retries, and what a failure leaves behind.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use aegis_store::{Backend, Fault, Lane, Sql, Tx, Value, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{COUNT, INSERT, amount, amount_of, ids, insert, open, put, set_amount, together, write};

pub(crate) async fn a_commit_is_seen_by_the_next_read(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 0).await;
    for round in 1..200 {
        write(&store, move |tx| set_amount(tx, "a", round).map(Verdict::Commit)).await.expect("write");
        assert_eq!(amount_of(&store, "a").await, round);
    }
}

pub(crate) async fn a_rollback_returns_its_value_and_undoes_the_rest(database: &TestDatabase) {
    let store = open(database);
    let called = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&called);
    let value = store
        .write(
            Lane::of("a"),
            |tx| insert(tx, "a", 1).map(|_| Verdict::Rollback("refused")),
            move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
            },
        )
        .await;
    assert_eq!(value.expect("a value"), "refused");
    assert!(ids(&store).await.is_empty());
    assert_eq!(called.load(Ordering::SeqCst), 0, "after_commit of a rollback");
    put(&store, "a", 1).await;
}

pub(crate) async fn an_error_undoes_everything(database: &TestDatabase) {
    let store = open(database);
    let result: Result<(), Fault> = write(&store, |tx| {
        insert(tx, "a", 1)?;
        Err(Fault::Schema { problem: "of the test".to_owned() })
    })
    .await;
    assert!(matches!(result, Err(Fault::Schema { .. })), "{result:?}");
    assert!(ids(&store).await.is_empty());
}

/// On PostgreSQL a refused statement ends the transaction, and COMMIT would then quietly roll back: the store must not
/// report that as success, and must do the same where the database would not.
pub(crate) async fn a_swallowed_refusal_still_undoes_everything(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 1).await;
    let result = write(&store, |tx| {
        insert(tx, "b", 1)?;
        drop(insert(tx, "a", 1));
        let after = insert(tx, "c", 1);
        assert!(matches!(after, Err(Fault::Unique { .. })), "{after:?}");
        Ok(Verdict::Commit(()))
    })
    .await;
    assert!(matches!(result, Err(Fault::Unique { .. })), "{result:?}");
    assert_eq!(ids(&store).await, ["a"]);
}

pub(crate) async fn a_panic_is_a_fault_and_the_store_lives_on(database: &TestDatabase) {
    let store = open(database);
    let result: Result<(), Fault> = store
        .write(
            Lane::of("a"),
            |tx| {
                insert(tx, "a", 1)?;
                panic!("of the test")
            },
            |()| (),
        )
        .await;
    assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}");
    assert!(ids(&store).await.is_empty());
    let again = store.write(Lane::of("a"), |tx| insert(tx, "a", 1).map(Verdict::Commit), |_| ()).await;
    assert_eq!(again.expect("a write after the panic"), 1);
}

pub(crate) async fn a_panic_in_a_read_is_a_fault_and_the_store_lives_on(database: &TestDatabase) {
    let store = open(database);
    for _ in 0..16 {
        let result: Result<(), Fault> = store.read(|_| panic!("of the test")).await;
        assert!(matches!(result, Err(Fault::Internal { .. })), "{result:?}");
    }
    store.ping().await.expect("ping");
}

pub(crate) async fn a_read_cannot_write(database: &TestDatabase) {
    let store = open(database);
    let result = store.read(|tx| insert(tx, "a", 1)).await;
    assert!(matches!(result, Err(Fault::ReadOnly)), "{result:?}");
    assert!(ids(&store).await.is_empty());
}

pub(crate) async fn a_read_sees_one_snapshot(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 1).await;
    let gate = Arc::new(Gate::default());
    let (inside, outside) = (Arc::clone(&gate), Arc::clone(&gate));
    let reader = store.read(move |tx| {
        let before = amount(tx, "a")?;
        inside.pass(1);
        inside.await_passed(2);
        Ok((before, amount(tx, "a")?))
    });
    let writer = async {
        tokio::task::spawn_blocking(move || outside.await_passed(1)).await.expect("gate");
        write(&store, |tx| set_amount(tx, "a", 2).map(Verdict::Commit)).await.expect("write");
        gate.pass(2);
    };
    let (read, ()) = tokio::join!(reader, writer);
    assert_eq!(read.expect("read"), (1, 1));
    assert_eq!(amount_of(&store, "a").await, 2);
}

pub(crate) async fn after_commit_runs_before_the_answer_and_may_change_it(database: &TestDatabase) {
    let store = open(database);
    let value =
        store.write(Lane::none(), |tx| insert(tx, "a", 1).map(Verdict::Commit), |value| *value += 41).await;
    assert_eq!(value.expect("write"), 42);
}

/// Without a lane, so that PostgreSQL has conflicts to resolve: each increment must be based on the one before.
pub(crate) async fn concurrent_increments_are_all_counted(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 0).await;
    let runs = Arc::new(AtomicU64::new(0));
    let increments = (0..20).map(|_| {
        let (store, runs) = (store.clone(), Arc::clone(&runs));
        async move {
            for _ in 0..5 {
                loop {
                    let runs = Arc::clone(&runs);
                    let result = write(&store, move |tx| {
                        runs.fetch_add(1, Ordering::SeqCst);
                        let now = amount(tx, "a")?;
                        set_amount(tx, "a", now + 1).map(Verdict::Commit)
                    })
                    .await;
                    match result {
                        Ok(_) => break,
                        Err(fault) => assert!(fault.is_retryable(), "{fault}"),
                    }
                }
            }
        }
    });
    together(increments).await;
    assert_eq!(amount_of(&store, "a").await, 100);
    let runs = runs.load(Ordering::SeqCst);
    match store.backend() {
        Backend::Sqlite => assert_eq!(runs, 100),
        Backend::Postgres => assert!(runs > 100, "no conflict was provoked"),
    }
}

/// Two rows, each may be emptied only while the other is full. Both writers read before either writes, wherever the
/// database lets them; a snapshot alone would let both go through.
pub(crate) async fn write_skew_is_impossible(database: &TestDatabase) {
    let store = open(database);
    for round in 0..10 {
        write(&store, |tx| {
            tx.execute(Sql::new("DELETE FROM item"), &[])?;
            insert(tx, "x", 1)?;
            insert(tx, "y", 1).map(Verdict::Commit)
        })
        .await
        .expect("set up");
        let gate = Arc::new(Gate::default());
        let empty = |mine: &'static str| {
            let gate = Arc::clone(&gate);
            write(&store, move |tx| {
                let full = amount(tx, "x")? + amount(tx, "y")?;
                gate.meet();
                if full < 2 {
                    return Ok(Verdict::Rollback(false));
                }
                set_amount(tx, mine, 0).map(|_| Verdict::Commit(true))
            })
        };
        let (x, y) = tokio::join!(empty("x"), empty("y"));
        let emptied = u32::from(x.expect("x")) + u32::from(y.expect("y"));
        assert_eq!(emptied, 1, "round {round}");
        assert_eq!(amount_of(&store, "x").await + amount_of(&store, "y").await, 1);
    }
}

pub(crate) async fn a_unique_violation_names_the_columns_alike(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 1).await;
    let key = write(&store, |tx| insert(tx, "a", 2).map(Verdict::Commit)).await;
    assert!(matches!(&key, Err(Fault::Unique { constraint }) if constraint == "item.id"), "{key:?}");
    let row = |tx: &mut Tx<'_>, id: &str| {
        tx.execute(INSERT, &[id.into(), 5_i64.into(), "n (o)=(p)".into(), Value::Null])
    };
    let pair = write(&store, move |tx| {
        row(tx, "b")?;
        row(tx, "c").map(Verdict::Commit)
    })
    .await;
    let expected = "item.amount, item.note";
    assert!(matches!(&pair, Err(Fault::Unique { constraint }) if constraint == expected), "{pair:?}");
    let ignored = write(&store, |tx| {
        let sql = Sql::new("INSERT INTO item (id, amount) VALUES ($1, 1) ON CONFLICT DO NOTHING");
        tx.execute(sql, &["a".into()]).map(Verdict::Commit)
    })
    .await;
    assert_eq!(ignored.expect("no fault"), 0);
}

pub(crate) async fn other_constraints_are_told_apart(database: &TestDatabase) {
    let store = open(database);
    let refused = [
        Sql::new("INSERT INTO item (id, amount) VALUES ('a', -1)"),
        Sql::new("INSERT INTO item (id, amount) VALUES ('a', NULL)"),
        Sql::new("INSERT INTO part (id) VALUES ('nobody')"),
    ];
    for sql in refused {
        let result = write(&store, move |tx| tx.execute(sql, &[]).map(Verdict::Commit)).await;
        assert!(matches!(result, Err(Fault::Constraint { .. })), "{sql:?}: {result:?}");
    }
}

pub(crate) async fn a_statement_that_does_not_compile_is_internal(database: &TestDatabase) {
    let store = open(database);
    let result = store.read(|tx| tx.list(Sql::new("SELECT nothing FROM nowhere"), &[], |_| Ok(()))).await;
    let fault = result.expect_err("no such table");
    assert!(matches!(fault, Fault::Internal { .. }), "{fault:?}");
    let cause = std::error::Error::source(&fault).expect("a cause").to_string();
    assert!(cause.contains("nowhere"), "{cause}");
    let prepared = store.read(|tx| tx.prepare(Sql::new("SELECT nothing FROM nowhere"))).await;
    assert!(prepared.is_err());
    store.read(|tx| tx.prepare(COUNT)).await.expect("a statement that compiles");
}

pub(crate) async fn a_cancelled_caller_does_not_cancel_the_write(database: &TestDatabase) {
    let store = open(database);
    let writing = write(&store, |tx| insert(tx, "a", 1).map(Verdict::Commit));
    tokio::select! {
        biased;
        result = writing => drop(result),
        () = std::future::ready(()) => {}
    }
    // Behind it in the only writer's queue, and in its lane on the other database.
    for _ in 0..200 {
        if ids(&store).await == ["a"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the write did not happen");
}

/// A counter that threads wait on.
#[derive(Default)]
struct Gate {
    passed: Mutex<u32>,
    changed: Condvar,
}

impl Gate {
    fn pass(&self, number: u32) {
        *self.passed.lock().expect("gate") = number;
        self.changed.notify_all();
    }

    fn await_passed(&self, number: u32) {
        let passed = self.passed.lock().expect("gate");
        drop(self.changed.wait_while(passed, |passed| *passed < number).expect("gate"));
    }

    /// Waits for a second caller, but not for long: where one writer runs at a time there is none.
    fn meet(&self) {
        let mut passed = self.passed.lock().expect("gate");
        *passed += 1;
        self.changed.notify_all();
        let wait = Duration::from_millis(100);
        drop(self.changed.wait_timeout_while(passed, wait, |passed| *passed < 2).expect("gate"));
    }
}
