//! Alerts and reports as they are stored, for receivers.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use taskserver_core::date_time;
use taskserver_store::{Sql, Store, StoreError};

use crate::Level;
use crate::alerts::FIRING;
use crate::row::{columns, moment};
use crate::schema::{ALERT, REPORT};

/// An alert as it is stored. As JSON it has the fields of [`alert_schema`](crate::alert_schema) that are of use to people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertRecord {
    /// Its id.
    pub id: String,
    /// Who has raised it.
    pub source: String,
    /// By which rule.
    pub rule: String,
    /// What the rule has found.
    pub group: String,
    /// The cluster that it is about.
    pub cluster: Option<String>,
    /// The namespace that it is about.
    pub namespace: Option<String>,
    /// How urgent it is.
    pub level: Level,
    /// The alert in one line.
    pub title: String,
    /// More about it.
    pub message: String,
    /// `firing` or `resolved`.
    pub state: String,
    /// When it happened first.
    #[serde(serialize_with = "as_date_time")]
    pub first_seen: Timestamp,
    /// When it happened last.
    #[serde(serialize_with = "as_date_time")]
    pub last_seen: Timestamp,
    /// How often it has happened.
    pub events: i64,
    /// When it was resolved.
    #[serde(serialize_with = "as_optional_date_time")]
    pub resolved_at: Option<Timestamp>,
}

const COLUMNS: [&str; 14] = [
    "id",
    "source",
    "rule",
    "group",
    "cluster",
    "namespace",
    "level",
    "title",
    "message",
    "state",
    "firstSeen",
    "lastSeen",
    "events",
    "resolvedAt",
];

impl AlertRecord {
    fn read(row: Vec<Option<String>>) -> Option<Self> {
        let [id, source, rule, group, cluster, namespace, level, title, message, state, first, last, events, resolved] =
            <[_; COLUMNS.len()]>::try_from(row).ok()?;
        Some(Self {
            id: id?,
            source: source?,
            rule: rule?,
            group: group?,
            cluster,
            namespace,
            level: level?.parse().unwrap_or(Level::Critical),
            title: title?,
            message: message?,
            state: state?,
            first_seen: moment(&first?)?,
            last_seen: moment(&last?)?,
            events: events?.parse().ok()?,
            resolved_at: resolved.as_deref().and_then(moment),
        })
    }

    /// The alert of this id, if there is one.
    pub(crate) async fn load(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        let mut sql = select(store, ALERT, &COLUMNS);
        sql.push("id = ").text(id);
        Ok(store.load(sql).await?.pop().and_then(Self::read))
    }

    /// The next alerts that are firing, by their ids, after this one.
    pub(crate) async fn firing(
        store: &Store,
        levels: &[Level],
        after: &str,
        limit: usize,
    ) -> Result<Vec<Self>, StoreError> {
        let mut sql = select(store, ALERT, &COLUMNS);
        sql.push("state = ").text(FIRING).push(" AND id > ").text(after).push(" AND level IN (");
        for (index, level) in levels.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).text(level.name());
        }
        sql.push(&format!(") ORDER BY id LIMIT {limit}"));
        Ok(store.load(sql).await?.into_iter().filter_map(Self::read).collect())
    }
}

/// A report as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReportRecord {
    /// Its id.
    pub id: String,
    /// Who has made it.
    pub source: String,
    /// Which of its source's it is.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// The report, in Markdown.
    pub markdown: String,
    /// The same for programs; null for none.
    pub data: Value,
    /// When it was made.
    #[serde(serialize_with = "as_date_time")]
    pub created_at: Timestamp,
}

impl ReportRecord {
    /// The report of this id, if there is one.
    pub(crate) async fn load(store: &Store, id: &str) -> Result<Option<Self>, StoreError> {
        let mut sql = select(store, REPORT, &["id", "source", "name", "title", "markdown", "data", "createdAt"]);
        sql.push("id = ").text(id);
        Ok(store.load(sql).await?.pop().and_then(|row| {
            let [id, source, name, title, markdown, data, created_at] = <[_; 7]>::try_from(row).ok()?;
            Some(Self {
                id: id?,
                source: source?,
                name: name?,
                title: title?,
                markdown: markdown?,
                data: data.and_then(|json| serde_json::from_str(&json).ok()).unwrap_or_default(),
                created_at: moment(&created_at?)?,
            })
        }))
    }
}

fn select(store: &Store, table: &str, names: &[&str]) -> Sql {
    let mut sql = store.sql();
    let columns = columns(&sql, names);
    sql.push(&format!("SELECT {columns} FROM ")).name(table).push(" WHERE ");
    sql
}

fn as_date_time<S: Serializer>(moment: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    date_time(*moment).serialize(serializer)
}

fn as_optional_date_time<S: Serializer>(moment: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    moment.map(date_time).serialize(serializer)
}
