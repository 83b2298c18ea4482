//! A queue over a test's database, and a job that does as it is told.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use taskserver_core::{App, Backoff, Metrics};
use taskserver_queue::{
    Job, JobContext, JobError, Jobs, MIGRATIONS, Permanent, Queue, RunningWorkers, SqlJobs, WorkerOptions, Workers,
};
use taskserver_store::{Store, StoreOptions};
use taskserver_tests::TestDatabase;
use tokio::sync::mpsc;

/// Longer than anything here takes on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What a job does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Act {
    Note(String),
    Fail,
    FailOnce,
    FailForGood,
    Panic,
    Hang,
    /// Completes itself, with this note in the same transaction.
    Complete(String),
    /// As `Complete`, once it was let go: word of its beginning is a note of its own.
    CompleteLate(String),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Play {
    pub(crate) act: Act,
}

/// What a job works with here.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) store: Store,
    notes: mpsc::UnboundedSender<String>,
    /// Held by a test that does not let jobs go yet.
    pub(crate) gate: Arc<tokio::sync::Mutex<()>>,
}

impl Job for Play {
    const NAME: &'static str = "play";
    const RETRIES: u32 = 2;
    const TIMEOUT: Duration = Duration::from_millis(300);
    const BACKOFF: Backoff = Backoff { base: Duration::from_millis(1), max: Duration::from_millis(1) };
    type Environment = Stage;

    async fn run(&self, stage: &Stage, context: &JobContext) -> Result<(), JobError> {
        match &self.act {
            Act::Note(note) => stage.note(note),
            Act::Fail => return Err("it does not work".into()),
            Act::FailOnce if context.attempt() == 1 => return Err("not yet".into()),
            Act::FailOnce => stage.note("second attempt"),
            Act::FailForGood => return Err(Permanent::new("it will never work").into()),
            Act::Panic => panic!("out of order"),
            Act::Hang => std::future::pending().await,
            Act::Complete(note) => complete(stage, context, note).await?,
            Act::CompleteLate(note) => {
                stage.note(&format!("attempt {} of {note}", context.attempt()));
                drop(stage.gate.lock().await);
                let result = complete(stage, context, note).await;
                stage.note(&result.as_ref().map_or_else(ToString::to_string, |()| format!("{note} is done")));
                result?;
            }
        }
        Ok(())
    }
}

/// A job that may take its time.
#[derive(Serialize, Deserialize)]
pub(crate) struct Long {
    pub(crate) act: Act,
}

impl Job for Long {
    const NAME: &'static str = "long";
    const QUEUE: &'static str = "slow";
    type Environment = Stage;

    async fn run(&self, stage: &Stage, context: &JobContext) -> Result<(), JobError> {
        Play { act: self.act.clone() }.run(stage, context).await
    }
}

async fn complete(stage: &Stage, context: &JobContext, note: &str) -> Result<(), JobError> {
    let mut transaction = context.begin(&stage.store).await?;
    let mut sql = transaction.sql();
    sql.push("INSERT INTO note VALUES (").text(note).push(")");
    let result = transaction.execute(sql).await;
    context.conclude(transaction, result).await?;
    Ok(())
}

impl Stage {
    fn note(&self, note: &str) {
        let _ = self.notes.send(note.to_owned());
    }
}

/// One process, as far as the queue is concerned.
pub(crate) struct Process {
    pub(crate) store: Store,
    pub(crate) app: App,
    pub(crate) queue: Queue,
    pub(crate) stage: Stage,
    notes: Mutex<mpsc::UnboundedReceiver<String>>,
}

pub(crate) fn options() -> WorkerOptions {
    WorkerOptions { poll_interval: Duration::from_millis(20), ..WorkerOptions::default() }
}

impl Process {
    pub(crate) async fn on(database: &TestDatabase) -> Self {
        let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
        store.migrate_with(MIGRATIONS).await.unwrap();
        let metrics = Metrics::default();
        let queue = Queue::new(SqlJobs::new(&store), &metrics);
        let app = App::builder().metrics(metrics).build().unwrap();
        let (sender, notes) = mpsc::unbounded_channel();
        let stage = Stage { store: store.clone(), notes: sender, gate: Arc::default() };
        Self { store, app, queue, stage, notes: Mutex::new(notes) }
    }

    /// The same with a table for what jobs complete with.
    pub(crate) async fn with_notes_on(database: &TestDatabase) -> Self {
        database.execute("CREATE TABLE note (text varchar(255) NOT NULL)");
        Self::on(database).await
    }

    pub(crate) fn work(&self) -> RunningWorkers {
        self.work_with(options())
    }

    pub(crate) fn work_with(&self, options: WorkerOptions) -> RunningWorkers {
        self.workers(options).start(&self.app)
    }

    pub(crate) fn workers(&self, options: WorkerOptions) -> Workers {
        let jobs = Jobs::new().register::<Play>(self.stage.clone()).register::<Long>(self.stage.clone());
        Workers::new(&self.queue, jobs, options, "here")
    }

    pub(crate) async fn enqueue(&self, act: Act) -> String {
        self.queue.enqueue(&Play { act }).await.unwrap().id
    }

    /// What a job notes next.
    pub(crate) async fn next_note(&self) -> String {
        let next = std::future::poll_fn(|context| self.notes.lock().unwrap().poll_recv(context));
        tokio::time::timeout(PATIENCE, next).await.expect("a job that runs").unwrap()
    }
}

/// Waits until a job is in a state.
pub(crate) async fn until(database: &TestDatabase, id: &str, state: &str) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let found = column(database, id, "state");
        if found == state {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "the job is {found}, not {state}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn column(database: &TestDatabase, id: &str, column: &str) -> String {
    database.query(&format!(r#"SELECT "{column}" FROM "job" WHERE "id" = '{id}'"#))[0][0].clone()
}
