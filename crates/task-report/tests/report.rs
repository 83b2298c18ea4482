//! Reports of days whose figures are known, on each kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};
use task_report::{ReportOptions, ReportTask};
use taskserver_alerts::{Alerts, Route, alert_services};
use taskserver_core::{App, Clock, Outcome, Query, TaskConfig};
use taskserver_store::{LEADERSHIP, Store, StoreOptions, own_services, platform_services};
use taskserver_tests::{TestDatabase, for_each_backend};

/// The report of 23 November is due at six in the morning in Berlin.
const MORNING: &str = "2026-11-24T05:00:00Z";

#[derive(Clone)]
struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().unwrap())))
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A store with all tables that a report reads.
async fn store(database: &TestDatabase) -> Store {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    database.create_platform_tables();
    store.migrate().await.unwrap();
    store.migrate_with(taskserver_alerts::MIGRATIONS).await.unwrap();
    store.migrate_with(task_analytics::rollup::MIGRATIONS).await.unwrap();
    store.migrate_with(task_k8s_events::MIGRATIONS).await.unwrap();
    store
}

fn routes() -> [Route; 3] {
    [Route::all("log"), Route::all("chat"), Route { reports: false, ..Route::all("pager") }]
}

/// An app that collects everything.
fn app(store: &Store, task: ReportTask) -> App {
    let daily = TaskConfig::cron_in("0 6 * * *", "Europe/Berlin").unwrap();
    let builder = App::builder().clock(TestClock::at(MORNING)).task_with(task, daily);
    let services = platform_services(store).into_iter().chain(own_services(store)).chain(alert_services(store));
    let services = services.chain([(task_analytics::rollup::ROLLUP, task_analytics::rollup::rollup_service(store))]);
    let services = services.chain(task_k8s_events::event_services(store));
    services.fold(builder, |app, (path, service)| app.service(path, service)).build().unwrap()
}

fn reports(store: &Store, options: ReportOptions) -> ReportTask {
    ReportTask::new(store.clone(), Alerts::new(routes()), options)
}

async fn run(app: &App) -> Value {
    let run = app.tasks().run_and_wait(app, "report").await.unwrap();
    assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Succeeded), None));
    run.result
}

async fn stored(app: &App) -> Value {
    let reports = app.service("report").find(Query::new()).await.unwrap().data;
    let [report] = &reports[..] else { panic!("{reports:?}") };
    Value::Object(report.clone())
}

fn outbox(database: &TestDatabase) -> Vec<Vec<String>> {
    database.query(r#"SELECT "receiver", "kind" FROM "alert-delivery" ORDER BY "seq""#)
}

/// Fills the tables around the edges of the days, which begin at 23:00 UTC in Berlin's winter.
fn fill(database: &TestDatabase) {
    let (day, before, week) = ("2026-11-22 23:00:00", "2026-11-21 23:00:00", "2026-11-15 23:00:00");
    let last = "2026-11-23 22:59:59";
    let outside = ["2026-11-23 23:00:00", "2026-11-20 12:00:00", "2026-11-16 23:00:00", "2026-11-15 22:59:59"];
    let mut sql = String::new();
    let users = [("a", day), ("b", last), ("c", before), ("d", week)];
    let users = users.into_iter().chain(["e", "f", "g", "h"].into_iter().zip(outside));
    for (id, time) in users {
        sql += &format!(
            r#"INSERT INTO "user" ("id", "name", "createdAt", "updatedAt") VALUES ('{id}', '{id}', '{time}', '{time}');"#
        );
    }
    let visits = [("a", day), ("a", last), ("b", day), ("c", before), ("a", outside[0]), ("d", outside[3])];
    for (index, (user, time)) in visits.into_iter().enumerate() {
        sql += &format!(
            r#"INSERT INTO "instance-attendance" ("id", "userId", "createdAt", "updatedAt") VALUES ('v{index}', '{user}', '{time}', '{time}');"#
        );
    }
    let figures = [
        ("instanceUsers", day, 3, 1, 9),
        ("instanceUsers", "2026-11-23 22:45:00", 5, 5, 7),
        ("instanceUsers", before, 4, 2, 8),
        ("instanceUsers", outside[0], 99, 0, 99),
        ("activeChannels", week, 6, 6, 6),
        ("gameServers/ir/fleet/Ready", day, 1, 0, 2),
    ];
    for (index, (kind, start, value, min, max)) in figures.into_iter().enumerate() {
        sql += &format!(
            r#"INSERT INTO "analytics-rollup" ("id", "type", "period", "start", "last", "lastAt", "min", "max") VALUES ('r{index}', '{kind}', 900, '{start}', {value}, '{start}', {min}, {max});"#
        );
    }
    let events = [
        ("BackOff", "Warning", day, 5),
        ("BackOff", "Warning", "2026-11-23 22:00:00", 2),
        ("BackOff", "Warning", before, 1),
        ("Pulled", "Normal", day, 30),
        ("Pulled", "Normal", week, 20),
        ("Gone", "Normal", week, 9),
        ("Pulled", "Normal", outside[0], 1000),
    ];
    for (index, (reason, kind, start, count)) in events.into_iter().enumerate() {
        sql += &format!(
            r#"INSERT INTO "k8s-event-count" ("id", "reason", "type", "period", "start", "count") VALUES ('c{index}', '{reason}', '{kind}', 3600, '{start}', {count});"#
        );
    }
    let alerts = [
        ("warning", "Pod a|b: BackOff", "resolved", day, 7),
        ("critical", "Out of memory", "firing", last, 1),
        ("warning", "old", "firing", before, 3),
    ];
    for (index, (level, title, state, time, events)) in alerts.into_iter().enumerate() {
        sql += &format!(
            r#"INSERT INTO "alert" ("id", "source", "rule", "group", "level", "title", "message", "state", "firstSeen", "lastSeen", "events", "deliveries", "createdAt", "updatedAt") VALUES ('a{index}', 's', 'r', 'g', '{level}', '{title}', '', '{state}', '{time}', '{time}', {events}, 0, '{time}', '{time}');"#
        );
    }
    let runs = [
        ("backup", "failed", day, "first"),
        ("backup", "timedOut", last, "the last\nerror"),
        ("backup", "succeeded", last, ""),
        ("backup", "panicked", before, "before"),
        ("analytics", "lost", week, "lost"),
    ];
    for (index, (task, outcome, time, error)) in runs.into_iter().enumerate() {
        sql += &format!(
            r#"INSERT INTO "task-run" ("id", "task", "scheduled", "trigger", "started", "finished", "outcome", "interrupted", "attempt", "instance", "error") VALUES ('t{index}', '{task}', '{time}', 'schedule', '{time}', '{time}', '{outcome}', FALSE, 1, 'i', '{error}');"#
        );
    }
    database.execute(&sql);
}

const MARKDOWN: &str = r"# Platform report of 2026-11-23

Monday (Europe/Berlin), beside the day before, 2026-11-22, and the week before, 2026-11-16.

## Users

|  | 2026-11-23 | 2026-11-22 | 2026-11-16 |
| --- | ---: | ---: | ---: |
| Users | 2 | 1 | 0 |
| New users | 2 | 1 | 1 |

## Figures

| Figure | 2026-11-23: last | 2026-11-23: greatest | 2026-11-22: greatest | 2026-11-16: greatest |
| --- | ---: | ---: | ---: | ---: |
| activeChannels | – | – | – | 6 |
| instanceUsers | 5 | 9 | 8 | – |
| gameServers/ir/fleet/Ready | 1 | 2 | – | – |

## Kubernetes events

| Type | 2026-11-23 | 2026-11-22 | 2026-11-16 |
| --- | ---: | ---: | ---: |
| Normal | 30 | 0 | 29 |
| Warning | 7 | 1 | 0 |

| Reason | Type | 2026-11-23 | 2026-11-22 | 2026-11-16 |
| --- | --- | ---: | ---: | ---: |
| Pulled | Normal | 30 | 0 | 20 |
| BackOff | Warning | 7 | 1 | 0 |

## Alerts

| Raised | 2026-11-23 | 2026-11-22 | 2026-11-16 |
| --- | ---: | ---: | ---: |
| critical | 1 | 0 | 0 |
| warning | 1 | 1 | 0 |
| info | 0 | 0 | 0 |

Firing when the report was made: 2

| Level | Alert | State | Times |
| --- | --- | --- | ---: |
| critical | Out of memory | firing | 1 |
| warning | Pod a\|b: BackOff | resolved | 7 |

## Failed runs

| Task | Last error | 2026-11-23 | 2026-11-22 | 2026-11-16 |
| --- | --- | ---: | ---: | ---: |
| analytics |  | 0 | 0 | 1 |
| backup | the last error | 2 | 1 | 0 |
";

for_each_backend! {
    async fn a_day_is_reported_beside_the_day_and_the_week_before(database: TestDatabase) {
        let store = store(&database).await;
        fill(&database);
        let app = app(&store, reports(&store, ReportOptions::default()));
        assert_eq!(run(&app).await, json!({"day": "2026-11-23", "new": true}));
        let report = stored(&app).await;
        assert_eq!(report["markdown"].as_str().unwrap(), MARKDOWN);
        assert_eq!(
            [&report["source"], &report["name"], &report["title"]],
            ["report", "2026-11-23", "Platform report of 2026-11-23"]
        );
        let data: Value = serde_json::from_str(report["data"].as_str().unwrap()).unwrap();
        assert_eq!(
            data["day"],
            json!({"date": "2026-11-23", "from": "2026-11-22T23:00:00Z", "to": "2026-11-23T23:00:00Z"})
        );
        assert_eq!(data["users"]["active"], json!({"day": 2, "dayBefore": 1, "weekBefore": 0}));
        assert_eq!(
            data["figures"]["figures"][1],
            json!({
                "name": "instanceUsers", "day": {"last": 5, "least": 1, "greatest": 9},
                "dayBefore": {"last": 4, "least": 2, "greatest": 8}, "weekBefore": null
            })
        );
        assert_eq!(data["runs"]["failed"][1]["lastError"], "the last\nerror");
    }

    async fn there_is_no_more_in_a_report_than_has_a_place(database: TestDatabase) {
        let store = store(&database).await;
        fill(&database);
        let app = app(&store, reports(&store, ReportOptions { max_figures: 1, max_reasons: 1, max_alerts: 1 }));
        run(&app).await;
        let data: Value = serde_json::from_str(stored(&app).await["data"].as_str().unwrap()).unwrap();
        assert_eq!(data["figures"]["more"], true);
        let names = |section: &str, list: &str, name: &str| -> Vec<Value> {
            data[section][list].as_array().unwrap().iter().map(|item| item[name].clone()).collect()
        };
        assert_eq!(names("figures", "figures", "name"), ["activeChannels"]);
        assert_eq!(names("events", "reasons", "reason"), ["Pulled"]);
        assert_eq!(names("alerts", "gravest", "title"), ["Out of memory"]);
    }

    async fn a_run_that_is_repeated_makes_one_report_and_tells_each_receiver_once(database: TestDatabase) {
        let store = store(&database).await;
        let app = app(&store, reports(&store, ReportOptions::default()));
        run(&app).await;
        let report = stored(&app).await;
        fill(&database);
        assert_eq!(run(&app).await, json!({"day": "2026-11-23", "new": false}));
        assert_eq!(stored(&app).await, report, "a report that was made does not change");
        assert_eq!(outbox(&database), [["log", "report"], ["chat", "report"]]);
    }

    async fn what_is_not_collected_is_absent_and_said_to_be(database: TestDatabase) {
        let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
        store.migrate_with(taskserver_alerts::MIGRATIONS).await.unwrap();
        let task = reports(&store, ReportOptions::default());
        let builder = App::builder().clock(TestClock::at(MORNING)).task(task);
        // There are services over tables that the database lacks, and no services over what is off.
        let services = platform_services(&store).into_iter().chain(own_services(&store)).chain(alert_services(&store));
        let app = services.fold(builder, |app, (path, service)| app.service(path, service)).build().unwrap();
        run(&app).await;
        let report = stored(&app).await;
        let markdown = report["markdown"].as_str().unwrap();
        for said in [
            "\nUsers: This could not be read: the database has no table `instance-attendance`.\n",
            "\nNew users: This could not be read: the database has no table `user`.\n",
            "## Figures\n\nAnalytics are not rolled up here.\n",
            "## Kubernetes events\n\nKubernetes events are not kept here.\n",
            "| critical | 0 | 0 | 0 |\n",
            "## Failed runs\n\nThis could not be read: the database has no table `task-run`.\n",
        ] {
            assert!(markdown.contains(said), "{said} in\n{markdown}");
        }
        let data: Value = serde_json::from_str(report["data"].as_str().unwrap()).unwrap();
        assert_eq!(data["events"], json!({"absent": "Kubernetes events are not kept here."}));
    }

    async fn a_leader_whose_term_is_over_makes_no_report(database: TestDatabase) {
        let store = store(&database).await;
        let election = taskserver_core::Election::new(
            taskserver_store::SqlLease::new(&store, LEADERSHIP).unwrap(),
            "old",
            taskserver_core::ElectionOptions::default(),
        );
        let daily = TaskConfig::manual();
        let builder = App::builder().task_with(reports(&store, ReportOptions::default()).fenced(LEADERSHIP), daily);
        let services = alert_services(&store).into_iter();
        let builder = builder.election(election.unwrap());
        let app = services.fold(builder, |app, (path, service)| app.service(path, service)).build().unwrap();
        app.start();
        app.leadership().leading().await;
        database.execute(r#"UPDATE "leadership" SET "term" = "term" + 1"#);
        let run = app.tasks().run_and_wait(&app, "report").await.unwrap();
        assert_eq!(run.outcome, Some(Outcome::Failed));
        assert!(run.error.unwrap().contains("is over"));
        assert_eq!(outbox(&database), Vec::<Vec<String>>::new());
        assert!(app.service("report").find(Query::new()).await.unwrap().data.is_empty());
    }
}
