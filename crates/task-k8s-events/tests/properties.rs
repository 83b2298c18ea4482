//! The promise, over seeded schedules: whatever is written, updated, deleted and compacted, whichever requests fail, and
//! wherever the collector crashes, what is stored in the end is what the server had, or a gap covers it.
//!
//! A schedule runs on one thread with paused time over pipes in memory, so that a seed always gives the same run. Each
//! schedule draws its options; a writer changes events while a consumer stores batches; the consumer is dropped at random
//! polls, that is at any point where the collector awaits anything, and begins again from its stored cursor. Sometimes the
//! old one goes on beside the new one, as a leader does that has not noticed yet: its rows are stored, but its cursor is
//! refused.
//!
//! `TASKSERVER_TEST_SCHEDULES` sets how many schedules to run, `TASKSERVER_TEST_SEED` runs a single one.

mod common;

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use futures_util::StreamExt as _;
use serde_json::{Value, json};
use task_k8s_events::{Batch, Collector, CollectorOptions, Cursor, Error, Namespaces};
use taskserver_tests::kubernetes::{ApiServer, ChangeKind, Resource};
use tokio::time::{sleep, timeout};

use common::{Batches, Store, piped_client};

/// How a consumer does it wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Consumer {
    Correct,
    /// Stores the cursor before what it covers, with a chance to crash in between.
    CursorFirst,
    /// Lets any version replace any other.
    Unguarded,
}

const NAMESPACES: [&str; 3] = ["a", "b", "c"];

struct Schedule {
    server: Arc<ApiServer>,
    options: CollectorOptions,
    store: Store,
    consumer: Consumer,
    random: Rng,
    /// The version from which on each scope was followed: of its first stored cursor.
    starts: BTreeMap<String, u64>,
    /// What went wrong on the way, for the message.
    errors: BTreeMap<&'static str, usize>,
}

#[test]
fn what_is_stored_is_what_the_server_had_or_a_gap_covers_it() {
    if let Ok(seed) = std::env::var("TASKSERVER_TEST_SEED") {
        run(seed.parse().expect("a seed is a number"), Consumer::Correct).expect("the promise holds");
        return;
    }
    let schedules = std::env::var("TASKSERVER_TEST_SCHEDULES").map_or(2000, |it| it.parse().expect("a number"));
    let failures = run_many(schedules, Consumer::Correct, usize::MAX);
    assert!(
        failures.is_empty(),
        "{} of {schedules} schedules: {:#?}",
        failures.len(),
        &failures[..failures.len().min(3)]
    );
}

#[test]
fn a_cursor_stored_before_its_page_is_found_out() {
    assert!(!run_many(100, Consumer::CursorFirst, 1).is_empty());
}

#[test]
fn a_store_that_ignores_resource_versions_is_found_out() {
    assert!(!run_many(400, Consumer::Unguarded, 1).is_empty());
}

/// Runs seeds on two threads until so many have failed, and gives their messages.
fn run_many(schedules: u64, consumer: Consumer, enough: usize) -> Vec<String> {
    let next = AtomicU64::new(0);
    let work = || {
        let mut failures = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= schedules || failures.len() >= enough {
                return failures;
            }
            failures.extend(run(seed, consumer).err());
        }
    };
    std::thread::scope(|scope| {
        let threads = [scope.spawn(work), scope.spawn(work)];
        threads.into_iter().flat_map(|thread| thread.join().expect("no schedule panics")).collect()
    })
}

fn run(seed: u64, consumer: Consumer) -> Result<(), String> {
    // The collector's jitter is drawn from the thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut schedule = Schedule::new(seed, consumer).await;
        schedule.run(seed).await.map_err(|problem| format!("seed {seed}: {problem}; errors: {:?}", schedule.errors))
    })
}

impl Schedule {
    async fn new(seed: u64, consumer: Consumer) -> Self {
        let mut random = Rng::with_seed(seed);
        let namespaces = match random.u8(0..3) {
            0 => Namespaces::all(),
            1 => NAMESPACES.into_iter().fold(Namespaces::all(), Namespaces::including),
            _ => Namespaces::all().including("*").excluding("c"),
        };
        let options = CollectorOptions {
            cluster: "test".to_owned(),
            namespaces,
            page_size: random.u32(1..9),
            max_batch: random.usize(1..7),
            max_batch_delay: Duration::from_millis(random.u64(0..20)),
            watch_timeout: Duration::from_secs(random.u64(1..4)),
            request_timeout: Duration::from_millis(random.u64(300..2000)),
            min_backoff: Duration::from_millis(random.u64(10..200)),
            max_backoff: Duration::from_millis(500),
            max_requests_per_second: 10_000,
            ..CollectorOptions::default()
        };
        let server = Arc::new(ApiServer::start().await);
        if random.bool() {
            server.send_bookmarks(Duration::from_millis(random.u64(100..1500)));
        }
        Self {
            server,
            options,
            store: Store::default(),
            consumer,
            random,
            starts: BTreeMap::new(),
            errors: BTreeMap::new(),
        }
    }

    async fn run(&mut self, seed: u64) -> Result<(), String> {
        let calm = seed.is_multiple_of(8);
        let mut writer =
            Writer { server: self.server.clone(), random: self.random.fork(), alive: Vec::new(), names: 0 };
        for _ in 0..self.random.u8(0..30) {
            writer.write();
        }
        if !calm {
            self.server.fail_randomly(seed, self.random.f64() * 0.4);
        }
        let writing = tokio::spawn(writer.run(calm));
        let mut zombie: Option<Batches> = None;
        while !writing.is_finished() {
            let mut batches = self.begin();
            let mut polls = self.random.u32(1..400);
            loop {
                match next_or_crash(&mut batches, &mut polls).await {
                    Some(Ok(batch)) if self.random.u8(0..20) > 0 => self.apply(batch),
                    Some(Err(error)) => self.note(&error),
                    // A crash after the batch was read and before it was stored.
                    Some(Ok(_)) => break,
                    None => {
                        zombie = Some(batches).filter(|_| self.random.u8(0..4) == 0);
                        break;
                    }
                }
                if let Some(zombie) = zombie.as_mut().filter(|_| self.random.u8(0..3) == 0)
                    && let Ok(Some(Ok(batch))) = timeout(Duration::from_millis(5), zombie.next()).await
                {
                    self.store.apply_rows(batch, self.consumer != Consumer::Unguarded);
                }
                if writing.is_finished() {
                    break;
                }
            }
        }
        writing.await.map_err(|error| error.to_string())?;
        self.server.stop_failing();
        self.catch_up().await?;
        self.check(calm)
    }

    fn begin(&self) -> Batches {
        let collector = Collector::new(piped_client(&self.server), self.options.clone()).expect("good options");
        // As a consumer does that keeps the cursor as text.
        let text = serde_json::to_string(&self.store.cursor).expect("a cursor is JSON");
        collector.stream(serde_json::from_str(&text).expect("a cursor again"))
    }

    fn apply(&mut self, batch: Batch) {
        for (scope, version) in versions(&batch.cursor) {
            self.starts.entry(scope).or_insert(version);
        }
        match self.consumer {
            Consumer::Correct => self.store.apply(batch),
            Consumer::Unguarded => {
                self.store.cursor = Some(batch.cursor.clone());
                self.store.apply_rows(batch, false);
            }
            Consumer::CursorFirst => {
                self.store.cursor = Some(batch.cursor.clone());
                if self.random.u8(0..20) > 0 {
                    self.store.apply_rows(batch, true);
                }
            }
        }
    }

    fn note(&mut self, error: &Error) {
        *self.errors.entry(error.metric_label()).or_default() += 1;
    }

    /// Collects until an event that was written last in each namespace is there.
    async fn catch_up(&mut self) -> Result<(), String> {
        let last = |namespace: &str| {
            let event = json!({ "metadata": { "name": "last" } });
            self.server.create(Resource::Events, namespace, event)["metadata"]["uid"].clone()
        };
        let chosen = NAMESPACES.into_iter().filter(|namespace| self.options.namespaces.contains(namespace));
        let last: Vec<Value> = chosen.map(last).collect();
        let mut batches = self.begin();
        let done = |store: &Store| {
            last.iter().all(|uid| store.rows.contains_key(uid.as_str().expect("a uid"))) && follows(&store.cursor)
        };
        let collect = async {
            while !done(&self.store) {
                match batches.next().await.expect("the stream never ends") {
                    Ok(batch) => self.apply(batch),
                    Err(error) => self.note(&error),
                }
            }
        };
        timeout(Duration::from_secs(120), collect).await.map_err(|_| "does not catch up".to_owned())
    }

    fn check(&self, calm: bool) -> Result<(), String> {
        let mut history: BTreeMap<String, (String, u64, i64, Option<u64>)> = BTreeMap::new();
        for change in self.server.changes().into_iter().filter(|change| change.resource == Resource::Events) {
            let text = |field: &str| change.object["metadata"][field].as_str().expect("a text").to_owned();
            let count = change.object["count"].as_i64().unwrap_or_default();
            let entry = history.entry(text("uid")).or_insert((text("namespace"), 0, 0, None));
            if change.kind == ChangeKind::Deleted {
                entry.3 = Some(change.revision);
            } else {
                (entry.1, entry.2) = (change.revision, count);
            }
        }
        for (uid, row) in &self.store.rows {
            let Some((namespace, ..)) = history.get(uid) else {
                return Err(format!("the server never had the event {uid:?}: {:?}", row.event));
            };
            if !self.options.namespaces.contains(namespace) {
                return Err(format!("an event of the namespace {namespace} was not asked for"));
            }
        }
        for (uid, (namespace, written, count, deleted)) in &history {
            if !self.options.namespaces.contains(namespace) || deleted.is_some_and(|at| at <= self.start_of(namespace))
            {
                continue;
            }
            let stored = self.store.rows.get(uid).map(|row| {
                let version = row.event.resource_version.number().expect("a number");
                (version, row.event.count.unwrap_or_default(), row.deleted)
            });
            // A deletion that no gap covers was seen, with the last state of the event.
            let expected = (deleted.unwrap_or(*written), *count, deleted.is_some());
            if stored != Some(expected) && !deleted.is_some_and(|at| self.is_in_gap(namespace, at)) {
                return Err(format!(
                    "{uid} in {namespace} is stored as {stored:?} in place of {expected:?} (version, count, deleted); gaps: \
                     {:?}",
                    self.store.gaps
                ));
            }
        }
        if let Some(rejected) = self.store.rejected.first() {
            return Err(format!("what the server sent was rejected: {rejected:?}"));
        }
        let number = |version: &task_k8s_events::ResourceVersion| version.number().expect("a number");
        for gap in &self.store.gaps {
            if number(&gap.from.resource_version) > number(&gap.to.resource_version) {
                return Err(format!("a gap ends before it begins: {gap:?}"));
            }
        }
        if calm && !self.store.gaps.is_empty() {
            return Err(format!("gaps without a cause: {:?}", self.store.gaps));
        }
        Ok(())
    }

    /// From where on the scope of a namespace was followed.
    fn start_of(&self, namespace: &str) -> u64 {
        let own = self.starts.get(&format!("namespace={namespace}"));
        let all = || self.starts.iter().find(|(scope, _)| scope.starts_with("namespaces=")).map(|(_, start)| start);
        own.or_else(all).copied().unwrap_or_default()
    }

    fn is_in_gap(&self, namespace: &str, revision: u64) -> bool {
        self.store.gaps.iter().any(|gap| {
            let (from, to) = (gap.from.resource_version.number(), gap.to.resource_version.number());
            gap.namespace.as_deref().is_none_or(|scope| scope == namespace)
                && from < Some(revision)
                && Some(revision) <= to
        })
    }
}

/// Whether no list is under way, whose end could still tell of a gap.
fn follows(cursor: &Option<Cursor>) -> bool {
    let cursor = serde_json::to_value(cursor).expect("a cursor is JSON");
    let positions = cursor["positions"].as_object().expect("positions");
    positions.values().all(|position| position["phase"] == "following")
}

/// The versions from which the scopes of a cursor are or will be watched.
fn versions(cursor: &Cursor) -> Vec<(String, u64)> {
    let cursor = serde_json::to_value(cursor).expect("a cursor is JSON");
    let positions = cursor["positions"].as_object().expect("positions");
    let version = |position: &Value| {
        let point = if position["phase"] == "listing" { &position["start"] } else { position };
        point["resource_version"].as_str().expect("a version").parse().expect("a number")
    };
    positions.iter().map(|(scope, position)| (scope.clone(), version(position))).collect()
}

/// The next item, unless the collector is polled too often before: then it has crashed.
async fn next_or_crash(batches: &mut Batches, polls: &mut u32) -> Option<Result<Batch, Error>> {
    poll_fn(|context| {
        if *polls == 0 {
            return Poll::Ready(None);
        }
        *polls -= 1;
        batches.poll_next_unpin(context)
    })
    .await
}

/// Writes, updates and deletes events, lets the revision move on and compacts, at random times.
struct Writer {
    server: Arc<ApiServer>,
    random: Rng,
    alive: Vec<(&'static str, String)>,
    names: usize,
}

impl Writer {
    async fn run(mut self, calm: bool) {
        for _ in 0..self.random.u8(20..80) {
            let pause = if self.random.u8(0..12) == 0 { 6000 } else { 300 };
            sleep(Duration::from_millis(self.random.u64(0..pause))).await;
            match self.random.u8(0..20) {
                0..6 => self.write(),
                6..11 => self.update(),
                11..15 => self.delete(),
                15..17 => self.server.skip_to_revision(self.server.revision() + self.random.u64(1..50)),
                17 if !calm => self.server.cut_connections(),
                18.. if !calm => {
                    let behind = self.random.u64(0..20);
                    self.server.compact(self.server.revision().saturating_sub(behind));
                }
                _ => {}
            }
        }
    }

    fn write(&mut self) {
        let namespace = *self.random.choice(&NAMESPACES).expect("a choice");
        self.names += 1;
        // Names are in no order, so that pages and time have nothing to do with each other.
        let name = format!("{:04x}-{}", self.random.u16(..), self.names);
        let event = json!({ "metadata": { "name": name }, "type": "Normal", "reason": "Test", "count": 1 });
        self.server.create(Resource::Events, namespace, event);
        self.alive.push((namespace, name));
    }

    fn update(&mut self) {
        if let Some((namespace, name)) = self.random.choice(&self.alive) {
            let count = self.random.u32(2..);
            self.server.patch(Resource::Events, namespace, name, &json!({ "count": count }));
        }
    }

    fn delete(&mut self) {
        if !self.alive.is_empty() {
            let (namespace, name) = self.alive.swap_remove(self.random.usize(0..self.alive.len()));
            self.server.delete(Resource::Events, namespace, &name);
        }
    }
}
