//! Looks after the jobs of all workers: those whose time has come, those of dead workers, and how many there are. Every replica
//! does so; they do not get into each other's way.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use taskserver_core::Health;

use super::{ERROR_WAIT, Shared};
use crate::{Depth, JobState, JobStoreError};

/// Whoever has listened for so long had been able to.
const LISTENED: Duration = Duration::from_secs(10);

/// Readies jobs and takes them over, for as long as it runs.
pub(super) async fn tend(shared: Arc<Shared>) {
    loop {
        match shared.queue.store().tend().await {
            Ok(tended) => {
                shared.queue.metrics().taken_over(tended.taken_over);
                if tended.taken_over > 0 {
                    tracing::warn!(jobs = tended.taken_over, "jobs of workers that have died will be tried again");
                }
                if tended.dead > 0 {
                    tracing::error!(jobs = tended.dead, "jobs have died with their workers, in their last attempt");
                }
                shared.queue.wake(&tended.ready.iter().map(String::as_str).collect()).await;
            }
            Err(error) => tracing::warn!(error, "the jobs cannot be looked after; trying again"),
        }
        tokio::time::sleep(shared.control.options().poll_interval).await;
    }
}

/// Counts the jobs, for the metrics and the component's health, for as long as it runs.
pub(super) async fn count(shared: Arc<Shared>) {
    loop {
        match shared.queue.store().depths().await {
            Ok(depths) => {
                shared.queue.metrics().depths(&depths);
                shared.health.report(health(&shared, &depths));
            }
            Err(error) => shared.health.report(Health::Down(error.to_string())),
        }
        tokio::time::sleep(shared.control.options().count_interval).await;
    }
}

/// Jobs that nobody here knows are degraded health: another replica may know them, or they were misspelt.
fn health(shared: &Shared, depths: &[Depth]) -> Health {
    let waits = |depth: &&Depth| depth.state == JobState::Queued && shared.jobs.get(&depth.name).is_none();
    let mut unknown: BTreeMap<&str, u64> = BTreeMap::new();
    for depth in depths.iter().filter(waits) {
        *unknown.entry(&depth.name).or_default() += depth.jobs;
    }
    match unknown.first_key_value() {
        None => Health::Ready,
        Some((name, _)) => Health::Degraded(format!(
            "{} queued jobs are of kinds that this server does not know, such as `{name}`",
            unknown.values().sum::<u64>()
        )),
    }
}

/// Wakes the workers when the store or the notifier tells of jobs, for as long as it runs.
pub(super) async fn listen(shared: Arc<Shared>) {
    let queue = shared.queue.clone();
    let woken = move |name: &str| queue.wakes().wake(name);
    let store = listening(|| shared.queue.store().listen(&woken));
    let notifier = async {
        if let Some(notifier) = shared.queue.notifier() {
            listening(|| notifier.listen(&woken)).await;
        }
    };
    tokio::join!(store, notifier);
}

/// Listens again and again. That it cannot is said once, until it has been able to for a while.
async fn listening<F: Future<Output = Result<(), JobStoreError>>>(listen: impl Fn() -> F) {
    let mut is_said = false;
    loop {
        let began = Instant::now();
        if let Err(error) = listen().await {
            is_said &= began.elapsed() < LISTENED;
            if !is_said {
                tracing::warn!(
                    error,
                    "not told of new jobs any more; looking for them at intervals, and listening again"
                );
            }
            is_said = true;
        }
        tokio::time::sleep(ERROR_WAIT).await;
    }
}
