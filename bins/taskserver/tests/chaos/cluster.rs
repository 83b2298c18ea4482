//! Three replicas, what befalls them, and who leads.

use std::time::{Duration, Instant};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use taskserver_tests::kubernetes::ApiServer;
use taskserver_tests::{Line, Proxy, TestDatabase};
use tempfile::TempDir;

use crate::Event;
use crate::replica::{MOST_SKEW, Replica};

/// As the replicas are configured.
const LEASE: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(100);
/// The promise after a clean stop.
const HAND_OVER: Duration = Duration::from_secs(1);
/// What a machine that is busy with everything else may add.
const SLACK: Duration = Duration::from_millis(1500);
const USUAL_SLACK: Duration = Duration::from_millis(300);

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Cluster {
    // Dropped first: they live in what follows.
    replicas: Vec<Replica>,
    pub(crate) database: TestDatabase,
    /// The scheduled time after which it all begins.
    pub(crate) first: Timestamp,
    _api: Option<ApiServer>,
    folder: Option<TempDir>,
    kills: Vec<Duration>,
    stops: Vec<Duration>,
}

/// Makes the server's own tables.
fn migrate(database: &TestDatabase) {
    let url = format!("database.url={}", database.url());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_taskserver"));
    let output = command.args(["migrate", "--set", &url]).env_clear().output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What failed leaves its logs behind.
impl Drop for Cluster {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(folder) = self.folder.take()
        {
            println!("the logs are in {}", folder.keep().display());
        }
    }
}

/// The row of the leadership.
#[derive(Debug, PartialEq)]
struct Row {
    term: u64,
    holder: String,
    acquired: Timestamp,
}

impl Cluster {
    pub(crate) async fn start(database: TestDatabase, in_cluster: bool, faketime: std::path::PathBuf) -> Self {
        database.create_platform_tables();
        migrate(&database);
        crate::check::watch_terms(&database);
        let first = crate::check::begin(&database);
        let folder = tempfile::tempdir().unwrap();
        let api = if in_cluster { Some(ApiServer::start().await) } else { None };
        let mut replicas = Vec::new();
        for number in 0..3 {
            let line = match &api {
                Some(api) => Some((api.url(), Proxy::start(&api.url()).await)),
                None => None,
            };
            let to_database = (database.url(), Proxy::start(database.url()).await);
            replicas.push(Replica::new((folder.path(), &faketime), number, to_database, line));
        }
        let mut cluster =
            Self { replicas, database, first, _api: api, folder: Some(folder), kills: Vec::new(), stops: Vec::new() };
        cluster.replicas.iter_mut().for_each(|replica| replica.start(0));
        // So that whoever leads next has no more to make up for than it may.
        cluster.wait_for_run_of(Timestamp::now()).await;
        cluster
    }

    /// Which replica leads, if one does.
    pub(crate) fn leader(&self) -> Option<usize> {
        let row = self.row()?;
        (0..self.replicas.len()).find(|number| self.holds(*number, &row))
    }

    fn holds(&self, number: usize, row: &Row) -> bool {
        row.holder.starts_with(&format!("{}_", self.replicas[number].name))
    }

    fn row(&self) -> Option<Row> {
        let rows = self.database.query(r#"SELECT "term", "holder", "acquiredAt" FROM "leadership""#);
        let [term, holder, acquired] = &rows.into_iter().next()?[..] else { return None };
        let acquired: DateTime = acquired.parse().unwrap();
        Some(Row {
            term: term.parse().unwrap(),
            holder: holder.clone(),
            acquired: acquired.to_zoned(TimeZone::UTC).unwrap().timestamp(),
        })
    }

    /// Waits for a term after this one, and gives it.
    async fn next_leader(&self, term: u64) -> (u64, Timestamp) {
        let asked = Instant::now();
        loop {
            if let Some(row) = self.row()
                && row.term > term
            {
                return (row.term, row.acquired);
            }
            assert!(asked.elapsed() < PATIENCE, "nobody leads after term {term}\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Lets something befall a replica, and waits until it is over.
    pub(crate) async fn strike(&mut self, target: usize, event: Event, skew: i64) {
        let row = self.row();
        let (led, term) = (row.as_ref().is_some_and(|row| self.holds(target, row)), row.map_or(0, |row| row.term));
        match event {
            Event::Kill => {
                let killed = Timestamp::now();
                self.replicas[target].kill();
                if led {
                    let (_, acquired) = self.next_leader(term).await;
                    self.kills.push(Duration::try_from(acquired.duration_since(killed)).unwrap_or_default());
                }
                self.replicas[target].start(skew);
            }
            Event::KillTwo => {
                let other = (target + 1) % self.replicas.len();
                self.replicas[target].kill();
                self.replicas[other].kill();
                if led {
                    self.next_leader(term).await;
                }
                self.replicas[target].start(skew);
                self.replicas[other].start(-skew);
            }
            Event::Stop => {
                let stopped = Timestamp::now();
                self.replicas[target].stop().await;
                if led {
                    let (_, acquired) = self.next_leader(term).await;
                    self.stops.push(Duration::try_from(acquired.duration_since(stopped)).unwrap_or_default());
                }
                self.replicas[target].start(skew);
            }
            Event::Pause(length) => {
                self.replicas[target].signal("STOP");
                tokio::time::sleep(length).await;
                self.replicas[target].signal("CONT");
            }
            Event::CutDatabase(length) => self.line(target, Line::Cut, length).await,
            Event::FreezeDatabase(length) => self.line(target, Line::Frozen, length).await,
            Event::SlowDatabase(length) => self.line(target, Line::Slow(Duration::from_millis(30)), length).await,
            Event::CutApi(length) => {
                let Some(api) = &self.replicas[target].api else { return };
                api.set(Line::Cut);
                tokio::time::sleep(length).await;
                api.set(Line::Open);
            }
        }
    }

    async fn line(&self, target: usize, line: Line, length: Duration) {
        let database = &self.replicas[target].database;
        database.set(line);
        tokio::time::sleep(length).await;
        database.set(Line::Open);
    }

    /// Starts all replicas with the right time, lets them make up for all that they have missed, and stops them.
    pub(crate) async fn settle(&mut self) {
        for replica in &mut self.replicas {
            replica.kill();
            // As far ahead as any has been: the run of such a one may have been lost, and is due again only when its time comes.
            replica.start(MOST_SKEW);
        }
        self.wait_for_run_of(Timestamp::now() + SignedDuration::from_secs(MOST_SKEW)).await;
        for replica in &mut self.replicas {
            replica.stop().await;
        }
    }

    /// Waits until a run for this time, or a later one, has succeeded.
    async fn wait_for_run_of(&self, time: Timestamp) {
        let asked = Instant::now();
        while crate::check::latest(&self.database).is_none_or(|latest| latest < time) {
            assert!(asked.elapsed() < PATIENCE, "the runs do not go on\n{}", self.logs());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// How long it took until another one led: the median and the longest, after a kill and after a clean stop.
    pub(crate) fn takeovers(&self) -> [(Duration, Duration); 2] {
        [&self.kills, &self.stops].map(|lengths| {
            let mut lengths = lengths.clone();
            lengths.sort();
            (lengths.get(lengths.len() / 2).copied().unwrap_or_default(), lengths.last().copied().unwrap_or_default())
        })
    }

    /// Checks that another one led in time: usually as promised, and always nearly so.
    pub(crate) fn check_takeovers(&self) {
        for ((median, longest), promised) in self.takeovers().into_iter().zip([LEASE + RETRY, HAND_OVER]) {
            assert!(
                median <= promised + USUAL_SLACK,
                "{median:?} is more than {promised:?}: {:?} {:?}",
                self.kills,
                self.stops
            );
            assert!(
                longest <= promised + SLACK,
                "{longest:?} is far more than {promised:?}: {:?} {:?}",
                self.kills,
                self.stops
            );
        }
    }

    pub(crate) fn logs(&self) -> String {
        self.replicas.iter().map(Replica::log).collect::<Vec<_>>().join("\n")
    }
}
