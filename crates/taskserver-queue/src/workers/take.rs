//! Takes the jobs of one queue as slots become free.

use std::sync::Arc;
use std::time::Duration;

use taskserver_core::Health;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{ERROR_WAIT, Shared, attempt};
use crate::{Taken, Wanted};

/// How many jobs are taken at once, at most: enough to make little of the statement's own cost.
const MOST: u32 = 500;

/// How long to let slots come together where jobs end quickly and more of them wait: a few large statements cost the database
/// less than many small ones.
const GATHER: Duration = Duration::from_millis(2);

/// Works until the workers stop.
pub(super) async fn work(shared: Arc<Shared>, queue: String, concurrency: usize) {
    let slots = Arc::new(Semaphore::new(concurrency));
    let wake = shared.queue.wakes().of(&queue);
    let mut more = false;
    loop {
        let mut free = tokio::select! {
            biased;
            () = shared.stopping() => return,
            slot = Arc::clone(&slots).acquire_owned() => match slot {
                Ok(slot) => slot,
                Err(_) => return,
            },
        };
        if more && slots.available_permits() < concurrency.min(MOST as usize) / 2 {
            tokio::time::sleep(GATHER).await;
        }
        let others = slots.available_permits().min(MOST as usize - 1) as u32;
        // Nobody else takes slots, so that those which are free stay so.
        if let Ok(others) = Arc::clone(&slots).try_acquire_many_owned(others) {
            free.merge(others);
        }
        let wanted = free.num_permits();
        // Never dropped half-way: what was taken must run.
        let asked = Instant::now();
        let wait = match take(&shared, &queue, wanted).await {
            Ok(taken) => {
                more = taken.len() == wanted;
                taken.into_iter().for_each(|taken| begin(&shared, &queue, taken, asked, &mut free));
                shared.options.poll_interval
            }
            Err(error) => {
                more = false;
                tracing::warn!(queue, error, "no jobs can be taken; trying again");
                shared.health.report(Health::Down(error));
                ERROR_WAIT
            }
        };
        drop(free);
        if !more {
            tokio::select! {
                () = shared.stopping() => return,
                () = wake.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
}

async fn take(shared: &Shared, queue: &str, limit: usize) -> Result<Vec<Taken>, String> {
    let names: Vec<&'static str> = shared.jobs.names().collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (worker, lease) = (shared.instance.as_str(), shared.options.lease);
    let wanted = Wanted { queue, names: &names, limit, worker, lease };
    shared.queue.store().take(&wanted).await.map_err(|error| error.to_string())
}

/// Begins an attempt, in one of the free slots.
fn begin(shared: &Arc<Shared>, queue: &str, taken: Taken, asked: Instant, free: &mut OwnedSemaphorePermit) {
    // Only kinds that are known here were asked for, and no more than there are slots.
    let (Some(kind), Some(slot)) = (shared.jobs.get(&taken.name), free.split(1)) else { return };
    shared.queue.metrics().waited(queue, taken.waited);
    let stop = shared.held.hold(taken.attempt.clone(), asked);
    shared.work.spawn(attempt::attempt(Arc::clone(shared), Arc::clone(kind), queue.to_owned(), taken, stop, slot));
}
