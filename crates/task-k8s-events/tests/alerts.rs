//! Alerts, on every kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

mod common;

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use task_k8s_events::{
    AlertRule, AlertRuleOptions, AlertRules, EventRecord, EventStore, EventWriter, MIGRATIONS, Outcome,
};
use taskserver_alerts::{Alerts, Level, Policy, Route, alert_services};
use taskserver_core::{App, Query, Record, date_time};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::{TestDatabase, for_each_backend};

use common::{batch, event};

const HOUR: Duration = Duration::from_secs(3600);

fn rule(options: AlertRuleOptions) -> AlertRule {
    AlertRule::compile(AlertRuleOptions { name: "rule".into(), expression: "event.reason == 'Test'".into(), ..options })
        .unwrap()
}

fn with(policy: Policy) -> AlertRuleOptions {
    AlertRuleOptions { policy, ..AlertRuleOptions::default() }
}

/// A writer that raises alerts by this rule, for two receivers, and the app that shows them.
async fn alerting(database: &TestDatabase, options: AlertRuleOptions) -> (EventWriter, App) {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate_with(MIGRATIONS).await.unwrap();
    store.migrate_with(taskserver_alerts::MIGRATIONS).await.unwrap();
    let services = alert_services(&store).into_iter();
    let app = services.fold(App::builder(), |app, (path, service)| app.service(path, service)).build().unwrap();
    let rules = AlertRules::new(Alerts::new([Route::all("log"), Route::all("pager")]), vec![rule(options)]);
    let store = EventStore::new(store, "test").alerting(Arc::new(rules));
    (store.claim().await.unwrap(), app)
}

async fn alerts(app: &App) -> Vec<Record> {
    app.service("alert").find(Query::new().ascending("createdAt")).await.unwrap().data
}

/// An event that happens now.
fn now(uid: &str, version: u64, count: i64) -> EventRecord {
    EventRecord {
        count: Some(count),
        last_seen: Some(Timestamp::now()),
        message: format!("{version}"),
        ..event(uid, &version.to_string())
    }
}

fn outbox(database: &TestDatabase) -> Vec<Vec<String>> {
    database.query(r#"SELECT "receiver", "kind", "attempts" FROM "alert-delivery" ORDER BY "kind", "receiver""#)
}

for_each_backend! {
    async fn a_storm_of_one_kind_makes_one_alert_with_a_count(database: TestDatabase) {
        let options = AlertRuleOptions { level: Level::Critical, ..AlertRuleOptions::default() };
        let (mut writer, app) = alerting(&database, options).await;
        let first = Timestamp::now();
        for round in 0..4 {
            let storm = batch((0..500).map(|number| now(&format!("{round}-{number}"), 1000 * round + number, 1)));
            writer.store(&storm).await.unwrap();
            // As when it is not known whether it was stored.
            assert_eq!(writer.store(&storm).await.unwrap(), [Outcome::Stale; 500]);
        }
        let alerts = alerts(&app).await;
        let [alert] = &alerts[..] else { panic!("{alerts:?}") };
        let mut stable = alert.clone();
        for volatile in ["id", "firstSeen", "lastSeen", "resolveAt", "createdAt", "updatedAt"] {
            assert!(stable.remove(volatile).is_some(), "{volatile}");
        }
        assert_eq!(
            Value::Object(stable),
            json!({
                "cluster": "test", "rule": "rule", "level": "critical", "source": "kubernetes-events",
                "title": "Pod api: Test", "message": "3499", "group": "Pod/default/api", "events": 2000,
                "namespace": "default", "state": "firing", "resolvedAt": null, "deliveries": 0
            })
        );
        assert!(alert["firstSeen"].as_str() >= date_time(first).as_str());
        assert!(alert["firstSeen"].as_str() < alert["lastSeen"].as_str());
        assert_eq!(outbox(&database), [["log", "firing", "0"], ["pager", "firing", "0"]]);
    }

    async fn increments_of_one_event_count_and_each_group_has_its_own_alert(database: TestDatabase) {
        let options = with(Policy { min_count: 3, window: HOUR, ..AlertRuleOptions::default().policy });
        let (mut writer, app) = alerting(&database, options).await;
        let of = |pod: &str, event: EventRecord| {
            let involved = task_k8s_events::InvolvedObject { name: pod.into(), ..event.involved.clone() };
            EventRecord { involved, ..event }
        };
        writer.store(&batch([of("a", now("a", 1, 1)), of("b", now("b", 2, 2)), now("other", 3, 1)])).await.unwrap();
        assert_eq!(alerts(&app).await, []);
        writer.store(&batch([of("a", now("a", 4, 3)), of("b", now("b", 5, 2))])).await.unwrap();
        let raised = alerts(&app).await;
        let events: Vec<_> = raised.iter().map(|alert| (alert["group"].as_str().unwrap(), &alert["events"])).collect();
        assert_eq!(events, [("Pod/default/a", &json!(3))], "an event that is only written again does not count");
        writer.store(&batch([of("a", now("a", 6, 28)), of("b", now("b", 7, 3))])).await.unwrap();
        let mut events: Vec<_> =
            alerts(&app).await.iter().map(|alert| (alert["group"].clone(), alert["events"].clone())).collect();
        events.sort_by_key(|(group, _)| group.to_string());
        assert_eq!(events, [(json!("Pod/default/a"), json!(28)), (json!("Pod/default/b"), json!(3))]);
    }

    async fn an_alert_is_resolved_and_raised_anew_only_after_its_cool_down(database: TestDatabase) {
        for (cool_down, raised_anew) in [(HOUR, false), (Duration::ZERO, true)] {
            let options = with(Policy { resolve_after: Some(HOUR), cool_down, ..AlertRuleOptions::default().policy });
            let (mut writer, app) = alerting(&database, options).await;
            database.execute(r#"DELETE FROM "alert"; DELETE FROM "alert-group"; DELETE FROM "alert-delivery"; DELETE FROM "k8s-event""#);
            let old = Timestamp::now() - SignedDuration::from_mins(90);
            writer.store(&batch([EventRecord { last_seen: Some(old), ..now("a", 1, 1) }])).await.unwrap();
            assert_eq!(writer.resolve_alerts(old + SignedDuration::from_mins(59)).await.unwrap(), 0);
            let resolved_at = Timestamp::now();
            assert_eq!(writer.resolve_alerts(resolved_at).await.unwrap(), 1);
            assert_eq!(writer.resolve_alerts(resolved_at).await.unwrap(), 0);
            let resolved = alerts(&app).await;
            assert_eq!((&resolved[0]["state"], &resolved[0]["resolvedAt"]), (&json!("resolved"), &date_time(resolved_at)));
            assert_eq!(outbox(&database), [
                ["log", "firing", "0"],
                ["pager", "firing", "0"],
                ["log", "resolved", "0"],
                ["pager", "resolved", "0"]
            ]);
            writer.store(&batch([now("a", 2, 2)])).await.unwrap();
            let states: Vec<_> = alerts(&app).await.iter().map(|alert| alert["state"].clone()).collect();
            assert_eq!(states, if raised_anew { vec!["resolved", "firing"] } else { vec!["resolved"] });
        }
    }

    async fn what_is_not_stored_raises_no_alert(database: TestDatabase) {
        let (mut writer, app) = alerting(&database, AlertRuleOptions::default()).await;
        let (_other, _) = alerting(&database, AlertRuleOptions::default()).await;
        writer.store(&batch([now("a", 1, 1)])).await.unwrap_err();
        writer.resolve_alerts(Timestamp::now()).await.unwrap_err();
        assert_eq!(alerts(&app).await, []);
        assert!(outbox(&database).is_empty());
    }
}
