//! Waits after failures: exponential, with jitter, and never shorter than the server asks for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// A server that asks to wait longer than this is not believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(300);

/// The wait before the next request.
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    failures: u32,
    until: Option<Instant>,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max, failures: 0, until: None }
    }

    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
    }

    pub(crate) fn fail(&mut self, retry_after: Option<Duration>) {
        let delay = self.min.saturating_mul(1 << self.failures.min(16)).min(self.max);
        self.failures = self.failures.saturating_add(1);
        // Between a half and the whole, so that many that failed together do not return together.
        let delay = delay.mul_f64(0.5 + fastrand::f64() / 2.0);
        let asked = retry_after.unwrap_or_default().min(MAX_RETRY_AFTER);
        self.until = Some(Instant::now() + delay.max(asked));
    }

    /// Waits out what is left. Safe to drop and call again.
    pub(crate) async fn wait(&mut self) {
        if let Some(until) = self.until {
            sleep_until(until).await;
            self.until = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn waited(backoff: &mut Backoff, retry_after: Option<Duration>) -> Duration {
        backoff.fail(retry_after);
        let start = Instant::now();
        backoff.wait().await;
        start.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_doubles_up_to_its_maximum_and_starts_over_after_a_success() {
        let seconds = Duration::from_secs;
        let mut backoff = Backoff::new(seconds(1), seconds(5));
        for expected in [1, 2, 4, 5, 5] {
            let waited = waited(&mut backoff, None).await;
            assert!(waited * 2 >= seconds(expected), "{waited:?} is too short for {expected} s");
            assert!(waited <= seconds(expected) + Duration::from_millis(2), "{waited:?} is too long for {expected} s");
        }
        backoff.succeed();
        assert!(waited(&mut backoff, None).await <= Duration::from_millis(1002));
    }

    #[tokio::test(start_paused = true)]
    async fn the_server_is_heard_but_not_for_ever() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(5));
        assert!(waited(&mut backoff, Some(Duration::from_secs(17))).await >= Duration::from_secs(17));
        assert!(waited(&mut backoff, Some(Duration::from_secs(86_400))).await <= Duration::from_secs(301));
    }
}
