//! How rows are given up: those of `analytics`.

use jiff::Timestamp;

use crate::{Sql, Store, StoreError};

const TABLE: &str = "analytics";

/// How many rows one statement deletes at most, so that no statement holds the table for long.
pub(crate) const BATCH: usize = 500;

/// Which rows of a table are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those created at this moment or later; of any age where there is none.
    pub since: Option<Timestamp>,
    /// The newest so many of each type, or of each task; any number where there is none.
    pub newest: Option<u64>,
}

impl Store {
    /// Deletes the rows of `analytics` that are not kept, in small batches, and answers how many they were. Whoever stops
    /// waiting in the middle has lost nothing: the next call goes on.
    ///
    /// # Errors
    /// Any [`StoreError`]. What was deleted before the error stays so.
    pub async fn prune_analytics(&self, keep: Retention) -> Result<u64, StoreError> {
        let mut deleted = 0;
        if let Some(since) = keep.since {
            deleted += self.delete_batches(TABLE, &self.older_than(since)).await?;
        }
        if let Some(newest) = keep.newest {
            deleted += self.delete_batches(TABLE, &self.beyond(newest)).await?;
        }
        Ok(deleted)
    }

    /// The ids of a batch of rows that were created before a moment.
    fn older_than(&self, since: Timestamp) -> Sql {
        let mut sql = self.sql();
        let id = self.backend().as_text(&self.quote("id"));
        sql.push(&format!("SELECT {id} FROM ")).name(TABLE).push(" WHERE ").name("createdAt").push(" < ").moment(since);
        sql.push(&format!(" LIMIT {BATCH}"));
        sql
    }

    /// The ids of a batch of rows that are not among the newest of their type.
    fn beyond(&self, newest: u64) -> Sql {
        let backend = self.backend();
        let [id, created_at, table] = ["id", "createdAt", TABLE].map(|name| self.quote(name));
        let group = backend.as_bytes(&self.quote("type"));
        let mut sql = self.sql();
        sql.push(&format!(
            "SELECT {id_text} FROM (SELECT {id}, ROW_NUMBER() OVER \
             (PARTITION BY {group} ORDER BY {created_at} DESC, {id} DESC) AS place FROM {table}) AS placed \
             WHERE place > ",
            id_text = backend.as_text(&id),
        ));
        sql.integer(i64::try_from(newest).unwrap_or(i64::MAX)).push(&format!(" LIMIT {BATCH}"));
        sql
    }

    /// Deletes the rows whose ids a statement yields, a [`BATCH`] of them at most each time, until it yields no more.
    pub(crate) async fn delete_batches(&self, table: &str, batch: &Sql) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut lease = self.lease().await?;
            let ids: Vec<String> =
                lease.load(batch.clone()).await?.into_iter().flat_map(|row| row.0).flatten().collect();
            if ids.is_empty() {
                return Ok(deleted);
            }
            let last = ids.len() < BATCH;
            let mut sql = self.sql();
            sql.push("DELETE FROM ").name(table).push(" WHERE ").name("id").push(" IN (");
            for (index, id) in ids.into_iter().enumerate() {
                sql.push(if index == 0 { "" } else { ", " }).text(id);
            }
            deleted += lease.execute(sql.push(")").clone()).await? as u64;
            if last {
                return Ok(deleted);
            }
        }
    }
}
