//! Joins an app to the platform's `feathers-sync`: what happens in one process is told to all, over a PUB/SUB channel
//! of Redis.
//!
//! # Design
//!
//! One task does it all, over one connection: it takes events from the app's bus, as any subscriber does, and sends
//! those of the services that are to be published; the messages of others go onto the bus as
//! [`Event`](taskserver_core::Event)s from elsewhere. It never makes a writer wait: the bus does not, and behind it is
//! a bounded queue from which the oldest messages are dropped and counted while Redis is away. The connection is tried
//! again, with growing pauses, for as long as it takes.
//!
//! What can be relied on: events arrive in their order. One whose sending was cut short is sent again, and may arrive
//! twice. One that is lost is counted in `taskserver_redis_events_dropped_total`, with its reason. PUB/SUB itself keeps
//! nothing: what others send while we are away is lost to us, as ours is to those who are away.

mod inbox;
mod message;
mod metrics;
mod outbox;
mod worker;

use std::collections::BTreeSet;
use std::time::Duration;

use taskserver_core::App;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::Redis;
use worker::Worker;

/// The name of the component in the health registry: `ready` while it is connected, `degraded` while it is not.
pub const FEATHERS_SYNC: &str = "feathers-sync";

/// What is synchronised, and how much may wait.
#[derive(Debug, Clone)]
pub struct FeathersSyncOptions {
    /// The services whose events are published: `analytics` by default. A Node process that does not have a service
    /// throws when it receives an event of it, so name only what the whole platform has.
    pub publish: BTreeSet<String>,
    /// The services whose events are received, beside those that the app itself has.
    pub receive: BTreeSet<String>,
    /// The channel: `feathers-sync`, unless the platform has changed its option `key`.
    pub channel: String,
    /// How many events may wait while Redis is away: 1024 by default.
    pub queue: usize,
    /// The largest message that is sent or read, and the largest record that one may hold, in bytes: 1 MiB by default.
    pub max_message_bytes: usize,
}

impl Default for FeathersSyncOptions {
    fn default() -> Self {
        Self {
            publish: BTreeSet::from(["analytics".to_owned()]),
            receive: BTreeSet::new(),
            channel: "feathers-sync".to_owned(),
            queue: 1024,
            max_message_bytes: 1024 * 1024,
        }
    }
}

/// The synchronisation, before it is started.
pub struct FeathersSync {
    redis: Redis,
    options: FeathersSyncOptions,
}

impl FeathersSync {
    /// Synchronises through this Redis.
    #[must_use]
    pub fn new(redis: &Redis, options: FeathersSyncOptions) -> Self {
        Self { redis: redis.clone(), options }
    }

    /// Starts: events from now on are published, and what comes in goes onto the app's bus. Returns at once; whether
    /// Redis can be reached is told by the component [`FEATHERS_SYNC`] of the app's health. Must be called within a
    /// tokio runtime, and once for an app.
    #[must_use = "the synchronisation ends when this is dropped"]
    pub fn start(self, app: &App) -> RunningSync {
        let (stop, stopped) = oneshot::channel();
        let worker = Worker::new(self.redis, self.options, app);
        RunningSync { stop, worker: tokio::spawn(worker.run(stopped)) }
    }
}

/// A synchronisation that runs until this is stopped or dropped.
pub struct RunningSync {
    stop: oneshot::Sender<Instant>,
    worker: JoinHandle<()>,
}

impl RunningSync {
    /// Sends what has happened until now, and ends: when that is done, when `deadline` is over (and a command that is
    /// on its way has been answered or timed out, after three seconds at most), or when Redis fails. To be called when
    /// nothing writes any more.
    pub async fn stop(self, deadline: Duration) {
        // The worker ends only when it is told to, and a panic of it has been reported.
        let _ = self.stop.send(Instant::now() + deadline);
        let _ = self.worker.await;
    }
}
