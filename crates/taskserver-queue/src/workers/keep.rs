//! Keeps what runs here: renews the leases, and stops attempts that are no longer this process's.
//!
//! An attempt that could not be renewed for as long as its lease is stopped, by this process's monotonic clock: that spares work.
//! What makes it safe is not the time, but the fence at its end.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Shared;
use crate::AttemptId;

/// The attempts of this process, until their end is stored.
#[derive(Default)]
pub(super) struct Held(Mutex<HashMap<AttemptId, Holding>>);

struct Holding {
    renewed: Instant,
    /// Stops the attempt: it is somebody else's, or nobody's.
    stop: CancellationToken,
}

impl Held {
    fn lock(&self) -> MutexGuard<'_, HashMap<AttemptId, Holding>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds an attempt that was asked for at a moment, and gives what stops it.
    pub(super) fn hold(&self, attempt: AttemptId, asked: Instant) -> CancellationToken {
        let stop = CancellationToken::new();
        self.lock().insert(attempt, Holding { renewed: asked, stop: stop.clone() });
        stop
    }

    /// Lets attempts go whose end is stored, or no longer theirs to store.
    pub(super) fn release<'a>(&self, attempts: impl Iterator<Item = &'a AttemptId>) {
        let mut held = self.lock();
        attempts.for_each(|attempt| drop(held.remove(attempt)));
    }

    /// The attempts that were renewed so long ago.
    fn due(&self, age: Duration) -> Vec<AttemptId> {
        let held = self.lock();
        held.iter()
            .filter(|(_, holding)| holding.renewed.elapsed() >= age)
            .map(|(attempt, _)| attempt.clone())
            .collect()
    }

    fn renewed(&self, attempts: &[AttemptId], at: Instant) {
        let mut held = self.lock();
        for attempt in attempts {
            if let Some(holding) = held.get_mut(attempt) {
                holding.renewed = at;
            }
        }
    }

    fn stop(&self, attempts: &[AttemptId]) -> usize {
        let held = self.lock();
        let running =
            attempts.iter().filter_map(|attempt| held.get(attempt)).filter(|holding| !holding.stop.is_cancelled());
        running.map(|holding| holding.stop.cancel()).count()
    }
}

/// Keeps the leases alive for as long as it runs.
pub(super) async fn keep(shared: Arc<Shared>) {
    let mut options = shared.control.watch();
    loop {
        let (lease, batch_size) = {
            let options = options.borrow_and_update();
            (options.lease, options.batch_size as usize)
        };
        let interval = lease / 3;
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            // What was renewed for a longer time is soon renewed for the new one.
            _ = options.changed() => continue,
        }
        // Of what ends within a third of the lease, nothing is ever renewed.
        for attempts in shared.held.due(interval).chunks(batch_size) {
            let asked = Instant::now();
            let renewal = tokio::time::timeout(interval, shared.queue.store().renew(attempts, lease)).await;
            match renewal.map_err(Into::into).and_then(|renewal| renewal) {
                Ok(lost) => {
                    shared.held.renewed(attempts, asked);
                    stop(&shared, &lost, "it was cancelled, or taken over by another worker");
                }
                Err(error) => tracing::warn!(error, "the leases of jobs cannot be renewed; trying again"),
            }
        }
        stop(&shared, &shared.held.due(lease), "its lease has expired: the database could not be reached for too long");
    }
}

fn stop(shared: &Shared, attempts: &[AttemptId], reason: &str) {
    let stopped = shared.held.stop(attempts);
    if stopped > 0 {
        tracing::warn!(attempts = stopped, first = %attempts[0], reason, "stopping attempts of jobs");
    }
}
