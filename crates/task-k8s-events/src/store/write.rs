//! Storing batches: one transaction for each.

use std::collections::HashMap;

use jiff::Timestamp;
use taskserver_store::{Backend, Insert, StoreError, Transaction};

use super::row::{EVENT_COLUMNS, GAP_COLUMNS, event_id, event_values, gap_id, gap_values, on_conflict};
use super::schema::{CURSOR, K8S_EVENT, K8S_EVENT_GAP};
use super::{EventStore, EventStoreError, counts, export};
use crate::{Batch, Change, Cursor, Gap, ResourceVersion};

/// How many ids one statement looks up.
const LOOKUP: usize = 1000;

/// How many rows are made of events before they are inserted: a row takes more memory than its event.
const INSERT: usize = 512;

/// What storing has done with a change of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The event is new.
    Created {
        /// How often it has happened.
        occurrences: i64,
    },
    /// A newer version has replaced the row.
    Updated {
        /// How often it has happened since the version before; 0 when it was only written again.
        occurrences: i64,
    },
    /// The same version, or a newer one, was stored already, or is in the same batch.
    Stale,
}

/// Stores the events of a cluster, until somebody else [claims](EventStore::claim) it.
pub struct EventWriter {
    store: EventStore,
    epoch: i64,
    cursor: Option<Cursor>,
}

impl EventStore {
    /// Begins to write, in place of whoever did until now.
    ///
    /// # Errors
    /// Any [`EventStoreError`] but `Superseded`.
    pub async fn claim(&self) -> Result<EventWriter, EventStoreError> {
        let mut transaction = self.store.begin().await?;
        let result = self.begin_epoch(&mut transaction).await;
        let (epoch, cursor) = transaction.conclude(result).await?;
        Ok(EventWriter { store: self.clone(), epoch, cursor })
    }

    async fn begin_epoch(&self, transaction: &mut Transaction) -> Result<(i64, Option<Cursor>), EventStoreError> {
        let mut sql = transaction.sql();
        let table = sql.backend().quote(CURSOR);
        sql.push(&format!("INSERT INTO {table} (cluster, epoch, ")).name("updatedAt").push(") VALUES (");
        sql.text(&self.cluster).push(", 1, ").moment(Timestamp::now());
        sql.push(match sql.backend() {
            Backend::Sqlite | Backend::Postgres => ") ON CONFLICT (cluster) DO UPDATE SET epoch = ",
            Backend::Mysql => ") ON DUPLICATE KEY UPDATE epoch = ",
        });
        sql.push(&format!("{table}.epoch + 1"));
        transaction.execute(sql).await?;
        let (epoch, cursor) = self.lock_cursor(transaction).await?;
        let cursor = cursor.and_then(|json| {
            let cursor = serde_json::from_str(&json);
            cursor
                .inspect_err(|error| tracing::warn!(%error, "the stored cursor is unreadable; listing all events anew"))
                .ok()
        });
        self.check(transaction).await?;
        Ok((epoch, cursor))
    }

    /// Checks that the term of the fence is not over. The last thing in a transaction, since it keeps the leader from renewing its
    /// lease until the end.
    async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        match &self.fence {
            Some(fence) => fence.check(transaction).await,
            None => Ok(()),
        }
    }

    /// The epoch and the cursor, locked until the transaction has ended.
    async fn lock_cursor(&self, transaction: &mut Transaction) -> Result<(i64, Option<String>), EventStoreError> {
        let mut sql = transaction.sql();
        let backend = sql.backend();
        let [epoch, cursor] = ["epoch", "cursor"].map(|name| backend.as_text(&backend.quote(name)));
        sql.push(&format!("SELECT {epoch}, {cursor} FROM ")).name(CURSOR).push(" WHERE cluster = ").text(&self.cluster);
        // On SQLite, whoever writes is alone.
        sql.push(if backend == Backend::Sqlite { "" } else { " FOR UPDATE" });
        let row = transaction.load(sql).await?.into_iter().next().unwrap_or_default();
        let mut cells = row.into_iter();
        let epoch = cells.next().flatten().and_then(|epoch| epoch.parse().ok());
        Ok((epoch.unwrap_or_default(), cells.next().flatten()))
    }
}

impl EventWriter {
    /// The name of the cluster.
    pub(crate) fn cluster(&self) -> &str {
        &self.store.cluster
    }

    /// The cursor that was stored last.
    #[must_use]
    pub fn cursor(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }

    /// Stores a batch, its gap and its cursor, all or nothing, and says what became of each change.
    ///
    /// A batch may be stored again when it is not known whether it was: what was stored is then stale.
    ///
    /// # Errors
    /// Any [`EventStoreError`].
    pub async fn store(&mut self, batch: &Batch) -> Result<Vec<Outcome>, EventStoreError> {
        let mut transaction = self.store.store.begin().await?;
        let result = self.write(&mut transaction, batch).await;
        let outcomes = transaction.conclude(result).await?;
        self.cursor = Some(batch.cursor.clone());
        Ok(outcomes)
    }

    /// Resolves the alerts whose last event is long enough ago, at this time. Answers how many they were, a few hundred at most.
    ///
    /// # Errors
    /// Any [`EventStoreError`].
    #[cfg(feature = "alerts")]
    pub async fn resolve_alerts(&self, now: Timestamp) -> Result<usize, EventStoreError> {
        let Some(rules) = &self.store.alerts else { return Ok(0) };
        let mut transaction = self.store.store.begin().await?;
        let result = async {
            self.check_epoch(&mut transaction).await?;
            let resolved = rules.resolve(&mut transaction, &self.store.cluster, now).await?;
            self.store.check(&mut transaction).await?;
            Ok(resolved)
        }
        .await;
        transaction.conclude(result).await
    }

    /// Locks the cursor, and checks that nobody else has claimed the cluster.
    async fn check_epoch(&self, transaction: &mut Transaction) -> Result<(), EventStoreError> {
        let (epoch, _) = self.store.lock_cursor(transaction).await?;
        if epoch == self.epoch {
            return Ok(());
        }
        Err(EventStoreError::Superseded { cluster: self.store.cluster.clone() })
    }

    async fn write(&self, transaction: &mut Transaction, batch: &Batch) -> Result<Vec<Outcome>, EventStoreError> {
        // First of all, so that writers of the same cluster take turns, and what is read next is what the last one left.
        self.check_epoch(transaction).await?;
        let outcomes = write_events(transaction, &batch.changes, self.store.exporting).await?;
        counts::add(transaction, &batch.changes, &outcomes).await?;
        #[cfg(feature = "alerts")]
        if let Some(rules) = &self.store.alerts {
            let changes = batch.changes.iter().zip(outcomes.iter().copied());
            rules.raise(transaction, &self.store.cluster, changes, Timestamp::now()).await?;
        }
        if let Some(gap) = &batch.gap {
            write_gap(transaction, &self.store.cluster, gap).await?;
        }
        let cursor = serde_json::to_string(&batch.cursor).map_err(|error| StoreError::Answer(error.to_string()))?;
        let mut sql = transaction.sql();
        sql.push("UPDATE ").name(CURSOR).push(" SET ").name("cursor").push(" = ").text(cursor).push(", ");
        sql.name("updatedAt").push(" = ").moment(Timestamp::now()).push(" WHERE cluster = ").text(&self.store.cluster);
        transaction.execute(sql).await?;
        self.store.check(transaction).await?;
        Ok(outcomes)
    }
}

async fn write_events(
    transaction: &mut Transaction,
    changes: &[Change],
    exporting: bool,
) -> Result<Vec<Outcome>, StoreError> {
    let ids: Vec<String> = changes.iter().map(|change| event_id(&change.event.cluster, &change.event.uid)).collect();
    let mut known = stored_versions(transaction, &ids).await?;
    let mut newest: HashMap<&str, &Change> = HashMap::new();
    let mut outcomes = Vec::with_capacity(changes.len());
    for (id, change) in ids.iter().zip(changes) {
        let event = &change.event;
        let stored = Stored { version: event.resource_version.clone(), occurrences: event.occurrences() };
        outcomes.push(match known.get(id) {
            Some(known) if !stored.version.replaces(&known.version) => Outcome::Stale,
            Some(known) => {
                Outcome::Updated { occurrences: stored.occurrences.saturating_sub(known.occurrences).max(0) }
            }
            None => Outcome::Created { occurrences: stored.occurrences },
        });
        if outcomes.last() != Some(&Outcome::Stale) {
            known.insert(id.clone(), stored);
            newest.insert(id, change);
        }
    }
    // In one order, so that two who write at once do not wait for each other.
    let mut events: Vec<(&str, &Change)> = newest.into_iter().collect();
    events.sort_unstable_by_key(|(id, _)| *id);
    insert_events(transaction, &events).await?;
    if exporting {
        export::enqueue(transaction, &events).await?;
    }
    Ok(outcomes)
}

/// Stores the events that are new, and those of which the row is older.
pub(super) async fn insert_events(transaction: &mut Transaction, events: &[(&str, &Change)]) -> Result<(), StoreError> {
    let on_conflict = on_conflict(transaction.sql().backend());
    let insert = Insert { table: K8S_EVENT, columns: &EVENT_COLUMNS, on_conflict: &on_conflict };
    for events in events.chunks(INSERT) {
        let rows = events.iter().map(|(id, change)| event_values(id, change)).collect();
        transaction.insert(&insert, rows).await?;
    }
    Ok(())
}

/// What is stored of an event.
struct Stored {
    version: ResourceVersion,
    occurrences: i64,
}

async fn stored_versions(transaction: &mut Transaction, ids: &[String]) -> Result<HashMap<String, Stored>, StoreError> {
    let mut known = HashMap::new();
    for ids in ids.chunks(LOOKUP) {
        let mut sql = transaction.sql();
        let backend = sql.backend();
        let columns = ["id", "resourceVersion", "occurrences"].map(|name| backend.as_text(&backend.quote(name)));
        sql.push(&format!("SELECT {} FROM ", columns.join(", "))).name(K8S_EVENT).push(" WHERE id IN (");
        for (index, id) in ids.iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).text(id);
        }
        sql.push(")");
        for row in transaction.load(sql).await? {
            if let Ok([Some(id), Some(version), Some(occurrences)]) = <[_; 3]>::try_from(row) {
                let stored = Stored {
                    version: ResourceVersion::new(version),
                    occurrences: occurrences.parse().unwrap_or_default(),
                };
                known.insert(id, stored);
            }
        }
    }
    Ok(known)
}

/// Stores a gap; one that is stored already only once.
async fn write_gap(transaction: &mut Transaction, cluster: &str, gap: &Gap) -> Result<(), StoreError> {
    let mut delete = transaction.sql();
    delete.push("DELETE FROM ").name(K8S_EVENT_GAP).push(" WHERE id = ").text(gap_id(cluster, gap));
    transaction.execute(delete).await?;
    let insert = Insert { table: K8S_EVENT_GAP, columns: &GAP_COLUMNS, on_conflict: "" };
    transaction.insert(&insert, vec![gap_values(cluster, gap, Timestamp::now())]).await
}
