//! `taskserver tasks`: the tasks of the running server as a table; or one task, run once in this process.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::bail;
use jiff::{SignedDurationRound, Timestamp, Unit};
use taskserver_config::Settings;
use taskserver_core::{Change, Outcome, Recurrence, Run, TaskStatus};
use taskserver_http::{Client, TaskTable};

use crate::cli::{Sources, print};
use crate::compose::{self, Composition, Purpose};
use crate::telemetry::Telemetry;
use crate::{database, logging};

/// How long the server may take to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn list(sources: &Sources, json: bool, token: Option<&str>) -> anyhow::Result<ExitCode> {
    let address = sources.loader().load()?.settings.http.admin_address();
    super::block_on(async {
        let mut client = Client::new(address, TIMEOUT);
        if let Some(token) = token {
            client = client.with_token(token);
        }
        match json {
            true => print(&client.get_json::<serde_json::Value>("/api/tasks").await?.to_string()),
            false => {
                let TaskTable { tasks, time, .. } = client.get_json("/api/tasks").await?;
                print(&table(&tasks, time));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// The tasks as they were at a time: a header, and a line for each.
pub(super) fn table(tasks: &[TaskStatus], now: Timestamp) -> String {
    let header = ["TASK", "SCHEDULE", "STATE", "LAST RUN", "OUTCOME", "DURATION", "NEXT RUN", "FAILURES"];
    let row = |task: &TaskStatus| {
        let last = task.last_run.as_ref();
        [
            task.name.clone(),
            schedule(task),
            state(task),
            last.map_or_else(|| "-".into(), |run| relative(run.started, now)),
            last.and_then(|run| run.outcome).map_or("-", outcome).to_owned(),
            last.and_then(|run| run.duration).map_or_else(|| "-".into(), |duration| format!("{duration:.1?}")),
            task.next_run.map_or_else(|| "-".into(), |next| relative(next, now)),
            task.consecutive_failures.to_string(),
        ]
    };
    super::table(header, tasks.iter().map(row))
}

fn schedule(task: &TaskStatus) -> String {
    let times = match &task.schedule.recurrence {
        Recurrence::Interval { every } => format!("every {}", friendly(*every)),
        Recurrence::Cron(cron) => format!("{} {}", cron.expression(), cron.time_zone()),
        Recurrence::Manual => "manual".into(),
    };
    match &task.rescheduled_by {
        Some(change) => format!("{times} (by {})", change.by),
        None => times,
    }
}

pub(super) fn friendly(duration: Duration) -> String {
    jiff::fmt::friendly::SpanPrinter::new().unsigned_duration_to_string(&duration)
}

fn state(task: &TaskStatus) -> String {
    match task {
        TaskStatus { running, .. } if !running.is_empty() => "running".to_owned(),
        TaskStatus { enabled: false, .. } => "disabled".to_owned(),
        TaskStatus { paused: true, paused_by, .. } => paused(paused_by.as_ref()),
        _ => "waiting".to_owned(),
    }
}

/// `paused by alice: the database is being moved`.
fn paused(by: Option<&Change>) -> String {
    match by {
        Some(Change { by, reason: Some(reason), .. }) => format!("paused by {by}: {reason}"),
        Some(Change { by, reason: None, .. }) => format!("paused by {by}"),
        None => "paused".to_owned(),
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Succeeded => "succeeded",
        Outcome::Failed => "failed",
        Outcome::TimedOut => "timed out",
        Outcome::Cancelled => "cancelled",
        Outcome::Panicked => "panicked",
        Outcome::Skipped => "skipped",
        Outcome::Lost => "lost",
    }
}

/// `5m ago`, `in 25m`: as seen at `now`.
pub(super) fn relative(moment: Timestamp, now: Timestamp) -> String {
    let distance = moment.duration_since(now);
    let rounded = distance.abs().round(SignedDurationRound::new().smallest(Unit::Second)).unwrap_or(distance.abs());
    let text = friendly(rounded.unsigned_abs());
    if distance.is_negative() { format!("{text} ago") } else { format!("in {text}") }
}

/// Runs a task once and prints its result. The exit code says whether it succeeded.
pub(crate) fn run(sources: &Sources, name: &str) -> anyhow::Result<ExitCode> {
    let loaded = sources.loader().load()?;
    compose::check(&loaded.settings)?;
    super::block_on(async {
        let telemetry = Telemetry::start();
        logging::start(&loaded.settings.log, &telemetry)?;
        let code = run_once(&loaded.settings, name).await;
        telemetry.stop().await;
        code
    })
}

async fn run_once(settings: &Settings, name: &str) -> anyhow::Result<ExitCode> {
    let composition = Composition::new(settings, Purpose::RunOnce, Vec::new())?;
    if composition.app.tasks().status(name).is_none() {
        let known: Vec<String> = composition.app.tasks().statuses().into_iter().map(|task| task.name).collect();
        bail!("there is no task `{name}`; there are {}", known.join(", "));
    }
    database::prepare(&composition.store, settings).await?;
    let run = composition.app.tasks().run_and_wait(&composition.app, name).await?;
    composition.store.close();
    report(&run)
}

fn report(run: &Run) -> anyhow::Result<ExitCode> {
    print(&serde_json::to_string_pretty(&run.result)?);
    match run.outcome {
        Some(Outcome::Succeeded) => Ok(ExitCode::SUCCESS),
        ended => {
            let (ended, why) = (ended.map_or("ended", outcome), run.error.as_deref().unwrap_or("no reason is known"));
            bail!("the task `{}` {ended}: {why}", run.task)
        }
    }
}
