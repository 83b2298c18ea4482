//! The commands, a file each. Each takes where the configuration comes from and gives the process's exit code.

pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod migrate;
pub(crate) mod run;
pub(crate) mod tasks;

use anyhow::Context as _;
use tokio::runtime::Builder;

/// Runs a command's future. What still runs on blocking threads when it ends, such as a statement of SQLite's that nobody
/// waits for any more, does not keep the process from ending.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}
