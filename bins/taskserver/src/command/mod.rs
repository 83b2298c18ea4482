//! The commands, a file each. Each takes where the configuration comes from and gives the process's exit code.

pub(crate) mod alerts;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod demo;
pub(crate) mod events;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod migrate;
mod progress;
pub(crate) mod run;
mod server;
pub(crate) mod status;
pub(crate) mod tasks;

use anyhow::Context as _;
use comfy_table::{Table, presets};
use taskserver_config::Settings;
use taskserver_store::Store;
use tokio::runtime::Builder;

/// The database, for a command that looks into it, whether a server runs or not.
fn store(settings: &Settings) -> anyhow::Result<Store> {
    Ok(Store::new(crate::database::options(&settings.database)?)?)
}

/// A table as all commands print it.
fn table<const N: usize>(header: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header);
    table.add_rows(rows);
    table.to_string()
}

/// Runs a command's future. What still runs on blocking threads when it ends, such as a statement of SQLite's that nobody
/// waits for any more, does not keep the process from ending.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = Builder::new_multi_thread().enable_all().build().context("the runtime cannot be started")?;
    let outcome = runtime.block_on(command);
    runtime.shutdown_background();
    outcome
}
