//! Alerts that can be trusted: each is raised once, counted, resolved, and told to every receiver, whatever crashes or is down
//! meanwhile.
//!
//! - A *producer* says what has happened: an [`Alert`] that belongs to a [`Key`] (who raises it, by which rule, about what). Of
//!   each key there is one alert at a time. [`Alerts::raise`] opens it, or counts to the one that is firing;
//!   [`Alerts::resolve`] ends it, and so does time, where the alert's [`Policy`] says so. [`Alerts::report`] has a [`Report`]
//!   delivered.
//! - All of it is rows, written within a transaction of the producer's: what it has noted and what it has raised take effect
//!   together or not at all.
//! - What is to be said to each receiver is put into an outbox, in the same transaction. [`AlertDelivery`] empties it, with
//!   retries, on the replica that leads. A receiver is [`Log`], or with the feature `http` an `Alertmanager` or a `Webhook`; or
//!   any other [`Receiver`].
//!
//! ```
//! use jiff::Timestamp;
//! use taskserver_alerts::{Alert, Alerts, Key, Level, MIGRATIONS, Route};
//! use taskserver_store::{Store, StoreOptions};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let url = format!("sqlite://{}", folder.path().join("alerts.db").display());
//! let store = Store::new(StoreOptions::new(&url)?)?;
//! store.migrate_with(MIGRATIONS).await?;
//! let alerts = Alerts::new([Route::all("log")]);
//!
//! let now = Timestamp::now();
//! let key = Key::new("self-check", "task-overdue", "analytics");
//! let alert = Alert::new(key.clone(), "The task analytics is overdue", now).level(Level::Critical);
//! let mut transaction = store.begin().await?;
//! let raised = alerts.raise(&mut transaction, &[alert], now).await;
//! assert_eq!(transaction.conclude(raised).await?, 1);
//!
//! let mut transaction = store.begin().await?;
//! let resolved = alerts.resolve(&mut transaction, &key, now).await;
//! assert!(transaction.conclude(resolved).await?);
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//! - An occurrence counts once, if its producer notes it in the same transaction; a storm makes one alert with a count.
//! - A receiver is told of every change of an alert in the order of the changes, at least once: again only where a crash came
//!   between the telling and its note, and then with the same [`Delivery::id`].
//! - A receiver that is down is told everything when it is back, for as long as the [`AlertRetention`] keeps it; others do not
//!   wait for it.
//! - Producers of one source take turns, or are one: groups are locked while they are written.
//!
//! The tables are made by the [`MIGRATIONS`]; [`alert_services`] shows them.
#![deny(missing_docs)]

mod alert;
mod alerts;
mod delivery;
mod group;
mod metrics;
mod outbox;
mod receiver;
mod record;
mod rehearsal;
mod retention;
mod row;
mod schema;

pub use alert::{Alert, Key, Level, Occurrences, Policy, Report, UnknownLevel};
pub use alerts::{Alerts, Route};
pub use delivery::{AlertDelivery, DeliveryOptions};
pub use receiver::*;
pub use record::{AlertRecord, ReportRecord};
pub use rehearsal::{Rehearsal, RehearsedAlert};
pub use retention::{AlertRetention, AlertRetentionTask, PrunedAlerts};
pub use schema::{
    ALERT, ALERT_DELIVERY_LOG, ALERT_RECEIVER, MIGRATIONS, REPORT, alert_schema, alert_services, delivery_log_schema,
    receiver_schema, report_schema,
};

/// The name of the component, in health and logs.
pub const COMPONENT: &str = "alerts";
