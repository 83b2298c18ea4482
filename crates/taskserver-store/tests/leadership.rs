//! Replicas that compete for a row of the database, and the fence that its term is.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use taskserver_core::{
    Election, ElectionOptions, HealthRegistry, Leadership, LeadershipState, LeaseError, LeaseRecord, LeaseStore,
    SystemClock,
};
use taskserver_store::{Fence, FencedLease, LEADERSHIP, SqlLease, Store, StoreError, StoreOptions};
use taskserver_tests::{Backend, TestDatabase, for_each_backend, servers};
use tokio::task::JoinHandle;

const LEASE: Duration = Duration::from_millis(1500);
const RETRY: Duration = Duration::from_millis(100);
/// What a loaded machine may add.
const SLACK: Duration = Duration::from_millis(700);

fn options() -> ElectionOptions {
    ElectionOptions { lease_duration: LEASE, renew_deadline: Duration::from_millis(1000), retry_period: RETRY }
}

fn open(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

async fn migrated(database: &TestDatabase) -> Store {
    let store = open(database);
    store.migrate().await.unwrap();
    store
}

fn record(holder: Option<&str>, term: u64) -> LeaseRecord {
    LeaseRecord { holder: holder.map(str::to_owned), term, duration: LEASE, version: String::new() }
}

/// A process that takes part in an election.
struct Replica {
    leadership: Leadership,
    process: JoinHandle<()>,
}

impl Replica {
    fn start(lease: impl LeaseStore, name: &str) -> Self {
        let election = Election::new(lease, name, options()).unwrap();
        let leadership = election.leadership().clone();
        let health = HealthRegistry::new(Arc::new(SystemClock)).register("leadership", false);
        let process = tokio::spawn(async move { election.run(&health).await });
        Self { leadership, process }
    }

    fn on(database: &TestDatabase, name: &str) -> Self {
        Self::start(SqlLease::new(&open(database), LEADERSHIP).unwrap(), name)
    }
}

/// Waits until one of the replicas leads, and answers which one, in which term.
async fn leader(replicas: &[&Replica]) -> (usize, u64) {
    let waiting = async {
        loop {
            let leads = |replica: &&Replica| replica.leadership.state().term();
            if let Some(found) = replicas.iter().enumerate().find_map(|(index, replica)| Some((index, leads(replica)?)))
            {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.expect("somebody leads in the end")
}

for_each_backend! {
    async fn a_lease_is_compared_and_set(database: TestDatabase) {
        let store = migrated(&database).await;
        let lease = SqlLease::new(&store, LEADERSHIP).unwrap();
        assert_eq!(lease.read().await.unwrap(), None);
        let first = lease.write(None, &record(Some("a"), 1)).await.unwrap().unwrap();
        assert_eq!(lease.read().await.unwrap().as_ref(), Some(&first));
        assert_eq!(lease.write(None, &record(Some("b"), 1)).await.unwrap(), None);
        let renewed = lease.write(Some(&first), &record(Some("a"), 1)).await.unwrap().unwrap();
        assert_ne!(renewed.version, first.version);
        assert_eq!(lease.write(Some(&first), &record(Some("b"), 2)).await.unwrap(), None, "it was renewed");
        let given_up = lease.write(Some(&renewed), &record(None, 1)).await.unwrap().unwrap();
        let taken = lease.write(Some(&given_up), &record(Some("B"), 2)).await.unwrap().unwrap();
        assert_eq!(lease.read().await.unwrap(), Some(taken));
        let other = SqlLease::new(&store, "Taskserver").unwrap();
        assert_eq!(other.read().await.unwrap(), None, "names differ by their case");
        let times = database.query("SELECT COUNT(*) FROM leadership WHERE \"acquiredAt\" <= \"renewedAt\"");
        assert_eq!(times, [["1"]]);
    }

    async fn of_many_who_take_the_lease_at_once_one_does(database: TestDatabase) {
        let store = migrated(&database).await;
        let leases: Vec<SqlLease> = (0..6).map(|_| SqlLease::new(&store, LEADERSHIP).unwrap()).collect();
        let mut seen = None;
        for term in 1..=10 {
            let lease = record(Some("somebody"), term);
            let taking = leases.iter().map(|store| store.write(seen.as_ref(), &lease));
            let taken = futures_util::future::join_all(taking).await;
            // On SQLite, whoever waits for the one writer may be told so.
            let taken: Vec<LeaseRecord> = taken.into_iter().filter_map(|taken| taken.ok().flatten()).collect();
            assert_eq!(taken.len(), 1, "in term {term}");
            seen = leases[0].read().await.unwrap();
            assert_eq!(seen.as_ref(), Some(&taken[0]));
        }
    }

    async fn the_lead_passes_on_when_its_holder_dies_or_stops(database: TestDatabase) {
        let _ = migrated(&database).await;
        let a = Replica::on(&database, "a");
        assert_eq!(leader(&[&a]).await, (0, 1));
        let (b, c) = (Replica::on(&database, "b"), Replica::on(&database, "c"));
        tokio::time::sleep(LEASE).await;
        assert_eq!(a.leadership.state(), LeadershipState::Leading { term: 1 });

        let died = Instant::now();
        a.process.abort();
        let (index, term) = leader(&[&b, &c]).await;
        assert_eq!(term, 2);
        assert!(died.elapsed() <= LEASE + RETRY + SLACK, "{:?}", died.elapsed());

        let (leading, following) = if index == 0 { (&b, &c) } else { (&c, &b) };
        let stopped = Instant::now();
        leading.leadership.release().await;
        assert_eq!(leader(&[following]).await, (0, 3));
        assert!(stopped.elapsed() <= RETRY + SLACK, "{:?}", stopped.elapsed());
        assert_eq!(leading.leadership.state(), LeadershipState::Following);
    }

    async fn a_leader_that_is_cut_off_leads_no_longer_before_another_one_does(database: TestDatabase) {
        let _ = migrated(&database).await;
        let line = Line::default();
        let a = Replica::start(Cut { line: line.clone(), lease: SqlLease::new(&open(&database), LEADERSHIP).unwrap() }, "a");
        assert_eq!(leader(&[&a]).await, (0, 1));
        let b = Replica::on(&database, "b");
        tokio::time::sleep(LEASE).await;
        *line.lock().unwrap() = true;
        let cut = Instant::now();
        a.leadership.ended(LeadershipState::Leading { term: 1 }).await;
        assert_eq!(b.leadership.state(), LeadershipState::Following);
        assert_eq!(leader(&[&b]).await, (0, 2));
        assert!(cut.elapsed() <= LEASE + RETRY + SLACK, "{:?}", cut.elapsed());
        *line.lock().unwrap() = false;
        tokio::time::sleep(2 * LEASE).await;
        assert_eq!(a.leadership.state(), LeadershipState::Following);
        assert_eq!(b.leadership.state(), LeadershipState::Leading { term: 2 });
    }

    async fn the_fence_lets_only_the_present_term_write(database: TestDatabase) {
        let store = migrated(&database).await;
        let lease = SqlLease::new(&store, LEADERSHIP).unwrap();
        assert_eq!(write(&store, 1).await, Err("the term 1 of the leadership `taskserver` is over; there is no other".into()));
        let first = lease.write(None, &record(Some("a"), 1)).await.unwrap();
        assert_eq!(write(&store, 1).await, Ok(1));
        lease.write(first.as_ref(), &record(Some("b"), 2)).await.unwrap();
        assert_eq!(write(&store, 1).await, Err("the term 1 of the leadership `taskserver` is over; it is in term 2".into()));
        assert_eq!(write(&store, 2).await, Ok(1));
        assert_eq!(database.query("SELECT COUNT(*) FROM monitoring"), [["2"]]);
    }

    async fn no_other_term_begins_while_a_transaction_of_this_one_is_open(database: TestDatabase) {
        let store = migrated(&database).await;
        let lease = SqlLease::new(&store, LEADERSHIP).unwrap();
        let first = lease.write(None, &record(Some("a"), 1)).await.unwrap();
        let mut transaction = store.begin().await.unwrap();
        Fence::new(LEADERSHIP, 1).check(&mut transaction).await.unwrap();
        let taking = tokio::spawn(async move { lease.write(first.as_ref(), &record(Some("b"), 2)).await.unwrap() });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!taking.is_finished());
        insert(&mut transaction).await.unwrap();
        transaction.conclude(Ok::<_, StoreError>(())).await.unwrap();
        assert!(taking.await.unwrap().is_some());
        assert_eq!(database.query("SELECT COUNT(*) FROM monitoring"), [["1"]]);
    }
}

for_each_backend! {
    async fn a_frozen_leader_leads_no_longer_before_another_one_does_and_its_late_write_fails(database: TestDatabase) {
        let store = migrated(&database).await;
        let lease = SqlLease::new(&open(&database), LEADERSHIP).unwrap();
        // A process of its own, as far as time is concerned: when its one thread sleeps, all of it does.
        let (send, mut freeze) = tokio::sync::mpsc::channel::<Duration>(1);
        let (tell, leadership) = tokio::sync::oneshot::channel();
        let frozen = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let a = Replica::start(lease, "a");
                let _ = tell.send(a.leadership.clone());
                while let Some(time) = freeze.recv().await {
                    std::thread::sleep(time);
                }
                a.process.abort();
            });
        });
        let a = leadership.await.unwrap();
        assert_eq!(a.leading().await, LeadershipState::Leading { term: 1 });
        let b = Replica::on(&database, "b");
        tokio::time::sleep(LEASE).await;
        let begin = Instant::now();
        send.send(3 * LEASE).await.unwrap();
        while a.state().is_leading() {
            assert_eq!(b.leadership.state(), LeadershipState::Following);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(begin.elapsed() < LEASE, "{:?}", begin.elapsed());
        assert_eq!(leader(&[&b]).await, (0, 2));
        assert!(begin.elapsed() <= LEASE + RETRY + SLACK, "{:?}", begin.elapsed());
        let late = write(&store, 1).await;
        assert_eq!(late, Err("the term 1 of the leadership `taskserver` is over; it is in term 2".into()));
        a.ended(LeadershipState::Leading { term: 1 }).await;
        tokio::time::sleep(LEASE).await;
        assert_eq!(a.state(), LeadershipState::Following);
        assert_eq!(b.leadership.state(), LeadershipState::Leading { term: 2 });
        drop(send);
        frozen.join().unwrap();
    }

    async fn a_lease_from_elsewhere_leads_only_in_a_term_that_the_database_knows(database: TestDatabase) {
        let store = migrated(&database).await;
        let elsewhere = || SqlLease::new(&store, "elsewhere").unwrap();
        let fenced = FencedLease::new(elsewhere(), &store, LEADERSHIP).unwrap();
        let first = fenced.write(None, &record(Some("a"), 1)).await.unwrap().unwrap();
        assert_eq!(write(&store, 1).await, Ok(1));
        let renewed = fenced.write(Some(&first), &record(Some("a"), 1)).await.unwrap().unwrap();
        assert_eq!(fenced.read().await.unwrap().as_ref(), Some(&renewed));
        assert_eq!(fenced.write(Some(&first), &record(Some("b"), 2)).await.unwrap(), None);
        assert_eq!(write(&store, 1).await, Ok(1), "who did not get the lease has entered nothing");

        database.execute("DELETE FROM leadership WHERE name = 'elsewhere'");
        let again = fenced.write(None, &record(Some("b"), 1)).await.unwrap().unwrap();
        assert_eq!(again.term, 2, "terms go on");
        assert_eq!(write(&store, 2).await, Ok(1));

        // Another one enters a later term while this one takes the lease: it gives the lease up.
        let rival = FencedLease::new(elsewhere(), &store, LEADERSHIP).unwrap();
        let slow = FencedLease::new(Rivalled { lease: elsewhere(), store: store.clone() }, &store, LEADERSHIP).unwrap();
        assert_eq!(slow.write(Some(&again), &record(Some("c"), 3)).await.unwrap(), None);
        assert_eq!(rival.read().await.unwrap().unwrap().holder, None);
        assert_eq!(write(&store, 9).await, Ok(1));
    }
}

/// A lease that is no sooner taken than somebody enters a later term.
struct Rivalled {
    lease: SqlLease,
    store: Store,
}

#[async_trait]
impl LeaseStore for Rivalled {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.lease.read().await
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let mut transaction = self.store.begin().await?;
        let mut sql = transaction.sql();
        sql.push("UPDATE leadership SET term = 9 WHERE name = ").text(LEADERSHIP);
        let result = transaction.execute(sql).await;
        transaction.conclude(result).await?;
        self.lease.write(seen, lease).await
    }
}

type Line = Arc<Mutex<bool>>;

/// A lease whose line can be cut: then calls hang.
struct Cut {
    line: Line,
    lease: SqlLease,
}

impl Cut {
    async fn pass(&self) {
        let is_cut = *self.line.lock().unwrap();
        if is_cut {
            std::future::pending::<()>().await;
        }
    }
}

#[async_trait]
impl LeaseStore for Cut {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.pass().await;
        self.lease.read().await
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        self.pass().await;
        self.lease.write(seen, lease).await
    }
}

async fn insert(transaction: &mut taskserver_store::Transaction) -> Result<u64, StoreError> {
    let mut sql = transaction.sql();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    sql.push("INSERT INTO monitoring VALUES (").text(uuid::Uuid::new_v4().to_string());
    sql.push(", 'a', NULL, NULL, NULL, NULL, NULL, NULL, 0, ").moment(now).push(", ").moment(now).push(")");
    transaction.execute(sql).await
}

/// Writes as the leader of a term does.
async fn write(store: &Store, term: u64) -> Result<u64, String> {
    let mut transaction = store.begin().await.unwrap();
    let result = async {
        Fence::new(LEADERSHIP, term).check(&mut transaction).await?;
        insert(&mut transaction).await
    }
    .await;
    transaction.conclude(result).await.map_err(|error: StoreError| error.to_string())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lead_outlives_a_restart_of_the_server_that_is_short_and_is_lost_in_a_long_one() {
    for server in [servers::postgres::start(), servers::mariadb::start()].into_iter().flatten() {
        let mut server = server;
        let database = TestDatabase::on(server.url());
        assert_ne!(database.backend(), Backend::Sqlite);
        let _ = migrated(&database).await;
        let a = Replica::on(&database, "a");
        assert_eq!(leader(&[&a]).await, (0, 1));
        server.pause();
        tokio::time::sleep(Duration::from_millis(300)).await;
        server.resume();
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(a.leadership.state(), LeadershipState::Leading { term: 1 });
        server.kill();
        a.leadership.ended(LeadershipState::Leading { term: 1 }).await;
        server.start_again();
        assert_eq!(leader(&[&a]).await, (0, 2));
    }
}
