//! Metrics whose values are known elsewhere already, and are looked at when they are asked for.

use std::fmt;

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

/// The names and values of a sample's labels.
pub type Labels = Vec<(&'static str, String)>;

/// A family of gauges or counters with the values that a function gives whenever they are asked for. It is called while nothing
/// else is encoded, so it is to be quick. What it no longer gives is gone: a value that belongs to whoever leads goes with the lead.
///
/// ```
/// use taskserver_core::{Metrics, Observed};
///
/// let metrics = Metrics::default();
/// let free = || vec![(vec![("hall", "large".to_owned())], 40.0)];
/// metrics.register("seats", "Seats that are free", Observed::gauge(free));
/// assert!(metrics.encode().contains(r#"taskserver_seats{hall="large"} 40.0"#));
/// ```
pub struct Observed<F> {
    kind: MetricType,
    observe: F,
}

impl<F: Fn() -> Vec<(Labels, f64)>> Observed<F> {
    /// Gauges.
    pub fn gauge(observe: F) -> Self {
        Self { kind: MetricType::Gauge, observe }
    }

    /// Counters: values that never fall while the process lives.
    pub fn counter(observe: F) -> Self {
        Self { kind: MetricType::Counter, observe }
    }
}

impl<F: Fn() -> Vec<(Labels, f64)>> EncodeMetric for Observed<F> {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let encode = |encoder: &mut MetricEncoder<'_>, value| match self.kind {
            MetricType::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
            _ => encoder.encode_gauge(&value),
        };
        for (labels, value) in (self.observe)() {
            match labels.is_empty() {
                true => encode(&mut encoder, value)?,
                false => encode(&mut encoder.encode_family(&labels)?, value)?,
            }
        }
        Ok(())
    }

    fn metric_type(&self) -> MetricType {
        self.kind
    }
}

impl<F> fmt::Debug for Observed<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Observed").field("kind", &self.kind.as_str()).finish_non_exhaustive()
    }
}
