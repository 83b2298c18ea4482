//! What receivers are told, and when.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use taskserver_alerts::{Alert, DeliveryError, Route};
use taskserver_core::{App, Clock as _, Health};
use taskserver_store::Store;
use taskserver_tests::{TestDatabase, for_each_backend};

use common::{Producer, Scripted, TestClock, app, delivery, find, key, noon, store, until};

fn health(app: &App) -> Option<Health> {
    app.health().components().into_iter().find(|component| component.name == "alerts").map(|component| component.health)
}

/// A producer, and an app in which its alerts are delivered to this receiver.
fn delivering(store: &Store, clock: &TestClock, receiver: &Scripted) -> (Producer, App) {
    let app = app(store, clock);
    let delivery = delivery(store, "pager", receiver);
    let producer = Producer { store: store.clone(), alerts: delivery.alerts() };
    delivery.start(&app);
    (producer, app)
}

async fn stop(app: &App) {
    app.stop(Duration::from_secs(10)).await;
}

for_each_backend! {
    async fn a_receiver_that_was_down_for_an_hour_is_told_everything_once_and_in_order(database: TestDatabase) {
        let store = store(&database).await;
        let (clock, receiver) = (TestClock::default(), Scripted::default());
        receiver.is_down(true);
        let (producer, app) = delivering(&store, &clock, &receiver);
        for minute in 0..60 {
            let (now, group) = (clock.now(), minute.to_string());
            producer.raise(&[Alert::new(key(&group), "title", now)], now).await;
            if minute % 2 == 0 {
                producer.resolve(&key(&group), now).await;
            }
            clock.advance(SignedDuration::from_mins(1));
        }
        until("the receiver is known to be down", async || {
            health(&app) == Some(Health::Degraded("pager: it is down".into()))
        }).await;
        let attempts = receiver.get(|script| script.attempts);
        assert!((1..60).contains(&attempts), "{attempts} attempts in an hour");
        receiver.is_down(false);
        clock.advance(SignedDuration::from_mins(5));
        until("all is told", async || receiver.told().len() >= 90).await;
        let told = receiver.told();
        for minute in 0..60 {
            let of: Vec<&str> = told.iter().filter_map(|told| told.strip_suffix(&format!(" {minute}"))).collect();
            assert_eq!(of, if minute % 2 == 0 { vec!["firing", "resolved"] } else { vec!["firing"] }, "{minute}");
        }
        let ids: BTreeSet<String> = receiver.get(|script| script.delivered.iter().map(|it| it.id.clone()).collect());
        assert_eq!(ids.len(), 90);
        until("the receiver is known to be up", async || health(&app) == Some(Health::Ready)).await;
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "alert-delivery""#), [["0"]]);
        assert_eq!(find(&app, "alert").await[0]["deliveries"], 2);
        let log = app.service("alert-delivery-log").find(taskserver_core::Query::new().limit(100)).await.unwrap().data;
        assert_eq!(log.len(), 90);
        assert!(log.iter().all(|it| it["state"] == "delivered" && it["receiver"] == "pager" && it["lastError"].is_null()));
        // One was tried as often as the receiver, and then told.
        let tried: u64 = log.iter().map(|it| it["attempts"].as_u64().unwrap()).sum();
        assert_eq!(tried, receiver.get(|script| script.attempts) as u64);
        stop(&app).await;
    }

    async fn many_receivers_that_are_told_for_the_first_time_at_once_are_told_once(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store, &TestClock::default());
        let receivers: Vec<Scripted> = (0..8).map(|_| Scripted::default()).collect();
        let mut delivery = delivery(&store, "0", &receivers[0]);
        for (index, receiver) in receivers.iter().enumerate().skip(1) {
            delivery.add(Route::all(index.to_string()), receiver.clone());
        }
        let producer = Producer { store: store.clone(), alerts: delivery.alerts() };
        producer.report("Monday", noon()).await;
        delivery.start(&app);
        until("all is noted", async || database.query(r#"SELECT COUNT(*) FROM "alert-delivery""#) == [["0"]]).await;
        for receiver in &receivers {
            assert_eq!(receiver.told(), ["report Monday"]);
        }
        stop(&app).await;
    }

    async fn a_restart_neither_forgets_nor_hurries(database: TestDatabase) {
        let store = store(&database).await;
        let (clock, receiver) = (TestClock::default(), Scripted::default());
        let asks = DeliveryError::Unavailable { reason: "too much".into(), retry_after: Some(Duration::from_secs(600)) };
        receiver.set(|script| script.fails = Some(asks));
        let (producer, app) = delivering(&store, &clock, &receiver);
        producer.raise(&[Alert::new(key("a"), "title", clock.now())], clock.now()).await;
        until("it was tried", async || receiver.get(|script| script.attempts) == 1).await;
        until("it is noted", async || find_receiver(&app).await.is_some()).await;
        assert_eq!(
            find_receiver(&app).await.unwrap(),
            ("pager".to_owned(), 1, "2026-11-24T12:10:00.000Z".to_owned(), "too much".to_owned())
        );
        stop(&app).await;

        receiver.is_down(false);
        let (_, app) = delivering(&store, &clock, &receiver);
        clock.advance(SignedDuration::from_mins(9));
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(receiver.get(|script| script.attempts), 1, "it was asked to wait");
        clock.advance(SignedDuration::from_mins(1));
        until("it is told", async || receiver.told() == ["firing a"]).await;
        stop(&app).await;
    }
}

async fn find_receiver(app: &App) -> Option<(String, u64, String, String)> {
    let row = app.service("alert-receiver").find(taskserver_core::Query::new()).await.unwrap().data.pop()?;
    let text = |name: &str| row[name].as_str().unwrap().to_owned();
    Some((text("id"), row["failures"].as_u64().unwrap(), text("nextAttemptAt"), text("lastError")))
}

#[tokio::test]
async fn what_a_receiver_does_not_take_lets_others_pass_and_is_given_up_in_the_end() {
    let database = TestDatabase::sqlite();
    let store = store(&database).await;
    let (clock, receiver) = (TestClock::default(), Scripted::default());
    receiver.set(|script| script.rejects = Some("firing odd".into()));
    let (producer, app) = delivering(&store, &clock, &receiver);
    let now = clock.now();
    for group in ["odd", "even"] {
        producer.raise(&[Alert::new(key(group), "title", now)], now).await;
    }
    producer.resolve(&key("odd"), now).await;
    until("the other is told", async || receiver.told() == ["firing even"]).await;
    receiver.set(|script| script.attempts = 0);
    for attempt in 1..5 {
        clock.advance(SignedDuration::from_mins(1));
        until("it is tried again", async || receiver.get(|script| script.attempts) >= attempt).await;
    }
    // Given up is the first alone; what became of the alert is told.
    until("the rest is told", async || receiver.told() == ["firing even", "resolved odd"]).await;
    let given_up = r#"taskserver_alert_deliveries_total{receiver="pager",result="given_up"} 1"#;
    let logged =
        r#"SELECT "kind", "state", "attempts", "lastError" FROM "alert-delivery-log" ORDER BY "kind", "state""#;
    let reason = receiver.get(|script| script.rejects.clone()).unwrap();
    let log = database.query(logged);
    assert_eq!(log[0][..3], ["firing", "delivered", "1"]);
    assert_eq!(log[1][..3], ["firing", "given up", "5"], "{reason}");
    assert_eq!(log[2][..3], ["resolved", "delivered", "1"]);
    assert!(app.metrics().encode().lines().any(|line| line == given_up), "{}", app.metrics().encode());
    stop(&app).await;
}

#[tokio::test]
async fn a_receiver_is_reminded_of_what_is_firing() {
    let database = TestDatabase::sqlite();
    let store = store(&database).await;
    let (clock, receiver) = (TestClock::default(), Scripted::default());
    receiver.set(|script| script.remind_every = Some(Duration::from_secs(60)));
    let (producer, app) = delivering(&store, &clock, &receiver);
    let now = clock.now();
    let alerts: Vec<Alert> = (0..250).map(|group| Alert::new(key(&group.to_string()), "title", now)).collect();
    producer.raise(&alerts, now).await;
    until("all are told", async || receiver.told().len() == 250).await;
    producer.resolve(&key("7"), now).await;
    until("it is resolved", async || receiver.told().len() == 251).await;
    receiver.set(|script| script.reminded.clear());
    clock.advance(SignedDuration::from_secs(60));
    until("it is reminded", async || receiver.get(|script| script.reminded.iter().flatten().count()) >= 249).await;
    let reminded: Vec<String> = receiver.get(|script| script.reminded.iter().flatten().cloned().collect());
    assert_eq!(reminded.len(), 249);
    assert!(!reminded.contains(&"7".to_owned()));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(receiver.get(|script| script.reminded.iter().flatten().count()), 249, "not more often than it wants");
    stop(&app).await;
}
