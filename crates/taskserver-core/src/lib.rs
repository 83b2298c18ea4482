//! The application of `taskserver`: services with hooks and events, tasks with a scheduler, health, metrics and shutdown.
//!
//! An [`App`] is built once and then shared as a cheap clone. It holds
//!
//! - **services** by name: records that are read and written with the methods of FeathersJS. `app.service("location")` gives
//!   a dynamic handle, [`App::service_of`] one that takes and gives structs; both run the same [`Hooks`], and every write
//!   emits an [`Event`];
//! - **tasks**: background work with a schedule and a policy, run by the [`Scheduler`]: where there are several replicas, on the
//!   one that [leads](Leadership); people [control](Control) them on whichever replica;
//! - the **health** of its components, its **metrics**, and how it is **shut down**.
//!
//! This crate has traits and logic only. Databases, HTTP, Redis and Kubernetes are adapters in crates of their own, which
//! depend on this one: a [`Service`] over a table, a [`RunHistory`] and a [`ControlStore`] in a database, a [`LeaseStore`] in a cluster, a
//! [`Probe`] of a server.
//!
//! # Writing a task
//!
//! ```
//! use std::time::Duration;
//! use serde::Serialize;
//! use taskserver_core::{App, Query, Task, TaskConfig, TaskContext, TaskError};
//! # use taskserver_core::{Field, FieldType, MemoryService, Schema};
//!
//! struct CountLobbies;
//!
//! #[derive(Serialize)]
//! struct Lobbies {
//!     lobbies: u64,
//! }
//!
//! impl Task for CountLobbies {
//!     type Output = Lobbies;
//!
//!     fn name(&self) -> &str {
//!         "count-lobbies"
//!     }
//!
//!     fn defaults(&self) -> TaskConfig {
//!         TaskConfig::every(Duration::from_secs(600)).timeout(Duration::from_secs(30)).retries(3)
//!     }
//!
//!     async fn run(&self, context: &TaskContext) -> Result<Lobbies, TaskError> {
//!         let page = context.app().service("location").find(Query::new().eq("isLobby", true).limit(0)).await?;
//!         Ok(Lobbies { lobbies: page.total })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let fields = [("id", FieldType::ID), ("isLobby", FieldType::Boolean)];
//! # let schema = Schema::new(fields.map(|(name, field_type)| Field::nullable(name, field_type)));
//! # let locations = MemoryService::new(schema);
//! let app = App::builder().service("location", locations).task(CountLobbies).build()?;
//! app.start();
//! # app.service("location").create(serde_json::json!({"isLobby": true})).await?;
//! let run = app.tasks().run_and_wait(&app, "count-lobbies").await?;
//! assert_eq!(run.result, serde_json::json!({"lobbies": 1}));
//! app.stop(Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! ```
//!
//! What a task should keep in mind:
//!
//! - A run is identified by the task's name and the run's [scheduled time](TaskContext::scheduled). Both are the same in
//!   every attempt, after a restart and on every replica. Store what a run produces under that identity, so that running it
//!   twice stores it once.
//! - Return an error for whatever went wrong: `?` takes every error type, `anyhow::Error` included. The scheduler logs it with
//!   its causes and retries as the policy says. A panic is treated as an error and leaves all other tasks alone.
//! - A run is cancelled by dropping its future, after [`TaskContext::cancelled`] has resolved and a second has passed. Only a
//!   future that awaits can be dropped: move blocking work to [`tokio::task::spawn_blocking`].
#![deny(missing_docs)]

mod app;
mod clock;
mod control;
mod event;
mod health;
mod leadership;
mod metrics;
mod monitor;
mod scheduler;
mod service;
mod shutdown;
mod task;
mod trace;

pub use app::{App, AppBuilder, BuildError};
pub use clock::{Clock, SystemClock, TokioClock};
pub use control::{
    Act, ActError, ActOutcome, Action, Change, Command, Control, ControlError, ControlOptions, ControlStore,
    MemoryControl, TaskState,
};
pub use event::{Event, EventBus, EventKind, Lagged, Subscription};
pub use health::{ComponentHealth, Health, HealthRegistry, HealthReporter};
pub use leadership::*;
pub use metrics::{DURATION_BUCKETS, Labels, Metrics, Observed};
pub use monitor::{MONITORING, Monitor, PROBED, PoolUse, Probe, monitoring_schema};
pub use prometheus_client;
pub use scheduler::*;
pub use service::*;
pub use shutdown::Shutdown;
pub use task::*;
pub use trace::TRACE;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
