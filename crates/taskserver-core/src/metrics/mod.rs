//! The metrics of all parts of the app, in one registry.
//!
//! A part registers its metrics once, keeps them, and sets them as it works; what is known elsewhere already is
//! [`Observed`] when it is asked for. An HTTP surface encodes the registry in either of Prometheus' text formats. The types are
//! those of [`prometheus_client`], which this crate re-exports: it is the Prometheus project's own library, and its registry
//! needs neither globals nor macros. It writes OpenMetrics only, from which the classic format is [made](Metrics::encode_classic).
//!
//! Labels take few values: names of tasks, components and outcomes, never what comes from outside.

mod classic;
mod observed;

use std::sync::{Arc, PoisonError, RwLock};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text;
use prometheus_client::registry::{Metric, Registry};

pub use observed::{Labels, Observed};

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
pub struct Metrics(Arc<RwLock<Registries>>);

struct Registries {
    own: Registry,
    /// What has names that all programs share.
    shared: Registry,
}

impl Default for Metrics {
    fn default() -> Self {
        let registries = Registries { own: Registry::with_prefix("taskserver"), shared: Registry::default() };
        Self(Arc::new(RwLock::new(registries)))
    }
}

impl Metrics {
    /// Adds a metric. `name` is without prefix, and without the suffixes `_total` of a counter and `_info` of an info; `help` is
    /// without a full stop.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).own.register(name, help, metric);
    }

    /// Adds metrics whose names all programs share, such as `process_cpu_seconds_total`: without the prefix.
    pub(crate) fn register_shared(&self, collector: impl Collector) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).shared.register_collector(Box::new(collector));
    }

    /// Everything in the OpenMetrics text format, version 1.0.0.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        text::encode_registry(&mut text, &registries.own)
            .and_then(|()| text::encode_registry(&mut text, &registries.shared))
            .and_then(|()| text::encode_eof(&mut text))
            .expect("writing to a String cannot fail");
        text
    }

    /// Everything in Prometheus' classic text format, version 0.0.4.
    #[must_use]
    pub fn encode_classic(&self) -> String {
        classic::from_open_metrics(&self.encode())
    }
}
