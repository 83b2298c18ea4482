//! Where figures come from.

use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;

/// Why a source has no figures at all.
#[derive(Debug, thiserror::Error)]
#[error("the figures cannot be read")]
pub struct SourceError(#[source] Box<dyn std::error::Error + Send + Sync>);

impl SourceError {
    /// An error with its cause.
    #[must_use]
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

/// Why one metric has no figure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FigureError {
    /// This deployment does not have what the metric needs, such as a table: the metric is off, which is no fault.
    Disabled(String),
    /// It could not be counted this time.
    Failed(String),
}

/// The outcome of one metric in one cycle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The metric's name: the `type` of its rows.
    pub metric: String,
    /// What was counted.
    pub outcome: Result<i64, FigureError>,
}

impl Figure {
    /// A figure that was counted.
    #[must_use]
    pub fn counted(metric: &str, count: i64) -> Self {
        Self { metric: metric.to_owned(), outcome: Ok(count) }
    }
}

/// A figure that is asked for by day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daily {
    /// `dailyUsers`: distinct users of the attendances that were created within the day.
    Users,
    /// `dailyNewUsers`: users that were created within the day.
    NewUsers,
}

impl Daily {
    /// The `action` by which readers ask for it.
    #[must_use]
    pub fn action(self) -> &'static str {
        match self {
            Self::Users => "dailyUsers",
            Self::NewUsers => "dailyNewUsers",
        }
    }

    /// The figure of this action.
    #[must_use]
    pub fn of_action(action: &str) -> Option<Self> {
        [Self::Users, Self::NewUsers].into_iter().find(|daily| daily.action() == action)
    }
}

/// A source of figures.
#[async_trait]
pub trait MetricSource: Send + Sync + 'static {
    /// Every metric, as of one moment.
    ///
    /// # Errors
    /// What keeps all of them from being counted; what concerns one is in its [`Figure`].
    async fn figures(&self) -> Result<Vec<Figure>, SourceError>;
}

/// A source of the figures that are asked for by day.
#[async_trait]
pub trait DailySource: Send + Sync + 'static {
    /// The counts of the last `days` days, newest first. As on the platform, a day is not a calendar day: the newest is the
    /// 24 hours up to and including `now`, and each further one the 24 hours before.
    ///
    /// # Errors
    /// What keeps them from being counted.
    async fn daily(&self, daily: Daily, now: Timestamp, days: u32) -> Result<Vec<i64>, SourceError>;
}

#[async_trait]
impl<S: MetricSource + ?Sized> MetricSource for Arc<S> {
    async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
        (**self).figures().await
    }
}

#[async_trait]
impl<S: DailySource + ?Sized> DailySource for Arc<S> {
    async fn daily(&self, daily: Daily, now: Timestamp, days: u32) -> Result<Vec<i64>, SourceError> {
        (**self).daily(daily, now, days).await
    }
}
