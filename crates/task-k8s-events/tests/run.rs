//! The collector as a part of an app.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;
use task_k8s_events::{EventCollector, EventFilter, EventStore, KUBERNETES_EVENTS, MIGRATIONS, Rule, event_services};
use taskserver_core::{App, AppBuilder, Election, ElectionOptions, Health, LeaseError, LeaseRecord, LeaseStore, Query};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::kubernetes::{ApiServer, Fault};
use taskserver_tests::{TestDatabase, for_each_backend};
use tokio::time::{sleep, timeout};

use common::{EVENTS, collector, options, write, write_many};

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

fn app(store: &Store) -> AppBuilder {
    event_services(store).into_iter().fold(App::builder(), |app, (path, service)| app.service(path, service))
}

fn event_collector(server: &ApiServer, store: &Store, app: &App) -> EventCollector {
    EventCollector::new(collector(server, options()), EventStore::new(store.clone(), "test"), app.metrics())
}

fn health(app: &App) -> Health {
    app.health().components().into_iter().find(|component| component.name == KUBERNETES_EVENTS).unwrap().health
}

async fn stored(app: &App) -> u64 {
    app.service("k8s-event").find(Query::new().limit(0)).await.map_or(0, |page| page.total)
}

/// Waits until something holds, which it does soon.
async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let holding = async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(60), holding).await.expect("it holds soon");
}

for_each_backend! {
    async fn an_app_collects_until_it_stops(database: TestDatabase) {
        let store = store(&database);
        store.migrate_with(MIGRATIONS).await.unwrap();
        let app = app(&store).build().unwrap();
        let server = ApiServer::start().await;
        write_many(&server, 20);
        let running = event_collector(&server, &store, &app).start(&app);
        until(|| async { stored(&app).await == 20 && health(&app) == Health::Ready }).await;
        write(&server, "default", "later");
        until(|| async { stored(&app).await == 21 }).await;
        let metrics = app.metrics().encode();
        for line in [
            "taskserver_kubernetes_events_received_total 21",
            "taskserver_kubernetes_events_stored_total{result=\"created\"} 21",
            "taskserver_kubernetes_events_rejected_total 0",
        ] {
            assert!(metrics.lines().any(|it| it == line), "{line} is not in {metrics}");
        }
        app.stop(Duration::from_secs(10)).await;
        running.await.unwrap();
    }

    async fn a_database_that_fails_is_told_and_tried_again(database: TestDatabase) {
        let store = store(&database);
        let app = app(&store).build().unwrap();
        let server = ApiServer::start().await;
        write_many(&server, 3);
        event_collector(&server, &store, &app).start(&app);
        let missing = "events cannot be stored: the database has no table `k8s-event-cursor`";
        until(|| async { app.health().components().len() == 1 && health(&app) == Health::Down(missing.into()) }).await;
        store.migrate_with(MIGRATIONS).await.unwrap();
        until(|| async { stored(&app).await == 3 && health(&app) == Health::Ready }).await;
        app.stop(Duration::from_secs(10)).await;
    }
}

/// An app over a migrated SQLite database.
async fn sqlite(with: impl FnOnce(AppBuilder) -> AppBuilder) -> (TestDatabase, Store, App) {
    let database = TestDatabase::sqlite();
    let store = store(&database);
    store.migrate_with(MIGRATIONS).await.unwrap();
    let app = with(app(&store)).build().unwrap();
    (database, store, app)
}

#[tokio::test]
async fn missing_rights_are_one_clear_report_until_they_are_given() {
    let (_database, store, app) = sqlite(|app| app).await;
    let server = ApiServer::start().await;
    write_many(&server, 3);
    server.deny("list", EVENTS);
    event_collector(&server, &store, &app).start(&app);
    until(|| async { matches!(health_of(&app), Some(Health::Down(_))) }).await;
    let reason = health(&app).reason().unwrap().to_owned();
    assert!(
        reason.starts_with(
            "not allowed to list events in all namespaces: add the rule {apiGroups: [\"\"], resources: [\"events\"], \
             verbs: [\"list\", \"watch\"]} to the ClusterRole of this account"
        ),
        "{reason}"
    );
    server.allow_everything();
    until(|| async { stored(&app).await == 3 && health(&app) == Health::Ready }).await;
    assert!(app.metrics().encode().contains("taskserver_kubernetes_event_failures_total{reason=\"forbidden\"}"));
}

fn health_of(app: &App) -> Option<Health> {
    app.health().components().into_iter().find(|it| it.name == KUBERNETES_EVENTS).map(|it| it.health)
}

#[tokio::test]
async fn without_a_cluster_it_is_disabled_and_the_app_is_ready() {
    let (_database, _store, app) = sqlite(|app| app).await;
    EventCollector::disabled(&app, "there is no cluster");
    assert_eq!(health(&app), Health::Disabled("there is no cluster".into()));
    assert!(app.health().is_ready());
}

#[tokio::test]
async fn a_large_backlog_does_not_keep_the_app_from_starting_and_is_seen_page_by_page() {
    let (_database, store, app) = sqlite(|app| app).await;
    let server = ApiServer::start().await;
    write_many(&server, 1200);
    // The second page does not come.
    server.fail("list", EVENTS, 1, Fault::Delay(Duration::ZERO));
    server.fail("list", EVENTS, 1, Fault::Silence);
    app.start();
    event_collector(&server, &store, &app).start(&app);
    assert!(app.health().is_ready());
    until(|| async { stored(&app).await == 500 }).await;
    assert!(app.health().is_ready());
    app.stop(Duration::from_secs(10)).await;
}

#[tokio::test]
async fn an_item_that_is_no_event_is_counted_and_the_others_are_stored() {
    let (_database, store, app) = sqlite(|app| app).await;
    let server = ApiServer::start().await;
    server.create(EVENTS, "default", json!({ "metadata": { "name": "bad" }, "count": "many" }));
    write_many(&server, 3);
    event_collector(&server, &store, &app).start(&app);
    until(|| async { stored(&app).await == 3 && health(&app) == Health::Ready }).await;
    assert!(app.metrics().encode().lines().any(|line| line == "taskserver_kubernetes_events_rejected_total 1"));
}

#[tokio::test]
async fn what_the_filter_leaves_out_is_counted_and_not_stored() {
    let (_database, store, app) = sqlite(|app| app).await;
    let server = ApiServer::start().await;
    write_many(&server, 10);
    let filter = EventFilter::new(None, Some(Rule::compile("event.metadata.name.endsWith('7')").unwrap()));
    event_collector(&server, &store, &app).filter(filter).start(&app);
    until(|| async { stored(&app).await == 9 }).await;
    assert!(app.metrics().encode().lines().any(|line| line == "taskserver_kubernetes_events_excluded_total 1"));
}

/// A lease that somebody else holds, and renews.
struct Held(std::sync::atomic::AtomicU64);

#[async_trait]
impl LeaseStore for Held {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        let version = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed).to_string();
        Ok(Some(LeaseRecord { holder: Some("other".into()), term: 1, duration: Duration::from_secs(15), version }))
    }

    async fn write(&self, _: Option<&LeaseRecord>, _: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        Ok(None)
    }
}

#[tokio::test]
async fn a_replica_that_does_not_lead_asks_the_server_nothing() {
    let election = Election::new(Held(0.into()), "this", ElectionOptions::default()).unwrap();
    let (_database, store, app) = sqlite(|app| app.election(election)).await;
    let server = ApiServer::start().await;
    app.start();
    event_collector(&server, &store, &app).start(&app);
    let following = Health::Disabled("another replica leads, and collects them".into());
    until(|| async { health_of(&app).as_ref() == Some(&following) }).await;
    sleep(Duration::from_millis(200)).await;
    assert!(server.requests().is_empty());
    app.stop(Duration::from_secs(10)).await;
}
