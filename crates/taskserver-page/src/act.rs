//! What the buttons of the pages do.

use taskserver_core::{App, TaskControlError};

/// Why an action did not take place, for people.
pub type ActError = TaskControlError;

/// What is done with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    task: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Run,
    Pause,
    Resume,
}

impl Action {
    /// The action of a path, such as `/tasks/analytics/run`.
    pub(crate) fn find(path: &str) -> Option<Self> {
        let (task, action) = path.strip_prefix("/tasks/")?.split_once('/')?;
        let kind = match action {
            "run" => Kind::Run,
            "pause" => Kind::Pause,
            "resume" => Kind::Resume,
            _ => return None,
        };
        Some(Self { task: task.to_owned(), kind })
    }

    /// Where a browser goes when it is done.
    #[must_use]
    pub fn next(&self) -> String {
        format!("/tasks/{}", self.task)
    }

    /// Does it.
    ///
    /// # Errors
    /// There is no such task, or it cannot be run now.
    pub fn act(&self, app: &App) -> Result<(), ActError> {
        match self.kind {
            Kind::Run => app.tasks().run_now(app, &self.task).map(|_| ()),
            Kind::Pause => app.tasks().pause(&self.task),
            Kind::Resume => app.tasks().resume(&self.task),
        }
    }
}
