//! Why a task cannot be controlled as asked.

use crate::task::TaskConfigError;

/// Why a request to the scheduler was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TaskControlError {
    /// There is no such task.
    #[error("there is no task `{name}`; {}", known_tasks(known))]
    UnknownTask {
        /// The name that was given.
        name: String,
        /// The names of all tasks.
        known: Vec<String>,
    },
    /// As many runs of the task as allowed are in progress, and its overlap policy is to skip further ones.
    #[error("the task `{task}` runs already; wait for that run to end, or cancel it")]
    Busy {
        /// The task.
        task: String,
    },
    /// The scheduler begins no new runs.
    #[error("the task `{task}` was not run: the server is shutting down")]
    ShuttingDown {
        /// The task.
        task: String,
    },
    /// The task is the leader's, and this process does not lead.
    #[error("the task `{task}` was not run: this server does not lead; ask {}", leader.as_deref().unwrap_or("the one that does"))]
    NotLeading {
        /// The task.
        task: String,
        /// Who leads, if that is known.
        leader: Option<String>,
    },
    /// A new configuration is impossible; the old one stays.
    #[error("the task `{task}` keeps its configuration: {source}")]
    InvalidConfig {
        /// The task.
        task: String,
        /// What is wrong with the new configuration.
        source: TaskConfigError,
    },
}

/// Names at most ten tasks: enough to see a misspelling, and bounded.
fn known_tasks(known: &[String]) -> String {
    const SHOWN: usize = 10;
    match known.len() {
        0 => "there are no tasks".to_owned(),
        count if count <= SHOWN => format!("the tasks are {}", known.join(", ")),
        count => format!("the tasks are {} and {} more", known[..SHOWN].join(", "), count - SHOWN),
    }
}
