//! Running, pausing, changing and cancelling by hand.

use taskserver_core::{App, BuildError, Missed, Outcome, Overlap, TaskConfig, TaskControlError, Trigger};

use crate::fixture::*;

#[tokio::test(start_paused = true)]
async fn a_task_runs_by_hand_before_the_app_is_started() {
    let (clock, probe) = (TestClock::at("2026-01-01T12:00:00.5009Z"), Probe::new("probe", Work::Takes(SECOND)));
    let app = app(&clock, &probe, TaskConfig::every(MINUTE));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(run.trigger, Trigger::Manual);
    assert_eq!(run.scheduled, time("2026-01-01T12:00:00.5Z"), "cut to the millisecond");
    wait(HOUR).await;
    assert_eq!(probe.starts().len(), 1, "the schedule was followed");
}

#[tokio::test(start_paused = true)]
async fn a_paused_or_disabled_task_still_runs_by_hand() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).enabled(false));
    app.tasks().pause("probe").unwrap();
    wait(10 * MINUTE).await;
    assert_eq!(probe.starts().len(), 0);
    assert_eq!(app.tasks().run_and_wait(&app, "probe").await.unwrap().outcome, Some(Outcome::Succeeded));
}

#[tokio::test(start_paused = true)]
async fn running_a_busy_task_is_refused_and_leaves_no_trace() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(MINUTE)));
    let app = app(&clock, &probe, TaskConfig::manual());
    let accepted = app.tasks().run_now(&app, "probe").unwrap();
    settle().await;
    let error = app.tasks().run_now(&app, "probe").unwrap_err();
    assert_eq!(error.to_string(), "the task `probe` runs already; wait for that run to end, or cancel it");
    let status = app.tasks().status("probe").unwrap();
    assert_eq!(status.running[0].id, accepted.id);
    assert_eq!(status.runs.skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_run_that_gives_way_learns_so() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(MINUTE)));
    let app = app(&clock, &probe, TaskConfig::manual().overlap(Overlap::QueueOne));
    app.tasks().run_now(&app, "probe").unwrap();
    let waiting = {
        let app = app.clone();
        tokio::spawn(async move { app.tasks().run_and_wait(&app, "probe").await })
    };
    settle().await;
    app.tasks().run_now(&app, "probe").unwrap();
    let run = waiting.await.unwrap().unwrap();
    assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Skipped), Some("a newer run took its place")));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_task_is_answered_with_the_known_ones() {
    let (clock, probe) = (TestClock::noon(), Probe::new("analytics", Work::Fails));
    let app = app(&clock, &probe, TaskConfig::manual());
    let expected = "there is no task `analytcs`; the tasks are analytics";
    assert_eq!(app.tasks().run_now(&app, "analytcs").unwrap_err().to_string(), expected);
    assert_eq!(app.tasks().pause("analytcs").unwrap_err().to_string(), expected);
    assert_eq!(app.tasks().resume("analytcs").unwrap_err().to_string(), expected);
    assert_eq!(app.tasks().cancel("analytcs").unwrap_err().to_string(), expected);
    assert_eq!(app.tasks().reconfigure("analytcs", TaskConfig::manual()).unwrap_err().to_string(), expected);
    assert_eq!(app.tasks().status("analytcs"), None);
}

#[test]
fn at_most_ten_known_tasks_are_named() {
    let error = |count: usize| {
        let known = (0..count).map(|n| format!("t{n}")).collect();
        TaskControlError::UnknownTask { name: "x".into(), known }.to_string()
    };
    assert_eq!(error(0), "there is no task `x`; there are no tasks");
    assert_eq!(error(12), "there is no task `x`; the tasks are t0, t1, t2, t3, t4, t5, t6, t7, t8, t9 and 2 more");
}

#[tokio::test(start_paused = true)]
async fn pausing_lets_a_run_go_on_and_skips_what_waits() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(90 * SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).overlap(Overlap::QueueOne));
    wait(2 * MINUTE + SECOND).await;
    app.tasks().pause("probe").unwrap();
    wait(HOUR).await;
    let runs = recorded(&app, "probe").await;
    assert_eq!(runs.iter().map(|run| run.outcome.unwrap()).collect::<Vec<_>>(), [Outcome::Succeeded, Outcome::Skipped]);
    assert_eq!(runs[1].error.as_deref(), Some("the task was paused"));
    let status = app.tasks().status("probe").unwrap();
    assert!(status.paused);
    assert_eq!((status.next_run, status.waiting), (None, 0));
    app.tasks().resume("probe").unwrap();
    assert_eq!(app.tasks().status("probe").unwrap().next_run.map(of_day).as_deref(), Some("13:03:00"));
}

#[tokio::test(start_paused = true)]
async fn a_shorter_interval_applies_at_once() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(24 * HOUR));
    wait(90 * SECOND).await;
    app.tasks().reconfigure("probe", TaskConfig::every(MINUTE)).unwrap();
    wait(2 * MINUTE).await;
    assert_eq!(probe.started_at(), ["12:02:00", "12:03:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_in_progress_keeps_its_policy_when_the_task_is_changed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(MINUTE)));
    let app = app(&clock, &probe, TaskConfig::manual());
    app.tasks().run_now(&app, "probe").unwrap();
    settle().await;
    app.tasks().reconfigure("probe", TaskConfig::manual().timeout(SECOND)).unwrap();
    wait(2 * MINUTE).await;
    assert_eq!(recorded(&app, "probe").await[0].outcome, Some(Outcome::Succeeded));
    let run = app.tasks().run_and_wait(&app, "probe").await.unwrap();
    assert_eq!(run.outcome, Some(Outcome::TimedOut));
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_out_its_jitter_survives_a_change_of_policy() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let config = TaskConfig::every(HOUR).jitter(50 * MINUTE);
    let start = config.schedule.start_of("probe", time("2026-01-01T13:00:00Z"));
    assert!(start > time("2026-01-01T13:00:30Z"), "the test needs a jitter that is not almost nothing");
    let app = started(&clock, &probe, config.clone());
    wait(HOUR + SECOND).await;
    app.tasks().reconfigure("probe", config.retries(7)).unwrap();
    wait(50 * MINUTE).await;
    assert_eq!(probe.scheduled(), ["13:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_starts_at_once_when_more_are_allowed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(HOUR)));
    let config = TaskConfig::manual().overlap(Overlap::QueueOne);
    let app = app(&clock, &probe, config.clone());
    app.tasks().run_now(&app, "probe").unwrap();
    app.tasks().run_now(&app, "probe").unwrap();
    wait(MINUTE).await;
    assert_eq!(probe.started_at(), ["12:00:00"]);
    app.tasks().reconfigure("probe", config.concurrency(2)).unwrap();
    settle().await;
    assert_eq!(probe.started_at(), ["12:00:00", "12:01:00"]);
}

#[tokio::test(start_paused = true)]
async fn disabling_a_task_ends_its_schedule_and_enabling_it_resumes_it() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE));
    app.tasks().reconfigure("probe", TaskConfig::every(MINUTE).enabled(false)).unwrap();
    wait(2 * MINUTE + SECOND).await;
    assert_eq!(probe.starts(), []);
    app.tasks().reconfigure("probe", TaskConfig::every(MINUTE)).unwrap();
    wait(MINUTE).await;
    assert_eq!(probe.started_at(), ["12:03:00"]);
}

#[tokio::test(start_paused = true)]
async fn an_impossible_change_leaves_the_task_as_it_is() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE));
    let before = app.tasks().status("probe");
    let error = app.tasks().reconfigure("probe", TaskConfig::every(MINUTE).jitter(HOUR)).unwrap_err();
    let expected =
        "the task `probe` keeps its configuration: a jitter of 3600s is too long; it must be shorter than 60s";
    assert_eq!(error.to_string(), expected);
    assert_eq!(app.tasks().status("probe"), before);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_cancelled_by_hand_also_while_it_waits_for_a_retry() {
    for work in [Work::Hangs, Work::Fails] {
        let (clock, probe) = (TestClock::noon(), Probe::new("probe", work));
        let app = app(&clock, &probe, TaskConfig::manual().retries(1).backoff(HOUR, HOUR));
        app.tasks().run_now(&app, "probe").unwrap();
        wait(SECOND).await;
        assert_eq!(app.tasks().cancel("probe").unwrap(), 1);
        wait(2 * SECOND).await;
        let run = &recorded(&app, "probe").await[0];
        assert_eq!((run.outcome, run.error.as_deref()), (Some(Outcome::Cancelled), Some("it was cancelled")));
        assert_eq!(app.tasks().cancel("probe").unwrap(), 0);
        assert_eq!(app.tasks().status("probe").unwrap().consecutive_failures, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn starting_twice_is_starting_once() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).run_on_start(true).concurrency(9));
    app.start();
    wait(MINUTE + SECOND).await;
    assert_eq!(probe.started_at(), ["12:00:00", "12:01:00"]);
}

#[test]
fn an_impossible_task_is_refused_when_the_app_is_built() {
    let refusal = |name: &str, config: TaskConfig| {
        let built = App::builder().task_with(Probe::new(name, Work::Fails), config).build();
        built.err().map(|error| error.to_string())
    };
    let minute = || TaskConfig::every(MINUTE);
    assert_eq!(refusal("a-1", minute()), None);
    for (config, reason) in [
        (TaskConfig::every(SECOND / 2000), "an interval of 500µs is too short; the shortest is 1ms"),
        (minute().jitter(MINUTE), "a jitter of 60s is too long; it must be shorter than 60s"),
        (minute().offset(MINUTE), "an offset of 60s is too long; it must be shorter than 60s"),
        (minute().concurrency(0), "a concurrency of 0 would never run the task; to switch it off, disable it"),
        (
            minute().timeout(std::time::Duration::ZERO),
            "a timeout of 0s would end every run at once; leave it out for none",
        ),
        (minute().missed(Missed::All { max: 0 }), "0 missed runs cannot be made up for; give a number from 1 to 1000"),
    ] {
        assert_eq!(refusal("probe", config), Some(format!("the task `probe` cannot be scheduled: {reason}")));
    }
    for name in ["", "Probe", "a probe", &"a".repeat(64)] {
        let reason = "a name consists of 1 to 63 lower-case letters, digits and hyphens";
        assert_eq!(refusal(name, minute()), Some(format!("the task `{name}` cannot be scheduled: {reason}")));
    }
    let probe = Probe::new("probe", Work::Fails);
    let twice = App::builder().task(probe.clone()).task(probe).build();
    assert!(matches!(twice, Err(BuildError::DuplicateTask(name)) if name == "probe"));
}
