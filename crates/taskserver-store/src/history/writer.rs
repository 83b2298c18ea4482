//! Writes the run history, for all runs of the process, one transaction at a time.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use taskserver_core::{LeadershipState, Run};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::rows;
use crate::{Fence, Sql, Store, StoreError};

/// How long a run has been in progress when that is written: a shorter one is written only when it has ended.
const LONG: Duration = Duration::from_secs(1);

/// How many rows one statement writes at most.
const BATCH: usize = 200;

/// How often a statement is tried that others got in the way of, or whose connection was lost.
const ATTEMPTS: u32 = 3;

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What is reported to the writer.
pub(super) enum Message {
    Started(Box<Run>),
    Finished(Box<Run>, Answer<()>),
    Recover(LeadershipState, Answer<u64>),
}

/// A run that began here and has not ended.
enum Progress {
    /// It is written at this time, unless it ends before.
    Due(Instant, Box<Run>),
    Written,
}

/// A run to write, and who waits for that: nobody, if it has only begun.
type Entry = (Run, Option<Answer<()>>);

pub(super) struct Writer {
    store: Store,
    instance: String,
    leadership: Option<String>,
    progress: HashMap<Uuid, Progress>,
    entries: Vec<Entry>,
}

impl Writer {
    pub(super) fn new(store: Store, instance: String, leadership: Option<String>) -> Self {
        Self { store, instance, leadership, progress: HashMap::new(), entries: Vec::new() }
    }

    /// Writes until the history is gone.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<Message>) {
        loop {
            let message = tokio::select! {
                message = messages.recv() => match message {
                    Some(message) => Some(message),
                    None => return,
                },
                () = self.next_due() => None,
            };
            let mut next = message;
            while let Some(message) = next {
                self.take(message).await;
                // What was reported while the last transaction was under way goes into the next one.
                next = if self.entries.len() < BATCH { messages.try_recv().ok() } else { None };
            }
            self.take_due();
            self.write().await;
        }
    }

    async fn next_due(&self) {
        let due = |progress: &Progress| match progress {
            Progress::Due(due, _) => Some(*due),
            Progress::Written => None,
        };
        match self.progress.values().filter_map(due).min() {
            Some(due) => sleep_until(due).await,
            None => std::future::pending().await,
        }
    }

    async fn take(&mut self, message: Message) {
        match message {
            Message::Started(run) => {
                self.progress.insert(run.id, Progress::Due(Instant::now() + LONG, run));
            }
            Message::Finished(run, answer) => {
                self.progress.remove(&run.id);
                self.entries.push((*run, Some(answer)));
            }
            Message::Recover(leading, answer) => {
                // What has ended is to be seen as ended.
                self.write().await;
                // Whoever asked may have given up waiting.
                let _ = answer.send(self.recover(leading).await);
            }
        }
    }

    fn take_due(&mut self) {
        let now = Instant::now();
        for progress in self.progress.values_mut() {
            if matches!(progress, Progress::Due(due, _) if *due <= now)
                && let Progress::Due(_, run) = std::mem::replace(progress, Progress::Written)
            {
                self.entries.push((*run, None));
            }
        }
    }

    /// Writes the entries: those of each term in transactions of their own, so that a term that is over holds up no other.
    async fn write(&mut self) {
        let mut by_term: BTreeMap<Option<u64>, Vec<Entry>> = BTreeMap::new();
        for entry in self.entries.drain(..) {
            by_term.entry(entry.0.term).or_default().push(entry);
        }
        for (term, mut entries) in by_term {
            while !entries.is_empty() {
                let rest = entries.split_off(entries.len().min(BATCH));
                self.write_batch(term, entries).await;
                entries = rest;
            }
        }
    }

    async fn write_batch(&self, term: Option<u64>, entries: Vec<Entry>) {
        let (runs, answers): (Vec<Run>, Vec<_>) = entries.into_iter().unzip();
        let result = self.fenced(term, rows::upsert(self.store.backend(), &runs)).await.map(|_| ());
        if let Err(error) = &result
            && answers.iter().any(Option::is_none)
        {
            tracing::warn!(%error, "that runs have begun could not be written to the run history");
        }
        for answer in answers.into_iter().flatten() {
            // Whoever reported the run may have given up waiting.
            let _ = answer.send(result.clone());
        }
    }

    async fn recover(&self, leading: LeadershipState) -> Result<u64, StoreError> {
        let in_progress: Vec<Uuid> = self.progress.keys().copied().collect();
        let sql = rows::recover(self.store.backend(), &self.instance, leading, &in_progress, Timestamp::now())?;
        self.fenced(leading.term(), sql).await
    }

    /// Runs a statement that can be run again, if the term it belongs to is not over.
    async fn fenced(&self, term: Option<u64>, sql: Sql) -> Result<u64, StoreError> {
        let mut attempt = 1;
        loop {
            match self.try_fenced(term, sql.clone()).await {
                // MySQL chooses a victim among those who insert at once.
                Err(StoreError::Locked(_) | StoreError::Lost(_)) if attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn try_fenced(&self, term: Option<u64>, sql: Sql) -> Result<u64, StoreError> {
        let mut transaction = self.store.begin().await?;
        let result = async {
            if let (Some(leadership), Some(term)) = (&self.leadership, term) {
                Fence::new(leadership, term).check(&mut transaction).await?;
            }
            transaction.execute(sql).await
        }
        .await;
        transaction.conclude(result).await
    }
}
