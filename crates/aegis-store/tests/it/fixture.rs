//! Tables and shorthands of the tests.

use aegis_store::{CommitHooks, Fault, Lane, Migration, OpenMode, Sql, Store, Tx, Value, Verdict};
use aegis_testkit::backend::TestDatabase;

pub(crate) const SERIES: &[Migration] = &[Migration::new(
    "0001_test",
    "CREATE TABLE item (
        id TEXT NOT NULL PRIMARY KEY,
        amount INTEGER NOT NULL CHECK (amount >= 0),
        note TEXT,
        bytes BLOB,
        UNIQUE (amount, note)
    ) STRICT;
    CREATE TABLE part (id TEXT NOT NULL PRIMARY KEY REFERENCES item (id)) STRICT;",
    "CREATE TABLE item (
        id TEXT NOT NULL PRIMARY KEY,
        amount BIGINT NOT NULL CHECK (amount >= 0),
        note TEXT,
        bytes BYTEA,
        UNIQUE (amount, note)
    );
    CREATE TABLE part (id TEXT NOT NULL PRIMARY KEY REFERENCES item (id));",
)];

pub(crate) const INSERT: Sql = Sql::new("INSERT INTO item (id, amount, note, bytes) VALUES ($1, $2, $3, $4)");
pub(crate) const AMOUNT: Sql = Sql::new("SELECT amount FROM item WHERE id = $1");
pub(crate) const SET_AMOUNT: Sql = Sql::new("UPDATE item SET amount = $2 WHERE id = $1");
pub(crate) const COUNT: Sql = Sql::new("SELECT count(*) FROM item");
pub(crate) const IDS: Sql = Sql::new("SELECT id FROM item ORDER BY id");

/// A store on an empty `item` table.
pub(crate) fn open(database: &TestDatabase) -> Store {
    open_with(database, CommitHooks::default())
}

pub(crate) fn open_with(database: &TestDatabase, hooks: CommitHooks) -> Store {
    let store = Store::open(&database.location(), OpenMode::CreateIfMissing, hooks).expect("open");
    store.migrate_series(SERIES).expect("migrate");
    store
}

pub(crate) fn insert(tx: &mut Tx<'_>, id: &str, amount: i64) -> Result<u64, Fault> {
    tx.execute(INSERT, &[id.into(), amount.into(), Value::Null, Value::Null])
}

pub(crate) fn amount(tx: &mut Tx<'_>, id: &str) -> Result<i64, Fault> {
    tx.one(AMOUNT, &[id.into()], |row| row.get(0))
}

pub(crate) fn set_amount(tx: &mut Tx<'_>, id: &str, amount: i64) -> Result<u64, Fault> {
    tx.execute(SET_AMOUNT, &[id.into(), amount.into()])
}

/// Writes without lane and callback.
pub(crate) async fn write<T: Send + 'static>(
    store: &Store,
    work: impl Fn(&mut Tx<'_>) -> Result<Verdict<T>, Fault> + Send + 'static,
) -> Result<T, Fault> {
    store.write(Lane::none(), work, |_| ()).await
}

pub(crate) async fn put(store: &Store, id: &'static str, amount: i64) {
    write(store, move |tx| insert(tx, id, amount).map(Verdict::Commit)).await.expect("insert");
}

pub(crate) async fn amount_of(store: &Store, id: &'static str) -> i64 {
    store.read(move |tx| amount(tx, id)).await.expect("read")
}

pub(crate) async fn ids(store: &Store) -> Vec<String> {
    store.read(|tx| tx.list(IDS, &[], |row| row.get(0))).await.expect("list")
}

/// Runs all at once and returns the results in the order of the futures. They are first polled in that order too.
pub(crate) async fn together<T: Send + 'static>(
    futures: impl IntoIterator<Item = impl Future<Output = T> + Send + 'static>,
) -> Vec<T> {
    let mut set = tokio::task::JoinSet::new();
    for (index, future) in futures.into_iter().enumerate() {
        set.spawn(async move { (index, future.await) });
    }
    let mut results = set.join_all().await;
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}
