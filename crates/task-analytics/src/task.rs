//! The collector: one cycle, from the source to the rows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use taskserver_core::{
    ErrorKind, Leadership, LeadershipState, Metrics, Observed, Record, ServiceHandle, Task, TaskConfig, TaskContext,
    TaskError,
};
use uuid::{Uuid, uuid};

use crate::{ANALYTICS, Figure, FigureError, MetricSource, SourceError};

/// The namespace of the ids of analytics rows (a random UUID, fixed for ever).
const NAMESPACE: Uuid = uuid!("5f2c1f6e-9a0b-4a53-8f5c-3f8a1d1b7c42");

/// The platform's default interval.
const DEFAULT_INTERVAL: Duration = Duration::from_secs(1800);

/// The id of the row that holds the figure of `metric` in the cycle that was due at `scheduled`.
///
/// ```
/// let id = task_analytics::row_id("instanceUsers", "2026-01-01T00:00:00Z".parse().unwrap());
/// assert_eq!(id.get_version_num(), 5);
/// ```
#[must_use]
pub fn row_id(metric: &str, scheduled: Timestamp) -> Uuid {
    Uuid::new_v5(&NAMESPACE, format!("{metric}@{scheduled}").as_bytes())
}

/// What a cycle has done.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CycleReport {
    /// The figures that were stored.
    pub stored: BTreeMap<String, i64>,
    /// The metrics whose figure of this cycle had been stored before, by an earlier attempt or another replica.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub already_stored: BTreeSet<String>,
    /// The metrics that this deployment cannot have, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub disabled: BTreeMap<String, String>,
}

/// Why a cycle is not complete.
#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    /// A source could not be read. The figures of the others are stored.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Some figures are missing. The others are stored, and a retry stores what is missing.
    #[error("{} of {metrics} metrics failed: {}", failed.len(), list(failed))]
    Incomplete {
        /// The metrics that failed, and why.
        failed: BTreeMap<String, String>,
        /// How many metrics there are.
        metrics: usize,
    },
}

fn list(failed: &BTreeMap<String, String>) -> String {
    failed.iter().map(|(metric, reason)| format!("{metric}: {reason}")).collect::<Vec<_>>().join("; ")
}

/// The task that collects the figures of its sources.
pub struct AnalyticsTask {
    sources: Vec<Box<dyn MetricSource>>,
    /// The metrics that were disabled in the last cycle: each change is logged once.
    disabled: Mutex<BTreeSet<String>>,
    last: Arc<Mutex<Last>>,
}

/// The figures of the last cycle, and in whose lead they were counted: a former leader's are no longer the last.
#[derive(Default)]
struct Last {
    figures: BTreeMap<String, i64>,
    leading: Option<(Leadership, LeadershipState)>,
}

impl AnalyticsTask {
    /// Collects from this source.
    #[must_use]
    pub fn new(source: impl MetricSource) -> Self {
        Self { sources: vec![Box::new(source)], disabled: Mutex::default(), last: Arc::default() }
    }

    /// Collects from another source as well, after those before it. A source that fails does not keep the figures of the others
    /// from being stored.
    #[must_use]
    pub fn with(mut self, source: impl MetricSource) -> Self {
        self.sources.push(Box::new(source));
        self
    }

    /// Shows the figures of the last cycle in `metrics`, as long as this process leads.
    #[must_use]
    pub fn metrics(self, metrics: &Metrics) -> Self {
        let last = Arc::clone(&self.last);
        let figures = move || {
            let last = last.lock().unwrap_or_else(PoisonError::into_inner);
            let is_last = last.leading.as_ref().is_some_and(|(leadership, state)| !leadership.has_ended(*state));
            let figures = last.figures.iter().filter(|_| is_last);
            figures.map(|(metric, count)| (vec![("type", metric.clone())], *count as f64)).collect()
        };
        metrics.register("analytics_figure", "The figure of the last cycle, by type", Observed::gauge(figures));
        self
    }

    /// Takes note of the figures of a cycle.
    fn note(&self, figures: &BTreeMap<String, i64>, leadership: &Leadership) {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        last.figures.clone_from(figures);
        last.leading = Some((leadership.clone(), leadership.state()));
    }

    async fn cycle(&self, context: &TaskContext) -> Result<CycleReport, CycleError> {
        let (mut figures, mut broken) = (Vec::new(), None);
        for source in &self.sources {
            match source.figures().await {
                Ok(more) => figures.extend(more),
                Err(error) => broken = broken.or(Some(error)),
            }
        }
        let metrics = figures.len();
        let mut report = CycleReport::default();
        let (mut counted, mut failed) = (BTreeMap::new(), BTreeMap::new());
        for Figure { metric, outcome } in figures {
            match outcome {
                Ok(count) => {
                    counted.insert(metric, count);
                }
                Err(FigureError::Disabled(reason)) => {
                    report.disabled.insert(metric, reason);
                }
                Err(FigureError::Failed(reason)) => {
                    failed.insert(metric, reason);
                }
            }
        }
        self.note(&counted, context.app().leadership());
        if !counted.is_empty() {
            let analytics = context.app().service(ANALYTICS);
            store(&analytics, counted, context.scheduled(), &mut report, &mut failed).await;
        }
        self.log_disabled(&report.disabled);
        match (broken, failed.is_empty()) {
            (Some(error), _) => Err(error.into()),
            (None, true) => Ok(report),
            (None, false) => Err(CycleError::Incomplete { failed, metrics }),
        }
    }

    /// Logs each metric that has been switched off since the last cycle. The figures are in the scheduler's line of the run.
    fn log_disabled(&self, disabled: &BTreeMap<String, String>) {
        let mut known = self.disabled.lock().unwrap_or_else(PoisonError::into_inner);
        for (metric, reason) in disabled.iter().filter(|(metric, _)| !known.contains(*metric)) {
            tracing::warn!(metric, reason, "the metric is off: this deployment lacks what it needs");
        }
        *known = disabled.keys().cloned().collect();
    }
}

/// Stores the figures all at once, so that no crash leaves a part of a cycle. Where one of them is in the way of the others,
/// because it is stored already or cannot be, each is stored by itself.
async fn store(
    analytics: &ServiceHandle,
    counted: BTreeMap<String, i64>,
    scheduled: Timestamp,
    report: &mut CycleReport,
    failed: &mut BTreeMap<String, String>,
) {
    let rows = counted.iter().map(|(metric, count)| row(metric, *count, scheduled)).collect();
    match analytics.create_many(rows).await {
        Ok(_) => report.stored = counted,
        Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::BadRequest) => {
            for (metric, count) in counted {
                match analytics.create(Value::Object(row(&metric, count, scheduled))).await {
                    Ok(_) => {
                        report.stored.insert(metric, count);
                    }
                    Err(error) if error.kind() == ErrorKind::Conflict => {
                        report.already_stored.insert(metric);
                    }
                    Err(error) => {
                        failed.insert(metric, error.to_string());
                    }
                }
            }
        }
        Err(error) => failed.extend(counted.into_keys().map(|metric| (metric, error.to_string()))),
    }
}

fn row(metric: &str, count: i64, scheduled: Timestamp) -> Record {
    let mut row = Record::new();
    row.insert("id".into(), row_id(metric, scheduled).to_string().into());
    row.insert("type".into(), metric.into());
    row.insert("count".into(), count.into());
    row
}

impl Task for AnalyticsTask {
    type Output = CycleReport;

    fn name(&self) -> &str {
        ANALYTICS
    }

    /// Every half hour, as on the platform; and on start, which completes a cycle that a crash has cut short, and otherwise
    /// finds its figures stored.
    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(DEFAULT_INTERVAL).run_on_start(true)
    }

    async fn run(&self, context: &TaskContext) -> Result<CycleReport, TaskError> {
        Ok(self.cycle(context).await?)
    }
}
