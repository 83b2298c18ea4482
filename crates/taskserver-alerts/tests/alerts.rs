//! Alerts as producers raise and resolve them, on every kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::SignedDuration;
use serde_json::{Value, json};
use taskserver_alerts::{
    Alert, AlertRetention, AlertRetentionTask, Alerts, Level, Occurrences, Policy, Route, alert_services,
};
use taskserver_core::App;
use taskserver_tests::{TestDatabase, for_each_backend};

use common::{Producer, TestClock, app, find, key, noon, store};

const HOUR: Duration = Duration::from_secs(3600);

async fn producer(database: &TestDatabase, routes: impl IntoIterator<Item = Route>) -> (Producer, App) {
    let store = store(database).await;
    let app = app(&store, &TestClock::default());
    (Producer { store, alerts: Alerts::new(routes) }, app)
}

fn outbox(database: &TestDatabase) -> Vec<Vec<String>> {
    database.query(r#"SELECT "receiver", "kind" FROM "alert-delivery" ORDER BY "seq""#)
}

for_each_backend! {
    async fn a_storm_makes_one_alert_with_a_count_until_it_is_resolved(database: TestDatabase) {
        let (producer, app) = producer(&database, [Route::all("pager")]).await;
        for second in 0..100 {
            let now = noon() + SignedDuration::from_secs(second);
            let seen = vec![Occurrences { time: now, count: 1000 }];
            let alert = Alert { seen, ..Alert::new(key("a"), format!("title {second}"), now).level(Level::Critical) };
            assert_eq!(producer.raise(&[alert.message("why")], now).await, usize::from(second == 0));
        }
        let raised = find(&app, "alert").await;
        let [alert] = &raised[..] else { panic!("{raised:?}") };
        let mut alert = alert.clone();
        alert.remove("id").unwrap();
        assert_eq!(
            Value::Object(alert),
            json!({
                "source": "test", "rule": "rule", "group": "a", "cluster": null, "namespace": null, "level": "critical",
                "title": "title 99", "message": "why", "state": "firing", "firstSeen": "2026-11-24T12:00:00.000Z",
                "lastSeen": "2026-11-24T12:01:39.000Z", "events": 100_000, "resolveAt": null, "resolvedAt": null,
                "deliveries": 0, "createdAt": "2026-11-24T12:00:00.000Z", "updatedAt": "2026-11-24T12:01:39.000Z"
            })
        );
        let later = noon() + SignedDuration::from_hours(1);
        assert!(producer.resolve(&key("a"), later).await);
        assert!(!producer.resolve(&key("a"), later).await);
        let resolved = find(&app, "alert").await;
        assert_eq!((&resolved[0]["state"], &resolved[0]["resolvedAt"]), (&json!("resolved"), &json!("2026-11-24T13:00:00.000Z")));
        assert_eq!(outbox(&database), [["pager", "firing"], ["pager", "resolved"]]);
        assert_eq!(producer.raise(&[Alert::new(key("a"), "again", later)], later).await, 1);
        assert_eq!(find(&app, "alert").await.len(), 2);
    }

    async fn an_alert_ends_with_its_time_and_is_raised_anew_after_its_cool_down(database: TestDatabase) {
        let (producer, app) = producer(&database, []).await;
        let policy = Policy { resolve_after: Some(HOUR), cool_down: HOUR, ..Policy::default() };
        let at = |minutes: i64| noon() + SignedDuration::from_mins(minutes);
        // A group of such a name that no column holds it whole.
        let key = key(&"long ".repeat(100));
        let alert = |minutes| Alert::new(key.clone(), "title", at(minutes)).policy(policy);
        assert_eq!(producer.raise(&[alert(0)], at(0)).await, 1);
        assert_eq!(producer.raise(&[alert(30)], at(30)).await, 0);
        assert_eq!(producer.raise(&[alert(10)], at(30)).await, 0);
        assert_eq!(producer.resolve_due(at(89)).await, 0);
        assert_eq!(producer.resolve_due(at(90)).await, 1);
        assert_eq!(producer.resolve_due(at(90)).await, 0);
        assert_eq!(producer.raise(&[alert(149)], at(149)).await, 0);
        assert_eq!(producer.raise(&[alert(150)], at(150)).await, 1);
        let events: Vec<Value> = find(&app, "alert").await.iter().map(|alert| alert["events"].clone()).collect();
        assert_eq!(events, [3, 1]);
    }

    async fn a_receiver_is_told_of_the_levels_that_it_is_for(database: TestDatabase) {
        let route = |receiver: &str, levels: &[Level], reports| Route { receiver: receiver.into(), levels: levels.into(), reports };
        let routes = [route("log", &Level::ALL, true), route("pager", &[Level::Critical], false)];
        let (producer, app) = producer(&database, routes).await;
        for (group, level) in [("a", Level::Warning), ("b", Level::Critical)] {
            producer.raise(&[Alert::new(key(group), "title", noon()).level(level)], noon()).await;
        }
        assert!(producer.report("Monday", noon()).await);
        assert!(!producer.report("Monday", noon()).await, "a report is made once");
        assert_eq!(outbox(&database), [["log", "firing"], ["log", "firing"], ["pager", "firing"], ["log", "report"]]);
        let reports = find(&app, "report").await;
        assert_eq!((&reports[0]["markdown"], &reports[0]["data"]), (&json!("**All** is well."), &json!(r#"{"users":3}"#)));
    }

    async fn what_is_too_old_is_deleted_and_what_is_firing_is_not(database: TestDatabase) {
        let (producer, _) = producer(&database, [Route::all("pager")]).await;
        let days = |days: i64| noon() + SignedDuration::from_hours(24 * days);
        for (group, raised, resolved) in [("a", 0, Some(1)), ("b", 0, Some(5)), ("c", 0, None)] {
            producer.raise(&[Alert::new(key(group), "title", days(raised))], days(raised)).await;
            if let Some(resolved) = resolved {
                producer.resolve(&key(group), days(resolved)).await;
            }
        }
        producer.report("old", days(0)).await;
        producer.report("new", days(5)).await;
        let age = |days: u64| Some(Duration::from_secs(days * 24 * 3600));
        let retention = AlertRetention { max_age: age(3), max_delivery_age: age(2) };
        let clock = TestClock::default();
        clock.advance(SignedDuration::from_hours(6 * 24));
        let services = alert_services(&producer.store).into_iter();
        let app = services.fold(App::builder().clock(clock), |app, (path, service)| app.service(path, service));
        let task = AlertRetentionTask::new(producer.store.clone(), Arc::new(Mutex::new(retention)));
        let app = app.task(task).build().unwrap();
        let run = app.tasks().run_and_wait(&app, "alerts-maintenance").await.unwrap();
        // What was to be said of the first two days.
        assert_eq!(run.result, json!({"alerts": 1, "reports": 1, "deliveries": 5}));
        let groups: BTreeSet<String> =
            find(&app, "alert").await.iter().map(|alert| alert["group"].as_str().unwrap().to_owned()).collect();
        assert_eq!(groups, ["b", "c"].map(str::to_owned).into());
        assert_eq!(outbox(&database), [["pager", "resolved"], ["pager", "report"]]);
    }
}
