//! Runs one attempt of a job. Whatever the job does, this ends with its end.

use std::any::Any;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use jiff::Timestamp;
use taskserver_core::TRACE;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use tracing::field::Empty;

use super::Shared;
use crate::job::Kind;
use crate::{End, JobContext, JobError, Permanent, Taken};

/// How long an attempt that is to end early has before it is dropped.
const GRACE: Duration = Duration::from_secs(1);

/// How an attempt came out, before it is decided what becomes of the job.
enum Outcome {
    Succeeded,
    /// It has told the store itself, together with its effects.
    Completed,
    Failed(JobError),
    Panicked(String),
    TimedOut,
    /// It is somebody else's now, or was cancelled.
    Stopped,
    ShutDown,
}

/// Runs an attempt in a slot of its queue, and hands its end over to be stored.
pub(super) async fn attempt(
    shared: Arc<Shared>,
    kind: Arc<Kind>,
    queue: String,
    taken: Taken,
    stop: CancellationToken,
    slot: OwnedSemaphorePermit,
) {
    let began = Instant::now();
    let trace = tracing::trace_span!(
    target: TRACE,
           parent: None,
           "process",
           otel.name = format!("process {queue}"),
           otel.kind = "consumer",
           otel.status_code = Empty,
           messaging.system = "taskserver",
           messaging.operation.name = "process",
           "messaging.operation.type" = "process",
           messaging.destination.name = queue,
           messaging.message.id = %taken.attempt.job,
           taskserver.job = kind.name,
           taskserver.job.attempt = taken.attempt.number,
           "error.type" = Empty,
       );
    let span = tracing::info_span!(parent: &trace, "job", job = kind.name, id = %taken.attempt.job, attempt = taken.attempt.number);
    let (id, max_attempts) = (taken.attempt.clone(), taken.max_attempts);
    let outcome = run(&shared, &kind, taken, &stop).instrument(span.clone()).await;
    let retry = (id.number < max_attempts).then(|| kind.backoff.delay(&id.job, Timestamp::UNIX_EPOCH, id.number));
    let (name, end) = span.in_scope(|| judge(outcome, retry, began.elapsed(), kind.timeout));
    if let Some(End::Retry { .. } | End::Dead { .. }) = end {
        trace.record("error.type", name);
        trace.record("otel.status_code", "error");
    }
    shared.queue.metrics().finished(&queue, name, began.elapsed());
    match end {
        // Its room is bounded: where ends cannot be stored, nothing new begins.
        Some(end) => drop(shared.ends.send((id, end)).await),
        None => shared.held.release(std::iter::once(&id)),
    }
    drop(slot);
}

async fn run(shared: &Shared, kind: &Kind, taken: Taken, stop: &CancellationToken) -> Outcome {
    let context = Arc::new(JobContext {
        app: shared.app.clone(),
        queue: shared.queue.clone(),
        attempt: taken.attempt,
        max_attempts: taken.max_attempts,
        cancellation: CancellationToken::new(),
        completed: AtomicBool::new(false),
    });
    let work = async {
        let mut work = kind.run(taken.payload, Arc::clone(&context));
        let outcome = tokio::select! {
            biased;
            result = &mut work => return result.map_or_else(Outcome::Failed, |()| Outcome::Succeeded),
            () = stop.cancelled() => Outcome::Stopped,
            () = shared.aborting.cancelled() => Outcome::ShutDown,
            () = tokio::time::sleep(kind.timeout) => Outcome::TimedOut,
        };
        context.cancellation.cancel();
        if tokio::time::timeout(GRACE, work).await.is_err() {
            tracing::warn!("the attempt did not end when it was asked to; it is dropped");
        }
        outcome
    };
    // The work is dropped within, so that a panic while it is dropped is caught, too.
    let outcome =
        AssertUnwindSafe(work).catch_unwind().await.unwrap_or_else(|panic| Outcome::Panicked(message(&*panic)));
    if context.is_completed() { Outcome::Completed } else { outcome }
}

/// What becomes of the job, and the name of the outcome for metrics. An attempt that is not the worker's any more has no end.
fn judge(
    outcome: Outcome,
    retry: Option<Duration>,
    duration: Duration,
    timeout: Duration,
) -> (&'static str, Option<End>) {
    let failed = |error: String, retry: Option<Duration>| match retry {
        Some(after) => {
            tracing::warn!(?duration, error, retry_in = ?after, "attempt failed");
            Some(End::Retry { after, error })
        }
        None => {
            tracing::error!(?duration, error, "job is dead");
            Some(End::Dead { error })
        }
    };
    match outcome {
        Outcome::Succeeded => {
            tracing::debug!(?duration, "job succeeded");
            ("succeeded", Some(End::Succeeded))
        }
        Outcome::Completed => {
            tracing::debug!(?duration, "job succeeded");
            ("succeeded", None)
        }
        Outcome::Failed(error) => {
            let retry = retry.filter(|_| error.downcast_ref::<Permanent>().is_none());
            ("failed", failed(causes(&*error), retry))
        }
        Outcome::Panicked(message) => ("panicked", failed(format!("panicked: {message}"), retry)),
        Outcome::TimedOut => ("timed_out", failed(format!("it took longer than {timeout:?}"), retry)),
        Outcome::Stopped => ("stopped", None),
        Outcome::ShutDown => {
            tracing::warn!(?duration, "the server shuts down before the job has ended; it is given back");
            ("given_back", Some(End::GivenBack))
        }
    }
}

/// An error with its causes, on one line. (A [`Permanent`] one says what its cause says.)
fn causes(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let first = if error.is::<Permanent>() { error.source().and_then(Error::source) } else { error.source() };
    for cause in std::iter::successors(first, |cause| (*cause).source()) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".to_owned())
}
