//! Stores how attempts ended: as many at once as have come together while the ones before them were being stored.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use super::{ERROR_WAIT, Shared};
use crate::{AttemptId, End};

/// How one attempt ended.
pub(super) type Ended = (AttemptId, End);

/// Writes until nothing runs any more and everything is stored.
pub(super) async fn write(shared: Arc<Shared>, mut ends: mpsc::Receiver<Ended>) {
    let mut batch = Vec::new();
    loop {
        let most = shared.control.options().batch_size as usize;
        tokio::select! {
            biased;
            received = ends.recv_many(&mut batch, most) => if received == 0 { return },
            () = shared.drained.cancelled() => return,
        }
        store(&shared, &batch).await;
        shared.held.release(batch.iter().map(|(attempt, _)| attempt));
        batch.clear();
    }
}

/// Stores the ends, and tries again for as long as that fails: the attempts are held until then. What the store may have done
/// already it does not do again.
async fn store(shared: &Shared, batch: &[Ended]) {
    let mut wait = Duration::from_millis(20);
    loop {
        match shared.queue.store().finish(batch).await {
            Ok(refused) => {
                for attempt in refused {
                    tracing::warn!(%attempt, "the end of an attempt was refused: the job was cancelled or taken over meanwhile");
                }
                return;
            }
            Err(error) => tracing::warn!(error, jobs = batch.len(), "the ends of jobs cannot be stored; trying again"),
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(ERROR_WAIT);
    }
}
