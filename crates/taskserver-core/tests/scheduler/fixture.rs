//! A clock that can be set, and a task that does as it is told and keeps a log.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskserver_core::{App, Clock, Outcome, Run, Task, TaskConfig, TaskContext, TaskError, TokioClock, Trigger};

pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const MINUTE: Duration = Duration::from_secs(60);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A clock that follows tokio's time, starts at noon on the first day of 2026, and can be set.
#[derive(Clone)]
pub(crate) struct TestClock {
    clock: TokioClock,
    shift_ms: Arc<AtomicI64>,
}

impl TestClock {
    pub(crate) fn at(start: &str) -> Self {
        Self { clock: TokioClock::starting_at(time(start)), shift_ms: Arc::default() }
    }

    pub(crate) fn noon() -> Self {
        Self::at("2026-01-01T12:00:00Z")
    }

    pub(crate) fn leap(&self, ahead: Duration) {
        self.shift_ms.fetch_add(ahead.as_millis() as i64, Ordering::Relaxed);
    }

    pub(crate) fn set_back(&self, by: Duration) {
        self.shift_ms.fetch_sub(by.as_millis() as i64, Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.clock.now() + SignedDuration::from_millis(self.shift_ms.load(Ordering::Relaxed))
    }
}

/// What the probe does in each attempt.
#[derive(Clone, Copy)]
pub(crate) enum Work {
    Takes(Duration),
    /// Fails in the attempts before this one.
    SucceedsInAttempt(u32),
    Fails,
    Panics,
    /// Never ends, unless it is asked to; then after this time.
    EndsWhenCancelled(Duration),
    /// Never ends.
    Hangs,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Start {
    pub(crate) at: Timestamp,
    pub(crate) scheduled: Timestamp,
    pub(crate) trigger: Trigger,
    pub(crate) attempt: u32,
}

/// A task for tests. Clones share the log.
#[derive(Clone)]
pub(crate) struct Probe {
    name: String,
    work: Arc<Mutex<Work>>,
    starts: Arc<Mutex<Vec<Start>>>,
}

impl Probe {
    pub(crate) fn new(name: &str, work: Work) -> Self {
        Self { name: name.into(), work: Arc::new(Mutex::new(work)), starts: Arc::default() }
    }

    pub(crate) fn now_does(&self, work: Work) {
        *self.work.lock().unwrap() = work;
    }

    pub(crate) fn starts(&self) -> Vec<Start> {
        self.starts.lock().unwrap().clone()
    }

    /// The times of day at which attempts began, to the second.
    pub(crate) fn started_at(&self) -> Vec<String> {
        self.starts().iter().map(|start| of_day(start.at)).collect()
    }

    /// The times of day for which the attempts were scheduled.
    pub(crate) fn scheduled(&self) -> Vec<String> {
        self.starts().iter().map(|start| of_day(start.scheduled)).collect()
    }

    pub(crate) fn triggers(&self) -> Vec<Trigger> {
        self.starts().iter().map(|start| start.trigger).collect()
    }
}

impl Task for Probe {
    type Output = Option<u32>;

    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, context: &TaskContext) -> Result<Option<u32>, TaskError> {
        self.starts.lock().unwrap().push(Start {
            at: context.app().clock().now(),
            scheduled: context.scheduled(),
            trigger: context.trigger(),
            attempt: context.attempt(),
        });
        let work = *self.work.lock().unwrap();
        match work {
            Work::Takes(time) => tokio::time::sleep(time).await,
            Work::SucceedsInAttempt(attempt) if context.attempt() >= attempt => {}
            Work::SucceedsInAttempt(_) | Work::Fails => return Err("no such luck".into()),
            Work::Panics => panic!("the sky falls"),
            Work::EndsWhenCancelled(after) => {
                context.cancelled().await;
                tokio::time::sleep(after).await;
            }
            Work::Hangs => std::future::pending().await,
        }
        Ok(Some(context.attempt()))
    }
}

/// An app with one task.
pub(crate) fn app(clock: &TestClock, probe: &Probe, config: TaskConfig) -> App {
    App::builder().clock(clock.clone()).task_with(probe.clone(), config).build().unwrap()
}

/// An app with one task, started.
pub(crate) fn started(clock: &TestClock, probe: &Probe, config: TaskConfig) -> App {
    let app = app(clock, probe, config);
    app.start();
    app
}

pub(crate) async fn wait(time: Duration) {
    tokio::time::sleep(time).await;
}

/// Lets everything happen that happens now.
pub(crate) async fn settle() {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

/// The recorded runs of a task, oldest first.
pub(crate) async fn recorded(app: &App, task: &str) -> Vec<Run> {
    let mut runs = app.tasks().history().recent(task, 1000).await.unwrap();
    runs.reverse();
    runs
}

/// The scheduled times of day and the outcomes of the recorded runs, oldest first.
pub(crate) async fn outcomes(app: &App, task: &str) -> Vec<(String, Option<Outcome>)> {
    recorded(app, task).await.iter().map(|run| (of_day(run.scheduled), run.outcome)).collect()
}

pub(crate) fn of_day(time: Timestamp) -> String {
    time.strftime("%H:%M:%S").to_string()
}
