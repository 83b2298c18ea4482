//! One task.

use taskserver_core::{App, Run, TaskStatus};

use super::overview;

/// How many runs of the task are shown.
const RUNS: usize = 60;

/// A task, and its runs.
#[derive(Debug, Clone)]
pub struct TaskDetails {
    /// The task.
    pub status: TaskStatus,
    /// Its runs, newest first.
    pub runs: Vec<Run>,
}

impl TaskDetails {
    pub(crate) async fn gather(app: &App, name: &str) -> Option<Self> {
        let status = app.tasks().status(name)?;
        let runs = overview::recent(app, name, RUNS).await;
        Some(Self { status, runs })
    }
}
