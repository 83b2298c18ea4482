//! A daily report of an iR Engine deployment: what the day was like, beside the day before and the week before.
//!
//! [`ReportTask`] makes it once a day, of the day that has ended, in the time zone of its cron pattern. It has five sections:
//!
//! | section | says |
//! | --- | --- |
//! | users | how many users were there, and how many were new |
//! | figures | the last, the least and the greatest value of each figure of the analytics |
//! | events | how many Kubernetes events there were, and their most frequent reasons |
//! | alerts | how many alerts were raised, how many fire now, and the gravest of the day |
//! | runs | the tasks with runs that failed, and the last error of each |
//!
//! A report is a row of the service `report`, as Markdown for people and as JSON for programs, and is told to all receivers of
//! reports that [`Alerts`](taskserver_alerts::Alerts) has.
//!
//! # Once
//! The row and its deliveries are written in one transaction, and the row's id is made of the day: a run that is repeated finds the
//! report there and tells nobody again. A report that was made does not change any more.
//!
//! # What is not collected
//! The sections are read from tables, by their names, of whatever collects what they are about; there is no dependency on the
//! collectors. A section is absent where the app has no such service, where the database lacks its table, or where its statement is
//! refused or takes too long: the report says which of these in its place. A database that is out of reach fails the run instead,
//! which is then tried again.
//!
//! ```
//! use task_report::{ReportOptions, ReportTask};
//! use taskserver_alerts::{Alerts, MIGRATIONS, Route, alert_services};
//! use taskserver_core::{App, Query};
//! use taskserver_store::{Store, StoreOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
//! store.migrate_with(MIGRATIONS).await?;
//! let alerts = Alerts::new([Route::all("log")]);
//! let mut app = App::builder().task(ReportTask::new(store.clone(), alerts, ReportOptions::default()));
//! for (path, service) in alert_services(&store) {
//!     app = app.service(path, service);
//! }
//! let app = app.build()?;
//! app.tasks().run_and_wait(&app, "report").await?;
//! let reports = app.service("report").find(Query::new()).await?;
//! assert!(reports.data[0]["markdown"].as_str().unwrap().contains("Kubernetes events are not kept here."));
//! # Ok(())
//! # }
//! ```
#![deny(missing_docs)]

mod alerts;
mod days;
mod events;
mod figures;
mod markdown;
mod query;
mod report;
mod runs;
mod section;
mod task;
mod users;

pub use task::{ReportMade, ReportOptions, ReportTask};

/// The example of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
