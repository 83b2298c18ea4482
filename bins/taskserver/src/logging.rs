//! Logs: readable on a terminal, JSON elsewhere, at a level that can be changed while the server runs.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use taskserver_config::settings::{Log, LogFormat};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry, fmt, reload};

/// Changes the level of the logs.
#[derive(Clone)]
pub(crate) struct LogLevel(reload::Handle<EnvFilter, Registry>);

impl LogLevel {
    pub(crate) fn set(&self, log: &Log) -> anyhow::Result<()> {
        self.0.reload(filter(log)?).context("the log level cannot be changed")
    }
}

fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    EnvFilter::builder().parse(&log.level).with_context(|| format!("`log.level` is not a filter: {:?}", log.level))
}

/// Sends the process's logs to standard error.
pub(crate) fn start(log: &Log) -> anyhow::Result<LogLevel> {
    let pretty = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let (filter, handle) = reload::Layer::new(filter(log)?);
    let lines = match pretty {
        true => fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_writer(std::io::stderr)
            .boxed(),
        false => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .boxed(),
    };
    tracing_subscriber::registry().with(filter).with(lines).try_init().context("logs are set up already")?;
    Ok(LogLevel(handle))
}
