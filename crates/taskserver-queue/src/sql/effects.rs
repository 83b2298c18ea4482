//! Effects that count once: in one transaction with the end of their job.

use std::sync::atomic::Ordering;

use taskserver_store::{Backend, Store, StoreError, Transaction};

use super::JOB;
use super::finish::{push_end, push_held};
use crate::{AttemptId, JobContext, JobError};

/// An attempt that is not the job's any more would have an effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{attempt} is over: the job was cancelled, or another worker has taken it over; what it would have done is undone"
)]
pub struct AttemptOver {
    /// The attempt.
    pub attempt: AttemptId,
}

impl JobContext {
    /// Begins a transaction that completes the job, together with effects in its own database: [conclude](Self::conclude) it, and
    /// both have happened or neither, and so the effects once, whatever dies or runs twice.
    ///
    /// The job is completed first, so that an attempt which is over is refused before it has done anything, and no other can
    /// begin until this transaction has ended: it should be short.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use taskserver_queue::{Job, JobContext, JobError};
    /// # use taskserver_store::Store;
    /// #[derive(Serialize, Deserialize)]
    /// struct Grant {
    ///     user: String,
    ///     coins: i64,
    /// }
    ///
    /// impl Job for Grant {
    ///     const NAME: &'static str = "grant";
    ///     type Environment = Store;
    ///
    ///     async fn run(&self, store: &Store, context: &JobContext) -> Result<(), JobError> {
    ///         let mut transaction = context.begin(store).await?;
    ///         let mut sql = transaction.sql();
    ///         sql.push("UPDATE wallet SET coins = coins + ").integer(self.coins).push(" WHERE owner = ").text(&self.user);
    ///         let result = transaction.execute(sql).await;
    ///         context.conclude(transaction, result).await?;
    ///         Ok(())
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    /// [`AttemptOver`], or the store's.
    pub async fn begin(&self, store: &Store) -> Result<Transaction, JobError> {
        let mut transaction = store.begin_read_committed().await?;
        let mut sql = transaction.sql();
        push_end(&mut sql, "succeeded");
        push_held(&mut sql, self.attempt.number, &[&self.attempt]);
        match transaction.execute(sql).await {
            Ok(1..) => Ok(transaction),
            Ok(0) => transaction.conclude(Err(Undone(self.over()))).await.map_err(|Undone(error)| error),
            Err(error) => transaction.conclude(Err(error)).await.map_err(JobError::from),
        }
    }

    /// Ends a transaction that [`begin`](Self::begin) began: the job is complete if all went well, and otherwise everything is
    /// undone.
    ///
    /// # Errors
    /// The error of `result`, or the store's. After a lost connection it is not known whether the job is complete, and found out
    /// when it runs again, or does not.
    pub async fn conclude<T>(&self, transaction: Transaction, result: Result<T, StoreError>) -> Result<T, StoreError> {
        let value = transaction.conclude(result).await?;
        self.completed.store(true, Ordering::SeqCst);
        Ok(value)
    }

    /// Checks that the attempt is not over, and keeps it from ending before the transaction does: for an effect that is one of
    /// several, each of which is right to repeat.
    ///
    /// # Errors
    /// [`AttemptOver`], or the store's error: conclude the transaction with it.
    pub async fn check(&self, transaction: &mut Transaction) -> Result<(), JobError> {
        let mut sql = transaction.sql();
        let id = sql.backend().as_text(&sql.backend().quote("id"));
        sql.push(&format!("SELECT {id} FROM ")).name(JOB);
        push_held(&mut sql, self.attempt.number, &[&self.attempt]);
        if sql.backend() != Backend::Sqlite {
            sql.push(" FOR UPDATE");
        }
        let held = !transaction.load(sql).await?.is_empty();
        if held { Ok(()) } else { Err(self.over()) }
    }

    fn over(&self) -> JobError {
        AttemptOver { attempt: self.attempt.clone() }.into()
    }
}

/// An error of a transaction that is rolled back.
struct Undone(JobError);

impl From<StoreError> for Undone {
    fn from(error: StoreError) -> Self {
        Self(error.into())
    }
}
