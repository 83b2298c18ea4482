//! A lease that is kept elsewhere, with its terms in the database.

use async_trait::async_trait;
use taskserver_core::{LeaseError, LeaseRecord, LeaseStore};

use super::fence::current_term;
use super::{TABLE, integer, millis, of_its_own, server_time};
use crate::{Sql, Store, StoreError};

/// A lease that is kept elsewhere, such as in Kubernetes, and whose terms are known to the database as well, so that
/// [fences](crate::Fence) hold there.
///
/// Whoever takes the lease enters its term into the table `leadership` before it leads; where that fails, it gives the lease up.
/// Terms go on from the highest that the database knows, even where the lease itself was deleted. Each renewal is noted there
/// before the lease is renewed: a leader that cannot reach the database can do nothing, and leaves the lead to one that can; and
/// where some replicas hold their lease in the database alone, as during an upgrade, they see that there is a leader.
pub struct FencedLease<L> {
    lease: L,
    store: Store,
    name: String,
}

impl<L: LeaseStore> FencedLease<L> {
    /// The lease, with the terms of the leadership of this name. It has a connection of its own, so that it is renewed however
    /// busy the store's are.
    ///
    /// # Errors
    /// [`StoreError::Options`].
    pub fn new(lease: L, store: &Store, name: &str) -> Result<Self, StoreError> {
        Ok(Self { lease, store: of_its_own(store)?, name: name.to_owned() })
    }

    /// The lease that is kept elsewhere.
    #[must_use]
    pub fn inner(&self) -> &L {
        &self.lease
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
            sql.push(", ").name("durationMillis").push(" = ").integer(millis(lease.duration));
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

    /// Notes a renewal, or that the lease is given up; `false` if the term is over.
    async fn note(&self, lease: &LeaseRecord) -> Result<bool, StoreError> {
        let now = server_time(self.store.backend());
        let mut sql: Sql = self.store.sql();
        sql.push("UPDATE ").name(TABLE).push(" SET ").name("renewals").push(" = ").name("renewals").push(" + 1");
        sql.push(", ").name("renewedAt").push(&format!(" = {now}"));
        if lease.holder.is_none() {
            sql.push(", ").name("holder").push(" = NULL");
        }
        sql.push(" WHERE ").name("name").push(" = ").text(&self.name);
        sql.push(" AND ").name("term").push(" = ").integer(integer(lease.term)?);
        Ok(self.store.lease().await?.execute(sql).await? == 1)
    }
}

#[async_trait]
impl<L: LeaseStore> LeaseStore for FencedLease<L> {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.lease.read().await
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let begins = lease.holder.is_some() && seen.is_none_or(|seen| seen.term != lease.term);
        if begins {
            return self.begin(seen, lease).await;
        }
        if lease.holder.is_some() {
            return if self.note(lease).await? { self.lease.write(seen, lease).await } else { Ok(None) };
        }
        // The next leader needs the lease above all.
        let given_up = self.lease.write(seen, lease).await?;
        if let Err(error) = self.note(lease).await {
            tracing::debug!(%error, "that the lease was given up could not be noted in the database");
        }
        Ok(given_up)
    }
}

impl<L: LeaseStore> FencedLease<L> {
    async fn begin(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
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
