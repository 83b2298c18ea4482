//! What is known of one group of one rule, and when that makes an alert. Pure: time comes in from outside.

use jiff::{SignedDuration, Timestamp};

use crate::{Occurrences, Policy};

/// One group of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Group {
    /// The alert that is firing.
    pub(crate) alert: Option<String>,
    /// The last occurrences, as many as the rule needs for an alert.
    pub(crate) recent: Vec<Occurrences>,
    /// Until when no new alert is raised.
    pub(crate) quiet_until: Option<Timestamp>,
}

/// What occurrences do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing yet, or nothing at all.
    None,
    /// They raise an alert about so many, of which the first was at this time.
    Raise { first: Timestamp, occurrences: i64 },
    /// They belong to the alert that is firing.
    Continue,
}

impl Group {
    /// Takes note of occurrences, in the order in which they are learnt of.
    pub(crate) fn observe(&mut self, policy: &Policy, seen: Occurrences, now: Timestamp) -> Effect {
        if self.alert.is_some() {
            return Effect::Continue;
        }
        self.recent.push(seen);
        self.recent.sort_by_key(|occurrences| occurrences.time);
        self.forget(i64::from(policy.min_count));
        if self.quiet_until.is_some_and(|until| now < until) {
            return Effect::None;
        }
        let occurrences = self.recent.iter().fold(0_i64, |sum, it| sum.saturating_add(it.count));
        let (Some(first), Some(last)) = (self.recent.first(), self.recent.last()) else { return Effect::None };
        let window = SignedDuration::try_from(policy.window).unwrap_or(SignedDuration::MAX);
        if occurrences >= i64::from(policy.min_count) && last.time.duration_since(first.time) <= window {
            return Effect::Raise { first: first.time, occurrences };
        }
        Effect::None
    }

    /// Drops the oldest occurrences without which there are still enough.
    fn forget(&mut self, enough: i64) {
        let mut sum = 0_i64;
        let needed = self.recent.iter().rev().take_while(|it| {
            let is_needed = sum < enough;
            sum = sum.saturating_add(it.count);
            is_needed
        });
        let surplus = self.recent.len() - needed.count();
        self.recent.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).expect("a time")
    }

    /// What each of these (time, count) does.
    fn effects(min_count: u32, group: &mut Group, seen: &[(i64, i64)]) -> Vec<Effect> {
        let policy = Policy { min_count, window: Duration::from_secs(60), ..Policy::default() };
        let observe = |&(time, count)| group.observe(&policy, Occurrences { time: at(time), count }, at(time));
        seen.iter().map(observe).collect()
    }

    #[test]
    fn an_alert_needs_so_many_occurrences_within_any_window() {
        let raise = |first, occurrences| Effect::Raise { first: at(first), occurrences };
        let none = Effect::None;
        assert_eq!(effects(1, &mut Group::default(), &[(0, 1)]), [raise(0, 1)]);
        // Two windows that lie side by side would have two each.
        assert_eq!(
            effects(3, &mut Group::default(), &[(0, 1), (50, 1), (70, 1), (100, 1)]),
            [none, none, none, raise(50, 3)]
        );
        assert_eq!(effects(3, &mut Group::default(), &[(0, 1), (40, 1), (80, 1), (120, 1)]), [none; 4]);
        // One update can stand for many.
        assert_eq!(effects(3, &mut Group::default(), &[(0, 1), (500, 24)]), [none, raise(500, 24)]);
        // What is learnt of late counts at its own time.
        assert_eq!(effects(2, &mut Group::default(), &[(100, 1), (0, 1), (50, 1)]), [none, none, raise(50, 2)]);
    }

    #[test]
    fn a_firing_alert_takes_what_follows_and_a_quiet_time_raises_none() {
        let mut firing = Group { alert: Some("a".to_owned()), ..Group::default() };
        assert_eq!(effects(1, &mut firing, &[(0, 1), (1, 1000)]), [Effect::Continue; 2]);
        assert!(firing.recent.is_empty());
        let mut quiet = Group { quiet_until: Some(at(100)), ..Group::default() };
        let raise = Effect::Raise { first: at(100), occurrences: 1 };
        assert_eq!(effects(1, &mut quiet, &[(0, 1), (99, 1), (100, 1)]), [Effect::None, Effect::None, raise]);
    }

    #[test]
    fn a_group_remembers_no_more_than_its_rule_needs() {
        let mut group = Group { quiet_until: Some(Timestamp::MAX), ..Group::default() };
        let many: Vec<(i64, i64)> = (0..1000).map(|second| (second, 1)).collect();
        effects(5, &mut group, &many);
        assert_eq!(group.recent.len(), 5);
    }
}
