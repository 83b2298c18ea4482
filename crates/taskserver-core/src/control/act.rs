//! Acts, and what they make of a task.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::task::Recurrence;

/// What can be done to a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// Run it now: on the leader, also if it is a task of every replica.
    Trigger,
    /// Follow its schedule no longer. A run in progress goes on.
    Pause,
    /// Follow its schedule again. The times that passed meanwhile are not missed.
    Resume,
    /// Cancel its runs in progress, on the leader.
    Cancel,
    /// Give it other scheduled times than the configuration does, or those of the configuration again.
    Schedule,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 5] = [Self::Trigger, Self::Pause, Self::Resume, Self::Cancel, Self::Schedule];

    /// Its name, as in paths and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Cancel => "cancel",
            Self::Schedule => "schedule",
        }
    }

    /// The action of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.name() == name)
    }

    /// Whether it is done as soon as it is recorded: it changes a task's [`TaskState`]. Otherwise the leader carries it out.
    #[must_use]
    pub fn changes_state(self) -> bool {
        match self {
            Self::Pause | Self::Resume | Self::Schedule => true,
            Self::Trigger | Self::Cancel => false,
        }
    }
}

/// What somebody wants to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// What.
    pub action: Action,
    /// The scheduled times, for [`Action::Schedule`]; `None` for those of the configuration.
    pub recurrence: Option<Recurrence>,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

impl Command {
    /// A command without a reason.
    #[must_use]
    pub fn new(action: Action, by: impl Into<String>) -> Self {
        Self { action, recurrence: None, by: by.into(), reason: None }
    }

    /// Gives the reason.
    #[must_use]
    pub fn because(mut self, reason: impl Into<String>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Gives the scheduled times, for [`Action::Schedule`].
    #[must_use]
    pub fn recurrence(mut self, recurrence: Recurrence) -> Self {
        self.recurrence = Some(recurrence);
        self
    }
}

/// The record of something that somebody did to a task, or wanted to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Act {
    /// The id of this record, a UUIDv7: of acts of one moment it tells the order.
    pub id: Uuid,
    /// The task.
    pub task: String,
    /// What was asked for.
    pub action: Action,
    /// The scheduled times, for [`Action::Schedule`]; `None` for those of the configuration.
    pub recurrence: Option<Recurrence>,
    /// Who asked for it: a user's id, or the name of an operator's token.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// The process that was asked, by its [name among the replicas](crate::AppBuilder::instance).
    pub instance: String,
    /// When it was done, or refused.
    pub finished: Option<Timestamp>,
    /// What came of it; `None` until the leader has carried it out.
    pub outcome: Option<ActOutcome>,
    /// More about that: the run that began, or why it was refused.
    pub detail: Option<String>,
}

/// What came of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ActOutcome {
    /// It was done.
    Done,
    /// It could not be done.
    Refused,
    /// No leader has taken it up in time.
    Expired,
    /// The leader that had taken it up died: whether it was done is not known.
    Lost,
}

impl Act {
    pub(super) fn new(task: &str, command: Command, instance: &str, now: Timestamp) -> Self {
        let Command { action, recurrence, by, reason } = command;
        let is_done = action.changes_state();
        Self {
            id: Uuid::now_v7(),
            task: task.to_owned(),
            action,
            recurrence,
            by,
            reason,
            asked: now,
            instance: instance.to_owned(),
            finished: is_done.then_some(now),
            outcome: is_done.then_some(ActOutcome::Done),
            detail: None,
        }
    }

    /// The act with its outcome.
    #[must_use]
    pub fn concluded(mut self, outcome: ActOutcome, detail: Option<String>, now: Timestamp) -> Self {
        self.outcome = Some(outcome);
        self.detail = detail.filter(|detail| !detail.is_empty());
        self.finished = Some(now);
        self
    }

    /// Who did it, when and why.
    #[must_use]
    pub fn change(&self) -> Change {
        Change { by: self.by.clone(), reason: self.reason.clone(), at: self.asked }
    }
}

/// Who changed something, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// Who: a user's id, or the name of an operator's token.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What people made of a task, beyond its configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskState {
    /// The task.
    pub task: String,
    /// Who paused it; `None` if it is not paused.
    pub paused: Option<Change>,
    /// Who changed its scheduled times, and those times; `None` if they are those of the configuration.
    pub rescheduled: Option<(Change, Recurrence)>,
    /// When this last changed. Scheduled times before it are not missed.
    pub changed: Timestamp,
}

impl TaskState {
    /// The state of a task after an act, if it changes one.
    #[must_use]
    pub fn after(before: Option<Self>, act: &Act) -> Self {
        let mut state = before.unwrap_or_else(|| Self {
            task: act.task.clone(),
            paused: None,
            rescheduled: None,
            changed: act.asked,
        });
        match act.action {
            Action::Pause => state.paused = Some(act.change()),
            Action::Resume => state.paused = None,
            Action::Schedule => state.rescheduled = act.recurrence.clone().map(|times| (act.change(), times)),
            Action::Trigger | Action::Cancel => return state,
        }
        state.changed = act.asked;
        state
    }
}
