//! A job that is to be enqueued, and how.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use crate::job::{DEFAULT_QUEUE, DEFAULT_RETRIES};
use crate::{Job, QueueError};

/// The longest name of a job and of a queue, in characters.
pub(crate) const MAX_NAME: usize = 63;
/// The longest unique key and name of a batch, in characters.
pub(crate) const MAX_KEY: usize = 190;
/// The largest payload that is stored, in bytes of JSON: what is larger belongs elsewhere, and a reference to it into the job.
pub const MAX_PAYLOAD: usize = 64 * 1024 - 1;

/// When a job is to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// As soon as a worker is free.
    Now,
    /// Not before so much time has passed.
    After(Duration),
    /// Not before this moment.
    At(Timestamp),
}

/// What keeps a job from being enqueued twice. Keys are told apart by the job's name too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unique {
    /// What two jobs have in common that are the same.
    pub key: String,
    /// For how long after the first was enqueued there is to be no second, whatever became of the first. Without a window,
    /// there is none for as long as the first has not come to its end.
    pub window: Option<Duration>,
}

/// A job that is to be enqueued, with everything that its type leaves to whoever enqueues it.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use taskserver_queue::NewJob;
///
/// // By its name: whoever enqueues a job need not know its type.
/// let job = NewJob::named("send-invitation", &json!({"user": "b1946ac9"}))
///     .delay(Duration::from_secs(60))
///     .unique_within("b1946ac9", Duration::from_secs(24 * 60 * 60));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewJob {
    /// Its identity, in the order of time, so that rows that belong together lie together.
    pub id: String,
    /// The name of its type.
    pub name: String,
    /// What it is about, as JSON.
    pub payload: String,
    /// The queue that it goes to.
    pub queue: String,
    /// Those with the least number come first.
    pub priority: i16,
    /// When it is to run.
    pub when: When,
    /// How many attempts it gets.
    pub max_attempts: u32,
    /// What keeps it from being enqueued twice.
    pub unique: Option<Unique>,
    /// The batch that it belongs to.
    pub batch: Option<String>,
    /// The batch whose end it waits for.
    pub after_batch: Option<String>,
}

impl NewJob {
    /// A job of a type, with what the type says of queue, priority and retries.
    ///
    /// # Errors
    /// [`QueueError::Payload`] where the job cannot be written as JSON.
    pub fn of<J: Job>(job: &J) -> Result<Self, QueueError> {
        let payload = serde_json::to_string(job).map_err(|source| QueueError::Payload { name: J::NAME, source })?;
        let new = Self { payload, ..Self::named(J::NAME, &Value::Null) };
        Ok(new.queue(J::QUEUE).priority(J::PRIORITY).retries(J::RETRIES))
    }

    /// A job by its name alone.
    #[must_use]
    pub fn named(name: impl Into<String>, payload: &Value) -> Self {
        Self {
            id: Uuid::now_v7().to_string(),
            name: name.into(),
            payload: payload.to_string(),
            queue: DEFAULT_QUEUE.to_owned(),
            priority: 0,
            when: When::Now,
            max_attempts: DEFAULT_RETRIES + 1,
            unique: None,
            batch: None,
            after_batch: None,
        }
    }

    /// Puts it into this queue.
    #[must_use]
    pub fn queue(self, queue: impl Into<String>) -> Self {
        Self { queue: queue.into(), ..self }
    }

    /// Gives it this priority: those with the least number come first.
    #[must_use]
    pub fn priority(self, priority: i16) -> Self {
        Self { priority, ..self }
    }

    /// Lets it run only after so much time.
    #[must_use]
    pub fn delay(self, delay: Duration) -> Self {
        Self { when: When::After(delay), ..self }
    }

    /// Lets it run only at this moment or later.
    #[must_use]
    pub fn at(self, moment: Timestamp) -> Self {
        Self { when: When::At(moment), ..self }
    }

    /// How often it is tried again.
    #[must_use]
    pub fn retries(self, retries: u32) -> Self {
        Self { max_attempts: retries.saturating_add(1), ..self }
    }

    /// Enqueues it only if none of its name and this key was enqueued within the time before.
    #[must_use]
    pub fn unique_within(self, key: impl Into<String>, window: Duration) -> Self {
        Self { unique: Some(Unique { key: key.into(), window: Some(window) }), ..self }
    }

    /// Enqueues it only if there is none of its name and this key that has not come to its end.
    #[must_use]
    pub fn unique_until_finished(self, key: impl Into<String>) -> Self {
        Self { unique: Some(Unique { key: key.into(), window: None }), ..self }
    }

    /// Makes it a part of a batch: a name of the caller's, such as a UUID.
    #[must_use]
    pub fn batch(self, batch: impl Into<String>) -> Self {
        Self { batch: Some(batch.into()), ..self }
    }

    /// Lets it wait until every job of a batch has come to its end, be it dead or cancelled. Enqueue it together with the batch,
    /// or after it: a batch without jobs has ended.
    #[must_use]
    pub fn after_batch(self, batch: impl Into<String>) -> Self {
        Self { after_batch: Some(batch.into()), ..self }
    }

    /// Checks what the database would refuse or cut, and that the payload is no larger than it may be.
    pub(crate) fn check(&self, max_payload: usize) -> Result<(), QueueError> {
        let max_payload = max_payload.min(MAX_PAYLOAD);
        let invalid = |reason: String| Err(QueueError::Invalid { name: self.name.clone(), reason });
        for (what, name) in [("name", &self.name), ("queue", &self.queue)] {
            if !is_name(name) {
                return invalid(format!(
                    "the {what} must consist of 1 to {MAX_NAME} lower-case letters, digits and hyphens"
                ));
            }
        }
        if self.payload.len() > max_payload {
            return invalid(format!(
                "the payload has {} bytes; at most {max_payload} are stored: put it elsewhere, and a reference into the job",
                self.payload.len()
            ));
        }
        let key = self.unique.as_ref().map(|unique| &unique.key);
        for (what, key) in [("unique key", key), ("batch", self.batch.as_ref()), ("batch", self.after_batch.as_ref())] {
            let Some(key) = key else { continue };
            if key.is_empty() || key.chars().count() > MAX_KEY || key.ends_with(' ') || key.contains('\0') {
                return invalid(format!(
                    "the {what} must have 1 to {MAX_KEY} characters, without NUL or a blank at its end"
                ));
            }
        }
        match self.max_attempts {
            0 => invalid("it must have an attempt".into()),
            _ => Ok(()),
        }
    }
}

pub(crate) fn is_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(job: NewJob) -> String {
        job.check(MAX_PAYLOAD).unwrap_err().to_string()
    }

    #[test]
    fn what_could_not_be_stored_as_it_is_is_refused_by_name() {
        let job = || NewJob::named("greet", &Value::Null);
        assert!(job().check(MAX_PAYLOAD).is_ok());
        assert_eq!(
            job().check(3).unwrap_err().to_string(),
            "the job `greet` cannot be enqueued: the payload has 4 bytes; at most 3 are stored: put it elsewhere, and a reference \
             into the job"
        );
        let names = "must consist of 1 to 63 lower-case letters, digits and hyphens";
        assert_eq!(
            refused(NewJob::named("Greet", &Value::Null)),
            format!("the job `Greet` cannot be enqueued: the name {names}")
        );
        assert_eq!(refused(job().queue("")), format!("the job `greet` cannot be enqueued: the queue {names}"));
        let large = NewJob::named("greet", &"x".repeat(70_000).into());
        assert_eq!(
            refused(large),
            "the job `greet` cannot be enqueued: the payload has 70002 bytes; at most 65535 are stored: put it elsewhere, and a \
             reference into the job"
        );
        let keys = "must have 1 to 190 characters, without NUL or a blank at its end";
        let blank = refused(job().unique_until_finished("a "));
        assert_eq!(blank, format!("the job `greet` cannot be enqueued: the unique key {keys}"));
        assert_eq!(refused(job().batch("")), format!("the job `greet` cannot be enqueued: the batch {keys}"));
    }
}
