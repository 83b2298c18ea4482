//! Logs: readable on a terminal, JSON elsewhere, at a level that can be changed while the server runs.

use std::io::IsTerminal as _;

use anyhow::Context as _;
use taskserver_config::settings::{Log, LogFormat};
use taskserver_core::TRACE;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

use crate::telemetry::{self, Telemetry};

/// A layer of the log.
pub(crate) type BoxedLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Changes the level of the logs.
#[derive(Clone)]
pub(crate) struct LogLevel {
    lines: reload::Handle<EnvFilter, Registry>,
    exported: Option<reload::Handle<EnvFilter, Registry>>,
}

impl LogLevel {
    pub(crate) fn set(&self, log: &Log) -> anyhow::Result<()> {
        self.lines.reload(filter(log)?).context("the log level cannot be changed")?;
        if let Some(exported) = &self.exported {
            exported.reload(telemetry::exported(filter(log)?)).context("the log level cannot be changed")?;
        }
        Ok(())
    }
}

/// What is logged. The spans of traces are none of it.
fn filter(log: &Log) -> anyhow::Result<EnvFilter> {
    let filter = EnvFilter::builder().parse(&log.level);
    let filter = filter.with_context(|| format!("`log.level` is not a filter: {:?}", log.level))?;
    Ok(filter.add_directive(format!("{TRACE}=off").parse()?))
}

/// Sends the process's logs to standard error, and what is exported to the exporters.
pub(crate) fn start(log: &Log, telemetry: &Telemetry) -> anyhow::Result<LogLevel> {
    let pretty = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Pretty => true,
        LogFormat::Json => false,
    };
    let (level, handle) = reload::Layer::new(filter(log)?);
    let lines = match pretty {
        true => fmt::layer()
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .with_writer(std::io::stderr)
            .with_filter(level)
            .boxed(),
        false => fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(std::io::stderr)
            .with_filter(level)
            .boxed(),
    };
    let (exporting, exported) = telemetry.log_layer(filter(log)?).unzip();
    let layers: Vec<BoxedLayer> = telemetry.trace_layer().into_iter().chain(exporting).chain([lines]).collect();
    tracing_subscriber::registry().with(layers).try_init().context("logs are set up already")?;
    telemetry.warn();
    Ok(LogLevel { lines: handle, exported })
}
