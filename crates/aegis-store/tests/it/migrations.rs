//! Schemas move forward, once, and only along a known series.

use aegis_store::{Fault, Migration, SchemaState, Sql, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::write;

const FIRST: Migration = Migration::new(
    "0001_first",
    "CREATE TABLE first (id TEXT NOT NULL PRIMARY KEY) STRICT; INSERT INTO first (id) VALUES ('once');",
    "CREATE TABLE first (id TEXT NOT NULL PRIMARY KEY); INSERT INTO first (id) VALUES ('once');",
);
const SECOND: Migration = Migration::new(
    "0002_second",
    "ALTER TABLE first ADD COLUMN note TEXT;\n-- a comment; with a semicolon\n",
    "ALTER TABLE first ADD COLUMN note TEXT;\n-- a comment; with a semicolon\n",
);
const SECOND_ALTERED: Migration = Migration::new("0002_second", "SELECT 1;", "SELECT 1;");
const BROKEN: Migration = Migration::new(
    "0003_broken",
    "CREATE TABLE third (id TEXT) STRICT; SELECT nothing FROM nowhere;",
    "CREATE TABLE third (id TEXT); SELECT nothing FROM nowhere;",
);

const ONE: &[Migration] = &[FIRST];
const TWO: &[Migration] = &[FIRST, SECOND];
const ALTERED: &[Migration] = &[FIRST, SECOND_ALTERED];
const THREE: &[Migration] = &[FIRST, SECOND, BROKEN];

pub(crate) async fn apply_from_empty_and_then_nothing(database: &TestDatabase) {
    let store = database.reopen();
    let behind = SchemaState::Behind { missing: vec!["0001_first".to_owned(), "0002_second".to_owned()] };
    assert_eq!(store.schema_state_of(TWO).expect("state"), behind);
    assert_eq!(store.migrate_series(ONE).expect("first"), ["0001_first"]);
    let behind = SchemaState::Behind { missing: vec!["0002_second".to_owned()] };
    assert_eq!(store.schema_state_of(TWO).expect("state"), behind);
    assert_eq!(store.migrate_series(TWO).expect("second"), ["0002_second"]);
    assert_eq!(store.schema_state_of(TWO).expect("state"), SchemaState::Current);
    assert!(store.migrate_series(TWO).expect("again").is_empty());
    let sql = Sql::new("SELECT count(*) FROM first WHERE note IS NULL");
    let rows: i64 = store.read(move |tx| tx.one(sql, &[], |row| row.get(0))).await.expect("count");
    assert_eq!(rows, 1);
}

pub(crate) async fn refuse_a_changed_text(database: &TestDatabase) {
    let store = database.reopen();
    store.migrate_series(TWO).expect("migrate");
    let altered = SchemaState::Altered { name: "0002_second".to_owned() };
    assert_eq!(store.schema_state_of(ALTERED).expect("state"), altered);
    let refused = store.migrate_series(ALTERED);
    assert!(matches!(refused, Err(Fault::Schema { .. })), "{refused:?}");
}

pub(crate) async fn refuse_a_step_of_a_newer_program(database: &TestDatabase) {
    let store = database.reopen();
    store.migrate_series(TWO).expect("migrate");
    let unknown = SchemaState::Unknown { newest: "0002_second".to_owned() };
    assert_eq!(store.schema_state_of(ONE).expect("state"), unknown);
    let refused = store.migrate_series(ONE);
    assert!(matches!(refused, Err(Fault::Schema { .. })), "{refused:?}");
}

pub(crate) async fn a_failing_step_leaves_the_earlier_ones(database: &TestDatabase) {
    let store = database.reopen();
    let refused = store.migrate_series(THREE);
    assert!(matches!(refused, Err(Fault::Internal { .. })), "{refused:?}");
    assert_eq!(store.schema_state_of(TWO).expect("state"), SchemaState::Current);
    let sql = Sql::new("CREATE TABLE third (id TEXT)");
    let half = write(&store, move |tx| tx.execute(sql, &[]).map(Verdict::Rollback)).await;
    half.expect("no half of the broken step is left");
}

pub(crate) async fn the_series_of_the_server_is_current_after_migrate(database: &TestDatabase) {
    let store = database.reopen();
    assert!(matches!(store.schema_state().expect("state"), SchemaState::Behind { .. }));
    store.migrate().expect("migrate");
    assert_eq!(store.schema_state().expect("state"), SchemaState::Current);
    assert!(store.migrate().expect("again").is_empty());
}

/// A constraint that is checked at COMMIT would fail neighbours in the same commit.
#[test]
fn no_migration_defers_a_constraint() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
    for entry in std::fs::read_dir(directory).expect("migrations") {
        let path = entry.expect("an entry").path();
        let text = std::fs::read_to_string(&path).expect("a text").to_lowercase();
        assert!(!text.contains("deferr"), "{} defers a constraint", path.display());
    }
}
