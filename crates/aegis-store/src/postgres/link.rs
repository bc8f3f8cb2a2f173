//! One connection to PostgreSQL and what is remembered about it.

use std::collections::HashMap;
use std::time::Duration;

use postgres::{Client, Config, NoTls, Statement};

use super::fault::{Failure, unreachable};
use crate::migrate::stable_hash;
use crate::{Fault, Lane};

/// How long a server may take to answer a connection attempt.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long sent bytes may stay unacknowledged before the network counts as gone.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Prepared statements one connection keeps: more than the program has.
const CACHED_STATEMENTS: usize = 512;

/// Bounds on everything that could otherwise hold a worker for ever. An acknowledged commit is a durable one, whatever the
/// server's default says; stricter settings such as `remote_apply` stay.
const SETTINGS: &str = "
    SET statement_timeout = '30s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '60s';
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
";

const LOCK_LANE: &str = "SELECT pg_advisory_lock($1)";
const UNLOCK_LANES: &str = "SELECT pg_advisory_unlock_all()";

/// How to connect.
#[derive(Clone)]
pub(super) struct Address {
    config: Config,
}

impl Address {
    pub(super) fn parse(url: &str) -> Result<Address, Fault> {
        let mut config = url
            .parse::<Config>()
            .map_err(|_| Fault::internal("read the PostgreSQL URL", "the URL cannot be read"))?;
        config
            .application_name("aegis")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(SILENCE_MAX)
            .keepalives(true)
            .keepalives_idle(SILENCE_MAX)
            .keepalives_interval(Duration::from_secs(5));
        Ok(Address { config })
    }

    pub(super) fn connect(&self) -> Result<Link, Fault> {
        let mut client = self.config.connect(NoTls).map_err(|error| unreachable(&error))?;
        client.batch_execute(SETTINGS).map_err(|error| unreachable(&error))?;
        Ok(Link { client, statements: HashMap::new(), failure: None })
    }
}

/// A live connection. Dropped after any failure that leaves its state in doubt; the server undoes what was open.
pub(crate) struct Link {
    pub(super) client: Client,
    statements: HashMap<&'static str, Statement>,
    /// Why the attempt in progress cannot go on, if it cannot.
    pub(super) failure: Option<Failure>,
}

impl Link {
    /// The statement as the server prepared it, once per connection.
    pub(super) fn statement(&mut self, text: &'static str) -> Result<Statement, postgres::Error> {
        if let Some(statement) = self.statements.get(text) {
            return Ok(statement.clone());
        }
        let statement = self.client.prepare(text)?;
        if self.statements.len() >= CACHED_STATEMENTS {
            self.statements.clear();
        }
        self.statements.insert(text, statement.clone());
        Ok(statement)
    }

    pub(super) fn control(&mut self, statement: &'static str) -> Result<(), Failure> {
        self.client.batch_execute(statement).map_err(|error| Failure::of(statement, &error))
    }

    /// Takes the lane on the server, for the day when several processes share it. Before BEGIN: waiting inside the
    /// transaction would mean waking up with a snapshot that is already stale.
    pub(super) fn lock_lane(&mut self, lane: &Lane) -> Result<(), Failure> {
        let mut keys: Vec<i64> = lane.keys().map(lane_key).collect();
        // One order of the numbers for all processes, so that no two wait for each other.
        keys.sort_unstable();
        for key in keys {
            let locked = self.statement(LOCK_LANE).and_then(|lock| self.client.execute(&lock, &[&key]));
            locked.map_err(|error| Failure::of(LOCK_LANE, &error))?;
        }
        Ok(())
    }

    pub(super) fn unlock_lanes(&mut self) -> Result<(), Failure> {
        let unlocked = self.statement(UNLOCK_LANES).and_then(|unlock| self.client.execute(&unlock, &[]));
        unlocked.map(drop).map_err(|error| Failure::of(UNLOCK_LANES, &error))
    }
}

fn lane_key(key: &str) -> i64 {
    stable_hash(format!("aegis lane {key}").as_bytes()).cast_signed()
}
