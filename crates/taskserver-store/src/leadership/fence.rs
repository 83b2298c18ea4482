//! What only the leader may write.

use super::TABLE;
use crate::{Backend, StoreError, Transaction};

/// Lets only the leader write: what is written in a transaction that began with this check is written in this term.
///
/// The check keeps the term as it is until the transaction ends, so that there is no moment in between at which another leader
/// could begin. As that also keeps the lease from being renewed, the transaction must be short: a small part of the renew
/// deadline.
///
/// ```
/// use taskserver_store::{Fence, LEADERSHIP, Store, StoreError, StoreOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), StoreError> {
/// # let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
/// # store.migrate().await?;
/// // In a task, of the term that the run belongs to: `context.term()`.
/// let fence = Fence::new(LEADERSHIP, 7);
/// let mut transaction = store.begin().await?;
/// let result = async {
///     fence.check(&mut transaction).await?;
///     let mut sql = transaction.sql();
///     sql.push("DELETE FROM ").name("monitoring");
///     transaction.execute(sql).await
/// }
/// .await;
/// let error = transaction.conclude(result).await.unwrap_err();
/// assert_eq!(error.to_string(), "the term 7 of the leadership `taskserver` is over; there is no other");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fence {
    leadership: String,
    term: u64,
}

impl Fence {
    /// The fence around what belongs to a term of this leadership.
    #[must_use]
    pub fn new(leadership: &str, term: u64) -> Self {
        Self { leadership: leadership.to_owned(), term }
    }

    /// Checks that the term is not over, and keeps it from ending before the transaction does.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] if it is over, or any other [`StoreError`]: conclude the transaction with it.
    pub async fn check(&self, transaction: &mut Transaction) -> Result<(), StoreError> {
        let lock = match transaction.sql().backend() {
            // It has one writer at a time, and that is this transaction.
            Backend::Sqlite => "",
            Backend::Postgres => " FOR SHARE",
            Backend::Mysql => " LOCK IN SHARE MODE",
        };
        let current = current_term(transaction, &self.leadership, lock).await?;
        if current == Some(self.term) {
            return Ok(());
        }
        Err(StoreError::Fenced { leadership: self.leadership.clone(), term: self.term, current })
    }
}

/// The term of a leadership, if it has one.
pub(super) async fn current_term(
    transaction: &mut Transaction,
    name: &str,
    lock: &str,
) -> Result<Option<u64>, StoreError> {
    let mut sql = transaction.sql();
    let term = sql.backend().as_text(&sql.backend().quote("term"));
    sql.push(&format!("SELECT {term} FROM "))
        .name(TABLE)
        .push(" WHERE ")
        .name("name")
        .push(" = ")
        .text(name)
        .push(lock);
    let rows = transaction.load(sql).await?;
    Ok(rows.into_iter().flatten().flatten().next().and_then(|term| term.parse().ok()))
}
