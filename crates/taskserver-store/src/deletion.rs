//! Deletes many rows in small steps, so that none holds a table for long.

use crate::{Sql, Store, StoreError};

/// How many rows one step of [`Store::delete_in_batches`] deletes at most.
pub const DELETE_BATCH: usize = 500;

/// The column that identifies a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key<'a> {
    /// One of texts.
    Text(&'a str),
    /// One of whole numbers.
    Integer(&'a str),
}

impl Store {
    /// Deletes the rows whose keys, as texts, a statement yields: [`DELETE_BATCH`] of them at most each time, and each time in a
    /// transaction, until it yields no more. Answers how many they were. Whoever stops waiting in the middle has lost nothing: the next
    /// call goes on.
    ///
    /// Where rows may change meanwhile, so that they are to be kept after all, the statement ends with
    /// [`Backend::skip_locked`](crate::Backend::skip_locked).
    ///
    /// # Errors
    /// Any [`StoreError`]. What was deleted before the error stays so.
    pub async fn delete_in_batches(&self, table: &str, key: Key<'_>, batch: &Sql) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let mut transaction = self.begin_read_committed().await?;
            let result = async {
                let keys: Vec<String> =
                    transaction.load(batch.clone()).await?.into_iter().flatten().flatten().collect();
                let found = keys.len();
                let rows = if found == 0 { 0 } else { transaction.execute(self.delete(table, key, keys)?).await? };
                Ok::<_, StoreError>((found, rows))
            }
            .await;
            let (found, rows) = transaction.conclude(result).await?;
            deleted += rows;
            if found < DELETE_BATCH {
                return Ok(deleted);
            }
        }
    }

    fn delete(&self, table: &str, key: Key<'_>, keys: Vec<String>) -> Result<Sql, StoreError> {
        let (Key::Text(column) | Key::Integer(column)) = key;
        let mut sql = self.sql();
        sql.push("DELETE FROM ").name(table).push(" WHERE ").name(column).push(" IN (");
        for (index, value) in keys.into_iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " });
            match key {
                Key::Text(_) => sql.text(value),
                Key::Integer(_) => {
                    let number =
                        value.parse().map_err(|_| StoreError::Answer(format!("`{value}` is no whole number")))?;
                    sql.integer(number)
                }
            };
        }
        sql.push(")");
        Ok(sql)
    }
}

#[cfg(test)]
mod tests {
    use taskserver_tests::for_each_backend;

    use super::*;
    use crate::StoreOptions;

    for_each_backend! {
        async fn many_rows_are_deleted_by_texts_and_by_numbers(database: TestDatabase) {
            database.execute("CREATE TABLE note (id int NOT NULL PRIMARY KEY, name varchar(36) NOT NULL, old int NOT NULL)");
            let rows: Vec<String> = (0..1201).map(|id| format!("({id}, 'note {id}', 1)")).collect();
            let fill = || database.execute(&format!("INSERT INTO note VALUES {}, (5000, 'new', 0)", rows.join(", ")));
            let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
            for (key, column) in [(Key::Integer("id"), "id"), (Key::Text("name"), "name")] {
                fill();
                let mut batch = store.sql();
                batch.push(&format!("SELECT {} FROM note WHERE old = 1 LIMIT {DELETE_BATCH}", store.backend().as_text(column)));
                batch.push(store.backend().skip_locked());
                assert_eq!(store.delete_in_batches("note", key, &batch).await, Ok(1201));
                assert_eq!(store.delete_in_batches("note", key, &batch).await, Ok(0));
                assert_eq!(database.query("SELECT id FROM note"), [["5000"]]);
                database.execute("DELETE FROM note");
            }
        }
    }
}
