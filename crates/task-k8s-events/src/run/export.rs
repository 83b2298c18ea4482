//! The stored events, handed on: a component beside the collector, on the replica that leads.
//!
//! What is handed on is what was stored, as it was stored, and it is noted only when it was taken: a sink that is away for a while,
//! or a crash, loses nothing, and holds up nothing but itself.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use taskserver_core::prometheus_client::metrics::counter::Counter;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::{App, Health, HealthReporter};
use tokio::time::sleep;

use super::{MAX_BACKOFF, MIN_BACKOFF};
use crate::backoff::Backoff;
use crate::{EventRecord, EventStore, EventStoreError};

/// The component's name.
pub const KUBERNETES_EVENTS_EXPORT: &str = "kubernetes-events-export";

/// How often the outbox is looked at: an event may have been stored by another process.
const POLL: Duration = Duration::from_secs(1);

/// Events by what became of them.
type Counts = Family<[(&'static str, &'static str); 1], Counter>;
const TAKEN: &str = "taken";
const REJECTED: &str = "rejected";

/// Why a sink did not take events.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExportError {
    /// It takes nothing at present.
    #[error("{0}")]
    Unavailable(String),
    /// It does not take these, however often it is asked.
    #[error("{0}")]
    Rejected(String),
}

/// Where events are handed on to.
#[async_trait]
pub trait EventSink: Send + Sync + 'static {
    /// Takes all of these events, or none. It may get an event again after a crash, and gets each newer version.
    async fn export(&self, events: &[EventRecord]) -> Result<(), ExportError>;
}

/// Hands on what an [`EventStore`] that is [exporting](EventStore::exporting) has stored, as long as the app runs and this
/// process leads.
pub struct EventExport {
    store: EventStore,
    sink: Arc<dyn EventSink>,
    counts: Counts,
}

impl EventExport {
    /// An export into this sink. Nothing happens yet.
    #[must_use]
    pub fn new(store: EventStore, sink: Arc<dyn EventSink>, app: &App) -> Self {
        let counts = Counts::default();
        for result in [TAKEN, REJECTED] {
            let _ = counts.get_or_create(&[("result", result)]);
        }
        let help = "Versions of events that were handed on, or not taken";
        app.metrics().register("kubernetes_events_exported", help, counts.clone());
        Self { store, sink, counts }
    }

    /// Runs until the app stops.
    pub async fn run(self, app: &App) {
        let health = app.health().register(KUBERNETES_EVENTS_EXPORT, false);
        let leading = async {
            loop {
                if !app.leadership().state().is_leading() {
                    health.report(Health::Disabled("another replica leads, and exports them".to_owned()));
                }
                let state = app.leadership().leading().await;
                tokio::select! {
                    () = app.leadership().ended(state) => {}
                    () = self.export(&health) => {}
                }
            }
        };
        tokio::select! {
            () = app.shutdown().stopping() => {}
            () = leading => {}
        }
    }

    /// Exports what there is, and then what comes.
    async fn export(&self, health: &HealthReporter) {
        let mut backoff = Backoff::new(MIN_BACKOFF, MAX_BACKOFF);
        loop {
            match self.export_batch().await {
                Ok(exported) => {
                    health.report(Health::Ready);
                    backoff.succeed();
                    if exported == 0 {
                        sleep(POLL).await;
                    }
                }
                Err(trouble) => {
                    health.report(Health::Degraded(trouble));
                    backoff.fail(None);
                    backoff.wait().await;
                }
            }
        }
    }

    /// Exports some events, and says how many they were; or why it cannot.
    async fn export_batch(&self) -> Result<usize, String> {
        let unreadable = |error: EventStoreError| format!("what is to be exported cannot be read: {error}");
        let events = self.store.unexported().await.map_err(unreadable)?;
        if events.is_empty() {
            return Ok(0);
        }
        match self.sink.export(&events).await {
            // One of them is to blame: they are exported one by one.
            Err(ExportError::Rejected(_)) if events.len() > 1 => {
                for event in &events {
                    let event = std::slice::from_ref(event);
                    self.settle(event, self.sink.export(event).await).await?;
                }
            }
            result => self.settle(&events, result).await?,
        }
        Ok(events.len())
    }

    /// Notes what became of events.
    async fn settle(&self, events: &[EventRecord], result: Result<(), ExportError>) -> Result<(), String> {
        let result = match result {
            Ok(()) => TAKEN,
            Err(ExportError::Rejected(reason)) => {
                let names: Vec<&str> = events.iter().map(|event| event.name.as_str()).collect();
                tracing::error!(
                    component = KUBERNETES_EVENTS_EXPORT,
                    reason,
                    events = names.join(" "),
                    "an event was not exported: it is not taken"
                );
                REJECTED
            }
            Err(ExportError::Unavailable(reason)) => return Err(reason),
        };
        let unnoted = |error: EventStoreError| format!("what was exported cannot be noted: {error}");
        self.store.exported(events).await.map_err(unnoted)?;
        self.counts.get_or_create(&[("result", result)]).inc_by(events.len() as u64);
        Ok(())
    }
}
