//! An app with two services, and what happens around it on the wire.

use std::time::Duration;

use deadpool_redis::redis;
use deadpool_redis::redis::AsyncTypedCommands as _;
use deadpool_redis::redis::aio::{MultiplexedConnection, PubSubStream};
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use taskserver_core::{App, Field, FieldType, Health, MemoryService, Schema};
use taskserver_redis::flatted::Document;
use taskserver_redis::{FEATHERS_SYNC, FeathersSync, FeathersSyncOptions, Redis, RedisOptions, RunningSync};
use url::Url;

/// Beyond any wait of the adapter's, even on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// An app with the services `analytics` and `user`.
pub(crate) fn app() -> App {
    let service = |fields: &[Field]| MemoryService::new(Schema::new(fields.to_vec()));
    let (id, created_at) = (Field::required("id", FieldType::ID), Field::nullable("createdAt", FieldType::DateTime));
    let (kind, count) = (Field::required("type", FieldType::TEXT), Field::nullable("count", FieldType::INT));
    App::builder()
        .service("analytics", service(&[id.clone(), kind, count, created_at]))
        .service("user", service(&[id, Field::nullable("name", FieldType::TEXT)]))
        .build()
        .unwrap()
}

pub(crate) fn options(url: &str) -> RedisOptions {
    let url = Url::parse(url).unwrap();
    let options = RedisOptions::standalone(url.host_str().unwrap(), url.port().unwrap());
    options.with_password(url.password().unwrap_or_default())
}

pub(crate) fn start(app: &App, url: &str, sync: FeathersSyncOptions) -> RunningSync {
    FeathersSync::new(&Redis::new(&options(url)).unwrap(), sync).start(app)
}

/// The same, as soon as it is connected.
pub(crate) async fn connect(app: &App, url: &str, sync: FeathersSyncOptions) -> RunningSync {
    let sync = start(app, url, sync);
    eventually("connected", || is_connected(app)).await;
    sync
}

pub(crate) fn health(app: &App) -> Health {
    let components = app.health().components();
    components.into_iter().find(|component| component.name == FEATHERS_SYNC).unwrap().health
}

pub(crate) fn is_connected(app: &App) -> bool {
    health(app) == Health::Ready
}

/// The value of a metric, such as `redis_events_sent_total`.
pub(crate) fn metric(app: &App, name: &str) -> u64 {
    let text = app.metrics().encode();
    let line = text.lines().find_map(|line| line.strip_prefix("taskserver_")?.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no metric {name} in\n{text}")).parse().unwrap()
}

pub(crate) fn dropped(app: &App, direction: &str, reason: &str) -> u64 {
    metric(app, &format!(r#"redis_events_dropped_total{{direction="{direction}",reason="{reason}"}}"#))
}

pub(crate) async fn eventually(what: &str, holds: impl Fn() -> bool) {
    let wait = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never {what}"));
}

pub(crate) async fn create_analytics(app: &App, count: usize) {
    app.service("analytics").create(json!({"type": "activeChannels", "count": count})).await.unwrap();
}

/// Anyone who listens to the channel and speaks on it.
pub(crate) struct Wire {
    connection: MultiplexedConnection,
    messages: PubSubStream,
    _subscription: redis::aio::PubSubSink,
}

impl Wire {
    pub(crate) async fn join(url: &str) -> Self {
        let client = redis::Client::open(url).unwrap();
        let (mut subscription, messages) = client.get_async_pubsub().await.unwrap().split();
        subscription.subscribe("feathers-sync").await.unwrap();
        let connection = client.get_multiplexed_async_connection().await.unwrap();
        Self { connection, messages, _subscription: subscription }
    }

    /// The next message, as the object that it is.
    pub(crate) async fn next(&mut self) -> Value {
        let message = tokio::time::timeout(PATIENCE, self.messages.next()).await.expect("a message").unwrap();
        Document::parse(message.get_payload_bytes(), 1 << 20).unwrap().root().unwrap()
    }

    pub(crate) async fn publish(&mut self, text: impl AsRef<[u8]>) {
        self.connection.publish("feathers-sync", text.as_ref()).await.unwrap();
    }

    pub(crate) async fn publish_event(&mut self, event: &str, path: &str, data: Value) {
        self.publish(taskserver_redis::flatted::to_string(&json!({"event": event, "path": path, "data": data}))).await;
    }
}
