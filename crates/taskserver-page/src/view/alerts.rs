//! The alerts, and how they were delivered.

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::Value;
use taskserver_core::{App, Comparison, Filter, Query, Record, ServiceError};

use super::record;
use crate::outcome::Tone;

/// The service of the alerts.
pub(super) const SERVICE: &str = "alert";
/// The service of their deliveries.
const DELIVERIES: &str = "alert-delivery";
/// How many alerts are shown of either kind.
const MOST: u64 = 50;

/// An alert.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// The rule that raised it.
    pub rule: String,
    /// How bad it is: `info`, `warning`, `critical`.
    pub level: String,
    /// In a few words.
    pub title: String,
    /// The whole of it.
    pub message: String,
    /// How it stands: `firing`, `resolved` and so on.
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When something last happened that is part of it.
    pub last_seen: Option<Timestamp>,
    /// How much happened.
    pub events: i64,
    /// To whom it was sent.
    pub deliveries: Vec<Delivery>,
}

impl Alert {
    /// How bad its level is.
    pub(crate) fn tone(&self) -> Tone {
        match self.level.as_str() {
            "info" => Tone::Quiet,
            "critical" | "error" => Tone::Bad,
            _ => Tone::Warning,
        }
    }

    /// Whether it is over.
    pub(crate) fn is_resolved(&self) -> bool {
        self.state == "resolved"
    }
}

/// An alert on its way to a receiver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// To whom.
    pub receiver: String,
    /// How it stands: `pending`, `delivered` and so on.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
}

/// Alerts.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    /// Those that are not over, the newest first.
    pub firing: Vec<Alert>,
    /// Those that are, likewise.
    pub resolved: Vec<Alert>,
}

/// Those that are not over.
pub(super) async fn firing(app: &App) -> Result<Alerts, ServiceError> {
    Ok(Alerts { firing: find(app, Comparison::Ne).await?, resolved: Vec::new() })
}

impl Alerts {
    pub(crate) async fn gather(app: &App) -> Result<Self, ServiceError> {
        let (mut firing, mut resolved) = tokio::try_join!(find(app, Comparison::Ne), find(app, Comparison::Eq))?;
        if app.services().get(DELIVERIES).is_some() {
            add_deliveries(app, firing.iter_mut().chain(&mut resolved)).await?;
        }
        Ok(Self { firing, resolved })
    }
}

async fn find(app: &App, comparison: Comparison) -> Result<Vec<Alert>, ServiceError> {
    let query = Query::new().compare("state", comparison, "resolved").descending("lastSeen").limit(MOST).uncounted();
    Ok(app.service(SERVICE).find(query).await?.data.iter().map(alert).collect())
}

fn alert(row: &Record) -> Alert {
    let text = |field| record::text(row, field);
    Alert {
        id: text("id"),
        rule: text("rule"),
        level: text("level"),
        title: text("title"),
        message: text("message"),
        state: text("state"),
        since: record::moment(row, "firstSeen").or_else(|| record::moment(row, "createdAt")),
        last_seen: record::moment(row, "lastSeen"),
        events: record::integer(row, "events").unwrap_or_default(),
        deliveries: Vec::new(),
    }
}

async fn add_deliveries<'a>(app: &App, alerts: impl Iterator<Item = &'a mut Alert>) -> Result<(), ServiceError> {
    let mut alerts: HashMap<String, &mut Alert> = alerts.map(|alert| (alert.id.clone(), alert)).collect();
    let ids = alerts.keys().map(|id| Value::from(id.as_str())).collect();
    let of_these = Filter::OneOf { field: "alert".into(), values: ids, negated: false };
    let query = Query::new().and(of_these).ascending("receiver").limit(MOST * 20).uncounted();
    for row in app.service(DELIVERIES).find(query).await?.data {
        if let Some(alert) = alerts.get_mut(&record::text(&row, "alert")) {
            alert.deliveries.push(Delivery {
                receiver: record::text(&row, "receiver"),
                state: record::text(&row, "state"),
                attempts: record::integer(&row, "attempts").unwrap_or_default(),
            });
        }
    }
    Ok(())
}
