//! Workers are killed at every point of a job's life, by chance and a seed: no job is lost, and none has its effects twice.
//!
//! Three worker processes (this very program, run as `worker_process`) share ten thousand jobs. A job may kill its process before
//! it begins, in the middle of its transaction, and after it; the test kills processes whenever it likes (as they take jobs, or
//! store their ends), and stops some for longer than their lease, so that they wake up when others have taken their jobs over.
//!
//! `QUEUE_KILL_SEED` repeats a run: as far as chance goes; what the processes happen to be doing when they are killed is theirs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]
#![allow(clippy::print_stdout, reason = "the seed of a run that fails is wanted")]

use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fastrand::Rng;
use serde::{Deserialize, Serialize};
use taskserver_core::{App, Metrics};
use taskserver_queue::{Job, JobContext, JobError, Jobs, MIGRATIONS, NewJob, Queue, SqlJobs, WorkerOptions, Workers};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::{Backend, TestDatabase};

const JOBS: u32 = 10_000;
const WORKERS: u64 = 3;
const LEASE: Duration = Duration::from_millis(500);
/// Of so many jobs, one kills its process at each of its points.
const DEADLY: u32 = 250;
const LEAST_KILLS: usize = 50;
const PATIENCE: Duration = Duration::from_secs(180);

/// A job whose effect is a row, in one transaction with its end.
#[derive(Serialize, Deserialize)]
struct Fenced {
    number: u32,
}

/// A job whose effect is a row that may come again, at its own risk.
#[derive(Serialize, Deserialize)]
struct Plain {
    number: u32,
}

/// What the jobs work with: the database, and their fate.
struct World {
    store: Store,
    rng: Mutex<Rng>,
}

impl World {
    /// Kills the process, once in a while.
    fn point(&self) {
        if self.rng.lock().unwrap_or_else(PoisonError::into_inner).u32(..DEADLY) == 0 {
            std::process::abort();
        }
    }
}

fn insert(sql: &mut taskserver_store::Sql, table: &str, number: u32) {
    sql.push(&format!("INSERT INTO {table} VALUES ({number})"));
}

impl Job for Fenced {
    const NAME: &'static str = "fenced";
    const RETRIES: u32 = 1000;
    type Environment = std::sync::Arc<World>;

    async fn run(&self, world: &Self::Environment, context: &JobContext) -> Result<(), JobError> {
        world.point();
        let mut transaction = context.begin(&world.store).await?;
        world.point();
        let mut sql = transaction.sql();
        insert(&mut sql, "effect", self.number);
        let result = transaction.execute(sql).await;
        world.point();
        context.conclude(transaction, result).await?;
        world.point();
        Ok(())
    }
}

impl Job for Plain {
    const NAME: &'static str = "plain";
    const RETRIES: u32 = 1000;
    type Environment = std::sync::Arc<World>;

    async fn run(&self, world: &Self::Environment, _: &JobContext) -> Result<(), JobError> {
        world.point();
        let mut transaction = world.store.begin().await?;
        let mut sql = transaction.sql();
        insert(&mut sql, "repeatable", self.number);
        let result = transaction.execute(sql).await;
        transaction.conclude(result).await?;
        world.point();
        Ok(())
    }
}

/// A worker process, if the environment says so: no test of its own.
#[test]
#[ignore = "a process of the other tests"]
fn worker_process() {
    let Ok(url) = std::env::var("QUEUE_KILL_DATABASE") else { return };
    let seed: u64 = std::env::var("QUEUE_KILL_SEED").unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::new(StoreOptions::new(&url).unwrap()).unwrap();
        let metrics = Metrics::default();
        let queue = Queue::new(SqlJobs::new(&store), &metrics);
        let app = App::builder().metrics(metrics).build().unwrap();
        let world = std::sync::Arc::new(World { store, rng: Mutex::new(Rng::with_seed(seed)) });
        let jobs = Jobs::new().register::<Fenced>(world.clone()).register::<Plain>(world);
        let poll_interval = Duration::from_millis(50);
        let options = WorkerOptions { concurrency: 16, lease: LEASE, poll_interval, ..WorkerOptions::default() };
        let _workers = Workers::new(&queue, jobs, options, format!("worker-{seed}")).start(&app);
        std::future::pending::<()>().await;
    });
}

/// Starts a worker, which ends with this test.
fn start(database: &TestDatabase, seed: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["worker_process", "--exact", "--ignored", "--nocapture"])
        .env("QUEUE_KILL_DATABASE", database.url())
        .env("QUEUE_KILL_SEED", seed.to_string())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn signal(process: &Child, name: &str) {
    let status = Command::new("kill").args(["-s", name, &process.id().to_string()]).status().unwrap();
    assert!(status.success());
}

fn number(database: &TestDatabase, query: &str) -> u32 {
    database.query(query)[0][0].parse().unwrap()
}

async fn enqueue(database: &TestDatabase) {
    let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
    store.migrate_with(MIGRATIONS).await.unwrap();
    let queue = Queue::new(SqlJobs::new(&store), &Metrics::default());
    let job = |number| match number % 4 {
        0 => NewJob::of(&Plain { number }).unwrap(),
        _ => NewJob::of(&Fenced { number }).unwrap(),
    };
    queue.enqueue_all((0..JOBS).map(job).collect()).await.unwrap();
    store.close();
}

/// Processes that are killed when the test ends, however it does.
struct Processes(Vec<Child>);

impl Drop for Processes {
    fn drop(&mut self) {
        for process in &mut self.0 {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn no_job_is_lost_and_none_has_its_effects_twice(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let seed = std::env::var("QUEUE_KILL_SEED").map_or_else(|_| fastrand::u64(..1 << 32), |seed| seed.parse().unwrap());
    println!("QUEUE_KILL_SEED={seed}");
    let mut rng = Rng::with_seed(seed);
    database.execute("CREATE TABLE effect (number int NOT NULL); CREATE TABLE repeatable (number int NOT NULL)");
    tokio::runtime::Runtime::new().unwrap().block_on(enqueue(&database));

    let mut started = seed..;
    let mut processes = Processes((0..WORKERS).map(|_| start(&database, started.next().unwrap())).collect());
    let (mut deaths, mut stops) = (0, 0);
    let begin = Instant::now();
    let unfinished = r#"SELECT COUNT(*) FROM "job" WHERE "state" NOT IN ('succeeded', 'dead')"#;
    while number(&database, unfinished) > 0 {
        assert!(begin.elapsed() < PATIENCE, "{} jobs are left", number(&database, unfinished));
        std::thread::sleep(Duration::from_millis(rng.u64(20..200)));
        let victim = rng.usize(..processes.0.len());
        match rng.u32(..10) {
            0..6 => processes.0[victim].kill().unwrap(),
            6 => {
                signal(&processes.0[victim], "STOP");
                std::thread::sleep(LEASE * 2);
                signal(&processes.0[victim], "CONT");
                stops += 1;
            }
            _ => {}
        }
        for process in &mut processes.0 {
            if process.try_wait().unwrap().is_some() {
                deaths += 1;
                *process = start(&database, started.next().unwrap());
            }
        }
    }
    println!("{deaths} deaths and {stops} stops in {:.1?}", begin.elapsed());
    drop(processes);

    assert_eq!(number(&database, r#"SELECT COUNT(*) FROM "job" WHERE "state" = 'succeeded'"#), JOBS);
    let effects = database.query("SELECT COUNT(*), COUNT(DISTINCT number) FROM effect");
    assert_eq!(effects, [[(JOBS / 4 * 3).to_string(), (JOBS / 4 * 3).to_string()]]);
    assert_eq!(number(&database, "SELECT COUNT(DISTINCT number) FROM repeatable"), JOBS / 4);
    // Otherwise nothing was shown.
    assert!(deaths >= LEAST_KILLS, "only {deaths} workers have died");
    assert!(number(&database, r#"SELECT COUNT(*) FROM "job" WHERE "attempt" > 1"#) > 0);
}

#[test]
fn sqlite() {
    no_job_is_lost_and_none_has_its_effects_twice(Backend::Sqlite);
}

#[test]
fn postgres() {
    no_job_is_lost_and_none_has_its_effects_twice(Backend::Postgres);
}

#[test]
fn mariadb() {
    no_job_is_lost_and_none_has_its_effects_twice(Backend::MariaDb);
}
