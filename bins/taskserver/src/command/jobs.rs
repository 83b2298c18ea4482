//! `taskserver jobs`: the jobs of the queue, straight from the database: also where no server runs.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use comfy_table::{Table, presets};
use serde_json::Value;
use taskserver_core::{App, Metrics, Query, Record, ServiceHandle};
use taskserver_queue::{JOB, JobService, JobState, NewJob, Queue};
use taskserver_store::Store;

use crate::cli::{Sources, print};
use crate::{database, queue, redis};

/// Which jobs are listed.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only jobs in this state: scheduled, waiting, queued, running, succeeded, dead or cancelled
    #[arg(long, value_parser = JobState::ALL.map(JobState::name))]
    state: Option<String>,
    /// Only jobs of this queue
    #[arg(long)]
    queue: Option<String>,
    /// Only jobs of this name
    #[arg(long)]
    name: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50)]
    limit: u64,
    /// Print JSON in place of a table
    #[arg(long)]
    json: bool,
}

/// A job that is to be enqueued.
#[derive(Debug, Args)]
pub(crate) struct Enqueue {
    /// The job's name
    name: String,
    /// What it is about, as JSON
    #[arg(default_value = "null")]
    payload: String,
    /// The queue that it goes to
    #[arg(long)]
    queue: Option<String>,
    /// Jobs with the least number come first
    #[arg(long, allow_negative_numbers = true)]
    priority: Option<i16>,
    /// Not before so much time has passed, such as 5m
    #[arg(long, value_parser = delay)]
    delay: Option<Duration>,
    /// How often it is tried again
    #[arg(long)]
    retries: Option<u32>,
    /// Only if there is no unfinished job with its name and this key
    #[arg(long)]
    unique_key: Option<String>,
}

fn delay(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration = text.parse().map_err(|error: jiff::Error| error.to_string())?;
    duration.try_into().map_err(|_| "must not be negative".to_owned())
}

/// Does something with the queue of the settings' database.
fn with_queue(
    sources: &Sources,
    command: impl AsyncFnOnce(Queue, ServiceHandle) -> anyhow::Result<()>,
) -> anyhow::Result<ExitCode> {
    let settings = sources.loader().load()?.settings;
    super::block_on(async {
        let store = Store::new(database::options(&settings.database)?)?;
        let redis = redis::pool(&settings.redis)?;
        let queue = queue::queue(&settings.queue, &store, redis.as_ref(), &Metrics::default());
        let app = App::builder().service(JOB, JobService::new(&store, &queue)).build()?;
        let result = command(queue, app.service(JOB)).await;
        store.close();
        result.map(|()| ExitCode::SUCCESS)
    })
}

pub(crate) fn list(sources: &Sources, list: &List) -> anyhow::Result<ExitCode> {
    with_queue(sources, async |_, jobs| {
        let fields = [("state", &list.state), ("queue", &list.queue), ("name", &list.name)];
        let query = Query::new().descending("createdAt").limit(list.limit);
        let query = fields.into_iter().fold(query, |query, (field, value)| match value {
            Some(value) => query.eq(field, value.as_str()),
            None => query,
        });
        let page = jobs.find(query).await?;
        match list.json {
            true => print(&serde_json::to_string_pretty(&page.data)?),
            false => print(&table(&page.data)),
        }
        Ok(())
    })
}

fn table(jobs: &[Record]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["ID", "NAME", "QUEUE", "STATE", "ATTEMPT", "RUN AT", "ERROR"]);
    for job in jobs {
        let text = |field: &str| match job.get(field) {
            Some(Value::String(text)) => text.clone(),
            None | Some(Value::Null) => "-".to_owned(),
            Some(other) => other.to_string(),
        };
        let attempts = format!("{}/{}", text("attempt"), text("maxAttempts"));
        table.add_row([text("id"), text("name"), text("queue"), text("state"), attempts, text("runAt"), text("error")]);
    }
    table.to_string()
}

pub(crate) fn show(sources: &Sources, id: &str) -> anyhow::Result<ExitCode> {
    with_queue(sources, async |_, jobs| {
        print(&serde_json::to_string_pretty(&jobs.get(id).await?)?);
        Ok(())
    })
}

pub(crate) fn enqueue(sources: &Sources, job: &Enqueue) -> anyhow::Result<ExitCode> {
    let payload: Value = serde_json::from_str(&job.payload).context("the payload is not JSON")?;
    let mut new = NewJob::named(&job.name, &payload);
    if let Some(queue) = &job.queue {
        new = new.queue(queue);
    }
    if let Some(priority) = job.priority {
        new = new.priority(priority);
    }
    if let Some(delay) = job.delay {
        new = new.delay(delay);
    }
    if let Some(retries) = job.retries {
        new = new.retries(retries);
    }
    if let Some(key) = &job.unique_key {
        new = new.unique_until_finished(key);
    }
    with_queue(sources, async |queue, _| {
        print(&queue.enqueue_one(new).await?.id);
        Ok(())
    })
}

/// Retries or cancels a job: tells it its new state.
pub(crate) fn change(sources: &Sources, id: &str, state: &str) -> anyhow::Result<ExitCode> {
    with_queue(sources, async |_, jobs| {
        let job = jobs.patch(id, serde_json::json!({ "state": state })).await?;
        print(&serde_json::to_string_pretty(&job)?);
        Ok(())
    })
}
