//! The figures of a platform's database, on each kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
#![cfg(feature = "store")]

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use task_analytics::{
    AnalyticsTask, Daily, DailySource as _, Figure, FigureError, MetricSource, RowPruner, SqlMetric, SqlMetrics, row_id,
};
use taskserver_core::{App, Outcome, Query};
use taskserver_store::{Store, StoreOptions, platform_services};
use taskserver_tests::platform::figures;
use taskserver_tests::{Backend, TestDatabase, for_each_backend};

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

fn with_edges(database: &TestDatabase) -> Store {
    database.create_platform_tables();
    database.insert_platform_edges();
    store(database)
}

async fn outcomes(metrics: &SqlMetrics) -> BTreeMap<String, Result<i64, FigureError>> {
    let figures = metrics.figures().await.unwrap();
    figures.into_iter().map(|Figure { metric, outcome }| (metric, outcome)).collect()
}

fn expected() -> BTreeMap<String, Result<i64, FigureError>> {
    let figures = [
        ("activeChannels", figures::ACTIVE_CHANNELS),
        ("instanceUsers", figures::INSTANCE_USERS),
        ("channelUsers", figures::CHANNEL_USERS),
        ("activeInstances", figures::ACTIVE_INSTANCES),
        ("activeLocations", figures::ACTIVE_LOCATIONS),
        ("activeScenes", figures::ACTIVE_SCENES),
    ];
    figures.into_iter().map(|(metric, count)| (metric.to_owned(), Ok(count))).collect()
}

fn disabled(reason: &str) -> Result<i64, FigureError> {
    Err(FigureError::Disabled(reason.to_owned()))
}

fn own(name: &str, sql: &str) -> SqlMetric {
    SqlMetric { name: name.into(), sql: sql.into(), timeout: None }
}

fn app(store: &Store, metrics: SqlMetrics) -> App {
    let builder = App::builder().task(AnalyticsTask::new(metrics));
    let services = platform_services(store).into_iter();
    services.fold(builder, |builder, (path, service)| builder.service(path, service)).build().unwrap()
}

for_each_backend! {
    async fn the_figures_are_right_with_every_edge_in_the_data(database: TestDatabase) {
        let metrics = SqlMetrics::new(with_edges(&database), Vec::new());
        assert_eq!(outcomes(&metrics).await, expected());
    }

    async fn an_empty_platform_has_figures_of_nothing(database: TestDatabase) {
        database.create_platform_tables();
        let metrics = SqlMetrics::new(store(&database), Vec::new());
        assert!(outcomes(&metrics).await.into_values().all(|outcome| outcome == Ok(0)));
    }

    async fn the_daily_figures_are_right(database: TestDatabase) {
        let metrics = SqlMetrics::new(with_edges(&database), Vec::new());
        let now: jiff::civil::DateTime = figures::NOW.parse().unwrap();
        let now = now.to_zoned(TimeZone::UTC).unwrap().timestamp();
        assert_eq!(metrics.daily(Daily::Users, now, 6).await.unwrap(), figures::DAILY_USERS);
        assert_eq!(metrics.daily(Daily::NewUsers, now, 6).await.unwrap(), figures::DAILY_NEW_USERS);
        assert_eq!(metrics.daily(Daily::Users, now, 2).await.unwrap(), figures::DAILY_USERS[..2]);
    }

    async fn a_day_is_the_24_hours_up_to_now(database: TestDatabase) {
        database.create_platform_tables();
        for (id, created) in [("a", "12:00:00"), ("b", "12:00:01"), ("c", "11:59:59")] {
            database.execute(&format!(
                r#"INSERT INTO "user" ("id", "name", "isGuest", "createdAt", "updatedAt")
                VALUES ('{id}', 'x', {guest}, '2026-03-09 {created}', '2026-03-09 00:00:00')"#,
                guest = if database.backend() == Backend::Postgres { "true" } else { "1" },
            ));
        }
        let metrics = SqlMetrics::new(store(&database), Vec::new());
        let noon: Timestamp = "2026-03-10T12:00:00Z".parse().unwrap();
        // The moment 24 hours ago belongs to the day before.
        assert_eq!(metrics.daily(Daily::NewUsers, noon, 3).await.unwrap(), [1, 2, 0]);
    }

    async fn without_a_table_only_what_needs_it_is_off(database: TestDatabase) {
        let store = with_edges(&database);
        database.execute(r#"DROP TABLE "location""#);
        let metrics = SqlMetrics::new(store, Vec::new());
        let mut expected = expected();
        for metric in ["activeLocations", "activeScenes"] {
            expected.insert(metric.into(), disabled("the database has no table `location`"));
        }
        assert_eq!(outcomes(&metrics).await, expected);
    }

    async fn without_a_column_only_what_needs_it_is_off(database: TestDatabase) {
        let store = with_edges(&database);
        database.execute(r#"ALTER TABLE "location" DROP COLUMN "sceneId""#);
        let metrics = SqlMetrics::new(store, Vec::new());
        let outcomes = outcomes(&metrics).await;
        assert!(
            matches!(&outcomes["activeScenes"], Err(FigureError::Disabled(why)) if why.contains("no column") && why.contains("sceneId")),
            "{:?}", outcomes["activeScenes"]
        );
        let rest = outcomes.into_iter().filter(|(metric, _)| metric != "activeScenes");
        assert!(rest.eq(expected().into_iter().filter(|(metric, _)| metric != "activeScenes")));
    }

    async fn metrics_of_ones_own_stand_beside_the_platforms_and_fail_alone(database: TestDatabase) {
        let store = with_edges(&database);
        let slow = match database.backend() {
            Backend::Postgres => "SELECT 1 FROM pg_sleep(60)",
            Backend::MariaDb => "SELECT SLEEP(60)",
            // SQLite goes on until it is done, though nobody waits for it: this is a matter of seconds.
            Backend::Sqlite => {
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 10000000) SELECT COUNT(*) FROM n"
            }
        };
        let metrics = SqlMetrics::new(store, vec![
            own("guests", "SELECT COUNT(*) FROM channel WHERE 1 = 1"),
            own("nothing", "SELECT NULL"),
            own("nowhere", "SELECT COUNT(*) FROM nowhere"),
            own("misspelt", "SELEKT 1"),
            own("two", "SELECT 1 UNION ALL SELECT 2"),
            own("write", "DELETE FROM channel"),
            own("several", "SELECT 1; DELETE FROM channel"),
            own("word", "SELECT 'many'"),
            SqlMetric { timeout: Some(Duration::from_millis(300)), ..own("slow", slow) },
            own("after", "SELECT 7"),
        ]);
        let outcomes = outcomes(&metrics).await;
        for (metric, outcome) in expected() {
            assert_eq!(outcomes[&metric], outcome, "{metric}");
        }
        assert_eq!(outcomes["guests"], Ok(figures::ACTIVE_CHANNELS));
        assert_eq!(outcomes["nothing"], Ok(0));
        assert_eq!(outcomes["after"], Ok(7));
        assert_eq!(outcomes["nowhere"], disabled("the database has no table `nowhere`"));
        for metric in ["misspelt", "two", "write", "several", "word", "slow"] {
            assert!(matches!(outcomes[metric], Err(FigureError::Failed(_))), "{metric}: {:?}", outcomes[metric]);
        }
        let why = |metric: &str| match &outcomes[metric] {
            Err(FigureError::Failed(why)) => why.clone(),
            outcome => panic!("{outcome:?}"),
        };
        assert_eq!(why("slow"), "the statement took longer than 300ms and was stopped");
        assert_eq!(why("word"), "'many' is no number");
        assert_eq!(database.query("SELECT COUNT(*) FROM channel"), [[figures::ACTIVE_CHANNELS.to_string()]]);
    }

    async fn two_replicas_that_run_a_cycle_at_once_store_each_figure_once(database: TestDatabase) {
        let store_of_both = with_edges(&database);
        let replica = || {
            let store = store(&database);
            app(&store, SqlMetrics::new(store.clone(), Vec::new()))
        };
        let (one, other) = (replica(), replica());
        one.start();
        other.start();
        for app in [&one, &other] {
            while app.tasks().status("analytics").unwrap().last_run.is_none() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
        let runs = [&one, &other].map(|app| app.tasks().status("analytics").unwrap().last_run.unwrap());
        assert!(runs.iter().all(|run| run.outcome == Some(Outcome::Succeeded)), "{runs:?}");
        let slots: std::collections::BTreeSet<_> = runs.iter().map(|run| run.scheduled).collect();
        let rows = app(&store_of_both, SqlMetrics::new(store_of_both.clone(), Vec::new()));
        let page = rows.service("analytics").find(Query::new().limit(100)).await.unwrap();
        // Once in a long while the two begin in different half hours.
        assert_eq!(page.total, 6 * slots.len() as u64);
        for row in &page.data {
            let metric = row["type"].as_str().unwrap();
            assert!(slots.iter().any(|slot| row["id"] == row_id(metric, *slot).to_string()));
            assert_eq!(Ok(row["count"].as_i64().unwrap()), expected()[metric]);
        }
        one.stop(Duration::from_secs(5)).await;
        other.stop(Duration::from_secs(5)).await;
    }

    async fn old_and_surplus_rows_are_pruned(database: TestDatabase) {
        database.create_platform_tables();
        for number in 0..10 {
            for metric in ["x", "y"] {
                database.execute(&format!(
                    r#"INSERT INTO "analytics" ("id", "count", "type", "createdAt", "updatedAt")
                    VALUES ('{metric}{number}', 1, '{metric}', '2026-03-0{number} 00:00:00', '2026-03-01 00:00:00')"#,
                    number = number.max(1), metric = if number == 0 { format!("{metric}0") } else { metric.into() },
                ));
            }
        }
        let metrics = SqlMetrics::new(store(&database), Vec::new());
        let third: Timestamp = "2026-03-03T00:00:00Z".parse().unwrap();
        // Days 1 and 2 of x, y, x0 and y0, of which the latter have day 1 only.
        assert_eq!(metrics.prune_older_than(third).await.unwrap(), 6);
        assert_eq!(metrics.prune_older_than(third).await.unwrap(), 0);
        assert_eq!(metrics.prune_all_but(3).await.unwrap(), 8);
        let left = database.query(r#"SELECT "type", COUNT(*), MIN("id") FROM "analytics" GROUP BY "type" ORDER BY "type""#);
        let ids: Vec<Vec<&str>> = left.iter().map(|row| row.iter().map(|cell| cell.trim()).collect()).collect();
        assert_eq!(ids, [["x", "3", "x7"], ["y", "3", "y7"]]);
    }
}
