//! What happens when runs meet, take too long or fail.

use std::time::Duration;

use taskserver_core::{Backoff, Outcome, Overlap, TaskConfig};

use crate::fixture::*;

fn every_minute() -> TaskConfig {
    TaskConfig::every(MINUTE)
}

#[tokio::test(start_paused = true)]
async fn a_run_that_meets_another_is_skipped() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(90 * SECOND)));
    let app = started(&clock, &probe, every_minute());
    wait(5 * MINUTE + SECOND).await;
    assert_eq!(probe.started_at(), ["12:01:00", "12:03:00", "12:05:00"]);
    let status = app.tasks().status("probe").unwrap();
    assert_eq!((status.runs.succeeded, status.runs.skipped), (2, 2));
    let skipped = &recorded(&app, "probe").await[1];
    assert_eq!(of_day(skipped.scheduled), "12:02:00");
    assert_eq!(skipped.outcome, Some(Outcome::Skipped));
    assert_eq!(skipped.error.as_deref(), Some("an earlier run was still in progress"));
    assert_eq!(status.last_run.unwrap().outcome, Some(Outcome::Succeeded), "a skipped run is not the last run");
}

#[tokio::test(start_paused = true)]
async fn a_queued_run_starts_when_the_one_before_it_has_ended() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(90 * SECOND)));
    let app = started(&clock, &probe, every_minute().overlap(Overlap::QueueOne));
    wait(2 * MINUTE + SECOND).await;
    let status = app.tasks().status("probe").unwrap();
    assert_eq!((status.running.len(), status.waiting), (1, 1));
    wait(MINUTE).await;
    assert_eq!(probe.started_at(), ["12:01:00", "12:02:30"]);
    assert_eq!(probe.scheduled(), ["12:01:00", "12:02:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_newer_run_takes_the_place_of_the_one_that_waits() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(150 * SECOND)));
    let app = started(&clock, &probe, every_minute().overlap(Overlap::QueueOne));
    wait(4 * MINUTE).await;
    assert_eq!(probe.scheduled(), ["12:01:00", "12:03:00"]);
    let skipped = &recorded(&app, "probe").await[1];
    assert_eq!(of_day(skipped.scheduled), "12:02:00");
    assert_eq!(skipped.error.as_deref(), Some("a newer run took its place"));
}

#[tokio::test(start_paused = true)]
async fn the_old_run_is_cancelled_and_the_new_one_starts_once_it_has_ended() {
    let clock = TestClock::noon();
    let probe = Probe::new("probe", Work::EndsWhenCancelled(SECOND / 2));
    let app = started(&clock, &probe, every_minute().overlap(Overlap::CancelOld));
    wait(2 * MINUTE + SECOND).await;
    let starts = probe.starts();
    assert_eq!(probe.scheduled(), ["12:01:00", "12:02:00"]);
    assert!(starts[1].at >= starts[1].scheduled + SECOND / 2, "the runs overlapped");
    assert_eq!(
        outcomes(&app, "probe").await,
        [("12:01:00".to_owned(), Some(Outcome::Cancelled)), ("12:02:00".to_owned(), None)]
    );
}

#[tokio::test(start_paused = true)]
async fn as_many_runs_as_allowed_are_in_progress_at_once() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(150 * SECOND)));
    let app = started(&clock, &probe, every_minute().concurrency(2));
    wait(4 * MINUTE + SECOND).await;
    assert_eq!(probe.scheduled(), ["12:01:00", "12:02:00", "12:04:00"]);
    assert_eq!(app.tasks().status("probe").unwrap().runs.skipped, 1);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_takes_too_long_is_asked_to_end() {
    let clock = TestClock::noon();
    let probe = Probe::new("probe", Work::EndsWhenCancelled(SECOND / 2));
    let app = app(&clock, &probe, TaskConfig::manual().timeout(10 * SECOND));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::TimedOut));
    assert_eq!(run.error.as_deref(), Some("it took longer than 10s"));
    assert_eq!(run.duration.unwrap().as_secs_f64(), 10.5);
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_does_not_end_when_asked_is_dropped_after_a_second() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Hangs));
    let app = app(&clock, &probe, TaskConfig::manual().timeout(10 * SECOND));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::TimedOut));
    assert_eq!(run.duration.unwrap().as_secs(), 11);
    probe.now_does(Work::Takes(SECOND));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::Succeeded), "the slot was not freed");
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_retried_after_growing_waits() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::SucceedsInAttempt(4)));
    let app = app(&clock, &probe, TaskConfig::manual().retries(3).backoff(10 * SECOND, 30 * SECOND));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!((run.outcome, run.attempt, run.result), (Some(Outcome::Succeeded), 4, 4.into()));
    let starts = probe.starts();
    let waits: Vec<_> = starts.windows(2).map(|pair| pair[1].at.duration_since(pair[0].at).as_secs_f64()).collect();
    for (wait, full) in waits.iter().zip([10.0, 20.0, 30.0]) {
        assert!((full / 2.0..=full + 0.002).contains(wait), "waits of {waits:?}");
    }
    assert!(starts.iter().all(|start| start.scheduled == run.scheduled), "the identity changed between attempts");
}

#[tokio::test(start_paused = true)]
async fn a_run_fails_for_good_when_its_attempts_are_used_up() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Fails));
    let app = app(&clock, &probe, TaskConfig::manual().retries(2));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!((run.outcome, run.attempt), (Some(Outcome::Failed), 3));
    assert_eq!(run.error.as_deref(), Some("no such luck"));
    assert_eq!(app.tasks().status("probe").unwrap().consecutive_failures, 1, "attempts were counted as runs");
}

#[tokio::test(start_paused = true)]
async fn panics_and_time_outs_are_retried_like_errors() {
    for work in [Work::Panics, Work::Hangs] {
        let (clock, probe) = (TestClock::noon(), Probe::new("probe", work));
        let app = app(&clock, &probe, TaskConfig::manual().retries(1).timeout(SECOND));
        assert_eq!(app.tasks().run_and_wait(&app, "probe").await.unwrap().attempt, 2);
    }
}

#[test]
fn the_wait_before_a_retry_doubles_up_to_its_maximum_and_varies_by_task() {
    let backoff = Backoff { base: SECOND, max: MINUTE };
    let scheduled = time("2026-01-01T00:00:00Z");
    for attempt in 1..100 {
        let full = (SECOND * (1 << (attempt - 1).min(6))).min(MINUTE);
        let delay = backoff.delay("probe", scheduled, attempt);
        assert!(delay > full / 2 && delay <= full, "attempt {attempt} waits {delay:?}");
        assert_eq!(delay, backoff.delay("probe", scheduled, attempt));
    }
    assert_ne!(backoff.delay("probe", scheduled, 1), backoff.delay("other", scheduled, 1));
    let none = Backoff { base: Duration::ZERO, max: Duration::ZERO };
    assert_eq!(none.delay("probe", scheduled, 1), Duration::ZERO);
}
