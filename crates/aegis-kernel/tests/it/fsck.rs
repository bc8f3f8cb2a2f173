//! The full check of the log finds each kind of damage and names it.

use aegis_kernel::Kernel;
use aegis_kernel::audit::fsck::{self, FsckReport};
use aegis_store::Sql;
use aegis_testkit::backend::TestDatabase;

use super::fixture::{Ending, ORIGIN, act, advance, begin, rest, tamper};

/// A log of 300 entries, so that one bundle and one tile are full, signed at several sizes.
async fn grown(database: &TestDatabase) -> Kernel {
    let kernel = begin(database).await;
    rest(&kernel).await;
    for round in 0..6 {
        advance(&kernel, 60);
        for _ in 0..50 {
            act(&kernel, "grown", Ending::Denied).await.unwrap_err();
        }
        if round % 2 == 0 {
            rest(&kernel).await;
        }
    }
    rest(&kernel).await;
    kernel
}

async fn checked(kernel: &Kernel) -> FsckReport {
    fsck::check(&kernel.parts().store, ORIGIN, |_, _| {}).await.expect("readable")
}

/// The place of the first problem after a statement was run behind the kernel's back.
async fn named_after(database: &TestDatabase, statement: Sql) -> (String, String) {
    let kernel = grown(database).await;
    tamper(&kernel, statement).await;
    let problem = checked(&kernel).await.first_problem.expect("damage is found");
    (problem.place, problem.what)
}

/// Goal: nothing is wrong with a sound log, and all of it was read. Method: counts and progress add up; the
/// empty log passes as well.
pub(crate) async fn a_sound_log_passes(database: &TestDatabase) {
    let empty = begin(database).await;
    assert_eq!(checked(&empty).await, FsckReport::default());
    super::fixture::end(empty).await;
    let kernel = super::fixture::kernel_on(database.reopen(), super::fixture::START, 3).await;
    rest(&kernel).await;
    for _ in 0..300 {
        advance(&kernel, 1);
        act(&kernel, "grown", Ending::Denied).await.unwrap_err();
    }
    rest(&kernel).await;
    act(&kernel, "waiting", Ending::Denied).await.unwrap_err();
    let mut last = (0, 0);
    let report =
        fsck::check(&kernel.parts().store, ORIGIN, |done, total| last = (done, total)).await.unwrap();
    assert_eq!(report.first_problem, None);
    // Two bundles, two tiles of leaves, one of the level above.
    assert_eq!((report.entries, report.tiles, report.waiting), (300, 5, 1));
    assert_eq!(report.checkpoints, 2);
    assert_eq!(last, (305, 305));
}

/// Goal: a changed column does not go unnoticed. Method: the actor of one entry.
pub(crate) async fn an_altered_row_is_named(database: &TestDatabase) {
    const ACTOR: Sql = Sql::new("UPDATE log_entry SET actor = 'op_other' WHERE log_index = 77");
    let (place, what) = named_after(database, ACTOR).await;
    assert!(place.starts_with("entry 77 "), "{place}: {what}");
    assert!(what.contains("committed to"), "{what}");
}

/// Goal: rewriting a row consistently does not help. Method: one row takes over everything of another.
pub(crate) async fn a_forged_row_is_named(database: &TestDatabase) {
    const FORGE: Sql = Sql::new(
        "UPDATE log_entry SET at = (SELECT o.at FROM log_entry o WHERE o.log_index = 3), \
         details_digest = (SELECT o.details_digest FROM log_entry o WHERE o.log_index = 3), \
         details = (SELECT o.details FROM log_entry o WHERE o.log_index = 3), \
         salt = (SELECT o.salt FROM log_entry o WHERE o.log_index = 3), \
         commitment = (SELECT o.commitment FROM log_entry o WHERE o.log_index = 3), \
         leaf_hash = (SELECT o.leaf_hash FROM log_entry o WHERE o.log_index = 3) WHERE log_index = 260",
    );
    let (place, what) = named_after(database, FORGE).await;
    assert!(place.starts_with("entry 260 "), "{place}: {what}");
    assert!(what.contains("signed tree"), "{what}");
}

/// Goal: a removed entry is missed. Method: one row is deleted.
pub(crate) async fn a_missing_row_is_named(database: &TestDatabase) {
    const DELETE: Sql = Sql::new("DELETE FROM log_entry WHERE log_index = 12");
    assert_eq!(named_after(database, DELETE).await, ("entry 12".to_owned(), "is missing".to_owned()));
}

/// Goal: an entry that waits is no safer from change. Method: its details are altered before integration.
pub(crate) async fn a_waiting_row_is_checked_too(database: &TestDatabase) {
    const DETAILS: Sql = Sql::new("UPDATE log_entry SET details = '{\"a\":1}' WHERE log_index IS NULL");
    let kernel = grown(database).await;
    act(&kernel, "waiting", Ending::Denied).await.unwrap_err();
    tamper(&kernel, DETAILS).await;
    let problem = checked(&kernel).await.first_problem.expect("damage is found");
    assert!(problem.place.starts_with("waiting entry log_"), "{problem:?}");
    assert!(problem.what.contains("other details"), "{problem:?}");
}

/// Goal: a changed tile is named. Method: the one tile of level 1 gets the bytes of a tile of leaves.
pub(crate) async fn an_altered_tile_is_named(database: &TestDatabase) {
    const SWAP: Sql = Sql::new(
        "UPDATE log_tile SET content = (SELECT o.content FROM log_tile o WHERE o.level = 0 AND o.tile_index = 1) \
         WHERE level = 1 AND tile_index = 0",
    );
    let (place, what) = named_after(database, SWAP).await;
    assert_eq!(place, "tile 1/000.p/1", "{what}");
}

/// Goal: so is one that is gone. Method: the second bundle of entries is deleted.
pub(crate) async fn a_missing_tile_is_named(database: &TestDatabase) {
    const DELETE: Sql = Sql::new("DELETE FROM log_tile WHERE level = -1 AND tile_index = 1");
    let (place, what) = named_after(database, DELETE).await;
    assert_eq!(place, "tiles", "{what}");
}

/// Goal: every checkpoint is held to the entries before it, old ones too. Method: an early root is replaced.
pub(crate) async fn an_altered_checkpoint_is_named(database: &TestDatabase) {
    const ROOT: Sql = Sql::new(
        "UPDATE log_checkpoint SET root = (SELECT o.root FROM log_checkpoint o WHERE o.size = 300) WHERE size = 50",
    );
    let (place, what) = named_after(database, ROOT).await;
    assert_eq!(place, "checkpoint of size 50", "{what}");
    assert!(what.contains("note"), "{what}");
}

/// Goal: only the log's own keys count. Method: the key that signed is taken out of the history.
pub(crate) async fn a_checkpoint_of_another_key_is_named(database: &TestDatabase) {
    const PURPOSE: Sql = Sql::new("UPDATE signing_key SET purpose = 'other' WHERE purpose = 'log'");
    let (place, what) = named_after(database, PURPOSE).await;
    assert_eq!(place, "checkpoint of size 300", "{what}");
    assert!(what.contains("not signed"), "{what}");
}
