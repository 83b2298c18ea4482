//! The settings as the rest of the program sees them: one plain struct per section, every value typed and checked.
//!
//! The structs are filled once, from a tree in which every leaf has passed its rule of the schema, so that they hold no
//! value that the program would have to check again. Their fields are named as the keys are; what a key means and what it
//! is by default is written in `config/default.toml`.

mod alerts;
mod analytics;
mod authentication;
mod database;
pub(crate) mod database_url;
mod http;
mod kubernetes;
mod leadership;
mod log;
mod platform;
mod queue;
mod redis;
mod tasks;

use std::{collections::BTreeMap, fmt::Display, str::FromStr, time::Duration};

use serde::{Deserialize, Deserializer, de::Error as _};

pub use self::{
    alerts::{AlertReceiver, AlertRule, Alerts, ReceiverKind},
    analytics::{Analytics, Metric},
    authentication::{Authentication, Token},
    database::{Database, Tls},
    database_url::{Backend, DatabaseUrl, DatabaseUrlError},
    http::{Http, HttpService},
    kubernetes::{Agones, EventsMode, Keep, Kubernetes, KubernetesEvents},
    leadership::{Leadership, LeadershipMode},
    log::{Log, LogFormat},
    platform::Platform,
    queue::{NamedQueue, Queue},
    redis::{Endpoint, Redis, RedisSentinel, RedisTls},
    tasks::{Missed, Overlap, Task},
};

/// Every setting of the server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The HTTP surface.
    pub http: Http,
    /// The database.
    pub database: Database,
    /// Redis, over which the platform's services share their events.
    pub redis: Redis,
    /// The cluster that the server runs in.
    pub kubernetes: Kubernetes,
    /// What raises alerts, and who is told of them.
    pub alerts: Alerts,
    /// What the iR Engine deployment says of itself.
    pub platform: Platform,
    /// What tokens of the platform's users are checked against.
    pub authentication: Authentication,
    /// What is logged, and how.
    pub log: Log,
    /// What configuration says of each task, by the task's name. What it does not say is left to the task.
    #[serde(default)]
    pub tasks: BTreeMap<String, Task>,
    /// The analytics collector.
    pub analytics: Analytics,
    /// The daily report.
    pub report: Report,
    /// When tasks are overdue.
    pub self_check: SelfCheck,
    /// Statements of one's own that keep tables in order, by their names.
    #[serde(default)]
    pub maintenance: BTreeMap<String, Maintenance>,
    /// Samples of the server and what it depends on.
    pub monitoring: Monitoring,
    /// The history of runs.
    pub history: History,
    /// What people do to the tasks.
    pub control: Control,
    /// Which of several replicas runs the tasks.
    pub leadership: Leadership,
    /// The queue of jobs.
    pub queue: Queue,
    /// How the server ends.
    pub shutdown: Shutdown,
}

/// Section `report`: how much there is in a daily report.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    /// How many figures.
    pub max_figures: u32,
    /// How many reasons of Kubernetes events.
    pub max_reasons: u32,
    /// How many of the alerts that were raised.
    pub max_alerts: u32,
}

/// Section `self_check`: when a task is overdue, and how bad that is.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfCheck {
    /// How many of its scheduled times a task may pass without success.
    pub intervals: u32,
    /// How long a run may take to succeed before its scheduled time counts.
    pub grace: Duration,
    /// The level of the alerts: `info`, `warning` or `critical`.
    pub level: String,
}

/// Section `maintenance.<name>`: a statement that keeps a table in order.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Maintenance {
    /// One statement that changes rows.
    pub sql: String,
    /// Whether what it does is taken back; yes, when none.
    pub dry_run: Option<bool>,
    /// How many rows one batch may be about.
    pub batch_size: Option<u64>,
    /// How many batches there are in a run at most.
    pub max_batches: Option<u32>,
    /// How long one batch may take; `database.statement_timeout`, when none.
    pub timeout: Option<Duration>,
}

/// Section `monitoring`: samples of the server and what it depends on.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Monitoring {
    /// How old a sample may become.
    pub retention: Duration,
}

/// Section `history`: how long runs of tasks are remembered.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How old a run may become; any age, when none.
    pub retention: Option<Duration>,
    /// How many runs of each task are kept; all, when none.
    pub limit: Option<u64>,
}

/// Section `control`: how soon what people do to the tasks takes effect.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// How often each replica looks for what was done on another one.
    pub poll_period: Duration,
    /// For how long what only the leader can do waits for one.
    pub expiry: Duration,
}

/// Section `shutdown`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// How long running tasks and requests may take to finish before they are cancelled.
    pub timeout: Duration,
}

/// A list, written as a text of values that are separated by commas.
fn separated<'de, D, C>(deserializer: D) -> Result<C, D::Error>
where
    D: Deserializer<'de>,
    C: IntoIterator + FromIterator<C::Item>,
    C::Item: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items.map(|item| item.parse().map_err(D::Error::custom)).collect()
}
