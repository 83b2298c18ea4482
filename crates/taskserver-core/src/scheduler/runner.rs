//! Carries out runs: their attempts, their end, and what is told about it.

use std::any::Any;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use super::HistoryError;
use super::entry::{Admission, Entry, Request, Started};
use super::metrics::TaskMetrics;
use crate::task::{Outcome, Policy, Run, TaskContext, Trigger};
use crate::{App, Clock, Leadership, LeadershipState, RunHistory, Shutdown, TRACE};

/// How long an attempt that is to end early has before it is dropped.
const GRACE: Duration = Duration::from_secs(1);

const HISTORY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the history is asked again for what a leader must know, or must have recorded, and how often.
const HISTORY_PATIENCE: Duration = Duration::from_secs(60);
const HISTORY_RETRY: Duration = Duration::from_millis(200);

const NOT_LEADING: &str = "this server leads no longer";

/// What all runs share.
pub(super) struct Core {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) shutdown: Shutdown,
    pub(super) leadership: Leadership,
    /// The name of this process among its replicas.
    pub(super) instance: String,
    pub(super) history: Arc<dyn RunHistory>,
    pub(super) history_failures: AtomicU64,
    pub(super) metrics: TaskMetrics,
    /// The runs in progress.
    pub(super) runs: TaskTracker,
    /// Tells that a run has ended.
    pub(super) run_ended: Notify,
    /// Tells the driver that the next run of some task has changed.
    pub(super) changed: Notify,
}

/// Why a request is refused; the request comes back.
pub(super) enum Refused {
    Busy(Request),
    ShuttingDown(Request),
    NotLeading(Request),
}

/// Why a run did not take place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Unrun {
    TimePassed,
    Busy,
    Replaced,
    Paused,
    Cancelled,
    ShuttingDown,
    NotLeading,
}

impl Unrun {
    fn reason(self) -> &'static str {
        match self {
            Self::TimePassed => "its scheduled time had passed",
            Self::Busy => "an earlier run was still in progress",
            Self::Replaced => "a newer run took its place",
            Self::Paused => "the task was paused",
            Self::Cancelled => "it was cancelled",
            Self::ShuttingDown => "the server was shutting down",
            Self::NotLeading => NOT_LEADING,
        }
    }

    /// Whether the run is still to take place, elsewhere or later.
    fn interrupted(self) -> bool {
        matches!(self, Self::ShuttingDown | Self::NotLeading)
    }
}

impl Core {
    /// A request of the scheduler's own.
    pub(super) fn request(&self, entry: &Entry, scheduled: Timestamp, trigger: Trigger, app: &App) -> Request {
        let leading = if entry.every_replica { LeadershipState::Always } else { self.leadership.state() };
        let mut run = Box::new(Run::new(&entry.name, scheduled, trigger, self.clock.now()));
        run.instance.clone_from(&self.instance);
        run.term = leading.term();
        Request { run, leading, app: app.clone(), done: None }
    }

    /// Starts the run, lets it wait, or refuses it.
    pub(super) fn submit(self: &Arc<Self>, entry: &Arc<Entry>, request: Request) -> Result<(), Refused> {
        // Taken before the look at the shutdown: whoever waits for the last run either is seen here, or sees this.
        let _token = self.runs.token();
        if self.shutdown.is_stopping() {
            return Err(Refused::ShuttingDown(request));
        }
        if !request.leading.is_leading() {
            return Err(Refused::NotLeading(request));
        }
        let admission = entry.lock().admit(request);
        match admission {
            Admission::Start(started) => self.start(entry, started),
            Admission::Wait { replaced: None } => {}
            Admission::Wait { replaced: Some(replaced) } => self.skip(entry, replaced, Unrun::Replaced),
            Admission::Skip(request) => return Err(Refused::Busy(request)),
        }
        Ok(())
    }

    /// Starts the run, lets it wait, or records that it was skipped.
    pub(super) fn submit_or_skip(self: &Arc<Self>, entry: &Arc<Entry>, request: Request) {
        match self.submit(entry, request) {
            Ok(()) => {}
            Err(Refused::Busy(request)) => self.skip(entry, request, Unrun::Busy),
            Err(Refused::ShuttingDown(request)) => self.skip(entry, request, Unrun::ShuttingDown),
            Err(Refused::NotLeading(request)) => self.skip(entry, request, Unrun::NotLeading),
        }
    }

    /// Records that a run was skipped.
    pub(super) fn skip(self: &Arc<Self>, entry: &Arc<Entry>, request: Request, unrun: Unrun) {
        let Request { mut run, done, .. } = request;
        let reason = unrun.reason();
        tracing::info!(component = component(&run.task), scheduled = %run.scheduled, reason, "run skipped");
        run.started = self.clock.now();
        run.finished = Some(run.started);
        run.duration = Some(Duration::ZERO);
        run.outcome = Some(Outcome::Skipped);
        run.interrupted = unrun.interrupted();
        run.error = Some(reason.to_owned());
        entry.lock().finish(&run);
        self.metrics.ended(&run);
        let core = Arc::clone(self);
        self.runs.spawn(async move {
            core.record(&run, core.history.finished(&run)).await;
            answer(done, *run);
        });
    }

    fn start(self: &Arc<Self>, entry: &Arc<Entry>, started: Started) {
        let of = &started.request.run;
        let span = tracing::trace_span!(
        target: TRACE,
                   parent: None,
                   "run",
                   otel.name = format!("run {}", of.task),
                   otel.status_code = Empty,
                   otel.status_description = Empty,
                   "error.type" = Empty,
                   taskserver.task = of.task,
                   taskserver.run.scheduled = %of.scheduled,
                   taskserver.run.trigger = of.trigger.name(),
                   taskserver.run.attempts = Empty,
                   taskserver.run.outcome = Empty,
               );
        self.runs.spawn(run(Arc::clone(self), Arc::clone(entry), started).instrument(span));
    }

    /// Starts waiting runs in the slots that are free.
    pub(super) fn start_waiting(self: &Arc<Self>, entry: &Arc<Entry>) {
        let unrun = match () {
            () if self.shutdown.is_stopping() => Some(Unrun::ShuttingDown),
            () if !entry.every_replica && !self.leadership.state().is_leading() => Some(Unrun::NotLeading),
            () => None,
        };
        if let Some(unrun) = unrun {
            let waiting = entry.lock().take_waiting();
            waiting.into_iter().for_each(|request| self.skip(entry, request, unrun));
            return;
        }
        let started: Vec<_> = {
            let mut state = entry.lock();
            std::iter::from_fn(|| state.start_waiting()).collect()
        };
        started.into_iter().for_each(|started| self.start(entry, started));
    }

    /// Waits for the history, which may fail in any way without consequences for the run.
    async fn record(&self, run: &Run, recording: impl Future<Output = Result<(), HistoryError>>) {
        if let Err(error) = self.history_answer(recording).await {
            self.note_unrecorded(run, &error);
        }
    }

    /// Records the end of a run, before the next one of its task may begin: as it is by the latest run on record that what was
    /// missed is worked out, no earlier one may be missing.
    async fn record_end(&self, run: &Run, leading: LeadershipState) {
        if let Err(error) = self.history_insists(leading, || self.history.finished(run)).await {
            self.note_unrecorded(run, &error);
        }
    }

    fn note_unrecorded(&self, run: &Run, error: &str) {
        let component = component(&run.task);
        if run.term.is_some_and(|term| self.leadership.has_ended(LeadershipState::Leading { term })) {
            // As it should be: the next leader makes up for it.
            tracing::debug!(component, error, "a run of a term that is over could not be recorded");
            return;
        }
        self.history_failures.fetch_add(1, Ordering::Relaxed);
        tracing::error!(component, error, "the run history could not be written");
    }

    /// Asks the history again until it answers, for as long as the term lasts; a minute at most. Whoever leads without a term
    /// asks once.
    pub(super) async fn history_insists<T, F>(&self, leading: LeadershipState, ask: impl Fn() -> F) -> Result<T, String>
    where
        F: Future<Output = Result<T, HistoryError>>,
    {
        let began = Instant::now();
        loop {
            let error = match self.history_answer(ask()).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let is_over = leading.term().is_none() || self.leadership.has_ended(leading);
            if is_over || began.elapsed() >= HISTORY_PATIENCE {
                return Err(error);
            }
            tracing::debug!(error, "the run history does not answer; asking again");
            tokio::select! {
                () = tokio::time::sleep(HISTORY_RETRY) => {}
                () = self.shutdown.aborting() => return Err(error),
            }
        }
    }

    /// Waits for the history, but not for long.
    pub(super) async fn history_answer<T>(
        &self,
        answer: impl Future<Output = Result<T, HistoryError>>,
    ) -> Result<T, String> {
        match catch_panic(tokio::time::timeout(HISTORY_TIMEOUT, answer)).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(causes(&*error)),
            Ok(Err(_)) => Err(format!("no answer within {HISTORY_TIMEOUT:?}")),
            Err(message) => Err(format!("panicked: {message}")),
        }
    }
}

/// Carries out a run that holds a slot of its task, and frees the slot. The current span is that of the run's trace.
async fn run(core: Arc<Core>, entry: Arc<Entry>, started: Started) {
    let Started { request: Request { mut run, leading, app, done }, cancellation, policy } = started;
    let began = Instant::now();
    run.started = core.clock.now();
    run.attempt = 1;
    entry.lock().update(&run);
    let lateness = entry.lock().lateness(&run, run.started);
    if let Some(lateness) = lateness {
        core.metrics.began(&run, lateness);
    }
    core.record(&run, core.history.started(&run)).await;
    let end = loop {
        let span = tracing::info_span!(
            "run",
            component = component(&run.task),
            task = run.task,
            scheduled = %run.scheduled,
            attempt = run.attempt
        );
        let attempt = attempt(&core, &entry, &app, &run, leading, policy.timeout, &cancellation);
        let mut end = attempt.instrument(span.clone()).await;
        let retry = retry_after(&end, &run, &policy);
        if retry.is_some() && core.shutdown.is_stopping() {
            // Nothing new begins any more: the failure stands, but not for the scheduled time.
            end.interrupted = true;
            span.in_scope(|| log(&end, began.elapsed(), None));
            break end;
        }
        span.in_scope(|| log(&end, began.elapsed(), retry));
        let Some(wait) = retry else { break end };
        let given_up = tokio::select! {
            () = tokio::time::sleep(wait) => None,
            () = cancellation.cancelled() => Some(End::cancelled("it was cancelled")),
            () = core.leadership.ended(leading), if leading.term().is_some() => Some(End::interrupted(NOT_LEADING)),
            () = core.shutdown.stopping() => Some(End { interrupted: true, ..end }),
        };
        if let Some(end) = given_up {
            span.in_scope(|| log(&end, began.elapsed(), None));
            break end;
        }
        run.attempt += 1;
        entry.lock().update(&run);
    };
    run.finished = Some(core.clock.now());
    run.duration = Some(began.elapsed());
    run.outcome = Some(end.outcome);
    run.interrupted = end.interrupted;
    run.error = end.error;
    run.result = end.result;
    describe(&run, &Span::current());
    core.record_end(&run, leading).await;
    entry.lock().finish(&run);
    core.metrics.ended(&run);
    core.run_ended.notify_waiters();
    core.start_waiting(&entry);
    answer(done, *run);
}

/// Describes how a run has ended in its trace.
fn describe(run: &Run, span: &Span) {
    let outcome = run.outcome.map(Outcome::label).unwrap_or_default();
    span.record("taskserver.run.attempts", run.attempt);
    span.record("taskserver.run.outcome", outcome);
    if let Some(error) = &run.error {
        span.record("error.type", outcome);
        span.record("otel.status_code", "error");
        span.record("otel.status_description", error);
    }
}

/// How an attempt ended.
struct End {
    outcome: Outcome,
    /// By the end of the process or of its leadership.
    interrupted: bool,
    error: Option<String>,
    result: Value,
}

impl End {
    fn succeeded(result: Value) -> Self {
        Self { outcome: Outcome::Succeeded, interrupted: false, error: None, result }
    }

    fn unsuccessful(outcome: Outcome, error: String) -> Self {
        Self { outcome, interrupted: false, error: Some(error), result: Value::Null }
    }

    fn cancelled(reason: &str) -> Self {
        Self::unsuccessful(Outcome::Cancelled, reason.to_owned())
    }

    fn interrupted(reason: &str) -> Self {
        Self { interrupted: true, ..Self::cancelled(reason) }
    }
}

/// Makes one attempt. Whatever the task does, this ends with its outcome.
async fn attempt(
    core: &Core,
    entry: &Entry,
    app: &App,
    run: &Run,
    leading: LeadershipState,
    timeout: Option<Duration>,
    cancellation: &CancellationToken,
) -> End {
    let context = TaskContext {
        app: app.clone(),
        task: Arc::clone(&entry.name),
        scheduled: run.scheduled,
        trigger: run.trigger,
        attempt: run.attempt,
        term: run.term,
        cancellation: CancellationToken::new(),
    };
    if leading.term().is_some() && core.leadership.has_ended(leading) {
        return End::interrupted(NOT_LEADING);
    }
    let work = async {
        let mut work = entry.task.run(&context);
        let end = tokio::select! {
            biased;
            result = &mut work => return match result {
                Ok(output) => End::succeeded(output),
                Err(error) => End::unsuccessful(Outcome::Failed, causes(&*error)),
            },
            () = cancellation.cancelled() => End::cancelled("it was cancelled"),
            () = core.shutdown.aborting() => End::interrupted("the server shut down before it ended"),
            () = core.leadership.ended(leading), if leading.term().is_some() => End::interrupted(NOT_LEADING),
            limit = elapsed(timeout) => End::unsuccessful(Outcome::TimedOut, format!("it took longer than {limit:?}")),
        };
        context.cancellation.cancel();
        if tokio::time::timeout(GRACE, work).await.is_err() {
            tracing::warn!("the run did not end when it was asked to; it is dropped");
        }
        end
    };
    // The work is dropped within, so that a panic while it is dropped is caught, too.
    catch_panic(work).await.unwrap_or_else(|message| End::unsuccessful(Outcome::Panicked, message))
}

/// Resolves when the limit has passed: never without one.
async fn elapsed(limit: Option<Duration>) -> Duration {
    match limit {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

/// How long to wait before the next attempt, if there is to be one.
fn retry_after(end: &End, run: &Run, policy: &Policy) -> Option<Duration> {
    let failed = matches!(end.outcome, Outcome::Failed | Outcome::TimedOut | Outcome::Panicked);
    let retry = failed && run.attempt <= policy.retries;
    retry.then(|| policy.backoff.delay(&run.task, run.scheduled, run.attempt))
}

fn log(end: &End, duration: Duration, retry: Option<Duration>) {
    let error = end.error.as_deref().unwrap_or_default();
    match (end.outcome, retry) {
        (Outcome::Succeeded, _) if end.result.is_null() => tracing::debug!(?duration, "run succeeded"),
        (Outcome::Succeeded, _) => tracing::info!(?duration, figures = %end.result, "run succeeded"),
        (Outcome::Cancelled, _) => tracing::warn!(?duration, error, "run cancelled"),
        (_, Some(wait)) => tracing::warn!(?duration, error, retry_in = ?wait, "attempt failed"),
        (Outcome::TimedOut, None) => tracing::error!(?duration, error, "run timed out"),
        (Outcome::Panicked, None) => tracing::error!(?duration, error, "run panicked"),
        (_, None) => tracing::error!(?duration, error, "run failed"),
    }
}

/// The name under which a task appears in the logs.
pub(super) fn component(task: &str) -> String {
    format!("taskserver:{task}")
}

/// Tells whoever waits for the run, if they still do.
fn answer(done: Option<tokio::sync::oneshot::Sender<Run>>, run: Run) {
    if let Some(done) = done {
        // The waiter may have gone; the run is recorded all the same.
        let _ = done.send(run);
    }
}

/// An error with its causes, on one line.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in std::iter::successors(error.source(), |cause| (*cause).source()) {
        text.push_str(": ");
        text.push_str(&cause.to_string());
    }
    text
}

/// Gives the message of a panic in place of panicking.
pub(super) async fn catch_panic<T>(future: impl Future<Output = T>) -> Result<T, String> {
    AssertUnwindSafe(future).catch_unwind().await.map_err(|payload: Box<dyn Any + Send>| {
        let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
        text.or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned())
    })
}
