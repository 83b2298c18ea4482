//! The election: competes for the lease, renews it while it is held, and gives it up in the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus_client::metrics::gauge::Gauge;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use uuid::Uuid;

use super::{
    Elected, ElectionError, ElectionOptions, Held, Leadership, LeadershipState, LeaseError, LeaseRecord, LeaseStore,
};
use crate::{Health, HealthReporter, Metrics};

/// A process's part in the competition for one lease.
pub struct Election {
    lease: Box<dyn LeaseStore>,
    /// Of this process, and of no other one before or after it.
    identity: String,
    options: ElectionOptions,
    leadership: Leadership,
    elected: Arc<Elected>,
    /// The last term in which this process led.
    term: Gauge,
}

/// The lease as it was last seen to change.
struct Seen {
    record: Option<LeaseRecord>,
    /// Since when it is as it is.
    since: Instant,
    /// The highest term there was, in case that the record itself is lost.
    term: u64,
}

/// How a term ended.
enum End {
    Stopped,
    Resigned,
    Lost(String),
}

impl Election {
    /// The part of a process in the competition for the lease: `instance` is its name among the replicas, such as the pod's.
    ///
    /// # Errors
    /// The options are impossible.
    pub fn new(lease: impl LeaseStore, instance: &str, options: ElectionOptions) -> Result<Self, ElectionError> {
        options.validate()?;
        let leadership = Leadership::elected();
        let elected = leadership.0.clone().expect("it is an elected one");
        // The name alone may be that of a former process.
        let identity = format!("{instance}_{}", Uuid::new_v4());
        Ok(Self { lease: Box::new(lease), identity, options, leadership, elected, term: Gauge::default() })
    }

    /// What comes of it.
    #[must_use]
    pub fn leadership(&self) -> &Leadership {
        &self.leadership
    }

    /// By what name the lease knows this process when it leads.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.identity
    }

    pub(crate) fn register(&self, metrics: &Metrics) {
        self.leadership.register(metrics);
        metrics.register("leadership_term", "The last term in which this process led", self.term.clone());
    }

    /// Competes until the leadership is [released](Leadership::release). An [`App`](crate::App) that was built with the
    /// election runs it itself.
    pub async fn run(&self, health: &HealthReporter) {
        self.elected.begun.store(true, Ordering::SeqCst);
        // Also if this is dropped, or an adapter panics.
        let _end = EndGuard(self);
        let mut seen = Seen { record: None, since: Instant::now(), term: 0 };
        loop {
            let taken = tokio::select! {
                () = self.elected.stop.cancelled() => break,
                taken = self.campaign(&mut seen, health) => taken,
            };
            let wait = match taken {
                None => self.pause(&seen),
                Some((record, until)) => match self.lead(record, until, health).await {
                    End::Stopped => break,
                    End::Resigned => {
                        self.give_up().await;
                        self.options.lease_duration
                    }
                    End::Lost(reason) => {
                        tracing::warn!(reason, "this server leads no longer");
                        self.options.retry_period
                    }
                },
            };
            tokio::select! {
                () = self.elected.stop.cancelled() => break,
                () = sleep(wait) => {}
            }
        }
        self.give_up().await;
    }

    /// Looks at the lease, and takes it if it is free. Answers it with the time until which it can be trusted.
    async fn campaign(&self, seen: &mut Seen, health: &HealthReporter) -> Option<(LeaseRecord, Instant)> {
        match self.take_if_free(seen).await {
            Ok(taken) => {
                health.report(Health::Ready);
                self.follow(seen);
                taken
            }
            Err(error) => {
                health.report(Health::Degraded(format!("this server cannot compete for the lead: {error}")));
                None
            }
        }
    }

    async fn take_if_free(&self, seen: &mut Seen) -> Result<Option<(LeaseRecord, Instant)>, LeaseError> {
        seen.note(self.call(self.lease.read()).await?);
        if !seen.is_free_for(&self.identity) {
            return Ok(None);
        }
        let asked = Instant::now();
        let lease = self.record(Some(self.identity.clone()), seen.term + 1);
        let taken = self.call(self.lease.write(seen.record.as_ref(), &lease)).await?;
        if let Some(record) = &taken {
            seen.note(Some(record.clone()));
        }
        Ok(taken.map(|record| (record, asked + self.options.renew_deadline)))
    }

    /// Shows who leads.
    fn follow(&self, seen: &Seen) {
        let leader = seen.record.as_ref().and_then(|record| record.holder.clone());
        let changed = self.elected.view.borrow().leader != leader;
        if changed && let Some(leader) = leader.as_ref().filter(|leader| **leader != self.identity) {
            tracing::info!(leader, "this server follows");
        }
        self.elected.view.send_if_modified(|view| {
            view.leader = leader;
            false
        });
    }

    /// How long to wait before the next look at the lease.
    fn pause(&self, seen: &Seen) -> Duration {
        match &seen.record {
            Some(record) => record.duration.saturating_sub(seen.since.elapsed()).min(self.options.retry_period),
            None => self.options.retry_period,
        }
        // A lease that is free but could not be taken is not asked for without a pause.
        .max(self.options.retry_period / 10)
    }

    /// Renews the lease for as long as that succeeds in time.
    async fn lead(&self, mut record: LeaseRecord, mut until: Instant, health: &HealthReporter) -> End {
        let term = record.term;
        let mut resigned = self.elected.resigned.subscribe();
        self.enter(term, until);
        let mut renewal = Instant::now() + self.options.renew_period();
        let end = loop {
            tokio::select! {
                biased;
                () = self.elected.stop.cancelled() => break End::Stopped,
                _ = resigned.wait_for(|resigned| *resigned == term) => break End::Resigned,
                () = sleep_until(until) => break End::Lost("its lease could not be renewed in time".to_owned()),
                () = sleep_until(renewal) => {}
            }
            let asked = Instant::now();
            let renewed = tokio::select! {
                biased;
                () = self.elected.stop.cancelled() => break End::Stopped,
                // An answer that comes after this comes too late: those who asked have been told that the term is over.
                () = sleep_until(until) => continue,
                renewed = self.renew(&mut record) => renewed,
            };
            match renewed {
                Ok(true) => {
                    until = asked + self.options.renew_deadline;
                    renewal = asked + self.options.renew_period();
                    self.extend(until);
                    health.report(Health::Ready);
                }
                Ok(false) => break End::Lost("another one holds the lease".to_owned()),
                Err(error) => {
                    tracing::warn!(term, %error, "the lease could not be renewed");
                    health.report(Health::Degraded(format!("this server cannot renew its lease: {error}")));
                    renewal = Instant::now() + self.options.retry_period;
                }
            }
        };
        self.leave();
        end
    }

    /// Renews the lease; `false` if it is no longer ours.
    async fn renew(&self, record: &mut LeaseRecord) -> Result<bool, LeaseError> {
        let lease = self.record(record.holder.clone(), record.term);
        if let Some(renewed) = self.call(self.lease.write(Some(record), &lease)).await? {
            *record = renewed;
            return Ok(true);
        }
        // An earlier renewal, whose answer was lost, may have changed the version.
        match self.call(self.lease.read()).await? {
            Some(now) if now.term == record.term && now.holder == record.holder => *record = now,
            _ => return Ok(false),
        }
        let renewed = self.call(self.lease.write(Some(record), &lease)).await?;
        let is_ours = renewed.is_some();
        *record = renewed.unwrap_or_else(|| record.clone());
        Ok(is_ours)
    }

    /// Gives the lease up if it is ours: also where we do not know it, because the answer was lost.
    async fn give_up(&self) {
        let release = async {
            // A last renewal that is still under way may come in between, but once.
            for _ in 0..2 {
                let Some(record) = self.lease.read().await? else { break };
                if record.holder.as_ref() != Some(&self.identity) {
                    break;
                }
                let released = self.record(None, record.term);
                if self.lease.write(Some(&record), &released).await?.is_some() {
                    tracing::info!(term = record.term, "this server has given up the lead");
                    break;
                }
            }
            Ok(())
        };
        if let Err(error) = self.call(release).await {
            tracing::warn!(%error, "the lease could not be given up; it is free when it expires");
        }
    }

    fn record(&self, holder: Option<String>, term: u64) -> LeaseRecord {
        LeaseRecord { holder, term, duration: self.options.lease_duration, version: String::new() }
    }

    async fn call<T>(&self, call: impl Future<Output = Result<T, LeaseError>>) -> Result<T, LeaseError> {
        let limit = self.options.call_timeout();
        timeout(limit, call).await.unwrap_or_else(|_| Err(format!("no answer within {limit:?}").into()))
    }

    fn enter(&self, term: u64, until: Instant) {
        self.term.set(i64::try_from(term).unwrap_or(i64::MAX));
        self.elected.view.send_modify(|view| {
            view.held = Some(Held { term, until });
            view.leader = Some(self.identity.clone());
        });
        tracing::info!(term, "this server leads");
    }

    /// Nobody waits for this: the state stays the same.
    fn extend(&self, until: Instant) {
        self.elected.view.send_if_modified(|view| {
            view.held = view.held.map(|held| Held { until, ..held });
            false
        });
    }

    fn leave(&self) {
        self.elected.view.send_modify(|view| {
            view.held = None;
            view.leader = None;
        });
    }
}

/// Ends the leadership, whatever ends the election.
struct EndGuard<'a>(&'a Election);

impl Drop for EndGuard<'_> {
    fn drop(&mut self) {
        if self.0.leadership.state() != LeadershipState::Following {
            tracing::error!("the election has ended before its time");
        }
        self.0.leave();
        self.0.elected.ended.cancel();
    }
}

impl Seen {
    /// Takes note of the lease. The time is that after it was read, so that it is never taken for older than it is.
    fn note(&mut self, record: Option<LeaseRecord>) {
        if self.record != record {
            self.term = self.term.max(record.as_ref().map_or(0, |record| record.term));
            *self = Self { record, since: Instant::now(), term: self.term };
        }
    }

    /// Whether the lease may be taken: it was given up, or has expired, or is ours by a term that is over.
    fn is_free_for(&self, identity: &str) -> bool {
        self.record.as_ref().is_none_or(|record| {
            let other = record.holder.as_deref().filter(|holder| *holder != identity);
            other.is_none() || self.since.elapsed() >= record.duration
        })
    }
}
