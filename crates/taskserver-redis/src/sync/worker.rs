//! The task that sends and receives.

use deadpool_redis::redis;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::PushKind;
use deadpool_redis::redis::aio::MultiplexedConnection;
use futures_util::FutureExt as _;
use taskserver_core::{App, Event, Health, HealthReporter, Lagged, Subscription};
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use uuid::Uuid;

use super::inbox::Inbox;
use super::metrics::{Counts, Dropped};
use super::outbox::Outbox;
use super::{FEATHERS_SYNC, FeathersSyncOptions, message};
use crate::{Redis, RedisError, connector};

/// How many messages, and bytes, are sent in one round trip.
const BATCH: usize = 128;
const BATCH_BYTES: usize = 256 * 1024;
/// How long the connection may be idle before it is tried.
const HEARTBEAT: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Tells when to stop, and the deadline for what is left to be sent. Dropped, it says: at once.
type Stop = oneshot::Receiver<Instant>;

/// Does the work of a synchronisation.
pub(super) struct Worker {
    redis: Redis,
    publish: BTreeSet<String>,
    channel: String,
    max_message_bytes: usize,
    events: Subscription,
    outbox: Outbox,
    inbox: Arc<Inbox>,
    health: HealthReporter,
    counts: Counts,
}

/// A connection that is subscribed to the channel.
struct Link {
    connection: MultiplexedConnection,
    /// Told when the connection is lost.
    lost: Arc<Notify>,
}

impl Worker {
    pub(super) fn new(redis: Redis, options: FeathersSyncOptions, app: &App) -> Self {
        let FeathersSyncOptions { publish, receive, channel, queue, max_message_bytes } = options;
        let counts = Counts::register(app.metrics());
        let known = app.services().iter().map(|(path, _)| path.to_owned());
        let inbox = Inbox {
            bus: app.events().clone(),
            paths: known.chain(receive).collect(),
            sender: Uuid::new_v4().to_string(),
            max_message_bytes,
            counts: counts.clone(),
        };
        Self {
            redis,
            publish,
            channel,
            max_message_bytes,
            events: app.events().subscribe(),
            outbox: Outbox::new(queue.max(1), counts.clone()),
            inbox: Arc::new(inbox),
            // Work goes on without Redis.
            health: app.health().register(FEATHERS_SYNC, false),
            counts,
        }
    }

    /// Sends and receives until told to stop, then sends what is left.
    pub(super) async fn run(mut self, mut stop: Stop) {
        let mut pause = FIRST_PAUSE;
        let deadline = loop {
            let error = match self.accept_during(until(&mut stop, self.connecting())).await {
                ControlFlow::Break(deadline) => break deadline,
                ControlFlow::Continue(Err(error)) => error,
                ControlFlow::Continue(Ok(mut link)) => {
                    pause = FIRST_PAUSE;
                    self.health.report(Health::Ready);
                    match self.exchange(&mut link, &mut stop).await {
                        ControlFlow::Break(deadline) => {
                            // The link is still good.
                            return self.finish(Some(link), deadline).await;
                        }
                        ControlFlow::Continue(error) => error,
                    }
                }
            };
            self.health.report(Health::Degraded(format!("{error}; events wait until it is back")));
            if let ControlFlow::Break(deadline) = self.accept_during(until(&mut stop, sleep(jittered(pause)))).await {
                break deadline;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        };
        self.finish(None, deadline).await;
    }

    /// Connects and subscribes.
    fn connecting(&self) -> impl Future<Output = Result<Link, RedisError>> + use<> {
        let (redis, channel, inbox) = (self.redis.clone(), self.channel.clone(), Arc::clone(&self.inbox));
        async move {
            let lost = Arc::new(Notify::new());
            let losing = Arc::clone(&lost);
            let config = connector::config().set_push_sender(move |push: redis::PushInfo| {
                if push.kind == PushKind::Disconnection {
                    losing.notify_one();
                }
                inbox.take(&push);
                Ok::<(), redis::aio::SendError>(())
            });
            let mut connection = redis.connect(&config).await?;
            connection.subscribe(&channel).await.map_err(|error| redis.failed(error))?;
            Ok(Link { connection, lost })
        }
    }

    /// Sends and receives over a connection until it fails, or until told to stop by the deadline that is returned.
    async fn exchange(&mut self, link: &mut Link, stop: &mut Stop) -> ControlFlow<Instant, RedisError> {
        let mut heartbeat = Instant::now() + HEARTBEAT;
        loop {
            let idle = self.outbox.len() == 0;
            let outcome = tokio::select! {
                biased;
                deadline = &mut *stop => return ControlFlow::Break(deadline.unwrap_or_else(|_| Instant::now())),
                () = link.lost.notified() => return ControlFlow::Continue(self.redis.lost()),
                () = std::future::ready(()), if !idle => self.send_batch(link).await,
                () = sleep_until(heartbeat) => self.ping(link).await,
                Some(event) = self.events.next() => {
                    self.accept(event);
                    continue;
                }
            };
            match outcome {
                Ok(()) => heartbeat = Instant::now() + HEARTBEAT,
                Err(error) => return ControlFlow::Continue(error),
            }
        }
    }

    /// Sees whether the connection, and with it the subscription, is alive.
    async fn ping(&mut self, link: &mut Link) -> Result<(), RedisError> {
        let ping = redis::cmd("PING");
        let answer = self.accept_during(ping.exec_async(&mut link.connection)).await;
        answer.map_err(|error| self.redis.failed(error))
    }

    /// Sends the oldest messages. They stay in the outbox unless Redis has taken all of them.
    async fn send_batch(&mut self, link: &mut Link) -> Result<(), RedisError> {
        let mut batch = redis::pipe();
        for message in self.outbox.begin(BATCH, BATCH_BYTES) {
            batch.publish(&self.channel, message).ignore();
        }
        let sent = self.accept_during(batch.exec_async(&mut link.connection)).await;
        match sent {
            Ok(()) => {
                self.outbox.taken();
                Ok(())
            }
            Err(error) => {
                self.outbox.retry();
                Err(self.redis.failed(error))
            }
        }
    }

    /// Waits for something else, and goes on taking events from the bus meanwhile.
    async fn accept_during<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = std::pin::pin!(future);
        loop {
            tokio::select! {
                output = &mut future => return output,
                Some(event) = self.events.next() => self.accept(event),
            }
        }
    }

    fn accept(&mut self, event: Result<Event, Lagged>) {
        match event {
            Ok(event) if event.from_elsewhere || !self.publish.contains(&*event.service) => {}
            Ok(event) => {
                let message = message::encode(&event, &self.inbox.sender);
                if message.len() > self.max_message_bytes {
                    self.counts.drop(Dropped::TooLargeToSend, 1);
                } else {
                    self.outbox.push(message);
                }
            }
            Err(Lagged(missed)) => self.counts.drop(Dropped::Missed, missed),
        }
    }

    /// Sends what is left, as long as there is time.
    async fn finish(mut self, link: Option<Link>, deadline: Instant) {
        let _ = timeout_at(deadline, self.send_rest(link)).await;
        let lost = self.outbox.give_up();
        if lost > 0 {
            tracing::warn!(events = lost, "events could not be sent to Redis before the end");
        }
    }

    async fn send_rest(&mut self, link: Option<Link>) -> Result<(), RedisError> {
        // What is on the bus already is there at once, if the runtime does not interrupt us for fairness.
        while let Some(Some(event)) = tokio::task::unconstrained(self.events.next()).now_or_never() {
            self.accept(event);
        }
        if self.outbox.len() == 0 {
            return Ok(());
        }
        let mut link = match link {
            Some(link) => link,
            None => self.connecting().await?,
        };
        while self.outbox.len() > 0 {
            self.send_batch(&mut link).await?;
        }
        Ok(())
    }
}

/// The future's output, or the deadline when told to stop meanwhile.
async fn until<F: Future>(stop: &mut Stop, future: F) -> ControlFlow<Instant, F::Output> {
    tokio::select! {
        biased;
        deadline = stop => ControlFlow::Break(deadline.unwrap_or_else(|_| Instant::now())),
        output = future => ControlFlow::Continue(output),
    }
}

/// Half of a pause to all of it, so that replicas do not come back together.
fn jittered(pause: Duration) -> Duration {
    pause.mul_f64(0.5 + fastrand::f64() / 2.0)
}
