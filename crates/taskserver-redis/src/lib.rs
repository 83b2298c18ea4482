//! Redis for `taskserver`: its events reach the platform's other services through Redis, and theirs reach it.
//!
//! [`Redis`] is how the server is reached: standalone, through Sentinel or in a cluster, with password and TLS.
//! [`FeathersSync`] joins an app to the platform's PUB/SUB channel.
//!
//! ```no_run
//! # async fn example(app: &taskserver_core::App) -> Result<(), taskserver_redis::RedisError> {
//! use std::time::Duration;
//! use taskserver_redis::{FeathersSync, FeathersSyncOptions, Redis, RedisOptions};
//!
//! let redis = Redis::new(&RedisOptions::standalone("127.0.0.1", 6379))?;
//! let sync = FeathersSync::new(&redis, FeathersSyncOptions::default()).start(app);
//! // …the app runs…
//! sync.stop(Duration::from_secs(3)).await;
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod channel;
mod connector;
mod error;
pub mod flatted;
mod options;
mod pool;
mod sync;

pub use error::RedisError;
pub use options::RedisOptions;
pub use pool::Redis;
pub use sync::{FEATHERS_SYNC, FeathersSync, FeathersSyncOptions, RunningSync};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
