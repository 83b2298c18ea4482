//! A build without exporters.

use std::sync::Arc;

use task_k8s_events::EventSink;
use taskserver_http::JoinTrace;
use tracing_subscriber::{EnvFilter, Registry, reload};

use crate::logging::BoxedLayer;

/// No exporters.
#[derive(Clone, Default)]
pub(crate) struct Telemetry;

impl Telemetry {
    pub(crate) fn start() -> Self {
        Self
    }

    pub(crate) fn warn(&self) {
        if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_some() {
            tracing::warn!("OpenTelemetry: nothing is exported: this program was built without the feature `otlp`");
        }
    }

    pub(crate) fn trace_layer(&self) -> Option<BoxedLayer> {
        None
    }

    pub(crate) fn log_layer(&self, _: EnvFilter) -> Option<(BoxedLayer, reload::Handle<EnvFilter, Registry>)> {
        None
    }

    pub(crate) fn join_trace(&self) -> Option<JoinTrace> {
        None
    }

    pub(crate) fn event_sink(&self) -> Option<Arc<dyn EventSink>> {
        None
    }

    pub(crate) async fn stop(self) {}
}

/// The level of the lines that are exported.
pub(crate) fn exported(level: EnvFilter) -> EnvFilter {
    level
}
