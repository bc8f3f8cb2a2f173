//! What is left when the process ends at the worst moment. The process is this test binary, started again as a child.

use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};

use aegis_store::{CommitHooks, Fault, Lane, Location, Sql, Value, Verdict};
use aegis_testkit::backend::TestDatabase;

use crate::fixture::{INSERT, ids, insert, open, put};

const ROLE: &str = "AEGIS_STORE_CHILD";
const PLACE: &str = "AEGIS_STORE_PLACE";

const SIGABRT: i32 = 6;
const SIGKILL: i32 = 9;

/// Rows the parent waits for before it kills: many batches, some checkpoints.
const ACKNOWLEDGED: usize = 3_000;

/// Kills a process that writes without pause from several tasks; each row it announced must be there afterwards.
pub(crate) async fn acknowledged_rows_survive_a_killed_process(database: &TestDatabase) {
    open(database).close();
    let mut child = start("write", database, command());
    let mut said = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut announced: Vec<String> = said.by_ref().filter_map(announcement).take(ACKNOWLEDGED).collect();
    child.kill().expect("kill");
    announced.extend(said.filter_map(announcement));
    assert_eq!(child.wait().expect("wait").signal(), Some(SIGKILL));
    assert!(announced.len() >= ACKNOWLEDGED, "{} rows were announced", announced.len());
    let store = open(database);
    let found: std::collections::HashSet<String> = ids(&store).await.into_iter().collect();
    let lost: Vec<&String> = announced.iter().filter(|id| !found.contains(*id)).collect();
    assert!(lost.is_empty(), "{} of {} acknowledged rows are lost", lost.len(), announced.len());
    if database.path().is_some() {
        let check = Sql::new("PRAGMA integrity_check");
        let said: String = store.read(move |tx| tx.one(check, &[], |row| row.get(0))).await.expect("check");
        assert_eq!(said, "ok");
    }
    put(&store, "afterwards", 1).await;
}

/// A process that dies before COMMIT has written nothing; one that dies after it has written everything.
pub(crate) async fn hooks_stand_on_both_sides_of_the_commit_point(database: &TestDatabase) {
    open(database).close();
    for (role, rows) in [("die before commit", 0), ("die after commit", 1)] {
        let status = start(role, database, command()).wait().expect("wait");
        assert_eq!(status.signal(), Some(SIGABRT), "{role}");
        let store = open(database);
        assert_eq!(ids(&store).await.len(), rows, "{role}");
        store.close();
    }
}

/// The disk refuses to sync once: the process must stop, and what it acknowledged before must be there.
#[tokio::test]
async fn a_refused_sync_stops_the_process() {
    let database = TestDatabase::sqlite();
    open(&database).close();
    let mut child = start("write", &database, under_strace("fsync,fdatasync:error=EIO:when=20"));
    let said = BufReader::new(child.stdout.take().expect("its output")).lines();
    let announced: Vec<String> = said.filter_map(announcement).collect();
    let status = child.wait().expect("wait");
    assert_eq!(status.signal(), Some(SIGABRT), "{status}");
    assert!(!announced.is_empty(), "nothing was written before the fault");
    let store = open(&database);
    let found = ids(&store).await;
    assert!(announced.iter().all(|id| found.contains(id)), "an acknowledged row is lost");
}

/// The disk is full for a while: writers are told so, and writing works again when it is not.
#[tokio::test]
async fn a_disk_without_space_is_survived() {
    let database = TestDatabase::sqlite();
    open(&database).close();
    let mut child =
        start("write through faults", &database, under_strace("pwrite64:error=ENOSPC:when=60..64"));
    let said = BufReader::new(child.stdout.take().expect("its output")).lines();
    let lines: Vec<String> = said.map_while(Result::ok).collect();
    assert!(child.wait().expect("wait").success(), "{lines:?}");
    let full = lines.iter().position(|line| line.contains("FULL ")).expect("a full disk was reported");
    let after: Vec<&String> = lines.iter().skip(full).filter(|line| line.contains("ACK ")).collect();
    assert!(after.len() > 10, "writing went on: {lines:?}");
    let store = open(&database);
    let found = ids(&store).await;
    let announced: Vec<String> = lines.into_iter().filter_map(|line| announcement(Ok(line))).collect();
    assert!(announced.iter().all(|id| found.contains(id)), "an acknowledged row is lost");
    assert_eq!(announced.len(), found.len(), "a row that was refused is there");
}

/// The test runner puts its own lines, and words in front of the first, among those of the child.
fn announcement(line: std::io::Result<String>) -> Option<String> {
    line.ok()?.split_once("ACK ").map(|(_, id)| id.to_owned())
}

fn command() -> Command {
    Command::new(std::env::current_exe().expect("this binary"))
}

fn under_strace(inject: &str) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("inject={inject}")]);
    command.arg(std::env::current_exe().expect("this binary"));
    let found = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    assert!(found.is_ok(), "strace is not installed: run `cargo xtask test`, or apt-get install strace");
    command
}

fn start(role: &str, database: &TestDatabase, mut command: Command) -> Child {
    let place = match database.location() {
        Location::Sqlite { path } => format!("sqlite:{}", path.display()),
        Location::Postgres { url, .. } => url,
    };
    command.args(["--exact", "crash::child", "--nocapture", "--quiet"]);
    command.env(ROLE, role).env(PLACE, place).stdout(Stdio::piped()).spawn().expect("start the child")
}

/// Not a test: the body of the child. Does nothing in an ordinary run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[expect(clippy::disallowed_methods, reason = "how the parent tells its child what to be")]
async fn child() {
    let (Ok(role), Ok(place)) = (std::env::var(ROLE), std::env::var(PLACE)) else { return };
    let location = Location::parse(&place).expect("a location");
    let database = Place(location);
    match role.as_str() {
        "write" => write_for_ever(&database).await,
        "write through faults" => write_through_faults(&database).await,
        "die before commit" => {
            let before_commit = Box::new(|| std::process::abort());
            die(&database, CommitHooks { before_commit, ..CommitHooks::default() }).await;
        }
        "die after commit" => {
            let after_commit = Box::new(|| std::process::abort());
            die(&database, CommitHooks { after_commit, ..CommitHooks::default() }).await;
        }
        unknown => panic!("unknown role {unknown}"),
    }
}

struct Place(Location);

impl Place {
    fn open(&self, hooks: CommitHooks) -> aegis_store::Store {
        aegis_store::Store::open(&self.0, aegis_store::OpenMode::MustExist, hooks).expect("open")
    }
}

async fn write_for_ever(place: &Place) {
    let store = place.open(CommitHooks::default());
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        async move {
            for number in 0.. {
                let id = format!("{writer}-{number:06}");
                let row = id.clone();
                let work = move |tx: &mut aegis_store::Tx<'_>| insert(tx, &row, 1).map(Verdict::Commit);
                store.write(Lane::none(), work, |_| ()).await.expect("write");
                println!("ACK {id}");
            }
        }
    });
    crate::fixture::together(writers).await;
}

async fn write_through_faults(place: &Place) {
    let store = place.open(CommitHooks::default());
    for number in 0..200 {
        let id = format!("{number:06}");
        let row = id.clone();
        let work = move |tx: &mut aegis_store::Tx<'_>| {
            let params = [row.as_str().into(), 1_i64.into(), Value::Null, vec![7_u8; 3_000].into()];
            tx.execute(INSERT, &params).map(Verdict::Commit)
        };
        match store.write(Lane::none(), work, |_| ()).await {
            Ok(_) => println!("ACK {id}"),
            Err(Fault::DiskFull) => println!("FULL {id}"),
            Err(fault) => println!("OTHER {fault:?}"),
        }
    }
    store.close();
}

async fn die(place: &Place, hooks: CommitHooks) {
    let store = place.open(hooks);
    drop(store.write(Lane::none(), |tx| insert(tx, "a", 1).map(Verdict::Commit), |_| ()).await);
    panic!("the hook did not run");
}
