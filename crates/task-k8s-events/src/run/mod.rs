//! The collector as a part of an app.
//!
//! A watch has no end, and so it is no task of the scheduler, whose runs have one: it is a component that runs beside it, from
//! the start of the app to its end, on the replica that leads. It has what a task has: its health is the component
//! `kubernetes-events`, its metrics are the app's, and the log names its failures, each once.
//!
//! Whatever fails, it goes on from the cursor that was stored last. While a batch is being stored the next ones are read (`ahead`), so
//! that neither the API server nor the database waits for the other.

mod ahead;
mod export;
mod log;
mod metrics;

use std::convert::Infallible;
use std::pin::pin;
#[cfg(feature = "rules")]
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use jiff::Timestamp;
use taskserver_core::{App, Health, HealthReporter, Metrics, TRACE};
use taskserver_store::{Fence, StoreError};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::Instrument as _;
use tracing::field::Empty;

pub use export::{EventExport, EventSink, ExportError, KUBERNETES_EVENTS_EXPORT};
pub use log::LogLimit;

use crate::backoff::Backoff;
#[cfg(feature = "rules")]
use crate::rules::EventFilter;
use crate::{Batch, Collector, Error, EventStore, EventStoreError, EventWriter};
use ahead::Ahead;
use log::EventLog;
use metrics::EventMetrics;

/// The component's name.
pub const KUBERNETES_EVENTS: &str = "kubernetes-events";

/// The waits after failures of the database.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// How long a collector that was superseded leaves the cluster to the other one, before it claims it again in case that the
/// other one has ended.
const SUPERSEDED: Duration = Duration::from_secs(60);

/// How often alerts are looked through for those that are over.
const RESOLVING: Duration = Duration::from_secs(15);

/// Collects the events of a cluster into a database, as long as the app runs and this process leads.
///
/// ```no_run
/// use task_k8s_events::{Collector, CollectorOptions, EventCollector, EventStore, MIGRATIONS, connect, event_services};
/// use taskserver_core::App;
/// use taskserver_store::{Store, StoreOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(StoreOptions::new("sqlite://events.db")?)?;
/// store.migrate_with(MIGRATIONS).await?;
/// let services = event_services(&store).into_iter();
/// let app = services.fold(App::builder(), |app, (path, service)| app.service(path, service)).build()?;
///
/// match kube::Config::infer().await {
///     Ok(config) => {
///         let collector = Collector::new(connect(config)?, CollectorOptions::default())?;
///         EventCollector::new(collector, EventStore::new(store, "default"), app.metrics()).start(&app);
///     }
///     Err(error) => EventCollector::disabled(&app, format!("there is no cluster: {error}")),
/// }
/// # Ok(())
/// # }
/// ```
pub struct EventCollector {
    collector: Collector,
    store: EventStore,
    metrics: EventMetrics,
    log: EventLog,
    leadership: Option<String>,
    #[cfg(feature = "rules")]
    filter: Arc<EventFilter>,
}

impl EventCollector {
    /// A collector whose metrics are among these. Nothing happens yet.
    #[must_use]
    pub fn new(collector: Collector, store: EventStore, metrics: &Metrics) -> Self {
        Self {
            collector,
            store,
            metrics: EventMetrics::register(metrics),
            log: EventLog::new(LogLimit::default()),
            leadership: None,
            #[cfg(feature = "rules")]
            filter: Arc::default(),
        }
    }

    /// Writes no more lines about events into the log than this.
    #[must_use]
    pub fn log_limit(mut self, limit: LogLimit) -> Self {
        self.log = EventLog::new(limit);
        self
    }

    /// Stores only in the term of this process, checked where it is stored: the app's election is over this leadership, which the
    /// database keeps.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    /// Stores only the events that this filter keeps.
    #[cfg(feature = "rules")]
    #[must_use]
    pub fn filter(mut self, filter: impl Into<Arc<EventFilter>>) -> Self {
        self.filter = filter.into();
        self
    }

    /// Reports that there is no collector in this app, and why: once, and as no fault.
    pub fn disabled(app: &App, reason: impl Into<String>) {
        app.health().register(KUBERNETES_EVENTS, false).report(Health::Disabled(reason.into()));
    }

    /// Runs it until the app stops.
    pub fn start(self, app: &App) -> JoinHandle<()> {
        let app = app.clone();
        tokio::spawn(async move { self.run(&app).await })
    }

    /// Runs until the app stops.
    pub async fn run(mut self, app: &App) {
        let health = app.health().register(KUBERNETES_EVENTS, false);
        let leading = async {
            loop {
                if !app.leadership().state().is_leading() {
                    health.report(Health::Disabled("another replica leads, and collects them".to_owned()));
                }
                let state = app.leadership().leading().await;
                let store = match (&self.leadership, state.term()) {
                    (Some(leadership), Some(term)) => self.store.clone().fenced(Fence::new(leadership, term)),
                    _ => self.store.clone(),
                };
                tokio::select! {
                    () = app.leadership().ended(state) => {}
                    never = self.collect(&store, &health) => match never {}
                }
                self.metrics.idle();
            }
        };
        tokio::select! {
            () = app.shutdown().stopping() => {}
            () = leading => {}
        }
    }

    async fn collect(&mut self, store: &EventStore, health: &HealthReporter) -> Infallible {
        let mut backoff = Backoff::new(MIN_BACKOFF, MAX_BACKOFF);
        loop {
            let Err(error) = self.collect_from_cursor(store, health, &mut backoff).await;
            let state = match &error {
                EventStoreError::Store(StoreError::Fenced { .. }) | EventStoreError::Superseded { .. } => {
                    Health::Degraded(error.to_string())
                }
                EventStoreError::Store(_) => Health::Down(format!("events cannot be stored: {error}")),
            };
            self.metrics.failed(error.kind());
            health.report(state);
            tracing::debug!(component = KUBERNETES_EVENTS, %error, "events were not stored");
            if let EventStoreError::Superseded { .. } = error {
                sleep(SUPERSEDED).await;
            }
            backoff.fail(None);
            backoff.wait().await;
        }
    }

    async fn collect_from_cursor(
        &mut self,
        store: &EventStore,
        health: &HealthReporter,
        backoff: &mut Backoff,
    ) -> Result<Infallible, EventStoreError> {
        let mut writer = store.claim().await?;
        let mut batches = self.collector.stream(writer.cursor().cloned());
        let mut ahead = Ahead::default();
        let mut resolve_at = Instant::now();
        loop {
            if cfg!(feature = "alerts") && Instant::now() >= resolve_at {
                #[cfg(feature = "alerts")]
                writer.resolve_alerts(Timestamp::now()).await?;
                resolve_at = Instant::now() + RESOLVING;
            }
            let next = match ahead.pop() {
                Some(next) => next,
                None => tokio::select! {
                    Some(next) = batches.next() => next,
                    () = self.log.window_over() => continue,
                    () = sleep_until(resolve_at), if cfg!(feature = "alerts") => continue,
                },
            };
            match next {
                Ok(batch) => {
                    let mut storing = pin!(self.store(&mut writer, batch));
                    loop {
                        tokio::select! {
                            biased;
                            result = &mut storing => break result?,
                            Some(next) = batches.next(), if !ahead.is_full() => ahead.push(next),
                        }
                    }
                    backoff.succeed();
                    health.report(Health::Ready);
                }
                Err(error) => self.interrupted(&error, health),
            }
        }
    }

    #[cfg_attr(not(feature = "rules"), expect(unused_mut, reason = "rules leave events out"))]
    async fn store(&mut self, writer: &mut EventWriter, mut batch: Batch) -> Result<(), EventStoreError> {
        self.metrics.received(&batch);
        for rejected in &batch.rejected {
            self.log.rejected(rejected);
        }
        #[cfg(feature = "rules")]
        {
            let all = batch.changes.len();
            batch.changes.retain(|change| self.filter.keeps(&change.event));
            self.metrics.excluded(all - batch.changes.len());
        }
        let span = tracing::trace_span!(
        target: TRACE,
                   "batch",
                   otel.name = "store events",
                   otel.status_code = Empty,
                   k8s.cluster.name = writer.cluster(),
                   taskserver.events = batch.changes.len(),
                   "error.type" = Empty,
               );
        let outcomes = writer.store(&batch).instrument(span.clone()).await.inspect_err(|error| {
            span.record("error.type", error.kind());
            span.record("otel.status_code", "error");
        })?;
        self.metrics.stored(&batch, &outcomes, Timestamp::now());
        for (change, outcome) in batch.changes.iter().zip(outcomes) {
            self.log.stored(change, outcome);
        }
        if let Some(gap) = &batch.gap {
            tracing::warn!(
                component = KUBERNETES_EVENTS, namespace = gap.namespace, from = %gap.from.at, to = %gap.to.at, why = %gap.why,
                "events of this time may be missing: the server had already forgotten them"
            );
        }
        Ok(())
    }

    fn interrupted(&self, error: &Error, health: &HealthReporter) {
        self.metrics.failed(error.metric_label());
        let reason = with_causes(error);
        tracing::debug!(component = KUBERNETES_EVENTS, error = reason, "collecting was interrupted");
        health.report(if error.needs_attention() { Health::Down(reason) } else { Health::Degraded(reason) });
    }
}

/// An error with what caused it, down to what an operator can mend, such as a certificate that nobody vouches for.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(std::error::Error::source(error), |cause| cause.source()) {
        let cause = cause.to_string();
        // The client's own errors end with their causes.
        if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}
