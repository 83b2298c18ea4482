//! Short messages over a PUB/SUB channel: to all who listen at the time, and to nobody later.

use deadpool_redis::redis;
use std::time::Duration;

use deadpool_redis::redis::{PushKind, Value};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{Redis, RedisError, connector};

/// How many messages may wait for a listener; further ones are lost to it.
const WAITING: usize = 256;
/// How long the connection may be idle before it is tried.
const HEARTBEAT: Duration = Duration::from_secs(10);

impl Redis {
    /// Sends a message to all who listen to a channel.
    ///
    /// # Errors
    /// Why it could not be sent.
    pub async fn publish(&self, channel: &str, message: &str) -> Result<(), RedisError> {
        let mut connection = self.get().await?;
        let publish = redis::cmd("PUBLISH").arg(channel).arg(message).exec_async(&mut *connection).await;
        publish.map_err(|source| self.failed(source))
    }

    /// Listens to a channel over a connection of its own, and calls `received` with each message, until the connection is lost.
    ///
    /// # Errors
    /// Why there is no connection, or no more.
    pub async fn listen(&self, channel: &str, received: &(dyn Fn(&str) + Send + Sync + '_)) -> Result<(), RedisError> {
        let (sender, mut messages) = mpsc::channel(WAITING);
        let config = connector::config().set_push_sender(move |push: redis::PushInfo| {
            let message = match (&push.kind, &*push.data) {
                (PushKind::Message, [_, Value::BulkString(text)]) => String::from_utf8(text.clone()).ok(),
                (PushKind::Disconnection, _) => None,
                _ => return Ok(()),
            };
            let _ = sender.try_send(message);
            Ok::<(), redis::aio::SendError>(())
        });
        let mut connection = self.connect(&config).await?;
        connection.subscribe(channel).await.map_err(|source| self.failed(source))?;
        loop {
            match timeout(HEARTBEAT, messages.recv()).await {
                Ok(Some(Some(message))) => received(&message),
                Ok(_) => return Err(self.lost()),
                Err(_) => redis::cmd("PING").exec_async(&mut connection).await.map_err(|source| self.failed(source))?,
            }
        }
    }
}
