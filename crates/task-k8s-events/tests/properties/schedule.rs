//! One schedule: from its seed to the check of what was stored.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use fastrand::Rng;
use futures_util::StreamExt as _;
use serde_json::json;
use task_k8s_events::{Batch, Collector, CollectorOptions, Error, Mode, Namespaces, Rejected};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use tokio::time::{sleep, timeout};

use crate::NAMESPACES;
use crate::common::Batches;
use crate::history::{self, Progress};
use crate::mutation::Mutation;
use crate::sink::{Sink, Stored};
use crate::writer::Writer;

/// Storing takes so many polls at most, or a few more.
const MOST_POLLS: u32 = 24;

/// The name of the cluster of a schedule: several of them may share a database.
pub(crate) fn cluster(seed: u64) -> String {
    format!("test-{seed}")
}

/// Runs the schedule of a seed.
pub(crate) fn run(seed: u64, mutation: Mutation, sink: impl Sink) -> Result<(), String> {
    // The collector's jitter is drawn from the thread's generator.
    fastrand::seed(seed);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let mut schedule = Schedule::new(seed, mutation, sink).await;
        schedule.run(seed).await.map_err(|problem| format!("seed {seed}: {problem}; errors: {:?}", schedule.errors))
    })
}

struct Schedule<S> {
    server: Arc<ApiServer>,
    options: CollectorOptions,
    mutation: Mutation,
    sink: S,
    random: Rng,
    progress: Progress,
    /// The uids of all events that were stored.
    stored: BTreeSet<String>,
    rejected: Vec<Rejected>,
    /// What went wrong on the way, for the message.
    errors: BTreeMap<&'static str, usize>,
}

impl<S: Sink> Schedule<S> {
    async fn new(seed: u64, mutation: Mutation, sink: S) -> Self {
        let mut random = Rng::with_seed(seed);
        let namespaces = match random.u8(0..3) {
            0 => Namespaces::all(),
            1 => NAMESPACES.into_iter().fold(Namespaces::all(), Namespaces::including),
            _ => Namespaces::all().including("*").excluding("c"),
        };
        let mode = match random.u8(0..5) {
            0 => Mode::Poll { interval: Duration::from_millis(random.u64(1000..4000)) },
            _ => Mode::Watch,
        };
        let options = CollectorOptions {
            cluster: cluster(seed),
            namespaces,
            mode,
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
            mutation,
            sink,
            random,
            progress: Progress::default(),
            stored: BTreeSet::new(),
            rejected: Vec::new(),
            errors: BTreeMap::new(),
        }
    }

    async fn run(&mut self, seed: u64) -> Result<(), String> {
        let calm = seed.is_multiple_of(8);
        let mut writer = Writer::new(self.server.clone(), self.random.fork());
        for _ in 0..self.random.u8(0..30) {
            writer.write();
        }
        if !calm {
            self.server.fail_randomly(seed, self.random.f64() * 0.4);
        }
        let writing = tokio::spawn(writer.run(calm));
        let mut old: Option<Batches> = None;
        while !writing.is_finished() {
            let mut batches = self.begin();
            let mut polls = self.random.u32(1..400);
            let mut held: Option<Batch> = None;
            loop {
                let patience = (self.random.u8(0..10) == 0).then(|| self.random.u32(0..MOST_POLLS));
                match next_or_crash(&mut batches, &mut polls).await {
                    Some(Ok(batch)) => {
                        let batch = match held.take() {
                            Some(held) => self.joined(held, batch),
                            None => batch,
                        };
                        if self.random.u8(0..4) == 0 {
                            held = Some(batch);
                        } else if self.store(batch, patience) == Stored::Unknown {
                            break;
                        }
                    }
                    Some(Err(error)) => {
                        if self.note(&error).await {
                            break;
                        }
                    }
                    None => {
                        old = Some(batches).filter(|_| self.random.u8(0..4) == 0);
                        break;
                    }
                }
                if let Some(old) = old.as_mut().filter(|_| self.random.u8(0..3) == 0)
                    && let Ok(Some(Ok(batch))) = timeout(Duration::from_millis(5), old.next()).await
                {
                    self.sink.store_late(batch);
                }
                if writing.is_finished() {
                    break;
                }
            }
        }
        writing.await.map_err(|error| error.to_string())?;
        self.server.stop_failing();
        self.catch_up().await?;
        let contents = self.sink.contents();
        if let Some(rejected) = self.rejected.first() {
            return Err(format!("what the server sent was rejected: {rejected:?}"));
        }
        if calm && !contents.gaps.is_empty() {
            return Err(format!("gaps without a cause: {:?}", contents.gaps));
        }
        let polls = self.options.mode != Mode::Watch;
        history::check(&self.server, &self.options.namespaces, polls, &self.progress, &contents)
    }

    /// Two batches as one, to be stored at once; or the second one, where the first one had to be stored before it.
    fn joined(&mut self, mut first: Batch, second: Batch) -> Batch {
        match first.append(second) {
            Ok(()) => first,
            Err(second) => {
                self.store(first, None);
                *second
            }
        }
    }

    fn begin(&mut self) -> Batches {
        let client = self.mutation.client(&self.server);
        let collector = Collector::new(client, self.options.clone()).expect("good options");
        let cursor = self.sink.begin();
        if let Some(cursor) = &cursor {
            self.progress.stored(cursor);
        }
        collector.stream(cursor)
    }

    fn store(&mut self, batch: Batch, patience: Option<u32>) -> Stored {
        let cursor = batch.cursor.clone();
        let uids: Vec<String> = batch.changes.iter().map(|change| change.event.uid.clone()).collect();
        let rejected = batch.rejected.clone();
        let stored = self.sink.store(batch, patience);
        if stored == Stored::Yes {
            self.progress.stored(&cursor);
            self.stored.extend(uids);
            self.rejected.extend(rejected);
        }
        stored
    }

    /// Counts an error. Whether it makes the collector begin anew, by mistake.
    async fn note(&mut self, error: &Error) -> bool {
        *self.errors.entry(error.metric_label()).or_default() += 1;
        let cursor = if self.mutation == Mutation::ExpiredIgnored { self.sink.begin() } else { None };
        let batch = self.mutation.after(error, cursor.as_ref(), self.server.revision());
        let begins = batch.is_some_and(|batch| self.store(batch, None) == Stored::Yes);
        if begins {
            // Time goes on only while everybody waits: one that begins over and over would stop it.
            sleep(self.options.max_backoff).await;
        }
        begins
    }

    /// Collects until an event that was written last in each namespace is there.
    async fn catch_up(&mut self) -> Result<(), String> {
        let last = |namespace: &str| {
            let event = json!({ "metadata": { "name": "last" } });
            let event = self.server.create(Resource::Events, namespace, event);
            event["metadata"]["uid"].as_str().expect("a uid").to_owned()
        };
        let chosen = NAMESPACES.into_iter().filter(|namespace| self.options.namespaces.contains(namespace));
        let last: Vec<String> = chosen.map(last).collect();
        let collect = async {
            let mut batches = self.begin();
            while !(last.iter().all(|uid| self.stored.contains(uid)) && self.progress.follows()) {
                match batches.next().await.expect("the stream never ends") {
                    Ok(batch) => drop(self.store(batch, None)),
                    Err(error) => {
                        if self.note(&error).await {
                            batches = self.begin();
                        }
                    }
                }
            }
        };
        timeout(Duration::from_secs(120), collect).await.map_err(|_| "does not catch up".to_owned())
    }
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
