//! The figures of a platform's database.
//!
//! A cycle is one consistent read of a few statements (see [`platform`]), each of which counts several metrics in one pass. Where
//! a deployment lacks a table or column, the metrics of that statement are asked for one by one, so that only those are off
//! which need it. Metrics of one's own, from the configuration, are read in the same state of the database.

mod platform;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use taskserver_core::TaskError;
use taskserver_store::{Backend, Reading, Retention, Sql, Store, StoreError};

use crate::{Daily, DailySource, Figure, FigureError, MetricSource, RowPruner, SourceError};
pub use platform::PLATFORM_METRICS;

use platform::Part;

/// Seconds of a day.
const DAY: i64 = 86_400;

/// A metric of one's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlMetric {
    /// Its name: the `type` of its rows.
    pub name: String,
    /// One statement that only reads and gives one number; no row, or null, is 0.
    pub sql: String,
    /// How long it may take; the store's limit for statements unless set.
    pub timeout: Option<Duration>,
}

/// The metrics of a platform's database.
pub struct SqlMetrics {
    store: Store,
    own: Mutex<Vec<SqlMetric>>,
}

impl SqlMetrics {
    /// The platform's metrics, and these.
    #[must_use]
    pub fn new(store: Store, own: Vec<SqlMetric>) -> Self {
        Self { store, own: Mutex::new(own) }
    }

    /// Has these metrics of one's own from the next cycle on.
    pub fn set_own_metrics(&self, own: Vec<SqlMetric>) {
        *self.own.lock().unwrap_or_else(PoisonError::into_inner) = own;
    }

    fn timeout(&self) -> Duration {
        self.store.options().statement_timeout
    }

    /// The metrics of these passes, each by a statement of its own.
    async fn one_by_one(&self, missing: Vec<&Part>) -> Result<Vec<Figure>, StoreError> {
        let metrics: Vec<(&str, String)> = missing.iter().flat_map(|part| part.one_by_one()).collect();
        let readings: Vec<Reading> =
            metrics.iter().map(|(_, sql)| Reading::number(sql.as_str(), self.timeout())).collect();
        let results = self.store.take_readings(&readings).await?;
        Ok(metrics.iter().zip(results).map(|((metric, _), result)| figure(metric, result)).collect())
    }
}

/// What the platform's or one's own metric came to.
fn figure(metric: &str, result: Result<Vec<Option<i64>>, StoreError>) -> Figure {
    let outcome = match result {
        Ok(numbers) => Ok(numbers.first().copied().flatten().unwrap_or_default()),
        Err(error) if is_missing(&error) => Err(FigureError::Disabled(error.to_string())),
        Err(error) => Err(FigureError::Failed(error.to_string())),
    };
    Figure { metric: metric.to_owned(), outcome }
}

fn is_missing(error: &StoreError) -> bool {
    matches!(error, StoreError::MissingTable(_) | StoreError::MissingColumn(_))
}

#[async_trait]
impl MetricSource for SqlMetrics {
    async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
        let parts = platform::parts(self.store.backend());
        let own = self.own.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut readings: Vec<Reading> = parts.iter().map(|part| part.reading(self.timeout())).collect();
        readings.extend(
            own.iter().map(|metric| Reading::number(&*metric.sql, metric.timeout.unwrap_or_else(|| self.timeout()))),
        );
        let mut results = self.store.take_readings(&readings).await.map_err(SourceError::new)?.into_iter();

        let (mut figures, mut missing) = (Vec::new(), Vec::new());
        for (part, result) in parts.iter().zip(&mut results) {
            match result {
                Ok(numbers) => figures.extend(part.figures(&numbers)),
                Err(error) if is_missing(&error) => missing.push(part),
                Err(error) => figures.extend(part.failed(&error)),
            }
        }
        if !missing.is_empty() {
            figures.extend(self.one_by_one(missing).await.map_err(SourceError::new)?);
        }
        figures.extend(own.iter().zip(results).map(|(metric, result)| figure(&metric.name, result)));
        Ok(figures)
    }
}

#[async_trait]
impl DailySource for SqlMetrics {
    async fn daily(&self, daily: Daily, now: Timestamp, days: u32) -> Result<Vec<i64>, SourceError> {
        // The platform's times have no fractions of a second.
        let now = Timestamp::from_second(now.as_second()).map_err(SourceError::new)?;
        let first = Timestamp::from_second(now.as_second() - i64::from(days) * DAY).map_err(SourceError::new)?;
        let (table, counted) = match daily {
            Daily::Users => ("instance-attendance", "userId"),
            Daily::NewUsers => ("user", "id"),
        };
        let mut sql = self.store.sql();
        sql.push("SELECT ");
        days_since_creation(&mut sql, now);
        sql.push(" AS name, COUNT(DISTINCT ").name(counted).push(") AS value FROM ").name(table);
        sql.push(" WHERE ").name("createdAt").push(" > ").moment(first);
        sql.push(" AND ").name("createdAt").push(" <= ").moment(now).push(" GROUP BY 1");
        let mut counts = vec![0; days as usize];
        for (day, count) in self.store.named_counts(&sql).await.map_err(SourceError::new)? {
            if let Some(place) = day.parse().ok().and_then(|day: usize| counts.get_mut(day)) {
                *place = count;
            }
        }
        Ok(counts)
    }
}

/// The seconds from the Unix epoch to a moment in a column.
pub(crate) fn seconds(backend: Backend, column: &str) -> String {
    match backend {
        Backend::Sqlite => format!("unixepoch({column})"),
        Backend::Postgres => format!("FLOOR(EXTRACT(EPOCH FROM {column}))"),
        Backend::Mysql => format!("TIMESTAMPDIFF(SECOND, '1970-01-01', {column})"),
    }
}

/// Appends the number of whole days between the creation of a row and `now`.
fn days_since_creation(sql: &mut Sql, now: Timestamp) {
    let day = format!(") / {DAY}");
    match sql.backend() {
        Backend::Sqlite => {
            sql.push("(unixepoch(").moment(now).push(") - unixepoch(").name("createdAt").push(")").push(&day)
        }
        Backend::Postgres => sql
            .push("FLOOR(EXTRACT(EPOCH FROM (")
            .moment(now)
            .push(" - ")
            .name("createdAt")
            .push("))")
            .push(&format!(" / {DAY})")),
        Backend::Mysql => {
            sql.push("(TIMESTAMPDIFF(SECOND, ").name("createdAt").push(", ").moment(now).push(&format!(") DIV {DAY})"))
        }
    };
}

#[async_trait]
impl RowPruner for SqlMetrics {
    async fn prune_older_than(&self, moment: Timestamp) -> Result<u64, TaskError> {
        Ok(self.store.prune_analytics(Retention { since: Some(moment), newest: None }).await?)
    }

    async fn prune_all_but(&self, rows: u64) -> Result<u64, TaskError> {
        Ok(self.store.prune_analytics(Retention { since: None, newest: Some(rows) }).await?)
    }
}

#[async_trait]
impl<P: RowPruner> RowPruner for std::sync::Arc<P> {
    async fn prune_older_than(&self, moment: Timestamp) -> Result<u64, TaskError> {
        (**self).prune_older_than(moment).await
    }

    async fn prune_all_but(&self, rows: u64) -> Result<u64, TaskError> {
        (**self).prune_all_but(rows).await
    }
}
