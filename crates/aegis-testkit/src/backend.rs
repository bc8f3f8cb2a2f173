//! A fresh database per test, on either backend.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aegis_store::{CommitHooks, Fault, Location, OpenMode, Sql, Store, Tx};

/// A database that exists as long as this value. Nothing is open on it until a test opens it.
pub struct TestDatabase {
    place: Place,
}

enum Place {
    Sqlite { directory: tempfile::TempDir },
    Postgres { admin_url: String, name: String },
}

/// Where `cargo xtask test` says its cluster is.
const CLUSTER_VARIABLE: &str = "AEGIS_TEST_POSTGRES";

impl TestDatabase {
    /// An empty directory for a SQLite file.
    ///
    /// # Panics
    ///
    /// If there is no temporary directory.
    #[expect(clippy::expect_used, reason = "a test without a directory cannot go on")]
    pub fn sqlite() -> TestDatabase {
        let directory = tempfile::tempdir().expect("a temporary directory");
        TestDatabase { place: Place::Sqlite { directory } }
    }

    /// A fresh, empty database in the cluster that `AEGIS_TEST_POSTGRES` names; dropped with this value.
    ///
    /// # Panics
    ///
    /// If there is no such variable or cluster.
    #[expect(clippy::panic, clippy::disallowed_methods, reason = "a test without a cluster cannot go on")]
    pub fn postgres() -> TestDatabase {
        let Ok(admin_url) = std::env::var(CLUSTER_VARIABLE) else {
            panic!(
                "{CLUSTER_VARIABLE} is not set: run `cargo xtask test`, or `cargo xtask postgres start` and export it"
            );
        };
        let name = format!("test_{}_{:016x}", std::process::id(), unlikely_number());
        administrate(&admin_url, &format!("CREATE DATABASE {name}"));
        TestDatabase { place: Place::Postgres { admin_url, name } }
    }

    /// How the store opens it.
    pub fn location(&self) -> Location {
        match &self.place {
            Place::Sqlite { directory } => Location::Sqlite { path: directory.path().join("aegis.db") },
            Place::Postgres { admin_url, name } => {
                Location::Postgres { url: with_database(admin_url, name), connections: 4 }
            }
        }
    }

    /// The database file, if this is one.
    pub fn path(&self) -> Option<PathBuf> {
        match self.location() {
            Location::Sqlite { path } => Some(path),
            Location::Postgres { .. } => None,
        }
    }

    /// Opens the database, creating the file if needed, without hooks and without migrating. The store that was opened
    /// before must be closed.
    ///
    /// # Panics
    ///
    /// If the store refuses.
    #[expect(clippy::expect_used, reason = "a test without a store cannot go on")]
    pub fn reopen(&self) -> Store {
        Store::open(&self.location(), OpenMode::CreateIfMissing, CommitHooks::default())
            .expect("open the store")
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Postgres { admin_url, name } = &self.place {
            administrate(admin_url, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"));
        }
    }
}

/// Runs one statement on the cluster. On a thread of its own, because the driver brings its own runtime and a test may
/// already be inside one.
#[expect(clippy::expect_used, reason = "a test without a cluster cannot go on")]
fn administrate(url: &str, statement: &str) {
    std::thread::scope(|scope| {
        let done =
            scope.spawn(|| postgres::Client::connect(url, postgres::NoTls)?.batch_execute(statement)).join();
        done.expect("the administration thread").expect("administrate the test cluster");
    });
}

/// Replaces the database of a URL.
fn with_database(url: &str, name: &str) -> String {
    let (before_query, query) = url.split_once('?').map_or((url, None), |(url, query)| (url, Some(query)));
    let server = before_query.rsplit_once('/').map_or(before_query, |(server, _)| server);
    query.map_or_else(|| format!("{server}/{name}"), |query| format!("{server}/{name}?{query}"))
}

/// Different for each call and process: the standard library seeds its hasher from the system.
fn unlikely_number() -> u64 {
    use std::hash::{BuildHasher as _, Hasher as _};
    std::hash::RandomState::new().build_hasher().finish()
}

/// One column as both databases describe it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// `integer`, `text` or `bytes`; anything else verbatim.
    pub kind: String,
    /// Whether it may hold NULL.
    pub nullable: bool,
}

/// One table as both databases describe it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// In the order of their declaration.
    pub columns: Vec<Column>,
    /// Names of the indexes that were created by name, ascending.
    pub indexes: Vec<String>,
}

const COLUMNS: Sql = Sql::differing(
    "SELECT t.name, c.name, lower(c.type), c.\"notnull\" = 0
     FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
     WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY t.name, c.cid",
    "SELECT CAST(table_name AS TEXT), CAST(column_name AS TEXT), CAST(data_type AS TEXT), is_nullable = 'YES'
     FROM information_schema.columns WHERE table_schema = current_schema() AND table_name <> 'store_owner'
     ORDER BY CAST(table_name AS TEXT) COLLATE \"C\", ordinal_position",
);

const INDEXES: Sql = Sql::differing(
    "SELECT tbl_name, name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL ORDER BY tbl_name, name",
    "SELECT CAST(t.relname AS TEXT), CAST(i.relname AS TEXT)
     FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid
     WHERE t.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
       AND NOT EXISTS (SELECT 1 FROM pg_constraint AS c WHERE c.conindid = x.indexrelid AND c.contype IN ('p', 'u', 'x'))
     ORDER BY 1, 2",
);

/// Describes every table of the schema but the one in which PostgreSQL's process lock counts its owners, so that a test can hold one dialect against the other.
///
/// # Errors
///
/// Those of a read.
pub fn tables(tx: &mut Tx<'_>) -> Result<BTreeMap<String, Table>, Fault> {
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    let columns = tx.list(COLUMNS, &[], |row| {
        let kind = portable_kind(row.get(2)?);
        Ok((row.get::<String>(0)?, Column { name: row.get(1)?, kind, nullable: row.get(3)? }))
    })?;
    for (table, column) in columns {
        tables.entry(table).or_default().columns.push(column);
    }
    let indexes = tx.list(INDEXES, &[], |row| Ok((row.get::<String>(0)?, row.get::<String>(1)?)))?;
    for (table, index) in indexes {
        tables.entry(table).or_default().indexes.push(index);
    }
    for table in tables.values_mut() {
        table.indexes.sort_unstable();
    }
    Ok(tables)
}

fn portable_kind(kind: String) -> String {
    match kind.as_str() {
        "integer" | "int" | "bigint" => "integer".to_owned(),
        "blob" | "bytea" => "bytes".to_owned(),
        _ => kind,
    }
}
