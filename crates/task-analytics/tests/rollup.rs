//! Roll-ups, on each kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
#![cfg(feature = "store")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use task_analytics::rollup::{MIGRATIONS, ROLLUP, RollupTask, follow, rollup_service};
use taskserver_core::{App, Outcome, Query, Record};
use taskserver_store::{Store, StoreOptions, platform_services};
use taskserver_tests::{TestDatabase, for_each_backend};

async fn app(database: &TestDatabase) -> (App, Store) {
    database.create_platform_tables();
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate_with(MIGRATIONS).await.unwrap();
    let builder = App::builder().task(RollupTask::new(store.clone())).service(ROLLUP, rollup_service(&store));
    let services = platform_services(&store).into_iter();
    let app = services.fold(builder, |builder, (path, service)| builder.service(path, service)).build().unwrap();
    (app, store)
}

/// Writes a figure as the platform would, without telling anybody.
fn insert(database: &TestDatabase, id: &str, kind: &str, count: i64, at: Timestamp) {
    let at = at.strftime("%Y-%m-%d %H:%M:%S");
    database.execute(&format!(
        r#"INSERT INTO "analytics" ("id", "type", "count", "createdAt", "updatedAt") VALUES ('{id}', '{kind}', {count}, '{at}', '{at}')"#
    ));
}

/// The roll-ups of a length, in the order of time: type, last, least, greatest.
async fn rollups(app: &App, period: i64) -> Vec<(String, i64, i64, i64)> {
    let query = Query::new().eq("period", period).ascending("start").ascending("type").limit(100);
    let number = |row: &Record, field: &str| row[field].as_i64().unwrap();
    let row = |row: &Record| {
        (row["type"].as_str().unwrap().to_owned(), number(row, "last"), number(row, "min"), number(row, "max"))
    };
    app.service(ROLLUP).find(query).await.unwrap().data.iter().map(row).collect()
}

async fn refill(app: &App) -> Value {
    let run = app.tasks().run_and_wait(app, "analytics-rollup").await.unwrap();
    assert_eq!((run.outcome, &run.error), (Some(Outcome::Succeeded), &None));
    run.result
}

/// The beginning of the piece of six hours before the present one.
fn beginning() -> Timestamp {
    Timestamp::from_second(Timestamp::now().as_second().div_euclid(21_600) * 21_600 - 21_600).unwrap()
}

for_each_backend! {
    async fn what_was_there_before_is_rolled_up_however_often(database: TestDatabase) {
        let (app, _store) = app(&database).await;
        let begin = beginning();
        let figures = [(0, 5), (600, 9), (899, 7), (900, 20), (8000, 1)];
        for (index, (seconds, count)) in figures.into_iter().enumerate() {
            // Ids of every beginning, and of none that a UUID has.
            let id = format!("{}-{index}", ["0a", "9f", "ff", "zz", "  "][index]);
            insert(&database, &id, "users", count, begin + SignedDuration::from_secs(seconds));
        }
        insert(&database, "seats", "seats", 3, begin);
        insert(&database, "old", "users", 1000, begin - SignedDuration::from_hours(33 * 24));
        for _ in 0..2 {
            refill(&app).await;
            let users = |last, min, max| ("users".to_owned(), last, min, max);
            let seats = ("seats".to_owned(), 3, 3, 3);
            assert_eq!(rollups(&app, 900).await, [seats.clone(), users(7, 5, 9), users(20, 20, 20), users(1, 1, 1)]);
            assert_eq!(rollups(&app, 7200).await, [seats.clone(), users(20, 5, 20), users(1, 1, 1)]);
            assert_eq!(rollups(&app, 21_600).await, [seats, users(1, 1, 20)]);
        }
    }
}

for_each_backend! {
    async fn what_is_created_is_rolled_up_at_once_and_a_later_run_changes_nothing(database: TestDatabase) {
        let (app, store) = app(&database).await;
        let following = tokio::spawn(follow(app.clone(), store));
        // Whoever follows has to have begun.
        while rollups(&app, 900).await.is_empty() {
            app.service("analytics").create(json!({"type": "users", "count": 4})).await.unwrap();
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let records = [3, 8, 5].map(|count| json!({"type": "users", "count": count}).as_object().unwrap().clone());
        for record in records {
            app.service("analytics").create(Value::Object(record)).await.unwrap();
        }
        let bounds = async || rollups(&app, 21_600).await.last().map(|(_, _, least, greatest)| (*least, *greatest));
        let deadline = std::time::Instant::now() + Duration::from_secs(20);
        while bounds().await != Some((3, 8)) {
            assert!(std::time::Instant::now() < deadline, "{:?}", rollups(&app, 21_600).await);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        refill(&app).await;
        assert_eq!(bounds().await, Some((3, 8)));
        following.abort();
    }
}
