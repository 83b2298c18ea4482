//! Folding figures into roll-ups, in memory.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::PERIODS;

/// What a figure was in a piece of time. Folding is associative, commutative and idempotent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rollup {
    pub(super) last: i64,
    pub(super) last_at: Timestamp,
    pub(super) min: i64,
    pub(super) max: i64,
}

impl Rollup {
    pub(super) fn of(count: i64, at: Timestamp) -> Self {
        Self { last: count, last_at: at, min: count, max: count }
    }

    fn fold(&mut self, other: Self) {
        if (other.last_at, other.last) > (self.last_at, self.last) {
            (self.last, self.last_at) = (other.last, other.last_at);
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

/// Which figure in which piece of time: in the order in which rows are written, so that two who write at once do not wait for each
/// other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) kind: String,
    pub(super) period: i64,
    /// In seconds since the Unix epoch.
    pub(super) start: i64,
}

/// Roll-ups by their keys.
#[derive(Debug, Default)]
pub(super) struct Rollups(pub(super) BTreeMap<Key, Rollup>);

impl Rollups {
    /// Folds a figure, or a roll-up of a piece of the shortest length, into the pieces of all lengths.
    pub(super) fn add(&mut self, kind: &str, rollup: Rollup) {
        for period in PERIODS {
            let start = rollup.last_at.as_second().div_euclid(period) * period;
            let key = Key { kind: kind.to_owned(), period, start };
            self.0.entry(key).and_modify(|known| known.fold(rollup)).or_insert(rollup);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_piece_of_time_has_the_last_figure_the_least_and_the_greatest_however_often_they_are_folded_in() {
        let figures =
            [(5, at("2026-11-24T10:01:00Z")), (9, at("2026-11-24T10:02:00Z")), (7, at("2026-11-24T10:14:59Z"))];
        let mut rollups = Rollups::default();
        for (count, at) in figures.into_iter().rev().chain(figures) {
            rollups.add("users", Rollup::of(count, at));
        }
        let expected = Rollup { last: 7, last_at: at("2026-11-24T10:14:59Z"), min: 5, max: 9 };
        assert_eq!(rollups.0.len(), PERIODS.len());
        assert!(rollups.0.values().all(|rollup| *rollup == expected));
        let starts: Vec<i64> = rollups.0.keys().map(|key| key.start - at("2026-11-24T00:00:00Z").as_second()).collect();
        assert_eq!(starts, [10 * 3600, 10 * 3600, 6 * 3600]);
    }
}
