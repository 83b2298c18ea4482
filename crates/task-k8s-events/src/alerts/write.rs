//! Raising and resolving alerts, within a transaction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use taskserver_store::{StoreError, Transaction};

use super::group::{Effect, Group, Occurrences};
use super::{AlertRules, DELIVERY};
use crate::store::ALERT_GROUP;
use crate::store::row::{Cell, Row, id, insert, text, without_nul};
use crate::{ALERT, AlertRule, Change, ChangeKind, EventRecord, Outcome, Variables};

const FIRING: &str = "firing";
const RESOLVED: &str = "resolved";

/// What raises alerts.
const SOURCE: &str = "kubernetes-events";

/// How many alerts are resolved at once.
const RESOLVED_AT_ONCE: usize = 200;

/// How many ids one statement looks up.
const LOOKUP: usize = 1000;

/// The events of a batch that belong to one group of one rule.
struct Members<'a> {
    rule: &'a AlertRule,
    group: String,
    seen: Vec<Occurrences>,
    last: &'a EventRecord,
}

/// Takes note of the events that have happened.
pub(crate) async fn raise<'a>(
    transaction: &mut Transaction,
    cluster: &str,
    rules: &'a AlertRules,
    changes: impl Iterator<Item = (&'a Change, Outcome)>,
    now: Timestamp,
) -> Result<(), StoreError> {
    // By id, so that rows are always locked in one order.
    let members = members(cluster, rules, changes);
    let ids: Vec<&str> = members.keys().map(String::as_str).collect();
    let mut groups = load(transaction, &ids).await?;
    for (id, members) in &members {
        let known = groups.remove(id);
        let is_new = known.is_none();
        let mut group = known.unwrap_or_default();
        observe(transaction, cluster, rules, members, (id, &mut group), now).await?;
        save(transaction, id, &group, is_new, now).await?;
    }
    Ok(())
}

fn members<'a>(
    cluster: &str,
    rules: &'a AlertRules,
    changes: impl Iterator<Item = (&'a Change, Outcome)>,
) -> BTreeMap<String, Members<'a>> {
    let mut members = BTreeMap::new();
    for (change, outcome) in changes {
        let count = match outcome {
            Outcome::Created { occurrences } | Outcome::Updated { occurrences } if occurrences > 0 => occurrences,
            _ => continue,
        };
        if change.kind == ChangeKind::Deleted {
            continue;
        }
        let event = &change.event;
        let variables = Variables::of(event);
        for rule in &rules.rules {
            let name = rule.options().name.as_str();
            let group = rule.matches(&variables).and_then(|it| it.then(|| rule.group(&variables)).transpose());
            let group = group.unwrap_or_else(|error| {
                tracing::warn!(rule = name, uid = event.uid, %error, "an alert rule could not be evaluated");
                None
            });
            let Some(group) = group else { continue };
            let group = without_nul(&group).into_owned();
            let found = members.entry(id([cluster, name, &group]));
            let found: &mut Members<'a> =
                found.or_insert_with(|| Members { rule, group, seen: Vec::new(), last: event });
            found.seen.push(Occurrences { time: event.time(), count });
            if event.time() >= found.last.time() {
                found.last = event;
            }
        }
    }
    members
}

/// What happens to the alert of a group.
async fn observe(
    transaction: &mut Transaction,
    cluster: &str,
    rules: &AlertRules,
    members: &Members<'_>,
    (id, group): (&str, &mut Group),
    now: Timestamp,
) -> Result<(), StoreError> {
    let options = members.rule.options();
    let mut raised = None;
    let mut events = 0_i64;
    for &seen in &members.seen {
        match group.observe(options, seen, now) {
            Effect::None => {}
            Effect::Continue => events = events.saturating_add(seen.count),
            Effect::Raise { first, occurrences } => {
                group.alert = Some(alert_id(id, now));
                group.recent.clear();
                raised = Some(first);
                events = occurrences;
            }
        }
    }
    let Some(alert) = &group.alert else { return Ok(()) };
    let last = members.last.time();
    let resolve_at = last.checked_add(options.resolve_after).unwrap_or(Timestamp::MAX);
    let [title, message] = members.rule.texts(&Variables::of(members.last)).unwrap_or_else(|error| {
        tracing::warn!(rule = options.name, %error, "the texts of an alert could not be written");
        [options.name.clone(), members.last.message.clone()]
    });
    let Some(first) = raised else {
        return update(transaction, alert, events, last, resolve_at, &message, now).await;
    };
    let level = options.level.to_string();
    let row: Row<'_> = vec![
        ("id", Cell::Text(alert.into())),
        ("cluster", text(cluster)),
        ("rule", text(&options.name)),
        ("level", text(&level)),
        ("source", text(SOURCE)),
        ("title", text(&title)),
        ("message", Cell::Text(without_nul(&message))),
        ("group", text(&members.group)),
        ("firstSeen", Cell::Moment(first)),
        ("lastSeen", Cell::Moment(last)),
        ("events", Cell::Integer(events)),
        ("state", text(FIRING)),
        ("resolveAt", Cell::Moment(resolve_at)),
        ("deliveries", Cell::Integer(0)),
        ("createdAt", Cell::Moment(now)),
        ("updatedAt", Cell::Moment(now)),
    ];
    transaction.execute(insert(transaction.sql().backend(), ALERT, row)).await?;
    enqueue(transaction, rules, alert, FIRING, now).await
}

fn alert_id(group: &str, now: Timestamp) -> String {
    id([group, &now.to_string()])
}

/// Counts further events of an alert.
async fn update(
    transaction: &mut Transaction,
    alert: &str,
    events: i64,
    last: Timestamp,
    resolve_at: Timestamp,
    message: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut sql = transaction.sql();
    sql.push("UPDATE ").name(ALERT).push(" SET ").name("events").push(" = ").name("events").push(" + ");
    sql.integer(events).push(", ").name("message").push(" = ").text(without_nul(message));
    for (column, moment) in [("lastSeen", last), ("resolveAt", resolve_at)] {
        sql.push(", ").name(column).push(" = CASE WHEN ").name(column).push(" < ").moment(moment);
        sql.push(" THEN ").moment(moment).push(" ELSE ").name(column).push(" END");
    }
    sql.push(", ").name("updatedAt").push(" = ").moment(now).push(" WHERE id = ").text(alert);
    transaction.execute(sql).await.map(drop)
}

/// Puts what is to be said of an alert into the outbox.
async fn enqueue(
    transaction: &mut Transaction,
    rules: &AlertRules,
    alert: &str,
    state: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    for receiver in &rules.receivers {
        let row: Row<'_> = vec![
            ("id", Cell::Text(id([alert, receiver, state]).into())),
            ("alert", text(alert)),
            ("receiver", text(receiver)),
            ("state", text(state)),
            ("attempts", Cell::Integer(0)),
            ("nextAttemptAt", Cell::Moment(now)),
            ("createdAt", Cell::Moment(now)),
            ("updatedAt", Cell::Moment(now)),
        ];
        transaction.execute(insert(transaction.sql().backend(), DELIVERY, row)).await?;
    }
    Ok(())
}

async fn load(transaction: &mut Transaction, ids: &[&str]) -> Result<HashMap<String, Group>, StoreError> {
    let mut groups = HashMap::new();
    for ids in ids.chunks(LOOKUP) {
        let mut sql = transaction.sql();
        let backend = sql.backend();
        let columns = ["id", "alert", "recent", "quietUntilMicros"].map(|name| backend.as_text(&backend.quote(name)));
        sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(ALERT_GROUP).push(" WHERE id IN (");
        for (index, id) in ids.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).text(*id);
        }
        sql.push(")");
        for row in transaction.load(sql).await? {
            let Ok([Some(id), alert, recent, quiet]) = <[_; 4]>::try_from(row) else { continue };
            let recent = recent.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default();
            let quiet_until = quiet.and_then(|micros| Timestamp::from_microsecond(micros.parse().ok()?).ok());
            groups.insert(id, Group { alert, recent, quiet_until });
        }
    }
    Ok(groups)
}

async fn save(
    transaction: &mut Transaction,
    id: &str,
    group: &Group,
    is_new: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    let recent = serde_json::to_string(&group.recent).map_err(|error| StoreError::Answer(error.to_string()))?;
    let mut sql = transaction.sql();
    if is_new {
        let row: Row<'_> = vec![
            ("id", text(id)),
            ("alert", group.alert.as_deref().map_or(Cell::Null, text)),
            ("recent", Cell::Text(recent.into())),
            ("updatedAt", Cell::Moment(now)),
        ];
        sql = insert(sql.backend(), ALERT_GROUP, row);
    } else {
        sql.push("UPDATE ").name(ALERT_GROUP).push(" SET alert = ");
        match &group.alert {
            Some(alert) => sql.text(alert),
            None => sql.push("NULL"),
        };
        sql.push(", recent = ").text(recent).push(", ").name("updatedAt").push(" = ").moment(now);
        sql.push(" WHERE id = ").text(id);
    }
    transaction.execute(sql).await.map(drop)
}

/// Resolves the alerts whose last event is long enough ago.
pub(crate) async fn resolve(
    transaction: &mut Transaction,
    cluster: &str,
    rules: &AlertRules,
    now: Timestamp,
) -> Result<usize, StoreError> {
    let mut sql = transaction.sql();
    let backend = sql.backend();
    let columns = ["id", "rule"].map(|name| backend.as_text(&backend.quote(name)));
    sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(ALERT).push(" WHERE state = ").text(FIRING);
    sql.push(" AND ").name("resolveAt").push(" <= ").moment(now).push(" AND cluster = ").text(cluster);
    sql.push(" ORDER BY ").name("resolveAt").push(&format!(" LIMIT {RESOLVED_AT_ONCE}"));
    let due = transaction.load(sql).await?;
    let resolved = due.len();
    for row in due {
        let Ok([Some(alert), Some(rule)]) = <[_; 2]>::try_from(row) else { continue };
        let rule = rules.rules.iter().map(AlertRule::options).find(|options| options.name == rule);
        let cool_down = rule.map_or(Duration::ZERO, |options| options.cool_down);
        let quiet_until = now.checked_add(cool_down).unwrap_or(Timestamp::MAX);

        let mut sql = transaction.sql();
        sql.push("UPDATE ").name(ALERT).push(" SET state = ").text(RESOLVED).push(", ").name("resolvedAt").push(" = ");
        sql.moment(now).push(", ").name("updatedAt").push(" = ").moment(now).push(" WHERE id = ").text(&alert);
        transaction.execute(sql).await?;
        let mut sql = transaction.sql();
        sql.push("UPDATE ").name(ALERT_GROUP).push(" SET alert = NULL, ").name("quietUntilMicros").push(" = ");
        sql.integer(quiet_until.as_microsecond()).push(", ").name("updatedAt").push(" = ").moment(now);
        sql.push(" WHERE alert = ").text(&alert);
        transaction.execute(sql).await?;
        enqueue(transaction, rules, &alert, RESOLVED, now).await?;
    }
    Ok(resolved)
}
