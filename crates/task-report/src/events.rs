//! Kubernetes events: how many there were, and their most frequent reasons.
//!
//! They are counted by the hour: where the days of a time zone begin within an hour, its events are of the day in which it began.

use serde::Serialize;
use taskserver_core::App;
use taskserver_store::{Store, StoreError};

use crate::days::{Counts, Days};
use crate::markdown::{Table, escape};
use crate::query::{END, PER_DAY, cells, counts, in_any, per_day, text, texts};
use crate::section::Section;

const COUNT: &str = "k8s-event-count";
/// The shortest pieces of time that have counts, in seconds.
const PERIOD: i64 = 3600;
/// How many types are told apart. Kubernetes has two, but its reporters write what they like.
const MOST_TYPES: u32 = 10;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfType {
    #[serde(rename = "type")]
    kind: String,
    count: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Reason {
    reason: String,
    #[serde(rename = "type")]
    kind: String,
    count: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Events {
    types: Vec<OfType>,
    /// Of the day, the most frequent first.
    reasons: Vec<Reason>,
}

impl Events {
    pub(crate) async fn gather(app: &App, store: &Store, days: &Days, most: u32) -> Result<Section<Self>, StoreError> {
        let read = async {
            let of_type = |row| {
                let [kind, d0, d1, d2] = cells(row)?;
                Ok::<_, StoreError>(OfType { kind: text(kind)?, count: counts(&[d0, d1, d2])? })
            };
            let reason = |row| {
                let [reason, kind, d0, d1, d2] = cells(row)?;
                Ok::<_, StoreError>(Reason { reason: text(reason)?, kind: text(kind)?, count: counts(&[d0, d1, d2])? })
            };
            let types = most_frequent(store, days, &["type"], MOST_TYPES).await?;
            let types = types.into_iter().map(of_type).collect::<Result<_, _>>()?;
            let reasons = most_frequent(store, days, &["reason", "type"], most).await?;
            let reasons = reasons.into_iter().map(reason).collect::<Result<Vec<_>, _>>()?;
            let of_the_day = reasons.into_iter().filter(|reason| reason.count.day > 0).collect();
            Ok(Self { types, reasons: of_the_day })
        };
        Section::read(app, COUNT, "Kubernetes events are not kept here.", read).await
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        if self.types.is_empty() {
            return "There were none.\n".to_owned();
        }
        let mut types = Table::of_days("Type", days);
        for OfType { kind, count } in &self.types {
            types.row([escape(kind)], count.all().map(|count| count.to_string()));
        }
        let mut reasons = Table::new(&["Reason", "Type"], &days.0.map(|day| day.date.to_string()));
        for Reason { reason, kind, count } in &self.reasons {
            reasons.row([escape(reason), escape(kind)], count.all().map(|count| count.to_string()));
        }
        match self.reasons.is_empty() {
            true => types.to_string(),
            false => format!("{types}\n{reasons}"),
        }
    }
}

/// The counts by these columns, the most frequent of the day first.
async fn most_frequent(
    store: &Store,
    days: &Days,
    by: &[&str],
    most: u32,
) -> Result<Vec<Vec<Option<String>>>, StoreError> {
    let quoted: Vec<String> = by.iter().map(|name| store.quote(name)).collect();
    let by_text = quoted.join(", ");
    let mut sql = texts(store, &[by, &PER_DAY].concat());
    sql.push(&format!("SELECT {by_text}, "));
    per_day(&mut sql, "SUM(", &store.quote("count"), "start", days);
    sql.push(" FROM ").name(COUNT).push(&format!(" WHERE {} = {PERIOD} AND ", store.quote("period")));
    in_any(&mut sql, "start", days).push(&format!(" GROUP BY {by_text}")).push(END);
    // NULL is no event: not all databases put it last by themselves.
    sql.push(&format!(" ORDER BY COALESCE(d0, 0) DESC, {by_text} LIMIT {most}"));
    store.load(sql).await
}
