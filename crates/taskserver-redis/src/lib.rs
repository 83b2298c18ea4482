//! Redis for `taskserver`: a bounded pool of connections, and a probe of the server's health.
//!
//! ```no_run
//! # async fn example() -> Result<(), taskserver_redis::RedisError> {
//! use taskserver_redis::{Redis, RedisOptions};
//!
//! let redis = Redis::new(&RedisOptions { host: "127.0.0.1".into(), port: 6379, password: None })?;
//! redis.ping().await?;
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use deadpool_redis::redis::{self, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo};
use deadpool_redis::{Manager, Pool, PoolError, Runtime};
use taskserver_core::{PoolUse, Probe};

/// Connections at most: the server's own use of Redis is light.
const MAX_CONNECTIONS: usize = 4;
/// How long to wait for a free connection, and for the server to accept one.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Where Redis is.
#[derive(Clone)]
pub struct RedisOptions {
    /// The host's name or address.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The password of the default user, as it is (not URL-encoded).
    pub password: Option<String>,
}

impl fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "redis://{}:{}", self.host, self.port)
    }
}

/// What goes wrong with Redis. Messages name the server and never the password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The options make no connection.
    #[error("the Redis server {address} cannot be used")]
    Options {
        /// Host and port.
        address: String,
        /// What is wrong.
        source: redis::RedisError,
    },
    /// No connection could be had.
    #[error("cannot connect to Redis at {address}: {source}; check `redis.address`, `redis.port` and `redis.password`")]
    Connect {
        /// Host and port.
        address: String,
        /// Why.
        source: PoolError,
    },
    /// A command failed.
    #[error("Redis at {address} failed: {source}")]
    Command {
        /// Host and port.
        address: String,
        /// Why.
        source: redis::RedisError,
    },
}

/// A bounded pool of connections. It connects when it is first used; cloning is cheap.
#[derive(Clone)]
pub struct Redis {
    pool: Pool,
    address: String,
}

impl Redis {
    /// A pool for these options. Does not connect yet.
    ///
    /// # Errors
    /// [`RedisError::Options`] where the options make no connection.
    pub fn new(options: &RedisOptions) -> Result<Self, RedisError> {
        let address = format!("{}:{}", options.host, options.port);
        let manager = connection_info(options)
            .and_then(Manager::new)
            .map_err(|source| RedisError::Options { address: address.clone(), source })?;
        let pool = Pool::builder(manager)
            .max_size(MAX_CONNECTIONS)
            .wait_timeout(Some(TIMEOUT))
            .create_timeout(Some(TIMEOUT))
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
        let address = || self.address.clone();
        let mut connection =
            self.pool.get().await.map_err(|source| RedisError::Connect { address: address(), source })?;
        redis::cmd("PING")
            .query_async(&mut connection)
            .await
            .map_err(|source| RedisError::Command { address: address(), source })
    }
}

fn connection_info(options: &RedisOptions) -> Result<ConnectionInfo, redis::RedisError> {
    let info = ConnectionAddr::Tcp(options.host.clone(), options.port).into_connection_info()?;
    Ok(match options.password.as_deref() {
        None | Some("") => info,
        Some(password) => info.set_redis_settings(RedisConnectionInfo::default().set_password(password)),
    })
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
