//! Messages on their way to Redis.

use std::collections::VecDeque;

use super::metrics::{Counts, Dropped};

/// A bounded queue: when it is full, the oldest message makes room for the newest.
///
/// A batch that is being sent stays in the queue until Redis has taken it. Where that is never known, because the
/// connection broke, it is sent again: a message may arrive twice, and is never lost unnoticed.
pub(super) struct Outbox {
    messages: VecDeque<String>,
    /// How many of the first messages are being sent.
    in_flight: usize,
    capacity: usize,
    counts: Counts,
}

impl Outbox {
    pub(super) fn new(capacity: usize, counts: Counts) -> Self {
        Self { messages: VecDeque::new(), in_flight: 0, capacity, counts }
    }

    pub(super) fn push(&mut self, message: String) {
        self.messages.push_back(message);
        self.make_room();
    }

    /// Begins to send the oldest messages: `most` at most, and no more than `bytes` together unless the first alone is
    /// larger.
    pub(super) fn begin(&mut self, most: usize, bytes: usize) -> impl Iterator<Item = &str> {
        let mut size = 0;
        let fitting = self.messages.iter().take(most).take_while(|message| {
            size += message.len();
            size <= bytes
        });
        self.in_flight = fitting.count().max(1).min(self.messages.len());
        self.messages.iter().take(self.in_flight).map(String::as_str)
    }

    /// Redis has taken what was being sent.
    pub(super) fn taken(&mut self) {
        self.counts.sent.inc_by(self.in_flight as u64);
        self.messages.drain(..self.in_flight);
        self.in_flight = 0;
        self.show();
    }

    /// What was being sent is to be sent again.
    pub(super) fn retry(&mut self) {
        self.in_flight = 0;
        self.make_room();
    }

    /// Gives up what is left, and says how much that was.
    pub(super) fn give_up(&mut self) -> usize {
        let left = self.messages.len();
        self.counts.drop(Dropped::Shutdown, left as u64);
        self.messages.clear();
        self.in_flight = 0;
        self.show();
        left
    }

    pub(super) fn len(&self) -> usize {
        self.messages.len()
    }

    /// Drops the oldest messages beyond the capacity. Those in flight are not counted among them: they may have arrived
    /// already.
    fn make_room(&mut self) {
        while self.messages.len() - self.in_flight > self.capacity {
            self.messages.remove(self.in_flight);
            self.counts.drop(Dropped::QueueFull, 1);
        }
        self.show();
    }

    fn show(&self) {
        self.counts.waiting.set(self.messages.len() as i64);
    }
}

#[cfg(test)]
mod tests {
    use taskserver_core::Metrics;

    use super::*;

    fn outbox(capacity: usize, messages: std::ops::Range<usize>) -> (Outbox, Metrics) {
        let metrics = Metrics::default();
        let mut outbox = Outbox::new(capacity, Counts::register(&metrics));
        messages.for_each(|message| outbox.push(message.to_string()));
        (outbox, metrics)
    }

    fn counted(metrics: &Metrics, line: &str) -> bool {
        metrics.encode().lines().any(|known| known == format!("taskserver_redis_events_{line}"))
    }

    #[test]
    fn the_newest_messages_are_kept() {
        let (mut outbox, metrics) = outbox(3, 0..10);
        assert_eq!(outbox.begin(10, 1000).collect::<Vec<_>>(), ["7", "8", "9"]);
        assert!(counted(&metrics, r#"dropped_total{direction="out",reason="queue_full"} 7"#), "{}", metrics.encode());
        assert!(counted(&metrics, "waiting 3"));
    }

    #[test]
    fn messages_that_are_on_their_way_are_not_dropped_before_that_has_failed() {
        let (mut outbox, metrics) = outbox(3, 0..3);
        assert_eq!(outbox.begin(2, 1000).count(), 2);
        (3..6).for_each(|message| outbox.push(message.to_string()));
        assert!(counted(&metrics, r#"dropped_total{direction="out",reason="queue_full"} 1"#));
        outbox.retry();
        assert_eq!(outbox.begin(10, 1000).collect::<Vec<_>>(), ["3", "4", "5"]);
        assert!(counted(&metrics, r#"dropped_total{direction="out",reason="queue_full"} 3"#));
        outbox.taken();
        assert!(counted(&metrics, "sent_total 3"));
        assert!(counted(&metrics, "waiting 0"));
    }

    #[test]
    fn a_batch_has_a_bounded_size_and_at_least_one_message() {
        let (mut outbox, _) = outbox(100, 10..20);
        assert_eq!(outbox.begin(100, 7).count(), 3);
        assert_eq!(outbox.begin(100, 1).count(), 1);
        assert_eq!(outbox.begin(2, 1000).count(), 2);
    }

    #[test]
    fn what_is_given_up_is_counted() {
        let (mut outbox, metrics) = outbox(100, 0..4);
        assert_eq!(outbox.begin(2, 1000).count(), 2);
        assert_eq!(outbox.give_up(), 4);
        assert!(counted(&metrics, r#"dropped_total{direction="out",reason="shutdown"} 4"#));
    }
}
