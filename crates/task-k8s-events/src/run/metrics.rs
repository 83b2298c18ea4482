//! The metrics of the collector.

use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use taskserver_core::prometheus_client::metrics::counter::Counter;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::prometheus_client::metrics::histogram::Histogram;
use taskserver_core::{Metrics, Observed};

use crate::{Batch, Error, GapReason, Outcome};

type Labelled = Family<[(&'static str, String); 1], Counter>;

/// The upper bounds of the histogram of delays, in seconds.
const DELAYS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

/// Why events could not be stored, as the labels of failures.
const NOT_STORED: [&str; 3] = ["fenced", "database", "superseded"];

pub(super) struct EventMetrics {
    received: Counter,
    excluded: Counter,
    rejected: Counter,
    stored: Labelled,
    gaps: Labelled,
    failures: Labelled,
    delay: Histogram,
    /// In seconds since 1970; `None` while this process does not collect.
    cursor: Arc<Mutex<Option<f64>>>,
}

impl EventMetrics {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let this = Self {
            received: Counter::default(),
            excluded: Counter::default(),
            rejected: Counter::default(),
            stored: Family::default(),
            gaps: Family::default(),
            failures: Family::default(),
            delay: Histogram::new(DELAYS),
            cursor: Arc::default(),
        };
        let Self { received, excluded, rejected, stored, gaps, failures, delay, cursor } = &this;
        metrics.register("kubernetes_events_received", "Versions of events that were received", received.clone());
        metrics.register("kubernetes_events_excluded", "Versions of events that a rule left out", excluded.clone());
        metrics.register("kubernetes_events_rejected", "Items that are not valid events", rejected.clone());
        metrics.register("kubernetes_events_stored", "What storing versions of events has done", stored.clone());
        metrics.register("kubernetes_event_gaps", "Times of which events may be missing, by reason", gaps.clone());
        metrics.register("kubernetes_event_failures", "Interruptions of collecting, by reason", failures.clone());
        metrics.register(
            "kubernetes_event_delay_seconds",
            "Time from the receipt of the first event of a batch until the batch is stored",
            delay.clone(),
        );
        metrics.register(
            "kubernetes_event_cursor_timestamp_seconds",
            "When the cursor was stored last: everything up to then is stored",
            Observed::gauge({
                let cursor = Arc::clone(cursor);
                move || {
                    let cursor = cursor.lock().unwrap_or_else(PoisonError::into_inner);
                    cursor.map(|stored| (vec![], stored)).into_iter().collect()
                }
            }),
        );
        for reason in GapReason::ALL {
            drop(gaps.get_or_create(&[("reason", reason.to_string())]));
        }
        for reason in Error::INTERRUPTIONS.iter().chain(&NOT_STORED) {
            drop(failures.get_or_create(&[("reason", (*reason).to_owned())]));
        }
        this
    }

    pub(super) fn received(&self, batch: &Batch) {
        self.received.inc_by(batch.changes.len() as u64);
        self.rejected.inc_by(batch.rejected.len() as u64);
    }

    #[cfg(feature = "rules")]
    pub(super) fn excluded(&self, events: usize) {
        self.excluded.inc_by(events as u64);
    }

    pub(super) fn stored(&self, batch: &Batch, outcomes: &[Outcome], now: Timestamp) {
        for outcome in outcomes {
            let result = match outcome {
                Outcome::Created { .. } => "created",
                Outcome::Updated { .. } => "updated",
                Outcome::Stale => "stale",
            };
            self.stored.get_or_create(&[("result", result.to_owned())]).inc();
        }
        if let Some(gap) = &batch.gap {
            self.gaps.get_or_create(&[("reason", gap.why.to_string())]).inc();
        }
        if let Some(first) = batch.changes.iter().map(|change| change.event.received).min() {
            self.delay.observe(now.duration_since(first).as_secs_f64().max(0.0));
        }
        self.set_cursor(Some(now.as_millisecond() as f64 / 1000.0));
    }

    /// This process collects no more.
    pub(super) fn idle(&self) {
        self.set_cursor(None);
    }

    fn set_cursor(&self, stored: Option<f64>) {
        *self.cursor.lock().unwrap_or_else(PoisonError::into_inner) = stored;
    }

    pub(super) fn failed(&self, reason: &str) {
        self.failures.get_or_create(&[("reason", reason.to_owned())]).inc();
    }
}
