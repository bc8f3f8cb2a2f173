//! What the kernel does around every operation.

use std::sync::Arc;

use aegis_core::time::Timestamp;
use aegis_kernel::audit::sequence::Sequencer;
use aegis_kernel::{Failure, Kernel, Rejection, audit, job};
use aegis_testkit::backend::TestDatabase;
use serde_json::Value;
use tokio::sync::watch;

use super::fixture::{Deed, Ending, START, act, advance, begin, call, end, entries, hits, kernel_on, rest};

async fn named(
    kernel: &Kernel,
    key: &str,
    body: &str,
) -> Result<aegis_kernel::Answer, Failure<super::fixture::No>> {
    let working = kernel.clone();
    let deed = Deed { bucket: "named", ending: Ending::Done };
    let answer = aegis_kernel::tasks::spawn({
        let call = call(Some((key, body)));
        async move { working.execute(call, deed).await }
    });
    // The answer shows its index, so it waits for the sequencer.
    while !answer.is_finished() {
        rest(kernel).await;
        tokio::task::yield_now().await;
    }
    answer.await.expect("a task")
}

/// Goal: one intent has one effect. Method: the same request twice; the bodies must be equal to the byte.
pub(crate) async fn a_replay_gives_the_same_bytes(database: &TestDatabase) {
    let kernel = begin(database).await;
    let first = named(&kernel, "key-1", "body").await.unwrap();
    let again = named(&kernel, "key-1", "body").await.unwrap();
    assert_eq!((first.replayed, again.replayed), (false, true));
    assert_eq!((first.body, first.logged), (again.body, again.logged));
    assert_eq!((hits(&kernel, "named").await, entries(&kernel).await), (1, 1));
}

/// Goal: a kept answer counts for a day and no longer. Method: the same request after 24 hours acts anew.
pub(crate) async fn a_replay_lasts_a_day(database: &TestDatabase) {
    let kernel = begin(database).await;
    named(&kernel, "key-1", "body").await.unwrap();
    advance(&kernel, 86_399);
    assert!(named(&kernel, "key-1", "body").await.unwrap().replayed);
    advance(&kernel, 1);
    assert!(!named(&kernel, "key-1", "body").await.unwrap().replayed);
    assert_eq!(hits(&kernel, "named").await, 2);
}

/// Goal: a key names one intent. Method: another body under the same key is refused and does nothing.
pub(crate) async fn another_request_under_the_key_is_refused(database: &TestDatabase) {
    let kernel = begin(database).await;
    named(&kernel, "key-1", "body").await.unwrap();
    let other = named(&kernel, "key-1", "other body").await;
    assert!(matches!(other, Err(Failure::Rejected(Rejection::IdempotencyConflict))));
    assert_eq!(hits(&kernel, "named").await, 1);
}

/// Goal: `Err` means that nothing happened. Method: a deed that writes and is then refused leaves no row, and
/// its key stays free.
pub(crate) async fn a_refusal_leaves_nothing(database: &TestDatabase) {
    let kernel = begin(database).await;
    let refused = Deed { bucket: "refused", ending: Ending::Refused };
    let outcome = kernel.execute(call(Some(("key-1", "body"))), refused).await;
    assert!(matches!(outcome, Err(Failure::Refused(_))));
    assert_eq!((hits(&kernel, "refused").await, entries(&kernel).await), (0, 0));
    assert!(!named(&kernel, "key-1", "another body").await.unwrap().replayed);
}

/// Goal: a denial is remembered. Method: its row and its entry are there, and the caller hears a refusal.
pub(crate) async fn a_denial_leaves_an_entry(database: &TestDatabase) {
    let kernel = begin(database).await;
    let denied = act(&kernel, "denied", Ending::Denied).await;
    assert!(matches!(denied, Err(Failure::Refused(_))));
    assert_eq!((hits(&kernel, "denied").await, entries(&kernel).await), (1, 1));
    let listed = kernel
        .parts()
        .store
        .read(|tx| {
            audit::read::list_entries(
                tx,
                &audit::read::EntryFilter::default(),
                &aegis_core::page::Page::new(None, None),
            )
        })
        .await
        .unwrap();
    assert_eq!(listed.items[0].commitment.statement.outcome, "denied");
    assert_eq!(listed.items[0].commitment.statement.op, "test.deed");
}

/// Goal: an answer that shows its index waits for it. Method: the sequencer runs as in the program; ten
/// concurrent answers name ten different places and the leaf hashes stored there.
pub(crate) async fn an_answer_names_entry_and_index(database: &TestDatabase) {
    let kernel = begin(database).await;
    let (stop, stopped) = watch::channel(false);
    let sequencer = job::run(
        Arc::new(Sequencer { kernel: kernel.clone(), interval: std::time::Duration::from_millis(200) }),
        stopped,
    );
    let acting: Vec<_> = (0..10)
        .map(|_| {
            let kernel = kernel.clone();
            aegis_kernel::tasks::spawn(async move { act(&kernel, "indexed", Ending::Done).await.unwrap() })
        })
        .collect();
    let mut places = Vec::new();
    for answer in acting {
        let body: Value = serde_json::from_slice(&answer.await.unwrap().body).unwrap();
        let index = body["log_index"].as_u64().expect("an index");
        let stored =
            kernel.parts().store.read(move |tx| audit::read::find_leaf_hash(tx, index)).await.unwrap();
        assert_eq!(body["leaf_hash"], stored.unwrap().to_hex());
        places.push(index);
    }
    places.sort_unstable();
    assert_eq!(places, (0..10).collect::<Vec<_>>());
    stop.send_replace(true);
    kernel.parts().log.hint().notify_one();
    sequencer.await.unwrap();
}

/// Goal: nothing is written with a clock that lies behind the log. Method: the process starts again six
/// seconds before its newest entry; at five seconds it works, and entries never go back in time.
pub(crate) async fn a_clock_behind_the_log_stops_writes(database: &TestDatabase) {
    let kernel = begin(database).await;
    act(&kernel, "before", Ending::Done).await.unwrap();
    end(kernel).await;
    let kernel = kernel_on(database.reopen(), START - 6, 2).await;
    let unsafe_write = act(&kernel, "behind", Ending::Done).await;
    assert!(matches!(unsafe_write, Err(Failure::Rejected(Rejection::ClockUnsafe))));
    assert_eq!(hits(&kernel, "behind").await, 0);
    advance(&kernel, 1);
    act(&kernel, "behind", Ending::Done).await.unwrap();
    let newest = kernel.parts().store.read(audit::read::newest_entry_at).await.unwrap();
    assert_eq!(newest, Timestamp::from_seconds(START));
}

/// Goal: a limit that is counted in rows admits exactly its number. Method: 64 calls at once against ten.
pub(crate) async fn a_limit_in_rows_is_exact_under_concurrency(database: &TestDatabase) {
    let kernel = begin(database).await;
    let acting: Vec<_> = (0..64)
        .map(|_| {
            let kernel = kernel.clone();
            aegis_kernel::tasks::spawn(
                async move { act(&kernel, "limited", Ending::Limited(10)).await.is_ok() },
            )
        })
        .collect();
    let mut admitted = 0;
    for outcome in acting {
        admitted += u32::from(outcome.await.unwrap());
    }
    assert_eq!((admitted, hits(&kernel, "limited").await), (10, 10));
    advance(&kernel, 3599);
    assert!(act(&kernel, "limited", Ending::Limited(10)).await.is_err());
    advance(&kernel, 1);
    assert!(act(&kernel, "limited", Ending::Limited(10)).await.is_ok());
}

/// Goal: so does a limit that is counted in memory, refused deeds included. Method: the 101st call in a
/// minute is rejected before its transaction.
pub(crate) async fn a_limit_in_memory_is_exact(database: &TestDatabase) {
    let kernel = begin(database).await;
    for _ in 0..100 {
        assert!(matches!(act(&kernel, "refused", Ending::Refused).await, Err(Failure::Refused(_))));
    }
    let over = act(&kernel, "refused", Ending::Refused).await;
    assert!(matches!(over, Err(Failure::Rejected(Rejection::RateLimited { class: "deeds", .. }))));
}
