//! Raising and resolving alerts, within a transaction of the caller's.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use taskserver_store::{Backend, Store, StoreError, Transaction};
use uuid::Uuid;

use crate::group::{Effect, Group};
use crate::outbox::{self, Kind};
use crate::row::{Cell, columns, id, insert, storable, update};
use crate::schema::{ALERT, GROUP, MAX_MESSAGE, REPORT};
use crate::{Alert, Key, Level, Report};

pub(crate) const FIRING: &str = "firing";
pub(crate) const RESOLVED: &str = "resolved";

/// How many alerts [`Alerts::resolve_due`] resolves at once.
const RESOLVED_AT_ONCE: usize = 200;

/// How many ids one statement looks up.
const LOOKUP: usize = 1000;

/// A receiver as producers know it: its name, and what it is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its name.
    pub receiver: String,
    /// The levels of the alerts that it is told of.
    pub levels: Vec<Level>,
    /// Whether it gets reports.
    pub reports: bool,
}

impl Route {
    /// A receiver of all alerts and reports.
    #[must_use]
    pub fn all(receiver: impl Into<String>) -> Self {
        Self { receiver: receiver.into(), levels: Level::ALL.to_vec(), reports: true }
    }
}

/// Opens, continues and resolves alerts. See the [crate](crate) for how.
#[derive(Debug, Clone, Default)]
pub struct Alerts {
    routes: Arc<[Route]>,
}

impl Alerts {
    /// Alerts that these receivers are told of.
    #[must_use]
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Self {
        Self { routes: routes.into_iter().collect() }
    }

    /// Takes note of what has happened: counts it to the alert that is firing, or raises one where there is reason enough.
    /// Answers how many alerts were raised.
    ///
    /// # Errors
    /// Any [`StoreError`]: conclude the transaction with it.
    pub async fn raise(
        &self,
        transaction: &mut Transaction,
        alerts: &[Alert],
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut by_id: Vec<(String, &Alert)> = alerts.iter().map(|alert| (group_id(&alert.key), alert)).collect();
        // So that rows are always locked in one order.
        by_id.sort_by(|(left, _), (right, _)| left.cmp(right));
        let ids: Vec<&str> = by_id.iter().map(|(id, _)| id.as_str()).collect();
        let mut groups = lock_groups(transaction, &ids).await?;
        let mut raised = 0;
        for (id, alert) in &by_id {
            let is_new = !groups.contains_key(id);
            let group = groups.entry(id.clone()).or_default();
            raised += usize::from(self.observe(transaction, alert, group, now).await?);
            save_group(transaction, id, group, is_new, alert, now).await?;
        }
        Ok(raised)
    }

    /// What happens to the alert of a group. Answers whether it was raised.
    async fn observe(
        &self,
        transaction: &mut Transaction,
        alert: &Alert,
        group: &mut Group,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let mut raised = None;
        let mut events = 0_i64;
        for &seen in &alert.seen {
            match group.observe(&alert.policy, seen, now) {
                Effect::None => {}
                Effect::Continue => events = events.saturating_add(seen.count),
                Effect::Raise { first, occurrences } => {
                    group.alert = Some(Uuid::new_v4().to_string());
                    group.recent.clear();
                    raised = Some(first);
                    events = occurrences;
                }
            }
        }
        let (Some(id), Some(last)) = (&group.alert, alert.seen.iter().map(|seen| seen.time).max()) else {
            return Ok(false);
        };
        let resolve_at = alert.policy.resolve_after.map(|after| last.checked_add(after).unwrap_or(Timestamp::MAX));
        let Some(first) = raised else {
            continue_alert(transaction, id, alert, (events, last, resolve_at), now).await?;
            return Ok(false);
        };
        let key = &alert.key;
        let row = [
            ("id", Cell::Text(id)),
            ("source", Cell::Text(&key.source)),
            ("rule", Cell::Text(&key.rule)),
            ("group", Cell::Text(&key.group)),
            ("cluster", key.cluster.as_deref().into()),
            ("namespace", alert.namespace.as_deref().into()),
            ("level", Cell::Text(alert.level.name())),
            ("title", Cell::Text(&alert.title)),
            ("message", Cell::Message(&alert.message)),
            ("state", Cell::Text(FIRING)),
            ("firstSeen", Cell::Moment(first)),
            ("lastSeen", Cell::Moment(last)),
            ("events", Cell::Integer(events)),
            ("resolveAt", resolve_at.into()),
            ("deliveries", Cell::Integer(0)),
            ("createdAt", Cell::Moment(now)),
            ("updatedAt", Cell::Moment(now)),
        ];
        insert(transaction, ALERT, &row).await?;
        self.tell(transaction, id, alert.level, Kind::Firing, now).await?;
        Ok(true)
    }

    /// Resolves the alert of a key, if one is firing. Answers whether one was.
    ///
    /// # Errors
    /// Any [`StoreError`]: conclude the transaction with it.
    pub async fn resolve(&self, transaction: &mut Transaction, key: &Key, now: Timestamp) -> Result<bool, StoreError> {
        self.resolve_group(transaction, &group_id(key), now).await
    }

    /// What the alerts of a source are about that are firing.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn firing(&self, store: &Store, source: &str) -> Result<Vec<Key>, StoreError> {
        let mut sql = store.sql();
        let columns = columns(&sql, &["source", "rule", "group", "cluster"]);
        sql.push(&format!("SELECT {columns} FROM ")).name(ALERT).push(" WHERE state = ").text(FIRING);
        sql.push(" AND ").name("source").push(" = ").text(source);
        let key = |row: Vec<Option<String>>| match <[_; 4]>::try_from(row) {
            Ok([Some(source), Some(rule), Some(group), cluster]) => Some(Key { source, rule, group, cluster }),
            _ => None,
        };
        Ok(store.load(sql).await?.into_iter().filter_map(key).collect())
    }

    /// Resolves the alerts of a source, and a cluster, whose last occurrence is long enough ago. Answers how many they were:
    /// where that is 200, there may be more.
    ///
    /// # Errors
    /// Any [`StoreError`]: conclude the transaction with it.
    pub async fn resolve_due(
        &self,
        transaction: &mut Transaction,
        source: &str,
        cluster: Option<&str>,
        now: Timestamp,
    ) -> Result<usize, StoreError> {
        let mut sql = transaction.sql();
        let backend = sql.backend();
        let [id, alert, alerts, groups] = ["id", "alert", ALERT, GROUP].map(|name| backend.quote(name));
        let group_id = backend.as_text(&format!("{groups}.{id}"));
        sql.push(&format!("SELECT {group_id} FROM {alerts} JOIN {groups} ON {groups}.{alert} = {alerts}.{id} WHERE "));
        sql.push("state = ").text(FIRING).push(" AND ").name("source").push(" = ").text(source);
        sql.push(" AND ").name("resolveAt").push(" <= ").moment(now);
        match cluster {
            Some(cluster) => sql.push(" AND cluster = ").text(cluster),
            None => sql.push(" AND cluster IS NULL"),
        };
        sql.push(" ORDER BY ").name("resolveAt").push(&format!(" LIMIT {RESOLVED_AT_ONCE}"));
        let mut groups: Vec<String> = transaction.load(sql).await?.into_iter().flatten().flatten().collect();
        groups.sort_unstable();
        let mut resolved = 0;
        for group in groups {
            resolved += usize::from(self.resolve_group(transaction, &group, now).await?);
        }
        Ok(resolved)
    }

    /// Resolves the alert of a group, if one is firing.
    async fn resolve_group(
        &self,
        transaction: &mut Transaction,
        group: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let Some(alert) = lock_groups(transaction, &[group]).await?.remove(group).and_then(|group| group.alert) else {
            return Ok(false);
        };
        let mut sql = transaction.sql();
        sql.push("UPDATE ").name(GROUP).push(" SET alert = NULL, ").name("quietUntilMicros").push(" = ");
        sql.integer(now.as_microsecond()).push(" + ").name("coolDownMillis").push(" * 1000, ");
        sql.name("updatedAt").push(" = ").moment(now).push(" WHERE id = ").text(group);
        transaction.execute(sql).await?;
        let row = [
            ("state", Cell::Text(RESOLVED)),
            ("resolvedAt", Cell::Moment(now)),
            ("resolveAt", Cell::Null),
            ("updatedAt", Cell::Moment(now)),
        ];
        update(transaction, ALERT, &row, &alert).await?;
        let mut sql = transaction.sql();
        let columns = columns(&sql, &["level"]);
        sql.push(&format!("SELECT {columns} FROM ")).name(ALERT).push(" WHERE id = ").text(&alert);
        let level = transaction.load(sql).await?.into_iter().flatten().flatten().next();
        let level = level.and_then(|level| level.parse().ok()).unwrap_or(Level::Critical);
        self.tell(transaction, &alert, level, Kind::Resolved, now).await?;
        Ok(true)
    }

    /// Has a report delivered. Answers whether it was new: one of the same source and name is made once.
    ///
    /// # Errors
    /// Any [`StoreError`]: conclude the transaction with it.
    pub async fn report(
        &self,
        transaction: &mut Transaction,
        report: &Report,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let id = id(["report", &report.source, &report.name]);
        let mut sql = transaction.sql();
        let columns = columns(&sql, &["id"]);
        sql.push(&format!("SELECT {columns} FROM ")).name(REPORT).push(" WHERE id = ").text(&id);
        if !transaction.load(sql).await?.is_empty() {
            return Ok(false);
        }
        let data = json_text(&report.data);
        let row = [
            ("id", Cell::Text(&id)),
            ("source", Cell::Text(&report.source)),
            ("name", Cell::Text(&report.name)),
            ("title", Cell::Text(&report.title)),
            ("markdown", Cell::Message(&report.markdown)),
            ("data", data.as_deref().map_or(Cell::Null, Cell::Message)),
            ("createdAt", Cell::Moment(now)),
            ("updatedAt", Cell::Moment(now)),
        ];
        insert(transaction, REPORT, &row).await?;
        for route in self.routes.iter().filter(|route| route.reports) {
            outbox::enqueue(transaction, &route.receiver, &id, Kind::Report, now).await?;
        }
        Ok(true)
    }

    /// Puts what is to be said of an alert into the outbox.
    async fn tell(
        &self,
        transaction: &mut Transaction,
        alert: &str,
        level: Level,
        kind: Kind,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for route in self.routes.iter().filter(|route| route.levels.contains(&level)) {
            outbox::enqueue(transaction, &route.receiver, alert, kind, now).await?;
        }
        Ok(())
    }
}

/// JSON as text, for a column; none for null. Of a text that is too long, nothing but its length is kept: a part would be no JSON.
fn json_text(value: &Value) -> Option<String> {
    let text = (!value.is_null()).then(|| value.to_string())?;
    if text.len() <= MAX_MESSAGE {
        return Some(text);
    }
    Some(json!({ "omitted": format!("a text of {} bytes", text.len()) }).to_string())
}

fn group_id(key: &Key) -> String {
    id([&key.source, key.cluster.as_deref().unwrap_or_default(), &key.rule, &key.group])
}

/// Counts further occurrences of an alert, whose texts are about the last of them.
async fn continue_alert(
    transaction: &mut Transaction,
    id: &str,
    alert: &Alert,
    (events, last, resolve_at): (i64, Timestamp, Option<Timestamp>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let row = [
        ("title", Cell::Text(&alert.title)),
        ("message", Cell::Message(&alert.message)),
        ("updatedAt", Cell::Moment(now)),
    ];
    update(transaction, ALERT, &row, id).await?;
    let mut sql = transaction.sql();
    sql.push("UPDATE ").name(ALERT).push(" SET ").name("events").push(" = ").name("events").push(" + ").integer(events);
    for (column, moment) in [("lastSeen", Some(last)), ("resolveAt", resolve_at)] {
        let Some(moment) = moment.map(storable) else { continue };
        sql.push(", ").name(column).push(" = CASE WHEN ").name(column).push(" >= ").moment(moment);
        sql.push(" THEN ").name(column).push(" ELSE ").moment(moment).push(" END");
    }
    sql.push(" WHERE id = ").text(id);
    transaction.execute(sql).await.map(drop)
}

/// What is known of these groups, locked until the transaction has ended.
async fn lock_groups(transaction: &mut Transaction, ids: &[&str]) -> Result<HashMap<String, Group>, StoreError> {
    let mut groups = HashMap::new();
    for ids in ids.chunks(LOOKUP) {
        let mut sql = transaction.sql();
        let columns = columns(&sql, &["id", "alert", "recent", "quietUntilMicros"]);
        sql.push(&format!("SELECT {columns} FROM ")).name(GROUP).push(" WHERE id IN (");
        for (index, id) in ids.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).text(*id);
        }
        // On SQLite, whoever writes is alone.
        sql.push(if sql.backend() == Backend::Sqlite { ")" } else { ") ORDER BY id FOR UPDATE" });
        for row in transaction.load(sql).await? {
            let Ok([Some(id), alert, recent, quiet]) = <[_; 4]>::try_from(row) else { continue };
            let recent = recent.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            let quiet_until = quiet.and_then(|micros| Timestamp::from_microsecond(micros.parse().ok()?).ok());
            groups.insert(id, Group { alert, recent, quiet_until });
        }
    }
    Ok(groups)
}

async fn save_group(
    transaction: &mut Transaction,
    id: &str,
    group: &Group,
    is_new: bool,
    alert: &Alert,
    now: Timestamp,
) -> Result<(), StoreError> {
    let recent = serde_json::to_string(&group.recent).map_err(|error| StoreError::Answer(error.to_string()))?;
    let cool_down = i64::try_from(alert.policy.cool_down.as_millis()).unwrap_or(i64::MAX / 1_000_000);
    let row = [
        ("alert", group.alert.as_deref().into()),
        ("recent", Cell::Message(&recent)),
        ("coolDownMillis", Cell::Integer(cool_down)),
        ("updatedAt", Cell::Moment(now)),
        ("id", Cell::Text(id)),
    ];
    match (is_new, row.split_last()) {
        (false, Some((_, changing))) => update(transaction, GROUP, changing, id).await.map(drop),
        _ => insert(transaction, GROUP, &row).await,
    }
}
