//! The process of the collector, composed as the server composes it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kube::Config;
use task_k8s_events::{
    AlertRule, AlertRules, Collector, CollectorOptions, EventCollector, EventStore, LogLimit, MIGRATIONS,
    builtin_alert_rules, connect, event_services,
};
use taskserver_alerts::Alerts;
use taskserver_core::App;
use taskserver_store::{Store, StoreOptions};

use crate::worker::{say, wait_for_end};

const CREATED: &str = "taskserver_kubernetes_events_stored_total{result=\"created\"}";

/// Says the seconds until so many events are stored, and goes on collecting.
#[tokio::main]
pub(crate) async fn run(cluster: &str, database: &str, events: usize) {
    let store = Store::new(StoreOptions::new(database).expect("a URL")).expect("a store");
    store.migrate().await.expect("the tables");
    store.migrate_with(MIGRATIONS).await.expect("the tables");
    store.migrate_with(taskserver_alerts::MIGRATIONS).await.expect("the tables");
    let services = event_services(&store).into_iter();
    let app = services.fold(App::builder(), |app, (path, service)| app.service(path, service)).build().expect("an app");
    let client = connect(Config::new(cluster.parse().expect("a URL"))).expect("a client");
    let collector = Collector::new(client, CollectorOptions::default()).expect("good options");
    let rules = builtin_alert_rules().into_iter().map(|rule| AlertRule::compile(rule).expect("a good rule")).collect();
    let events_store = EventStore::new(store, "default").alerting(Arc::new(AlertRules::new(Alerts::default(), rules)));

    let start = Instant::now();
    // Lines of the log are another matter.
    let limit = LogLimit { lines: 0, ..LogLimit::default() };
    EventCollector::new(collector, events_store, app.metrics()).log_limit(limit).start(&app);
    while stored(&app) < events {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    say(start.elapsed().as_secs_f64());
    tokio::task::spawn_blocking(wait_for_end).await.expect("no panic");
}

fn stored(app: &App) -> usize {
    let metrics = app.metrics().encode();
    let mut counts = metrics.lines().filter_map(|line| line.strip_prefix(CREATED));
    counts.next().map_or(0, |count| count.trim().parse().expect("a number"))
}
