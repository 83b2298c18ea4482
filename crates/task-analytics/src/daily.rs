//! `action=dailyUsers` and `action=dailyNewUsers`: how the platform's administrators see the last days.

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use taskserver_core::{
    CallResult, ErrorKind, Hook, HookContext, Page, Parameter, Provider, Record, ServiceError, date_time,
};

use crate::{Daily, DailySource};

/// How many days are answered where the query has no `$limit`, as on the platform.
const DEFAULT_DAYS: u64 = 30;
/// How many days an outside caller gets at most.
const MAX_DAYS: u64 = 100;
/// How many days a trusted caller gets at most, so that a query stays bounded.
const MAX_DAYS_INTERNAL: u64 = 1000;

/// A `before` hook for `find` of the `analytics` service. A query with an `action` is answered by it; all others pass.
pub struct DailyFigures<S>(S);

impl<S: DailySource> DailyFigures<S> {
    /// Answers from this source.
    #[must_use]
    pub fn new(source: S) -> Self {
        Self(source)
    }
}

#[async_trait]
impl<S: DailySource> Hook for DailyFigures<S> {
    fn parameters(&self) -> Vec<Parameter> {
        vec![Parameter {
            name: "action",
            description: "Answers counts of the last days in place of records, the newest first: `dailyUsers` of the users \
                who attended an instance, `dailyNewUsers` of those who are new. `$limit` is the number of days, 30 unless \
                given.",
            values: &["dailyUsers", "dailyNewUsers"],
        }]
    }

    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        let query = &mut context.params.query;
        let Some(action) = query.take("action") else { return Ok(()) };
        let daily = action
            .as_str()
            .and_then(Daily::of_action)
            .ok_or_else(|| ServiceError::bad_request("`action` must be dailyUsers or dailyNewUsers"))?;
        let max = match context.params.provider {
            Provider::Internal => MAX_DAYS_INTERNAL,
            Provider::External => MAX_DAYS,
        };
        // As on the platform, 0 is no limit of its own.
        let days = query.limit.filter(|days| *days > 0).unwrap_or(DEFAULT_DAYS).min(max);
        let now = context.app.clock().now();
        let counts = self.0.daily(daily, now, u32::try_from(days).unwrap_or(u32::MAX)).await.map_err(|error| {
            ServiceError::new(ErrorKind::Unavailable, format!("{} cannot be counted", daily.action()))
                .with_source(error)
        })?;
        let rows = counts.into_iter().enumerate().map(|(day, count)| row(now, day, count)).collect();
        context.result = Some(CallResult::Page(Page { total: days, limit: days, skip: 0, data: rows }));
        Ok(())
    }
}

/// The row of the day that ended `day` days before `now`.
fn row(now: Timestamp, day: usize, count: i64) -> Record {
    let age = SignedDuration::from_hours(24 * i64::try_from(day).unwrap_or(i64::MAX / 48));
    let end = date_time(now.checked_sub(age).unwrap_or(Timestamp::MIN));
    let mut row = Record::new();
    row.insert("id".into(), "".into());
    row.insert("count".into(), json!(count));
    row.insert("type".into(), Value::from(""));
    row.insert("createdAt".into(), end.clone());
    row.insert("updatedAt".into(), end);
    row
}
