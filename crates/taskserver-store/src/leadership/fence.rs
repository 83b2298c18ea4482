//! What only the leader may write.

use async_trait::async_trait;
use taskserver_core::{LeaseError, LeaseRecord, LeaseStore};

use super::{TABLE, integer, millis, server_time};
use crate::{Backend, Store, StoreError, Transaction};

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
async fn current_term(transaction: &mut Transaction, name: &str, lock: &str) -> Result<Option<u64>, StoreError> {
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

/// A lease that is kept elsewhere, such as in Kubernetes, and whose terms are known to the database as well, so that
/// [fences](Fence) hold there.
///
/// Whoever takes the lease enters its term into the table `leadership` before it leads; where that fails, it gives the lease up.
/// Terms go on from the highest that the database knows, even where the lease itself was deleted.
pub struct FencedLease<L> {
    lease: L,
    store: Store,
    name: String,
}

impl<L: LeaseStore> FencedLease<L> {
    /// The lease, with the terms of the leadership of this name.
    #[must_use]
    pub fn new(lease: L, store: &Store, name: &str) -> Self {
        Self { lease, store: store.clone(), name: name.to_owned() }
    }

    async fn term(&self) -> Result<u64, StoreError> {
        let mut transaction = self.store.begin().await?;
        let term = current_term(&mut transaction, &self.name, "").await;
        Ok(transaction.conclude(term).await?.unwrap_or(0))
    }

    /// Enters a term; `false` if another one has entered a later one.
    async fn enter(&self, lease: &LeaseRecord) -> Result<bool, StoreError> {
        let now = server_time(self.store.backend());
        let (term, holder) = (integer(lease.term)?, lease.holder.as_deref().unwrap_or_default());
        let mut transaction = self.store.begin().await?;
        let result = async {
            let mut sql = transaction.sql();
            sql.push("UPDATE ").name(TABLE).push(" SET ").name("term").push(" = ").integer(term);
            sql.push(", ").name("holder").push(" = ").text(holder);
            for time in ["acquiredAt", "renewedAt"] {
                sql.push(", ").name(time).push(&format!(" = {now}"));
            }
            sql.push(" WHERE ").name("name").push(" = ").text(&self.name).push(" AND ").name("term").push(" < ");
            sql.integer(term);
            if transaction.execute(sql).await? > 0 {
                return Ok(true);
            }
            let mut sql = transaction.sql();
            sql.push("INSERT INTO ").name(TABLE).push(" VALUES (").text(&self.name).push(", ").text(holder);
            sql.push(", ").integer(term).push(", 0, ").integer(millis(lease.duration));
            sql.push(&format!(", {now}, {now})"));
            transaction.execute(sql).await.map(|_| true)
        }
        .await;
        match transaction.conclude(result).await {
            Err(StoreError::Duplicate(_)) => Ok(false),
            result => result,
        }
    }
}

#[async_trait]
impl<L: LeaseStore> LeaseStore for FencedLease<L> {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.lease.read().await
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let begins = lease.holder.is_some() && seen.is_none_or(|seen| seen.term != lease.term);
        if !begins {
            return self.lease.write(seen, lease).await;
        }
        let term = lease.term.max(self.term().await? + 1);
        let Some(taken) = self.lease.write(seen, &LeaseRecord { term, ..lease.clone() }).await? else {
            return Ok(None);
        };
        match self.enter(&taken).await {
            Ok(true) => Ok(Some(taken)),
            failed => {
                self.lease.write(Some(&taken), &LeaseRecord { holder: None, ..taken.clone() }).await?;
                Ok(failed.map(|_| None)?)
            }
        }
    }
}
