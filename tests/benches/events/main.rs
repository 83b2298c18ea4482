//! What it costs to keep the events of a cluster: `just bench-events`.
//!
//! The API server (the stand-in of the tests) and the collector are processes of their own, so that each has its own memory and
//! processor time. On each kind of database, alternating:
//!
//! - *collect*: the collector as the server runs it, with the built-in alert rules, until a backlog of events is stored;
//! - *bare*: the same pages downloaded, parsed and bulk-inserted into a table without any index, one after the other (see
//!   [`bare`]).
//!
//! Then, over the table that is full by now:
//!
//! - *visible*: the time from the writing of an event in the API server until a reader of the service `k8s-event` has its row, at
//!   a steady rate;
//! - *idle*: the processor time of the collector when nothing happens.
//!
//! The benchmark fails where a bound is passed. `TASKSERVER_BENCH_EVENTS` sets another size of the backlog.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its results")]

mod bare;
mod cluster;
mod collect;
mod reader;
mod worker;

use std::process::ExitCode;
use std::time::Duration;

use taskserver_tests::{Backend, TestDatabase};
use worker::Worker;

const EVENTS: usize = 200_000;
const ROUNDS: usize = 3;
/// Events in a second, and how many.
const RATE: usize = 500;
const STEADY: usize = 15_000;
/// How long the collector is looked at while nothing happens: longer than a watch lasts.
const REST: Duration = Duration::from_secs(70);

/// At most so many times the bare way.
const TIME_BOUND: f64 = 1.5;
const PEAK_BOUND: f64 = 64.0;
const VISIBLE_BOUND: f64 = 100.0;
const IDLE_BOUND: f64 = 0.2;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["cluster", events] => cluster::run(events.parse().expect("a number")),
        ["collect", cluster, database, events] => collect::run(cluster, database, events.parse().expect("a number")),
        ["bare", cluster, database] => bare::run(cluster, database),
        _ => return measure(),
    }
    ExitCode::SUCCESS
}

fn measure() -> ExitCode {
    let events = std::env::var("TASKSERVER_BENCH_EVENTS").map_or(EVENTS, |it| it.parse().expect("a number"));
    println!("Writing {events} events into the API server ...");
    let mut cluster = Worker::start(&["cluster", &events.to_string()]);
    let url = cluster.line();
    let backends = Backend::ALL.into_iter().filter(|backend| backend.database().is_some());
    // What one database has had written at a steady rate is part of the next one's backlog.
    let backlogs = (events..).step_by(STEADY);
    let measure = |(backend, events)| measure_on(backend, &mut cluster, &url, events);
    let within: Vec<bool> = backends.zip(backlogs).flat_map(measure).collect();
    if within.contains(&false) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn measure_on(backend: Backend, cluster: &mut Worker, url: &str, events: usize) -> Vec<bool> {
    println!("\n{backend:?}");
    let (mut collected, mut bare, mut peak) = (Vec::new(), Vec::new(), 0.0_f64);
    let mut last: Option<(Worker, TestDatabase)> = None;
    for _ in 0..ROUNDS {
        drop(last.take());
        let database = backend.database().expect("it was there before");
        let mut worker = Worker::start(&["bare", url, database.url()]);
        bare.push(seconds(&worker.line()));
        drop((worker, database));
        let database = backend.database().expect("it was there before");
        let mut worker = Worker::start(&["collect", url, database.url(), &events.to_string()]);
        collected.push(seconds(&worker.line()));
        peak = peak.max(worker.peak_megabytes());
        last = Some((worker, database));
    }
    let (collect, bare) = (report("collect", &mut collected), report("bare", &mut bare));
    let (worker, database) = last.expect("there are rounds");
    let mut visible = reader::visible(cluster, database.url(), RATE, STEADY);
    visible.sort_unstable();
    let percentile = |part: f64| visible[((visible.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("  {:<30} {:.1} ms", "visible after, median", percentile(0.5));
    let busy = worker.processor_time();
    std::thread::sleep(REST);
    let idle = (worker.processor_time() - busy).as_secs_f64() / REST.as_secs_f64() * 100.0;
    vec![
        compare("collect / bare", collect / bare, "", TIME_BOUND),
        compare("peak of memory", peak, "MB", PEAK_BOUND),
        compare("visible after, 99 in 100", percentile(0.99), "ms", VISIBLE_BOUND),
        compare("idle, of a core", idle, "%", IDLE_BOUND),
    ]
}

fn seconds(line: &str) -> f64 {
    line.parse().unwrap_or_else(|_| panic!("{line:?} is not a number of seconds"))
}

/// Prints the times of a way; gives their median in seconds.
fn report(name: &str, times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    let (first, median, last) = (times[0], times[times.len() / 2], times[times.len() - 1]);
    println!("  {name:<30} median {median:.2} s, {first:.2} to {last:.2}, of {}", times.len());
    median
}

/// Prints a figure; says whether it is within its bound.
fn compare(name: &str, figure: f64, unit: &str, bound: f64) -> bool {
    let verdict = if figure <= bound { "" } else { "  TOO MUCH" };
    println!("  {name:<30} {figure:.2} {unit}, at most {bound} {unit}{verdict}");
    figure <= bound
}
