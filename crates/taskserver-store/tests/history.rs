//! The run history in the database: what is stored when, what was lost, what is given up.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use taskserver_core::{
    App, LastRuns, LeadershipState, LeaseRecord, LeaseStore, Outcome, Query, Run, RunHistory, Task, TaskConfig,
    TaskContext, TaskError, Trigger,
};
use taskserver_store::{LEADERSHIP, Retention, SqlHistory, SqlLease, Store, StoreOptions, own_services};
use taskserver_tests::{TestDatabase, for_each_backend};

async fn migrated(database: &TestDatabase) -> Store {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate().await.unwrap();
    store
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A run of the hour, with all that a record can have.
fn run(task: &str, hour: i8) -> Run {
    let scheduled = time("2026-01-01T00:00:00Z") + SignedDuration::from_hours(hour.into());
    let started = scheduled + SignedDuration::from_micros(1_250_001);
    serde_json::from_value(json!({
        "id": uuid::Uuid::new_v4(),
        "task": task,
        "scheduled": scheduled,
        "trigger": "schedule",
        "started": started,
        "finished": started + SignedDuration::from_micros(500_000),
        "durationSeconds": 0.5,
        "attempt": 2,
        "instance": "pod-1",
        "term": null,
        "outcome": "succeeded",
        "interrupted": false,
        "error": null,
        "result": {"rows": 3, "why": "ünïcödé 🎉"}
    }))
    .unwrap()
}

fn in_progress(task: &str, hour: i8, instance: &str, term: Option<u64>) -> Run {
    Run {
        finished: None,
        duration: None,
        outcome: None,
        instance: instance.to_owned(),
        term,
        result: json!(null),
        ..run(task, hour)
    }
}

async fn lead(store: &Store, term: u64) {
    let lease = SqlLease::new(store, LEADERSHIP).unwrap();
    let seen = lease.read().await.unwrap();
    let record =
        LeaseRecord { holder: Some("pod-1".into()), term, duration: Duration::from_secs(15), version: String::new() };
    assert!(lease.write(seen.as_ref(), &record).await.unwrap().is_some());
}

struct Answers;

impl Task for Answers {
    type Output = u32;

    fn name(&self) -> &str {
        "answers"
    }

    async fn run(&self, _: &TaskContext) -> Result<u32, TaskError> {
        Ok(42)
    }
}

for_each_backend! {
    async fn what_is_recorded_is_read_back(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let failed = Run {
            outcome: Some(Outcome::TimedOut),
            trigger: Trigger::Missed,
            term: Some(7),
            interrupted: true,
            error: Some("it took 'too' \"long\" \\ ünïcödé 🎉\nand more".into()),
            result: json!(null),
            ..run("probe", 2)
        };
        let runs = [failed, run("probe", 1)];
        for run in runs.iter().rev() {
            history.finished(run).await.unwrap();
        }
        history.finished(&run("Probe", 3)).await.unwrap();
        assert_eq!(history.recent("probe", 10).await.unwrap(), runs);
        assert_eq!(history.recent("probe", 1).await.unwrap(), runs[..1]);
        assert_eq!(history.recent("nothing", 10).await.unwrap(), []);
    }

    async fn what_is_too_long_or_cannot_be_stored_is_cut(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let long = Run {
            error: Some(format!("\0{}", "ü".repeat(100_000))),
            instance: "i".repeat(1000),
            result: json!("r".repeat(100_000)),
            ..run("probe", 1)
        };
        history.finished(&long).await.unwrap();
        let stored = &history.recent("probe", 1).await.unwrap()[0];
        let error = stored.error.as_deref().unwrap();
        assert_eq!((error.chars().count(), error.chars().last()), (4000, Some('…')));
        assert_eq!(stored.instance.chars().count(), 255);
        assert_eq!(stored.result, json!({"omitted": "a result of 100002 bytes"}));
    }

    async fn a_short_run_is_written_once_and_a_long_one_also_while_it_is_in_progress(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let (long, short) = (in_progress("long", 1, "pod-1", None), in_progress("short", 1, "pod-1", None));
        history.started(&long).await.unwrap();
        history.started(&short).await.unwrap();
        let ended = Run { id: short.id, ..run("short", 1) };
        history.finished(&ended).await.unwrap();
        assert_eq!(history.recent("long", 10).await.unwrap(), [], "it may still be a short one");
        assert_eq!(history.recent("short", 10).await.unwrap(), [ended]);
        let written = async {
            while history.recent("long", 10).await.unwrap().is_empty() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), written).await.unwrap();
        assert_eq!(history.recent("long", 10).await.unwrap(), std::slice::from_ref(&long));
        let ended = Run { id: long.id, ..run("long", 1) };
        history.finished(&ended).await.unwrap();
        assert_eq!(history.recent("long", 10).await.unwrap(), [ended]);
    }

    async fn many_runs_that_end_at_once_are_all_stored(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let runs: Vec<Run> = (0..1500).map(|n| run(&format!("probe-{}", n % 7), (n % 100) as i8)).collect();
        let finished = futures_util::future::join_all(runs.iter().map(|run| history.finished(run))).await;
        assert!(finished.iter().all(Result::is_ok));
        assert_eq!(database.query(r#"SELECT COUNT(*) FROM "task-run""#), [["1500"]]);
        assert!(store.pool_status().size <= 2, "{:?}", store.pool_status());
    }

    async fn what_the_last_runs_were_is_told_by_those_that_stand_for_their_time(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let manual = Run { trigger: Trigger::Manual, ..run("probe", 9) };
        let interrupted = Run { interrupted: true, outcome: Some(Outcome::Cancelled), ..run("probe", 5) };
        let failed = Run { outcome: Some(Outcome::Failed), ..run("probe", 4) };
        let never = Run { interrupted: true, outcome: Some(Outcome::Lost), ..run("never", 3) };
        let ahead = Run { outcome: Some(Outcome::Failed), ..run("probe", 8) };
        let runs = [
            run("probe", 1),
            run("probe", 3),
            failed.clone(),
            interrupted.clone(),
            ahead.clone(),
            manual,
            never.clone(),
        ];
        for run in runs.iter().chain([&in_progress("probe", 6, "pod-2", None)]) {
            history.finished(run).await.unwrap();
        }
        let last = history.last_runs(time("2026-01-01T05:30:00Z")).await.unwrap();
        let expected = LastRuns {
            settled: Some(failed.scheduled),
            succeeded: Some(runs[1].scheduled),
            first: Some(runs[0].scheduled),
            interrupted: Some(interrupted.scheduled),
            ahead: vec![ahead.scheduled],
        };
        assert_eq!(last["probe"], expected);
        assert_eq!(last["never"], LastRuns { first: Some(never.scheduled), interrupted: Some(never.scheduled), ..LastRuns::default() });
        assert_eq!(last.len(), 2);
    }

    async fn what_cannot_be_in_progress_is_lost(database: TestDatabase) {
        let store = migrated(&database).await;
        lead(&store, 3).await;
        let former = SqlHistory::new(&store, "pod-1");
        for run in [
            in_progress("of-a-former-process", 1, "pod-1", None),
            in_progress("of-another", 1, "pod-2", None),
            in_progress("of-a-former-leader", 1, "pod-2", Some(2)),
            in_progress("of-this-term", 1, "pod-2", Some(3)),
        ] {
            former.finished(&run).await.unwrap();
        }
        let lost = || database.query(r#"SELECT task FROM "task-run" WHERE outcome = 'lost' AND interrupted ORDER BY task"#);
        let history = SqlHistory::new(&store, "pod-1").fenced(LEADERSHIP);
        let own = in_progress("own", 1, "pod-1", None);
        history.started(&own).await.unwrap();
        assert_eq!(history.recover(LeadershipState::Following).await.unwrap(), 1);
        assert_eq!(lost(), [["of-a-former-process"]]);
        assert_eq!(history.recover(LeadershipState::Leading { term: 3 }).await.unwrap(), 1);
        assert_eq!(lost(), [["of-a-former-leader"], ["of-a-former-process"]]);
        let error = history.recover(LeadershipState::Leading { term: 2 }).await.unwrap_err();
        assert_eq!(error.to_string(), "the term 2 of the leadership `taskserver` is over; it is in term 3");
        assert_eq!(SqlHistory::new(&store, "pod-3").recover(LeadershipState::Always).await.unwrap(), 2);
        let run = &history.recent("of-another", 1).await.unwrap()[0];
        assert_eq!(run.error.as_deref(), Some("its process died, or ceased to lead, while it was in progress"));
        assert!(run.finished.is_some());
    }

    async fn a_former_leaders_record_fails_and_holds_up_no_other(database: TestDatabase) {
        let store = migrated(&database).await;
        lead(&store, 4).await;
        let history = SqlHistory::new(&store, "pod-1").fenced(LEADERSHIP);
        let of = |term| Run { term, ..run("probe", 1) };
        let (former, present, of_none) = (of(Some(3)), of(Some(4)), of(None));
        let (former, present, of_none) =
            tokio::join!(history.finished(&former), history.finished(&present), history.finished(&of_none));
        let expected = "the term 3 of the leadership `taskserver` is over; it is in term 4";
        assert_eq!(former.unwrap_err().to_string(), expected);
        assert!(present.is_ok() && of_none.is_ok());
        assert_eq!(history.recent("probe", 10).await.unwrap().len(), 2);
    }

    async fn what_is_old_or_too_much_is_given_up_but_for_the_last_run_of_a_task(database: TestDatabase) {
        let store = migrated(&database).await;
        let history = SqlHistory::new(&store, "pod-1");
        let lost = Run { interrupted: true, outcome: Some(Outcome::Lost), ..run("yearly", 1) };
        let mut runs = vec![run("yearly", 0), lost];
        runs.extend((0..100).map(|hour| run("hourly", hour)));
        for run in &runs {
            history.finished(run).await.unwrap();
        }
        assert_eq!(store.prune_task_runs(Retention::default()).await, Ok(0));
        let since = Some(time("2026-01-02T00:00:00Z"));
        assert_eq!(store.prune_task_runs(Retention { since, newest: None }).await, Ok(25));
        assert_eq!(history.recent("yearly", 10).await.unwrap(), runs[..1]);
        assert_eq!(store.prune_task_runs(Retention { since, newest: Some(10) }).await, Ok(66));
        let kept: Vec<Timestamp> = history.recent("hourly", 100).await.unwrap().iter().map(|run| run.scheduled).collect();
        let expected: Vec<Timestamp> = runs[92..].iter().rev().map(|run| run.scheduled).collect();
        assert_eq!(kept, expected);
    }

    async fn a_service_shows_the_runs_of_an_app(database: TestDatabase) {
        let store = migrated(&database).await;
        let mut app = App::builder().instance("pod-1").history(SqlHistory::new(&store, "pod-1"));
        for (path, service) in own_services(&store) {
            app = app.service(path, service);
        }
        let app = app.task_with(Answers, TaskConfig::every(Duration::from_secs(3600))).build().unwrap();
        let run = app.tasks().run_and_wait(&app, "answers").await.unwrap();
        assert_eq!(app.tasks().history_failures(), 0);
        let page = app.service("task-run").find(Query::new().eq("outcome", "succeeded")).await.unwrap();
        assert_eq!(page.total, 1);
        let record = &page.data[0];
        let shown = [&record["id"], &record["task"], &record["trigger"], &record["result"], &record["interrupted"]];
        assert_eq!(shown, [&json!(run.id), &json!("answers"), &json!("manual"), &json!("42"), &json!(false)]);
        let error = app.service("task-run").remove(&run.id.to_string()).await.unwrap_err();
        assert_eq!(error.kind(), taskserver_core::ErrorKind::MethodNotAllowed);
    }
}
