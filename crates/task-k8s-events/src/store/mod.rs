//! The collected events as rows of a database, exactly once each.
//!
//! - A batch, its gap and its cursor are stored in one transaction: the cursor moves only with what it covers.
//! - An event is one row, whose id is made of the cluster's name and the event's uid. A row is replaced only by a newer version:
//!   a list that repeats what is stored changes nothing, and costs little more than looking.
//! - What was deleted or has expired in the cluster stays, marked with the time.
//!
//! # Two collectors at once
//! A cursor speaks for what its own collector has stored. Whoever begins to write [claims](EventStore::claim) the cluster, which
//! begins a new epoch and gives the cursor that was stored last. The epoch is compared in the transaction of each batch: a
//! collector that was superseded, or wakes up after another has taken its place, stores nothing any more. Where only the leader
//! of several replicas may write, a [`Fence`] checks its term there too.

mod counts;
mod export;
mod read;
mod retention;
mod row;
mod schema;
mod write;

use taskserver_store::{Fence, Store, StoreError};

pub use counts::{COUNT_PERIODS, count_schema};
pub use retention::{EventRetention, Keep, PrunedEvents, RetentionTask};
pub use schema::{K8S_EVENT, K8S_EVENT_COUNT, K8S_EVENT_GAP, MIGRATIONS, event_schema, event_services, gap_schema};
pub use write::{EventWriter, Outcome};

/// Why events could not be stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventStoreError {
    /// The database could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else has claimed the cluster since.
    #[error(
        "another collector has begun to store the events of the cluster {cluster:?}, and this one stores nothing any more: \
         run one for each name of a cluster, or let the replicas elect a leader"
    )]
    Superseded {
        /// The cluster's name.
        cluster: String,
    },
}

impl EventStoreError {
    /// The kind of the error in a word.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Store(StoreError::Fenced { .. }) => "fenced",
            Self::Store(_) => "database",
            Self::Superseded { .. } => "superseded",
        }
    }
}

/// Where the events of one cluster are stored.
///
/// ```no_run
/// use futures_util::StreamExt;
/// use task_k8s_events::{Collector, CollectorOptions, EventStore, MIGRATIONS, connect};
/// use taskserver_store::{Store, StoreOptions};
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let store = Store::new(StoreOptions::new("sqlite://events.db")?)?;
/// store.migrate_with(MIGRATIONS).await?;
///
/// let collector = Collector::new(connect(kube::Config::infer().await?)?, CollectorOptions::default())?;
/// let mut writer = EventStore::new(store, "default").claim().await?;
/// let mut batches = collector.stream(writer.cursor().cloned());
/// while let Some(batch) = batches.next().await {
///     match batch {
///         Ok(batch) => drop(writer.store(&batch).await?),
///         Err(error) => eprintln!("{error}"),
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct EventStore {
    store: Store,
    cluster: String,
    fence: Option<Fence>,
    exporting: bool,
    #[cfg(feature = "alerts")]
    alerts: Option<std::sync::Arc<crate::AlertRules>>,
}

impl EventStore {
    /// The events of the cluster of this name, which is that of the collector's
    /// [options](crate::CollectorOptions::cluster). The tables are made by the [`MIGRATIONS`].
    #[must_use]
    pub fn new(store: Store, cluster: impl Into<String>) -> Self {
        Self {
            store,
            cluster: cluster.into(),
            fence: None,
            exporting: false,
            #[cfg(feature = "alerts")]
            alerts: None,
        }
    }

    /// Writes only in the term of this fence.
    #[must_use]
    pub fn fenced(mut self, fence: Fence) -> Self {
        self.fence = Some(fence);
        self
    }

    /// Has what is stored exported: see [`EventExport`](crate::EventExport).
    #[must_use]
    pub fn exporting(mut self) -> Self {
        self.exporting = true;
        self
    }

    /// Raises alerts by these rules, in the transaction of the events that they are about.
    #[cfg(feature = "alerts")]
    #[must_use]
    pub fn alerting(mut self, rules: std::sync::Arc<crate::AlertRules>) -> Self {
        self.alerts = Some(rules);
        self
    }
}
