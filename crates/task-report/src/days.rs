//! The days that a report is about, on the calendar of a time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use serde::Serialize;

/// A day, from its first moment to that of the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Day {
    pub(crate) date: Date,
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
}

impl Day {
    fn new(date: Date, zone: &TimeZone) -> Result<Self, jiff::Error> {
        let start = |date: Date| Ok::<_, jiff::Error>(date.to_zoned(zone.clone())?.timestamp());
        Ok(Self { date, from: start(date)?, to: start(date.tomorrow()?)? })
    }

    pub(crate) fn weekday(&self) -> &'static str {
        match self.date.weekday() {
            Weekday::Monday => "Monday",
            Weekday::Tuesday => "Tuesday",
            Weekday::Wednesday => "Wednesday",
            Weekday::Thursday => "Thursday",
            Weekday::Friday => "Friday",
            Weekday::Saturday => "Saturday",
            Weekday::Sunday => "Sunday",
        }
    }
}

/// The day of a report, the day before and the same day of the week before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Days(pub(crate) [Day; 3]);

impl Days {
    /// Those of a report that is made at this time: of the last day that has ended by then.
    pub(crate) fn ended_at(time: Timestamp, zone: &TimeZone) -> Result<Self, jiff::Error> {
        let date = time.to_zoned(zone.clone()).date().yesterday()?;
        let day = |days: i64| Day::new(date.checked_sub(days.days())?, zone);
        Ok(Self([day(0)?, day(1)?, day(7)?]))
    }

    pub(crate) fn day(&self) -> &Day {
        &self.0[0]
    }
}

/// A number for each of the days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Counts {
    pub(crate) day: i64,
    pub(crate) day_before: i64,
    pub(crate) week_before: i64,
}

impl Counts {
    pub(crate) fn all(self) -> [i64; 3] {
        [self.day, self.day_before, self.week_before]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(time: &str, zone: &str) -> Vec<String> {
        let days = Days::ended_at(time.parse().unwrap(), &TimeZone::get(zone).unwrap()).unwrap();
        days.0.iter().map(|day| format!("{} {}..{}", day.date, day.from, day.to)).collect()
    }

    #[test]
    fn a_report_is_of_the_last_day_that_has_ended_in_its_time_zone() {
        let expected = [
            "2026-11-23 2026-11-22T23:00:00Z..2026-11-23T23:00:00Z",
            "2026-11-22 2026-11-21T23:00:00Z..2026-11-22T23:00:00Z",
            "2026-11-16 2026-11-15T23:00:00Z..2026-11-16T23:00:00Z",
        ];
        assert_eq!(spans("2026-11-23T23:00:00Z", "Europe/Berlin"), expected);
        assert_eq!(spans("2026-11-24T22:59:59Z", "Europe/Berlin"), expected);
        assert_eq!(spans("2026-11-23T23:00:00Z", "UTC")[0], "2026-11-22 2026-11-22T00:00:00Z..2026-11-23T00:00:00Z");
    }

    #[test]
    fn a_day_on_which_the_clocks_change_has_23_or_25_hours() {
        let [day, before, week] = &spans("2026-03-30T06:00:00Z", "Europe/Berlin")[..] else { panic!() };
        assert_eq!(day, "2026-03-29 2026-03-28T23:00:00Z..2026-03-29T22:00:00Z");
        assert_eq!(before, "2026-03-28 2026-03-27T23:00:00Z..2026-03-28T23:00:00Z");
        assert_eq!(week, "2026-03-22 2026-03-21T23:00:00Z..2026-03-22T23:00:00Z");
        assert_eq!(
            spans("2026-10-26T06:00:00Z", "Europe/Berlin")[0],
            "2026-10-25 2026-10-24T22:00:00Z..2026-10-25T23:00:00Z"
        );
    }
}
