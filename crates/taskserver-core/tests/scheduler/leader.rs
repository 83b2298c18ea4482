//! Replicas that elect the one which runs the tasks.

use taskserver_core::{
    App, Election, ElectionOptions, LeadershipState, Outcome, Overlap, Run, Task, TaskConfig, TaskContext, TaskError,
    Trigger,
};

use crate::durable::Durable;
use crate::fixture::*;
use crate::lease::*;

/// The probe, on every replica.
struct Everywhere(Probe);

impl Task for Everywhere {
    type Output = Option<u32>;

    fn name(&self) -> &str {
        "everywhere"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(MINUTE)
    }

    fn every_replica(&self) -> bool {
        true
    }

    async fn run(&self, context: &TaskContext) -> Result<Option<u32>, TaskError> {
        assert_eq!(context.term(), None);
        self.0.run(context).await
    }
}

/// A replica with its way to the lease.
struct Replica {
    app: App,
    probe: Probe,
    everywhere: Probe,
    connection: Connection,
}

fn replica(
    name: &str,
    clock: &TestClock,
    lease: &Lease,
    history: &Durable,
    work: Work,
    config: &TaskConfig,
) -> Replica {
    let connection = lease.connect();
    let (probe, everywhere) = (Probe::new("probe", work), Probe::new("everywhere", Work::Takes(SECOND)));
    let app = App::builder()
        .clock(clock.clone())
        .instance(name)
        .election(Election::new(connection.clone(), name, ElectionOptions::default()).unwrap())
        .history(history.clone())
        .task_with(probe.clone(), config.clone())
        .task(Everywhere(everywhere.clone()))
        .build()
        .unwrap();
    app.start();
    Replica { app, probe, everywhere, connection }
}

async fn two(work: Work, config: TaskConfig) -> (Lease, Durable, Replica, Replica) {
    let (clock, lease, history) = (TestClock::noon(), Lease::default(), Durable::default());
    let a = replica("a", &clock, &lease, &history, work, &config);
    settle().await;
    let b = replica("b", &clock, &lease, &history, work, &config);
    settle().await;
    (lease, history, a, b)
}

fn of_the_leader(history: &Durable) -> Vec<Run> {
    history.runs().into_iter().filter(|run| run.task == "probe").collect()
}

#[tokio::test(start_paused = true)]
async fn the_leader_alone_runs_tasks_but_for_those_of_every_replica() {
    let (_, history, a, b) = two(Work::Takes(SECOND), TaskConfig::every(MINUTE)).await;
    wait(3 * MINUTE + 30 * SECOND).await;
    assert_eq!(a.probe.scheduled(), ["12:01:00", "12:02:00", "12:03:00"]);
    assert_eq!(b.probe.scheduled(), [""; 0]);
    assert_eq!(a.everywhere.scheduled(), b.everywhere.scheduled());
    assert_eq!(a.everywhere.starts().len(), 3);
    let run = &of_the_leader(&history)[0];
    assert_eq!((run.instance.as_str(), run.term), ("a", Some(1)));
    let status = b.app.tasks().status("probe").unwrap();
    assert_eq!((status.next_run, status.every_replica), (None, false));
    let status = b.app.tasks().status("everywhere").unwrap();
    assert!(status.next_run.is_some() && status.every_replica);
    assert!(b.app.health().is_ready());
    let metrics = [&a, &b].map(|replica| replica.app.metrics().encode());
    assert!(metrics[0].contains("taskserver_leadership_leading 1"), "{}", metrics[0]);
    assert!(metrics[0].contains("taskserver_leadership_term 1"), "{}", metrics[0]);
    assert!(metrics[1].contains("taskserver_leadership_leading 0"), "{}", metrics[1]);
    // How it stands with a task says the one whose turn it is.
    let told = |metrics: &str, task: &str| metrics.contains(&format!("taskserver_task_running{{task=\"{task}\"}}"));
    assert!(told(&metrics[0], "probe") && told(&metrics[0], "everywhere"), "{}", metrics[0]);
    assert!(!told(&metrics[1], "probe") && told(&metrics[1], "everywhere"), "{}", metrics[1]);
}

#[tokio::test(start_paused = true)]
async fn a_follower_refuses_to_run_a_task_and_names_the_leader() {
    let (lease, _, a, b) = two(Work::Takes(SECOND), TaskConfig::manual()).await;
    wait(SECOND).await;
    let leader = lease.record().unwrap().holder.unwrap();
    let error = b.app.tasks().run_now(&b.app, "probe").unwrap_err();
    let expected = format!("the task `probe` was not run: this server does not lead; ask {leader}");
    assert_eq!(error.to_string(), expected);
    assert_eq!(b.app.tasks().status("probe").unwrap().runs.skipped, 0);
    let run = a.app.tasks().run_and_wait(&a.app, "probe").await.unwrap();
    assert_eq!(run.term, Some(1));
    let run = b.app.tasks().run_and_wait(&b.app, "everywhere").await.unwrap();
    assert_eq!(run.term, None);
}

#[tokio::test(start_paused = true)]
async fn losing_the_lead_cancels_runs_and_the_next_leader_makes_up_for_them() {
    let config = TaskConfig::every(HOUR).timeout(None).overlap(Overlap::QueueOne).run_on_start(true);
    let (_, history, a, b) = two(Work::Hangs, config).await;
    wait(HOUR + MINUTE).await;
    assert_eq!(a.app.tasks().status("probe").unwrap().waiting, 1);
    b.probe.now_does(Work::Takes(SECOND));
    a.connection.set(Line::Fails);
    wait(MINUTE).await;
    let ended: Vec<_> = of_the_leader(&history).into_iter().filter(|run| run.instance == "a").collect();
    let ends: Vec<_> = ended.iter().map(|run| (run.outcome, run.interrupted, run.error.as_deref())).collect();
    let why = Some("this server leads no longer");
    assert_eq!(ends, [(Some(Outcome::Cancelled), true, why), (Some(Outcome::Skipped), true, why)]);
    assert_eq!(a.app.tasks().status("probe").unwrap().next_run, None);
    assert_eq!(b.probe.scheduled(), ["13:00:00"]);
    assert_eq!(b.app.leadership().state(), LeadershipState::Leading { term: 2 });
    assert_eq!(a.everywhere.starts().len(), b.everywhere.starts().len(), "those of every replica go on");
    a.connection.set(Line::Works);
    wait(MINUTE).await;
    assert_eq!(a.probe.starts().len(), 1, "it follows");
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_soon_leads_again_makes_up_for_the_run_that_it_cut_short() {
    let (clock, lease, history) = (TestClock::noon(), Lease::default(), Durable::default());
    let config = TaskConfig::every(HOUR).timeout(None);
    let a = replica("a", &clock, &lease, &history, Work::EndsWhenCancelled(SECOND - SECOND / 10), &config);
    wait(HOUR + MINUTE).await;
    a.connection.set(Line::Fails);
    a.app.leadership().ended(LeadershipState::Leading { term: 1 }).await;
    a.probe.now_does(Work::Takes(SECOND));
    a.connection.set(Line::Works);
    wait(MINUTE).await;
    let runs = of_the_leader(&history);
    let found: Vec<_> = runs.iter().map(|run| (run.term, run.outcome.unwrap(), of_day(run.scheduled))).collect();
    let at = |term, outcome| (Some(term), outcome, "13:00:00".to_owned());
    assert_eq!(found, [at(1, Outcome::Cancelled), at(2, Outcome::Succeeded)]);
    assert_eq!(a.probe.triggers(), [Trigger::Schedule, Trigger::Missed]);
}

#[tokio::test(start_paused = true)]
async fn a_run_that_waits_for_a_retry_ends_with_the_term() {
    let (_, history, a, _b) = two(Work::Fails, TaskConfig::manual().retries(5).backoff(HOUR, HOUR)).await;
    a.app.tasks().run_now(&a.app, "probe").unwrap();
    wait(SECOND).await;
    a.connection.set(Line::Hangs);
    wait(MINUTE).await;
    let run = of_the_leader(&history)[0].clone();
    assert_eq!((run.interrupted, run.attempt), (true, 1));
    assert_eq!(a.app.tasks().status("probe").unwrap().running, []);
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_lets_runs_end_and_then_hands_over() {
    let (_, history, a, b) = two(Work::Takes(30 * SECOND), TaskConfig::every(MINUTE)).await;
    wait(MINUTE + SECOND).await;
    a.app.stop(HOUR).await;
    assert_eq!(a.app.leadership().state(), LeadershipState::Following);
    assert!(until(|| b.app.leadership().state().is_leading()).await <= RETRY);
    wait(MINUTE).await;
    let runs = of_the_leader(&history);
    let found: Vec<_> = runs.iter().map(|run| (run.instance.as_str(), run.term, of_day(run.scheduled))).collect();
    assert_eq!(found, [("a", Some(1), "12:01:00".to_owned()), ("b", Some(2), "12:02:00".to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_came_due_while_nobody_led_is_made_up_for() {
    let config = TaskConfig::every(MINUTE).missed(taskserver_core::Missed::All { max: 10 });
    let (clock, lease, history) = (TestClock::noon(), Lease::default(), Durable::default());
    let a = replica("a", &clock, &lease, &history, Work::Takes(SECOND), &config);
    wait(2 * MINUTE + SECOND).await;
    a.app.stop(HOUR).await;
    wait(3 * MINUTE).await;
    let b = replica("b", &clock, &lease, &history, Work::Takes(SECOND), &config);
    wait(MINUTE).await;
    assert_eq!(b.probe.scheduled(), ["12:03:00", "12:04:00", "12:05:00", "12:06:00"]);
    assert_eq!(b.probe.triggers()[..2], [Trigger::Missed; 2]);
}

#[tokio::test(start_paused = true)]
async fn replicas_whose_clocks_differ_by_minutes_still_have_one_leader() {
    let (lease, history, config) = (Lease::default(), Durable::default(), TaskConfig::every(HOUR));
    let (ahead, behind) = (TestClock::at("2026-01-01T12:05:00Z"), TestClock::at("2026-01-01T11:55:00Z"));
    let a = replica("a", &ahead, &lease, &history, Work::Takes(SECOND), &config);
    settle().await;
    let b = replica("b", &behind, &lease, &history, Work::Takes(SECOND), &config);
    wait(57 * MINUTE).await;
    a.app.stop(HOUR).await;
    wait(HOUR).await;
    assert_eq!(lease.terms().len(), 2);
    assert_eq!(a.probe.scheduled(), ["13:00:00"]);
    assert_eq!(b.probe.scheduled(), [""; 0], "for one scheduled time there is one run");
    wait(30 * MINUTE).await;
    assert_eq!(b.probe.scheduled(), ["14:00:00"]);
}
