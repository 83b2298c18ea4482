//! Pools of connections, one type for each kind of database, and what they have in common.
//!
//! Who needs the database takes a [`Lease`] of one connection. The lease bounds every statement in time, and gives the
//! connection back to the pool only when it is known to be fit: one whose statement was given up (by its time limit, or
//! because the caller itself was cancelled), whose transaction is still open, or whose server is gone, is closed. Connections
//! are asked whether they live before they are lent again, so that a restart of the server goes unnoticed.

mod lease;
pub(crate) mod mysql;
mod postgres;
mod span;
mod sqlite;
mod tls;

use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Pool as Managed, PoolError, TimeoutType, Timeouts};

pub(crate) use lease::Lease;
use mysql::Mysql;
use postgres::Postgres;
pub(crate) use span::Peer;
pub use span::QUERY;
use sqlite::Sqlite;
pub use tls::trusted_roots;

use crate::Backend;
use crate::StoreError;
use crate::options::{StoreOptions, Target};

/// How many connections SQLite's pool holds at most: its writers take turns anyway, and each reader has a cache of its own.
const MAX_SQLITE_CONNECTIONS: usize = 4;

/// After how long the server ends a transaction in which nothing happens. None of ours waits for anything in the middle; but a
/// process that is frozen or cut off there keeps its locks: on the row of the leadership, say, which the next leader needs.
const IDLE_TRANSACTION: Duration = Duration::from_secs(10);

/// The state of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolStatus {
    /// How many connections are open.
    pub size: usize,
    /// How many may be open.
    pub max: usize,
    /// How many of the open ones are not in use.
    pub available: usize,
    /// How many callers wait for one.
    pub waiting: usize,
}

pub(crate) enum Pool {
    Sqlite(Managed<Sqlite>),
    Postgres(Managed<Postgres>),
    Mysql(Managed<Mysql>),
}

/// Does the same with whichever pool there is.
macro_rules! each {
    ($pool:expr, $managed:ident => $body:expr) => {
        match $pool {
            Pool::Sqlite($managed) => $body,
            Pool::Postgres($managed) => $body,
            Pool::Mysql($managed) => $body,
        }
    };
}

impl Pool {
    pub(crate) fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        match &options.target {
            Target::Server(server) if server.backend == Backend::Postgres => {
                Ok(Self::Postgres(managed(Postgres::new(server, options)?, options.max_connections, options)?))
            }
            Target::Server(server) => {
                Ok(Self::Mysql(managed(Mysql::new(server, options)?, options.max_connections, options)?))
            }
            Target::File(_) | Target::Memory => {
                let max = options.max_connections.min(MAX_SQLITE_CONNECTIONS);
                Ok(Self::Sqlite(managed(Sqlite::new(options), max, options)?))
            }
        }
    }

    pub(crate) fn status(&self) -> PoolStatus {
        let status = each!(self, pool => pool.status());
        PoolStatus { size: status.size, max: status.max_size, available: status.available, waiting: status.waiting }
    }

    pub(crate) fn close(&self) {
        each!(self, pool => pool.close());
    }
}

fn managed<M: Manager<Error = StoreError>>(
    manager: M,
    max: usize,
    options: &StoreOptions,
) -> Result<Managed<M>, StoreError> {
    if max == 0 {
        return Err(StoreError::Options("max_connections must be 1 or more".into()));
    }
    let timeouts = Timeouts {
        wait: Some(options.acquire_timeout),
        create: Some(options.connect_timeout),
        recycle: Some(options.connect_timeout),
    };
    Managed::builder(manager)
        .max_size(max)
        .timeouts(timeouts)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| StoreError::Options(error.to_string()))
}

fn pool_error(error: PoolError<StoreError>, status: PoolStatus, options: &StoreOptions) -> StoreError {
    let unreachable = |reason: String| StoreError::Unreachable { database: options.database(), reason };
    let seconds = |limit: Duration| limit.as_secs_f64();
    match error {
        PoolError::Backend(error) => error,
        PoolError::Timeout(TimeoutType::Wait) => StoreError::Busy { max: status.max, waited: options.acquire_timeout },
        PoolError::Timeout(_) => unreachable(format!("no answer within {} s", seconds(options.connect_timeout))),
        PoolError::Closed => StoreError::Lost("the store is closed".into()),
        other => unreachable(other.to_string()),
    }
}

/// An error and its causes in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Many errors repeat their cause.
        if !text.contains(&message) {
            text = format!("{text}: {message}");
        }
        cause = error.source();
    }
    text
}
