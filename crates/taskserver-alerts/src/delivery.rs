//! The worker that empties the outbox: on the replica that leads, a loop for each receiver.
//!
//! - A receiver that cannot be told anything is left alone for a while, longer with each failure, and then goes on where it
//!   was; it holds up no other receiver. How it stands is a row, so that a restart neither forgets nor hurries.
//! - What a receiver does not take, while it may take others, is tried again some times and then given up, loudly.
//! - A delivery is noted after it was made: a crash in between repeats it, with the same id.
//!
//! The outbox is looked at once a second rather than signalled to: an alert may come from another process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use jiff::Timestamp;
use taskserver_core::{App, Health, HealthReporter, LeadershipState, TRACE};
use taskserver_store::{Fence, Store, StoreError};
use tokio::task::JoinHandle;
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::metrics::{COUNT_EVERY, DeliveryMetrics};
use crate::outbox::{Due, Outbox, Standing};
use crate::{Alerts, COMPONENT, Delivery, DeliveryError, Receiver, Route};

/// How deliveries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryOptions {
    /// The wait after a first failure; it doubles with each further one.
    pub min_backoff: Duration,
    /// The longest wait after failures, unless the receiver asks for a longer one.
    pub max_backoff: Duration,
    /// How often something is tried that a receiver does not take, while it takes others.
    pub max_attempts: u32,
    /// How often the outbox is looked at.
    pub poll_every: Duration,
}

impl Default for DeliveryOptions {
    /// Waits from 1 second to 5 minutes, 5 attempts, a look each second.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { min_backoff: seconds(1), max_backoff: seconds(300), max_attempts: 5, poll_every: seconds(1) }
    }
}

/// Delivers alerts and reports to receivers, as long as the app runs and this process leads.
///
/// ```no_run
/// use taskserver_alerts::{AlertDelivery, DeliveryOptions, Log, Route};
/// # use taskserver_core::App;
/// # use taskserver_store::Store;
/// # fn example(app: &App, store: &Store) {
/// let mut delivery = AlertDelivery::new(store, DeliveryOptions::default());
/// delivery.add(Route::all("log"), Log);
/// let alerts = delivery.alerts(); // for the producers
/// delivery.start(app);
/// # }
/// ```
pub struct AlertDelivery {
    store: Store,
    options: DeliveryOptions,
    leadership: Option<String>,
    receivers: Vec<(Route, Arc<dyn Receiver>)>,
}

impl AlertDelivery {
    /// A worker over the outbox in this database.
    #[must_use]
    pub fn new(store: &Store, options: DeliveryOptions) -> Self {
        Self { store: store.clone(), options, leadership: None, receivers: Vec::new() }
    }

    /// Adds a receiver. Its name is what its part of the outbox is known by.
    pub fn add(&mut self, route: Route, receiver: impl Receiver) {
        self.receivers.push((route, Arc::new(receiver)));
    }

    /// Notes deliveries only in the term of this process, checked where it is noted: the app's election is over this leadership,
    /// which the database keeps.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    /// Alerts that these receivers are told of.
    #[must_use]
    pub fn alerts(&self) -> Alerts {
        Alerts::new(self.receivers.iter().map(|(route, _)| route.clone()))
    }

    /// Runs it until the app stops.
    pub fn start(self, app: &App) -> JoinHandle<()> {
        let app = app.clone();
        tokio::spawn(async move { self.run(&app).await })
    }

    /// Runs until the app stops. What is being delivered then is finished first.
    pub async fn run(self, app: &App) {
        let health = app.health().register(COMPONENT, false);
        let receivers = self.receivers.iter().map(|(route, _)| route.receiver.clone()).collect();
        let metrics = DeliveryMetrics::register(app.metrics(), receivers);
        loop {
            if !app.leadership().state().is_leading() {
                health.report(Health::Disabled("another replica leads, and delivers them".to_owned()));
            }
            let state = tokio::select! {
                () = app.shutdown().stopping() => return,
                state = app.leadership().leading() => state,
            };
            health.report(Health::Ready);
            let term = Term { app, state };
            let troubles = Troubles { health: &health, of: Mutex::default() };
            let fence = self.leadership.as_ref().zip(state.term()).map(|(name, term)| Fence::new(name, term));
            let workers = self.receivers.iter().map(|(route, receiver)| {
                let outbox =
                    Outbox { store: self.store.clone(), receiver: route.receiver.clone(), fence: fence.clone() };
                Worker {
                    outbox,
                    route,
                    receiver: receiver.as_ref(),
                    options: self.options,
                    term: &term,
                    metrics: &metrics,
                    troubles: &troubles,
                    standing: None,
                    remind_at: None,
                }
            });
            let working = join_all(workers.map(Worker::run));
            tokio::join!(working, count(&metrics, &self.store, &term));
            metrics.idle();
        }
    }
}

async fn count(metrics: &DeliveryMetrics, store: &Store, term: &Term<'_>) {
    while !term.is_over() {
        if let Err(error) = metrics.count(store).await {
            tracing::debug!(component = COMPONENT, %error, "alerts cannot be counted");
        }
        term.wait(COUNT_EVERY).await;
    }
}

/// The time for which this process leads.
struct Term<'a> {
    app: &'a App,
    state: LeadershipState,
}

impl Term<'_> {
    fn is_over(&self) -> bool {
        self.app.shutdown().is_stopping() || self.app.leadership().has_ended(self.state)
    }

    /// Waits so long, or until the term is over.
    async fn wait(&self, time: Duration) {
        tokio::select! {
            () = tokio::time::sleep(time) => {}
            () = self.app.shutdown().stopping() => {}
            () = self.app.leadership().ended(self.state) => {}
        }
    }

    fn now(&self) -> Timestamp {
        self.app.clock().now()
    }
}

/// What is wrong with each receiver: together the component's health.
struct Troubles<'a> {
    health: &'a HealthReporter,
    of: Mutex<BTreeMap<String, String>>,
}

impl Troubles<'_> {
    fn set(&self, receiver: &str, trouble: Option<String>) {
        let mut of = self.of.lock().unwrap_or_else(PoisonError::into_inner);
        match trouble {
            Some(trouble) => of.insert(receiver.to_owned(), trouble),
            None => of.remove(receiver),
        };
        let all: Vec<String> = of.iter().map(|(receiver, trouble)| format!("{receiver}: {trouble}")).collect();
        self.health.report(if all.is_empty() { Health::Ready } else { Health::Degraded(all.join("; ")) });
    }
}

/// What delivers to one receiver.
struct Worker<'a> {
    outbox: Outbox,
    route: &'a Route,
    receiver: &'a dyn Receiver,
    options: DeliveryOptions,
    term: &'a Term<'a>,
    metrics: &'a DeliveryMetrics,
    troubles: &'a Troubles<'a>,
    /// How it stands with the receiver, once that was read.
    standing: Option<Standing>,
    /// When the receiver is to be reminded of what is firing.
    remind_at: Option<Timestamp>,
}

impl Worker<'_> {
    async fn run(mut self) {
        while !self.term.is_over() {
            if let Err(error) = self.work().await {
                self.troubles.set(&self.route.receiver, Some(format!("the outbox cannot be read: {error}")));
            }
            self.term.wait(self.options.poll_every).await;
        }
    }

    /// Delivers what is due.
    async fn work(&mut self) -> Result<(), StoreError> {
        let mut standing = match self.standing.take() {
            Some(standing) => standing,
            None => self.outbox.standing().await?,
        };
        let result = self.work_from(&mut standing).await;
        self.standing = Some(standing);
        result
    }

    async fn work_from(&mut self, standing: &mut Standing) -> Result<(), StoreError> {
        if standing.next_attempt.is_some_and(|time| self.term.now() < time) {
            return Ok(());
        }
        if let Some(every) = self.receiver.remind_every()
            && self.remind_at.is_none_or(|time| time <= self.term.now())
        {
            if let Err(error) = self.remind().await? {
                return self.failed(standing, None, &error).await;
            }
            self.remind_at = self.term.now().checked_add(every).ok();
        }
        loop {
            let due = self.outbox.due(self.term.now()).await?;
            if due.is_empty() {
                break;
            }
            for due in due {
                if self.term.is_over() {
                    return Ok(());
                }
                match self.deliver(&due).await? {
                    Ok(()) => *standing = Standing::default(),
                    Err(DeliveryError::Rejected(reason)) => self.rejected(&due, &reason).await?,
                    Err(error) => return self.failed(standing, Some(&due), &error).await,
                }
            }
        }
        self.troubles.set(&self.route.receiver, None);
        Ok(())
    }

    /// Delivers one thing, and notes that.
    async fn deliver(&self, due: &Due) -> Result<Result<(), DeliveryError>, StoreError> {
        let now = self.term.now();
        if let Some(content) = self.outbox.content(due).await? {
            let id = due.id(&self.route.receiver);
            let span = tracing::trace_span!(
            target: TRACE,
                           "delivery",
                           otel.name = format!("deliver to {}", self.route.receiver),
                           otel.status_code = Empty,
                           otel.status_description = Empty,
                           taskserver.delivery.id = id,
                           taskserver.delivery.receiver = self.route.receiver,
                           taskserver.delivery.subject = due.subject,
                           taskserver.delivery.kind = due.kind.name(),
                           taskserver.delivery.attempt = due.attempts + 1,
                           "error.type" = Empty,
                       );
            let delivery = Delivery { id, content };
            if let Err(error) = self.receiver.deliver(&delivery, now).instrument(span.clone()).await {
                span.record("error.type", error.kind());
                span.record("otel.status_code", "error");
                span.record("otel.status_description", error.to_string());
                return Ok(Err(error));
            }
            self.metrics.delivered(&self.route.receiver);
        }
        self.outbox.delivered(due, now).await.map(Ok)
    }

    /// Reminds the receiver of all that is firing.
    async fn remind(&self) -> Result<Result<(), DeliveryError>, StoreError> {
        let mut last = String::new();
        loop {
            let firing = self.outbox.firing(&self.route.levels, &last).await?;
            let Some(alert) = firing.last() else { return Ok(Ok(())) };
            last.clone_from(&alert.id);
            match self.receiver.remind(&firing, self.term.now()).await {
                Ok(()) => {}
                // One of them is to blame, and will be so when it is delivered.
                Err(DeliveryError::Rejected(reason)) => {
                    tracing::warn!(
                        component = COMPONENT,
                        receiver = self.route.receiver,
                        reason,
                        "a reminder was rejected"
                    );
                }
                Err(error) => return Ok(Err(error)),
            }
        }
    }

    /// Leaves the receiver alone for a while.
    async fn failed(
        &self,
        standing: &mut Standing,
        due: Option<&Due>,
        error: &DeliveryError,
    ) -> Result<(), StoreError> {
        self.metrics.failed(&self.route.receiver);
        let asked = match error {
            DeliveryError::Unavailable { retry_after, .. } => retry_after.unwrap_or_default(),
            DeliveryError::Rejected(_) => Duration::ZERO,
        };
        let now = self.term.now();
        let wait = self.backoff(standing.failures).max(asked);
        standing.failures = standing.failures.saturating_add(1);
        standing.next_attempt = now.checked_add(wait).ok();
        let reason = error.to_string();
        tracing::debug!(component = COMPONENT, receiver = self.route.receiver, reason, ?wait, "a delivery failed");
        self.troubles.set(&self.route.receiver, Some(reason.clone()));
        self.outbox.failed(standing, due, &reason, now).await
    }

    /// Lets others pass what the receiver does not take.
    async fn rejected(&self, due: &Due, reason: &str) -> Result<(), StoreError> {
        let (receiver, subject, kind) = (&self.route.receiver, &due.subject, due.kind.name());
        let attempts = u32::try_from(due.attempts).unwrap_or(u32::MAX).saturating_add(1);
        if attempts >= self.options.max_attempts {
            self.metrics.given_up(receiver, 1);
            tracing::error!(
                component = COMPONENT,
                receiver,
                subject,
                kind,
                attempts,
                reason,
                "a delivery was given up: the receiver does not take it"
            );
            return self.outbox.rejected(due, reason, None, self.term.now()).await;
        }
        self.metrics.failed(receiver);
        tracing::warn!(component = COMPONENT, receiver, subject, kind, attempts, reason, "a delivery was rejected");
        let now = self.term.now();
        let again_at = now.checked_add(self.backoff(attempts)).unwrap_or(Timestamp::MAX);
        self.outbox.rejected(due, reason, Some(again_at), now).await
    }

    /// Between a half and the whole of the exponential wait, so that many that failed together do not return together.
    fn backoff(&self, failures: u32) -> Duration {
        let DeliveryOptions { min_backoff, max_backoff, .. } = self.options;
        let whole = min_backoff.saturating_mul(1 << failures.min(16)).min(max_backoff);
        whole.mul_f64(0.5 + fastrand::f64() / 2.0)
    }
}
