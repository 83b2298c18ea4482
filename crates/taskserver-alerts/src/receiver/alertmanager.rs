//! An Alertmanager as a receiver, by the version 2 of its API
//! (<https://github.com/prometheus/alertmanager/blob/main/api/v2/openapi.yaml>).

use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Content, Delivery, DeliveryError, Endpoint, Receiver};
use crate::AlertRecord;
use crate::alerts::RESOLVED;

/// How many reminders an alert may miss before the Alertmanager takes it for resolved: as many as Prometheus grants.
const MISSED: u32 = 4;

/// Tells an Alertmanager of alerts, and reminds it of them as long as they are firing, as Prometheus does. Reports are not for
/// it.
///
/// An alert has the labels `alertname` (the rule), `severity` (the level), `source`, `group` and, where it has them, `cluster` and
/// `namespace`; and the annotations `summary` (its title) and `description` (its message).
pub struct Alertmanager {
    endpoint: Endpoint,
    remind_every: Duration,
}

impl Alertmanager {
    /// The Alertmanager at this URL, under which is `/api/v2`. It takes an alert for resolved that it was not reminded of for
    /// four times `remind_every`.
    #[must_use]
    pub fn new(endpoint: Endpoint, remind_every: Duration) -> Self {
        Self { endpoint: endpoint.below("/api/v2/alerts"), remind_every }
    }

    async fn post(&self, alerts: &[AlertRecord], now: Timestamp) -> Result<(), DeliveryError> {
        let alerts: Vec<Value> = alerts.iter().map(|alert| self.alert(alert, now)).collect();
        self.endpoint.post(Value::Array(alerts).to_string().into_bytes(), HeaderMap::new()).await
    }

    fn alert(&self, alert: &AlertRecord, now: Timestamp) -> Value {
        let mut labels = Map::new();
        for (name, value) in [
            ("alertname", Some(alert.rule.as_str())),
            ("severity", Some(alert.level.name())),
            ("source", Some(&alert.source)),
            ("group", Some(&alert.group)),
            ("cluster", alert.cluster.as_deref()),
            ("namespace", alert.namespace.as_deref()),
        ] {
            // A label without a value is none.
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                labels.insert(name.to_owned(), value.into());
            }
        }
        let ends = match alert.state.as_str() {
            RESOLVED => alert.resolved_at.unwrap_or(now),
            _ => now.checked_add(self.remind_every * MISSED).unwrap_or(Timestamp::MAX),
        };
        json!({
            "labels": labels,
            "annotations": { "summary": alert.title, "description": alert.message },
            "startsAt": alert.first_seen.min(ends).to_string(),
            "endsAt": ends.to_string(),
        })
    }
}

#[async_trait]
impl Receiver for Alertmanager {
    async fn deliver(&self, delivery: &Delivery, now: Timestamp) -> Result<(), DeliveryError> {
        match &delivery.content {
            Content::Alert(alert) => self.post(std::slice::from_ref(alert), now).await,
            Content::Report(_) => Ok(()),
        }
    }

    fn remind_every(&self) -> Option<Duration> {
        Some(self.remind_every)
    }

    async fn remind(&self, firing: &[AlertRecord], now: Timestamp) -> Result<(), DeliveryError> {
        self.post(firing, now).await
    }
}
