//! Leadership in the database: a lease that is a row of the table `leadership`, and the fence that its term is.
//!
//! The row is compared and set in one statement, by its term and the number of its renewals, so that of several who take the
//! lease at once one succeeds, on every database. Times are the server's, and for people to read: nothing is decided by them
//! (see [`taskserver_core::Election`]).

mod fence;
mod fenced;
mod lease;

pub use fence::Fence;
pub use fenced::FencedLease;
pub use lease::SqlLease;

use std::time::Duration;

use crate::options::Target;
use crate::{Backend, Store, StoreError, StoreOptions};

const TABLE: &str = "leadership";

/// The name of the leadership over a deployment's tasks.
pub const LEADERSHIP: &str = "taskserver";

/// The same database, with a connection that nobody else uses.
fn of_its_own(store: &Store) -> Result<Store, StoreError> {
    let options = store.options();
    match options.target {
        // It exists for the connections of its own store alone.
        Target::Memory => Ok(store.clone()),
        Target::File(_) | Target::Server(_) => Store::new(StoreOptions { max_connections: 1, ..options.clone() }),
    }
}

fn integer(term: u64) -> Result<i64, StoreError> {
    i64::try_from(term).map_err(|_| StoreError::Answer(format!("{term} is more than a term can be")))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

pub(crate) fn server_time(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => "strftime('%Y-%m-%d %H:%M:%f', 'now')",
        Backend::Postgres => "(clock_timestamp() AT TIME ZONE 'UTC')",
        Backend::Mysql => "UTC_TIMESTAMP(6)",
    }
}
