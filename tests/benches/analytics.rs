//! What a cycle of the analytics costs on MariaDB with a million users: `just bench-analytics`.
//!
//! Three ways to the same six figures are timed against one throwaway server with the load of `data/bench/platform-million-mysql.sql`:
//!
//! - *cycle*: the whole `analytics` task, from the figures to the stored rows;
//! - *best statement*: the fastest statement that is known, bare, on an open connection;
//! - *fetch and count*: what the platform's Node.js server does, which fetches the joined rows and counts them.
//!
//! Cycle and best statement alternate, so that a busy machine is busy for both. The benchmark fails if a way disagrees about a
//! figure, or if the cycle takes longer than its bounds.
#![allow(clippy::print_stdout, reason = "a benchmark prints its results")]

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, Row};
use task_analytics::{AnalyticsTask, SqlMetrics};
use taskserver_core::App;
use taskserver_store::{Store, StoreOptions, platform_services};
use taskserver_tests::TestDatabase;
use taskserver_tests::servers::mariadb;

const ROUNDS: usize = 7;
/// Of fetching and counting, which takes most of the time.
const SLOW_ROUNDS: usize = 3;
/// At most so many times the best statement.
const BEST_BOUND: f64 = 1.15;
/// At most this part of fetching and counting.
const FETCH_BOUND: f64 = 1.0 / 20.0;

type Figures = BTreeMap<String, i64>;

#[tokio::main]
async fn main() -> ExitCode {
    // Enough memory for the tables, as a server with such tables would have; with less, fetching takes minutes.
    let Some(server) = mariadb::start_with(&["--innodb-buffer-pool-size=1G"]) else { return ExitCode::FAILURE };
    println!("Building the tables of a million users ...");
    let database = TestDatabase::on(server.url());
    database.create_platform_tables();
    database.execute(include_str!("../data/bench/platform-million-mysql.sql"));

    let app = app(database.url());
    let mut connection = Conn::new(Opts::from_url(database.url()).expect("a URL")).await.expect("a connection");
    let (mut cycles, mut bests, mut fetches) = (Vec::new(), Vec::new(), Vec::new());
    let figures = best_statement(&mut connection).await;
    println!("{figures:?}");
    for round in 0..=ROUNDS {
        let cycle = timed(cycle(&app), &figures).await;
        let best = timed(best_statement(&mut connection), &figures).await;
        // The first round only warms up.
        if round > 0 {
            cycles.push(cycle);
            bests.push(best);
        }
    }
    for _ in 0..SLOW_ROUNDS {
        fetches.push(timed(fetch_and_count(&mut connection), &figures).await);
    }
    connection.disconnect().await.expect("a farewell");

    let (cycle, best) = (report("cycle", &mut cycles), report("best statement", &mut bests));
    let fetch = report("fetch and count", &mut fetches);
    let within = [
        compare("cycle / best statement", cycle / best, BEST_BOUND),
        compare("cycle / fetch and count", cycle / fetch, FETCH_BOUND),
    ];
    if within == [true, true] { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An app with what the server composes of the analytics.
fn app(url: &str) -> App {
    let store = Store::new(StoreOptions::new(url).expect("a URL")).expect("a store");
    let mut builder = App::builder();
    for (path, service) in platform_services(&store) {
        builder = builder.service(path, service);
    }
    builder.task(AnalyticsTask::new(SqlMetrics::new(store, Vec::new()))).build().expect("an app")
}

async fn cycle(app: &App) -> Figures {
    let run = app.tasks().run_and_wait(app, "analytics").await.expect("a run");
    assert_eq!(run.error, None);
    serde_json::from_value(run.result["stored"].clone()).expect("figures")
}

async fn best_statement(connection: &mut Conn) -> Figures {
    let statement = include_str!("../data/bench/analytics-best-mysql.sql");
    let row: Row = connection.query_first(statement).await.expect("an answer").expect("a row");
    let names: Vec<String> = row.columns_ref().iter().map(|column| column.name_str().into_owned()).collect();
    names.into_iter().enumerate().map(|(place, name)| (name, row.get(place).expect("a number"))).collect()
}

/// The statements of the Node.js server, and its counting; but for its limit of ten instances.
async fn fetch_and_count(connection: &mut Conn) -> Figures {
    let mut rows = async |statement: &str| connection.query::<Row, _>(statement).await.expect("rows");
    let attendances = |is_channel: u8| {
        format!(
            "SELECT * FROM `user` INNER JOIN `instance-attendance` ON `instance-attendance`.`userId` = `user`.`id` \
             WHERE `instance-attendance`.`ended` = 0 AND `instance-attendance`.`isChannel` = {is_channel}"
        )
    };
    let channels = rows("SELECT * FROM `channel`").await.len();
    let instance_users = rows(&attendances(0)).await.len();
    let channel_users = rows(&attendances(1)).await.len();
    let instances = rows("SELECT * FROM `instance` WHERE `ended` <> 1").await;
    let locations = rows("SELECT * FROM `location`").await;
    let scene_of: BTreeMap<String, Option<String>> = locations
        .iter()
        .map(|location| (location.get("id").expect("an id"), location.get("sceneId").expect("a column")))
        .collect();
    let mut active_locations: Vec<String> =
        instances.iter().filter_map(|instance| instance.get::<Option<String>, _>("locationId").flatten()).collect();
    active_locations.retain(|location| scene_of.contains_key(location));
    active_locations.sort();
    active_locations.dedup();
    let mut active_scenes: Vec<&String> =
        active_locations.iter().filter_map(|location| scene_of[location].as_ref()).collect();
    active_scenes.sort();
    active_scenes.dedup();
    [
        ("activeChannels", channels),
        ("instanceUsers", instance_users),
        ("channelUsers", channel_users),
        ("activeInstances", instances.len()),
        ("activeLocations", active_locations.len()),
        ("activeScenes", active_scenes.len()),
    ]
    .map(|(name, count)| (name.to_owned(), i64::try_from(count).expect("a count")))
    .into()
}

/// How long it takes to come to these figures.
async fn timed(way: impl Future<Output = Figures>, expected: &Figures) -> Duration {
    let start = Instant::now();
    let figures = way.await;
    let time = start.elapsed();
    assert_eq!(&figures, expected);
    time
}

/// Prints the times of a way; gives their median in seconds.
fn report(name: &str, times: &mut [Duration]) -> f64 {
    times.sort();
    let median = times[times.len() / 2];
    let (first, last) = (times[0], times[times.len() - 1]);
    println!("{name:<24} median {median:>8.3?}, {first:.3?} to {last:.3?}, of {}", times.len());
    median.as_secs_f64()
}

/// Prints a ratio; says whether it is within its bound.
fn compare(name: &str, ratio: f64, bound: f64) -> bool {
    let verdict = if ratio <= bound { "" } else { "  TOO SLOW" };
    println!("{name:<24} {ratio:.3}, at most {bound:.3}{verdict}");
    ratio <= bound
}
