use std::{collections::BTreeMap, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

/// Section `alerts`: what raises alerts, and who is told of them.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alerts {
    /// How long resolved alerts and reports are kept; for ever, when none.
    pub retention: Option<Duration>,
    /// How long what cannot be delivered is kept; for ever, when none.
    pub delivery_retention: Option<Duration>,
    /// The wait after a failed delivery; each is twice the one before it.
    pub retry_backoff: Duration,
    /// The longest such wait.
    pub retry_backoff_max: Duration,
    /// How often a delivery is tried that a receiver rejects, while it takes others.
    pub max_attempts: u32,
    /// Rules over Kubernetes events, by their names; what is not set here of a built-in rule is left to it.
    #[serde(default)]
    pub rules: BTreeMap<String, AlertRule>,
    /// Receivers, by their names.
    #[serde(default)]
    pub receivers: BTreeMap<String, AlertReceiver>,
}

/// Section `alerts.rules.<name>`: a rule over Kubernetes events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertRule {
    /// Whether it is in use.
    pub enabled: Option<bool>,
    /// For which events it holds, in CEL.
    pub expression: Option<String>,
    /// `info`, `warning` or `critical`.
    pub level: Option<String>,
    /// The alert in one line, with expressions between `{{` and `}}`.
    pub summary: Option<String>,
    /// More about it, likewise.
    pub description: Option<String>,
    /// Events of the same group are of the same alert, likewise.
    pub group: Option<String>,
    /// How often it must have happened before there is an alert.
    pub min_count: Option<u32>,
    /// Within this time.
    pub window: Option<Duration>,
    /// How long after an alert was resolved no new one of its group is raised.
    pub cool_down: Option<Duration>,
    /// How long after its last event an alert is resolved.
    pub resolve_after: Option<Duration>,
}

/// Section `alerts.receivers.<name>`: who is told of alerts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlertReceiver {
    /// Whether it is in use.
    pub enabled: Option<bool>,
    /// What it is.
    pub kind: ReceiverKind,
    /// Where it is, unless it is the log.
    pub url: Option<SecretString>,
    /// Headers of every request, by their names.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretString>,
    /// What requests are signed with.
    pub secret: Option<SecretString>,
    /// Certificates (PEM) of the authorities to trust in place of the public ones.
    pub ca: Option<String>,
    /// The levels of the alerts that it is told of, separated by commas; all, when none.
    pub levels: Option<String>,
    /// Whether it gets reports; yes, when none.
    pub reports: Option<bool>,
    /// How long one delivery may take.
    pub timeout: Option<Duration>,
    /// How often an Alertmanager is reminded of what is firing.
    pub remind_every: Option<Duration>,
}

/// What a receiver is.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum ReceiverKind {
    /// The log.
    Log,
    /// An Alertmanager.
    Alertmanager,
    /// A webhook.
    Webhook,
}
