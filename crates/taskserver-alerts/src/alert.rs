//! What producers say: that something has happened which belongs to an alert, or what is to be reported.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// How urgent an alert is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// To be known.
    Info,
    /// To be looked at.
    Warning,
    /// To be looked at now.
    Critical,
}

impl Level {
    /// All of them, the least urgent first.
    pub const ALL: [Self; 3] = [Self::Info, Self::Warning, Self::Critical];

    /// Its name: `info`, `warning` or `critical`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is the name of no [`Level`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no level: expected info, warning or critical")]
pub struct UnknownLevel(String);

impl FromStr for Level {
    type Err = UnknownLevel;

    fn from_str(text: &str) -> Result<Self, UnknownLevel> {
        Self::ALL.into_iter().find(|level| level.name() == text).ok_or_else(|| UnknownLevel(text.to_owned()))
    }
}

/// When occurrences make an alert, and when it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// How often it must have happened before there is an alert.
    pub min_count: u32,
    /// Within this time.
    pub window: Duration,
    /// How long after an alert was resolved no new one of its group is raised.
    pub cool_down: Duration,
    /// How long after its last occurrence an alert is resolved; `None` if its producer
    /// [resolves](crate::Alerts::resolve) it.
    pub resolve_after: Option<Duration>,
}

impl Default for Policy {
    /// At once, until its producer resolves it, and again at once.
    fn default() -> Self {
        let none = Duration::ZERO;
        Self { min_count: 1, window: none, cool_down: none, resolve_after: None }
    }
}

/// What an alert belongs to. Of each there is one alert at a time.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key {
    /// Who raises it, such as `kubernetes-events`.
    pub source: String,
    /// The name of the rule that it is raised by.
    pub rule: String,
    /// What the rule has found, such as one object. Occurrences of one group are of one alert.
    pub group: String,
    /// The cluster that it is about, if it is about one.
    pub cluster: Option<String>,
}

impl Key {
    /// The key of these three, about no cluster.
    #[must_use]
    pub fn new(source: impl Into<String>, rule: impl Into<String>, group: impl Into<String>) -> Self {
        Self { source: source.into(), rule: rule.into(), group: group.into(), cluster: None }
    }
}

/// So many occurrences at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrences {
    /// When.
    pub time: Timestamp,
    /// How many.
    pub count: i64,
}

impl Occurrences {
    /// One occurrence.
    #[must_use]
    pub fn one(time: Timestamp) -> Self {
        Self { time, count: 1 }
    }
}

/// Something that has happened, once or often, and that is reason enough for an alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// What it belongs to.
    pub key: Key,
    /// How urgent it is.
    pub level: Level,
    /// The alert in one line.
    pub title: String,
    /// More about it.
    pub message: String,
    /// The namespace of the cluster that it is about, if it is about one.
    pub namespace: Option<String>,
    /// When it has happened.
    pub seen: Vec<Occurrences>,
    /// When that makes an alert, and when it is over.
    pub policy: Policy,
}

impl Alert {
    /// A warning about one occurrence.
    #[must_use]
    pub fn new(key: Key, title: impl Into<String>, time: Timestamp) -> Self {
        Self {
            key,
            level: Level::Warning,
            title: title.into(),
            message: String::new(),
            namespace: None,
            seen: vec![Occurrences::one(time)],
            policy: Policy::default(),
        }
    }

    /// With this level.
    #[must_use]
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// With this message.
    #[must_use]
    pub fn message(mut self, message: impl Into<String>) -> Self {
        self.message = message.into();
        self
    }

    /// With this policy.
    #[must_use]
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }
}

/// A text for whoever receives reports, such as once a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who makes it, such as `daily-report`.
    pub source: String,
    /// Which of its source's it is, such as the day: of each there is one, however often it is made.
    pub name: String,
    /// What it is about, in one line.
    pub title: String,
    /// The report, in Markdown.
    pub markdown: String,
    /// The same for programs; null for none.
    pub data: Value,
}
