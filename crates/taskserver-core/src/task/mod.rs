//! Tasks: what runs in the background, when, and under which policy.
//!
//! A [`Task`] is a name and an async function. Its [`TaskConfig`] says when it runs ([`Schedule`]) and what happens when
//! things go wrong ([`Policy`]). The app's [`Scheduler`](crate::Scheduler) brings the two together. The
//! [front page](crate#writing-a-task) has an example, and what a task should keep in mind.

mod config;
mod context;
mod cron;
mod policy;
mod run;
mod schedule;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::Serialize;
use serde_json::Value;

pub use config::{TaskConfig, TaskConfigError};
pub use context::TaskContext;
pub use cron::Cron;
pub use policy::{Backoff, Missed, Overlap, Policy};
pub use run::{Outcome, Run, RunCounts, TaskStatus, Trigger};
pub use schedule::{Recurrence, Schedule};

/// What a task fails with: any error. Its chain of [sources](std::error::Error::source) is what gets logged.
pub type TaskError = Box<dyn std::error::Error + Send + Sync>;

/// Background work with a name.
///
/// ```
/// use std::time::Duration;
/// use serde::Serialize;
/// use taskserver_core::{App, Task, TaskConfig, TaskContext, TaskError};
///
/// /// Counts the words of a text every ten minutes.
/// struct WordCount {
///     text: String,
/// }
///
/// #[derive(Serialize)]
/// struct Figures {
///     words: usize,
/// }
///
/// impl Task for WordCount {
///     type Output = Figures;
///
///     fn name(&self) -> &str {
///         "word-count"
///     }
///
///     fn defaults(&self) -> TaskConfig {
///         TaskConfig::every(Duration::from_secs(600)).run_on_start(true).retries(3)
///     }
///
///     async fn run(&self, context: &TaskContext) -> Result<Figures, TaskError> {
///         tracing::debug!(scheduled = %context.scheduled(), "counting");
///         Ok(Figures { words: self.text.split_whitespace().count() })
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let app = App::builder().task(WordCount { text: "to be or not to be".into() }).build().unwrap();
/// let run = app.tasks().run_and_wait(&app, "word-count").await.unwrap();
/// assert_eq!(run.result, serde_json::json!({ "words": 6 }));
/// # }
/// ```
///
/// # Writing a task
///
/// - A run is identified by the task's name and the run's [scheduled time](TaskContext::scheduled). Both are the same in
///   every attempt, after a restart and on every replica. Store what a run produces under that identity, so that running it
///   twice stores it once.
/// - Return an error for whatever went wrong: `?` takes every error type, `anyhow::Error` included. The scheduler logs it with
///   its causes and retries as the policy says. A panic is treated as an error and leaves all other tasks alone.
/// - A run is cancelled by dropping its future, after [`TaskContext::cancelled`] has resolved and a second has passed. Only a
///   future that awaits can be dropped: move blocking work to [`tokio::task::spawn_blocking`].
pub trait Task: Send + Sync + 'static {
    /// What a run results in, such as its figures: kept in the run history and logged. `()` for none.
    type Output: Serialize + Send;

    /// The name, unique in the app: lower-case letters, digits and hyphens, at most 63 characters.
    fn name(&self) -> &str;

    /// How the task is scheduled unless the app says otherwise. The default is to run only when asked to.
    fn defaults(&self) -> TaskConfig {
        TaskConfig::manual()
    }

    /// Whether each replica runs the task by itself: for work that concerns the process, such as taking samples of it. What
    /// concerns the deployment is the leader's, which is the default. Runs that a process missed while it was down are made up
    /// for only if they are the leader's.
    fn every_replica(&self) -> bool {
        false
    }

    /// Does the work once. Implement it as `async fn`.
    fn run(&self, context: &TaskContext) -> impl Future<Output = Result<Self::Output, TaskError>> + Send;
}

/// A task whose type and output type are erased.
#[derive(Clone)]
pub(crate) struct BoxedTask(Arc<dyn DynTask>);

impl BoxedTask {
    pub(crate) fn new(task: impl Task) -> Self {
        Self(Arc::new(task))
    }

    pub(crate) fn name(&self) -> &str {
        self.0.name()
    }

    pub(crate) fn every_replica(&self) -> bool {
        self.0.every_replica()
    }

    /// Runs the task once; the output is `null` for a task without one.
    pub(crate) fn run<'a>(&'a self, context: &'a TaskContext) -> BoxFuture<'a, Result<Value, TaskError>> {
        self.0.run(context)
    }
}

trait DynTask: Send + Sync {
    fn name(&self) -> &str;
    fn every_replica(&self) -> bool;
    fn run<'a>(&'a self, context: &'a TaskContext) -> BoxFuture<'a, Result<Value, TaskError>>;
}

impl<T: Task> DynTask for T {
    fn name(&self) -> &str {
        Task::name(self)
    }

    fn every_replica(&self) -> bool {
        Task::every_replica(self)
    }

    fn run<'a>(&'a self, context: &'a TaskContext) -> BoxFuture<'a, Result<Value, TaskError>> {
        Box::pin(async move { Ok(serde_json::to_value(Task::run(self, context).await?)?) })
    }
}
