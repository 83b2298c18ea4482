//! Monitoring: a task that samples what the server depends on, and the process itself.
//!
//! Each sample goes three ways: to the health of the component that was probed, to gauges, and as a record to the service
//! `monitoring`, where the app has one. What is probed comes in through [`Probe`], so that this crate needs to know neither
//! databases nor clusters. Each replica samples for itself: a sample belongs to an instance, not to the deployment.

mod collector;
mod process;

use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    Comparison, ErrorKind, Field, FieldType, Health, Metrics, Query, Record, Schema, ServiceError, Task, TaskConfig,
    TaskContext, TaskError, date_time,
};
use collector::ProcessCollector;
use process::ProcessMeter;

/// How long a probe may take before what it probes counts as unreachable.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long samples are kept.
const RETENTION: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// How many samples that have become too old are removed with each new one: more than one, so that a backlog shrinks.
const REMOVED_AT_ONCE: u64 = 10;

/// The path of the service that keeps the samples.
pub const MONITORING: &str = "monitoring";

/// A use of a bounded pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// Connections that are open.
    pub open: usize,
    /// Connections that are in use.
    pub used: usize,
    /// Connections that there may be.
    pub max: usize,
}

/// Something that the server depends on.
#[async_trait]
pub trait Probe: Send + Sync + 'static {
    /// The name of the component in the health registry, such as `database`. One of [`PROBED`].
    fn component(&self) -> &'static str;

    /// Makes one cheap round trip.
    ///
    /// # Errors
    /// Why the component cannot be reached.
    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>>;

    /// The pool of connections to it, where there is one.
    fn pool(&self) -> Option<PoolUse> {
        None
    }
}

/// The components that a sample has a latency of.
pub const PROBED: [&str; 3] = ["database", "redis", "kubernetes"];

/// The fields of a sample. Times are in microseconds, memory is in bytes, and 1000 millicores are one core.
#[must_use]
pub fn monitoring_schema() -> Schema {
    let number = FieldType::Integer { min: 0, max: i64::MAX };
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::required("instance", FieldType::TEXT),
        Field::nullable("databaseLatencyMicros", number),
        Field::nullable("databaseConnections", number),
        Field::nullable("redisLatencyMicros", number),
        Field::nullable("kubernetesLatencyMicros", number),
        Field::nullable("residentBytes", number),
        Field::nullable("cpuMillicores", number),
        Field::required("eventLoopLagMicros", number),
        Field::required("createdAt", FieldType::DateTime),
        Field::required("updatedAt", FieldType::DateTime),
    ])
}

/// The monitoring task.
pub struct Monitor {
    instance: String,
    retention: Duration,
    probes: Vec<Box<dyn Probe>>,
    process: Mutex<ProcessMeter>,
    gauges: Gauges,
}

impl Monitor {
    /// Monitors the process, as this instance, with its gauges in `metrics`; the metrics that Prometheus' clients have of every
    /// process are there as well.
    #[must_use]
    pub fn new(instance: &str, metrics: &Metrics) -> Self {
        metrics.register_shared(ProcessCollector::default());
        Self {
            instance: instance.to_owned(),
            retention: RETENTION,
            probes: Vec::new(),
            process: Mutex::new(ProcessMeter::new()),
            gauges: Gauges::register(metrics),
        }
    }

    /// Keeps samples for so long; a week unless set.
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }

    /// Monitors this as well.
    #[must_use]
    pub fn probe(mut self, probe: impl Probe) -> Self {
        self.probes.push(Box::new(probe));
        self
    }

    /// Probes one component and reports its health. `None` where it cannot be reached.
    async fn sample_component(&self, context: &TaskContext, probe: &dyn Probe) -> Option<Duration> {
        let component = probe.component();
        let started = Instant::now();
        let outcome = tokio::time::timeout(PROBE_TIMEOUT, probe.probe()).await;
        let latency = started.elapsed();
        let health = match outcome {
            Ok(Ok(())) => Health::Ready,
            Ok(Err(error)) => Health::Down(error.to_string()),
            Err(_) => Health::Down(format!("no answer within {} s", PROBE_TIMEOUT.as_secs())),
        };
        let reached = health == Health::Ready;
        self.gauges.component(component, reached.then_some(latency), probe.pool());
        context.app().health().report(component, health);
        reached.then_some(latency)
    }

    fn sample_process(&self) -> (Option<u64>, Option<u64>) {
        let mut meter = self.process.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        meter.sample()
    }
}

impl Task for Monitor {
    type Output = ();

    fn name(&self) -> &str {
        MONITORING
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(15)).run_on_start(true)
    }

    fn every_replica(&self) -> bool {
        true
    }

    async fn run(&self, context: &TaskContext) -> Result<(), TaskError> {
        let now = date_time(context.app().clock().now());
        let mut sample = Record::new();
        sample.insert("id".into(), Uuid::new_v4().to_string().into());
        sample.insert("instance".into(), self.instance.clone().into());
        let mut database_reached = true;
        for probe in &self.probes {
            let component = probe.component();
            let latency = self.sample_component(context, &**probe).await;
            database_reached &= component != "database" || latency.is_some();
            sample.insert(format!("{component}LatencyMicros"), latency.map_or(Value::Null, micros));
            if component == "database" {
                sample.insert("databaseConnections".into(), probe.pool().map_or(Value::Null, |pool| json!(pool.used)));
            }
        }
        let lag = process::event_loop_lag().await;
        let (resident, cpu) = self.sample_process();
        self.gauges.lag.set(lag.as_secs_f64());
        sample.insert("residentBytes".into(), json!(resident));
        sample.insert("cpuMillicores".into(), json!(cpu));
        sample.insert("eventLoopLagMicros".into(), micros(lag));
        sample.insert("createdAt".into(), now.clone());
        sample.insert("updatedAt".into(), now);
        if database_reached && context.app().services().get(MONITORING).is_some() {
            self.store(context, sample).await?;
        }
        Ok(())
    }
}

impl Monitor {
    /// Stores a sample; in return, some that have become too old are removed.
    async fn store(&self, context: &TaskContext, sample: Record) -> Result<(), ServiceError> {
        let samples = context.app().service(MONITORING);
        samples.create(Value::Object(sample)).await?;
        let Ok(oldest) = context.app().clock().now().checked_sub(self.retention) else { return Ok(()) };
        let old = Query::new().compare("createdAt", Comparison::Lt, date_time(oldest)).ascending("createdAt");
        for sample in samples.find(old.select(["id"]).limit(REMOVED_AT_ONCE)).await?.data {
            let id = sample.get("id").and_then(Value::as_str).unwrap_or_default();
            match samples.remove(id).await {
                // Another replica was faster.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                result => drop(result?),
            }
        }
        Ok(())
    }
}

fn micros(duration: Duration) -> Value {
    json!(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX))
}

type ByComponent<G> = Family<[(&'static str, &'static str); 1], G>;
type Seconds = Gauge<f64, AtomicU64>;

struct Gauges {
    up: ByComponent<Gauge>,
    latency: ByComponent<Seconds>,
    open: ByComponent<Gauge>,
    used: ByComponent<Gauge>,
    max: ByComponent<Gauge>,
    lag: Seconds,
}

impl Gauges {
    fn register(metrics: &Metrics) -> Self {
        let gauges = Self {
            up: Family::default(),
            latency: Family::default(),
            open: Family::default(),
            used: Family::default(),
            max: Family::default(),
            lag: Gauge::default(),
        };
        metrics.register("component_up", "Whether the component answered its last probe", gauges.up.clone());
        metrics.register("component_latency_seconds", "Round trip of the last probe", gauges.latency.clone());
        metrics.register("pool_connections_open", "Connections that are open", gauges.open.clone());
        metrics.register("pool_connections_used", "Connections that are in use", gauges.used.clone());
        metrics.register("pool_connections_max", "Connections that there may be", gauges.max.clone());
        metrics.register("event_loop_lag_seconds", "How late the runtime's timers fire", gauges.lag.clone());
        gauges
    }

    fn component(&self, component: &'static str, latency: Option<Duration>, pool: Option<PoolUse>) {
        let label = [("component", component)];
        self.up.get_or_create(&label).set(i64::from(latency.is_some()));
        match latency {
            Some(latency) => {
                self.latency.get_or_create(&label).set(latency.as_secs_f64());
            }
            None => {
                self.latency.remove(&label);
            }
        }
        if let Some(PoolUse { open, used, max }) = pool {
            let number = |connections| i64::try_from(connections).unwrap_or(i64::MAX);
            self.open.get_or_create(&label).set(number(open));
            self.used.get_or_create(&label).set(number(used));
            self.max.get_or_create(&label).set(number(max));
        }
    }
}
