//! The run history: a port, and the adapter that keeps the newest runs in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;

use crate::LeadershipState;
use crate::task::Run;

/// What a [`RunHistory`] fails with: any error.
pub type HistoryError = Box<dyn std::error::Error + Send + Sync>;

/// What a [`RunHistory`] knows of the runs of a task that ended and were not asked for by hand. A scheduled time is settled by a
/// run that was not [interrupted](Run::interrupted).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LastRuns {
    /// The latest scheduled time until now that is settled.
    pub settled: Option<Timestamp>,
    /// The scheduled times after now that are settled all the same, by a leader whose clock was ahead: the earliest
    /// [`MOST_AHEAD`](Self::MOST_AHEAD).
    pub ahead: Vec<Timestamp>,
    /// The latest scheduled time that had a run which succeeded.
    pub succeeded: Option<Timestamp>,
    /// The earliest scheduled time that is remembered.
    pub first: Option<Timestamp>,
    /// The earliest scheduled time that had a run which was interrupted, whatever came after it.
    pub interrupted: Option<Timestamp>,
}

impl LastRuns {
    /// How many settled times of the future are worth knowing: what a leader with a clock that is minutes ahead gets done.
    pub const MOST_AHEAD: usize = 10_000;
}

/// Where runs are recorded.
///
/// A history that fails, or takes longer than five seconds to answer, is logged and counted; it never fails a run. What an elected
/// leader has to know of it, or to record in it, is asked again until it succeeds or the term is over, for a minute at most: so
/// long the tasks do not begin, and a run that has ended keeps its place.
///
/// One that outlasts its process says what was [missed](crate::Missed) while there was no leader: it implements
/// [`recover`](Self::recover) and [`last_runs`](Self::last_runs), which are asked in this order when the process begins to lead.
#[async_trait]
pub trait RunHistory: Send + Sync + 'static {
    /// Records a run that begins. The run waits for this; a history may nevertheless put it off, to record short runs only once.
    async fn started(&self, run: &Run) -> Result<(), HistoryError>;

    /// Records a run that ended: one that [`started`](Self::started), or one that was skipped and never did.
    async fn finished(&self, run: &Run) -> Result<(), HistoryError>;

    /// The runs of a task, newest first, at most `limit`.
    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError>;

    /// Marks as [lost](crate::Outcome::Lost) and interrupted what the history has in progress, though it cannot be so any more:
    /// runs of former processes of this name, and, when this process leads, those of the leaders before it. Answers how many.
    /// Asked when the scheduler starts, and each time that the process begins to lead.
    async fn recover(&self, leading: LeadershipState) -> Result<u64, HistoryError> {
        let _ = leading;
        Ok(0)
    }

    /// What is known of the last runs of each task, by its name.
    async fn last_runs(&self, now: Timestamp) -> Result<HashMap<String, LastRuns>, HistoryError> {
        let _ = now;
        Ok(HashMap::new())
    }
}

/// Keeps the newest runs of each task in memory.
#[derive(Debug)]
pub struct MemoryHistory {
    runs_per_task: usize,
    /// By task, oldest run first.
    runs: Mutex<HashMap<String, VecDeque<Run>>>,
}

impl MemoryHistory {
    /// A history of at most `runs_per_task` runs of each task.
    #[must_use]
    pub fn new(runs_per_task: usize) -> Self {
        Self { runs_per_task: runs_per_task.max(1), runs: Mutex::default() }
    }

    /// Puts `run` in the place of its older record, or at the end.
    fn put(&self, run: &Run) {
        let mut runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(runs) = runs.get_mut(&run.task) else {
            runs.insert(run.task.clone(), VecDeque::from([run.clone()]));
            return;
        };
        if let Some(known) = runs.iter_mut().rev().find(|known| known.id == run.id) {
            known.clone_from(run);
            return;
        }
        if runs.len() >= self.runs_per_task {
            runs.pop_front();
        }
        runs.push_back(run.clone());
    }
}

impl Default for MemoryHistory {
    /// A history of the newest 50 runs of each task.
    fn default() -> Self {
        Self::new(50)
    }
}

#[async_trait]
impl RunHistory for MemoryHistory {
    async fn started(&self, run: &Run) -> Result<(), HistoryError> {
        self.put(run);
        Ok(())
    }

    async fn finished(&self, run: &Run) -> Result<(), HistoryError> {
        self.put(run);
        Ok(())
    }

    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(runs.get(task).map(|runs| runs.iter().rev().take(limit).cloned().collect()).unwrap_or_default())
    }
}
