//! Maintenance: a task that carries out one statement of one's own, bounded in rows and time, and at first without effect.
//!
//! Whoever writes such a statement may err: forget a condition, or that a table has grown. So
//! - it is tried first: a dry run carries it out, counts the rows, and takes it back;
//! - it works in batches, each a transaction of its own. In the statement, `:batch_size` stands for the number of rows that one batch may
//!   be about; one that is about more has no effect, and fails the run. Another batch follows until one is not full;
//! - there are no more batches in a run than are allowed, and each has its time. The next run goes on.
//!
//! Only statements that change rows are taken: MySQL could take back no other ones. What a dry run cannot take back there are rows of
//! tables that have no transactions (MyISAM).

use std::time::{Duration, Instant};

use serde::Serialize;
use taskserver_core::{Task, TaskConfig, TaskContext, TaskError};

use crate::reading::single;
use crate::{Fence, Sql, Store, StoreError, Transaction};

/// Stands for the size of a batch in a statement.
const PLACEHOLDER: &str = ":batch_size";

/// How the statements begin that change rows.
const VERBS: [&str; 5] = ["DELETE", "UPDATE", "INSERT", "REPLACE", "WITH"];

/// How a statement is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaintenanceOptions {
    /// Whether all of it is taken back in the end.
    pub dry_run: bool,
    /// How many rows one batch may be about.
    pub batch_size: u64,
    /// How many batches there are in a run at most.
    pub max_batches: u32,
    /// How long the statement may take, and in a dry run all batches together; the store's limit for statements unless set.
    pub timeout: Option<Duration>,
}

impl Default for MaintenanceOptions {
    /// A dry run, of 100 batches of 1000 rows at most.
    fn default() -> Self {
        Self { dry_run: true, batch_size: 1000, max_batches: 100, timeout: None }
    }
}

/// What a run has done, or in a dry run would have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Maintained {
    /// Whether it was taken back.
    pub dry_run: bool,
    /// How many rows it was about. (On MySQL, an `UPDATE` is about the rows that its condition finds.)
    pub rows: u64,
    /// In how many batches.
    pub batches: u32,
    /// Whether the last batch was full, so that there may be more to do.
    pub more: bool,
}

/// Why a run could not do its work. The batches before stay done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MaintenanceError {
    /// A batch would have been about too many rows; it had no effect.
    #[error(
        "the statement is about {rows} rows at once, and a batch may be about {batch_size}: let it be about {PLACEHOLDER} rows at \
         most, such as by LIMIT {PLACEHOLDER}"
    )]
    TooManyRows {
        /// How many rows.
        rows: u64,
        /// How many it may be.
        batch_size: u64,
    },
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The task that carries out a statement, once a day unless set otherwise. Its name is `maintenance-NAME`.
///
/// ```
/// use taskserver_core::App;
/// use taskserver_store::{MaintenanceOptions, SqlMaintenance, Store, StoreOptions};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
/// store.create_platform_tables().await?;
/// let old = "DELETE FROM instance WHERE id IN (SELECT id FROM instance WHERE ended AND \"updatedAt\" < date('now', '-1 year') LIMIT :batch_size)";
/// let task = SqlMaintenance::new(&store, "old-instances", old, MaintenanceOptions::default())?;
/// let app = App::builder().task(task).build()?;
/// let run = app.tasks().run_and_wait(&app, "maintenance-old-instances").await?;
/// assert_eq!(run.result, serde_json::json!({"dryRun": true, "rows": 0, "batches": 1, "more": false}));
/// # Ok(())
/// # }
/// ```
pub struct SqlMaintenance {
    task: String,
    store: Store,
    sql: String,
    options: MaintenanceOptions,
    leadership: Option<String>,
}

impl SqlMaintenance {
    /// Carries out this statement on this database.
    ///
    /// # Errors
    /// [`StoreError::Statement`]: it is empty, more than one, or none that changes rows.
    pub fn new(store: &Store, name: &str, sql: &str, options: MaintenanceOptions) -> Result<Self, StoreError> {
        let sql = single(sql)?;
        let verb = sql.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
        if !VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb)) {
            let reason = "it must change rows: expected DELETE, UPDATE, INSERT, REPLACE or WITH at its beginning";
            return Err(StoreError::Statement(reason.to_owned()));
        }
        let sql = sql.replace(PLACEHOLDER, &options.batch_size.to_string());
        Ok(Self { task: format!("maintenance-{name}"), store: store.clone(), sql, options, leadership: None })
    }

    /// Changes rows only in the term of the run, checked in each batch: the app's election is over this leadership, which the
    /// database keeps.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }

    async fn maintain(&self, fence: Option<&Fence>) -> Result<Maintained, MaintenanceError> {
        let lease = self.store.lease().await?;
        let usual = lease.time_limit();
        let mut transaction = Transaction { lease };
        transaction.lease.limit(self.options.timeout.unwrap_or(usual)).await?;
        let result = match self.options.dry_run {
            true => self.rehearse(&mut transaction).await,
            false => self.carry_out(&mut transaction, fence).await,
        };
        if transaction.lease.is_fit() {
            transaction.lease.limit(usual).await?;
        }
        result
    }

    /// Each batch in a transaction of its own.
    async fn carry_out(
        &self,
        transaction: &mut Transaction,
        fence: Option<&Fence>,
    ) -> Result<Maintained, MaintenanceError> {
        let mut done = Maintained::default();
        loop {
            transaction.lease.begin_write().await?;
            let result = async {
                let rows = self.batch(transaction).await?;
                if let Some(fence) = fence {
                    fence.check(transaction).await?;
                }
                Ok(rows)
            }
            .await;
            let rows = transaction.lease.conclude::<_, MaintenanceError>(result).await?;
            if !self.goes_on(&mut done, rows) {
                return Ok(done);
            }
        }
    }

    /// All batches in one transaction, so that each sees what those before it have done; which is then taken back.
    async fn rehearse(&self, transaction: &mut Transaction) -> Result<Maintained, MaintenanceError> {
        let (start, limit) = (Instant::now(), transaction.lease.time_limit());
        let mut done = Maintained { dry_run: true, ..Maintained::default() };
        transaction.lease.begin_write().await?;
        let result = loop {
            match self.batch(transaction).await {
                Ok(rows) if self.goes_on(&mut done, rows) && start.elapsed() < limit => {}
                Ok(_) => break Ok(done),
                Err(error) => break Err(error),
            }
        };
        if transaction.lease.is_fit() {
            transaction.lease.roll_back().await?;
        }
        result
    }

    /// How many rows one batch was about.
    async fn batch(&self, transaction: &mut Transaction) -> Result<u64, MaintenanceError> {
        let mut sql = Sql::new(self.store.backend());
        sql.push(&self.sql);
        let (rows, batch_size) = (transaction.execute(sql).await?, self.options.batch_size);
        if rows > batch_size { Err(MaintenanceError::TooManyRows { rows, batch_size }) } else { Ok(rows) }
    }

    /// Takes note of a batch, and says whether another one is to follow.
    fn goes_on(&self, done: &mut Maintained, rows: u64) -> bool {
        done.rows += rows;
        done.batches += 1;
        done.more = rows == self.options.batch_size;
        done.more && done.batches < self.options.max_batches
    }
}

impl Task for SqlMaintenance {
    type Output = Maintained;

    fn name(&self) -> &str {
        &self.task
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(24 * 60 * 60))
    }

    async fn run(&self, context: &TaskContext) -> Result<Maintained, TaskError> {
        let fence = self.leadership.as_ref().zip(context.term()).map(|(name, term)| Fence::new(name, term));
        Ok(self.maintain(fence.as_ref()).await?)
    }
}
