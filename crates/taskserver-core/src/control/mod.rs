//! Control by people: to run a task now, pause and resume it, change its schedule, cancel its runs.
//!
//! Each of these is an [`Act`], by somebody and perhaps for a reason, and every act is recorded. What [`Control`] does lasts and
//! holds for all replicas, whichever is asked; what the [`Scheduler`](crate::Scheduler) offers (`pause`, `cancel` …) concerns this
//! process alone, until it ends.
//!
//! # How an act takes effect
//! Acts meet in a [`ControlStore`], which replicas share, and which each of them looks into every
//! [second](ControlOptions::poll_period):
//!
//! - **Pause, resume, schedule** change a task's [`TaskState`], in the same transaction as the act is recorded. Every replica
//!   takes up the states that have changed; so they outlast restarts, and whoever leads next has them before it begins.
//! - **Trigger, cancel** are for the leader, which runs the tasks. It takes such an act up, at most once, carries it out and
//!   records how that went. An act that nobody has taken up for [a minute](ControlOptions::expiry) has expired: a task does not
//!   start hours later because somebody once asked for it. If the leader dies in the middle, the act is lost, and says so.
//!
//! Polling, and not a notification, because it is the same on every database, costs one small query, and cannot be missed.

mod act;
mod memory;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::{App, LeadershipState, TaskControlError};

pub use act::{Act, ActOutcome, Action, Change, Command, TaskState};
pub use memory::MemoryControl;

/// What a [`ControlStore`] fails with: any error.
pub type ControlError = Box<dyn std::error::Error + Send + Sync>;

/// How often the outcome of an act is looked for, for whoever waits for it.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Where acts, and the states of tasks that they lead to, are kept: the port to a database that replicas share.
#[async_trait]
pub trait ControlStore: Send + Sync + 'static {
    /// Whether other processes write to it, too: then it is looked into again and again.
    fn is_shared(&self) -> bool {
        true
    }

    /// The states of all tasks that somebody has changed.
    async fn states(&self) -> Result<Vec<TaskState>, ControlError>;

    /// Records an act, and changes the state of its task accordingly.
    async fn record(&self, act: &Act) -> Result<(), ControlError>;

    /// The act of this id.
    async fn act(&self, id: Uuid) -> Result<Option<Act>, ControlError>;

    /// The acts that nobody has carried out, oldest first: from now on they are this process's, which leads. Acts that were asked
    /// for longer ago than `expiry` expire, and those that a former leader has taken are lost.
    async fn take(&self, leading: LeadershipState, expiry: Duration) -> Result<Vec<Act>, ControlError>;

    /// Records the outcome of an act that was taken.
    async fn conclude(&self, act: &Act) -> Result<(), ControlError>;
}

/// The times of control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ControlOptions {
    /// How often the store is looked into. Default: a second.
    pub poll_period: Duration,
    /// For how long an act waits for a leader that takes it up. Default: a minute.
    pub expiry: Duration,
    /// How long whoever asked for an act waits for its outcome. Default: five seconds.
    pub wait: Duration,
}

impl Default for ControlOptions {
    fn default() -> Self {
        Self { poll_period: Duration::from_secs(1), expiry: Duration::from_secs(60), wait: Duration::from_secs(5) }
    }
}

/// Why an act was not recorded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ActError {
    /// It cannot be done: there is no such task, or its schedule would be impossible.
    #[error(transparent)]
    Refused(#[from] TaskControlError),
    /// The store failed.
    #[error("the act could not be recorded")]
    Store(#[source] ControlError),
}

/// Control over the tasks of all replicas. See [`App::control`].
///
/// ```
/// use taskserver_core::{Action, App, Command, Task, TaskContext, TaskError};
///
/// # struct Greet;
/// # impl Task for Greet {
/// #     type Output = ();
/// #     fn name(&self) -> &str { "greet" }
/// #     async fn run(&self, _: &TaskContext) -> Result<(), TaskError> { Ok(()) }
/// # }
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let app = App::builder().task(Greet).build()?;
/// app.start();
/// let command = Command::new(Action::Pause, "alice").because("the database is being moved");
/// app.control().act(&app, "greet", command).await?;
/// let pause = app.tasks().status("greet").unwrap().paused_by.unwrap();
/// assert_eq!((pause.by.as_str(), pause.reason.as_deref()), ("alice", Some("the database is being moved")));
/// # Ok(())
/// # }
/// ```
pub struct Control {
    store: Arc<dyn ControlStore>,
    options: ControlOptions,
    instance: String,
    /// There is something to look at.
    wake: Notify,
}

impl Control {
    pub(crate) fn new(store: Arc<dyn ControlStore>, options: ControlOptions, instance: String) -> Self {
        Self { store, options, instance, wake: Notify::new() }
    }

    /// Has something done to a task, on whichever replica it takes. Answers the act with its outcome; without one, if no leader
    /// has carried it out [by now](ControlOptions::wait).
    ///
    /// # Errors
    /// [`ActError`]: it was not recorded, nor done. (If the store lost its connection in the middle, it may have been.)
    pub async fn act(&self, app: &App, task: &str, command: Command) -> Result<Act, ActError> {
        app.tasks().check(task, &command)?;
        let act = Act::new(task, command, &self.instance, app.clock().now());
        self.store.record(&act).await.map_err(ActError::Store)?;
        let Act { action, by, reason, .. } = &act;
        tracing::info!(
            task,
            action = action.name(),
            by,
            reason = reason.as_deref().unwrap_or_default(),
            "act recorded"
        );
        if act.outcome.is_some() {
            if let Err(error) = self.sync(app).await {
                tracing::warn!(task, %error, "what was recorded cannot be read yet; it is taken up with the next look");
            }
            return Ok(act);
        }
        self.wake.notify_one();
        Ok(self.outcome_of(act).await)
    }

    /// The act with its outcome, if there is one in time.
    async fn outcome_of(&self, act: Act) -> Act {
        let look = async {
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                if let Ok(Some(act)) = self.store.act(act.id).await
                    && act.outcome.is_some()
                {
                    return act;
                }
            }
        };
        tokio::time::timeout(self.options.wait, look).await.unwrap_or(act)
    }

    /// Takes up the states of the tasks, as people have changed them.
    pub(crate) async fn sync(&self, app: &App) -> Result<(), ControlError> {
        self.store.states().await?.into_iter().for_each(|state| app.tasks().take_up(state));
        Ok(())
    }

    /// Takes up what people ask for, until the app stops.
    pub(crate) async fn follow(&self, app: &App) {
        let mut failing = false;
        loop {
            match self.look(app).await {
                Ok(()) => failing = false,
                // Said once: whoever watches over the database says more.
                Err(error) if !failing => {
                    tracing::warn!(%error, "what people ask of the tasks cannot be read; trying again");
                    failing = true;
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(self.options.poll_period), if self.store.is_shared() => {}
                () = self.wake.notified() => {}
                () = app.shutdown().stopping() => return,
            }
        }
    }

    async fn look(&self, app: &App) -> Result<(), ControlError> {
        self.sync(app).await?;
        let leading = app.leadership().state();
        if !leading.is_leading() {
            return Ok(());
        }
        for act in self.store.take(leading, self.options.expiry).await? {
            let act = carry_out(app, act);
            self.store.conclude(&act).await?;
        }
        Ok(())
    }
}

fn carry_out(app: &App, act: Act) -> Act {
    let (outcome, detail) = match act.action {
        Action::Trigger => match app.tasks().run_now(app, &act.task) {
            Ok(run) => (ActOutcome::Done, format!("run {}", run.id)),
            Err(refused) => (ActOutcome::Refused, refused.to_string()),
        },
        Action::Cancel => match app.tasks().cancel(&act.task) {
            Ok(0) => (ActOutcome::Refused, format!("no run of the task `{}` is in progress", act.task)),
            Ok(1) => (ActOutcome::Done, "1 run cancelled".to_owned()),
            Ok(runs) => (ActOutcome::Done, format!("{runs} runs cancelled")),
            Err(refused) => (ActOutcome::Refused, refused.to_string()),
        },
        // They are done when they are recorded.
        Action::Pause | Action::Resume | Action::Schedule => (ActOutcome::Done, String::new()),
    };
    act.concluded(outcome, Some(detail), app.clock().now())
}
