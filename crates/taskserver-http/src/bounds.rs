//! What is said when clients run into bounds: one warning per bound and minute with their number, so that an attack cannot
//! flood the log.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How far apart two warnings of one bound are.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// A bound of [`HttpOptions`](crate::HttpOptions).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Bound {
    Connections,
    HeaderTimeout,
    HeaderSize,
    BodySize,
    RequestTimeout,
}

impl Bound {
    /// The key under which the bound is configured.
    fn key(self) -> &'static str {
        match self {
            Self::Connections => "http.max_connections",
            Self::HeaderTimeout => "http.header_timeout",
            Self::HeaderSize => "http.max_header_bytes",
            Self::BodySize => "http.max_body_bytes",
            Self::RequestTimeout => "http.request_timeout",
        }
    }
}

/// The hits of each bound.
#[derive(Default)]
pub(crate) struct Bounds(Mutex<HashMap<Bound, Hits>>);

#[derive(Default)]
struct Hits {
    /// How many there were since the last warning.
    unsaid: u64,
    warned: Option<Instant>,
}

impl Bounds {
    /// Takes note that a client ran into a bound.
    pub(crate) fn hit(&self, bound: Bound) {
        let mut hits = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let hits = hits.entry(bound).or_default();
        hits.unsaid += 1;
        if hits.warned.is_none_or(|warned| warned.elapsed() >= WARN_EVERY) {
            tracing::warn!(bound = bound.key(), hits = hits.unsaid, "clients run into a bound");
            *hits = Hits { unsaid: 0, warned: Some(Instant::now()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_bound_is_warned_of_at_most_once_a_minute() {
        let bounds = Bounds::default();
        let unsaid = |bound: Bound| bounds.0.lock().unwrap()[&bound].unsaid;
        bounds.hit(Bound::BodySize);
        assert_eq!(unsaid(Bound::BodySize), 0);
        bounds.hit(Bound::BodySize);
        bounds.hit(Bound::BodySize);
        bounds.hit(Bound::Connections);
        assert_eq!((unsaid(Bound::BodySize), unsaid(Bound::Connections)), (2, 0));
        tokio::time::advance(WARN_EVERY).await;
        bounds.hit(Bound::BodySize);
        assert_eq!(unsaid(Bound::BodySize), 0);
    }
}
