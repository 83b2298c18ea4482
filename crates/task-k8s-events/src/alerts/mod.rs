//! Alerts: raised by [rules](AlertRule) from the events as they are stored, and resolved when no more come.
//!
//! An alert belongs to a rule and a group, such as one object. All that is known of a group is a row, which is read and written
//! in the transaction of the events: what a crash undoes of the one it undoes of the other, so that each occurrence counts once,
//! and a storm makes one alert with a count. A list that repeats what is stored counts nothing, because the events are stale.
//!
//! What is to be said of an alert to each receiver is put into an outbox, in the same transaction.

mod group;
mod write;

use taskserver_core::{Field, FieldType, Method, Schema};
use taskserver_store::{Store, TableService};

pub(crate) use write::{raise, resolve};

use crate::{ALERT, AlertRule};

/// The table of the outbox.
const DELIVERY: &str = "alert-delivery";

/// The rules that raise alerts, and who is told of them.
#[derive(Debug, Default)]
pub struct AlertRules {
    rules: Vec<AlertRule>,
    receivers: Vec<String>,
}

impl AlertRules {
    /// These rules, with receivers by their names.
    #[must_use]
    pub fn new(rules: Vec<AlertRule>, receivers: Vec<String>) -> Self {
        Self { rules, receivers }
    }
}

/// The service over the alerts, by its path. It is read only.
#[must_use]
pub fn alert_services(store: &Store) -> Vec<(&'static str, TableService)> {
    vec![(ALERT, TableService::new(store.clone(), ALERT, alert_schema(), &Method::READS))]
}

/// The fields of an alert.
///
/// - `events` is how often what it is about has happened, `message` is about the last time.
/// - `state` is `firing` or `resolved`; it will be resolved at `resolveAt`, unless there are further events.
/// - `deliveries` is how often a receiver was told of it.
#[must_use]
pub fn alert_schema() -> Schema {
    let number = FieldType::Integer { min: 0, max: i64::MAX };
    let text = |name| Field::required(name, FieldType::TEXT);
    let time = |name| Field::required(name, FieldType::DateTime);
    Schema::new([
        Field::required("id", FieldType::ID),
        text("cluster"),
        text("rule"),
        text("level"),
        text("source"),
        text("title"),
        Field::required("message", FieldType::String { max: u32::MAX }),
        text("group"),
        time("firstSeen"),
        time("lastSeen"),
        Field::required("events", number),
        text("state"),
        time("resolveAt"),
        Field::nullable("resolvedAt", FieldType::DateTime),
        Field::required("deliveries", number),
        time("createdAt"),
        time("updatedAt"),
    ])
}
