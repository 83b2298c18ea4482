//! Whole-system tests of taskserver (in `tests/`), and, in this library, the fixtures which they share with the tests of the other
//! crates: databases, Redis servers and the platform's tables.
//!
//! A test that talks to a database is written once and runs on all three kinds, each test with a fresh database of its own:
//!
//! ```
//! taskserver_tests::for_each_backend! {
//!     async fn channels_are_counted(database: TestDatabase) {
//!         database.create_platform_tables();
//!         database.insert_platform_edges();
//!         assert_eq!(database.query(r#"SELECT COUNT(*) FROM "channel""#), [["113"]]);
//!     }
//! }
//! # fn main() {}
//! ```
//!
//! The tests are then named `channels_are_counted::sqlite`, `::postgres` and `::mariadb`.
//!
//! # Where the servers come from
//!
//! `TASKSERVER_TEST_POSTGRES_URL`, `TASKSERVER_TEST_MARIADB_URL` and `TASKSERVER_TEST_REDIS_URL` name servers to use, with an
//! account that may create databases: `.ci/run` sets them. Without them, the programs are looked for on this machine, and a
//! throwaway server is started which lives as long as the test process. Where neither exists, the test says loudly that it was
//! skipped and passes; with `TASKSERVER_TEST_REQUIRE_ALL=1` it fails.
//!
//! What is said of a Kubernetes cluster is tested on a stand-in, and the same on real API servers where `KUBEBUILDER_ASSETS` names the
//! programs or `TASKSERVER_TEST_KUBECONFIG` a cluster; nothing asks for these.
//!
//! Tests of failures stop, kill or freeze a server: they start one of their own, with [`servers::mariadb::start`] and its like.
//!
//! The fixtures block and panic, as tests may. They speak to the databases through other clients than the code under test does
//! (`psql`, `mariadb`, rusqlite), so that no fault of a driver can hide itself.
#![deny(missing_docs)]

mod backend;
#[cfg(feature = "certificates")]
mod certificates;
mod client;
mod database;
pub mod http;
#[cfg(feature = "kubernetes")]
pub mod kubernetes;
pub mod node;
pub mod platform;
#[cfg(feature = "proxy")]
mod proxy;
pub mod servers;
mod skip;
mod texts;
#[cfg(feature = "tokens")]
pub mod tokens;

pub use backend::Backend;
#[cfg(feature = "certificates")]
pub use certificates::Certificates;
pub use database::TestDatabase;
#[cfg(feature = "proxy")]
pub use proxy::{Line, Proxy};
pub use skip::skip;
pub use texts::ALIKE_TEXTS;
