//! What the tests of the collector share: clients of the stand-in, and a consumer's store.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use kube::client::Body;
use kube::{Client, Config};
use serde_json::{Value, json};
use task_k8s_events::{
    Batch, Change, ChangeKind, Collector, CollectorOptions, Cursor, Error, EventRecord, Gap, InvolvedObject,
    Namespaces, Rejected, ResourceVersion, connect,
};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use tokio::time::{sleep, timeout};

pub const EVENTS: Resource = Resource::Events;

/// A client over TCP, made as users make theirs.
pub fn client(server: &ApiServer) -> Client {
    connect(Config::new(server.url().parse().expect("a URL"))).expect("a client without TLS and credentials")
}

/// A client over pipes in memory: with paused time, what happens is the same in every run.
pub fn piped_client(server: &Arc<ApiServer>) -> Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: hyper::Request<Body>| {
        let server = server.clone();
        async move {
            let (mut sender, connection) = http1::handshake(TokioIo::new(server.connect())).await?;
            tokio::spawn(connection);
            sender.send_request(request).await
        }
    });
    Client::new(service, "default")
}

/// Options with short waits.
pub fn options() -> CollectorOptions {
    CollectorOptions {
        cluster: "test".to_owned(),
        watch_timeout: Duration::from_secs(1),
        min_backoff: Duration::from_millis(10),
        max_backoff: Duration::from_millis(50),
        max_requests_per_second: 10_000,
        ..CollectorOptions::default()
    }
}

pub fn in_namespaces(namespaces: Namespaces) -> CollectorOptions {
    CollectorOptions { namespaces, ..options() }
}

pub fn collector(server: &ApiServer, options: CollectorOptions) -> Collector {
    Collector::new(client(server), options).expect("good options")
}

/// What a consumer keeps. A batch and its cursor are stored as one.
#[derive(Default)]
pub struct Store {
    pub rows: BTreeMap<String, Row>,
    pub gaps: Vec<Gap>,
    pub rejected: Vec<Rejected>,
    pub cursor: Option<Cursor>,
}

pub struct Row {
    pub event: EventRecord,
    pub deleted: bool,
}

impl Store {
    pub fn apply(&mut self, batch: Batch) {
        self.cursor = Some(batch.cursor.clone());
        self.apply_rows(batch, true);
    }

    pub fn apply_rows(&mut self, batch: Batch, guarded: bool) {
        for change in batch.changes {
            let event = change.event;
            let newer = |row: &Row| !guarded || event.resource_version.replaces(&row.event.resource_version);
            if self.rows.get(&event.uid).is_none_or(newer) {
                self.rows.insert(event.uid.clone(), Row { event, deleted: change.kind == ChangeKind::Deleted });
            }
        }
        self.gaps.extend(batch.gap);
        self.rejected.extend(batch.rejected);
    }

    pub fn names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.rows.values().map(|row| row.event.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    pub fn named(&self, name: &str) -> Option<&EventRecord> {
        self.rows.values().map(|row| &row.event).find(|event| event.name == name)
    }
}

pub type Batches = BoxStream<'static, Result<Batch, Error>>;

/// The next batch, whatever fails before it.
pub async fn next_batch(batches: &mut Batches) -> Batch {
    let next = async {
        loop {
            if let Ok(batch) = batches.next().await.expect("the stream never ends") {
                return batch;
            }
        }
    };
    timeout(Duration::from_secs(60), next).await.expect("a batch comes")
}

/// The next error, whatever is read before it.
pub async fn next_error(batches: &mut Batches) -> Error {
    let next = async {
        loop {
            if let Err(error) = batches.next().await.expect("the stream never ends") {
                return error;
            }
        }
    };
    timeout(Duration::from_secs(60), next).await.expect("an error comes")
}

/// Stores batches until the store is as it should be.
pub async fn store_until(store: &mut Store, batches: &mut Batches, done: impl Fn(&Store) -> bool) {
    while !done(store) {
        store.apply(next_batch(batches).await);
    }
}

/// Writes an event with this name.
pub fn write(server: &ApiServer, namespace: &str, name: &str) -> Arc<Value> {
    let event = json!({ "metadata": { "name": name }, "type": "Normal", "reason": "Test", "count": 1 });
    server.create(EVENTS, namespace, event)
}

pub fn recording(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/kubernetes").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Writes so many events.
pub fn write_many(server: &ApiServer, count: usize) {
    for number in 0..count {
        write(server, "default", &format!("event-{number:05}"));
    }
}

/// A store that has followed the server up to now, and the stream that goes on.
pub async fn follow(server: &ApiServer, options: CollectorOptions) -> (Store, Batches) {
    let mut store = Store::default();
    let mut batches = collector(server, options).stream(None);
    let name = format!("marker-{}", server.revision());
    write(server, "default", &name);
    store_until(&mut store, &mut batches, |store| store.named(&name).is_some()).await;
    // One more comes from the watch, so that the list is surely over.
    let name = format!("marker-{}", server.revision());
    let next = store_until(&mut store, &mut batches, |store| store.named(&name).is_some());
    let writing = async {
        sleep(Duration::from_millis(20)).await;
        write(server, "default", &name);
    };
    tokio::join!(next, writing);
    (store, batches)
}

/// How many requests of this verb came.
pub fn count(server: &ApiServer, verb: &str) -> usize {
    server.requests().iter().filter(|request| request.verb == verb).count()
}

/// Writes what the recorded watch shows, so that every object gets the revision that it has in the recording.
pub fn replay<'a>(server: &ApiServer, lines: impl IntoIterator<Item = &'a Value>) {
    let mut lines: Vec<&Value> = lines.into_iter().filter(|line| line["type"] != "BOOKMARK").collect();
    let revision = |line: &Value| -> u64 {
        line["object"]["metadata"]["resourceVersion"].as_str().expect("a version").parse().expect("a number")
    };
    lines.sort_by_key(|line| revision(line));
    for line in lines {
        let mut object = line["object"].clone();
        let metadata = &mut object["metadata"];
        let text = |field: &str| metadata[field].as_str().expect("a text").to_owned();
        let (namespace, name) = (text("namespace"), text("name"));
        metadata.as_object_mut().expect("an object").remove("resourceVersion");
        server.skip_to_revision(revision(line) - 1);
        match line["type"].as_str() {
            Some("MODIFIED") => drop(server.patch(Resource::Events, &namespace, &name, &object)),
            _ => drop(server.create(Resource::Events, &namespace, object)),
        }
    }
}

pub fn recorded_watch() -> Vec<Value> {
    recording("k8s-events-watch.ndjson").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

pub fn revision(object: &Value) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

/// An event of the cluster `test`.
pub fn event(uid: &str, version: &str) -> EventRecord {
    EventRecord {
        cluster: "test".into(),
        uid: uid.into(),
        namespace: "default".into(),
        name: format!("event-{uid}"),
        resource_version: resource_version(version),
        involved: InvolvedObject { kind: "Pod".into(), name: "api".into(), ..InvolvedObject::default() },
        type_: "Normal".into(),
        reason: "Test".into(),
        message: "it happened".into(),
        action: None,
        count: Some(1),
        series: None,
        first_seen: None,
        last_seen: Some(time("2026-11-24T01:34:02Z")),
        event_time: None,
        created: None,
        source_component: None,
        source_host: None,
        reporting_component: None,
        reporting_instance: None,
        received: time("2026-11-24T01:34:03Z"),
    }
}

pub fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

pub fn resource_version(version: &str) -> ResourceVersion {
    serde_json::from_value(version.into()).expect("a version")
}

/// A batch that no server has sent.
pub fn batch(events: impl IntoIterator<Item = EventRecord>) -> Batch {
    let change = |event| Change { kind: ChangeKind::Applied, event };
    let cursor = json!({"cluster": "test", "positions": {}});
    Batch {
        changes: events.into_iter().map(change).collect(),
        rejected: Vec::new(),
        gap: None,
        cursor: serde_json::from_value::<Cursor>(cursor).expect("a cursor"),
    }
}
