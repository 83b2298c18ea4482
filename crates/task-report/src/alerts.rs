//! Alerts: how many were raised, how many fire now, and the gravest of the day.

use serde::Serialize;
use taskserver_alerts::{ALERT, Level};
use taskserver_core::App;
use taskserver_store::{Store, StoreError};

use crate::days::{Counts, Days};
use crate::markdown::{Table, escape};
use crate::query::{END, PER_DAY, cells, counts, in_any, number, per_day, text, texts, within};
use crate::section::Section;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct OfLevel {
    level: Level,
    raised: Counts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Raised {
    level: String,
    title: String,
    state: String,
    /// How often what it is about has happened.
    events: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct AlertsOfDay {
    /// The most urgent first.
    levels: Vec<OfLevel>,
    /// When the report was made.
    firing: i64,
    /// Raised within the day, the most urgent first.
    gravest: Vec<Raised>,
}

impl AlertsOfDay {
    pub(crate) async fn gather(app: &App, store: &Store, days: &Days, most: u32) -> Result<Section<Self>, StoreError> {
        let read = async {
            let (levels, firing) = (levels(store, days).await?, firing(store).await?);
            Ok(Self { levels, firing, gravest: gravest(store, days, most).await? })
        };
        Section::read(app, ALERT, "Alerts are not raised here.", read).await
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        let mut levels = Table::of_days("Raised", days);
        for OfLevel { level, raised } in &self.levels {
            levels.row([level.to_string()], raised.all().map(|count| count.to_string()));
        }
        let mut markdown = format!("{levels}\nFiring when the report was made: {}\n", self.firing);
        if !self.gravest.is_empty() {
            let mut gravest = Table::new(&["Level", "Alert", "State"], &["Times".to_owned()]);
            for Raised { level, title, state, events } in &self.gravest {
                gravest.row([escape(level), escape(title), escape(state)], [events.to_string()]);
            }
            markdown.push_str(&format!("\n{gravest}"));
        }
        markdown
    }
}

async fn levels(store: &Store, days: &Days) -> Result<Vec<OfLevel>, StoreError> {
    let mut sql = texts(store, &[&["level"], &PER_DAY[..]].concat());
    sql.push("SELECT ").name("level").push(", ");
    per_day(&mut sql, "COUNT(", "1", "createdAt", days);
    sql.push(" FROM ").name(ALERT).push(" WHERE ");
    in_any(&mut sql, "createdAt", days).push(" GROUP BY ").name("level").push(END);
    let rows = store.load(sql).await?;
    let of_level = |level: Level| {
        let row = rows.iter().find(|row| row.first().and_then(Option::as_deref) == Some(level.name()));
        let raised = row.map_or(Ok(Counts::default()), |row| counts(&row[1..]))?;
        Ok(OfLevel { level, raised })
    };
    Level::ALL.into_iter().rev().map(of_level).collect()
}

async fn firing(store: &Store) -> Result<i64, StoreError> {
    let mut sql = texts(store, &["firing"]);
    sql.push("SELECT COUNT(*) AS firing FROM ").name(ALERT).push(" WHERE state = 'firing'").push(END);
    let [count] = cells(store.load(sql).await?.pop().unwrap_or_default())?;
    number(&text(count)?)
}

async fn gravest(store: &Store, days: &Days, most: u32) -> Result<Vec<Raised>, StoreError> {
    let mut sql = texts(store, &["level", "title", "state", "events"]);
    sql.push("SELECT * FROM ").name(ALERT).push(" WHERE ");
    // In the order, a column has its table's name with it: PostgreSQL would take the text of that name.
    within(&mut sql, "createdAt", days.day()).push(END).push(" ORDER BY CASE inner_rows.").name("level");
    for (index, level) in Level::ALL.into_iter().rev().enumerate() {
        sql.push(&format!(" WHEN '{level}' THEN {index}"));
    }
    sql.push(" END, inner_rows.").name("events").push(&format!(" DESC, inner_rows.id LIMIT {most}"));
    let raised = |row| {
        let [level, title, state, events] = cells(row)?.map(text);
        Ok(Raised { level: level?, title: title?, state: state?, events: number(&events?)? })
    };
    store.load(sql).await?.into_iter().map(raised).collect()
}
