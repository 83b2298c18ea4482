//! The pool of connections, and the probe of the server's health.

use async_trait::async_trait;
use deadpool::Runtime;
use deadpool::managed::{Object, Pool, PoolError};
use deadpool_redis::redis;
use deadpool_redis::redis::AsyncConnectionConfig;
use deadpool_redis::redis::aio::MultiplexedConnection;
use taskserver_core::{PoolUse, Probe};

use crate::connector::{Connector, TIMEOUT};
use crate::{RedisError, RedisOptions};

/// Connections at most: the server's own use of Redis is light.
const MAX_CONNECTIONS: usize = 4;

/// A bounded pool of connections. It connects when it is first used; cloning is cheap.
#[derive(Clone)]
pub struct Redis {
    pool: Pool<Connector>,
    address: String,
}

impl Redis {
    /// A pool for these options. Does not connect yet.
    ///
    /// # Errors
    /// [`RedisError::Options`] where the options make no connection.
    pub fn new(options: &RedisOptions) -> Result<Self, RedisError> {
        let address = options.servers.to_string();
        let connector =
            Connector::new(options).map_err(|source| RedisError::Options { address: address.clone(), source })?;
        let pool = Pool::builder(connector)
            .max_size(MAX_CONNECTIONS)
            .wait_timeout(Some(TIMEOUT))
            .recycle_timeout(Some(TIMEOUT))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a runtime is given, which is all that building a pool can lack");
        Ok(Self { pool, address })
    }

    /// One round trip.
    ///
    /// # Errors
    /// Why the server cannot be reached.
    pub async fn ping(&self) -> Result<(), RedisError> {
        let mut connection = self.get().await?;
        redis::cmd("PING").exec_async(&mut *connection).await.map_err(|source| self.failed(source))
    }

    /// A connection of the pool.
    pub(crate) async fn get(&self) -> Result<Object<Connector>, RedisError> {
        self.pool.get().await.map_err(|error| match error {
            PoolError::Backend(source) => self.unreachable(source),
            source => RedisError::Pool { address: self.address.clone(), source },
        })
    }

    /// A connection beside the pool, for a subscription.
    pub(crate) async fn connect(&self, config: &AsyncConnectionConfig) -> Result<MultiplexedConnection, RedisError> {
        self.pool.manager().connect(config).await.map_err(|source| self.unreachable(source))
    }

    fn unreachable(&self, source: redis::RedisError) -> RedisError {
        RedisError::Connect { address: self.address.clone(), source }
    }

    pub(crate) fn failed(&self, source: redis::RedisError) -> RedisError {
        RedisError::Command { address: self.address.clone(), source }
    }

    pub(crate) fn lost(&self) -> RedisError {
        RedisError::Lost { address: self.address.clone() }
    }
}

#[async_trait]
impl Probe for Redis {
    fn component(&self) -> &'static str {
        "redis"
    }

    async fn probe(&self) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.ping().await?)
    }

    fn pool(&self) -> Option<PoolUse> {
        let status = self.pool.status();
        Some(PoolUse { open: status.size, used: status.size - status.available, max: status.max_size })
    }
}
