//! The store: open, read, write.

use std::sync::{Arc, mpsc};

use tokio::sync::oneshot;

use crate::dialect::{Backend, Engine, Sql};
use crate::job::{Read, ReplyTo, Verdict, Write};
use crate::migrate::{self, Migration, SchemaState};
use crate::schema::SERIES;
use crate::{CommitHooks, Fault, Lane, Location, OpenMode, Tx};

const PING: Sql = Sql::new("SELECT 1");

/// An open database. Clones share it; the last one to go closes it.
#[derive(Clone)]
pub struct Store {
    engine: Arc<Engine>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend()).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a database for this process alone. Blocks; call it at start.
    ///
    /// # Errors
    ///
    /// [`Fault::Locked`] if another aegis process uses the database, [`Fault::Missing`] if it does not exist and `mode`
    /// forbids creating it (or its directory does not exist), [`Fault::Unavailable`] if it cannot be reached.
    pub fn open(location: &Location, mode: OpenMode, hooks: CommitHooks) -> Result<Store, Fault> {
        Ok(Store { engine: Arc::new(Engine::open(location, mode, hooks)?) })
    }

    /// Opens a database beside the process that owns it, without its lock: for `fsck`. Every write answers
    /// [`Fault::ReadOnly`].
    ///
    /// # Errors
    ///
    /// [`Fault::Missing`] if it does not exist, [`Fault::Unavailable`] if it cannot be reached.
    pub fn open_read_only(location: &Location) -> Result<Store, Fault> {
        Ok(Store { engine: Arc::new(Engine::open_read_only(location)?) })
    }

    /// Applies the missing migrations of the server and returns their names. Blocks; may be called again at any time.
    ///
    /// # Errors
    ///
    /// [`Fault::Schema`] if the schema is newer than this program or was made from other texts; steps applied before a
    /// failing one stay applied.
    pub fn migrate(&self) -> Result<Vec<String>, Fault> {
        self.migrate_series(SERIES)
    }

    /// As [`Store::migrate`] with a series of the caller's, for tests of the store itself.
    ///
    /// # Errors
    ///
    /// As [`Store::migrate`].
    pub fn migrate_series(&self, series: &'static [Migration]) -> Result<Vec<String>, Fault> {
        let backend = self.backend();
        let mut applied = Vec::new();
        while let Some(name) = self.write_blocking(move |tx| migrate::step(tx, backend, series))? {
            tracing::info!(migration = name, "applied a migration");
            applied.push(name.to_owned());
        }
        Ok(applied)
    }

    /// How the schema relates to the migrations of the server. Blocks.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn schema_state(&self) -> Result<SchemaState, Fault> {
        self.schema_state_of(SERIES)
    }

    /// As [`Store::schema_state`] with a series of the caller's, for tests of the store itself.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub fn schema_state_of(&self, series: &'static [Migration]) -> Result<SchemaState, Fault> {
        let backend = self.backend();
        self.read_blocking(move |tx| migrate::state(tx, backend, series))
    }

    /// Runs `work` in one serialisable transaction and, if it wants to commit, makes it durable before returning.
    ///
    /// `work` may run several times, each time in a fresh transaction, so it must touch nothing but `tx`. `after_commit`
    /// runs once, after the commit is durable and before the answer, on a thread of the store: it must be short and must
    /// not block, and a panic in it stops the process, because memory would then disagree with the database. Callbacks of
    /// one lane run in the order of their commits; the `work` of the next in the lane may start before them.
    ///
    /// Once this future was polled the write happens whether or not anybody still waits for it.
    ///
    /// # Errors
    ///
    /// What `work` returned or, if a statement was refused, that refusal; [`Fault::Internal`] if `work` panicked;
    /// [`Fault::Busy`] after too many conflicts or with too many waiting; [`Fault::Unknown`] if the connection broke
    /// during COMMIT. All but the last mean that nothing was written.
    pub async fn write<T, W, A>(&self, lane: Lane, work: W, after_commit: A) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Fn(&mut Tx<'_>) -> Result<Verdict<T>, Fault> + Send + 'static,
        A: FnOnce(&mut T) + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.engine.write(lane, Box::new(Write::new(work, after_commit, ReplyTo::Task(sender))));
        receiver.await.unwrap_or_else(|_| Err(Fault::closed()))
    }

    /// Runs `work` on one consistent snapshot that holds every write answered before this call.
    ///
    /// `work` may run several times and must touch nothing but `tx`.
    ///
    /// # Errors
    ///
    /// What `work` returned or, if a statement was refused, that refusal ([`Fault::ReadOnly`] for one that writes);
    /// [`Fault::Internal`] if `work` panicked; [`Fault::Busy`] with too many waiting.
    pub async fn read<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        self.engine.read(Box::new(Read::new(work, ReplyTo::Task(sender))));
        receiver.await.unwrap_or_else(|_| Err(Fault::closed()))
    }

    /// Which database this is, for messages and metrics only.
    pub fn backend(&self) -> Backend {
        self.engine.backend()
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    ///
    /// Those of a read.
    pub async fn ping(&self) -> Result<(), Fault> {
        self.read(|tx| tx.one(PING, &[], |_| Ok(()))).await
    }

    /// Finishes what was accepted, checkpoints, ends the threads and gives the process lock up. Blocks. Other clones find
    /// the store unavailable afterwards.
    pub fn close(self) {
        self.engine.close();
    }

    fn write_blocking<T, W>(&self, work: W) -> Result<Option<T>, Fault>
    where
        T: Send + 'static,
        W: Fn(&mut Tx<'_>) -> Result<Option<T>, Fault> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        let work = move |tx: &mut Tx<'_>| work(tx).map(Verdict::Commit);
        self.engine.write(Lane::none(), Box::new(Write::new(work, |_: &mut _| (), ReplyTo::Thread(sender))));
        receiver.recv().unwrap_or_else(|_| Err(Fault::closed()))
    }

    fn read_blocking<T, W>(&self, work: W) -> Result<T, Fault>
    where
        T: Send + 'static,
        W: Fn(&mut Tx<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.engine.read(Box::new(Read::new(work, ReplyTo::Thread(sender))));
        receiver.recv().unwrap_or_else(|_| Err(Fault::closed()))
    }
}
