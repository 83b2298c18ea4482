//! What the monitor makes of what it probes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use taskserver_core::{
    App, Health, MONITORING, MemoryService, Metrics, Monitor, Outcome, PoolUse, Probe, Query, TokioClock,
    monitoring_schema,
};

#[derive(Clone, Default)]
struct Database {
    is_gone: Arc<AtomicBool>,
    is_silent: Arc<AtomicBool>,
}

#[async_trait]
impl Probe for Database {
    fn component(&self) -> &'static str {
        "database"
    }
    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        if self.is_silent.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if self.is_gone.load(Ordering::SeqCst) { Err("connection refused".into()) } else { Ok(()) }
    }
    fn pool(&self) -> Option<PoolUse> {
        Some(PoolUse { open: 3, used: 2, max: 8 })
    }
}

fn app(database: &Database) -> App {
    let metrics = Metrics::default();
    let monitor = Monitor::new("pod-0", &metrics).probe(database.clone()).retention(Duration::from_secs(100));
    let app = App::builder()
        .clock(TokioClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap()))
        .metrics(metrics)
        .service(MONITORING, MemoryService::new(monitoring_schema()))
        .task(monitor)
        .build()
        .unwrap();
    let _ = app.health().register("database", true);
    app
}

async fn sample(app: &App) {
    let run = app.tasks().run_and_wait(app, MONITORING).await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "{run:?}");
}

#[tokio::test(start_paused = true)]
async fn a_sample_is_health_gauges_and_a_record() {
    let app = app(&Database::default());
    sample(&app).await;
    assert_eq!(app.health().components()[0].health, Health::Ready);
    let metrics = app.metrics().encode();
    for line in [
        "taskserver_component_up{component=\"database\"} 1",
        "taskserver_pool_connections_open{component=\"database\"} 3",
        "taskserver_pool_connections_used{component=\"database\"} 2",
        "taskserver_pool_connections_max{component=\"database\"} 8",
    ] {
        assert!(metrics.contains(line), "{line} in {metrics}");
    }
    let samples = app.service(MONITORING).find(Query::new()).await.unwrap();
    assert_eq!(samples.total, 1);
    let record = &samples.data[0];
    assert_eq!((&record["instance"], &record["databaseConnections"]), (&"pod-0".into(), &2.into()));
    assert!(record["databaseLatencyMicros"].is_u64() && record["redisLatencyMicros"].is_null());
}

#[tokio::test(start_paused = true)]
async fn a_component_that_refuses_or_is_silent_is_down_and_comes_back() {
    let database = Database::default();
    let app = app(&database);
    database.is_gone.store(true, Ordering::SeqCst);
    sample(&app).await;
    assert_eq!(app.health().components()[0].health, Health::Down("connection refused".into()));
    assert!(app.metrics().encode().contains("taskserver_component_up{component=\"database\"} 0"));
    assert!(!app.metrics().encode().contains("component_latency_seconds{"));
    let health = |state: &str| format!("taskserver_component_health{{component=\"database\",state=\"{state}\"}}");
    for sample in [health("down") + " 1.0", health("ready") + " 0.0", "taskserver_ready 0.0".to_owned()] {
        assert!(app.metrics().encode().lines().any(|line| line == sample), "{sample}");
    }
    database.is_silent.store(true, Ordering::SeqCst);
    sample(&app).await;
    assert_eq!(app.health().components()[0].health, Health::Down("no answer within 5 s".into()));
    // Nothing is stored where the database is not reached.
    assert_eq!(app.service(MONITORING).find(Query::new()).await.unwrap().total, 0);
    database.is_gone.store(false, Ordering::SeqCst);
    database.is_silent.store(false, Ordering::SeqCst);
    sample(&app).await;
    assert_eq!(app.health().components()[0].health, Health::Ready);
}

#[tokio::test(start_paused = true)]
async fn samples_that_have_become_too_old_make_room() {
    let app = app(&Database::default());
    for _ in 0..5 {
        sample(&app).await;
        tokio::time::advance(Duration::from_secs(40)).await;
    }
    // Of the times 0, 40, 80, 120 and 160, the last sample has outlived the first two.
    assert_eq!(app.service(MONITORING).find(Query::new()).await.unwrap().total, 3);
}
