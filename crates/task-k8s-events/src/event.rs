//! Events as records: typed, bounded, and without the wire's oddities.

use jiff::Timestamp;
use serde::Serialize;

use crate::ResourceVersion;

/// One event of the cluster, in one of its versions.
///
/// Every text but the message is bounded by [`EventRecord::MAX_FIELD_BYTES`], the message by
/// [`max_message_bytes`](crate::CollectorOptions::max_message_bytes). What is absent, null or empty on the wire is `None`,
/// or empty where a text is always expected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventRecord {
    /// The name of the cluster, from the options.
    pub cluster: String,
    /// The event's own uid; with the cluster, its key.
    pub uid: String,
    /// The namespace that the event is kept in.
    pub namespace: String,
    /// The event's own name.
    pub name: String,
    /// The version of this state of the event.
    pub resource_version: ResourceVersion,
    /// What the event is about.
    pub involved: InvolvedObject,
    /// `Normal` or `Warning` today; empty when the reporter gave none.
    #[serde(rename = "type")]
    pub type_: String,
    /// Why, in one word, as `BackOff`.
    pub reason: String,
    /// What happened, in words.
    pub message: String,
    /// What was done or failed, as `Binding`.
    pub action: Option<String>,
    /// How often it happened, as reporters of core/v1 count.
    pub count: Option<i64>,
    /// How often it happened, as reporters of events.k8s.io/v1 count.
    pub series: Option<Series>,
    /// When it happened first (`firstTimestamp`).
    pub first_seen: Option<Timestamp>,
    /// When it happened last (`lastTimestamp`).
    pub last_seen: Option<Timestamp>,
    /// When it happened first, as reporters of events.k8s.io/v1 tell (`eventTime`).
    pub event_time: Option<Timestamp>,
    /// When the event was written first.
    pub created: Option<Timestamp>,
    /// The component that reported it, as core/v1 has it.
    pub source_component: Option<String>,
    /// The node on which it was reported.
    pub source_host: Option<String>,
    /// The component that reported it, as events.k8s.io/v1 has it.
    pub reporting_component: Option<String>,
    /// The instance of that component.
    pub reporting_instance: Option<String>,
    /// When we received this version, by our clock.
    pub received: Timestamp,
}

/// The object that an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct InvolvedObject {
    /// The kind, as `Pod`.
    pub kind: String,
    /// The namespace; none for objects of the cluster.
    pub namespace: Option<String>,
    /// The name.
    pub name: String,
    /// The uid.
    pub uid: Option<String>,
    /// The part of the object, as `spec.containers{api}`.
    pub field_path: Option<String>,
    /// The version of the kind, as `apps/v1`.
    pub api_version: Option<String>,
}

/// A row of like events, as events.k8s.io/v1 counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Series {
    /// How many.
    pub count: i64,
    /// When the last one happened.
    pub last_observed: Option<Timestamp>,
}

impl EventRecord {
    /// The most bytes of any text but the message.
    pub const MAX_FIELD_BYTES: usize = 1024;

    /// When it happened last, as well as the reporter tells: the last of a series, else `lastTimestamp`, `eventTime`,
    /// `firstTimestamp`, the time of the first write, and at worst the time at which we received it.
    pub fn time(&self) -> Timestamp {
        let series = self.series.and_then(|series| series.last_observed);
        series.or(self.last_seen).or(self.event_time).or(self.first_seen).or(self.created).unwrap_or(self.received)
    }

    /// How often it happened: the count of a series, else `count`, else once.
    pub fn occurrences(&self) -> i64 {
        self.series.map(|series| series.count).or(self.count).unwrap_or(1)
    }
}

/// An item that is not an event that we can store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// Why.
    pub reason: String,
    /// The start of its JSON.
    pub sample: String,
}

impl Rejected {
    const MAX_SAMPLE_BYTES: usize = 512;

    pub(crate) fn new(reason: impl Into<String>, json: &str) -> Self {
        Self { reason: reason.into(), sample: bounded(json.to_owned(), Self::MAX_SAMPLE_BYTES) }
    }
}

/// A text of at most `max` bytes: a longer one ends in a marker that says how long it was.
pub(crate) fn bounded(mut text: String, max: usize) -> String {
    if text.len() <= max {
        return text;
    }
    let marker = format!("… [{} bytes]", text.len());
    let mut end = max.saturating_sub(marker.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text.push_str(&marker);
    text
}

#[cfg(test)]
mod tests {
    use super::bounded;

    #[test]
    fn a_long_text_ends_in_its_length_and_never_within_a_character() {
        assert_eq!(bounded("short".to_owned(), 5), "short");
        assert_eq!(bounded("x".repeat(100), 30), format!("{}… [100 bytes]", "x".repeat(15)));
        let umlauts = bounded("ü".repeat(50), 30);
        assert_eq!(umlauts, format!("{}… [100 bytes]", "ü".repeat(7)));
        assert!(umlauts.len() <= 30);
    }
}
