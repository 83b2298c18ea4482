//! Events: what services tell of their writes, to whoever subscribes.
//!
//! The bus is bounded: a publisher never waits, and a subscriber that falls too far behind is told how many events it has
//! missed. Adapters, such as the one to Redis, are subscribers too; what they receive from elsewhere they publish with
//! [`Event::from_elsewhere`], so that they can tell it from what they have to send.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use crate::{Method, Record};

/// What happened to a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// By `create`.
    Created,
    /// By `update`.
    Updated,
    /// By `patch`.
    Patched,
    /// By `remove`.
    Removed,
}

impl EventKind {
    /// The event's name, such as `created`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Patched => "patched",
            Self::Removed => "removed",
        }
    }

    /// The event of a successful call, where the method has one.
    #[must_use]
    pub fn of(method: Method) -> Option<Self> {
        match method {
            Method::Find | Method::Get => None,
            Method::Create => Some(Self::Created),
            Method::Update => Some(Self::Updated),
            Method::Patch => Some(Self::Patched),
            Method::Remove => Some(Self::Removed),
        }
    }
}

/// An event of a service.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The service's path.
    pub service: Arc<str>,
    /// What happened.
    pub kind: EventKind,
    /// The record as it is now; with `removed`, as it was.
    pub record: Arc<Record>,
    /// Whether it happened in another process.
    pub from_elsewhere: bool,
}

impl Event {
    /// An event of this process.
    #[must_use]
    pub fn new(service: Arc<str>, kind: EventKind, record: Record) -> Self {
        Self { service, kind, record: Arc::new(record), from_elsewhere: false }
    }

    /// An event that another process has told of.
    #[must_use]
    pub fn from_elsewhere(service: Arc<str>, kind: EventKind, record: Record) -> Self {
        Self { from_elsewhere: true, ..Self::new(service, kind, record) }
    }
}

/// A subscriber was too slow, and these events are lost to it. The next call of [`Subscription::next`] goes on after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lagged(pub u64);

impl fmt::Display for Lagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the subscriber was too slow and missed {} events", self.0)
    }
}

impl std::error::Error for Lagged {}

/// Carries the events of all services of an app.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use taskserver_core::{Event, EventBus, EventKind, Record};
///
/// let bus = EventBus::new(16);
/// let mut created = bus.subscribe().of_service("analytics").of_kind(EventKind::Created);
/// bus.publish(Event::new("user".into(), EventKind::Created, Record::new()));
/// bus.publish(Event::new("analytics".into(), EventKind::Created, Record::new()));
/// let event = created.next().await.unwrap().unwrap();
/// assert_eq!(&*event.service, "analytics");
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct EventBus(broadcast::Sender<Event>);

impl EventBus {
    /// A bus on which a subscriber may be `capacity` events behind.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        Self(broadcast::Sender::new(capacity))
    }

    /// Tells all subscribers. Never waits; without a subscriber the event is gone.
    pub fn publish(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Subscribes to what is published from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription { receiver: self.0.subscribe(), service: None, kind: None }
    }
}

/// A stream of events.
pub struct Subscription {
    receiver: broadcast::Receiver<Event>,
    service: Option<String>,
    kind: Option<EventKind>,
}

impl Subscription {
    /// Only events of this service.
    #[must_use]
    pub fn of_service(mut self, path: &str) -> Self {
        self.service = Some(path.to_owned());
        self
    }

    /// Only events of this kind.
    #[must_use]
    pub fn of_kind(mut self, kind: EventKind) -> Self {
        self.kind = Some(kind);
        self
    }

    /// The next event; `None` once the app is gone.
    ///
    /// # Errors
    /// [`Lagged`], which counts the events of all services that were missed.
    pub async fn next(&mut self) -> Option<Result<Event, Lagged>> {
        loop {
            match self.receiver.recv().await {
                Ok(event) if self.wants(&event) => return Some(Ok(event)),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => return Some(Err(Lagged(missed))),
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn wants(&self, event: &Event) -> bool {
        self.service.as_deref().is_none_or(|service| service == &*event.service)
            && self.kind.is_none_or(|kind| kind == event.kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_slow_subscriber_is_told_how_many_events_it_has_missed() {
        let bus = EventBus::new(2);
        let mut subscription = bus.subscribe();
        for _ in 0..5 {
            bus.publish(Event::new("analytics".into(), EventKind::Created, Record::new()));
        }
        assert_eq!(subscription.next().await, Some(Err(Lagged(3))));
        assert!(matches!(subscription.next().await, Some(Ok(_))));
    }
}
