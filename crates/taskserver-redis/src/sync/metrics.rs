//! What the synchronisation counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use taskserver_core::{Metrics, prometheus_client};

/// Why an event is not passed on.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dropped {
    /// The queue was full: the oldest had to go.
    QueueFull,
    /// The bus was ahead of us. Counts the events of all services.
    Missed,
    /// Its message to Redis would be too large.
    TooLargeToSend,
    /// It was still in the queue when the process had to end.
    Shutdown,
    /// Its message from Redis is malformed.
    Malformed,
    /// Its message from Redis is of no concern here.
    Foreign,
    /// Its message from Redis is too large.
    TooLargeToRead,
}

impl Dropped {
    const ALL: [Self; 7] = [
        Self::QueueFull,
        Self::Missed,
        Self::TooLargeToSend,
        Self::Shutdown,
        Self::Malformed,
        Self::Foreign,
        Self::TooLargeToRead,
    ];

    fn labels(self) -> Labels {
        let (direction, reason) = match self {
            Self::QueueFull => ("out", "queue_full"),
            Self::Missed => ("out", "missed"),
            Self::TooLargeToSend => ("out", "too_large"),
            Self::Shutdown => ("out", "shutdown"),
            Self::Malformed => ("in", "malformed"),
            Self::Foreign => ("in", "foreign"),
            Self::TooLargeToRead => ("in", "too_large"),
        };
        [("direction", direction), ("reason", reason)]
    }
}

type Labels = [(&'static str, &'static str); 2];

/// The counts. All clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    pub(super) sent: Counter,
    pub(super) received: Counter,
    pub(super) waiting: Gauge,
    dropped: Family<Labels, Counter>,
}

impl Counts {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let counts = Self::default();
        for reason in Dropped::ALL {
            // So that each is there, with zero, before there is anything to count.
            counts.drop(reason, 0);
        }
        metrics.register("redis_events_sent", "Events that Redis has taken", counts.sent.clone());
        metrics.register("redis_events_received", "Events of other processes", counts.received.clone());
        metrics.register("redis_events_waiting", "Events that wait to be sent", counts.waiting.clone());
        metrics.register("redis_events_dropped", "Events that were not passed on", counts.dropped.clone());
        counts
    }

    pub(super) fn drop(&self, reason: Dropped, events: u64) {
        self.dropped.get_or_create(&reason.labels()).inc_by(events);
    }
}
