//! The run history: a port, and the adapter that keeps the newest runs in memory.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::task::Run;

/// What a [`RunHistory`] fails with: any error.
pub type HistoryError = Box<dyn std::error::Error + Send + Sync>;

/// Where runs are recorded.
///
/// A history that fails, or takes longer than five seconds to answer, is logged and counted; it never fails a run.
#[async_trait]
pub trait RunHistory: Send + Sync + 'static {
    /// Records a run that begins. The run waits for this.
    async fn started(&self, run: &Run) -> Result<(), HistoryError>;

    /// Records a run that ended: one that [`started`](Self::started), or one that was skipped and never did.
    async fn finished(&self, run: &Run) -> Result<(), HistoryError>;

    /// The runs of a task, newest first, at most `limit`.
    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError>;
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
