//! How moments, lengths of time and numbers are written for people.

use jiff::{SignedDuration, Timestamp};
use maud::{Markup, html};

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment: how far away it is, and when exactly. The script keeps the former up to date.
pub(crate) fn moment(at: Timestamp, now: Timestamp) -> Markup {
    html! {
        time datetime=(at.strftime("%Y-%m-%dT%H:%M:%SZ")) data-relative title=(full(at)) { (relative(at, now)) }
    }
}

/// A moment, how far away it is and, beside it, its time of day.
pub(crate) fn moment_and_clock(at: Timestamp, now: Timestamp) -> Markup {
    html! { (moment(at, now)) " " span.muted { (clock(at, now)) } }
}

/// How far a moment is away: `in 12 min`, `3 h ago`, `now`.
pub(crate) fn relative(at: Timestamp, now: Timestamp) -> String {
    let seconds = at.duration_since(now).as_secs();
    match seconds {
        -4..=4 => "now".to_owned(),
        5.. => format!("in {}", coarse(seconds)),
        _ => format!("{} ago", coarse(-seconds)),
    }
}

/// A length of time in its greatest unit, or its two greatest where one alone would be imprecise: `45 s`, `1 h 20 min`, `3 days`.
pub(crate) fn coarse(seconds: i64) -> String {
    let two = |count: i64, unit: &str, rest: i64, rest_unit: &str| match rest {
        0 => format!("{count} {unit}"),
        rest => format!("{count} {unit} {rest} {rest_unit}"),
    };
    match seconds {
        i64::MIN..MINUTE => format!("{seconds} s"),
        MINUTE..HOUR => format!("{} min", seconds / MINUTE),
        HOUR..DAY => two(seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        _ if seconds < 3 * DAY => {
            two(seconds / DAY, if seconds < 2 * DAY { "day" } else { "days" }, seconds % DAY / HOUR, "h")
        }
        _ => format!("{} days", seconds / DAY),
    }
}

/// How long something took: `3.2 ms`, `45 s`, `2 min 5 s`.
pub(crate) fn elapsed(seconds: f64) -> String {
    match seconds {
        s if s < 0.000_95 => format!("{:.0} µs", s * 1e6),
        s if s < 0.009_95 => format!("{:.1} ms", s * 1e3),
        s if s < 0.999_5 => format!("{:.0} ms", s * 1e3),
        s if s < 9.95 => format!("{s:.1} s"),
        s if s < 60.0 => format!("{s:.0} s"),
        s => {
            let whole = s.round() as i64;
            if whole < HOUR { format!("{} min {} s", whole / MINUTE, whole % MINUTE) } else { coarse(whole) }
        }
    }
}

/// The whole moment: `Tue 24 Nov 2026, 14:30:05 UTC`.
pub(crate) fn full(at: Timestamp) -> String {
    at.strftime("%a %-d %b %Y, %H:%M:%S UTC").to_string()
}

/// The time of day, with the date where it is another day's: `14:30`, `23 Nov 14:30`.
pub(crate) fn clock(at: Timestamp, now: Timestamp) -> String {
    let format = if day(at) == day(now) { "%H:%M" } else { "%-d %b %H:%M" };
    at.strftime(format).to_string()
}

/// The number of the day, counted from the Unix epoch, in UTC.
fn day(at: Timestamp) -> i64 {
    at.as_second().div_euclid(DAY)
}

/// A whole number in groups of three digits.
pub(crate) fn whole(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3 + 1);
    if number < 0 {
        text.push('−');
    }
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 run`, `2 runs`.
pub(crate) fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", whole(i64::try_from(count).unwrap_or(i64::MAX)), if count == 1 { one } else { many })
}

/// A length of time of the standard library, as [`coarse`] has it, with fractions of a second where they matter.
pub(crate) fn length(duration: std::time::Duration) -> String {
    match SignedDuration::try_from(duration) {
        Ok(duration) if duration.as_secs() >= 60 && duration.as_secs() < HOUR && duration.as_secs() % MINUTE != 0 => {
            elapsed(duration.as_secs_f64())
        }
        Ok(duration) if duration.as_secs() >= 60 => coarse(duration.as_secs()),
        _ => elapsed(duration.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_by_its_distance_in_few_words() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let told = |seconds| relative(now + SignedDuration::from_secs(seconds), now);
        assert_eq!(told(0), "now");
        assert_eq!(told(-42), "42 s ago");
        assert_eq!(told(12 * 60 + 5), "in 12 min");
        assert_eq!(told(-(3600 + 20 * 60)), "1 h 20 min ago");
        assert_eq!(told(-(26 * 3600)), "1 day 2 h ago");
        assert_eq!(told(-(49 * 3600)), "2 days 1 h ago");
        assert_eq!(told(-(90 * 86_400)), "90 days ago");
    }

    #[test]
    fn a_duration_has_the_precision_that_its_size_deserves() {
        assert_eq!(elapsed(0.000_42), "420 µs");
        assert_eq!(elapsed(0.003_21), "3.2 ms");
        assert_eq!(elapsed(0.25), "250 ms");
        assert_eq!(elapsed(1.25), "1.2 s");
        assert_eq!(elapsed(125.0), "2 min 5 s");
        assert_eq!(elapsed(7200.0), "2 h");
    }

    #[test]
    fn numbers_are_written_in_groups() {
        assert_eq!([0, 999, 1000, 1_234_567, -1000].map(whole), ["0", "999", "1,000", "1,234,567", "−1,000"]);
        assert_eq!(counted(1, "run", "runs"), "1 run");
    }
}
