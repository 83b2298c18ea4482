//! A lease that is a row.

use std::time::Duration;

use async_trait::async_trait;
use taskserver_core::{LeaseError, LeaseRecord, LeaseStore};

use super::{TABLE, integer, millis, of_its_own, server_time};
use crate::sql::Row;
use crate::{Sql, Store, StoreError};

/// A lease in the database.
///
/// ```
/// use taskserver_core::{App, Election, ElectionOptions};
/// use taskserver_store::{LEADERSHIP, SqlHistory, SqlLease, Store, StoreOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
/// store.migrate().await?;
/// let election = Election::new(SqlLease::new(&store, LEADERSHIP)?, "pod-1", ElectionOptions::default())?;
/// let app = App::builder()
///     .instance("pod-1")
///     .election(election)
///     .history(SqlHistory::new(&store, "pod-1").fenced(LEADERSHIP))
///     .build()?;
/// app.start();
/// assert_eq!(app.leadership().leading().await.term(), Some(1));
/// app.stop(std::time::Duration::from_secs(30)).await;
/// # Ok(())
/// # }
/// ```
pub struct SqlLease {
    store: Store,
    name: String,
}

impl SqlLease {
    /// The lease of this name. It has a connection of its own, so that it is renewed however busy the store's are. Its table is
    /// made by [`Store::migrate`].
    ///
    /// # Errors
    /// [`StoreError::Options`].
    pub fn new(store: &Store, name: &str) -> Result<Self, StoreError> {
        Ok(Self { store: of_its_own(store)?, name: name.to_owned() })
    }

    async fn select(&self) -> Result<Option<LeaseRecord>, StoreError> {
        let backend = self.store.backend();
        let [holder, term, renewals, duration] =
            ["holder", "term", "renewals", "durationMillis"].map(|name| backend.as_text(&backend.quote(name)));
        let mut sql = self.store.sql();
        sql.push(&format!("SELECT {holder}, {term}, {renewals}, {duration} FROM ")).name(TABLE);
        sql.push(" WHERE ").name("name").push(" = ").text(&self.name);
        let rows = self.store.lease().await?.load(sql).await?;
        rows.into_iter().next().map(record).transpose()
    }

    async fn insert(&self, lease: &LeaseRecord) -> Result<bool, StoreError> {
        let now = server_time(self.store.backend());
        let mut sql = self.store.sql();
        sql.push("INSERT INTO ").name(TABLE).push(" VALUES (").text(&self.name).push(", ");
        push_holder(&mut sql, lease).push(", ").integer(integer(lease.term)?).push(", 0, ");
        sql.integer(millis(lease.duration)).push(&format!(", {now}, {now})"));
        match self.store.lease().await?.execute(sql).await {
            Ok(_) => Ok(true),
            Err(StoreError::Duplicate(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn update(&self, seen: &LeaseRecord, lease: &LeaseRecord) -> Result<bool, StoreError> {
        let now = server_time(self.store.backend());
        let mut sql = self.store.sql();
        sql.push("UPDATE ").name(TABLE).push(" SET ").name("holder").push(" = ");
        push_holder(&mut sql, lease);
        sql.push(", ").name("term").push(" = ").integer(integer(lease.term)?);
        sql.push(", ").name("renewals").push(" = ").integer(renewals(&seen.version)? + 1);
        sql.push(", ").name("durationMillis").push(" = ").integer(millis(lease.duration));
        sql.push(", ").name("renewedAt").push(&format!(" = {now}"));
        if lease.term != seen.term {
            sql.push(", ").name("acquiredAt").push(&format!(" = {now}"));
        }
        sql.push(" WHERE ").name("name").push(" = ").text(&self.name);
        sql.push(" AND ").name("term").push(" = ").integer(integer(seen.term)?);
        sql.push(" AND ").name("renewals").push(" = ").integer(renewals(&seen.version)?);
        Ok(self.store.lease().await?.execute(sql).await? == 1)
    }
}

#[async_trait]
impl LeaseStore for SqlLease {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        Ok(self.select().await?)
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let (written, version) = match seen {
            None => (self.insert(lease).await?, 0),
            Some(seen) => (self.update(seen, lease).await?, renewals(&seen.version)? + 1),
        };
        Ok(written.then(|| LeaseRecord { version: version.to_string(), ..lease.clone() }))
    }
}

fn record(Row(cells): Row) -> Result<LeaseRecord, StoreError> {
    let broken = || StoreError::Answer(format!("a row of `{TABLE}` is broken: {cells:?}"));
    let [holder, Some(term), Some(renewals), Some(duration)] = &cells[..] else { return Err(broken()) };
    Ok(LeaseRecord {
        holder: holder.clone(),
        term: term.parse().map_err(|_| broken())?,
        duration: Duration::from_millis(duration.parse().map_err(|_| broken())?),
        version: renewals.clone(),
    })
}

fn push_holder<'a>(sql: &'a mut Sql, lease: &LeaseRecord) -> &'a mut Sql {
    match &lease.holder {
        Some(holder) => sql.text(holder),
        None => sql.push("NULL"),
    }
}

fn renewals(version: &str) -> Result<i64, StoreError> {
    version.parse().map_err(|_| StoreError::Answer(format!("'{version}' is no number of renewals")))
}
