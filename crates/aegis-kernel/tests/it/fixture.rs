//! A kernel on a fresh database, and one small operation that can end in every way.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use aegis_core::api_key::KeyRealm;
use aegis_core::crypto::aead::SealingKey;
use aegis_core::crypto::digest::Digest;
use aegis_core::moment::Moment;
use aegis_core::rate::Window;
use aegis_core::secret::Secret;
use aegis_core::time::Timestamp;
use aegis_kernel::audit::sequence::integrate;
use aegis_kernel::audit::{self, LOG_KEY_PURPOSE, Leaf, Log};
use aegis_kernel::caller::Intent;
use aegis_kernel::clock::Clock;
use aegis_kernel::faults::Faults;
use aegis_kernel::kernel::{CrashPlan, Parts};
use aegis_kernel::keyring::{KeyState, Keyring};
use aegis_kernel::mail::Mailer;
use aegis_kernel::operation::Evidence;
use aegis_kernel::os_entropy::EntropySource;
use aegis_kernel::rate::{self, RateClass};
use aegis_kernel::{
    Access, Answer, Call, Caller, Commit, Failure, Kernel, Operation, Outcome, Permission, Refusal,
};
use aegis_store::{Fault, Lane, Sql, Store, Tx, Verdict};
use aegis_testkit::backend::TestDatabase;
use serde_json::json;

/// 2026-05-08T22:00:00Z.
pub(crate) const START: i64 = 1_778_277_600;
pub(crate) const ORIGIN: &str = "log.example/log";

/// A kernel on a new database, with a key for its log.
pub(crate) async fn begin(database: &TestDatabase) -> Kernel {
    let store = database.reopen();
    store.migrate().expect("migrate");
    let kernel = kernel_on(store, START, 1).await;
    let working = kernel.clone();
    let made = move |tx: &mut Tx<'_>| {
        let mut at = Moment::new(working.now(), working.parts().entropy.fork());
        working.parts().keyring.create(tx, &mut at, LOG_KEY_PURPOSE, KeyState::Active).map(Verdict::Commit)
    };
    kernel.parts().store.write(Lane::none(), made, |_| {}).await.expect("a log key");
    kernel
}

/// A kernel on an open store at an instant.
pub(crate) async fn kernel_on(store: Store, now: i64, seed: u8) -> Kernel {
    let newest = store.read(audit::read::newest_entry_at).await.expect("the newest entry");
    let parts = Parts {
        store,
        clock: Clock::manual(Timestamp::from_seconds(now)),
        entropy: EntropySource::from_seed([seed; 32]),
        keyring: Keyring::new(SealingKey::new(Secret::new([9; 32]))),
        log: Log::new(ORIGIN.to_owned()),
        realm: KeyRealm::Test,
        mailer: Mailer::Mailbox,
        faults: Faults::default(),
        crash: Arc::new(CrashPlan::default()),
    };
    Kernel::new(parts, newest)
}

/// Closes the kernel's store, as the end of a process does.
pub(crate) async fn end(kernel: Kernel) {
    let store = kernel.parts().store.clone();
    drop(kernel);
    tokio::task::spawn_blocking(move || store.close()).await.expect("closed");
}

pub(crate) fn advance(kernel: &Kernel, seconds: i64) {
    kernel.parts().clock.advance(seconds * 1_000_000);
}

/// Runs the sequencer until nothing waits.
pub(crate) async fn rest(kernel: &Kernel) {
    while integrate(kernel).await.expect("integrate") > 0 {}
}

/// How a deed ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Done,
    Refused,
    Denied,
    /// Counted in rows; at most so many in an hour.
    Limited(u32),
}

/// Counts one event in a bucket, visible to other transactions once it is committed.
pub(crate) struct Deed {
    pub(crate) bucket: &'static str,
    pub(crate) ending: Ending,
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("no")]
pub(crate) struct No;

impl Refusal for No {}

impl Access for Deed {
    const NAME: &'static str = "test.deed";
    const PERMISSION: Permission = Permission::PUBLIC;
    const RATE: RateClass = RateClass::new("deeds", 100, 60);
}

impl Operation for Deed {
    const EVIDENCE: Evidence = Evidence::Snake;
    type Refused = No;

    fn lane(&self, _: &Caller) -> Lane {
        Lane::of(self.bucket)
    }

    fn run(&self, tx: &mut Tx<'_>, at: &mut Moment, _: &Caller) -> Outcome<No> {
        if let Ending::Limited(limit) = self.ending
            && !rate::standing(tx, self.bucket, Window { limit, seconds: 3600 }, at.now())?.admitted
        {
            return Err(No.into());
        }
        rate::record(tx, self.bucket, at.now())?;
        let nonce = u64::from_be_bytes(at.entropy().bytes());
        let leaf = Leaf::done(self.bucket, Some("op_test"), json!({ "nonce": nonce % 1_000_000 }));
        match self.ending {
            Ending::Done | Ending::Limited(_) => {
                Ok(Commit::created(&json!({ "nonce": nonce % 1_000_000 }), leaf)?)
            }
            Ending::Refused => Err(No.into()),
            Ending::Denied => Ok(Commit::denied(No, Leaf::denied(self.bucket, None, json!({})))),
        }
    }
}

pub(crate) fn call(intent: Option<(&str, &str)>) -> Call {
    let intent =
        intent.map(|(key, body)| Intent { key: key.to_owned(), fingerprint: Digest::of(&[body.as_bytes()]) });
    Call { caller: Caller::anonymous(), intent, address: IpAddr::V4(Ipv4Addr::LOCALHOST) }
}

/// Does a deed without naming the intent.
pub(crate) async fn act(
    kernel: &Kernel,
    bucket: &'static str,
    ending: Ending,
) -> Result<Answer, Failure<No>> {
    kernel.execute(call(None), Deed { bucket, ending }).await
}

const HITS: Sql = Sql::new("SELECT COUNT(*) FROM rate_hit WHERE bucket = $1");
const ENTRIES: Sql = Sql::new("SELECT COUNT(*) FROM log_entry");

/// Deeds that were committed.
pub(crate) async fn hits(kernel: &Kernel, bucket: &'static str) -> u64 {
    kernel
        .parts()
        .store
        .read(move |tx| tx.one(HITS, &[bucket.into()], |row| row.get(0)))
        .await
        .expect("count")
}

pub(crate) async fn entries(kernel: &Kernel) -> u64 {
    kernel.parts().store.read(|tx| tx.one(ENTRIES, &[], |row| row.get(0))).await.expect("count")
}

/// Runs one statement behind the kernel's back.
pub(crate) async fn tamper(kernel: &Kernel, statement: Sql) {
    let changed: Result<u64, Fault> = kernel
        .parts()
        .store
        .write(Lane::none(), move |tx| tx.execute(statement, &[]).map(Verdict::Commit), |_| {})
        .await;
    assert!(changed.expect("tamper") > 0, "{statement:?} changed nothing");
}
