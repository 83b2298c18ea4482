//! Users: how many were there, and how many were new.

use serde::Serialize;
use taskserver_core::App;
use taskserver_store::{Store, StoreError};

use crate::days::{Counts, Days};
use crate::markdown::Table;
use crate::query::{END, PER_DAY, counts, in_any, per_day, texts};
use crate::section::Section;

const ATTENDANCE: &str = "instance-attendance";
const USER: &str = "user";

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Users {
    /// Different users of the attendances that began within the day.
    active: Section<Counts>,
    /// Users that were created within the day.
    new: Section<Counts>,
}

impl Users {
    pub(crate) async fn gather(app: &App, store: &Store, days: &Days) -> Result<Self, StoreError> {
        let user = store.quote("userId");
        let active = created(store, ATTENDANCE, "COUNT(DISTINCT ", &user, days);
        let new = created(store, USER, "COUNT(", "1", days);
        Ok(Self {
            active: Section::read(app, ATTENDANCE, "Attendances are not read here.", active).await?,
            new: Section::read(app, USER, "Users are not read here.", new).await?,
        })
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        let mut table = Table::of_days("", days);
        let mut absent = String::new();
        for (name, section) in [("Users", &self.active), ("New users", &self.new)] {
            match section {
                Section::Present(counts) => table.row([name.to_owned()], counts.all().map(|count| count.to_string())),
                Section::Absent { absent: why } => absent.push_str(&format!("\n{name}: {why}\n")),
            }
        }
        format!("{table}{absent}")
    }
}

/// An aggregate of the rows of a table that were created within each of the days.
async fn created(store: &Store, table: &str, aggregate: &str, value: &str, days: &Days) -> Result<Counts, StoreError> {
    let mut sql = texts(store, &PER_DAY);
    sql.push("SELECT ");
    per_day(&mut sql, aggregate, value, "createdAt", days);
    sql.push(" FROM ").name(table).push(" WHERE ");
    in_any(&mut sql, "createdAt", days).push(END);
    counts(&store.load(sql).await?.pop().unwrap_or_default())
}
