//! How rows are given up: those of `analytics`.

use jiff::Timestamp;

use crate::{DELETE_BATCH, Key, Sql, Store, StoreError};

const TABLE: &str = "analytics";

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
            deleted += self.delete_in_batches(TABLE, Key::Text("id"), &self.older_than(since)).await?;
        }
        if let Some(newest) = keep.newest {
            deleted += self.delete_in_batches(TABLE, Key::Text("id"), &self.beyond(newest)).await?;
        }
        Ok(deleted)
    }

    /// The ids of a batch of rows that were created before a moment.
    fn older_than(&self, since: Timestamp) -> Sql {
        let mut sql = self.sql();
        let id = self.backend().as_text(&self.quote("id"));
        sql.push(&format!("SELECT {id} FROM ")).name(TABLE).push(" WHERE ").name("createdAt").push(" < ").moment(since);
        sql.push(&format!(" LIMIT {DELETE_BATCH}"));
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
        sql.integer(i64::try_from(newest).unwrap_or(i64::MAX)).push(&format!(" LIMIT {DELETE_BATCH}"));
        sql
    }
}
