//! Takes the jobs of one queue as slots become free.

use std::sync::Arc;
use std::time::Duration;

use taskserver_core::Health;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::{ERROR_WAIT, Shared, attempt};
use crate::{Taken, Wanted};

/// How long to let slots come together where jobs end quickly and more of them wait: a few large statements cost the database
/// less than many small ones.
const GATHER: Duration = Duration::from_millis(2);

/// Works until the workers stop.
pub(super) async fn work(shared: Arc<Shared>, queue: String) {
    let mut options = shared.control.watch();
    let slots = Arc::new(Semaphore::new(0));
    // How many slots there are, those of jobs that run included.
    let mut there_are = 0;
    let wake = shared.queue.wakes().of(&queue);
    let mut more = false;
    loop {
        let (concurrency, most, poll_interval) = {
            let options = options.borrow_and_update();
            (shared.concurrency_of(&queue, &options), options.batch_size as usize, options.poll_interval)
        };
        if there_are < concurrency {
            slots.add_permits(concurrency - there_are);
            there_are = concurrency;
        }
        let mut free = tokio::select! {
            biased;
            () = shared.stopping() => return,
            _ = options.changed() => continue,
            slot = Arc::clone(&slots).acquire_owned() => match slot {
                Ok(slot) => slot,
                Err(_) => return,
            },
        };
        if there_are > concurrency {
            free.forget();
            there_are -= 1;
            continue;
        }
        if more && slots.available_permits() < concurrency.min(most) / 2 {
            tokio::time::sleep(GATHER).await;
        }
        let others = u32::try_from(slots.available_permits().min(most - 1)).unwrap_or(u32::MAX);
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
                poll_interval
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
                _ = options.changed() => {}
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
    let (worker, lease) = (shared.instance.as_str(), shared.control.options().lease);
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
