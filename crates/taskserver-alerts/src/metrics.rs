//! The metrics of alerts and their delivery.

use std::time::Duration;

use taskserver_core::Metrics;
use taskserver_core::prometheus_client::metrics::counter::Counter;
use taskserver_core::prometheus_client::metrics::family::Family;
use taskserver_core::prometheus_client::metrics::gauge::Gauge;
use taskserver_store::{Store, StoreError};

use crate::Level;
use crate::alerts::FIRING;
use crate::schema::{ALERT, DELIVERY};

/// How often rows are counted.
pub(crate) const COUNT_EVERY: Duration = Duration::from_secs(15);

pub(crate) struct DeliveryMetrics {
    deliveries: Family<[(&'static str, String); 2], Counter>,
    pending: Family<[(&'static str, String); 1], Gauge>,
    firing: Family<[(&'static str, String); 1], Gauge>,
    receivers: Vec<String>,
}

impl DeliveryMetrics {
    /// The receivers are counted from zero, so that the first failure of one is seen to be one more.
    pub(crate) fn register(metrics: &Metrics, receivers: Vec<String>) -> Self {
        let (deliveries, pending, firing) = (Family::default(), Family::default(), Family::default());
        let this = Self { deliveries, pending, firing, receivers };
        for receiver in &this.receivers {
            ["delivered", "failed", "given_up"].iter().for_each(|result| this.attempted(receiver, result, 0));
        }
        let Self { deliveries, pending, firing, .. } = &this;
        metrics.register("alert_deliveries", "Attempts to tell a receiver something, by result", deliveries.clone());
        metrics.register("alert_deliveries_pending", "What is still to be told to a receiver", pending.clone());
        metrics.register("alerts_firing", "Alerts that are firing, by level", firing.clone());
        this
    }

    /// Leaves the rows to whoever leads.
    pub(crate) fn idle(&self) {
        self.pending.clear();
        self.firing.clear();
    }

    pub(crate) fn delivered(&self, receiver: &str) {
        self.attempted(receiver, "delivered", 1);
    }

    pub(crate) fn failed(&self, receiver: &str) {
        self.attempted(receiver, "failed", 1);
    }

    pub(crate) fn given_up(&self, receiver: &str, deliveries: u64) {
        self.attempted(receiver, "given_up", deliveries);
    }

    fn attempted(&self, receiver: &str, result: &str, deliveries: u64) {
        let labels = [("receiver", receiver.to_owned()), ("result", result.to_owned())];
        self.deliveries.get_or_create(&labels).inc_by(deliveries);
    }

    /// Counts what is firing and what is pending.
    pub(crate) async fn count(&self, store: &Store) -> Result<(), StoreError> {
        let firing = groups(store, ALERT, "level", Some(("state", FIRING))).await?;
        for level in Level::ALL.map(Level::name) {
            let count = firing.iter().find(|(name, _)| name == level).map_or(0, |(_, count)| *count);
            self.firing.get_or_create(&[("level", level.to_owned())]).set(count);
        }
        let pending = groups(store, DELIVERY, "receiver", None).await?;
        self.pending.clear();
        let none = self.receivers.iter().map(|receiver| (receiver.clone(), 0));
        for (receiver, count) in none.chain(pending) {
            self.pending.get_or_create(&[("receiver", receiver)]).set(count);
        }
        Ok(())
    }
}

/// How many rows there are of each value of a column.
async fn groups(
    store: &Store,
    table: &str,
    column: &str,
    only: Option<(&str, &str)>,
) -> Result<Vec<(String, i64)>, StoreError> {
    let mut sql = store.sql();
    let backend = sql.backend();
    let (value, count) = (backend.as_text(&backend.quote(column)), backend.as_text("COUNT(*)"));
    sql.push(&format!("SELECT {value}, {count} FROM ")).name(table);
    if let Some((column, value)) = only {
        sql.push(" WHERE ").name(column).push(" = ").text(value);
    }
    sql.push(" GROUP BY ").name(column);
    let count = |row| match <[Option<String>; 2]>::try_from(row) {
        Ok([Some(value), Some(count)]) => Some((value, count.parse().ok()?)),
        _ => None,
    };
    Ok(store.load(sql).await?.into_iter().filter_map(count).collect())
}
