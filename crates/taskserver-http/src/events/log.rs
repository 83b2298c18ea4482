//! The latest events, numbered in the order in which this process heard of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use taskserver_core::{Event, Subscription};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use uuid::Uuid;

/// A log of bounded length.
pub(crate) struct EventLog {
    /// Tells the numbers of this process from those of another replica, or from before a restart.
    epoch: String,
    capacity: usize,
    latest: Mutex<VecDeque<(u64, Event)>>,
    /// The number of the newest event.
    newest: watch::Sender<u64>,
    streams: Arc<Semaphore>,
}

impl EventLog {
    /// Keeps so many events, for so many streams at once.
    pub(crate) fn new(capacity: usize, streams: usize) -> Self {
        let epoch = Uuid::new_v4().simple().to_string()[..8].to_owned();
        let streams = Arc::new(Semaphore::new(streams.min(Semaphore::MAX_PERMITS)));
        Self { epoch, capacity, latest: Mutex::default(), newest: watch::Sender::new(0), streams }
    }

    /// Logs what a subscription carries, for as long as it does.
    pub(crate) async fn follow(self: Arc<Self>, mut events: Subscription) {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.push(event),
                // They get their numbers all the same, so that every stream notices the gap.
                Err(missed) => self.newest.send_modify(|newest| *newest += missed.0),
            }
        }
    }

    fn push(&self, event: Event) {
        let mut latest = self.latest();
        let number = *self.newest.borrow() + 1;
        latest.push_back((number, event));
        if latest.len() > self.capacity {
            latest.pop_front();
        }
        drop(latest);
        self.newest.send_replace(number);
    }

    fn latest(&self) -> MutexGuard<'_, VecDeque<(u64, Event)>> {
        self.latest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for a stream, if there is one left.
    pub(super) fn open(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Tells of every new event.
    pub(super) fn news(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// The first event with a greater number than this.
    pub(super) fn after(&self, position: u64) -> Option<(u64, Event)> {
        let latest = self.latest();
        latest.get(latest.partition_point(|(number, _)| *number <= position)).cloned()
    }

    /// The id of an event for clients.
    pub(super) fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.epoch)
    }

    /// Where a stream goes on after the event with this id, or begins; and whether what came between cannot be known.
    pub(super) fn resume(&self, last_id: Option<&str>) -> (u64, bool) {
        let newest = *self.newest.borrow();
        let Some(id) = last_id else { return (newest, false) };
        let number = id.strip_prefix(&*self.epoch).and_then(|rest| rest.strip_prefix('-')?.parse().ok());
        match number.filter(|number| *number <= newest) {
            Some(number) => (number, false),
            None => (newest, true),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use taskserver_core::{EventBus, EventKind, Record};

    fn event(service: &str) -> Event {
        Event::new(service.into(), EventKind::Created, Record::new())
    }

    #[test]
    fn the_oldest_events_go_and_leave_a_gap() {
        let log = EventLog::new(2, 1);
        for service in ["a", "b", "c"] {
            log.push(event(service));
        }
        let (number, first) = log.after(0).unwrap();
        assert_eq!((number, &*first.service), (2, "b"));
        assert_eq!(log.after(2).unwrap().0, 3);
        assert!(log.after(3).is_none());
    }

    #[tokio::test]
    async fn what_the_log_itself_has_missed_leaves_a_gap_too() {
        let bus = EventBus::new(1);
        let events = bus.subscribe();
        for service in ["a", "b", "c"] {
            bus.publish(event(service));
        }
        drop(bus);
        let log = Arc::new(EventLog::new(10, 1));
        Arc::clone(&log).follow(events).await;
        let (number, first) = log.after(0).unwrap();
        assert_eq!((number, &*first.service), (3, "c"));
    }

    #[test]
    fn a_stream_goes_on_after_an_id_of_this_process_only() {
        let log = EventLog::new(2, 1);
        log.push(event("a"));
        log.push(event("b"));
        assert_eq!(log.resume(None), (2, false));
        assert_eq!(log.resume(Some(&log.id(1))), (1, false));
        for foreign in ["", "1", "00000000-1", &log.id(3), &format!("{}-x", log.epoch)] {
            assert_eq!(log.resume(Some(foreign)), (2, true), "{foreign}");
        }
    }
}
