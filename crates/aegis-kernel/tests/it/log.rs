//! The sequencer, and what it makes of waiting entries.

use aegis_core::id::LogEntryId;
use aegis_kernel::audit::sequence::integrate;
use aegis_kernel::{Kernel, audit};
use aegis_store::Sql;
use aegis_testkit::backend::TestDatabase;
use aegis_tlog::checkpoint::Checkpoint;

use super::fixture::{Ending, START, act, begin, end, kernel_on, rest};

const PLACES: Sql = Sql::new("SELECT id, log_index FROM log_entry ORDER BY id");

async fn places(kernel: &Kernel) -> Vec<(String, Option<u64>)> {
    let read = |row: &aegis_store::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    kernel.parts().store.read(move |tx| tx.list(PLACES, &[], read)).await.unwrap()
}

/// Goal: places are dense and follow the order of ids. Method: many entries, integrated in one batch, then more.
pub(crate) async fn entries_get_dense_places_in_order(database: &TestDatabase) {
    let kernel = begin(database).await;
    for _ in 0..30 {
        act(&kernel, "entries", Ending::Denied).await.unwrap_err();
    }
    rest(&kernel).await;
    for _ in 0..7 {
        super::fixture::advance(&kernel, 1);
        act(&kernel, "entries", Ending::Denied).await.unwrap_err();
    }
    rest(&kernel).await;
    let found: Vec<_> = places(&kernel).await.into_iter().map(|(_, place)| place.unwrap()).collect();
    assert_eq!(found, (0..37).collect::<Vec<u64>>());
    let newest = kernel.parts().store.read(audit::read::newest_checkpoint).await.unwrap().unwrap();
    assert_eq!(newest.size, 37);
}

/// Goal: a process that ends between commit and integration loses nothing, and starting again is no special
/// path. Method: the store is closed with entries waiting; the next process integrates them after the old ones.
pub(crate) async fn what_was_committed_before_a_crash_is_integrated_after_it(database: &TestDatabase) {
    let kernel = begin(database).await;
    act(&kernel, "before", Ending::Denied).await.unwrap_err();
    rest(&kernel).await;
    for _ in 0..3 {
        act(&kernel, "crashed", Ending::Denied).await.unwrap_err();
    }
    end(kernel).await;
    let kernel = kernel_on(database.reopen(), START, 2).await;
    let waiting = places(&kernel).await.into_iter().filter(|(_, place)| place.is_none()).count();
    assert_eq!(waiting, 3);
    assert_eq!(integrate(&kernel).await.unwrap(), 3);
    assert_eq!(integrate(&kernel).await.unwrap(), 0);
    let mut found: Vec<_> = places(&kernel).await.into_iter().filter_map(|(_, place)| place).collect();
    found.sort_unstable();
    assert_eq!(found, [0, 1, 2, 3]);
}

/// Goal: what the log hands out can be checked with nothing else. Method: inclusion of each entry in each
/// signed tree, and consistency between all signed sizes, against the signed roots.
pub(crate) async fn proofs_hold_against_the_checkpoint(database: &TestDatabase) {
    let kernel = begin(database).await;
    let mut signed = Vec::new();
    for _ in 0..5 {
        for _ in 0..3 {
            act(&kernel, "proofs", Ending::Denied).await.unwrap_err();
        }
        rest(&kernel).await;
        signed.push(kernel.parts().store.read(audit::read::newest_checkpoint).await.unwrap().unwrap());
    }
    for checkpoint in &signed {
        let text = checkpoint.note.split_once("\n\n").unwrap().0;
        let stated = Checkpoint::parse(&format!("{text}\n")).unwrap();
        assert_eq!((stated.size, stated.root), (checkpoint.size, checkpoint.root));
        for index in 0..checkpoint.size {
            let size = checkpoint.size;
            let (leaf, proof) = kernel
                .parts()
                .store
                .read(move |tx| {
                    let leaf = audit::read::find_leaf_hash(tx, index)?;
                    Ok((leaf, audit::read::prove_inclusion(tx, index, size)?))
                })
                .await
                .unwrap();
            proof.unwrap().verify(&leaf.unwrap(), &checkpoint.root).unwrap();
        }
    }
    for (earlier, later) in signed.iter().zip(signed.iter().skip(1)) {
        let (from, to) = (earlier.size, later.size);
        let read = move |tx: &mut aegis_store::Tx<'_>| audit::read::prove_consistency(tx, from, to);
        let proof = kernel.parts().store.read(read).await.unwrap().unwrap();
        proof.verify(&earlier.root, &later.root).unwrap();
    }
    let unknown = LogEntryId::parse("log_019e099acb007b6a9d0e1f2031425364").unwrap();
    let found = kernel.parts().store.read(move |tx| audit::read::find_entry(tx, unknown)).await.unwrap();
    assert!(found.is_none());
}
