//! A rehearsal: which alerts there would have been.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::group::{Effect, Group};
use crate::{Alert, Key, Level, Occurrences};

/// Finds which alerts there would have been, without raising any: by what decides on those that are.
///
/// ```
/// use taskserver_alerts::{Alert, Key, Rehearsal};
///
/// let time = "2026-11-24T12:00:00Z".parse().unwrap();
/// let mut rehearsal = Rehearsal::default();
/// rehearsal.observe(&Alert::new(Key::new("test", "rule", "a"), "Something has happened", time));
/// let alerts = rehearsal.alerts(time);
/// assert_eq!((alerts[0].raised, alerts[0].events), (time, 1));
/// ```
#[derive(Debug, Default)]
pub struct Rehearsal {
    groups: BTreeMap<Key, Rehearsed>,
    alerts: Vec<RehearsedAlert>,
}

#[derive(Debug, Default)]
struct Rehearsed {
    group: Group,
    /// Which of the alerts is firing.
    firing: Option<usize>,
}

/// An alert that there would have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RehearsedAlert {
    /// What it belongs to.
    pub key: Key,
    /// How urgent it is.
    pub level: Level,
    /// The alert in one line, of its last occurrence.
    pub title: String,
    /// When there was reason enough for it.
    pub raised: Timestamp,
    /// When it was resolved by itself; `None` if it is firing.
    pub resolved: Option<Timestamp>,
    /// How often it has happened.
    pub events: i64,
    resolve_at: Option<Timestamp>,
}

impl Rehearsal {
    /// Takes note of what has happened. It comes in the order in which it did.
    pub fn observe(&mut self, alert: &Alert) {
        for &seen in &alert.seen {
            self.observe_one(alert, seen);
        }
    }

    fn observe_one(&mut self, alert: &Alert, seen: Occurrences) {
        let now = seen.time;
        let rehearsed = self.groups.entry(alert.key.clone()).or_default();
        if let Some(firing) = rehearsed.firing.and_then(|index| self.alerts.get_mut(index))
            && let Some(over) = firing.resolve_at.filter(|time| *time <= now)
        {
            firing.resolved = Some(over);
            rehearsed.firing = None;
            let quiet_until = over.checked_add(alert.policy.cool_down).unwrap_or(Timestamp::MAX);
            rehearsed.group = Group { quiet_until: Some(quiet_until), ..Group::default() };
        }
        let resolve_at = alert.policy.resolve_after.map(|after| now.checked_add(after).unwrap_or(Timestamp::MAX));
        match rehearsed.group.observe(&alert.policy, seen, now) {
            Effect::None => {}
            Effect::Continue => {
                if let Some(firing) = rehearsed.firing.and_then(|index| self.alerts.get_mut(index)) {
                    firing.events = firing.events.saturating_add(seen.count);
                    firing.title.clone_from(&alert.title);
                    firing.resolve_at = firing.resolve_at.max(resolve_at);
                }
            }
            Effect::Raise { occurrences, .. } => {
                rehearsed.group = Group { alert: Some(self.alerts.len().to_string()), ..Group::default() };
                rehearsed.firing = Some(self.alerts.len());
                self.alerts.push(RehearsedAlert {
                    key: alert.key.clone(),
                    level: alert.level,
                    title: alert.title.clone(),
                    raised: now,
                    resolved: None,
                    events: occurrences,
                    resolve_at,
                });
            }
        }
    }

    /// The alerts that there would have been until now, in the order in which they were raised.
    #[must_use]
    pub fn alerts(mut self, now: Timestamp) -> Vec<RehearsedAlert> {
        for alert in &mut self.alerts {
            alert.resolved = alert.resolved.or(alert.resolve_at.filter(|time| *time <= now));
        }
        self.alerts
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Policy;

    #[test]
    fn alerts_are_raised_continued_resolved_and_kept_quiet_as_the_policy_says() {
        let at = |minutes: i64| Timestamp::from_second(1_800_000_000 + 60 * minutes).unwrap();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let policy =
            Policy { min_count: 2, window: minutes(5), cool_down: minutes(10), resolve_after: Some(minutes(15)) };
        let mut rehearsal = Rehearsal::default();
        for minute in [0, 10, 12, 20, 36, 37, 50, 52, 60] {
            let key = Key::new("test", "rule", "a");
            rehearsal.observe(&Alert::new(key, format!("at {minute}"), at(minute)).policy(policy));
        }
        let found = rehearsal.alerts(at(61));
        let found: Vec<_> = found.iter().map(|it| (it.raised, it.resolved, it.events, it.title.as_str())).collect();
        assert_eq!(found, [(at(12), Some(at(35)), 3, "at 20"), (at(52), None, 3, "at 60")]);
    }
}
