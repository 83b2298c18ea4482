//! Hooks that watch the calls of services: one logs them, the other counts and times them.
//!
//! Both are for [`AppBuilder::watch`](crate::AppBuilder::watch): they see every call, those included that are refused.

use std::sync::Arc;

use async_trait::async_trait;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use tokio::time::Instant;

use super::{AroundHook, HookContext, Method, Next, Provider, ServiceError};
use crate::Metrics;
use crate::metrics::DURATION_BUCKETS;

/// Logs each call at debug, in a line: service, method, provider, duration and outcome (`ok`, or the class of the error).
#[derive(Debug, Clone, Copy)]
pub struct CallLog;

#[async_trait]
impl AroundHook for CallLog {
    async fn call(&self, context: &mut HookContext, next: Next<'_>) -> Result<(), ServiceError> {
        let started = Instant::now();
        let result = next.run(context).await;
        tracing::debug!(
            service = &*context.path,
            method = context.method.name(),
            provider = context.params.provider.name(),
            duration = ?started.elapsed(),
            outcome = outcome(&result),
            "service call",
        );
        result
    }
}

type Label = (&'static str, String);

/// Counts calls as `service_calls`, and times them as `service_call_duration_seconds`. A call whose caller has gone before its
/// end is counted with the outcome `cancelled`.
///
/// ```
/// use taskserver_core::{App, CallLog, CallMetrics, Metrics};
///
/// let metrics = Metrics::default();
/// let app = App::builder().watch(CallLog).watch(CallMetrics::register(&metrics)).metrics(metrics).build()?;
/// # Ok::<(), taskserver_core::BuildError>(())
/// ```
#[derive(Debug, Clone)]
pub struct CallMetrics {
    calls: Family<[Label; 4], Counter>,
    durations: Family<[Label; 2], Histogram, fn() -> Histogram>,
}

impl CallMetrics {
    /// Registers the two metrics, once for an app.
    #[must_use]
    pub fn register(metrics: &Metrics) -> Self {
        let durations = Family::new_with_constructor(histogram as fn() -> Histogram);
        let watching = Self { calls: Family::default(), durations };
        metrics.register("service_calls", "Calls of services", watching.calls.clone());
        let help = "How long calls of services took";
        metrics.register("service_call_duration_seconds", help, watching.durations.clone());
        watching
    }
}

#[async_trait]
impl AroundHook for CallMetrics {
    async fn call(&self, context: &mut HookContext, next: Next<'_>) -> Result<(), ServiceError> {
        let mut call = Call {
            metrics: self,
            service: Arc::clone(&context.path),
            method: context.method,
            provider: context.params.provider,
            started: Instant::now(),
            outcome: "cancelled",
        };
        let result = next.run(context).await;
        call.outcome = outcome(&result);
        result
    }
}

/// A call in progress. It is counted when this is dropped.
struct Call<'a> {
    metrics: &'a CallMetrics,
    service: Arc<str>,
    method: Method,
    provider: Provider,
    started: Instant,
    outcome: &'static str,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        let service = ("service", self.service.to_string());
        let method = ("method", self.method.name().to_owned());
        let provider = ("provider", self.provider.name().to_owned());
        let outcome = ("outcome", self.outcome.to_owned());
        let durations = self.metrics.durations.get_or_create(&[service.clone(), method.clone()]);
        durations.observe(self.started.elapsed().as_secs_f64());
        self.metrics.calls.get_or_create(&[service, method, provider, outcome]).inc();
    }
}

fn histogram() -> Histogram {
    Histogram::new(DURATION_BUCKETS)
}

fn outcome(result: &Result<(), ServiceError>) -> &'static str {
    result.as_ref().map_or_else(|error| error.kind().class_name(), |()| "ok")
}
