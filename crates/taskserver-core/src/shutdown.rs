//! How the process ends: once asked to stop, nothing new begins; after the deadline, or a second request, what still runs is
//! cancelled.

use tokio_util::sync::CancellationToken;

/// Shared by all parts of the app: tells them to stop, and later to give up.
///
/// ```
/// let shutdown = taskserver_core::Shutdown::default();
/// let of_a_part = shutdown.clone();
/// shutdown.stop();
/// assert!(of_a_part.is_stopping());
/// assert!(!of_a_part.is_aborting());
/// ```
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    stopping: CancellationToken,
    aborting: CancellationToken,
}

impl Shutdown {
    /// Asks every part to begin nothing new and to finish what it does.
    pub fn stop(&self) {
        self.stopping.cancel();
    }

    /// Cancels what still runs. Implies [`stop`](Self::stop).
    pub fn abort(&self) {
        self.stopping.cancel();
        self.aborting.cancel();
    }

    /// Whether [`stop`](Self::stop) was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// Whether [`abort`](Self::abort) was called.
    #[must_use]
    pub fn is_aborting(&self) -> bool {
        self.aborting.is_cancelled()
    }

    /// Resolves when the app is asked to stop.
    pub async fn stopping(&self) {
        self.stopping.cancelled().await;
    }

    /// Resolves when what still runs is to be cancelled.
    pub async fn aborting(&self) {
        self.aborting.cancelled().await;
    }
}
