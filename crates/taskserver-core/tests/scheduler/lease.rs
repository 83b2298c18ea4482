//! A lease in memory, which candidates reach through connections that can fail, and processes that can be frozen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use taskserver_core::{
    Election, ElectionOptions, Health, HealthRegistry, Leadership, LeadershipState, LeaseError, LeaseRecord, LeaseStore,
};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::fixture::*;

/// The lease, and a log of who took it in which term.
#[derive(Clone, Default)]
pub(crate) struct Lease(Arc<Mutex<Content>>);

#[derive(Default)]
struct Content {
    record: Option<LeaseRecord>,
    versions: u64,
    terms: Vec<(u64, String)>,
}

/// What becomes of a candidate's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    Works,
    Fails,
    Hangs,
    /// Writes take effect, but nobody is told.
    LosesAnswers,
    Panics,
}

/// A candidate's way to the lease.
#[derive(Clone)]
pub(crate) struct Connection {
    lease: Lease,
    line: Arc<Mutex<Line>>,
}

impl Lease {
    pub(crate) fn connect(&self) -> Connection {
        Connection { lease: self.clone(), line: Arc::new(Mutex::new(Line::Works)) }
    }

    pub(crate) fn record(&self) -> Option<LeaseRecord> {
        self.0.lock().unwrap().record.clone()
    }

    pub(crate) fn delete(&self) {
        self.0.lock().unwrap().record = None;
    }

    /// The terms so far, with the instances that took them.
    pub(crate) fn terms(&self) -> Vec<(u64, String)> {
        self.0.lock().unwrap().terms.clone()
    }

    fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Option<LeaseRecord> {
        let mut content = self.0.lock().unwrap();
        if content.record.as_ref() != seen {
            return None;
        }
        content.versions += 1;
        let record = LeaseRecord { version: content.versions.to_string(), ..lease.clone() };
        if let Some(holder) = &lease.holder
            && content.terms.last().is_none_or(|(term, _)| *term != lease.term)
        {
            content.terms.push((lease.term, holder.split('_').next().unwrap().to_owned()));
        }
        content.record = Some(record.clone());
        Some(record)
    }
}

impl Connection {
    pub(crate) fn set(&self, line: Line) {
        *self.line.lock().unwrap() = line;
    }

    async fn check(&self) -> Result<Line, LeaseError> {
        let line = *self.line.lock().unwrap();
        match line {
            Line::Works | Line::LosesAnswers => Ok(line),
            Line::Fails => Err("the line is cut".into()),
            Line::Hangs => std::future::pending().await,
            Line::Panics => panic!("the line is on fire"),
        }
    }
}

#[async_trait]
impl LeaseStore for Connection {
    async fn read(&self) -> Result<Option<LeaseRecord>, LeaseError> {
        self.check().await?;
        Ok(self.lease.record())
    }

    async fn write(&self, seen: Option<&LeaseRecord>, lease: &LeaseRecord) -> Result<Option<LeaseRecord>, LeaseError> {
        let line = self.check().await?;
        let written = self.lease.write(seen, lease);
        if line == Line::LosesAnswers {
            return Err("the answer was lost".into());
        }
        Ok(written)
    }
}

/// A process that takes part in an election, and does nothing else.
pub(crate) struct Candidate {
    pub(crate) connection: Connection,
    pub(crate) leadership: Leadership,
    pub(crate) health: HealthRegistry,
    frozen: watch::Sender<bool>,
    process: JoinHandle<()>,
}

pub(crate) const LEASE: Duration = Duration::from_secs(15);
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
pub(crate) const RETRY: Duration = Duration::from_millis(500);

impl Candidate {
    pub(crate) fn start(lease: &Lease, instance: &str) -> Self {
        Self::start_with(lease, instance, ElectionOptions::default())
    }

    pub(crate) fn start_with(lease: &Lease, instance: &str, options: ElectionOptions) -> Self {
        let connection = lease.connect();
        let election = Election::new(connection.clone(), instance, options).unwrap();
        let health = HealthRegistry::new(Arc::new(TestClock::noon()));
        let reporter = health.register("leadership", false);
        let leadership = election.leadership().clone();
        let (frozen, mut freezing) = watch::channel(false);
        let process = tokio::spawn(async move {
            let run = async { election.run(&reporter).await };
            tokio::pin!(run);
            // The end of the channel is the end of the test.
            while freezing.wait_for(|frozen| !frozen).await.is_ok() {
                tokio::select! {
                    biased;
                    Ok(_) = freezing.wait_for(|frozen| *frozen) => {}
                    () = &mut run => return,
                }
            }
        });
        Self { connection, leadership, health, frozen, process }
    }

    /// Stops the process in its tracks, as SIGSTOP does.
    pub(crate) fn freeze(&self) {
        self.frozen.send_replace(true);
    }

    pub(crate) fn thaw(&self) {
        self.frozen.send_replace(false);
    }

    /// Ends the process without a word, as SIGKILL does.
    pub(crate) fn kill(&self) {
        self.process.abort();
    }

    pub(crate) fn leads(&self) -> bool {
        self.leadership.state().is_leading()
    }

    pub(crate) fn state(&self) -> LeadershipState {
        self.leadership.state()
    }

    pub(crate) fn component(&self) -> Health {
        self.health.components()[0].health.clone()
    }

    pub(crate) async fn ended(self) -> bool {
        self.process.await.is_ok()
    }
}

/// How long it takes until the condition holds, to a millisecond or so.
pub(crate) async fn until(condition: impl Fn() -> bool) -> Duration {
    let begin = tokio::time::Instant::now();
    while !condition() {
        assert!(begin.elapsed() < HOUR, "it never comes to hold");
        wait(Duration::from_millis(1)).await;
    }
    begin.elapsed()
}
