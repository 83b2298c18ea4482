//! `taskserver alerts`: the alerts, and how it stands with the receivers, as the database has them.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use jiff::Timestamp;
use serde_json::Value;
use taskserver_alerts::{ALERT, ALERT_RECEIVER, alert_services};
use taskserver_core::{Comparison, Query, Record, Service as _, date_time};

use super::events::{moment, seconds, text};
use super::table;
use crate::cli::{Sources, print};

/// Which alerts, and how they are shown.
#[derive(Debug, Clone, Args)]
pub(crate) struct AlertOptions {
    /// Only those which are firing, or resolved
    #[arg(long, value_parser = ["firing", "resolved"])]
    state: Option<String>,
    /// Only those of this level
    #[arg(long, value_parser = ["info", "warning", "critical"])]
    level: Option<String>,
    /// Only those of this rule
    #[arg(long)]
    rule: Option<String>,
    /// Only those about this namespace
    #[arg(long, short = 'n')]
    namespace: Option<String>,
    /// Only what happened last since: a moment, or a time ago such as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show the newest so many
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    limit: u64,
    /// Print a line of JSON for each in place of a table
    #[arg(long)]
    json: bool,
}

impl AlertOptions {
    fn query(&self, now: Timestamp) -> anyhow::Result<Query> {
        let mut query = Query::new().descending("lastSeen").descending("id").limit(self.limit);
        for (name, value) in
            [("state", &self.state), ("level", &self.level), ("rule", &self.rule), ("namespace", &self.namespace)]
        {
            if let Some(value) = value {
                query = query.eq(name, value.as_str());
            }
        }
        if let Some(since) = &self.since {
            query = query.compare("lastSeen", Comparison::Gte, date_time(moment(since, now)?));
        }
        Ok(query)
    }
}

pub(crate) fn list(sources: &Sources, options: &AlertOptions) -> anyhow::Result<ExitCode> {
    let query = options.query(Timestamp::now())?;
    let alerts = find(sources, ALERT, query)?;
    if options.json {
        alerts.iter().for_each(|alert| print(&Value::Object(alert.clone()).to_string()));
        return Ok(ExitCode::SUCCESS);
    }
    let number = |alert: &Record, name: &str| alert.get(name).map(Value::to_string).unwrap_or_default();
    print(&table(
        ["STATE", "LEVEL", "FIRST SEEN", "LAST SEEN", "EVENTS", "TOLD", "RULE", "GROUP", "TITLE"],
        alerts.iter().map(|alert| {
            [
                text(alert, "state").to_owned(),
                text(alert, "level").to_owned(),
                seconds(text(alert, "firstSeen")),
                seconds(text(alert, "lastSeen")),
                number(alert, "events"),
                number(alert, "deliveries"),
                text(alert, "rule").to_owned(),
                text(alert, "group").to_owned(),
                text(alert, "title").to_owned(),
            ]
        }),
    ));
    Ok(ExitCode::SUCCESS)
}

pub(crate) fn receivers(sources: &Sources) -> anyhow::Result<ExitCode> {
    let receivers = find(sources, ALERT_RECEIVER, Query::new().ascending("id").limit(1000))?;
    let time = |record: &Record, name: &str| match text(record, name) {
        "" => "-".to_owned(),
        time => seconds(time),
    };
    print(&table(
        ["RECEIVER", "LAST TOLD", "FAILURES", "NEXT ATTEMPT", "LAST ERROR"],
        receivers.iter().map(|receiver| {
            [
                text(receiver, "id").to_owned(),
                time(receiver, "deliveredAt"),
                receiver.get("failures").map(Value::to_string).unwrap_or_default(),
                time(receiver, "nextAttemptAt"),
                Some(text(receiver, "lastError")).filter(|error| !error.is_empty()).unwrap_or("-").to_owned(),
            ]
        }),
    ));
    Ok(ExitCode::SUCCESS)
}

fn find(sources: &Sources, path: &str, query: Query) -> anyhow::Result<Vec<Record>> {
    let settings = sources.loader().load()?.settings;
    super::block_on(async {
        let store = super::store(&settings)?;
        let service = alert_services(&store).into_iter().find(|(known, _)| *known == path);
        let found = service.context("there is no such service")?.1.find(&query.into()).await;
        store.close();
        Ok(found?.data)
    })
}
