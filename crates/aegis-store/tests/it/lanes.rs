//! Per-key order.

use std::sync::{Arc, Mutex};

use aegis_store::{Lane, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{amount, amount_of, open, put, set_amount, together};

/// Each write of the lane finds the number of the one submitted before it, and the callbacks see the same order. A conflict
/// would be visible as a second run.
pub(crate) async fn a_lane_runs_in_order_and_its_callbacks_in_commit_order(database: &TestDatabase) {
    let store = open(database);
    put(&store, "a", 0).await;
    let runs = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::new(Mutex::new(Vec::new()));
    let writes = (0..60_i64).map(|number| {
        let (store, runs, calls) = (store.clone(), Arc::clone(&runs), Arc::clone(&calls));
        async move {
            let work = move |tx: &mut aegis_store::Tx<'_>| {
                runs.lock().expect("runs").push(number);
                assert_eq!(amount(tx, "a")?, number);
                set_amount(tx, "a", number + 1).map(|_| Verdict::Commit(number))
            };
            let note = move |number: &mut i64| calls.lock().expect("calls").push(*number);
            store.write(Lane::of("a"), work, note).await.expect("write")
        }
    });
    together(writes).await;
    let expected: Vec<i64> = (0..60).collect();
    assert_eq!(*runs.lock().expect("runs"), expected);
    assert_eq!(*calls.lock().expect("calls"), expected);
}

/// Transfers in both directions and around a third: every order of keys, much more waiting than workers.
pub(crate) async fn crossing_pairs_do_not_block_each_other(database: &TestDatabase) {
    let store = open(database);
    for id in ["a", "b", "c"] {
        put(&store, id, 1_000).await;
    }
    let pairs = [("a", "b"), ("b", "a"), ("b", "c"), ("c", "a"), ("a", "c")];
    let transfers = (0..100).map(|index| {
        let store = store.clone();
        let (from, to) = pairs[index % pairs.len()];
        async move {
            let work = move |tx: &mut aegis_store::Tx<'_>| {
                let (source, target) = (amount(tx, from)?, amount(tx, to)?);
                set_amount(tx, from, source - 1)?;
                set_amount(tx, to, target + 1).map(Verdict::Commit)
            };
            store.write(Lane::pair(from, to), work, |_| ()).await.expect("transfer");
        }
    });
    together(transfers).await;
    let total = amount_of(&store, "a").await + amount_of(&store, "b").await + amount_of(&store, "c").await;
    assert_eq!(total, 3_000);
    assert_eq!(amount_of(&store, "b").await, 1_000 + 20 - 40);
}
