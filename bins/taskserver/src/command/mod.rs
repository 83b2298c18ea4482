//! The commands, a file each. Each takes where the configuration comes from and gives the process's exit code.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod migrate;
pub(crate) mod run;
pub(crate) mod tasks;

use anyhow::Context as _;
use tokio::runtime::{Builder, Runtime};

/// The runtime of a command.
fn runtime() -> anyhow::Result<Runtime> {
    Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")
}
