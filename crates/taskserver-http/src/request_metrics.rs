//! The requests in figures: how many, with what outcome, how long they took, and how many are in progress.
//!
//! Every label is one of few: what clients make up, such as a path or a method of their own, counts as `other`.

use std::fmt;

use hyper::{Method, StatusCode};
use taskserver_core::prometheus_client::metrics::counter::Counter;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::prometheus_client::metrics::gauge::Gauge;
use taskserver_core::prometheus_client::metrics::histogram::Histogram;
use taskserver_core::{DURATION_BUCKETS, Metrics};
use tokio::time::Instant;

use crate::rest::Target;
use crate::state::State;

/// What is none of those that are told apart.
pub(crate) const OTHER: &str = "other";

type Label<V> = (&'static str, V);
type Timings = Family<[Label<&'static str>; 1], Histogram, fn() -> Histogram>;

/// Counts and times the requests of one or several [`Server`](crate::Server)s of an app. All clones are the same.
#[derive(Clone)]
pub struct RequestMetrics {
    requests: Family<[Label<String>; 3], Counter>,
    durations: Timings,
    in_flight: Gauge,
}

impl RequestMetrics {
    /// Registers `http_requests`, `http_request_duration_seconds` and `http_requests_in_flight`, once for an app.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let counts = Self::default();
        metrics.register("http_requests", "Requests that were answered", counts.requests.clone());
        let help = "How long requests took, from their head to the head of the answer";
        metrics.register("http_request_duration_seconds", help, counts.durations.clone());
        metrics.register("http_requests_in_flight", "Requests in progress", counts.in_flight.clone());
        counts
    }

    /// A request begins.
    pub(crate) fn begin(&self, state: &State, method: &Method, path: &str) -> InFlight {
        self.in_flight.inc();
        InFlight {
            metrics: self.clone(),
            method: of_method(method),
            route: of_path(state, path),
            started: Instant::now(),
        }
    }
}

/// Not registered anywhere.
impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            durations: Family::new_with_constructor(|| Histogram::new(DURATION_BUCKETS)),
            in_flight: Gauge::default(),
        }
    }
}

impl fmt::Debug for RequestMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestMetrics").field("in_flight", &self.in_flight).finish_non_exhaustive()
    }
}

/// A request in progress, until this is dropped. One whose client has gone is never answered.
pub(crate) struct InFlight {
    metrics: RequestMetrics,
    /// One of those that are known, or `other`.
    pub(crate) method: &'static str,
    route: &'static str,
    pub(crate) started: Instant,
}

impl InFlight {
    /// The class of the path, where it is one of this server's.
    pub(crate) fn route(&self) -> Option<&'static str> {
        (self.route != OTHER).then_some(self.route)
    }

    /// The request is answered.
    pub(crate) fn answered(&self, status: StatusCode) {
        let [method, route] = [("method", self.method), ("route", self.route)];
        self.metrics.durations.get_or_create(&[route]).observe(self.started.elapsed().as_secs_f64());
        let labels = [method, route, ("status", status.as_str())].map(|(name, value)| (name, value.to_owned()));
        self.metrics.requests.get_or_create(&labels).inc();
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.metrics.in_flight.dec();
    }
}

fn of_method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or(OTHER)
}

/// The class of a path: itself where it is one of the server's own, else the kind of what it names.
fn of_path(state: &State, path: &str) -> &'static str {
    const OWN: [&str; 9] = [
        "/api/events",
        "/api/live",
        "/api/status",
        "/api/tasks",
        "/healthcheck",
        "/livez",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ];
    if let Some(own) = OWN.into_iter().find(|own| *own == path) {
        return own;
    }
    if state.pages.as_ref().is_some_and(|pages| pages.have(path)) {
        return "page";
    }
    match Target::find(&state.app, path) {
        Some(Target { id: None, .. }) => "/{service}",
        Some(Target { id: Some(_), .. }) => "/{service}/{id}",
        None if path.starts_with(crate::tasks::PREFIX) => "/api/tasks/{name}",
        None => OTHER,
    }
}
