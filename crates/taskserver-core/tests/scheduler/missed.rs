//! What was missed while no process was there, worked out from a history that outlasts it.

use std::collections::HashSet;
use std::time::Duration;

use async_trait::async_trait;
use proptest::prelude::*;
use taskserver_core::{
    App, HistoryError, LastRuns, LeadershipState, Missed, Outcome, Run, RunHistory, TaskConfig, Trigger,
};

use crate::durable::Durable;
use crate::fixture::*;

const DAY: Duration = Duration::from_secs(24 * 3600);

fn start(clock: &TestClock, probe: &Probe, config: &TaskConfig, history: &Durable) -> App {
    let app = App::builder()
        .clock(clock.clone())
        .history(history.clone())
        .task_with(probe.clone(), config.clone())
        .build()
        .unwrap();
    app.start();
    app
}

/// Runs an app for `up`, and stops it for `down`.
async fn live(clock: &TestClock, probe: &Probe, config: &TaskConfig, history: &Durable, up: Duration, down: Duration) {
    let app = start(clock, probe, config, history);
    wait(up).await;
    app.stop(Duration::ZERO).await;
    wait(down).await;
}

/// The days and hours for which attempts were scheduled, and why they took place.
fn runs(probe: &Probe) -> Vec<(String, Trigger)> {
    probe.starts().iter().map(|start| (start.scheduled.strftime("%d. %H:%M").to_string(), start.trigger)).collect()
}

fn run(day_and_hour: &str, trigger: Trigger) -> (String, Trigger) {
    (day_and_hour.to_owned(), trigger)
}

#[tokio::test(start_paused = true)]
async fn a_weekly_task_whose_time_passed_while_the_server_was_down_runs_once() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::cron("0 3 * * MON").unwrap();
    live(&clock, &probe, &config, &history, 5 * DAY, 6 * DAY).await;
    assert_eq!(runs(&probe), [run("05. 03:00", Trigger::Schedule)]);
    for _ in 0..3 {
        live(&clock, &probe, &config, &history, HOUR, HOUR).await;
    }
    let expected = [run("05. 03:00", Trigger::Schedule), run("12. 03:00", Trigger::Missed)];
    assert_eq!(runs(&probe), expected, "however often the server starts");
}

#[tokio::test(start_paused = true)]
async fn two_weeks_of_downtime_are_one_run() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR);
    live(&clock, &probe, &config, &history, HOUR + MINUTE, 14 * DAY + 10 * MINUTE).await;
    let app = start(&clock, &probe, &config, &history);
    wait(MINUTE).await;
    assert_eq!(runs(&probe), [run("01. 13:00", Trigger::Schedule), run("15. 13:00", Trigger::Missed)]);
    assert_eq!(app.tasks().status("probe").unwrap().missed, 14 * 24);
    wait(HOUR).await;
    assert_eq!(runs(&probe)[2..], [run("15. 14:00", Trigger::Schedule)]);
}

#[tokio::test(start_paused = true)]
async fn missed_runs_are_skipped_or_each_made_up_for_as_the_policy_says() {
    for (missed, expected) in [
        (Missed::Skip, vec![]),
        (Missed::All { max: 2 }, vec![run("01. 15:00", Trigger::Missed), run("01. 16:00", Trigger::Missed)]),
    ] {
        let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
        let config = TaskConfig::every(HOUR).missed(missed);
        live(&clock, &probe, &config, &history, HOUR + MINUTE, 3 * HOUR + 30 * MINUTE).await;
        live(&clock, &probe, &config, &history, 10 * MINUTE, MINUTE).await;
        assert_eq!(runs(&probe)[1..], expected);
        live(&clock, &probe, &config, &history, 10 * MINUTE, MINUTE).await;
        assert_eq!(runs(&probe)[1..], expected, "nothing is missed twice");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_was_never_seen_has_missed_nothing() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    live(&clock, &probe, &TaskConfig::every(HOUR), &history, 30 * MINUTE, HOUR).await;
    let _app = start(&clock, &probe, &TaskConfig::every(HOUR), &history);
    wait(10 * MINUTE).await;
    assert_eq!(runs(&probe), []);
}

#[tokio::test(start_paused = true)]
async fn a_run_by_hand_does_not_stand_for_a_scheduled_time() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR);
    live(&clock, &probe, &config, &history, HOUR + MINUTE, HOUR + 10 * MINUTE).await;
    let by_hand = App::builder().clock(clock.clone()).history(history.clone());
    let by_hand = by_hand.task_with(probe.clone(), config.clone()).build().unwrap();
    by_hand.tasks().run_and_wait(&by_hand, "probe").await.unwrap();
    live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    assert_eq!(runs(&probe)[2..], [run("01. 14:00", Trigger::Missed)]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_cut_short_takes_place_again() {
    for work in [Work::Takes(10 * MINUTE), Work::Fails] {
        let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", work), Durable::default());
        let config = TaskConfig::every(HOUR).retries(5).backoff(HOUR, HOUR);
        live(&clock, &probe, &config, &history, HOUR + 5 * MINUTE, MINUTE).await;
        assert!(history.runs()[0].interrupted);
        live(&clock, &probe, &config, &history, 30 * MINUTE, MINUTE).await;
        assert_eq!(runs(&probe), [run("01. 13:00", Trigger::Schedule), run("01. 13:00", Trigger::Missed)]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_was_skipped_because_the_server_stopped_takes_place_later() {
    let (clock, probe, history) =
        (TestClock::noon(), Probe::new("probe", Work::Takes(90 * SECOND)), Durable::default());
    let config = TaskConfig::every(MINUTE).overlap(taskserver_core::Overlap::QueueOne);
    let app = start(&clock, &probe, &config, &history);
    wait(2 * MINUTE + SECOND).await;
    app.stop(HOUR).await;
    let last = history.runs().pop().unwrap();
    assert_eq!((last.outcome, last.interrupted), (Some(Outcome::Skipped), true));
    let _app = start(&clock, &probe, &config, &history);
    settle().await;
    assert_eq!(probe.scheduled(), ["12:01:00", "12:02:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_process_died_is_lost_and_takes_place_again() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR);
    live(&clock, &probe, &config, &history, HOUR + MINUTE, 10 * MINUTE).await;
    history.forget_ends();
    for _ in 0..2 {
        live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    }
    assert_eq!(history.runs()[0].outcome, Some(Outcome::Lost));
    assert_eq!(runs(&probe), [run("01. 13:00", Trigger::Schedule), run("01. 13:00", Trigger::Missed)]);
}

#[tokio::test(start_paused = true)]
async fn the_run_on_start_stands_for_what_was_missed() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR).run_on_start(true).jitter(50 * MINUTE);
    live(&clock, &probe, &config, &history, MINUTE, 5 * HOUR).await;
    live(&clock, &probe, &config, &history, 30 * SECOND, SECOND).await;
    assert_eq!(runs(&probe), [run("01. 12:00", Trigger::Start), run("01. 17:00", Trigger::Start)]);
}

#[tokio::test(start_paused = true)]
async fn there_is_no_run_on_start_for_a_time_that_had_a_successful_one() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Fails), Durable::default());
    let config = TaskConfig::every(HOUR).run_on_start(true);
    live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    probe.now_does(Work::Takes(SECOND));
    live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    assert_eq!(probe.scheduled(), ["12:00:00", "12:00:00"], "the first one failed");
    live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    assert_eq!(probe.starts().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_makes_up_for_each_run_does_so_in_place_of_its_run_on_start() {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR).run_on_start(true).missed(Missed::All { max: 10 });
    live(&clock, &probe, &config, &history, MINUTE, 2 * HOUR + 10 * MINUTE).await;
    live(&clock, &probe, &config, &history, MINUTE, MINUTE).await;
    assert_eq!(probe.scheduled(), ["12:00:00", "13:00:00", "14:00:00"]);
    assert_eq!(probe.triggers(), [Trigger::Start, Trigger::Missed, Trigger::Missed]);
}

#[tokio::test(start_paused = true)]
async fn a_history_from_the_future_does_not_stop_a_task() {
    let (clock, probe, history) =
        (TestClock::at("2099-01-01T00:00:00Z"), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    let config = TaskConfig::every(HOUR);
    live(&clock, &probe, &config, &history, HOUR + MINUTE, MINUTE).await;
    clock.set_back(70 * 365 * DAY);
    live(&clock, &probe, &config, &history, 2 * HOUR, MINUTE).await;
    assert_eq!(probe.starts().len(), 3);

    // Another replica's clock is a little ahead: waiting is better than running twice.
    let now = time("2026-01-01T12:00:00Z");
    let mut ahead = history.runs()[0].clone();
    (ahead.scheduled, ahead.started) = (time("2026-01-01T13:00:00Z"), now);
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    live(&clock, &probe, &config, &Durable::with(ahead), 2 * HOUR + MINUTE, MINUTE).await;
    assert_eq!(probe.scheduled(), ["14:00:00"]);
}

struct Hangs;

#[async_trait]
impl RunHistory for Hangs {
    async fn started(&self, _: &Run) -> Result<(), HistoryError> {
        Ok(())
    }

    async fn finished(&self, _: &Run) -> Result<(), HistoryError> {
        Ok(())
    }

    async fn recent(&self, _: &str, _: usize) -> Result<Vec<Run>, HistoryError> {
        Ok(Vec::new())
    }

    async fn recover(&self, _: LeadershipState) -> Result<u64, HistoryError> {
        std::future::pending().await
    }

    async fn last_runs(&self, _: jiff::Timestamp) -> Result<std::collections::HashMap<String, LastRuns>, HistoryError> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_history_that_hangs_holds_the_tasks_up_for_ten_seconds() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let config = TaskConfig::every(HOUR).run_on_start(true);
    let app = App::builder().clock(clock).history(Hangs).task_with(probe.clone(), config).build().unwrap();
    app.start();
    wait(9 * SECOND).await;
    assert_eq!(probe.starts(), []);
    wait(2 * SECOND).await;
    assert_eq!(probe.started_at(), ["12:00:10"]);
}

/// A run that succeeded, or that met the run for a missed time and was skipped, as the policy for overlaps says.
fn took_place(run: &Run) -> bool {
    let met_another = run.error.as_deref() == Some("an earlier run was still in progress");
    run.outcome == Some(Outcome::Succeeded) || (run.outcome == Some(Outcome::Skipped) && met_another)
}

/// Whether every time that came while the server was up has had a run, and none has had two that succeeded.
async fn check(lives: Vec<(Duration, Duration)>, config: TaskConfig) {
    let (clock, probe, history) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)), Durable::default());
    for (up, down) in lives {
        let app = start(&clock, &probe, &config, &history);
        wait(up).await;
        let now = taskserver_core::Clock::now(&clock);
        let took_place: Vec<_> = history.runs().into_iter().filter(took_place).collect();
        let latest = config.schedule.previous(now - jiff::SignedDuration::from_secs(5)).unwrap();
        if let Some(first) = took_place.first()
            && up > 5 * SECOND
        {
            let covered = took_place.iter().any(|run| run.scheduled >= latest);
            assert!(covered || latest < first.scheduled, "at {now}, {latest} has had no run");
        }
        app.stop(Duration::ZERO).await;
        wait(down).await;
    }
    let succeeded = history.runs().into_iter().filter(|run| run.outcome == Some(Outcome::Succeeded));
    let mut times = HashSet::new();
    for run in succeeded {
        assert!(times.insert(run.scheduled), "{} was run twice", run.scheduled);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_due_while_a_missed_one_runs_is_skipped() {
    // The second life begins a second before a time that is due, with one that was missed.
    let lives = [(600, 59), (6, 1)].map(|(up, down)| (Duration::from_secs(up), Duration::from_secs(down)));
    check(lives.into(), TaskConfig::every(MINUTE)).await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn however_the_server_stops_and_starts_the_latest_time_has_one_run(
        lives in prop::collection::vec(((1_u64..7200), (1_u64..7200)), 1..12),
        every in prop::sample::select(vec![60_u64, 600, 3600, 5400]),
        on_start in any::<bool>(),
        all in any::<bool>(),
    ) {
        let seconds = Duration::from_secs;
        let lives = lives.into_iter().map(|(up, down)| (seconds(up), seconds(down))).collect();
        let missed = if all { Missed::All { max: 5 } } else { Missed::Once };
        let config = TaskConfig::every(seconds(every)).run_on_start(on_start).missed(missed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(lives, config));
    }
}
