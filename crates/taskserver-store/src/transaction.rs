//! Transactions: several statements that take effect together or not at all.

use crate::pool::Lease;
use crate::sql::Row;
use crate::{Backend, Sql, Store, StoreError};

/// A transaction that writes, for crates with tables of their own.
///
/// It takes effect when it is [concluded](Self::conclude) with `Ok`. One that is dropped has no effect, and costs its
/// connection.
///
/// ```
/// use taskserver_store::{Store, StoreError, StoreOptions, Transaction};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// async fn rename(transaction: &mut Transaction, id: &str, name: &str) -> Result<u64, StoreError> {
///     let mut sql = transaction.sql();
///     sql.push("UPDATE ").name("location").push(" SET name = ").text(name).push(" WHERE id = ").text(id);
///     transaction.execute(sql).await
/// }
///
/// let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
/// store.create_platform_tables().await?;
/// let mut transaction = store.begin().await?;
/// let result = rename(&mut transaction, "1", "Lobby").await;
/// assert_eq!(transaction.conclude(result).await?, 0);
/// # Ok(())
/// # }
/// ```
pub struct Transaction {
    pub(crate) lease: Lease,
}

impl Store {
    /// Begins a transaction. On SQLite it waits for other writers here; elsewhere at the first row that another one has
    /// changed.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn begin(&self) -> Result<Transaction, StoreError> {
        let mut lease = self.lease().await?;
        lease.begin_write().await?;
        Ok(Transaction { lease })
    }

    /// Begins a transaction in which each statement sees what is committed by then, and locks no more than the rows that it
    /// finds: for tables that many write at once. On MySQL, other transactions lock the gaps between rows as well, and get into
    /// each other's way; elsewhere this is [`begin`](Self::begin).
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn begin_read_committed(&self) -> Result<Transaction, StoreError> {
        let mut lease = self.lease().await?;
        if lease.backend() == Backend::Mysql {
            lease.batch("SET TRANSACTION ISOLATION LEVEL READ COMMITTED").await?;
        }
        lease.begin_write().await?;
        Ok(Transaction { lease })
    }
}

impl Transaction {
    /// An empty statement for this kind of database.
    #[must_use]
    pub fn sql(&self) -> Sql {
        Sql::new(self.lease.backend())
    }

    /// Runs a statement, and says how many rows it was about. (MySQL counts a row twice that `ON DUPLICATE KEY UPDATE` has
    /// changed.)
    ///
    /// # Errors
    /// Any [`StoreError`]. Conclude the transaction with it: PostgreSQL takes no further statement.
    pub async fn execute(&mut self, sql: Sql) -> Result<u64, StoreError> {
        self.lease.execute(sql).await.map(|rows| rows as u64)
    }

    /// Runs a statement whose columns are all texts (see [`Backend::as_text`](crate::Backend::as_text)), and answers its rows.
    ///
    /// # Errors
    /// As [`execute`](Self::execute).
    pub async fn load(&mut self, sql: Sql) -> Result<Vec<Vec<Option<String>>>, StoreError> {
        let rows = self.lease.load(sql).await?;
        Ok(rows.into_iter().map(|Row(cells)| cells).collect())
    }

    /// Ends the transaction: commits it if all went well, and rolls it back otherwise.
    ///
    /// # Errors
    /// The error of `result`, or any [`StoreError`] of the end itself. After [`StoreError::Lost`] and
    /// [`StoreError::Timeout`] it is not known whether the transaction took effect.
    pub async fn conclude<T, E: From<StoreError>>(mut self, result: Result<T, E>) -> Result<T, E> {
        self.lease.conclude(result).await
    }
}

#[cfg(test)]
mod tests {
    use taskserver_tests::for_each_backend;

    use super::*;
    use crate::StoreOptions;

    async fn insert(transaction: &mut Transaction, id: i64) -> Result<u64, StoreError> {
        let mut sql = transaction.sql();
        sql.push("INSERT INTO note VALUES (").integer(id).push(")");
        transaction.execute(sql).await
    }

    for_each_backend! {
        async fn the_statements_of_a_transaction_take_effect_together_or_not_at_all(database: TestDatabase) {
            database.execute("CREATE TABLE note (id int NOT NULL PRIMARY KEY)");
            let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
            let stored = || database.query("SELECT id FROM note ORDER BY id");

            let mut transaction = store.begin().await.unwrap();
            assert_eq!(insert(&mut transaction, 1).await, Ok(1));
            assert_eq!(insert(&mut transaction, 2).await, Ok(1));
            let mut sql = transaction.sql();
            let id = sql.backend().as_text("id");
            sql.push(&format!("SELECT {id} FROM note ORDER BY id"));
            assert_eq!(transaction.load(sql).await.unwrap(), [[Some("1".to_owned())], [Some("2".to_owned())]]);
            transaction.conclude(Ok::<_, StoreError>(())).await.unwrap();
            assert_eq!(stored(), [["1"], ["2"]]);

            let mut transaction = store.begin().await.unwrap();
            insert(&mut transaction, 3).await.unwrap();
            let result = insert(&mut transaction, 1).await;
            let error = transaction.conclude(result).await.unwrap_err();
            assert!(matches!(error, StoreError::Duplicate(_)), "{error:?}");
            assert_eq!(stored(), [["1"], ["2"]]);

            let mut transaction = store.begin().await.unwrap();
            insert(&mut transaction, 4).await.unwrap();
            drop(transaction);
            let mut transaction = store.begin().await.unwrap();
            insert(&mut transaction, 5).await.unwrap();
            transaction.conclude(Ok::<_, StoreError>(())).await.unwrap();
            assert_eq!(stored(), [["1"], ["2"], ["5"]], "a transaction that was dropped has no effect");
        }
    }
}
