//! Notifications: what PostgreSQL tells whoever listens. The other databases have none.

use std::pin::pin;
use std::time::Duration;

use deadpool::managed::Manager as _;
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::pool::Pool;
use crate::{Store, StoreError};

/// How long a connection may be silent before it is asked whether it lives: one that was cut would be silent for ever.
const SILENCE: Duration = Duration::from_secs(15);

/// The notifications of one channel, over a connection of their own, which is none of the pool's.
pub struct Notifications {
    connection: AsyncPgConnection,
    connect_timeout: Duration,
}

impl Store {
    /// Listens on a channel of PostgreSQL's; `None` where the database has no notifications.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn listen(&self, channel: &str) -> Result<Option<Notifications>, StoreError> {
        let Pool::Postgres(pool) = self.pool() else { return Ok(None) };
        let connect_timeout = self.options().connect_timeout;
        let unreachable = || StoreError::Unreachable {
            database: self.options().database(),
            reason: format!("no answer within {} s", connect_timeout.as_secs_f64()),
        };
        let mut connection = timeout(connect_timeout, pool.manager().create()).await.map_err(|_| unreachable())??;
        connection.batch_execute(&format!("LISTEN {}", self.quote(channel))).await?;
        Ok(Some(Notifications { connection, connect_timeout }))
    }
}

impl Notifications {
    /// The text of the next notification. Whoever stops waiting in the middle misses none.
    ///
    /// # Errors
    /// [`StoreError::Lost`]: what is told from then on is missed, until somebody listens again.
    pub async fn next(&mut self) -> Result<String, StoreError> {
        loop {
            let next = {
                let mut stream = pin!(self.connection.notifications_stream());
                timeout(SILENCE, stream.next()).await
            };
            match next {
                Ok(Some(Ok(notification))) => return Ok(notification.payload),
                Ok(Some(Err(error))) => return Err(error.into()),
                Ok(None) => return Err(StoreError::Lost("the connection that listens has ended".into())),
                Err(_) => self.ping().await?,
            }
        }
    }

    async fn ping(&mut self) -> Result<(), StoreError> {
        let answer = timeout(self.connect_timeout, self.connection.batch_execute("SELECT 1")).await;
        answer.map_err(|_| StoreError::Lost("the connection that listens does not answer".into()))??;
        Ok(())
    }
}
