//! The scheduler: starts the runs of all tasks and keeps watch over them.
//!
//! - `entry` holds the state of one task and decides: what is due, and what becomes of a run that meets another.
//! - `driver` follows the schedules with a single timer and asks each entry what is due.
//! - `leader` lets the leader's tasks begin when this process leads, with what the run history says was missed before, and ends
//!   them when it leads no longer.
//! - `runner` carries a run out, in a tokio task of its own: attempts, time-outs, cancellation, panics, history, logs.
//!
//! # Time
//! The driver waits with [`tokio::time`] and decides by the app's [`Clock`]. It looks at the clock at least twice a minute, so
//! that a clock that is set, or a machine that was suspended, is noticed:
//!
//! - A leap ahead makes scheduled times pass; the policy for [missed](crate::Missed) runs says what becomes of them.
//! - A clock that is set back by less than a task's interval delays the task's next run. If it is set back by more, the task
//!   follows the new time, and scheduled times come again: the identity of their runs is the same as before.
//!
//! # Leadership
//! The leader's tasks are followed, and run by hand, only while this process [leads](crate::Leadership). When it leads no
//! longer, their runs in progress are cancelled and those that wait are skipped: the next leader makes up for them. Tasks that
//! run on [every replica](crate::Task::every_replica) are not concerned.
//!
//! # Shutdown
//! Once [`Shutdown::stop`] is called, no run begins, waiting ones are skipped, and a failed attempt is not repeated. On
//! [`Shutdown::abort`], the runs in progress are cancelled.

mod driver;
mod entry;
mod error;
mod history;
mod leader;
mod metrics;
mod runner;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::{Notify, oneshot};
use tokio_util::task::TaskTracker;

use self::entry::{Entry, Request, whole_milliseconds};
use self::metrics::TaskMetrics;
use self::runner::{Core, Refused, Unrun, component};
use crate::task::{BoxedTask, Run, TaskConfig, TaskStatus, Trigger};
use crate::{App, BuildError, Clock, Command, Leadership, Metrics, Shutdown, TaskState};

pub use self::error::TaskControlError;
pub use self::history::{HistoryError, LastRuns, MemoryHistory, RunHistory};

/// Runs the tasks of an app and controls them. See [`App::tasks`].
pub struct Scheduler {
    core: Arc<Core>,
    tasks: BTreeMap<String, Arc<Entry>>,
    started: AtomicBool,
}

impl Scheduler {
    pub(crate) fn new(
        clock: Arc<dyn Clock>,
        shutdown: Shutdown,
        history: Option<Arc<dyn RunHistory>>,
        leadership: Leadership,
        instance: String,
        metrics: &Metrics,
    ) -> Self {
        let core = Core {
            clock,
            shutdown,
            leadership,
            instance,
            history: history.unwrap_or_else(|| Arc::new(MemoryHistory::default())),
            history_failures: AtomicU64::new(0),
            metrics: TaskMetrics::register(metrics),
            runs: TaskTracker::new(),
            run_ended: Notify::new(),
            changed: Notify::new(),
        };
        Self { core: Arc::new(core), tasks: BTreeMap::new(), started: AtomicBool::new(false) }
    }

    pub(crate) fn register(&mut self, task: BoxedTask, config: TaskConfig) -> Result<(), BuildError> {
        let name = task.name().to_owned();
        let refuse = |reason| BuildError::Task { task: name.clone(), reason };
        if !is_valid_name(&name) {
            let reason = "a name consists of 1 to 63 lower-case letters, digits and hyphens".to_owned();
            return Err(refuse(reason));
        }
        config.validate().map_err(|error| refuse(error.to_string()))?;
        if self.tasks.contains_key(&name) {
            return Err(BuildError::DuplicateTask(name));
        }
        self.core.metrics.know(&name);
        self.tasks.insert(name, Arc::new(Entry::new(task, config)));
        Ok(())
    }

    /// Shows in `metrics` how it stands with the tasks that are registered.
    pub(crate) fn observe(&self, metrics: &Metrics) {
        metrics::observe(&self.core, &self.tasks, metrics);
    }

    /// Begins to follow the schedules; `false` if it has done so before. The started scheduler keeps the app alive until it is
    /// stopped.
    pub(crate) fn start(&self, app: &App) -> bool {
        if self.started.swap(true, Ordering::Relaxed) {
            return false;
        }
        let now = self.core.clock.now();
        let entries: Vec<_> = self.tasks.values().cloned().collect();
        tokio::spawn(leader::begin(Arc::clone(&self.core), entries.clone(), app.clone(), now));
        tokio::spawn(driver::drive(Arc::clone(&self.core), entries, app.clone()));
        true
    }

    /// Resolves once the app was asked to stop and no run is left.
    pub(crate) async fn finished(&self) {
        self.core.shutdown.stopping().await;
        self.core.runs.close();
        self.core.runs.wait().await;
    }

    /// All tasks as they are now, by name.
    #[must_use]
    pub fn statuses(&self) -> Vec<TaskStatus> {
        self.tasks.values().map(|entry| entry.lock().status()).collect()
    }

    /// The task of this name as it is now.
    #[must_use]
    pub fn status(&self, name: &str) -> Option<TaskStatus> {
        Some(self.tasks.get(name)?.lock().status())
    }

    /// The run history.
    #[must_use]
    pub fn history(&self) -> &dyn RunHistory {
        &*self.core.history
    }

    /// How many times the run history could not be written.
    #[must_use]
    pub fn history_failures(&self) -> u64 {
        self.core.history_failures.load(Ordering::Relaxed)
    }

    /// Runs a task now: also one that is paused or disabled, and before the app is started. Returns as soon as the run is
    /// accepted, with its record so far. It may have to [wait](crate::Overlap::QueueOne) for another run to end. Must be
    /// called within a tokio runtime.
    ///
    /// # Errors
    /// There is no such task, it runs already and skips overlapping runs, it is the leader's and this process does not lead, or
    /// the app is shutting down.
    pub fn run_now(&self, app: &App, name: &str) -> Result<Run, TaskControlError> {
        self.submit(app, name, None)
    }

    /// Runs a task now, as [`run_now`](Self::run_now) does, and waits for the run to end. A failed run is no error here: see
    /// its [`outcome`](Run::outcome). The run goes on if the caller stops waiting.
    ///
    /// # Errors
    /// As for [`run_now`](Self::run_now).
    pub async fn run_and_wait(&self, app: &App, name: &str) -> Result<Run, TaskControlError> {
        let (done, end) = oneshot::channel();
        let run = self.submit(app, name, Some(done))?;
        // The sender is dropped unused only when the runtime itself ends.
        end.await.map_err(|_| TaskControlError::ShuttingDown { task: run.task })
    }

    /// Stops following the task's schedule in this process, until it is [resumed](Self::resume) or the process ends; see
    /// [`Control`](crate::Control) for what lasts. A run in progress goes on; runs that wait are
    /// skipped. The scheduled times that pass meanwhile are not missed.
    ///
    /// # Errors
    /// There is no such task.
    pub fn pause(&self, name: &str) -> Result<(), TaskControlError> {
        let entry = self.find(name)?;
        let waiting = entry.lock().pause();
        waiting.into_iter().for_each(|request| self.core.skip(entry, request, Unrun::Paused));
        self.core.changed.notify_one();
        tracing::info!(component = component(name), "task paused");
        Ok(())
    }

    /// Follows the schedule of a paused task again.
    ///
    /// # Errors
    /// There is no such task.
    pub fn resume(&self, name: &str) -> Result<(), TaskControlError> {
        self.find(name)?.lock().resume(self.core.clock.now());
        self.core.changed.notify_one();
        tracing::info!(component = component(name), "task resumed");
        Ok(())
    }

    /// Gives a task another configuration; the one that it has is left alone. A run in progress keeps the policy that it began
    /// with, and scheduled times that [somebody changed](crate::Action::Schedule) stay as they are.
    ///
    /// # Errors
    /// There is no such task, or the configuration is impossible; then the old one stays.
    pub fn reconfigure(&self, name: &str, config: TaskConfig) -> Result<(), TaskControlError> {
        let entry = self.find(name)?;
        config.validate().map_err(|source| TaskControlError::InvalidConfig { task: name.to_owned(), source })?;
        if !entry.lock().reconfigure(config, self.core.clock.now()) {
            return Ok(());
        }
        self.core.start_waiting(entry);
        self.core.changed.notify_one();
        tracing::info!(component = component(name), "task reconfigured");
        Ok(())
    }

    /// Cancels the task's runs in progress, and says how many they were. Waiting runs are skipped.
    ///
    /// # Errors
    /// There is no such task.
    pub fn cancel(&self, name: &str) -> Result<usize, TaskControlError> {
        let entry = self.find(name)?;
        let (waiting, cancelled) = {
            let mut state = entry.lock();
            (state.take_waiting(), state.cancel_running())
        };
        waiting.into_iter().for_each(|request| self.core.skip(entry, request, Unrun::Cancelled));
        Ok(cancelled)
    }

    /// Whether a command can be carried out.
    pub(crate) fn check(&self, name: &str, command: &Command) -> Result<(), TaskControlError> {
        let entry = self.find(name)?;
        let Some(recurrence) = &command.recurrence else { return Ok(()) };
        let checked = entry.lock().check(recurrence);
        checked.map_err(|source| TaskControlError::InvalidConfig { task: name.to_owned(), source })
    }

    /// Takes up what people made of a task. One that this process does not have is none of its business.
    pub(crate) fn take_up(&self, state: TaskState) {
        let Some(entry) = self.tasks.get(&state.task) else { return };
        let Some(waiting) = entry.lock().take_up(state, self.core.clock.now()) else { return };
        waiting.into_iter().for_each(|request| self.core.skip(entry, request, Unrun::Paused));
        self.core.changed.notify_one();
        let TaskStatus { paused, rescheduled_by, .. } = entry.lock().status();
        tracing::info!(
            component = component(&entry.name),
            paused,
            rescheduled = rescheduled_by.is_some(),
            "task changed"
        );
    }

    fn submit(&self, app: &App, name: &str, done: Option<oneshot::Sender<Run>>) -> Result<Run, TaskControlError> {
        let entry = self.find(name)?;
        let scheduled = whole_milliseconds(self.core.clock.now());
        let request = Request { done, ..self.core.request(entry, scheduled, Trigger::Manual, app) };
        let accepted = Run::clone(&request.run);
        let task = || name.to_owned();
        match self.core.submit(entry, request) {
            Ok(()) => Ok(accepted),
            Err(Refused::Busy(_)) => Err(TaskControlError::Busy { task: task() }),
            Err(Refused::ShuttingDown(_)) => Err(TaskControlError::ShuttingDown { task: task() }),
            Err(Refused::NotLeading(_)) => {
                let leader = self.core.leadership.status().leader;
                Err(TaskControlError::NotLeading { task: task(), leader })
            }
        }
    }

    fn find(&self, name: &str) -> Result<&Arc<Entry>, TaskControlError> {
        self.tasks.get(name).ok_or_else(|| TaskControlError::UnknownTask {
            name: name.to_owned(),
            known: self.tasks.keys().cloned().collect(),
        })
    }
}

fn is_valid_name(name: &str) -> bool {
    (1..=63).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
