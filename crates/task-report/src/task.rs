//! The task that makes the report.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Serialize;
use taskserver_alerts::{Alerts, Report};
use taskserver_core::{Recurrence, Task, TaskConfig, TaskContext, TaskError};
use taskserver_store::{Fence, Store, StoreError};

use crate::days::Days;
use crate::report::DailyReport;

/// The name of the task, and what its reports name as their source.
const NAME: &str = "report";

/// How much there is in a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportOptions {
    /// How many figures: those about all of the platform first, whose names have no `/` in them.
    pub max_figures: u32,
    /// How many reasons of Kubernetes events, the most frequent first.
    pub max_reasons: u32,
    /// How many of the alerts that were raised, the most urgent first.
    pub max_alerts: u32,
}

impl Default for ReportOptions {
    /// 50 figures, 10 reasons and 20 alerts.
    fn default() -> Self {
        Self { max_figures: 50, max_reasons: 10, max_alerts: 20 }
    }
}

/// What a run has done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportMade {
    /// The day that the report is of.
    pub day: String,
    /// Whether this run made it: it may have been there already.
    pub new: bool,
}

/// Makes the report of the day before, once. By default at six in the morning, UTC; another time zone of its cron pattern is also
/// that of the days.
pub struct ReportTask {
    store: Store,
    alerts: Alerts,
    options: ReportOptions,
    leadership: Option<String>,
}

impl ReportTask {
    /// Reports on what is in this database, to the receivers of these alerts.
    #[must_use]
    pub fn new(store: Store, alerts: Alerts, options: ReportOptions) -> Self {
        Self { store, alerts, options, leadership: None }
    }

    /// Stores reports only in the term of the run, checked where they are stored: the app's election is over this leadership,
    /// which the database keeps.
    #[must_use]
    pub fn fenced(mut self, leadership: &str) -> Self {
        self.leadership = Some(leadership.to_owned());
        self
    }
}

impl Task for ReportTask {
    type Output = ReportMade;

    fn name(&self) -> &str {
        NAME
    }

    fn defaults(&self) -> TaskConfig {
        let daily = TaskConfig::cron("0 6 * * *").expect("a cron pattern that is tested");
        daily.retries(5).backoff(Duration::from_secs(10), Duration::from_secs(600))
    }

    async fn run(&self, context: &TaskContext) -> Result<ReportMade, TaskError> {
        let (app, time_zone) = (context.app(), time_zone(context));
        let days = Days::ended_at(context.scheduled(), &TimeZone::get(&time_zone)?)?;
        let daily = DailyReport::gather(app, &self.store, &days, &time_zone, self.options).await?;
        let day = days.day().date.to_string();
        let report = Report {
            source: NAME.to_owned(),
            name: day.clone(),
            title: daily.title(),
            markdown: daily.markdown(&days),
            data: serde_json::to_value(&daily)?,
        };
        let mut transaction = self.store.begin_read_committed().await?;
        let result = async {
            let new = self.alerts.report(&mut transaction, &report, app.clock().now()).await?;
            if let (Some(leadership), Some(term)) = (&self.leadership, context.term()) {
                // The last thing, since it keeps the leader from renewing its lease until the end.
                Fence::new(leadership, term).check(&mut transaction).await?;
            }
            Ok::<_, StoreError>(new)
        };
        let result = result.await;
        Ok(ReportMade { day, new: transaction.conclude(result).await? })
    }
}

/// The time zone of the task's cron pattern; UTC where it follows none.
fn time_zone(context: &TaskContext) -> String {
    let status = context.app().tasks().status(context.task());
    match status.map(|status| status.schedule.recurrence) {
        Some(Recurrence::Cron(cron)) => cron.time_zone().to_owned(),
        _ => "UTC".to_owned(),
    }
}
