//! Clocks that leap or are set back, and the runs that are missed.

use taskserver_core::{Missed, TaskConfig, Trigger};

use crate::fixture::*;

#[tokio::test(start_paused = true)]
async fn one_run_stands_for_all_that_were_missed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(HOUR));
    wait(HOUR + SECOND).await;
    clock.leap(14 * 24 * HOUR + 30 * MINUTE);
    wait(31 * SECOND).await;
    assert_eq!(probe.scheduled(), ["13:00:00", "13:00:00"], "the second is two weeks after the first");
    assert_eq!(probe.triggers(), [Trigger::Schedule, Trigger::Missed]);
    assert_eq!(app.tasks().status("probe").unwrap().missed, 14 * 24);
    wait(HOUR).await;
    assert_eq!(probe.triggers()[2..], [Trigger::Schedule], "the schedule goes on");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_on_time_stands_for_those_missed_before_it() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE));
    wait(MINUTE + SECOND).await;
    clock.leap(HOUR);
    wait(31 * SECOND).await;
    assert_eq!(probe.scheduled(), ["12:01:00", "13:01:00"]);
    assert_eq!(probe.triggers(), [Trigger::Schedule, Trigger::Schedule]);
    assert_eq!(app.tasks().status("probe").unwrap().missed, 59);
}

#[tokio::test(start_paused = true)]
async fn a_run_is_not_hurried_when_the_clock_leaps_into_its_jitter() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let config = TaskConfig::every(HOUR).jitter(50 * MINUTE);
    let start = config.schedule.start_of("probe", time("2026-01-01T14:00:00Z"));
    assert!(start > time("2026-01-01T14:01:00Z"), "the test needs a jitter that is not almost nothing");
    let _app = started(&clock, &probe, config);
    wait(SECOND).await;
    clock.leap(2 * HOUR);
    wait(50 * MINUTE).await;
    assert_eq!(probe.scheduled(), ["13:00:00", "14:00:00"]);
    assert_eq!(probe.triggers(), [Trigger::Missed, Trigger::Schedule]);
    assert_eq!(probe.started_at()[1], of_day(start));
}

#[tokio::test(start_paused = true)]
async fn missed_runs_are_skipped_and_that_is_recorded_once() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(HOUR).missed(Missed::Skip));
    wait(HOUR + SECOND).await;
    clock.leap(3 * HOUR + 30 * MINUTE);
    wait(31 * SECOND).await;
    assert_eq!(probe.scheduled(), ["13:00:00"]);
    let runs = recorded(&app, "probe").await;
    assert_eq!(runs.len(), 2);
    assert_eq!(of_day(runs[1].scheduled), "16:00:00");
    assert_eq!(runs[1].error.as_deref(), Some("its scheduled time had passed"));
    wait(HOUR).await;
    assert_eq!(probe.scheduled(), ["13:00:00", "17:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_a_little_late_is_not_missed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(HOUR).missed(Missed::Skip));
    wait(50 * MINUTE).await;
    clock.leap(10 * MINUTE + 20 * SECOND);
    wait(31 * SECOND).await;
    assert_eq!(probe.scheduled(), ["13:00:00"]);
    assert_eq!(app.tasks().status("probe").unwrap().missed, 0);
}

#[tokio::test(start_paused = true)]
async fn each_missed_run_is_made_up_for_in_order_and_one_after_another() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(10 * MINUTE)));
    let app = started(&clock, &probe, TaskConfig::every(HOUR).missed(Missed::All { max: 10 }));
    clock.leap(4 * HOUR + 30 * MINUTE);
    wait(HOUR).await;
    assert_eq!(probe.scheduled(), ["13:00:00", "14:00:00", "15:00:00", "16:00:00", "17:00:00"]);
    assert_eq!(probe.triggers()[..4], [Trigger::Missed; 4]);
    assert_eq!(probe.triggers()[4], Trigger::Schedule, "what comes due meanwhile keeps its place behind them");
    assert_eq!(app.tasks().status("probe").unwrap().runs.skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn the_newest_of_too_many_missed_runs_are_made_up_for() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let _app = started(&clock, &probe, TaskConfig::every(HOUR).missed(Missed::All { max: 2 }));
    clock.leap(8 * HOUR + 30 * MINUTE);
    wait(MINUTE).await;
    assert_eq!(probe.scheduled(), ["19:00:00", "20:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn times_that_pass_while_a_task_is_paused_are_not_missed() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let app = started(&clock, &probe, TaskConfig::every(MINUTE).missed(Missed::All { max: 10 }));
    app.tasks().pause("probe").unwrap();
    wait(5 * MINUTE + 30 * SECOND).await;
    app.tasks().resume("probe").unwrap();
    wait(MINUTE).await;
    assert_eq!(probe.scheduled(), ["12:06:00"]);
    assert_eq!(app.tasks().status("probe").unwrap().missed, 0);
}

#[tokio::test(start_paused = true)]
async fn no_run_is_repeated_when_the_clock_is_set_back_by_less_than_the_interval() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let _app = started(&clock, &probe, TaskConfig::every(HOUR));
    wait(HOUR + MINUTE).await;
    clock.set_back(10 * MINUTE);
    wait(HOUR + 10 * MINUTE).await;
    assert_eq!(probe.scheduled(), ["13:00:00", "14:00:00"]);
}

#[tokio::test(start_paused = true)]
async fn the_schedule_is_taken_up_at_the_new_time_when_the_clock_is_set_back_by_more() {
    let (clock, probe) = (TestClock::noon(), Probe::new("probe", Work::Takes(SECOND)));
    let _app = started(&clock, &probe, TaskConfig::every(10 * MINUTE));
    wait(21 * MINUTE).await;
    assert_eq!(probe.scheduled(), ["12:10:00", "12:20:00"]);
    clock.set_back(3 * HOUR);
    wait(10 * MINUTE).await;
    assert_eq!(probe.scheduled()[2..], ["09:30:00"]);
}
