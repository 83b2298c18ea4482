//! What the tests share: a store, a producer, a clock that a test sets, and a receiver that a test scripts.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use taskserver_alerts::{
    Alert, AlertDelivery, AlertRecord, Alerts, Content, Delivery, DeliveryError, DeliveryOptions, Key, MIGRATIONS,
    Receiver, Report, Route, alert_services,
};
use taskserver_core::{App, Clock, Query, Record};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::TestDatabase;
use tokio::time::{sleep, timeout};

pub const NOON: &str = "2026-11-24T12:00:00Z";

pub fn noon() -> Timestamp {
    NOON.parse().unwrap()
}

pub async fn store(database: &TestDatabase) -> Store {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate_with(MIGRATIONS).await.unwrap();
    store
}

/// An app that shows the alerts.
pub fn app(store: &Store, clock: &TestClock) -> App {
    let services = alert_services(store).into_iter();
    let app = App::builder().clock(clock.clone());
    services.fold(app, |app, (path, service)| app.service(path, service)).build().unwrap()
}

pub async fn find(app: &App, service: &str) -> Vec<Record> {
    app.service(service).find(Query::new().ascending("createdAt")).await.unwrap().data
}

pub fn key(group: &str) -> Key {
    Key::new("test", "rule", group)
}

/// A producer.
pub struct Producer {
    pub store: Store,
    pub alerts: Alerts,
}

impl Producer {
    pub async fn raise(&self, alerts: &[Alert], now: Timestamp) -> usize {
        let mut transaction = self.store.begin().await.unwrap();
        let result = self.alerts.raise(&mut transaction, alerts, now).await;
        transaction.conclude(result).await.unwrap()
    }

    pub async fn resolve(&self, key: &Key, now: Timestamp) -> bool {
        let mut transaction = self.store.begin().await.unwrap();
        let result = self.alerts.resolve(&mut transaction, key, now).await;
        transaction.conclude(result).await.unwrap()
    }

    pub async fn resolve_due(&self, now: Timestamp) -> usize {
        let mut transaction = self.store.begin().await.unwrap();
        let result = self.alerts.resolve_due(&mut transaction, "test", None, now).await;
        transaction.conclude(result).await.unwrap()
    }

    pub async fn report(&self, name: &str, now: Timestamp) -> bool {
        let (source, title, markdown) = ("test".into(), "A day".into(), "**All** is well.".into());
        let mut transaction = self.store.begin().await.unwrap();
        let report = Report { source, name: name.into(), title, markdown, data: json!({"users": 3}) };
        let result = self.alerts.report(&mut transaction, &report, now).await;
        transaction.conclude(result).await.unwrap()
    }
}

/// A clock that a test sets.
#[derive(Clone)]
pub struct TestClock(Arc<AtomicI64>);

impl Default for TestClock {
    fn default() -> Self {
        Self(Arc::new(noon().as_microsecond().into()))
    }
}

impl TestClock {
    pub fn advance(&self, time: SignedDuration) {
        self.0.fetch_add(i64::try_from(time.as_micros()).unwrap(), Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_microsecond(self.0.load(Ordering::SeqCst)).unwrap()
    }
}

/// A receiver that a test scripts: it fails as it is told, and remembers what it was told.
#[derive(Clone, Default)]
pub struct Scripted(Arc<Mutex<Script>>);

#[derive(Default)]
pub struct Script {
    pub fails: Option<DeliveryError>,
    pub rejects: Option<String>,
    pub attempts: usize,
    pub delivered: Vec<Delivery>,
    pub reminded: Vec<Vec<String>>,
    pub remind_every: Option<Duration>,
}

impl Scripted {
    pub fn set(&self, set: impl FnOnce(&mut Script)) {
        set(&mut self.0.lock().unwrap());
    }

    pub fn get<T>(&self, get: impl FnOnce(&Script) -> T) -> T {
        get(&self.0.lock().unwrap())
    }

    pub fn is_down(&self, is_down: bool) {
        let error = DeliveryError::Unavailable { reason: "it is down".into(), retry_after: None };
        self.set(|script| script.fails = is_down.then_some(error));
    }

    /// What it was told, as `STATE GROUP` or `report NAME`.
    pub fn told(&self) -> Vec<String> {
        let text = |delivery: &Delivery| match &delivery.content {
            Content::Alert(alert) => format!("{} {}", alert.state, alert.group),
            Content::Report(report) => format!("report {}", report.name),
        };
        self.get(|script| script.delivered.iter().map(text).collect())
    }
}

#[async_trait]
impl Receiver for Scripted {
    async fn deliver(&self, delivery: &Delivery, _now: Timestamp) -> Result<(), DeliveryError> {
        let mut script = self.0.lock().unwrap();
        script.attempts += 1;
        if let Some(error) = &script.fails {
            return Err(error.clone());
        }
        if let (Some(rejected), Content::Alert(alert)) = (&script.rejects, &delivery.content)
            && format!("{} {}", alert.state, alert.group) == *rejected
        {
            return Err(DeliveryError::Rejected("it makes no sense".into()));
        }
        script.delivered.push(delivery.clone());
        Ok(())
    }

    fn remind_every(&self) -> Option<Duration> {
        self.get(|script| script.remind_every)
    }

    async fn remind(&self, firing: &[AlertRecord], _now: Timestamp) -> Result<(), DeliveryError> {
        let mut script = self.0.lock().unwrap();
        match &script.fails {
            Some(error) => Err(error.clone()),
            None => {
                script.reminded.push(firing.iter().map(|alert| alert.group.clone()).collect());
                Ok(())
            }
        }
    }
}

/// Delivers to this receiver alone, with short looks at the outbox.
pub fn delivery(store: &Store, name: &str, receiver: &Scripted) -> AlertDelivery {
    let options = DeliveryOptions { poll_every: Duration::from_millis(5), ..DeliveryOptions::default() };
    let mut delivery = AlertDelivery::new(store, options);
    delivery.add(Route::all(name), receiver.clone());
    delivery
}

/// Waits until something holds, which it does soon.
pub async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let holding = async {
        while !holds().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), holding).await.unwrap_or_else(|_| panic!("never: {what}"));
}
