//! The service `job`: jobs as records, found, enqueued, retried and cancelled as any client of the platform's services would.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Map, Value};
use taskserver_core::{Checked, ErrorKind, Method, Page, Params, Record, Schema, Service, ServiceError};
use taskserver_store::{Store, TableService};

use super::{JOB, job_schema};
use crate::{NewJob, Queue, QueueError};

/// What the data of a new job may name.
const FIELDS: [&str; 11] = [
    "name",
    "payload",
    "queue",
    "priority",
    "runAt",
    "delay",
    "maxAttempts",
    "uniqueKey",
    "uniqueFor",
    "batch",
    "afterBatch",
];

/// The service over the jobs.
///
/// - `create` enqueues: `name` is needed; `payload` is any JSON; `queue`, `priority`, `runAt` or `delay` (seconds), `maxAttempts`,
///   `uniqueKey` with `uniqueFor` (seconds, else until the first one ends), `batch` and `afterBatch` are as in [`NewJob`]. A
///   duplicate answers the job that was there.
/// - `patch` takes `{"state": "cancelled"}`, which cancels, and `{"state": "queued"}`, which runs a dead, cancelled or scheduled
///   job (once more).
pub struct JobService {
    table: TableService,
    queue: Queue,
}

impl JobService {
    /// The service over the jobs of this database, which is the queue's.
    #[must_use]
    pub fn new(store: &Store, queue: &Queue) -> Self {
        Self { table: TableService::new(store.clone(), JOB, job_schema(), &Method::READS), queue: queue.clone() }
    }

    async fn record(&self, id: &str) -> Result<Record, ServiceError> {
        self.table.get(id, &Params::default()).await
    }
}

#[async_trait]
impl Service for JobService {
    fn schema(&self) -> &Schema {
        self.table.schema()
    }

    fn methods(&self) -> &[Method] {
        &[Method::Find, Method::Get, Method::Create, Method::Patch]
    }

    async fn find(&self, params: &Params) -> Result<Page, ServiceError> {
        self.table.find(params).await
    }

    async fn get(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        self.table.get(id, params).await
    }

    async fn create(&self, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let enqueued = self.queue.enqueue_one(new_job(&data)?).await.map_err(service_error)?;
        self.record(&enqueued.id).await
    }

    async fn create_many(&self, data: Vec<Checked>, _params: &Params) -> Result<Vec<Record>, ServiceError> {
        let jobs = data.iter().map(|data| new_job(data)).collect::<Result<Vec<_>, _>>()?;
        let enqueued = self.queue.enqueue_all(jobs).await.map_err(service_error)?;
        let mut records = Vec::with_capacity(enqueued.len());
        for job in enqueued {
            records.push(self.record(&job.id).await?);
        }
        Ok(records)
    }

    async fn patch(&self, id: &str, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let change = data.get("state").and_then(Value::as_str).filter(|_| data.len() == 1);
        match change {
            Some("cancelled") => self.queue.cancel(id).await,
            Some("queued") => self.queue.retry(id).await,
            _ => {
                let message = "a job takes no change but `{\"state\": \"cancelled\"}` and `{\"state\": \"queued\"}`";
                return Err(ServiceError::bad_request(message));
            }
        }
        .map_err(service_error)?;
        self.record(id).await
    }
}

fn new_job(data: &Map<String, Value>) -> Result<NewJob, ServiceError> {
    if let Some(unknown) = data.keys().find(|key| !FIELDS.contains(&key.as_str())) {
        let message = format!("a new job has no `{unknown}`; it has {}", FIELDS.join(", "));
        return Err(ServiceError::bad_request(message));
    }
    let name = text(data, "name")?.ok_or_else(|| ServiceError::bad_request("`name` must say which job it is"))?;
    let mut job = NewJob::named(name, data.get("payload").unwrap_or(&Value::Null));
    if let Some(queue) = text(data, "queue")? {
        job = job.queue(queue);
    }
    if let Some(priority) = number(data, "priority", i16::MIN.into(), i16::MAX.into())? {
        job = job.priority(i16::try_from(priority).unwrap_or_default());
    }
    if let Some(delay) = seconds(data, "delay")? {
        job = job.delay(delay);
    }
    if let Some(moment) = text(data, "runAt")? {
        let moment =
            moment.parse().map_err(|_| ServiceError::bad_request("`runAt` must be a moment as ISO 8601 writes it"))?;
        job = job.at(moment);
    }
    if let Some(attempts) = number(data, "maxAttempts", 1, i32::MAX.into())? {
        job = job.retries(u32::try_from(attempts - 1).unwrap_or_default());
    }
    if let Some(key) = text(data, "uniqueKey")? {
        job = match seconds(data, "uniqueFor")? {
            Some(window) => job.unique_within(key, window),
            None => job.unique_until_finished(key),
        };
    }
    if let Some(batch) = text(data, "batch")? {
        job = job.batch(batch);
    }
    if let Some(batch) = text(data, "afterBatch")? {
        job = job.after_batch(batch);
    }
    Ok(job)
}

fn text<'a>(data: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ServiceError> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ServiceError::bad_request(format!("`{name}` must be a string"))),
    }
}

fn number(data: &Map<String, Value>, name: &str, min: i64, max: i64) -> Result<Option<i64>, ServiceError> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_i64() {
            Some(number) if (min..=max).contains(&number) => Ok(Some(number)),
            _ => Err(ServiceError::bad_request(format!("`{name}` must be an integer from {min} to {max}"))),
        },
    }
}

fn seconds(data: &Map<String, Value>, name: &str) -> Result<Option<Duration>, ServiceError> {
    match data.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().map(Duration::try_from_secs_f64) {
            Some(Ok(time)) => Ok(Some(time)),
            _ => Err(ServiceError::bad_request(format!("`{name}` must be a number of seconds, not negative"))),
        },
    }
}

fn service_error(error: QueueError) -> ServiceError {
    match &error {
        QueueError::NotFound(id) => ServiceError::no_record(id),
        QueueError::State { .. } => ServiceError::new(ErrorKind::Conflict, error.to_string()),
        QueueError::Store(_) => {
            ServiceError::new(ErrorKind::Unavailable, "The database is not available").with_source(error)
        }
        _ => ServiceError::bad_request(error.to_string()),
    }
}
