//! The run history in the database: the table `task-run`.
//!
//! What it costs: a run that ends within a second is one row and one statement, written when it ends; a longer one is written
//! when it has been in progress for a second, and once more when it ends. One task of this process's (`writer`) writes for all:
//! what ends while a transaction is under way goes into the next one together, so that many tasks which fire at once cost a few
//! transactions, and the history never uses more than one connection. Whoever reports the end of a run waits until it is
//! stored. For thousands of tasks that run every second, the history in memory is the right one.
//!
//! A run of the leader's is written only in its [term](crate::Fence): a former leader's late record fails.
//!
//! - `writer` collects what is to be written.
//! - `rows` has the statements, and reads and writes rows.
//! - `retention` gives up old rows.

mod retention;
mod rows;
mod writer;

use std::collections::HashMap;
use std::sync::OnceLock;

use async_trait::async_trait;
use jiff::Timestamp;
use taskserver_core::{HistoryError, LastRuns, LeadershipState, Run, RunHistory};
use tokio::sync::{mpsc, oneshot};

use crate::store::read_again;
use crate::{Sql, Store, StoreError};
use writer::{Message, Writer};

pub use retention::RunRetention;
pub(crate) use rows::task_run_schema;

/// The path of the service over the run history, and its table.
pub const TASK_RUN: &str = "task-run";

/// How many reports may wait for the writer; whoever has a further one waits for room.
const QUEUE: usize = 1024;

/// A run history in the database. Its table is made by [`Store::migrate`].
pub struct SqlHistory {
    store: Store,
    instance: String,
    leadership: Option<String>,
    /// Begins with the first report: before, there may be no runtime.
    writer: OnceLock<mpsc::Sender<Message>>,
}

impl SqlHistory {
    /// A history for the process of this name, the same as the [app's](taskserver_core::AppBuilder::instance).
    #[must_use]
    pub fn new(store: &Store, instance: &str) -> Self {
        Self { store: store.clone(), instance: instance.to_owned(), leadership: None, writer: OnceLock::new() }
    }

    /// Checks the term of the leader's runs against this leadership.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let writer = self.writer.get_or_init(|| {
            let (sender, receiver) = mpsc::channel(QUEUE);
            let writer = Writer::new(self.store.clone(), self.instance.clone(), self.leadership.clone());
            tokio::spawn(writer.run(receiver));
            sender
        });
        writer.send(message).await.map_err(|_| gone())
    }

    async fn ask<T>(
        &self,
        message: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Message,
    ) -> Result<T, HistoryError> {
        let (sender, answer) = oneshot::channel();
        self.send(message(sender)).await?;
        Ok(answer.await.map_err(|_| gone())??)
    }
}

fn gone() -> StoreError {
    StoreError::Lost("the writer of the run history has ended".to_owned())
}

#[async_trait]
impl RunHistory for SqlHistory {
    async fn started(&self, run: &Run) -> Result<(), HistoryError> {
        Ok(self.send(Message::Started(Box::new(run.clone()))).await?)
    }

    async fn finished(&self, run: &Run) -> Result<(), HistoryError> {
        self.ask(|answer| Message::Finished(Box::new(run.clone()), answer)).await
    }

    async fn recent(&self, task: &str, limit: usize) -> Result<Vec<Run>, HistoryError> {
        let sql = rows::recent(self.store.backend(), task, limit);
        let rows = read_again(|| async { self.store.lease().await?.load(sql.clone()).await }).await?;
        Ok(rows.into_iter().map(rows::run).collect::<Result<_, _>>()?)
    }

    async fn recover(&self, leading: LeadershipState) -> Result<u64, HistoryError> {
        self.ask(|answer| Message::Recover(leading, answer)).await
    }

    async fn last_runs(&self, now: Timestamp) -> Result<HashMap<String, LastRuns>, HistoryError> {
        let (past, ahead) = (rows::last_runs(self.store.backend(), now), rows::ahead(self.store.backend(), now));
        let load = |sql: Sql| {
            read_again(move || {
                let sql = sql.clone();
                async move { self.store.lease().await?.load(sql).await }
            })
        };
        let last_runs: Result<HashMap<String, LastRuns>, _> =
            load(past).await?.into_iter().map(rows::last_run).collect();
        let mut last_runs = last_runs?;
        for row in load(ahead).await? {
            let (task, scheduled) = rows::settled_ahead(row)?;
            last_runs.entry(task).or_default().ahead.push(scheduled);
        }
        Ok(last_runs)
    }
}
