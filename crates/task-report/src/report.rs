//! All of a report.

use jiff::civil::Date;
use serde::Serialize;
use taskserver_core::App;
use taskserver_store::{Store, StoreError};

use crate::alerts::AlertsOfDay;
use crate::days::{Day, Days};
use crate::events::Events;
use crate::figures::Figures;
use crate::runs::Runs;
use crate::section::Section;
use crate::task::ReportOptions;
use crate::users::Users;

/// A report, as its JSON is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DailyReport {
    time_zone: String,
    day: Day,
    day_before: Date,
    week_before: Date,
    users: Users,
    figures: Section<Figures>,
    events: Section<Events>,
    alerts: Section<AlertsOfDay>,
    runs: Section<Runs>,
}

impl DailyReport {
    pub(crate) async fn gather(
        app: &App,
        store: &Store,
        days: &Days,
        time_zone: &str,
        options: ReportOptions,
    ) -> Result<Self, StoreError> {
        let [day, before, week] = days.0;
        Ok(Self {
            time_zone: time_zone.to_owned(),
            day,
            day_before: before.date,
            week_before: week.date,
            users: Users::gather(app, store, days).await?,
            figures: Figures::gather(app, store, days, options.max_figures).await?,
            events: Events::gather(app, store, days, options.max_reasons).await?,
            alerts: AlertsOfDay::gather(app, store, days, options.max_alerts).await?,
            runs: Runs::gather(app, store, days).await?,
        })
    }

    pub(crate) fn title(&self) -> String {
        format!("Platform report of {}", self.day.date)
    }

    pub(crate) fn markdown(&self, days: &Days) -> String {
        let Self { time_zone, day, day_before, week_before, users, figures, events, alerts, runs } = self;
        let mut markdown = format!(
            "# {}\n\n{} ({time_zone}), beside the day before, {day_before}, and the week before, {week_before}.\n",
            self.title(),
            day.weekday(),
        );
        let sections = [
            ("Users", users.markdown(days)),
            ("Figures", text(figures, |figures| figures.markdown(days))),
            ("Kubernetes events", text(events, |events| events.markdown(days))),
            ("Alerts", text(alerts, |alerts| alerts.markdown(days))),
            ("Failed runs", text(runs, |runs| runs.markdown(days))),
        ];
        for (title, text) in sections {
            markdown.push_str(&format!("\n## {title}\n\n{text}"));
        }
        markdown
    }
}

/// What a section says, or why it is absent.
fn text<T>(section: &Section<T>, markdown: impl FnOnce(&T) -> String) -> String {
    match section {
        Section::Present(content) => markdown(content),
        Section::Absent { absent } => format!("{absent}\n"),
    }
}
