//! The ticks of axes: round values, few enough to be read.

use jiff::Timestamp;

use super::Span;
use crate::format;

/// What the values of a chart are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Things that are counted.
    Count,
    /// Seconds.
    Seconds,
}

impl Unit {
    /// A value as it is read off the chart.
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            Self::Count => format::whole(value.round() as i64),
            Self::Seconds => format::elapsed(value),
        }
    }

    /// A value beside an axis, where there is little room.
    fn tick(self, value: f64) -> String {
        match self {
            Self::Count if value >= 1e6 => format!("{}M", short(value / 1e6)),
            Self::Count if value >= 1e4 => format!("{}k", short(value / 1e3)),
            Self::Seconds if value == 0.0 => "0".to_owned(),
            Self::Seconds if value < 1e-3 => format!("{} µs", short(value * 1e6)),
            Self::Seconds if value < 1.0 => format!("{} ms", short(value * 1e3)),
            Self::Seconds if value < 120.0 => format!("{} s", short(value)),
            Self::Seconds if value < 7200.0 => format!("{} min", short(value / 60.0)),
            Self::Seconds => format!("{} h", short(value / 3600.0)),
            Self::Count => format::whole(value.round() as i64),
        }
    }
}

fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// An axis of values, from 0.
pub(super) struct ValueAxis {
    pub(super) max: f64,
    /// From the bottom to the top.
    pub(super) ticks: Vec<(f64, String)>,
}

impl ValueAxis {
    /// An axis on which `greatest` has its place.
    pub(super) fn new(greatest: f64, unit: Unit) -> Self {
        const MOST_STEPS: f64 = 4.0;
        let greatest = if greatest.is_finite() && greatest > 0.0 { greatest } else { 1.0 };
        let mut step = round_up(greatest / MOST_STEPS, unit);
        if unit == Unit::Count {
            // There is nothing between whole numbers.
            step = step.max(1.0);
        }
        let steps = (greatest / step - 1e-9).ceil().max(1.0);
        let ticks = (0..=steps as u32).map(|index| f64::from(index) * step);
        Self { max: steps * step, ticks: ticks.map(|value| (value, unit.tick(value))).collect() }
    }

    /// Where a value lies, from 0 (the bottom) to 1.
    pub(super) fn fraction(&self, value: f64) -> f64 {
        (value / self.max).clamp(0.0, 1.0)
    }
}

/// The least round number that is not less than this: 1, 2 or 5 with zeros; of the longer times, one that clocks have.
fn round_up(value: f64, unit: Unit) -> f64 {
    const CLOCK: [f64; 12] = [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0, 14_400.0, 21_600.0];
    if unit == Unit::Seconds && value > 10.0 && value <= CLOCK[CLOCK.len() - 1] {
        return CLOCK.into_iter().find(|step| *step >= value).unwrap_or(value);
    }
    let magnitude = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|step| *step >= value * 0.999)
        .unwrap_or(value)
}

/// The ticks of an axis of time: full hours or days in UTC.
pub(super) fn time_ticks(span: Span) -> Vec<(Timestamp, String)> {
    const MOST: f64 = 7.5;
    const STEPS: [i64; 15] =
        [60, 300, 600, 1800, 3600, 7200, 10_800, 14_400, 21_600, 43_200, 86_400, 172_800, 432_000, 604_800, 1_209_600];
    let step = STEPS.into_iter().find(|step| span.seconds() / *step as f64 <= MOST).unwrap_or(30 * 86_400);
    let first = (span.from.as_second() + step - 1).div_euclid(step) * step;
    let seconds = (0..32).map(|index| first + index * step).take_while(|second| *second <= span.to.as_second());
    let moments = seconds.filter_map(|second| Timestamp::from_second(second).ok());
    moments
        .map(|at| {
            let is_midnight = at.as_second().rem_euclid(86_400) == 0;
            let format = if is_midnight || step >= 86_400 { "%-d %b" } else { "%H:%M" };
            (at, at.strftime(format).to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(greatest: f64, unit: Unit) -> Vec<String> {
        ValueAxis::new(greatest, unit).ticks.into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_of_values_are_round_and_few() {
        assert_eq!(labels(0.0, Unit::Count), ["0", "1"]);
        assert_eq!(labels(3.0, Unit::Count), ["0", "1", "2", "3"]);
        assert_eq!(labels(17.0, Unit::Count), ["0", "5", "10", "15", "20"]);
        assert_eq!(labels(1234.0, Unit::Count), ["0", "500", "1,000", "1,500"]);
        assert_eq!(labels(1_000_000.0, Unit::Count), ["0", "500k", "1M"]);
        assert_eq!(labels(0.023, Unit::Seconds), ["0", "10 ms", "20 ms", "30 ms"]);
        assert_eq!(labels(95.0, Unit::Seconds), ["0", "30 s", "60 s", "90 s", "2 min"]);
        assert_eq!(labels(f64::NAN, Unit::Seconds), ["0", "500 ms", "1 s"]);
    }

    #[test]
    fn ticks_of_time_are_full_hours_and_days() {
        let of = |from: &str, to: &str| {
            let span = Span { from: from.parse().unwrap(), to: to.parse().unwrap() };
            time_ticks(span).into_iter().map(|(_, label)| label).collect::<Vec<_>>()
        };
        assert_eq!(
            of("2026-11-23T14:10:00Z", "2026-11-24T14:10:00Z"),
            ["16:00", "20:00", "24 Nov", "04:00", "08:00", "12:00"]
        );
        assert_eq!(
            of("2026-11-17T14:00:00Z", "2026-11-24T14:00:00Z"),
            ["18 Nov", "19 Nov", "20 Nov", "21 Nov", "22 Nov", "23 Nov", "24 Nov"]
        );
        assert_eq!(of("2026-11-24T14:00:00Z", "2026-11-24T14:00:00Z"), ["14:00"]);
    }
}
