//! Tasks that fail and succeed, and the alerts of it, on each kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use task_self_check::{SelfCheck, SelfCheckOptions};
use taskserver_alerts::{Alerts, Level, MIGRATIONS, Route, alert_services};
use taskserver_core::{App, Clock, Outcome, Query, Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{SqlHistory, Store, StoreOptions};
use taskserver_tests::{TestDatabase, for_each_backend};

#[derive(Clone)]
struct TestClock(Arc<Mutex<Timestamp>>);

impl TestClock {
    fn at(time: &str) -> Self {
        Self(Arc::new(Mutex::new(time.parse().unwrap())))
    }

    fn advance(&self, minutes: i64) {
        *self.0.lock().unwrap() += SignedDuration::from_mins(minutes);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// A task that fails while it is told to.
struct Backup(Arc<AtomicBool>);

impl Task for Backup {
    type Output = ();

    fn name(&self) -> &str {
        "backup"
    }

    async fn run(&self, _: &TaskContext) -> Result<(), TaskError> {
        if self.0.load(Ordering::Relaxed) { Err("the disk is full".into()) } else { Ok(()) }
    }
}

struct Fixture {
    clock: TestClock,
    fails: Arc<AtomicBool>,
    app: App,
}

impl Fixture {
    async fn new(database: &TestDatabase, routes: Vec<Route>) -> Self {
        let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
        store.migrate().await.unwrap();
        store.migrate_with(MIGRATIONS).await.unwrap();
        let clock = TestClock::at("2026-11-24T12:00:30Z");
        Self::with(&store, clock, Alerts::new(routes), false)
    }

    fn with(store: &Store, clock: TestClock, alerts: Alerts, remembers: bool) -> Self {
        let fails = Arc::new(AtomicBool::new(false));
        let options = SelfCheckOptions { level: Level::Critical, ..SelfCheckOptions::default() };
        let every_ten_minutes = TaskConfig::every(Duration::from_secs(600));
        let mut builder = App::builder()
            .clock(clock.clone())
            .task_with(Backup(Arc::clone(&fails)), every_ten_minutes)
            .task_with(SelfCheck::new(store.clone(), alerts, options), TaskConfig::manual());
        if remembers {
            builder = builder.history(SqlHistory::new(store, "test"));
        }
        let services = alert_services(store).into_iter();
        let app = services.fold(builder, |app, (path, service)| app.service(path, service)).build().unwrap();
        Self { clock, fails, app }
    }

    async fn back_up(&self, outcome: Outcome) {
        self.fails.store(outcome == Outcome::Failed, Ordering::Relaxed);
        let run = self.app.tasks().run_and_wait(&self.app, "backup").await.unwrap();
        assert_eq!(run.outcome, Some(outcome));
    }

    /// The tasks that are overdue after so many minutes more.
    async fn overdue_after(&self, minutes: i64) -> Value {
        self.clock.advance(minutes);
        let run = self.app.tasks().run_and_wait(&self.app, "self-check").await.unwrap();
        assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Succeeded), None));
        assert_eq!(run.result["tasks"], 1);
        run.result["overdue"].clone()
    }

    /// The alerts, oldest first: level, title, message and state.
    async fn alerts(&self) -> Vec<[String; 4]> {
        let alerts = self.app.service("alert").find(Query::new().ascending("createdAt")).await.unwrap().data;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        alerts.iter().map(|alert| ["level", "title", "message", "state"].map(|field| text(&alert[field]))).collect()
    }

    async fn states(&self) -> Vec<String> {
        self.alerts().await.into_iter().map(|[_, _, _, state]| state).collect()
    }
}

for_each_backend! {
    async fn a_task_that_fails_for_three_intervals_raises_an_alert_until_it_succeeds(database: TestDatabase) {
        let it = Fixture::new(&database, vec![Route::all("chat")]).await;
        it.back_up(Outcome::Succeeded).await;
        assert_eq!(it.overdue_after(0).await, json!([]));
        // 12:34: of its scheduled times after the success, 12:10 and 12:20 count; 12:30 is within its grace.
        it.back_up(Outcome::Failed).await;
        assert_eq!(it.overdue_after(34).await, json!([]));
        assert_eq!(it.alerts().await, Vec::<[String; 4]>::new());
        // 12:35
        for _ in 0..2 {
            assert_eq!(it.overdue_after(1).await, json!(["backup"]));
        }
        let title = "The task backup has not succeeded since 2026-11-24T12:00:30Z";
        let message = "It should have, at least once in 3 of its scheduled times. Its last run said: the disk is full";
        assert_eq!(it.alerts().await, [["critical", title, message, "firing"]]);
        it.back_up(Outcome::Succeeded).await;
        assert_eq!(it.overdue_after(1).await, json!([]));
        assert_eq!(it.states().await, ["resolved"]);
        assert_eq!(
            database.query(r#"SELECT "receiver", "kind" FROM "alert-delivery" ORDER BY "seq""#),
            [["chat", "firing"], ["chat", "resolved"]]
        );
        assert_eq!(it.overdue_after(600).await, json!(["backup"]));
        assert_eq!(it.states().await, ["resolved", "firing"]);
    }

    async fn a_task_that_is_paused_is_not_alerted_and_counts_anew_when_it_is_resumed(database: TestDatabase) {
        let it = Fixture::new(&database, Vec::new()).await;
        assert_eq!(it.overdue_after(0).await, json!([]));
        assert_eq!(it.overdue_after(36).await, json!(["backup"]), "it has never succeeded");
        assert_eq!(it.alerts().await[0][1], "The task backup has never succeeded");
        it.app.tasks().pause("backup").unwrap();
        assert_eq!(it.overdue_after(1).await, json!([]));
        assert_eq!(it.states().await, ["resolved"]);
        it.app.tasks().resume("backup").unwrap();
        // Resumed at 12:37: 12:40 and 12:50 count, and 13:00 not yet.
        assert_eq!(it.overdue_after(0).await, json!([]));
        assert_eq!(it.overdue_after(27).await, json!([]));
        assert_eq!(it.overdue_after(2).await, json!(["backup"]));
        assert_eq!(it.states().await, ["resolved", "firing"]);
    }

    async fn what_was_before_a_restart_counts_once_the_grace_is_over(database: TestDatabase) {
        let it = Fixture::new(&database, Vec::new()).await;
        for (id, outcome, scheduled) in [("1", "failed", "12:00"), ("2", "failed", "12:10")] {
            database.execute(&format!(
                r#"INSERT INTO "task-run" ("id", "task", "scheduled", "trigger", "started", "finished", "outcome", "interrupted", "attempt", "instance")
                VALUES ('00000000-0000-4000-8000-00000000000{id}', 'backup', '2026-11-24 {scheduled}:00', 'schedule', '2026-11-24 {scheduled}:00', '2026-11-24 {scheduled}:01', '{outcome}', FALSE, 1, 'test')"#
            ));
        }
        it.clock.advance(60);
        let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
        let again = Fixture::with(&store, it.clock.clone(), Alerts::default(), true);
        assert_eq!(again.overdue_after(0).await, json!([]));
        assert_eq!(again.overdue_after(6).await, json!(["backup"]));
        assert_eq!(again.states().await, ["firing"]);
        // Another process that begins leaves it as it is until its own grace is over.
        let third = Fixture::with(&store, it.clock.clone(), Alerts::default(), true);
        assert_eq!(third.overdue_after(0).await, json!([]));
        assert_eq!(third.states().await, ["firing"]);
        assert_eq!(third.overdue_after(6).await, json!(["backup"]));
        assert_eq!(third.states().await, ["firing"]);
    }
}
