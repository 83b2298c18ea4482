//! Platform analytics of an iR Engine deployment: how many users, instances, channels, locations and scenes are active, taken
//! on a schedule and stored as rows of the platform's `analytics` table.
//!
//! The crate has four parts:
//!
//! - [`AnalyticsTask`], the collector: a cycle asks each [`MetricSource`] for all figures and creates a record of each through
//!   the app's `analytics` service, hooks, events and all;
//! - [`MaintenanceTask`], which removes the rows that are too old or too many;
//! - [`DailyFigures`], a hook that lets readers ask that service for `action=dailyUsers` and `action=dailyNewUsers`;
//! - with the feature `store`, `SqlMetrics`, the source of the platform's own database. It does all counting there, in one
//!   consistent read and few statements, so that a cycle costs the same memory for ten users and for ten million.
//!
//! With the feature `store`, there are also roll-ups, `rollup`: what each figure was in each piece of time, for charts.
//!
//! # Every figure once
//!
//! A record's id is the UUIDv5 of its metric and its cycle's scheduled time ([`row_id`]), and the table's primary key does the
//! rest: a cycle that is retried, repeated after a crash, or run by two replicas at once stores each figure once. A metric
//! that fails does not keep the others from being stored. The figures of a cycle are stored in one transaction, so that a
//! crash leaves all of them or none.
//!
//! # Example
//!
//! ```
//! use async_trait::async_trait;
//! use task_analytics::{AnalyticsTask, Figure, MetricSource, SourceError};
//! use taskserver_core::{App, Field, FieldType, MemoryService, Query, Schema};
//!
//! struct Turnstile;
//!
//! #[async_trait]
//! impl MetricSource for Turnstile {
//!     async fn figures(&self) -> Result<Vec<Figure>, SourceError> {
//!         Ok(vec![Figure::counted("visitors", 42)])
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let fields = [("id", FieldType::ID), ("type", FieldType::TEXT), ("count", FieldType::INT)];
//! let schema = Schema::new(fields.map(|(name, field_type)| Field::nullable(name, field_type)));
//! let app = App::builder()
//!     .service("analytics", MemoryService::new(schema))
//!     .task(AnalyticsTask::new(Turnstile))
//!     .build()?;
//! app.tasks().run_and_wait(&app, "analytics").await?;
//! let page = app.service("analytics").find(Query::new().eq("type", "visitors")).await?;
//! assert_eq!(page.data[0]["count"], 42);
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod daily;
mod maintenance;
#[cfg(feature = "store")]
pub mod rollup;
mod source;
#[cfg(feature = "store")]
mod sql;
mod task;

pub use daily::DailyFigures;
pub use maintenance::{MaintenanceTask, Pruned, Retention, RowPruner};
pub use source::{Daily, DailySource, Figure, FigureError, MetricSource, SourceError};
#[cfg(feature = "store")]
pub use sql::{PLATFORM_METRICS, SqlMetric, SqlMetrics};
pub use task::{AnalyticsTask, CycleError, CycleReport, row_id};

/// The path of the service that keeps the figures.
pub const ANALYTICS: &str = "analytics";

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
