//! Lengths of time as people write them: `30m`, `1h 30m`, `90 days`, `PT30M`; a bare number is seconds.

use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo, SpanRound, Unit};

/// Reads a length of time. A day has 24 hours, a week seven days; months and years have no fixed length and are refused.
pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().ok().map(Duration::from_secs);
    }
    let span: Span = text.parse().ok()?;
    let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Duration::try_from(duration).ok()
}

/// Writes a length of time in the shortest form that [`parse`] reads.
pub(crate) fn format(duration: Duration) -> String {
    let round = SpanRound::new().largest(Unit::Day).days_are_24_hours();
    SignedDuration::try_from(duration)
        .and_then(Span::try_from)
        .and_then(|span| span.round(round))
        .map_or_else(|_| format!("{}s", duration.as_secs_f64()), |span| format!("{span:#}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, milliseconds) in [
            ("30m", 1_800_000),
            ("1h 30m", 5_400_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("90 days", 7_776_000_000),
            ("2 weeks", 1_209_600_000),
            ("PT15S", 15_000),
            (" 45 ", 45_000),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn refuses_what_has_no_one_meaning() {
        for text in ["", "soon", "-5s", "5s ago", "1 month", "1y", "0x10", "1.5", "99999999999999999999"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_the_shortest_form() {
        for (duration, text) in
            [(1800, "30m"), (5400, "1h 30m"), (7_776_000, "90d"), (0, "0s"), (90_061, "1d 1h 1m 1s")]
        {
            assert_eq!(format(Duration::from_secs(duration)), text);
        }
        assert_eq!(format(Duration::from_millis(500)), "500ms");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(milliseconds in 0..4_000_000_000_000_u64) {
            let duration = Duration::from_millis(milliseconds);
            prop_assert_eq!(parse(&format(duration)), Some(duration));
        }
    }
}
