//! What is still to be exported: an outbox beside the events.
//!
//! Where events are [exported](EventStore::exporting), the transaction that stores an event puts its version into the outbox, and
//! the version leaves it once it was handed over: each event is exported after it was stored, and at least once, whatever
//! crashes. An event has one row there at most, and the row goes with the event: what is not taken is bounded by what is kept, and
//! of versions that follow each other faster than they are taken only the last is exported.

use taskserver_core::{Filter, Method, Query, Service as _};
use taskserver_store::{Backend, ColumnType, Insert, StoreError, TableService, Transaction, Value};

use super::row::{column_text, event_id};
use super::schema::{K8S_EVENT, event_schema};
use super::{EventStore, EventStoreError};
use crate::{Change, EventRecord};

const OUTBOX: &str = "k8s-event-export";

const COLUMNS: [(&str, ColumnType); 2] = [("id", ColumnType::Text), ("resourceVersion", ColumnType::Text)];

/// How many events are exported at once.
const BATCH: i64 = 256;

/// Puts events that were stored into the outbox.
pub(super) async fn enqueue(transaction: &mut Transaction, events: &[(&str, &Change)]) -> Result<(), StoreError> {
    let on_conflict = match transaction.sql().backend() {
        Backend::Sqlite | Backend::Postgres => {
            r#" ON CONFLICT (id) DO UPDATE SET "resourceVersion" = excluded."resourceVersion""#
        }
        Backend::Mysql => " ON DUPLICATE KEY UPDATE `resourceVersion` = VALUES(`resourceVersion`)",
    };
    let insert = Insert { table: OUTBOX, columns: &COLUMNS, on_conflict };
    let rows = events.iter().map(|(id, change)| {
        vec![Value::Text((*id).into()), Value::Text(column_text(change.event.resource_version.as_str()))]
    });
    transaction.insert(&insert, rows.collect()).await
}

impl EventStore {
    /// Events that were stored and are still to be exported, a few hundred at most. Nothing is left when it answers none.
    ///
    /// # Errors
    /// Any [`EventStoreError`] but `Superseded`.
    pub async fn unexported(&self) -> Result<Vec<EventRecord>, EventStoreError> {
        let mut sql = self.store.sql();
        sql.push(&format!("SELECT id FROM {} LIMIT {BATCH}", self.store.quote(OUTBOX)));
        let ids = self.store.load(sql).await?.into_iter().flatten().flatten();
        let values: Vec<_> = ids.map(serde_json::Value::from).collect();
        if values.is_empty() {
            return Ok(Vec::new());
        }
        let service = TableService::new(self.store.clone(), K8S_EVENT, event_schema(), &Method::READS);
        let of_these = Filter::OneOf { field: "id".to_owned(), values, negated: false };
        let query = Query::new().and(of_these).limit(BATCH as u64).uncounted();
        let page = service.find(&query.into()).await.map_err(|error| StoreError::Answer(error.to_string()))?;
        Ok(page.data.iter().filter_map(EventRecord::from_record).collect())
    }

    /// Notes that these events, in these versions, were exported.
    ///
    /// # Errors
    /// Any [`EventStoreError`] but `Superseded`.
    pub async fn exported(&self, events: &[EventRecord]) -> Result<(), EventStoreError> {
        if events.is_empty() {
            return Ok(());
        }
        let mut transaction = self.store.begin().await?;
        let mut sql = transaction.sql();
        sql.push("DELETE FROM ").name(OUTBOX).push(" WHERE ");
        for (index, event) in events.iter().enumerate() {
            sql.push(if index == 0 { "(id = " } else { " OR (id = " }).text(event_id(&event.cluster, &event.uid));
            sql.push(" AND ").name("resourceVersion").push(" = ").text(event.resource_version.as_str()).push(")");
        }
        let result = transaction.execute(sql).await;
        transaction.conclude(result).await?;
        Ok(())
    }
}
