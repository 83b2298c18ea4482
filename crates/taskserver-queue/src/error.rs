//! What can go wrong with the queue itself. What goes wrong with a job is the job's, and kept with it.

use crate::JobStoreError;

/// Why a job could not be enqueued, found or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QueueError {
    /// The job is none that can be stored.
    #[error("the job `{name}` cannot be enqueued: {reason}")]
    Invalid {
        /// The job's name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The job cannot be written as JSON.
    #[error("the job `{name}` cannot be written as JSON: {source}")]
    Payload {
        /// The job's name.
        name: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// There is no such job.
    #[error("there is no job with the id `{0}`")]
    NotFound(String),
    /// The job is in a state in which that cannot be done.
    #[error("the job `{id}` is {state}: {advice}")]
    State {
        /// The job's id.
        id: String,
        /// Its state.
        state: String,
        /// What can be done instead.
        advice: &'static str,
    },
    /// The store of the jobs could not do it.
    #[error("the queue's store failed: {0}")]
    Store(#[source] JobStoreError),
}
