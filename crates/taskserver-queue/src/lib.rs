//! A durable queue of typed jobs, over the database that a service has anyway: SQLite, PostgreSQL or MySQL/MariaDB.
//!
//! A job is a struct with a name and a `run`. Whoever has work to hand over enqueues it, from Rust, over REST or by inserting a
//! row; the workers of any replica run it. It is not forgotten: a job that fails is tried again, that of a worker which dies is
//! taken over, and what cannot succeed stays as a dead letter.
//!
//! ```
//! use std::time::Duration;
//!
//! use serde::{Deserialize, Serialize};
//! use taskserver_core::{App, Metrics};
//! use taskserver_queue::{Job, JobContext, JobError, Jobs, NewJob, Queue, WorkerOptions, Workers};
//! # use tokio::sync::mpsc;
//!
//! /// Invites somebody into a channel.
//! #[derive(Serialize, Deserialize)]
//! struct Invite {
//!     user: String,
//! }
//!
//! impl Job for Invite {
//!     const NAME: &'static str = "invite";
//!     const RETRIES: u32 = 5;
//!     /// Such as a client of a mail server.
//!     type Environment = Mailer;
//!
//!     async fn run(&self, mailer: &Mailer, context: &JobContext) -> Result<(), JobError> {
//!         // The id is the same in every attempt: who receives it twice can tell.
//!         mailer.send(&self.user, context.id()).await
//!     }
//! }
//! # struct Mailer(mpsc::Sender<String>);
//! # impl Mailer {
//! #     async fn send(&self, user: &str, _: &str) -> Result<(), JobError> {
//! #         Ok(self.0.send(user.to_owned()).await?)
//! #     }
//! # }
//!
//! # #[cfg(feature = "store")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use taskserver_queue::{MIGRATIONS, SqlJobs};
//! # use taskserver_store::{Store, StoreOptions};
//! # let (sender, mut sent) = mpsc::channel(1);
//! # let mailer = Mailer(sender);
//! let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
//! store.migrate_with(MIGRATIONS).await?;
//! let metrics = Metrics::default();
//! let queue = Queue::new(SqlJobs::new(&store), &metrics);
//! let app = App::builder().metrics(metrics).build()?;
//!
//! let jobs = Jobs::new().register::<Invite>(mailer);
//! let workers = Workers::new(&queue, jobs, WorkerOptions::default(), "replica-1").start(&app);
//! queue.enqueue(&Invite { user: "ada".into() }).await?;
//! # assert_eq!(sent.recv().await.unwrap(), "ada");
//!
//! // Not before an hour has passed, and once a day for each user.
//! let reminder = NewJob::of(&Invite { user: "bob".into() })?
//!     .delay(Duration::from_secs(3600))
//!     .unique_within("bob", Duration::from_secs(24 * 3600));
//! queue.enqueue_one(reminder).await?;
//! workers.stop(Duration::from_secs(30)).await;
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "store"))]
//! # fn main() {}
//! ```
//!
//! # The life of a job
//!
//! ```text
//!     enqueued                       its time has come                 a worker takes it
//!   ───────────┬───▶ scheduled ──────────────────────▶ queued ───────────────────────────▶ running
//!              │         ▲                             ▲ ▲ ▲                                │
//!              ├─────────┼─────────────────────────────┘ │ │   given back at shutdown, or   │
//!              │         │          its batch has ended  │ └── its worker died ─────────────┤
//!              └───▶ waiting ────────────────────────────┘                                  │
//!                        │                                                                  │
//!                        └── failed: again after a back-off ◀───────────────────────────────┤
//!                                                                                           │
//!                cancelled ◀── by an operator, from any state above                         │
//!                dead      ◀── failed in its last attempt, or for good ◀────────────────────┤
//!                succeeded ◀────────────────────────────────────────────────────────────────┘
//! ```
//!
//! (A job that failed becomes `scheduled`.) An operator can make a dead or cancelled job `queued` again, with one more attempt.
//!
//! # At least once, and effects once
//!
//! A worker can die between what a job does and the word that it is done, so that no queue runs a job exactly once. This one
//! runs it **at least once**, as long as it has attempts left (with [`RETRIES`](Job::RETRIES) of 0: at most once), and gives what
//! makes its **effects** happen once:
//!
//! - *Effects in the same database*: [`JobContext::begin`] and [`conclude`](JobContext::conclude) make them one transaction with
//!   the job's completion. Either both have happened or neither.
//! - *Effects elsewhere*: [`JobContext::id`] is the same in every attempt, and serves as an idempotency key.
//! - Whatever an attempt tells the store is **fenced** by its number. When a worker was paused, or cut off, for longer than its
//!   lease and another one has taken the job over, its late end is refused, and so are its effects of the first kind.
//!   [`JobContext::check`] fences single effects.
//!
//! Leases are judged by the database's clock alone: those of replicas need not agree.
//!
//! # Writing a job
//!
//! - Its name and the form of its payload outlive the program. A replica leaves kinds of jobs that it does not know to others, so
//!   that a new kind can be rolled out replica by replica; such jobs are seen in the component `queue` of the app's health.
//! - Return an error for whatever went wrong, a [`Permanent`] one if trying again is of no use. A panic, or an attempt that takes
//!   too long, is a failure as any other.
//! - An attempt is ended early by dropping its future, a second after [`JobContext::cancelled`] has resolved. Only a future that
//!   awaits can be dropped: move blocking work to [`tokio::task::spawn_blocking`].
//!
//! # By hand
//!
//! A row with a name and a payload is a job, whoever inserts it; the database's defaults do the rest:
//!
//! ```sql
//! INSERT INTO job (name, payload) VALUES ('invite', '{"user": "ada"}');
//! ```
//!
//! Such a row is `scheduled` for now: it runs within the poll interval. `"runAt"` (UTC) gives it another time, `queue`,
//! `priority` and `"maxAttempts"` are as in [`NewJob`]. (On MySQL, names are quoted with backticks where they need be.)
//!
//! # How it is made
//!
//! The queue is logic over a port, the [`JobStore`]. With the feature `store` there is one for the three databases, `SqlJobs`.
//! Workers are woken by notifications where the database has them, and look for themselves at intervals; they take and finish
//! jobs many at a time. The module `workers` says how a process is built, the module `sql` how the statements are.
#![deny(missing_docs)]

mod context;
mod error;
mod job;
mod metrics;
mod new_job;
mod options;
mod port;
mod queue;
mod registry;
#[cfg(feature = "store")]
mod sql;
mod workers;

pub use context::JobContext;
pub use error::QueueError;
pub use job::{DEFAULT_QUEUE, DEFAULT_RETRIES, Job, JobError, Permanent};
pub use new_job::{MAX_PAYLOAD, NewJob, Unique, When};
pub use options::{WorkerControl, WorkerOptions};
pub use port::*;
pub use queue::{Queue, QueueLimits};
pub use registry::Jobs;
#[cfg(feature = "store")]
pub use sql::{AttemptOver, JOB, JobRetention, JobRetentionTask, JobService, MIGRATIONS, SqlJobs, job_schema};
pub use workers::{RunningWorkers, Workers};

/// The example of the README compiles.
#[cfg(all(doctest, feature = "store"))]
#[doc = include_str!("../README.md")]
struct Readme;
