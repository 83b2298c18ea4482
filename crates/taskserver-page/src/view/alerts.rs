//! The alerts, and those who are told of them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use taskserver_core::{App, Comparison, Filter, Query, Record, ServiceError};

use super::record;
use crate::outcome::Tone;

/// The service of the alerts.
pub(super) const SERVICE: &str = "alert";
/// The service that says how it stands with the receivers.
const RECEIVERS: &str = "alert-receiver";
/// The service that says what became of each delivery.
const DELIVERIES: &str = "alert-delivery-log";
/// How many alerts are shown of either kind.
const MOST: u64 = 50;
/// How many deliveries are shown of all alerts.
const MOST_DELIVERIES: u64 = 500;

/// An alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Alert {
    /// Its id.
    pub id: String,
    /// The rule that raised it.
    pub rule: String,
    /// Who raised it.
    pub source: String,
    /// How bad it is: `info`, `warning`, `critical`.
    pub level: String,
    /// In a few words.
    pub title: String,
    /// The whole of it.
    pub message: String,
    /// How it stands: `firing` or `resolved`.
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
    /// When something last happened that is part of it.
    pub last_seen: Option<Timestamp>,
    /// When it was over.
    pub resolved: Option<Timestamp>,
    /// How much happened.
    pub events: i64,
    /// How often a receiver was told of it.
    pub deliveries: i64,
    /// What became of each delivery, the newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Delivery>,
}

/// What became of telling a receiver of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// The receiver's name.
    pub receiver: String,
    /// What it is told: that the alert is `firing` or `resolved`.
    pub kind: String,
    /// `delivered`, `waiting` or `given up`.
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// Why the last attempt was in vain.
    pub error: Option<String>,
    /// When that was.
    pub at: Option<Timestamp>,
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

/// How it stands with somebody who is told of alerts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its name.
    pub name: String,
    /// When it was told something last.
    pub delivered: Option<Timestamp>,
    /// How often in a row it could not be.
    pub failures: i64,
    /// Why.
    pub error: Option<String>,
    /// When it is tried again.
    pub next_attempt: Option<Timestamp>,
}

/// Alerts.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    /// Those that are not over, the newest first.
    pub firing: Vec<Alert>,
    /// Those that are, likewise.
    pub resolved: Vec<Alert>,
    /// Those who are told of them.
    pub receivers: Vec<Receiver>,
}

/// Those that are not over.
pub(crate) async fn firing(app: &App) -> Result<Alerts, ServiceError> {
    Ok(Alerts { firing: find(app, Comparison::Ne).await?, ..Alerts::default() })
}

impl Alerts {
    pub(crate) async fn gather(app: &App) -> Result<Self, ServiceError> {
        let (firing, resolved, receivers) =
            tokio::try_join!(find(app, Comparison::Ne), find(app, Comparison::Eq), receivers(app))?;
        let mut alerts = Self { firing, resolved, receivers };
        alerts.add_deliveries(app).await?;
        Ok(alerts)
    }

    async fn add_deliveries(&mut self, app: &App) -> Result<(), ServiceError> {
        let mut shown: Vec<&mut Alert> = self.firing.iter_mut().chain(&mut self.resolved).collect();
        if shown.is_empty() || app.services().get(DELIVERIES).is_none() {
            return Ok(());
        }
        let values = shown.iter().map(|alert| alert.id.as_str().into()).collect();
        let of_these = Filter::OneOf { field: "subject".to_owned(), values, negated: false };
        let query = Query::new().and(of_these).descending("updatedAt").limit(MOST_DELIVERIES).uncounted();
        for row in app.service(DELIVERIES).find(query).await?.data {
            let subject = record::text(&row, "subject");
            if let Some(alert) = shown.iter_mut().find(|alert| alert.id == subject) {
                alert.told.push(delivery(&row));
            }
        }
        Ok(())
    }
}

fn delivery(row: &Record) -> Delivery {
    Delivery {
        receiver: record::text(row, "receiver"),
        kind: record::text(row, "kind"),
        state: record::text(row, "state"),
        attempts: record::integer(row, "attempts").unwrap_or_default(),
        error: record::optional(row, "lastError"),
        at: record::moment(row, "updatedAt"),
    }
}

async fn find(app: &App, comparison: Comparison) -> Result<Vec<Alert>, ServiceError> {
    let query = Query::new().compare("state", comparison, "resolved").descending("lastSeen").descending("id");
    Ok(app.service(SERVICE).find(query.limit(MOST).uncounted()).await?.data.iter().map(alert).collect())
}

fn alert(row: &Record) -> Alert {
    let text = |field| record::text(row, field);
    let number = |field| record::integer(row, field).unwrap_or_default();
    Alert {
        id: text("id"),
        rule: text("rule"),
        source: text("source"),
        level: text("level"),
        title: text("title"),
        message: text("message"),
        state: text("state"),
        since: record::moment(row, "firstSeen"),
        last_seen: record::moment(row, "lastSeen"),
        resolved: record::moment(row, "resolvedAt"),
        events: number("events"),
        deliveries: number("deliveries"),
        told: Vec::new(),
    }
}

async fn receivers(app: &App) -> Result<Vec<Receiver>, ServiceError> {
    if app.services().get(RECEIVERS).is_none() {
        return Ok(Vec::new());
    }
    let page = app.service(RECEIVERS).find(Query::new().ascending("id").limit(MOST).uncounted()).await?;
    let receiver = |row: &Record| Receiver {
        name: record::text(row, "id"),
        delivered: record::moment(row, "deliveredAt"),
        failures: record::integer(row, "failures").unwrap_or_default(),
        error: record::optional(row, "lastError"),
        next_attempt: record::moment(row, "nextAttemptAt"),
    };
    Ok(page.data.iter().map(receiver).collect())
}
