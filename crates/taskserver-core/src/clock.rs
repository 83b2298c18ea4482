//! Where the time comes from.
//!
//! Whatever decides by wall-clock time asks a [`Clock`], and whatever waits does so with [`tokio::time`]. A test that pauses
//! tokio's time and gives the app a [`TokioClock`] therefore moves through days of schedules in microseconds.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of wall-clock time.
pub trait Clock: Send + Sync + 'static {
    /// The present moment.
    fn now(&self) -> Timestamp;
}

/// The operating system's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that starts at a given moment and advances with tokio's time: in tests, only when that time is advanced.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() {
/// use taskserver_core::{Clock, TokioClock};
///
/// let clock = TokioClock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
/// tokio::time::advance(std::time::Duration::from_secs(3600)).await;
/// assert_eq!(clock.now().to_string(), "2026-01-01T01:00:00Z");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct TokioClock {
    start: Timestamp,
    origin: Instant,
}

impl TokioClock {
    /// A clock that shows `start` now.
    #[must_use]
    pub fn starting_at(start: Timestamp) -> Self {
        Self { start, origin: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.origin.elapsed()).unwrap_or(SignedDuration::MAX);
        self.start.checked_add(elapsed).unwrap_or(Timestamp::MAX)
    }
}
