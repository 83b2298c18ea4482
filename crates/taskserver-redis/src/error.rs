//! What goes wrong with Redis.

use deadpool::managed::PoolError;
use deadpool_redis::redis;

/// What goes wrong with Redis. Messages name the servers and never a password.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisError {
    /// The options make no connection.
    #[error("Redis at {address} cannot be used as it is configured: {source}")]
    Options {
        /// Hosts and ports.
        address: String,
        /// What is wrong.
        source: redis::RedisError,
    },
    /// No connection could be had.
    #[error(
        "cannot connect to Redis at {address}: {source}; check the settings under `redis`, and \
         that the server is Redis 6 or newer"
    )]
    Connect {
        /// Hosts and ports.
        address: String,
        /// Why.
        source: redis::RedisError,
    },
    /// No connection of the pool was free in time.
    #[error("no connection to Redis at {address} is free: {source}")]
    Pool {
        /// Hosts and ports.
        address: String,
        /// Why.
        source: PoolError<redis::RedisError>,
    },
    /// A command failed.
    #[error("Redis at {address} failed: {source}")]
    Command {
        /// Hosts and ports.
        address: String,
        /// Why.
        source: redis::RedisError,
    },
    /// The connection is gone.
    #[error("Redis at {address} has closed the connection")]
    Lost {
        /// Hosts and ports.
        address: String,
    },
}
