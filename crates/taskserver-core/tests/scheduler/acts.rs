//! What people do to the tasks: lasting, on record, and in effect on whichever replica it takes.

use std::sync::Arc;

use async_trait::async_trait;
use taskserver_core::{
    Act, ActError, ActOutcome, Action, App, Command, ControlError, ControlOptions, ControlStore, Cron, Election,
    ElectionOptions, LeadershipState, MemoryControl, Outcome, Recurrence, TaskConfig, TaskState, Trigger,
};
use uuid::Uuid;

use crate::durable::Durable;
use crate::fixture::*;
use crate::lease::Lease;

/// What replicas share, as a database is.
#[derive(Clone, Default)]
struct Shared(Arc<MemoryControl>);

#[async_trait]
impl ControlStore for Shared {
    async fn states(&self) -> Result<Vec<TaskState>, ControlError> {
        self.0.states().await
    }
    async fn record(&self, act: &Act) -> Result<(), ControlError> {
        self.0.record(act).await
    }
    async fn act(&self, id: Uuid) -> Result<Option<Act>, ControlError> {
        self.0.act(id).await
    }
    async fn take(&self, leading: LeadershipState, expiry: std::time::Duration) -> Result<Vec<Act>, ControlError> {
        self.0.take(leading, expiry).await
    }
    async fn conclude(&self, act: &Act) -> Result<(), ControlError> {
        self.0.conclude(act).await
    }
}

/// What outlasts the processes.
#[derive(Clone, Default)]
struct Deployment {
    lease: Lease,
    history: Durable,
    control: Shared,
}

impl Deployment {
    fn replica(&self, name: &str, clock: &TestClock, probe: &Probe, config: TaskConfig) -> App {
        let election = Election::new(self.lease.connect(), name, ElectionOptions::default()).unwrap();
        let app = App::builder()
            .clock(clock.clone())
            .instance(name)
            .election(election)
            .history(self.history.clone())
            .control(self.control.clone(), ControlOptions::default())
            .task_with(probe.clone(), config)
            .build()
            .unwrap();
        app.start();
        app
    }
}

/// A leader and a follower, each with its probe.
async fn two(work: Work, config: TaskConfig) -> (Deployment, [App; 2], [Probe; 2]) {
    let (clock, deployment) = (TestClock::noon(), Deployment::default());
    let probes = [Probe::new("probe", work), Probe::new("probe", work)];
    let leader = deployment.replica("a", &clock, &probes[0], config.clone());
    settle().await;
    let follower = deployment.replica("b", &clock, &probes[1], config);
    settle().await;
    (deployment, [leader, follower], probes)
}

async fn act(app: &App, command: Command) -> Act {
    app.control().act(app, "probe", command).await.unwrap()
}

fn every(interval: std::time::Duration) -> Recurrence {
    Recurrence::Interval { every: interval }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_asked_for_on_a_follower_takes_place_on_the_leader_within_a_second() {
    let (_, [_, follower], [led, followed]) = two(Work::Takes(SECOND), TaskConfig::manual()).await;
    let asked = tokio::time::Instant::now();
    let act = act(&follower, Command::new(Action::Trigger, "alice").because("to see")).await;
    assert!(asked.elapsed() <= 2 * SECOND, "{:?}", asked.elapsed());
    assert_eq!(
        (act.outcome, act.by.as_str(), act.reason.as_deref()),
        (Some(ActOutcome::Done), "alice", Some("to see"))
    );
    assert_eq!(act.instance, "b");
    wait(MINUTE).await;
    assert_eq!((led.triggers(), followed.starts().len()), (vec![Trigger::Manual], 0));
}

#[tokio::test(start_paused = true)]
async fn runs_are_cancelled_from_a_follower_and_an_act_that_cannot_be_done_says_why() {
    let (deployment, [_, follower], _) = two(Work::Hangs, TaskConfig::manual().timeout(None)).await;
    let cancelled = act(&follower, Command::new(Action::Cancel, "alice")).await;
    assert_eq!(cancelled.detail.as_deref(), Some("no run of the task `probe` is in progress"));
    assert_eq!(act(&follower, Command::new(Action::Trigger, "alice")).await.outcome, Some(ActOutcome::Done));
    let refused = act(&follower, Command::new(Action::Trigger, "alice")).await;
    assert_eq!(
        (refused.outcome, refused.detail.as_deref()),
        (Some(ActOutcome::Refused), Some("the task `probe` runs already; wait for that run to end, or cancel it"))
    );
    let cancelled = act(&follower, Command::new(Action::Cancel, "alice")).await;
    assert_eq!((cancelled.outcome, cancelled.detail.as_deref()), (Some(ActOutcome::Done), Some("1 run cancelled")));
    wait(5 * SECOND).await;
    assert_eq!(deployment.history.runs()[0].outcome, Some(Outcome::Cancelled));
}

#[tokio::test(start_paused = true)]
async fn a_pause_holds_on_every_replica_and_outlasts_its_leader() {
    let (deployment, [leader, follower], [led, followed]) = two(Work::Takes(SECOND), TaskConfig::every(MINUTE)).await;
    wait(MINUTE).await;
    assert_eq!(led.started_at(), ["12:01:00"]);
    act(&follower, Command::new(Action::Pause, "alice").because("the database is being moved")).await;
    wait(2 * SECOND).await;
    for app in [&leader, &follower] {
        let status = app.tasks().status("probe").unwrap();
        let pause = status.paused_by.unwrap();
        assert_eq!((status.paused, status.next_run), (true, None));
        assert_eq!((pause.by.as_str(), pause.reason.as_deref()), ("alice", Some("the database is being moved")));
    }
    wait(10 * MINUTE).await;
    leader.stop(SECOND).await;
    wait(10 * MINUTE).await;
    assert_eq!((led.starts().len(), followed.starts().len()), (1, 0));

    // Nor does a new process run it.
    let (clock, probe) = (TestClock::at("2026-01-01T12:21:30Z"), Probe::new("probe", Work::Takes(SECOND)));
    follower.stop(SECOND).await;
    let restarted = deployment.replica("c", &clock, &probe, TaskConfig::every(MINUTE).run_on_start(true));
    wait(5 * MINUTE).await;
    assert_eq!(probe.starts().len(), 0);
    act(&restarted, Command::new(Action::Resume, "bob")).await;
    wait(MINUTE).await;
    assert_eq!(probe.triggers(), [Trigger::Schedule]);
    let status = restarted.tasks().status("probe").unwrap();
    assert_eq!((status.paused, status.paused_by), (false, None));
}

#[tokio::test(start_paused = true)]
async fn what_passed_while_a_task_was_paused_is_not_missed_by_the_next_leader_either() {
    let (_, [leader, follower], [led, followed]) = two(Work::Takes(SECOND), TaskConfig::every(HOUR)).await;
    wait(HOUR).await;
    assert_eq!(led.started_at(), ["13:00:00"]);
    act(&leader, Command::new(Action::Pause, "alice")).await;
    wait(3 * HOUR).await;
    act(&leader, Command::new(Action::Resume, "alice")).await;
    leader.stop(SECOND).await;
    wait(MINUTE).await;
    assert_eq!(followed.starts(), []);
    wait(HOUR).await;
    assert_eq!((followed.started_at(), followed.triggers()), (vec!["17:00:00".to_owned()], vec![Trigger::Schedule]));
    drop(follower);
}

#[tokio::test(start_paused = true)]
async fn a_schedule_that_somebody_chose_stays_through_reloads_until_that_of_the_configuration_is_asked_for() {
    let (_, [leader, follower], [led, _]) = two(Work::Takes(SECOND), TaskConfig::every(HOUR)).await;
    act(&follower, Command::new(Action::Schedule, "alice").recurrence(every(10 * MINUTE))).await;
    wait(10 * MINUTE).await;
    assert_eq!(led.started_at(), ["12:10:00"]);
    for app in [&leader, &follower] {
        app.tasks().reconfigure("probe", TaskConfig::every(HOUR).retries(3)).unwrap();
        let status = app.tasks().status("probe").unwrap();
        assert_eq!((status.schedule.recurrence, status.policy.retries), (every(10 * MINUTE), 3));
        assert_eq!(status.rescheduled_by.unwrap().by, "alice");
    }
    wait(10 * MINUTE).await;
    act(&leader, Command::new(Action::Schedule, "bob")).await;
    wait(HOUR).await;
    assert_eq!(led.started_at(), ["12:10:00", "12:20:00", "13:00:00"]);
    assert_eq!(leader.tasks().status("probe").unwrap().rescheduled_by, None);
}

#[tokio::test(start_paused = true)]
async fn what_is_impossible_is_not_recorded() {
    let (_, [leader, _], _) = two(Work::Takes(SECOND), TaskConfig::every(HOUR).jitter(MINUTE)).await;
    let refused = |command| async { leader.control().act(&leader, "probe", command).await.unwrap_err().to_string() };
    assert_eq!(
        refused(Command::new(Action::Schedule, "alice").recurrence(every(SECOND))).await,
        "the task `probe` keeps its configuration: a jitter of 60s is too long; it must be shorter than 1s"
    );
    let unknown = leader.control().act(&leader, "prob", Command::new(Action::Pause, "alice")).await.unwrap_err();
    assert!(matches!(unknown, ActError::Refused(_)), "{unknown:?}");
    let daily = Recurrence::Cron(Cron::new("0 3 * * *").unwrap());
    act(&leader, Command::new(Action::Schedule, "alice").recurrence(daily)).await;
    assert_eq!(leader.tasks().status("probe").unwrap().next_run, Some(time("2026-01-02T03:00:00Z")));
}

#[tokio::test(start_paused = true)]
async fn without_a_leader_whoever_asks_is_told_so_and_the_next_leader_does_it() {
    let (_, [leader, follower], [_, followed]) = two(Work::Takes(SECOND), TaskConfig::manual()).await;
    leader.stop(SECOND).await;
    let connection_is_lost = tokio::time::Instant::now();
    let act = act(&follower, Command::new(Action::Trigger, "alice")).await;
    assert!(connection_is_lost.elapsed() <= 6 * SECOND);
    wait(30 * SECOND).await;
    assert_eq!(followed.starts().len(), 1);
    assert!(act.outcome.is_none_or(|outcome| outcome == ActOutcome::Done));
}

#[tokio::test(start_paused = true)]
async fn a_leader_whose_clock_was_ahead_has_settled_times_that_are_not_run_again() {
    let deployment = Deployment::default();
    let config = TaskConfig::every(MINUTE).missed(taskserver_core::Missed::All { max: 100 });
    let run = |clock: &str, name: &'static str| {
        let (clock, probe) = (TestClock::at(clock), Probe::new("probe", Work::Takes(SECOND)));
        (deployment.replica(name, &clock, &probe, config.clone()), probe)
    };
    let (right, probe) = run("2026-01-01T12:00:30Z", "right");
    wait(MINUTE).await;
    right.stop(SECOND).await;
    assert_eq!(probe.scheduled(), ["12:01:00"]);

    let (ahead, probe) = run("2026-01-01T12:05:30Z", "ahead");
    wait(20 * SECOND).await;
    ahead.stop(SECOND).await;
    assert_eq!(probe.scheduled(), ["12:02:00", "12:03:00", "12:04:00", "12:05:00"]);

    let (right, probe) = run("2026-01-01T12:02:30Z", "right-again");
    wait(5 * MINUTE).await;
    right.stop(SECOND).await;
    assert_eq!(probe.scheduled(), ["12:06:00", "12:07:00"], "each time has had its run");
}
