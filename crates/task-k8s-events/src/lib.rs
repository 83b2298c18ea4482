//! The events of a Kubernetes cluster as an exact, resumable stream.
//!
//! Kubernetes forgets its events after an hour. To keep them, one has to read each in time, across restarts, failovers,
//! throttling and a server that forgets its own history; and must neither lose one nor count one twice. This crate does
//! the reading:
//!
//! - [`Collector::stream`] gives [`Batch`]es of changes. Each has the [`Cursor`] that is true once the batch is stored. Who
//!   stores both in one transaction, and later gives the last stored cursor back, continues exactly there.
//! - [`Collector::run`] is the simple way: it hands out batches and keeps the cursor in a [`Checkpoint`].
//! - Where the server has lost history that was still needed, a [`Gap`] says from where to where, and why. Nothing is
//!   passed over in silence.
//!
//! ```no_run
//! use futures_util::StreamExt;
//! use task_k8s_events::{Collector, CollectorOptions, Cursor, connect};
//!
//! # async fn transaction(_: &task_k8s_events::Batch) {}
//! # async fn load() -> Option<Cursor> { None }
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = connect(kube::Config::infer().await?)?;
//! let collector = Collector::new(client, CollectorOptions::default())?;
//! let mut batches = collector.stream(load().await);
//! while let Some(batch) = batches.next().await {
//!     match batch {
//!         Ok(batch) => transaction(&batch).await, // its rows and its cursor
//!         Err(error) => eprintln!("{error}"),     // a report: the stream goes on
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Storing
//!
//! A record is keyed by (cluster, uid) and replaced only by one whose [`ResourceVersion`] [replaces](ResourceVersion::replaces)
//! it (the feature `store` has such a store). Lists repeat what is stored already; with this guard the repetition changes nothing, even when two collectors run at
//! once. Of these two only one may store its cursor, because a cursor speaks for what its own collector has stored: fence
//! it by a term or a lease.
//!
//! # Features
//!
//! Without features the crate has the stream alone, and nothing of SQL in its dependencies. Of its features
//!
//! - `store` adds rows of the events with services over them, `EventStore`; `EventCollector`, the collector as a part of an
//!   app; and `EventExport`, which hands on what was stored;
//! - `rules` adds rules in CEL: `Rule` and `EventFilter` say which events are stored;
//! - `alerts` is both, and adds `AlertRules`, which raise alerts (those of `taskserver-alerts`) from what is stored.
//!
//! # Design
//!
//! One task of control per namespace, or one for the cluster: a paged list, then watches from the version of that list.
//! `kube`'s own `watcher` does not serve here: it takes no version to start from, hides where it stands, and holds whole
//! lists. Its client does serve; the few requests are built with `kube`'s request types and their bodies are read here, item
//! by item, each within a bound of size and of time. Memory holds one page or one batch, however many events there are.
//!
//! The stream is pulled: it reads on when it is polled, so a consumer that is slow, or whose database is down, holds it
//! back, and the server's history (five minutes for the watch, an hour for the events themselves) is the buffer.
//!
//! What a consumer of errors should know: a 403 ([`Error::Forbidden`]) names the rule to add; [`Error::needs_attention`]
//! tells it and its like from the passing failures.
#![deny(missing_docs)]

#[cfg(feature = "alerts")]
mod alerts;
mod api;
mod backoff;
mod checkpoint;
mod collector;
mod cursor;
mod error;
mod event;
mod follow;
mod options;
mod resource_version;
#[cfg(feature = "rules")]
mod rules;
#[cfg(feature = "store")]
mod run;
#[cfg(feature = "store")]
mod store;
mod wire;

#[cfg(feature = "alerts")]
pub use alerts::AlertRules;
pub use checkpoint::Checkpoint;
pub use collector::{Batch, Change, ChangeKind, Collector, connect};
pub use cursor::{Cursor, Gap, GapReason, Point};
pub use error::Error;
pub use event::{EventRecord, InvolvedObject, Rejected, Series};
pub use options::{CollectorOptions, Mode, Namespaces};
pub use resource_version::ResourceVersion;
#[cfg(feature = "rules")]
pub use rules::*;
#[cfg(feature = "store")]
pub use run::{
    EventCollector, EventExport, EventSink, ExportError, KUBERNETES_EVENTS, KUBERNETES_EVENTS_EXPORT, LogLimit,
};
#[cfg(feature = "store")]
pub use store::{
    COUNT_PERIODS, EventRetention, EventStore, EventStoreError, EventWriter, K8S_EVENT, K8S_EVENT_COUNT, K8S_EVENT_GAP,
    Keep, MIGRATIONS, Outcome, PrunedEvents, RetentionTask, count_schema, event_schema, event_services, gap_schema,
};

/// Any error, of a checkpoint or a handler.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
