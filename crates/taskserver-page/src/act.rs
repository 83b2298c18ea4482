//! What the buttons of the pages do.

use taskserver_core::{Act, ActOutcome, App, Command};

/// What is done with a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Action {
    task: String,
    action: taskserver_core::Action,
}

impl Action {
    /// The action of a path, such as `/tasks/analytics/run`.
    pub(crate) fn find(path: &str) -> Option<Self> {
        let (task, action) = path.strip_prefix("/tasks/")?.split_once('/')?;
        let action = match action {
            "run" => taskserver_core::Action::Trigger,
            "pause" => taskserver_core::Action::Pause,
            "resume" => taskserver_core::Action::Resume,
            _ => return None,
        };
        Some(Self { task: task.to_owned(), action })
    }

    /// Where a browser goes when it is done.
    #[must_use]
    pub fn next(&self) -> String {
        format!("/tasks/{}", self.task)
    }

    /// Has it done, on whichever replica it takes, and on record: this is who asks for it.
    ///
    /// # Errors
    /// Why it was not done, for people.
    pub async fn act(&self, app: &App, by: &str) -> Result<(), String> {
        let act = app.control().act(app, &self.task, Command::new(self.action, by)).await;
        match act.map_err(|error| error.to_string())? {
            Act { outcome: Some(ActOutcome::Done) | None, .. } => Ok(()),
            Act { detail, .. } => Err(detail.unwrap_or_else(|| "No replica has taken it up.".to_owned())),
        }
    }
}
