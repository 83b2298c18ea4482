//! How many jobs that do nothing the queue works off through PostgreSQL, beside `graphile-worker` and `pg-boss`: `just bench-queue`.
//!
//! All three meet the same throwaway server, each round with a database of its own, and take turns, so that a busy machine is
//! busy for all. Workers, server and everything else share two cores. The server keeps what is committed (`fsync`), which the
//! servers of tests do not. Each queue has the settings that its own documentation recommends for throughput (`node/queue.mjs`).
//!
//! The clock runs from the start of the workers until every job is completed in the table: graphile-worker deletes completed jobs,
//! pg-boss keeps them; ours is measured both ways, and compared with each in the way that it has.
//!
//! The benchmark fails if ours does fewer than 10,000 jobs a second, or is not ahead.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use taskserver_core::{App, Metrics};
use taskserver_queue::{Job, JobContext, JobError, Jobs, MIGRATIONS, NewJob, Queue, SqlJobs, WorkerOptions, Workers};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::TestDatabase;
use taskserver_tests::servers::postgres;

const JOBS: usize = 50_000;
const ROUNDS: usize = 3;
/// How many jobs one call enqueues.
const CHUNK: usize = 5000;
const LEAST_RATE: f64 = 10_000.0;

#[derive(Serialize, Deserialize)]
struct Noop {
    number: usize,
}

impl Job for Noop {
    const NAME: &'static str = "noop";
    type Environment = Arc<AtomicUsize>;

    async fn run(&self, left: &Arc<AtomicUsize>, _: &JobContext) -> Result<(), JobError> {
        left.fetch_sub(1, Ordering::Relaxed);
        Ok(())
    }
}

/// How long it took to enqueue the jobs and to work them off, in seconds.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Times {
    enqueue: f64,
    work: f64,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let settings = ["fsync=on", "full_page_writes=on", "shared_buffers=256MB", "max_wal_size=4GB"];
    let Some(server) = postgres::start_with(&settings) else { return ExitCode::FAILURE };
    let mut times = [const { Vec::new() }; 4];
    for round in 1..=ROUNDS {
        println!("round {round} of {ROUNDS}, {JOBS} jobs each ...");
        times[0].push(ours(&TestDatabase::on(server.url()), false).await);
        times[1].push(theirs("graphile-worker", &TestDatabase::on(server.url())));
        times[2].push(ours(&TestDatabase::on(server.url()), true).await);
        times[3].push(theirs("pg-boss", &TestDatabase::on(server.url())));
    }
    let names = ["taskserver, deleting", "graphile-worker", "taskserver, keeping", "pg-boss"];
    let rates: Vec<f64> = names.iter().zip(&times).map(|(name, times)| report(name, times)).collect();
    // Not the same work: a job that is kept is written once more.
    println!("{:<28} {:>9.2}", "keeping / graphile-worker", rates[2] / rates[1]);
    let within = [
        compare("jobs a second, keeping", rates[2], LEAST_RATE),
        compare("deleting / graphile-worker", rates[0] / rates[1], 1.0),
        compare("keeping / pg-boss", rates[2] / rates[3], 1.0),
    ];
    if within.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn ours(database: &TestDatabase, keep: bool) -> Times {
    let store = Store::new(StoreOptions::new(database.url()).expect("a URL")).expect("a store");
    store.migrate_with(MIGRATIONS).await.expect("a table");
    let metrics = Metrics::default();
    let queue = Queue::new(SqlJobs::new(&store).keep_succeeded(keep), &metrics);
    let start = Instant::now();
    for first in (0..JOBS).step_by(CHUNK) {
        let jobs = (first..JOBS.min(first + CHUNK)).map(|number| NewJob::of(&Noop { number }).expect("a job"));
        queue.enqueue_all(jobs.collect()).await.expect("enqueued jobs");
    }
    let enqueue = start.elapsed().as_secs_f64();

    let app = App::builder().metrics(metrics).build().expect("an app");
    let left = Arc::new(AtomicUsize::new(JOBS));
    let options = WorkerOptions { concurrency: 1000, ..WorkerOptions::default() };
    let start = Instant::now();
    let workers = Workers::new(&queue, Jobs::new().register::<Noop>(Arc::clone(&left)), options, "bench").start(&app);
    while left.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let unfinished = r#"SELECT CAST(COUNT(*) AS TEXT) FROM "job" WHERE "state" <> 'succeeded'"#;
    loop {
        let mut transaction = store.begin().await.expect("a connection");
        let mut sql = store.sql();
        sql.push(unfinished);
        let rows = transaction.load(sql).await;
        if transaction.conclude(rows).await.expect("a count") == [[Some("0".to_owned())]] {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let work = start.elapsed().as_secs_f64();
    workers.stop(Duration::from_secs(10)).await;
    store.close();
    Times { enqueue, work }
}

fn theirs(name: &str, database: &TestDatabase) -> Times {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/node");
    let output = Command::new(folder.join("node_modules/.bin/node"))
        .args(["queue.mjs", name, database.url(), &JOBS.to_string()])
        .current_dir(folder)
        .output()
        .expect("Node.js, which `npm ci --prefix tests/benches/node` installs");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("times")
}

/// Prints the rates of a queue; gives the median of its work's.
fn report(name: &str, times: &[Times]) -> f64 {
    let rates = |time: fn(&Times) -> f64| {
        let mut rates: Vec<f64> = times.iter().map(|times| JOBS as f64 / time(times)).collect();
        rates.sort_by(f64::total_cmp);
        rates
    };
    let (work, enqueue) = (rates(|times| times.work), rates(|times| times.enqueue));
    let (median, first, last) = (work[work.len() / 2], work[0], work[work.len() - 1]);
    let enqueued = enqueue[enqueue.len() / 2];
    println!("{name:<22} {median:>7.0} jobs/s ({first:.0} to {last:.0}), enqueued {enqueued:>7.0} jobs/s");
    median
}

/// Prints a figure; says whether it reaches its bound.
fn compare(name: &str, figure: f64, bound: f64) -> bool {
    let verdict = if figure >= bound { "" } else { "  TOO LITTLE" };
    println!("{name:<28} {figure:>9.2}, at least {bound:.2}{verdict}");
    figure >= bound
}
