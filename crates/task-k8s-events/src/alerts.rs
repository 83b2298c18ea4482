//! Alerts that [rules](AlertRule) raise from the events as they are stored, and that are resolved when no more come.
//!
//! They are raised in the transaction of the events: what a crash undoes of the one it undoes of the other, so that each
//! occurrence counts once, and a storm makes one alert with a count. A list that repeats what is stored counts nothing, because
//! the events are stale.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use taskserver_alerts::{Alert, Alerts, Key};
use taskserver_store::{StoreError, Transaction};

use crate::{ALERT_SOURCE, AlertRule, Change, ChangeKind, EventRecord, Outcome, Variables};

/// The rules that raise alerts.
#[derive(Debug)]
pub struct AlertRules {
    alerts: Alerts,
    rules: RwLock<Arc<[AlertRule]>>,
}

impl AlertRules {
    /// These rules, which raise these alerts.
    #[must_use]
    pub fn new(alerts: Alerts, rules: Vec<AlertRule>) -> Self {
        Self { alerts, rules: RwLock::new(rules.into()) }
    }

    /// Puts these rules in the place of the others. Alerts that are firing stay so until they are resolved.
    pub fn set(&self, rules: Vec<AlertRule>) {
        *self.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
    }

    /// Takes note of the events that have happened.
    pub(crate) async fn raise(
        &self,
        transaction: &mut Transaction,
        cluster: &str,
        changes: impl Iterator<Item = (&Change, Outcome)>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let rules = Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner));
        let alerts = alerts(cluster, &rules, happened(changes));
        self.alerts.raise(transaction, &alerts, now).await.map(drop)
    }

    /// Resolves the alerts whose last event is long enough ago. Answers how many they were, a few hundred at most.
    pub(crate) async fn resolve(
        &self,
        transaction: &mut Transaction,
        cluster: &str,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        self.alerts.resolve_due(transaction, ALERT_SOURCE, Some(cluster), now).await
    }
}

/// The events that have happened, for the first time or again, and how often.
fn happened<'a>(changes: impl Iterator<Item = (&'a Change, Outcome)>) -> impl Iterator<Item = (&'a EventRecord, i64)> {
    changes.filter_map(|(change, outcome)| match outcome {
        Outcome::Created { occurrences } | Outcome::Updated { occurrences }
            if occurrences > 0 && change.kind != ChangeKind::Deleted =>
        {
            Some((&change.event, occurrences))
        }
        _ => None,
    })
}

/// What the rules find: for each rule and group one alert, with the texts of the last event.
fn alerts<'a>(
    cluster: &str,
    rules: &[AlertRule],
    happened: impl Iterator<Item = (&'a EventRecord, i64)>,
) -> Vec<Alert> {
    let mut alerts: BTreeMap<Key, Alert> = BTreeMap::new();
    for (event, count) in happened {
        let variables = Variables::of(event);
        for rule in rules {
            let found = rule.alert(cluster, event, &variables, count).unwrap_or_else(|error| {
                let rule = &rule.options().name;
                tracing::warn!(rule, uid = event.uid, %error, "an alert rule could not be evaluated");
                None
            });
            let Some(mut found) = found else { continue };
            if let Some(known) = alerts.remove(&found.key) {
                let is_later = event.time() >= known.seen.iter().map(|seen| seen.time).max().unwrap_or(Timestamp::MIN);
                let seen = [&known.seen[..], &found.seen[..]].concat();
                found = Alert { seen, ..if is_later { found } else { known } };
            }
            alerts.insert(found.key.clone(), found);
        }
    }
    alerts.into_values().collect()
}
