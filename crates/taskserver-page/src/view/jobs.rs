//! The queue.

use jiff::Timestamp;
use taskserver_core::{App, Query, Record, ServiceError};

use super::record;
use crate::outcome::Tone;

/// The service of the jobs.
pub(crate) const SERVICE: &str = "job";
/// How many jobs are shown.
const MOST: u64 = 50;
/// The states that a job can be in, as they are shown.
const STATES: [&str; 7] = ["running", "queued", "scheduled", "waiting", "dead", "succeeded", "cancelled"];

/// A job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// What it does.
    pub name: String,
    /// The queue that it is in.
    pub queue: String,
    /// How it stands.
    pub state: String,
    /// When it is, or was, to run.
    pub run_at: Option<Timestamp>,
    /// When it ended.
    pub finished: Option<Timestamp>,
    /// How often it was tried, and how often it may be.
    pub attempts: (i64, i64),
    /// Who carries it out.
    pub worker: Option<String>,
    /// Why it did not succeed.
    pub error: Option<String>,
}

impl Job {
    /// How its state is to be seen.
    pub(crate) fn tone(&self) -> Tone {
        match self.state.as_str() {
            "succeeded" => Tone::Good,
            "dead" => Tone::Bad,
            "running" => Tone::Busy,
            _ if self.error.is_some() => Tone::Warning,
            _ => Tone::Quiet,
        }
    }
}

/// The queue.
#[derive(Debug, Clone)]
pub struct Jobs {
    /// The state of which jobs are shown; `None` for any.
    pub state: Option<String>,
    /// The jobs, those to run last first.
    pub jobs: Vec<Job>,
}

impl Jobs {
    pub(crate) const STATES: [&str; 7] = STATES;

    pub(crate) async fn gather(app: &App, query: &str) -> Result<Self, ServiceError> {
        let state = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "state");
        let state = state.map(|(_, value)| value.into_owned()).filter(|value| STATES.contains(&value.as_str()));
        let mut query = Query::new().descending("runAt").descending("id").limit(MOST).uncounted();
        if let Some(state) = &state {
            query = query.eq("state", state.as_str());
        }
        let jobs = app.service(SERVICE).find(query).await?.data.iter().map(job).collect();
        Ok(Self { state, jobs })
    }
}

fn job(row: &Record) -> Job {
    let text = |field| record::text(row, field);
    let number = |field| record::integer(row, field).unwrap_or_default();
    Job {
        id: text("id"),
        name: text("name"),
        queue: text("queue"),
        state: text("state"),
        run_at: record::moment(row, "runAt"),
        finished: record::moment(row, "finishedAt"),
        attempts: (number("attempt"), number("maxAttempts")),
        worker: record::optional(row, "worker"),
        error: record::optional(row, "error"),
    }
}
