//! Runs that failed: of which tasks, and the last error of each. Of tasks that run often, the history may not reach back far
//! enough for the days before.

use serde::Serialize;
use taskserver_core::App;
use taskserver_store::{Store, StoreError, TASK_RUN};

use crate::days::{Counts, Days};
use crate::markdown::{Table, escape};
use crate::query::{END, PER_DAY, cells, counts, in_any, per_day, text, texts, within};
use crate::section::Section;

/// The outcomes of runs that count as failed.
const FAILED: &str = "('failed', 'timedOut', 'panicked', 'lost')";

/// How many tasks there are in a report at most.
const MOST: usize = 100;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FailedTask {
    task: String,
    failed: Counts,
    /// The last one of the day.
    last_error: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Runs {
    failed: Vec<FailedTask>,
}

impl Runs {
    pub(crate) async fn gather(app: &App, store: &Store, days: &Days) -> Result<Section<Self>, StoreError> {
        let read = async {
            let errors = last_errors(store, days).await?;
            let failed = |row| {
                let [task, d0, d1, d2] = cells(row)?;
                let (task, failed) = (text(task)?, counts(&[d0, d1, d2])?);
                let error = errors.iter().find(|(of, _)| *of == task);
                Ok(FailedTask { last_error: error.and_then(|(_, error)| error.clone()), task, failed })
            };
            let mut sql = texts(store, &[&["task"], &PER_DAY[..]].concat());
            sql.push("SELECT task, ");
            per_day(&mut sql, "COUNT(", "1", "finished", days);
            sql.push(" FROM ").name(TASK_RUN).push(&format!(" WHERE outcome IN {FAILED} AND "));
            in_any(&mut sql, "finished", days).push(" GROUP BY task").push(END);
            sql.push(&format!(" ORDER BY task LIMIT {MOST}"));
            let failed = store.load(sql).await?.into_iter().map(failed).collect::<Result<_, StoreError>>()?;
            Ok(Self { failed })
        };
        Section::read(app, TASK_RUN, "Runs are not remembered here.", read).await
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        if self.failed.is_empty() {
            return "None.\n".to_owned();
        }
        let dates = days.0.map(|day| day.date.to_string());
        let mut table = Table::new(&["Task", "Last error"], &dates);
        for FailedTask { task, failed, last_error } in &self.failed {
            let error = last_error.as_deref().map(escape).unwrap_or_default();
            table.row([escape(task), error], failed.all().map(|count| count.to_string()));
        }
        table.to_string()
    }
}

/// The last error of the day of each task.
async fn last_errors(store: &Store, days: &Days) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let mut sql = texts(store, &["task", "error"]);
    sql.push("SELECT task, ").name("error").push(" FROM (SELECT task, ").name("error");
    sql.push(", ROW_NUMBER() OVER (PARTITION BY task ORDER BY finished DESC, id) AS place FROM ").name(TASK_RUN);
    sql.push(&format!(" WHERE outcome IN {FAILED} AND "));
    within(&mut sql, "finished", days.day());
    sql.push(") AS placed WHERE place = 1").push(END).push(&format!(" ORDER BY task LIMIT {MOST}"));
    let error = |row| {
        let [task, error] = cells(row)?;
        Ok((text(task)?, error))
    };
    store.load(sql).await?.into_iter().map(error).collect()
}
