//! Three replicas, separate processes of the built program, on one database and, for their lease, on a Kubernetes API server:
//! killed, frozen, cut off, with clocks that are minutes wrong, at random. Whatever happens,
//!
//! - each scheduled run is stored exactly once: by what the run wrote, and in the history;
//! - never do two leaders write: a term is one replica's, and what is written in it is written before the next one begins;
//! - another replica leads within one lease duration and one retry period of a kill, and within a second of a clean stop.
//!
//! What happens when, and to whom, follows from a seed, which a failure names: `TASKSERVER_TEST_SEED=7` plays it again. The four
//! tests together kill at least 200 times, and see more than a thousand scheduled runs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
#![allow(clippy::print_stdout, reason = "what befell the replicas is what a failure is understood by")]

mod check;
mod cluster;
mod replica;

use std::time::Duration;

use taskserver_tests::Backend;

use crate::cluster::Cluster;
use crate::replica::{MOST_SKEW, faketime};

/// How many kills there are in each of the tests.
const KILLS: usize = 50;

/// What befalls a replica.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// It is killed (SIGKILL), and started again with another clock.
    Kill,
    /// So are it and another one.
    KillTwo,
    /// It is stopped (SIGTERM), and started again.
    Stop,
    /// It does not run for so long (SIGSTOP, SIGCONT).
    Pause(Duration),
    /// It is cut off from the database for so long.
    CutDatabase(Duration),
    /// Nothing that it sends to the database arrives for so long.
    FreezeDatabase(Duration),
    /// It is far away from the database for so long.
    SlowDatabase(Duration),
    /// It is cut off from the API server for so long.
    CutApi(Duration),
}

fn event(random: &mut fastrand::Rng) -> Event {
    let mut length = |from: u64, to: u64| Duration::from_millis(random.u64(from..to));
    let (short, long) = (length(200, 900), length(1300, 2500));
    match random.u32(0..20) {
        0..9 => Event::Kill,
        9..12 => Event::KillTwo,
        12..14 => Event::Stop,
        14 => Event::Pause(long),
        15 => Event::CutDatabase(long),
        16 => Event::CutDatabase(short),
        17 => Event::FreezeDatabase(if random.bool() { long } else { short }),
        18 => Event::SlowDatabase(long),
        _ => Event::CutApi(long),
    }
}

async fn each_run_is_stored_once_and_one_leads(backend: Backend, in_cluster: bool) {
    let Some(database) = backend.database() else { return };
    let Some(faketime) = faketime() else { return };
    let seed = std::env::var("TASKSERVER_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("TASKSERVER_TEST_SEED={seed}");
    let mut random = fastrand::Rng::with_seed(seed);
    let mut cluster = Cluster::start(database, in_cluster, faketime).await;
    let mut kills = 0;
    while kills < KILLS {
        let (event, skew) = (event(&mut random), random.i64(-MOST_SKEW..=MOST_SKEW));
        // Mostly the one that leads.
        let (chosen, pause) = (random.usize(0..3), Duration::from_millis(random.u64(0..600)));
        let target = if random.u32(0..4) == 0 { chosen } else { cluster.leader().unwrap_or(chosen) };
        cluster.strike(target, event, skew).await;
        kills += match event {
            Event::Kill => 1,
            Event::KillTwo => 2,
            _ => 0,
        };
        tokio::time::sleep(pause).await;
    }
    cluster.settle().await;
    let runs = check::everything(&cluster);
    println!("{kills} kills, {runs} runs, take-overs {:?}", cluster.takeovers());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    each_run_is_stored_once_and_one_leads(Backend::Postgres, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_and_kubernetes() {
    each_run_is_stored_once_and_one_leads(Backend::Postgres, true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    each_run_is_stored_once_and_one_leads(Backend::MariaDb, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_and_kubernetes() {
    each_run_is_stored_once_and_one_leads(Backend::MariaDb, true).await;
}
