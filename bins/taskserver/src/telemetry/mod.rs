//! Traces and logs for an OpenTelemetry collector, by OTLP over HTTP (protobuf).
//!
//! Off, unless the standard variables of the environment ask for it (see [`Environment`]), because whoever runs a collector sets
//! those for all programs alike. Then
//!
//! - spans of the target [`TRACE`] become a trace: a run, a job, a delivery, a batch of events, a request, and what is asked of
//!   the database *within* one of them. The looks at the database that find nothing to do, several a second, would drown the rest;
//! - the lines of the log become log records, at the level of the log;
//! - the events of the cluster become log records, from what was stored: see [`events`].
//!
//! Nothing of it makes the work wait. Spans and lines go through queues of the SDK's, which are bounded (`OTEL_BSP_…`,
//! `OTEL_BLRP_…`) and drop what they cannot hold; each is emptied by a thread of its own; the end waits [`FLUSH_TIMEOUT`] for
//! them. What the SDK itself would log is switched off (it says the same with every batch): our [client](client::Client) says when
//! the collector is gone, and when it is back.

mod client;
mod environment;
mod events;

use std::sync::Arc;
use std::sync::atomic::AtomicU16;
use std::time::Duration;

use http::HeaderMap;
use opentelemetry::KeyValue;
use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_http::HeaderExtractor;
use opentelemetry_otlp::{LogExporter, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use task_k8s_events::EventSink;
use taskserver_core::TRACE;
use taskserver_http::JoinTrace;
use taskserver_store::QUERY;
use tracing::subscriber::Interest;
use tracing::{Metadata, Span};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::layer::{Context, Layer as _};
use tracing_subscriber::{EnvFilter, Registry, filter, reload};

use self::client::Client;
use self::environment::{Environment, Signal};
use self::events::EventLogs;
use crate::logging::BoxedLayer;

/// How long what is left may take to reach the collector at the end.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// The name of what emits spans and records.
const SCOPE: &str = "taskserver";

/// What is not exported of the log: what the export itself causes, which would cause the next one; and the lines about events,
/// which are exported as what they are.
const NOT_EXPORTED: [&str; 5] =
    ["hyper=off", "hyper_util=off", "opentelemetry=off", "rustls=off", "task_k8s_events::run::log=off"];

/// The exporters, or none. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Telemetry {
    traces: Option<SdkTracerProvider>,
    logs: Option<SdkLoggerProvider>,
    events: Option<Arc<dyn EventSink>>,
    /// What is wrong with what the environment asks for.
    warnings: Vec<String>,
}

impl Telemetry {
    /// The exporters that the environment asks for. One that is impossible is left out, and keeps nothing from running.
    /// Must be called within the runtime, which carries their requests.
    pub(crate) fn start() -> Self {
        let (environment, resource) = (Environment::read(), resource());
        let mut telemetry = Self::default();
        match environment.client(Signal::Traces).and_then(|client| client.map(span_exporter).transpose()) {
            Ok(exporter) => {
                let provider = |exporter| SdkTracerProvider::builder().with_batch_exporter(exporter);
                telemetry.traces = exporter.map(|it| provider(it).with_resource(resource.clone()).build());
            }
            Err(reason) => telemetry.warnings.push(format!("no traces are exported: {reason}")),
        }
        match environment.client(Signal::Logs).and_then(|client| client.map(log_exporters).transpose()) {
            Ok(exporters) => {
                if let Some((lines, events, status)) = exporters {
                    let provider = SdkLoggerProvider::builder().with_batch_exporter(lines);
                    telemetry.logs = Some(provider.with_resource(resource.clone()).build());
                    telemetry.events = Some(Arc::new(EventLogs::new(events, status, &resource)));
                }
            }
            Err(reason) => telemetry.warnings.push(format!("no logs are exported: {reason}")),
        }
        telemetry
    }

    /// Says what is wrong with what the environment asks for, once there is a log.
    pub(crate) fn warn(&self) {
        for warning in &self.warnings {
            tracing::warn!("OpenTelemetry: {warning}");
        }
    }

    /// What takes spans for the exporter, if there is one.
    pub(crate) fn trace_layer(&self) -> Option<BoxedLayer> {
        let tracer = self.traces.as_ref()?.tracer(SCOPE);
        let layer = tracing_opentelemetry::layer()
            .with_tracer(tracer)
            .with_level(false)
            .with_location(false)
            .with_target(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        let is_work = |metadata: &Metadata<'_>| metadata.is_span() && metadata.target() == TRACE;
        let within_work = move |metadata: &Metadata<'_>, context: &Context<'_, Registry>| {
            is_work(metadata) && (metadata.name() != QUERY || context.lookup_current().is_some())
        };
        let filter = filter::dynamic_filter_fn(within_work).with_callsite_filter(move |metadata| {
            // What is asked here is remembered for each place in the code.
            if is_work(metadata) { Interest::sometimes() } else { Interest::never() }
        });
        Some(layer.with_filter(filter).boxed())
    }

    /// What takes lines of the log for the exporter, if there is one, and what changes their level.
    pub(crate) fn log_layer(&self, level: EnvFilter) -> Option<(BoxedLayer, reload::Handle<EnvFilter, Registry>)> {
        let (filter, handle) = reload::Layer::new(exported(level));
        let layer = OpenTelemetryTracingBridge::new(self.logs.as_ref()?).with_filter(filter);
        Some((layer.boxed(), handle))
    }

    /// What makes a request part of its sender's trace (<https://www.w3.org/TR/trace-context/>).
    pub(crate) fn join_trace(&self) -> Option<JoinTrace> {
        self.traces.is_some().then_some(|span: &Span, headers: &HeaderMap| {
            let sender = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
            // A span that is not collected is part of no trace.
            let _ = span.set_parent(sender);
        })
    }

    /// Where the events of the cluster are exported to.
    pub(crate) fn event_sink(&self) -> Option<Arc<dyn EventSink>> {
        self.events.clone()
    }

    /// Exports what is left, for as long as [`FLUSH_TIMEOUT`].
    pub(crate) async fn stop(self) {
        let traces = tokio::task::spawn_blocking(move || self.traces.map(|it| it.shutdown_with_timeout(FLUSH_TIMEOUT)));
        let logs = tokio::task::spawn_blocking(move || self.logs.map(|it| it.shutdown_with_timeout(FLUSH_TIMEOUT)));
        // What did not get through is lost, as it is where the collector is away.
        let _ = tokio::join!(traces, logs);
    }
}

/// The level of the lines that are exported.
pub(crate) fn exported(level: EnvFilter) -> EnvFilter {
    let directives = NOT_EXPORTED.iter().filter_map(|directive| directive.parse().ok());
    directives.fold(level, EnvFilter::add_directive)
}

/// Whose spans and records these are: what the environment says, and else this program.
fn resource() -> Resource {
    let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let named = Resource::builder().with_attribute(version);
    let has_name = std::env::var_os("OTEL_SERVICE_NAME").is_some_and(|name| !name.is_empty())
        || std::env::var("OTEL_RESOURCE_ATTRIBUTES").is_ok_and(|attributes| attributes.contains("service.name="));
    if has_name { named.build() } else { named.with_service_name(SCOPE).build() }
}

fn span_exporter(client: Client) -> Result<SpanExporter, String> {
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(client);
    exporter.build().map_err(|error| error.to_string())
}

/// The exporters of the lines and of the events, and the status that the latter was answered last.
fn log_exporters(client: Client) -> Result<(LogExporter, LogExporter, Arc<AtomicU16>), String> {
    let exporter = |client| {
        let exporter = LogExporter::builder().with_http().with_protocol(Protocol::HttpBinary).with_http_client(client);
        exporter.build().map_err(|error| error.to_string())
    };
    let (of_events, status) = client.observed();
    Ok((exporter(client)?, exporter(of_events)?, status))
}
