//! The platform's figures over time, from roll-ups, and its users by day.
//!
//! The table of the figures has no index by time. What is read here is `analytics-rollup`: for each figure and piece of time
//! the last value and the least and the greatest one, so that a chart of a month costs as little as one of a day.
//!
//! Users by day are counted anew by the database, which can take seconds where there are many. They are counted in the background and
//! remembered for a while: a page never waits for them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use taskserver_core::{App, Comparison, Query, Recurrence, ServiceError, date_time};
use tokio::time::Instant;

use super::{Range, record};
use crate::chart::{Bar, Point, Span};

/// The service of the roll-ups.
const ROLLUP: &str = "analytics-rollup";
/// The service that counts users by day.
const ANALYTICS: &str = "analytics";
/// The figures that every platform has, in the order in which they are shown.
const PLATFORM: [(&str, &str); 6] = [
    ("instanceUsers", "Users in instances"),
    ("channelUsers", "Users in channels"),
    ("activeInstances", "Active instances"),
    ("activeLocations", "Active locations"),
    ("activeScenes", "Active scenes"),
    ("activeChannels", "Active channels"),
];
/// How many figures are shown at most.
const MOST: usize = 24;
/// How many roll-ups are read at most.
const MOST_ROWS: u64 = 4000;
/// How many days are shown.
const DAYS: u64 = 30;
/// For how long the users by day are remembered.
const DAILY_AGE: std::time::Duration = std::time::Duration::from_secs(600);

/// A figure over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Its name, the `type` of its rows.
    pub name: String,
    /// How it is called.
    pub title: String,
    /// What it was, in the order of time.
    pub points: Vec<Point>,
}

/// Users by day.
#[derive(Debug, Clone, PartialEq)]
pub struct DailyFigures {
    /// Distinct users, the oldest day first.
    pub users: Vec<Bar>,
    /// New users, likewise.
    pub new_users: Vec<Bar>,
}

/// The platform's figures.
#[derive(Debug, Clone)]
pub struct Figures {
    /// The time that is shown.
    pub range: Range,
    /// From when until when that is.
    pub span: Span,
    /// Points further apart than this have a gap between them.
    pub max_gap: SignedDuration,
    /// The figures.
    pub figures: Vec<Figure>,
    /// Users by day; `None` while they are being counted.
    pub daily: Option<DailyFigures>,
}

/// Whether figures are collected.
pub(super) fn are_there(app: &App) -> bool {
    app.services().get(ROLLUP).is_some()
}

impl Range {
    /// The length of the pieces of time whose roll-ups are shown, in seconds: those of `analytics-rollup`.
    fn period(self) -> i64 {
        match self {
            Self::Day => 900,
            Self::Week => 7200,
            Self::Month => 21_600,
        }
    }
}

/// Where the figures of the pages come from.
#[derive(Clone, Default)]
pub(crate) struct Source {
    daily: Arc<Mutex<Cached>>,
}

#[derive(Default)]
struct Cached {
    value: Option<DailyFigures>,
    asked: Option<Instant>,
}

impl Source {
    pub(super) async fn gather(&self, app: &App, range: Range) -> Result<Figures, ServiceError> {
        let now = app.clock().now();
        let (span, period) = (range.span(now), range.period());
        // The piece that has begun before the span and reaches into it belongs to it.
        let since = span.from.checked_sub(SignedDuration::from_secs(period)).unwrap_or(Timestamp::MIN);
        let query = Query::new()
            .eq("period", period)
            .compare("start", Comparison::Gt, date_time(since))
            .ascending("start")
            .limit(MOST_ROWS);
        let mut points: BTreeMap<String, Vec<Point>> = BTreeMap::new();
        for row in app.service(ROLLUP).find(query).await?.data {
            let (Some(at), Some(value)) = (record::moment(&row, "lastAt"), record::integer(&row, "last")) else {
                continue;
            };
            let bound = |field| record::integer(&row, field).map(|value| value as f64);
            let range = bound("min").zip(bound("max"));
            points.entry(record::text(&row, "type")).or_default().push(Point { at, value: value as f64, range });
        }
        let platform = PLATFORM.map(|(name, title)| Figure {
            name: name.to_owned(),
            title: title.to_owned(),
            points: points.remove(name).unwrap_or_default(),
        });
        let own = points.into_iter().map(|(name, points)| Figure { title: name.clone(), name, points });
        let figures = platform.into_iter().chain(own).take(MOST).collect();
        Ok(Figures { range, span, max_gap: max_gap(app, period), figures, daily: self.daily(app) })
    }

    /// The users by day as far as they are known. Where that is nothing, or long ago, they are counted in the background.
    fn daily(&self, app: &App) -> Option<DailyFigures> {
        let mut cached = self.daily.lock().unwrap_or_else(PoisonError::into_inner);
        if cached.asked.is_none_or(|asked| asked.elapsed() >= DAILY_AGE) {
            cached.asked = Some(Instant::now());
            let (source, app) = (self.clone(), app.clone());
            tokio::spawn(async move {
                let counted = tokio::try_join!(count(&app, "dailyUsers"), count(&app, "dailyNewUsers"));
                let mut cached = source.daily.lock().unwrap_or_else(PoisonError::into_inner);
                match counted {
                    Ok((users, new_users)) => cached.value = Some(DailyFigures { users, new_users }),
                    Err(error) => tracing::debug!(%error, "users by day could not be counted for a page"),
                }
            });
        }
        cached.value.clone()
    }
}

/// The counts of an action of the platform, the oldest day first.
async fn count(app: &App, action: &str) -> Result<Vec<Bar>, ServiceError> {
    let query = Query::new().eq("action", Value::from(action)).limit(DAYS);
    let mut bars: Vec<Bar> = app.service(ANALYTICS).find(query).await?.data.iter().filter_map(bar).collect();
    bars.reverse();
    Ok(bars)
}

/// The bar of a day that ends when its row says.
fn bar(row: &taskserver_core::Record) -> Option<Bar> {
    let to = record::moment(row, "createdAt")?;
    let from = to.checked_sub(SignedDuration::from_hours(24)).ok()?;
    let label = format!("until {}", to.strftime("%a %-d %b %H:%M"));
    Some(Bar { from, to, label, counts: vec![record::integer(row, "count").unwrap_or_default()] })
}

/// Two pieces of time, or two cycles where these are longer: what lies further apart has something missing between.
fn max_gap(app: &App, period: i64) -> SignedDuration {
    let every = app.tasks().status(ANALYTICS).and_then(|task| match task.schedule.recurrence {
        Recurrence::Interval { every } => SignedDuration::try_from(every).ok(),
        Recurrence::Cron(_) | Recurrence::Manual => None,
    });
    let longer = every.unwrap_or_default().max(SignedDuration::from_secs(period));
    longer.checked_mul(5).map_or(longer, |five| five / 2)
}
