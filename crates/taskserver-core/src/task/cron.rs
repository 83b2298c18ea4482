//! Cron expressions.

use std::sync::Arc;

use croner::errors::CronError;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::TaskConfigError;

/// A cron expression and the time zone whose clock it follows.
///
/// # Dialect
/// Five fields, or six with seconds first:
///
/// | field | values | special |
/// | --- | --- | --- |
/// | second (optional) | 0-59 | `* , - /` |
/// | minute | 0-59 | `* , - /` |
/// | hour | 0-23 | `* , - /` |
/// | day of month | 1-31 | `* , - / ? L W`: `L` is the last day, `15W` the weekday nearest to the 15th |
/// | month | 1-12, `JAN`-`DEC` | `* , - /` |
/// | day of week | 0-7, `SUN`-`SAT`; 0 and 7 are Sunday | `* , - / ? # L`: `FRI#2` is the second Friday, `FRI#L` the last |
///
/// `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are known. As in Vixie cron, a day matches when the day of month
/// *or* the day of week does, if both are given; a `+` before the day of week asks for both (`0 0 1 * +MON`).
///
/// # Daylight saving
/// An expression with one fixed time of day (`30 2 * * *`) runs exactly once each day. If that time is skipped, it runs at the
/// first moment after the gap; if it comes twice, it runs the first time. All other expressions (`*/30 * * * *`, and
/// also `0 2,14 * * *`) follow the clock on the wall: skipped times do not run, repeated ones run twice. In UTC, the default,
/// nothing of this happens.
///
/// In UTC, and on all days on which no clock changes, the times are those of the npm package `cron-parser`; the tests compare a
/// thousand cases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Cron {
    expression: String,
    time_zone: TimeZone,
    parsed: Arc<croner::Cron>,
}

/// The form in which an expression is written down.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    expression: String,
    time_zone: String,
}

impl Cron {
    /// Reads an expression, to be followed in UTC.
    ///
    /// # Errors
    /// [`TaskConfigError::Cron`] if it is malformed, or describes a date that never comes, such as 30 February.
    pub fn new(expression: &str) -> Result<Self, TaskConfigError> {
        let parser = croner::parser::CronParser::builder().year(croner::parser::Year::Disallowed).build();
        let invalid = |reason: String| TaskConfigError::Cron { expression: expression.to_owned(), reason };
        let parsed = parser.parse(expression).map_err(|error| invalid(reason(error)))?.into();
        let cron = Self { expression: expression.trim().to_owned(), time_zone: TimeZone::UTC, parsed };
        if cron.next(Timestamp::UNIX_EPOCH).is_none() {
            return Err(invalid("such a date never comes".to_owned()));
        }
        Ok(cron)
    }

    /// The same expression, followed in the time zone with this IANA name, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// [`TaskConfigError::TimeZone`] if the system knows no such time zone.
    pub fn in_time_zone(mut self, name: &str) -> Result<Self, TaskConfigError> {
        self.time_zone = TimeZone::get(name).map_err(|_| TaskConfigError::TimeZone { name: name.to_owned() })?;
        Ok(self)
    }

    /// The expression as it was written.
    #[must_use]
    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// The IANA name of the time zone.
    #[must_use]
    pub fn time_zone(&self) -> &str {
        self.time_zone.iana_name().unwrap_or("UTC")
    }

    /// The first time after `after`, or `None` if time ends before it.
    pub(super) fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let from = whole_seconds(after)?.to_zoned(self.time_zone.clone());
        Some(self.parsed.find_next_occurrence(&from, false).ok()?.timestamp())
    }

    /// The latest time at or before `at`, or `None` if there is none.
    pub(super) fn previous(&self, at: Timestamp) -> Option<Timestamp> {
        let from = whole_seconds(at)?.to_zoned(self.time_zone.clone());
        Some(self.parsed.find_previous_occurrence(&from, true).ok()?.timestamp())
    }
}

/// What is wrong, in terms of the dialect that is read here.
fn reason(error: CronError) -> String {
    match error {
        CronError::EmptyPattern => "it is empty".to_owned(),
        CronError::InvalidPattern(_) => "it must have 5 fields, or 6 with seconds first".to_owned(),
        CronError::IllegalCharacters(reason) | CronError::ComponentError(reason) => {
            reason.trim_end_matches('.').to_owned()
        }
        other => other.to_string(),
    }
}

/// The second in which `time` lies: cron knows nothing shorter.
fn whole_seconds(time: Timestamp) -> Option<Timestamp> {
    let seconds = time.as_nanosecond().div_euclid(1_000_000_000);
    Timestamp::from_nanosecond(seconds * 1_000_000_000).ok()
}

impl TryFrom<Text> for Cron {
    type Error = TaskConfigError;

    fn try_from(text: Text) -> Result<Self, Self::Error> {
        Self::new(&text.expression)?.in_time_zone(&text.time_zone)
    }
}

impl From<Cron> for Text {
    fn from(cron: Cron) -> Self {
        Self { time_zone: cron.time_zone().to_owned(), expression: cron.expression }
    }
}
