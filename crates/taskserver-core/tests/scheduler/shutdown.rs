//! The end: what runs may finish, what waits does not begin.

use taskserver_core::{Outcome, Overlap, TaskConfig};
use tokio::time::Instant;

use crate::fixture::*;

#[tokio::test(start_paused = true)]
async fn stopping_waits_for_the_run_in_progress_and_begins_no_other() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(90 * SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).overlap(Overlap::QueueOne));
    wait(2 * MINUTE + SECOND).await;
    let began = Instant::now();
    app.stop(HOUR).await;
    assert_eq!(began.elapsed().as_secs(), 29);
    wait(HOUR).await;
    let runs = recorded(&app, "probe").await;
    assert_eq!(runs.iter().map(|run| run.outcome.unwrap()).collect::<Vec<_>>(), [Outcome::Succeeded, Outcome::Skipped]);
    assert_eq!(runs[1].error.as_deref(), Some("the server was shutting down"));
}

#[tokio::test(start_paused = true)]
async fn what_still_runs_at_the_deadline_is_cancelled() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Hangs));
    let app = app(&clock, &probe, TaskConfig::manual().timeout(None));
    app.tasks().run_now(&app, "probe").unwrap();
    settle().await;
    let began = Instant::now();
    app.stop(10 * SECOND).await;
    assert_eq!(began.elapsed().as_secs(), 11, "the deadline and the grace");
    let run = &recorded(&app, "probe").await[0];
    assert_eq!(run.outcome, Some(Outcome::Cancelled));
    assert_eq!(run.error.as_deref(), Some("the server shut down before it ended"));
}

#[tokio::test(start_paused = true)]
async fn an_abort_cuts_the_wait_short() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::EndsWhenCancelled(SECOND / 2)));
    let app = app(&clock, &probe, TaskConfig::manual().timeout(None));
    app.tasks().run_now(&app, "probe").unwrap();
    settle().await;
    let began = Instant::now();
    let shutdown = app.shutdown().clone();
    tokio::spawn(async move {
        wait(SECOND).await;
        shutdown.abort();
    });
    app.stop(HOUR).await;
    assert_eq!(began.elapsed().as_millis() / 100, 15);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_retry_does_not_hold_up_the_end() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Fails));
    let app = app(&clock, &probe, TaskConfig::manual().retries(5).backoff(HOUR, HOUR));
    app.tasks().run_now(&app, "probe").unwrap();
    wait(SECOND).await;
    let began = Instant::now();
    app.stop(HOUR).await;
    assert_eq!(began.elapsed().as_secs(), 0);
    let run = &recorded(&app, "probe").await[0];
    assert_eq!((run.outcome, run.attempt), (Some(Outcome::Failed), 1));
}

#[tokio::test(start_paused = true)]
async fn nothing_runs_after_the_end() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE));
    app.stop(SECOND).await;
    let error = app.tasks().run_and_wait(&app, "probe").await.unwrap_err();
    assert_eq!(error.to_string(), "the task `probe` was not run: the server is shutting down");
    wait(HOUR).await;
    assert_eq!(probe.starts(), []);
}
