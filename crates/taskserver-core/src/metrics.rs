//! The metrics of all parts of the app, in one registry.
//!
//! A part registers its metrics once, keeps them, and sets them as it works; an HTTP surface encodes the registry when it is
//! asked. The types are those of [`prometheus_client`], which this crate re-exports: it is the Prometheus project's own
//! library, and its registry needs neither globals nor macros.

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

/// Upper bounds of histograms of durations, in seconds: from a read that needs no database to one that is about to be given up.
pub const DURATION_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0];

/// The app's metrics, each name with the prefix `taskserver_`.
///
/// ```
/// use taskserver_core::{Metrics, prometheus_client::metrics::gauge::Gauge};
///
/// let metrics = Metrics::default();
/// let seats = Gauge::<i64>::default();
/// metrics.register("seats", "Seats that are taken", seats.clone());
/// seats.set(3);
/// assert!(metrics.encode().contains("taskserver_seats 3"));
/// ```
#[derive(Clone)]
pub struct Metrics(Arc<RwLock<Registry>>);

impl Default for Metrics {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Registry::with_prefix("taskserver"))))
    }
}

impl Metrics {
    /// Adds a metric. `name` is without prefix, and without the suffix `_total` of a counter; `help` is without a full stop.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).register(name, help, metric);
    }

    /// Everything in the OpenMetrics text format.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registry = self.0.read().unwrap_or_else(PoisonError::into_inner);
        text::encode(&mut text, &registry).expect("writing to a String cannot fail");
        text
    }
}
