//! The first page: whether it runs, what failed, and since when.

use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskserver_core::{App, ComponentHealth, Health, Outcome, Run, TaskStatus};

use super::{Alerts, Figures, Pages, Range, Section, alerts, figures, section};
use crate::format;
use crate::outcome::{self, Tone};

/// How many runs of each task are shown beside it.
pub(crate) const STRIP: usize = 30;

/// How all of it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The worst of what follows.
    pub tone: Tone,
    /// In a few words.
    pub headline: String,
    /// What is wrong, the worst first.
    pub problems: Vec<Problem>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// How bad it is.
    pub tone: Tone,
    /// What it is about, such as the name of a component or task.
    pub subject: String,
    /// Where more about it is shown.
    pub link: Option<String>,
    /// How it stands: `down`, `failed`.
    pub state: String,
    /// Why.
    pub reason: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
}

impl Verdict {
    /// The verdict about an app.
    #[must_use]
    pub fn of(app: &App) -> Self {
        Self::new(&app.health().components(), &app.tasks().statuses(), app.shutdown().is_stopping())
    }

    /// The verdict about these components and tasks.
    #[must_use]
    pub fn new(components: &[ComponentHealth], tasks: &[TaskStatus], is_stopping: bool) -> Self {
        let mut problems: Vec<Problem> =
            components.iter().filter_map(component).chain(tasks.iter().filter_map(task)).collect();
        problems.sort_by_key(|problem| std::cmp::Reverse(problem.tone));
        let tone = problems.first().map_or(Tone::Good, |problem| problem.tone);
        let required_down =
            components.iter().any(|component| component.required && matches!(component.health, Health::Down(_)));
        let is_starting = components.iter().any(|component| component.required && component.health == Health::Starting);
        let (tone, headline) = match tone {
            _ if is_stopping => (Tone::Busy, "Shutting down".to_owned()),
            _ if required_down => (Tone::Bad, "Not working".to_owned()),
            _ if is_starting => (Tone::Busy, "Starting".to_owned()),
            Tone::Bad | Tone::Warning => {
                (tone, format!("Working, with {}", format::counted(problems.len() as u64, "problem", "problems")))
            }
            _ => (Tone::Good, "Everything works".to_owned()),
        };
        Self { tone, headline, problems }
    }
}

fn component(component: &ComponentHealth) -> Option<Problem> {
    let tone = match (&component.health, component.required) {
        (Health::Ready | Health::Disabled(_), _) | (Health::Starting, false) => return None,
        (Health::Starting, true) => Tone::Busy,
        (Health::Down(_), true) => Tone::Bad,
        (Health::Down(_) | Health::Degraded(_), _) => Tone::Warning,
    };
    Some(Problem {
        tone,
        subject: component.name.clone(),
        link: None,
        state: outcome::health_word(&component.health).to_owned(),
        reason: component.health.reason().map(str::to_owned),
        since: Some(component.since),
    })
}

fn task(task: &TaskStatus) -> Option<Problem> {
    let run = task.last_run.as_ref()?;
    let failed = matches!(run.outcome, Some(Outcome::Failed | Outcome::TimedOut | Outcome::Panicked));
    if !failed || !task.enabled {
        return None;
    }
    let state = match task.consecutive_failures {
        0 | 1 => outcome::word(run.outcome).to_owned(),
        failures => format!("{}, {failures} times in a row", outcome::word(run.outcome)),
    };
    Some(Problem {
        tone: if task.consecutive_failures > 2 { Tone::Bad } else { Tone::Warning },
        subject: task.name.clone(),
        link: Some(format!("/tasks/{}", task.name)),
        state,
        reason: run.error.clone(),
        since: task.last_success.or(run.finished),
    })
}

/// A task, and its newest runs.
#[derive(Debug, Clone)]
pub struct TaskRow {
    /// The task.
    pub status: TaskStatus,
    /// Its runs, newest first.
    pub recent: Vec<Run>,
}

impl TaskRow {
    /// The run that ended last: of this process, or else of the history.
    pub(crate) fn last_run(&self) -> Option<&Run> {
        let ran = |run: &&Run| run.outcome.is_some_and(|outcome| outcome != Outcome::Skipped);
        self.status.last_run.as_ref().or_else(|| self.recent.iter().find(ran))
    }
}

/// The content of the first page.
#[derive(Debug, Clone)]
pub struct Overview {
    /// The components.
    pub components: Vec<ComponentHealth>,
    /// The tasks.
    pub tasks: Vec<TaskRow>,
    /// The alerts that fire, where there are alerts.
    pub alerts: Option<Section<Alerts>>,
    /// The platform's figures, where they are collected.
    pub figures: Option<Section<Figures>>,
}

impl Overview {
    pub(crate) async fn gather(app: &App, figures: &figures::Source, pages: Pages, range: Range) -> Self {
        let tasks = async { join_all(app.tasks().statuses().into_iter().map(|status| row(app, status))).await };
        let alerts = async { if pages.alerts { Some(section(alerts::firing(app)).await) } else { None } };
        let figures =
            async { if figures::are_there(app) { Some(section(figures.gather(app, range)).await) } else { None } };
        let (tasks, alerts, figures) = tokio::join!(tasks, alerts, figures);
        Self { components: app.health().components(), tasks, alerts, figures }
    }
}

async fn row(app: &App, status: TaskStatus) -> TaskRow {
    TaskRow { recent: recent(app, &status.name, STRIP).await, status }
}

/// The newest runs of a task; none where the history does not answer.
pub(crate) async fn recent(app: &App, task: &str, limit: usize) -> Vec<Run> {
    match tokio::time::timeout(Duration::from_millis(1000), app.tasks().history().recent(task, limit)).await {
        Ok(Ok(runs)) => runs,
        Ok(Err(error)) => {
            tracing::debug!(task, error = %error, "the runs of a task could not be read for a page");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
