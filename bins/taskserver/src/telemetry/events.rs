//! The cluster's events as log records.
//!
//! The attributes are those that the collector's own receiver of Kubernetes events gives
//! (<https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/receiver/k8seventsreceiver>), and those of the
//! conventions for the object that an event is about (<https://opentelemetry.io/docs/specs/semconv/registry/attributes/k8s/>). The
//! receiver has `k8s.object.…` and `k8s.node.name` in the resource; here they are attributes of the record, because the resource
//! is this server. An event is exported again when it has happened again: `k8s.event.uid` and `k8s.event.count` tell.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::SystemTime;

use async_trait::async_trait;
use opentelemetry::InstrumentationScope;
use opentelemetry::logs::{AnyValue, LogRecord as _, Logger as _, LoggerProvider as _, Severity};
use opentelemetry_otlp::LogExporter;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::logs::{LogBatch, LogExporter as _, SdkLogRecord, SdkLogger, SdkLoggerProvider};
use task_k8s_events::{EventRecord, EventSink, ExportError};

use super::SCOPE;

/// What kind of record it is.
const EVENT_NAME: &str = "k8s.event";

/// The kinds of objects that have attributes of their own, and the names of these.
const OBJECTS: [(&str, &str, &str); 9] = [
    ("Pod", "k8s.pod.name", "k8s.pod.uid"),
    ("Deployment", "k8s.deployment.name", "k8s.deployment.uid"),
    ("ReplicaSet", "k8s.replicaset.name", "k8s.replicaset.uid"),
    ("StatefulSet", "k8s.statefulset.name", "k8s.statefulset.uid"),
    ("DaemonSet", "k8s.daemonset.name", "k8s.daemonset.uid"),
    ("Job", "k8s.job.name", "k8s.job.uid"),
    ("CronJob", "k8s.cronjob.name", "k8s.cronjob.uid"),
    ("HorizontalPodAutoscaler", "k8s.hpa.name", "k8s.hpa.uid"),
    ("Node", "k8s.node.name", "k8s.node.uid"),
];

/// Sends events to the collector, each as a log record.
pub(super) struct EventLogs {
    exporter: LogExporter,
    /// The status that the exporter was answered last: its errors do not tell.
    status: Arc<AtomicU16>,
    logger: SdkLogger,
    scope: InstrumentationScope,
}

impl EventLogs {
    pub(super) fn new(mut exporter: LogExporter, status: Arc<AtomicU16>, resource: &Resource) -> Self {
        exporter.set_resource(resource);
        // Only this makes records.
        let logger = SdkLoggerProvider::builder().build().logger(SCOPE);
        Self { exporter, status, logger, scope: InstrumentationScope::builder(SCOPE).build() }
    }
}

#[async_trait]
impl EventSink for EventLogs {
    async fn export(&self, events: &[EventRecord]) -> Result<(), ExportError> {
        let records: Vec<SdkLogRecord> = events.iter().map(|event| self.record(event)).collect();
        let batch: Vec<_> = records.iter().map(|record| (record, &self.scope)).collect();
        self.exporter.export(LogBatch::new(&batch)).await.map_err(|error| {
            let reason = format!("the OpenTelemetry collector does not take them: {error}");
            match self.status.load(Ordering::Relaxed) {
                // What is wrong with these need not be wrong with others.
                400 | 413 | 422 => ExportError::Rejected(reason),
                _ => ExportError::Unavailable(reason),
            }
        })
    }
}

impl EventLogs {
    fn record(&self, event: &EventRecord) -> SdkLogRecord {
        let mut record = self.logger.create_log_record();
        record.set_event_name(EVENT_NAME);
        record.set_timestamp(SystemTime::from(event.time()));
        record.set_observed_timestamp(SystemTime::from(event.received));
        let (severity, text) = match event.type_.as_str() {
            "Warning" => (Severity::Warn, "Warning"),
            "Normal" => (Severity::Info, "Normal"),
            _ => (Severity::Info, ""),
        };
        record.set_severity_number(severity);
        record.set_severity_text(text);
        record.set_body(AnyValue::from(event.message.clone()));
        record.add_attribute("k8s.event.count", event.occurrences());
        for (name, value) in attributes(event) {
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                record.add_attribute(name, value.to_owned());
            }
        }
        record
    }
}

/// The attributes that are texts.
fn attributes(event: &EventRecord) -> impl Iterator<Item = (&'static str, Option<&str>)> {
    let involved = &event.involved;
    let own = OBJECTS.iter().find(|(kind, ..)| *kind == involved.kind);
    let own = own
        .into_iter()
        .flat_map(|(_, name, uid)| [(*name, Some(involved.name.as_str())), (*uid, involved.uid.as_deref())]);
    let node = event.source_host.as_deref().filter(|_| involved.kind != "Node");
    let controller = event.reporting_component.as_deref().or(event.source_component.as_deref());
    let common = [
        ("k8s.cluster.name", Some(event.cluster.as_str())),
        ("k8s.namespace.name", Some(event.namespace.as_str())),
        ("k8s.node.name", node),
        ("k8s.event.name", Some(event.name.as_str())),
        ("k8s.event.uid", Some(event.uid.as_str())),
        ("k8s.event.reason", Some(event.reason.as_str())),
        ("k8s.event.action", event.action.as_deref()),
        ("k8s.event.reporting_controller", controller),
        ("k8s.object.kind", Some(involved.kind.as_str())),
        ("k8s.object.name", Some(involved.name.as_str())),
        ("k8s.object.uid", involved.uid.as_deref()),
        ("k8s.object.fieldpath", involved.field_path.as_deref()),
        ("k8s.object.api_version", involved.api_version.as_deref()),
    ];
    common.into_iter().chain(own)
}
