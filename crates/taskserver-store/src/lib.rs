//! SQL adapters of `taskserver`: SQLite, PostgreSQL and MySQL/MariaDB behind one API, which behave the same.
//!
//! ```
//! use std::time::Duration;
//!
//! use taskserver_core::{App, Query};
//! use taskserver_store::{Reading, Store, StoreOptions, platform_services};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
//! store.create_platform_tables().await?;
//!
//! // Services over the platform's tables.
//! let mut app = App::builder();
//! for (path, service) in platform_services(&store) {
//!     app = app.service(path, service);
//! }
//! let app = app.build()?;
//! app.service("analytics").create(serde_json::json!({"type": "activeChannels", "count": 3})).await?;
//! assert_eq!(app.service("analytics").find(Query::new().eq("count", 3)).await?.total, 1);
//!
//! // Figures that the database counts, in one consistent state of it.
//! let limit = Duration::from_secs(10);
//! let readings = [Reading::number("SELECT COUNT(*) FROM channel", limit), Reading::number("SELECT MAX(x) FROM y", limit)];
//! let results = store.take_readings(&readings).await?;
//! assert_eq!(results[0], Ok(vec![Some(0)]));
//! assert_eq!(results[1].as_ref().unwrap_err().to_string(), "the database has no table `y`");
//! # Ok(())
//! # }
//! ```
//!
//! # How it is made
//!
//! - Whatever reaches a database goes through one connection at a time, a `Lease` of a bounded pool. It bounds every
//!   statement in time, and returns no connection to the pool that may be unfit.
//! - Statements are text with bound values, since tables and columns are known only when the deployment is met; diesel runs
//!   them. They yield texts, which are read here into what they mean: so there is one code for every shape of row and every
//!   database, and what differs between the databases is in [`Backend`].
//! - No system libraries: the drivers are of pure Rust, SQLite is compiled in, TLS is rustls with *ring*.
#![deny(missing_docs)]

mod backend;
mod bulk;
mod control;
mod deletion;
mod error;
mod history;
mod inspect;
mod leadership;
mod listen;
mod maintenance;
mod migrate;
mod options;
mod own;
mod platform;
mod pool;
mod reading;
mod service;
mod sql;
mod store;
mod transaction;

pub use backend::Backend;
pub use bulk::{ColumnType, Insert, Value};
pub use control::{SqlControl, TASK_ACT};
pub use deletion::{DELETE_BATCH, Key};
pub use error::StoreError;
pub use history::{RunRetention, SqlHistory, TASK_RUN};
pub use inspect::ForeignKey;
pub use leadership::{Fence, FencedLease, LEADERSHIP, SqlLease};
pub use listen::Notifications;
pub use maintenance::{Maintained, MaintenanceError, MaintenanceOptions, SqlMaintenance};
pub use migrate::Migration;
pub use options::StoreOptions;
pub use own::own_services;
pub use platform::{Retention, platform_services};
pub use pool::{PoolStatus, QUERY, trusted_roots};
pub use reading::Reading;
pub use service::TableService;
pub use sql::{Sql, read_moment};
pub use store::Store;
pub use transaction::Transaction;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
