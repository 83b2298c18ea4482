//! The task server of an iR Engine deployment: the parts of the workspace, composed.
//!
//! [`start`] takes settings and gives a [`Running`] server; the command line ([`cli`]) does little more than load the settings
//! and call it. A server with further services and tasks of its own is built with [`Server`]:
//!
//! ```no_run
//! use taskserver::Server;
//! use taskserver_core::{Task, TaskContext, TaskError};
//!
//! struct Greet;
//!
//! impl Task for Greet {
//!     type Output = ();
//!     fn name(&self) -> &str {
//!         "greet"
//!     }
//!     async fn run(&self, _: &TaskContext) -> Result<(), TaskError> {
//!         tracing::info!("hello");
//!         Ok(())
//!     }
//! }
//!
//! # async fn example() -> anyhow::Result<()> {
//! let loaded = taskserver_config::Loader::new().tasks(["greet"]).load()?;
//! let running = Server::new(loaded.settings).extend(|parts| parts.task(Greet)).start().await?;
//! running.stop().await;
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod access;
mod agones;
mod alerts;
mod authentication;
pub mod cli;
mod command;
mod compose;
mod database;
mod demo;
mod engine_settings;
mod http;
mod kubernetes;
mod leadership;
mod lease;
mod logging;
mod pages;
mod queue;
mod redis;
#[cfg(test)]
mod refusals;
mod reload;
mod schedule;
mod server;
#[cfg(feature = "otlp")]
mod telemetry;
#[cfg(not(feature = "otlp"))]
#[path = "telemetry/absent.rs"]
mod telemetry;

pub use compose::Parts;
pub use server::{Running, Server, start};
