//! What the pages show, as plain data, and how it is gathered from an app.
//!
//! A view is made of the app's state in memory and of what its services answer. Services are found by their names: where one is
//! not registered, the section that it fills is absent. One that does not answer in time, such as when the database is down,
//! leaves its section with the reason, and the page comes all the same.

mod alerts;
mod configuration;
mod events;
mod figures;
mod jobs;
mod overview;
mod record;
pub(crate) mod reports;
mod task;

use std::fmt;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use taskserver_core::{App, ErrorKind, LeadershipStatus, ServiceError};

use crate::chart::Span;

pub(crate) use alerts::firing;
pub use alerts::{Alert, Alerts, Delivery, Receiver};
pub use configuration::Setting;
pub use events::{Counts, Event, EventFilter, Events, ReasonCount};
pub(crate) use events::{GAPS as EVENT_GAPS, SERVICE as EVENTS};
pub(crate) use figures::Source as FigureSource;
pub use figures::{DailyFigures, Figure, Figures};
pub(crate) use jobs::SERVICE as JOBS;
pub use jobs::{Job, Jobs};
pub use overview::{Overview, Problem, TaskRow, Verdict};
pub(crate) use overview::{STRIP, recent};
pub(crate) use record::moment;
pub use reports::Report;
pub use task::TaskDetails;

/// How long a section may take: a page with a section missing now is worth more than a whole one later.
const PATIENCE: Duration = Duration::from_millis(1500);

/// A part of a page, or why there is nothing to show.
pub type Section<T> = Result<T, Unavailable>;

/// Why a section has nothing to show now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable(pub String);

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Waits for a section, but not for long.
pub(crate) async fn section<T>(gathering: impl Future<Output = Result<T, ServiceError>>) -> Section<T> {
    match tokio::time::timeout(PATIENCE, gathering).await {
        Ok(Ok(view)) => Ok(view),
        Ok(Err(error)) if error.kind() == ErrorKind::BadRequest => Err(Unavailable(error.to_string())),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a section of a page could not be gathered");
            Err(Unavailable("This cannot be read now: the database does not answer as it should.".to_owned()))
        }
        Err(_) => Err(Unavailable(format!("This cannot be read now: no answer within {PATIENCE:?}."))),
    }
}

/// What every page has around its content.
#[derive(Debug, Clone)]
pub struct Frame {
    /// The server's name among its replicas.
    pub identity: String,
    /// Its version.
    pub version: String,
    /// For how long it has been up.
    pub uptime: Duration,
    /// When the page was made.
    pub now: Timestamp,
    /// Whether it leads, and who does.
    pub leadership: LeadershipStatus,
    /// How all of it stands.
    pub verdict: Verdict,
    /// Which pages there are.
    pub pages: Pages,
    /// Who looks.
    pub visitor: Visitor,
}

/// Which pages there are beside the first one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each page is there or not, whatever the others are")]
pub struct Pages {
    /// Kubernetes events.
    pub events: bool,
    /// Alerts.
    pub alerts: bool,
    /// The queue.
    pub jobs: bool,
    /// Reports.
    pub reports: bool,
    /// The configuration.
    pub configuration: bool,
}

impl Pages {
    /// Those whose services are registered.
    pub(crate) fn of(app: &App, configuration: bool) -> Self {
        let has = |service| app.services().get(service).is_some();
        Self {
            events: has(events::SERVICE),
            alerts: has(alerts::SERVICE),
            jobs: has(jobs::SERVICE),
            reports: has(reports::SERVICE),
            configuration,
        }
    }
}

/// Who looks at a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Visitor {
    /// Nobody that is known, where nobody can be.
    #[default]
    Anonymous,
    /// Nobody that is known yet.
    Unknown,
    /// Somebody who has signed in, and may run and pause tasks.
    Operator(String),
}

impl Visitor {
    /// Whether the visitor may run and pause tasks.
    #[must_use]
    pub fn may_act(&self) -> bool {
        matches!(self, Self::Operator(_))
    }
}

/// The time that a page looks back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Range {
    /// 24 hours.
    #[default]
    Day,
    /// 7 days.
    Week,
    /// 30 days.
    Month,
}

impl Range {
    pub(crate) const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    /// How it is written in addresses.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "24h",
            Self::Week => "7d",
            Self::Month => "30d",
        }
    }

    /// How it is called.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|range| range.name() == name)
    }

    pub(crate) fn span(self, now: Timestamp) -> Span {
        let hours = match self {
            Self::Day => 24,
            Self::Week => 7 * 24,
            Self::Month => 30 * 24,
        };
        Span { from: now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN), to: now }
    }
}
