//! The task: from verdicts to alerts.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use taskserver_alerts::{Alert, Alerts, Key, Level};
use taskserver_core::{LastRuns, Task, TaskConfig, TaskContext, TaskError, TaskStatus};
use taskserver_store::{Fence, Store, StoreError};

use crate::overdue::{Verdict, Watch};

/// The name of the task, and the source of its alerts.
pub const SOURCE: &str = "self-check";

/// The rule of its alerts; their group is the name of the task that is overdue.
pub const RULE: &str = "task-overdue";

/// When a task is overdue, and how bad that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SelfCheckOptions {
    /// How many of its scheduled times a task may pass without success, at least 1.
    pub intervals: u32,
    /// How long a run may take to succeed before its scheduled time counts.
    pub grace: Duration,
    /// The level of the alerts.
    pub level: Level,
}

impl Default for SelfCheckOptions {
    /// 3 intervals, 5 minutes, a warning.
    fn default() -> Self {
        Self { intervals: 3, grace: Duration::from_secs(300), level: Level::Warning }
    }
}

/// What a run has found.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct SelfChecked {
    /// How many tasks there are.
    pub tasks: usize,
    /// Those which are overdue.
    pub overdue: Vec<String>,
}

/// Raises and resolves alerts of tasks that are overdue, once a minute.
pub struct SelfCheck {
    store: Store,
    alerts: Alerts,
    options: SelfCheckOptions,
    leadership: Option<String>,
    watch: Mutex<Watch>,
}

impl SelfCheck {
    /// Raises these alerts, in this database.
    #[must_use]
    pub fn new(store: Store, alerts: Alerts, options: SelfCheckOptions) -> Self {
        Self { store, alerts, options, leadership: None, watch: Mutex::default() }
    }

    /// Raises and resolves only in the term of the run, checked where it is written: the app's election is over this leadership,
    /// which the database keeps.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    /// Raises and resolves these alerts together, in the term of the run.
    async fn write(
        &self,
        raise: &[Alert],
        resolve: &[Key],
        term: Option<u64>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let mut transaction = self.store.begin_read_committed().await?;
        let result = async {
            self.alerts.raise(&mut transaction, raise, now).await?;
            for key in resolve {
                self.alerts.resolve(&mut transaction, key, now).await?;
            }
            if let (Some(leadership), Some(term)) = (&self.leadership, term) {
                // The last thing, since it keeps the leader from renewing its lease until the end.
                Fence::new(leadership, term).check(&mut transaction).await?;
            }
            Ok(())
        };
        let result = result.await;
        transaction.conclude(result).await
    }
}

impl Task for SelfCheck {
    type Output = SelfChecked;

    fn name(&self) -> &str {
        SOURCE
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(60))
    }

    async fn run(&self, context: &TaskContext) -> Result<SelfChecked, TaskError> {
        let (app, now) = (context.app(), context.app().clock().now());
        let tasks: Vec<TaskStatus> = app.tasks().statuses().into_iter().filter(|task| task.name != SOURCE).collect();
        let history = match tasks.iter().any(|task| task.last_success.is_none()) {
            true => app.tasks().history().last_runs(now).await?,
            false => HashMap::new(),
        };
        let verdicts: HashMap<&str, Verdict> = {
            let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
            let first_run = |task: &TaskStatus| history.get(&task.name).and_then(|runs: &LastRuns| runs.first);
            let mut judged = |task| watch.judge(task, first_run(task), now, self.options);
            tasks.iter().map(|task| (task.name.as_str(), judged(task))).collect()
        };
        let firing = self.alerts.firing(&self.store, SOURCE).await?;
        let is_firing = |task: &str| firing.iter().any(|key| key.group == task);
        let overdue: Vec<&TaskStatus> =
            tasks.iter().filter(|task| verdicts[task.name.as_str()] == Verdict::Overdue).collect();
        let raise: Vec<Alert> =
            overdue.iter().filter(|task| !is_firing(&task.name)).map(|task| alert(task, now, self.options)).collect();
        // A task that there is no more is overdue no more.
        let is_over = |key: &Key| verdicts.get(key.group.as_str()).is_none_or(|verdict| *verdict == Verdict::Fine);
        let resolve: Vec<Key> = firing.iter().filter(|key| is_over(key)).cloned().collect();
        if !raise.is_empty() || !resolve.is_empty() {
            self.write(&raise, &resolve, context.term(), now).await?;
        }
        Ok(SelfChecked { tasks: tasks.len(), overdue: overdue.iter().map(|task| task.name.clone()).collect() })
    }
}

fn alert(task: &TaskStatus, now: Timestamp, options: SelfCheckOptions) -> Alert {
    let TaskStatus { name, last_success, last_run, .. } = task;
    let title = match last_success {
        Some(time) => format!("The task {name} has not succeeded since {}", whole_seconds(*time)),
        None => format!("The task {name} has never succeeded"),
    };
    let error = last_run.as_ref().and_then(|run| run.error.as_deref());
    let error = error.map(|error| format!(" Its last run said: {error}")).unwrap_or_default();
    let message = format!("It should have, at least once in {} of its scheduled times.{error}", options.intervals);
    Alert::new(Key::new(SOURCE, RULE, name), title, now).level(options.level).message(message)
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}
