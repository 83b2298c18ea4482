//! One run among others: isolation, outcomes, and what is said about them.

use std::fmt;
use std::time::Duration;

use serde_json::json;
use taskserver_core::{App, Outcome, Task, TaskConfig, TaskContext, TaskError, TaskStatus, Trigger};

use crate::fixture::*;

#[tokio::test(start_paused = true)]
async fn a_task_that_panics_or_hangs_leaves_the_others_alone() {
    let clock = TestClock::noon();
    let good = Probe::new("good", Work::Takes(SECOND));
    let (panicking, hanging) = (Probe::new("panicking", Work::Panics), Probe::new("hanging", Work::Hangs));
    let app = App::builder()
        .clock(clock)
        .task_with(panicking.clone(), TaskConfig::every(MINUTE))
        .task_with(hanging, TaskConfig::every(MINUTE).timeout(None))
        .task_with(good.clone(), TaskConfig::every(MINUTE))
        .build()
        .unwrap();
    app.start();
    wait(3 * MINUTE + 2 * SECOND).await;
    assert_eq!(good.started_at(), ["12:01:00", "12:02:00", "12:03:00"]);
    assert_eq!(panicking.started_at(), good.started_at());
    let status = |name| app.tasks().status(name).unwrap();
    assert_eq!(status("good").runs.succeeded, 3);
    assert_eq!((status("panicking").runs.panicked, status("panicking").consecutive_failures), (3, 3));
    assert_eq!(status("panicking").last_run.unwrap().error.as_deref(), Some("the sky falls"));
    assert_eq!((status("hanging").running.len(), status("hanging").runs.skipped), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_success_ends_a_row_of_failures() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Fails));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE));
    wait(2 * MINUTE + SECOND).await;
    assert_eq!(app.tasks().status("probe").unwrap().consecutive_failures, 2);
    assert_eq!(app.tasks().status("probe").unwrap().last_success, None);
    probe.now_does(Work::Takes(Duration::ZERO));
    wait(MINUTE).await;
    let status = app.tasks().status("probe").unwrap();
    assert_eq!((status.consecutive_failures, status.runs.failed, status.runs.succeeded), (0, 2, 1));
    assert_eq!(status.last_success.map(of_day).as_deref(), Some("12:03:00"));
}

/// A task of a given work.
struct Fn<F>(F);

impl<F, O> Task for Fn<F>
where
    F: std::ops::Fn() -> Result<O, TaskError> + Send + Sync + 'static,
    O: serde::Serialize + Send + 'static,
{
    type Output = O;

    fn name(&self) -> &str {
        "fn"
    }

    async fn run(&self, _: &TaskContext) -> Result<O, TaskError> {
        (self.0)()
    }
}

async fn run_of<O: serde::Serialize + Send + 'static>(
    work: impl std::ops::Fn() -> Result<O, TaskError> + Send + Sync + 'static,
) -> taskserver_core::Run {
    let app = App::builder().task(Fn(work)).build().unwrap();
    app.tasks().run_and_wait(&app, "fn").await.unwrap()
}

#[derive(Debug)]
struct Unreachable(std::io::Error);

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the database is unreachable")
    }
}

impl std::error::Error for Unreachable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[tokio::test]
async fn an_error_is_recorded_with_its_causes() {
    let run = run_of::<()>(|| Err(Unreachable(std::io::Error::other("connection refused")).into())).await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert_eq!(run.error.as_deref(), Some("the database is unreachable: connection refused"));
}

#[tokio::test]
async fn the_output_is_recorded() {
    assert_eq!(run_of(|| Ok(json!({ "users": 3 }))).await.result, json!({ "users": 3 }));
    assert_eq!(run_of(|| Ok(())).await.result, json!(null));
}

#[tokio::test]
async fn an_output_that_is_no_json_fails_the_run() {
    let run = run_of(|| Ok(std::collections::HashMap::from([((1, 2), 3)]))).await;
    assert_eq!(run.outcome, Some(Outcome::Failed));
    assert_eq!(run.error.as_deref(), Some("key must be a string"));
}

#[tokio::test]
async fn the_message_of_a_panic_is_recorded() {
    let count = 3;
    let run = run_of::<()>(move || panic!("{count} skies fall")).await;
    assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Panicked), Some("3 skies fall")));
    let run = run_of::<()>(|| std::panic::panic_any(7)).await;
    assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Panicked), Some("a panic without a message")));
}

/// Panics when it is dropped.
struct Grenade;

impl Drop for Grenade {
    fn drop(&mut self) {
        panic!("bang");
    }
}

struct Thrower;

impl Task for Thrower {
    type Output = ();

    fn name(&self) -> &str {
        "thrower"
    }

    async fn run(&self, _: &TaskContext) -> Result<(), TaskError> {
        let _grenade = Grenade;
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_panics_while_it_is_dropped_still_ends() {
    let app = App::builder().task_with(Thrower, TaskConfig::manual().timeout(SECOND)).build().unwrap();
    let run = app.tasks().run_and_wait(&app, "thrower").await.unwrap();
    assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Panicked), Some("bang")));
    assert!(app.tasks().status("thrower").unwrap().running.is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_first_run_on_start_has_the_latest_scheduled_time_so_that_a_restart_repeats_it() {
    let (clock, probe) = (TestClock::at("2026-01-01T12:17:00Z"), Probe::new("probe", Work::Takes(SECOND)));
    let config = TaskConfig::every(30 * MINUTE).run_on_start(true);
    let first = started(&clock, &probe, config.clone());
    wait(5 * MINUTE).await;
    first.stop(SECOND).await;
    let _second = started(&clock, &probe, config);
    wait(10 * MINUTE).await;
    assert_eq!(probe.started_at(), ["12:17:00", "12:22:00", "12:30:00"]);
    assert_eq!(probe.scheduled(), ["12:00:00", "12:00:00", "12:30:00"]);
    assert_eq!(probe.triggers(), [Trigger::Start, Trigger::Start, Trigger::Schedule]);
}

#[tokio::test(start_paused = true)]
async fn a_cron_task_runs_on_start_for_the_previous_time_and_a_manual_one_for_now() {
    let clock = TestClock::at("2026-01-01T12:17:00.1234Z");
    let (cron, manual) = (Probe::new("cron", Work::Takes(SECOND)), Probe::new("manual", Work::Takes(SECOND)));
    let app = App::builder()
        .clock(clock)
        .task_with(cron.clone(), TaskConfig::cron("0 3 * * *").unwrap().run_on_start(true))
        .task_with(manual.clone(), TaskConfig::manual().run_on_start(true))
        .build()
        .unwrap();
    app.start();
    settle().await;
    assert_eq!(cron.starts()[0].scheduled, time("2026-01-01T03:00:00Z"));
    assert_eq!(manual.starts()[0].scheduled, time("2026-01-01T12:17:00.123Z"));
}

#[tokio::test(start_paused = true)]
async fn every_replica_agrees_on_scheduled_times() {
    let (clock, one, other) =
        (TestClock::noon(), Probe::new("one", Work::Takes(SECOND)), Probe::new("one", Work::Fails));
    let config = TaskConfig::every(7 * MINUTE).offset(90 * SECOND);
    let _one = started(&clock, &one, config.clone());
    wait(3 * MINUTE).await;
    let _other = started(&clock, &other, config);
    wait(HOUR).await;
    let (mut one, other) = (one.scheduled(), other.scheduled());
    one.retain(|scheduled| *scheduled >= other[0]);
    assert_eq!(one, other);
}

#[tokio::test(start_paused = true)]
async fn jitter_delays_the_start_and_leaves_the_scheduled_time() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(Duration::ZERO)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).jitter(30 * SECOND));
    wait(20 * MINUTE + 31 * SECOND).await;
    let starts = probe.starts();
    assert_eq!(starts.len(), 20);
    let delay = |start: &Start| start.at.duration_since(start.scheduled).as_secs_f64();
    assert!(starts.iter().all(|start| (0.0..30.002).contains(&delay(start))), "{starts:?}");
    let mut delays: Vec<_> = starts.iter().map(|start| delay(start) as u64).collect();
    delays.dedup();
    assert!(delays.len() > 10, "the delays hardly vary: {delays:?}");
    assert_eq!(app.tasks().status("probe").unwrap().runs.skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_tasks_each_run_every_second_and_on_time() {
    let clock = TestClock::noon();
    let mut builder = App::builder().clock(clock);
    let probes: Vec<_> = (0..10_000).map(|n| Probe::new(&format!("probe-{n}"), Work::Takes(Duration::ZERO))).collect();
    for (n, probe) in probes.iter().enumerate() {
        let offset = Duration::from_micros(n as u64 * 100);
        builder = builder.task_with(probe.clone(), TaskConfig::every(SECOND).offset(offset));
    }
    let app = builder.build().unwrap();
    app.start();
    wait(10 * SECOND).await;
    for probe in &probes {
        let starts = probe.starts();
        assert!((9..=10).contains(&starts.len()), "{} ran {} times", probe.name(), starts.len());
        for start in &starts {
            let late = start.at.duration_since(start.scheduled);
            assert!(late.as_millis_f64() < 3.0, "{} started {late:?} late", probe.name());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_is_shown_as_json_and_read_back() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::SucceedsInAttempt(2)));
    let config = TaskConfig::cron_in("30 13 * * *", "Europe/Berlin").unwrap().retries(1).backoff(SECOND, SECOND);
    let app = started(&clock, &probe, config.jitter(90 * SECOND));
    wait(HOUR).await;
    let status = app.tasks().status("probe").unwrap();
    let mut shown = serde_json::to_value(&status).unwrap();
    assert_eq!(serde_json::from_value::<TaskStatus>(shown.clone()).unwrap(), status);
    for volatile in ["id", "started", "finished", "durationSeconds"] {
        assert!(!shown["lastRun"][volatile].take().is_null(), "no {volatile}");
    }
    assert!(!shown["lastSuccess"].take().is_null());
    let expected = json!({
        "name": "probe",
        "schedule": {
            "recurrence": { "kind": "cron", "expression": "30 13 * * *", "timeZone": "Europe/Berlin" },
            "runOnStart": false,
            "jitter": "1m 30s",
            "offset": "0s"
        },
        "policy": {
            "concurrency": 1,
            "overlap": "skip",
            "missed": { "kind": "once" },
            "timeout": "10m",
            "retries": 1,
            "backoff": { "base": "1s", "max": "1s" }
        },
        "enabled": true,
        "everyReplica": false,
        "paused": false,
        "pausedBy": null,
        "rescheduledBy": null,
        "running": [],
        "waiting": 0,
        "nextRun": "2026-01-02T12:30:00Z",
        "lastRun": {
            "id": null,
            "task": "probe",
            "scheduled": "2026-01-01T12:30:00Z",
            "trigger": "schedule",
            "started": null,
            "finished": null,
            "durationSeconds": null,
            "attempt": 2,
            "instance": "local",
            "term": null,
            "outcome": "succeeded",
            "interrupted": false,
            "error": null,
            "result": 2
        },
        "lastSuccess": null,
        "runs": { "succeeded": 1, "failed": 0, "timedOut": 0, "cancelled": 0, "panicked": 0, "skipped": 0 },
        "missed": 0,
        "consecutiveFailures": 0
    });
    assert_eq!(shown, expected);
}
