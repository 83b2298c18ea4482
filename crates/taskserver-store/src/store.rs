//! The store itself: a database, by its pool of connections.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::options::StoreOptions;
use crate::pool::{Lease, Peer, Pool, PoolStatus};
use crate::sql::Row;
use crate::{Backend, Sql, StoreError};

/// A database. Clones share its connections.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    options: StoreOptions,
    peer: Arc<Peer>,
    pool: Pool,
}

impl Store {
    /// A store over the database that the options name. It connects when it is first used, and again whenever a
    /// connection was lost: a database that cannot be reached yet is no error here.
    ///
    /// # Errors
    /// [`StoreError::Options`].
    pub fn new(options: StoreOptions) -> Result<Self, StoreError> {
        let pool = Pool::new(&options)?;
        let peer = Peer::new(&options);
        Ok(Self { shared: Arc::new(Shared { options, peer, pool }) })
    }

    /// The kind of the database.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.shared.options.backend()
    }

    /// The options that the store was made with.
    #[must_use]
    pub fn options(&self) -> &StoreOptions {
        &self.shared.options
    }

    /// An empty statement for this kind of database.
    #[must_use]
    pub fn sql(&self) -> Sql {
        Sql::new(self.backend())
    }

    /// An identifier, quoted as this kind of database has it.
    #[must_use]
    pub fn quote(&self, identifier: &str) -> String {
        self.backend().quote(identifier)
    }

    /// Asks the database for a sign of life, and says how long the answer took.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let mut lease = self.lease().await?;
        let start = Instant::now();
        lease.batch("SELECT 1").await?;
        Ok(start.elapsed())
    }

    /// Runs a statement that reads, and whose columns are all texts (see [`Backend::as_text`]). Answers its rows. Once more where
    /// the connection was lost.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn load(&self, sql: Sql) -> Result<Vec<Vec<Option<String>>>, StoreError> {
        let rows = read_again(|| async { self.lease().await?.load(sql.clone()).await }).await?;
        Ok(rows.into_iter().map(|Row(cells)| cells).collect())
    }

    /// How many connections there are, and who waits for one.
    #[must_use]
    pub fn pool_status(&self) -> PoolStatus {
        self.shared.pool.status()
    }

    /// Closes the connections: those in use when they come back. The store answers nothing any more.
    pub fn close(&self) {
        self.shared.pool.close();
    }

    pub(crate) fn pool(&self) -> &Pool {
        &self.shared.pool
    }

    pub(crate) async fn lease(&self) -> Result<Lease, StoreError> {
        Lease::take(&self.shared.pool, &self.shared.peer, &self.shared.options).await
    }
}

/// Reads again, once, where the connection was lost: reading twice changes nothing.
pub(crate) async fn read_again<T, F>(read: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    match read().await {
        Err(StoreError::Lost(reason)) => {
            tracing::debug!(reason, "the connection to the database was lost while reading; reading again");
            read().await
        }
        result => result,
    }
}
