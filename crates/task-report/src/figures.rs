//! The figures of the analytics: the last, the least and the greatest value of each within each of the days.
//!
//! They are read from the roll-ups by quarters of an hour, since the figures themselves have no index by time.

use std::collections::BTreeMap;

use serde::Serialize;
use taskserver_core::App;
use taskserver_store::{Store, StoreError};

use crate::days::{Day, Days};
use crate::markdown::{Table, escape};
use crate::query::{END, cells, number, text, texts, within};
use crate::section::Section;

const ROLLUP: &str = "analytics-rollup";
/// The shortest pieces of time that have roll-ups, in seconds. All time zones are whole numbers of these away from UTC.
const PERIOD: i64 = 900;

/// What a figure was within a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Values {
    last: i64,
    least: i64,
    greatest: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figure {
    name: String,
    /// There are none where the figure was not collected.
    day: Option<Values>,
    day_before: Option<Values>,
    week_before: Option<Values>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Figures {
    figures: Vec<Figure>,
    /// Whether there were more of them within a day than have a place in a report.
    more: bool,
}

impl Figures {
    pub(crate) async fn gather(app: &App, store: &Store, days: &Days, most: u32) -> Result<Section<Self>, StoreError> {
        let read =
            async {
                let mut figures: BTreeMap<(bool, String), [Option<Values>; 3]> = BTreeMap::new();
                let mut more = false;
                for (index, day) in days.0.iter().enumerate() {
                    let mut values = values(store, day, most).await?;
                    more |= values.len() > most as usize;
                    values.truncate(most as usize);
                    for (name, values) in values {
                        figures.entry((is_partial(&name), name)).or_default()[index] = Some(values);
                    }
                }
                more |= figures.len() > most as usize;
                let figure = |((_, name), [day, day_before, week_before]): ((bool, String), [Option<Values>; 3])| {
                    Figure { name, day, day_before, week_before }
                };
                Ok(Self { figures: figures.into_iter().map(figure).take(most as usize).collect(), more })
            };
        Section::read(app, ROLLUP, "Analytics are not rolled up here.", read).await
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        if self.figures.is_empty() {
            return "No figure was collected.\n".to_owned();
        }
        let [day, before, week] = days.0.map(|day| day.date);
        let mut table = Table::new(
            &["Figure"],
            &[
                format!("{day}: last"),
                format!("{day}: greatest"),
                format!("{before}: greatest"),
                format!("{week}: greatest"),
            ],
        );
        for Figure { name, day, day_before, week_before } in &self.figures {
            let shown = |value: Option<i64>| value.map_or("–".to_owned(), |value| value.to_string());
            let greatest = |values: &Option<Values>| shown(values.map(|values| values.greatest));
            let last = shown(day.map(|values| values.last));
            table.row([escape(name)], [last, greatest(day), greatest(day_before), greatest(week_before)]);
        }
        let more = if self.more { "\nThere are more figures than have a place here.\n" } else { "" };
        format!("{table}{more}")
    }
}

/// Whether a figure is about a part of the platform, such as a fleet: then its name has a `/` in it, and those about all of the
/// platform come before it.
fn is_partial(name: &str) -> bool {
    name.contains('/')
}

/// The values of the figures within a day: of one more than have a place, so that it is known whether there are more.
async fn values(store: &Store, day: &Day, most: u32) -> Result<Vec<(String, Values)>, StoreError> {
    let [kind, last, min, max, start, period] =
        ["type", "last", "min", "max", "start", "period"].map(|name| store.quote(name));
    let mut sql = texts(store, &["type", "last_one", "least", "greatest"]);
    sql.push(&format!(
        "SELECT {kind}, MAX(CASE WHEN place = 1 THEN {last} END) AS last_one, MIN({min}) AS least, MAX({max}) AS greatest \
         FROM (SELECT {kind}, {last}, {min}, {max}, \
         ROW_NUMBER() OVER (PARTITION BY {kind} ORDER BY {start} DESC) AS place FROM "
    ));
    sql.name(ROLLUP).push(&format!(" WHERE {period} = {PERIOD} AND "));
    within(&mut sql, "start", day).push(&format!(
        ") AS placed GROUP BY {kind} ORDER BY CASE WHEN {kind} LIKE '%/%' THEN 1 ELSE 0 END, {kind} LIMIT {}",
        u64::from(most) + 1
    ));
    sql.push(END);
    let row = |row| {
        let [name, last, least, greatest] = cells(row)?.map(text);
        Ok((name?, Values { last: number(&last?)?, least: number(&least?)?, greatest: number(&greatest?)? }))
    };
    store.load(sql).await?.into_iter().map(row).collect()
}
