//! How it stands, as data: what tools read in place of the first page. The server writes it and `taskserver status` reads it
//! back, so that they agree on it.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use taskserver_core::{
    App, Comparison, ComponentHealth, LeadershipStatus, Outcome, Query, ServiceError, TaskStatus, date_time,
};

use crate::view::{self, Alert, Section, Verdict, section};

/// The states of jobs that are not over, and of those that somebody should look at.
const JOB_STATES: [&str; 5] = ["running", "queued", "scheduled", "waiting", "dead"];

/// How many runs of a task the history is asked for, to find one that was not skipped.
const RUNS: usize = 10;

/// How it stands with a server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The server's name among its replicas.
    pub identity: String,
    /// Its version.
    pub version: String,
    /// For how many seconds it has been up.
    pub uptime: f64,
    /// The server's time.
    pub time: Timestamp,
    /// Whether it leads, and who does.
    pub leadership: LeadershipStatus,
    /// How all of it stands, and what is wrong.
    pub verdict: Verdict,
    /// The components.
    pub components: Vec<ComponentHealth>,
    /// The tasks. The run that ended last is of the history, where none has ended in this process.
    pub tasks: Vec<TaskStatus>,
    /// The alerts that fire, the newest first, where there are alerts.
    pub alerts: Option<Part<Vec<Alert>>>,
    /// How many jobs there are in each state that is not a good end, where there is a queue.
    pub queue: Option<Part<BTreeMap<String, u64>>>,
    /// The Kubernetes events, where they are kept.
    pub events: Option<Part<RecentEvents>>,
}

/// A part, or why it cannot be told now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Part<T> {
    /// What there is.
    Known(T),
    /// Why it is not known.
    Unavailable {
        /// The reason.
        unavailable: String,
    },
}

/// What the cluster told of late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RecentEvents {
    /// How many events happened within the last hour.
    pub last_hour: u64,
    /// How many of them are warnings.
    pub warnings: u64,
    /// When the newest happened.
    pub newest: Option<Timestamp>,
    /// How many times of which events may be missing ended within the last day.
    pub gaps: u64,
}

impl Status {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        self.verdict.tone <= crate::Tone::Good
    }

    pub(crate) async fn gather(app: &App, frame: view::Frame) -> Self {
        let (pages, now) = (frame.pages, frame.now);
        let (tasks, alerts, queue, events) = tokio::join!(
            join_all(app.tasks().statuses().into_iter().map(|status| with_last_run(app, status))),
            part(pages.alerts, async { Ok(view::firing(app).await?.firing) }),
            part(pages.jobs, depths(app)),
            part(pages.events, recent_events(app, now)),
        );
        Self {
            identity: frame.identity,
            version: frame.version,
            uptime: frame.uptime.as_secs_f64(),
            time: now,
            leadership: frame.leadership,
            verdict: frame.verdict,
            components: app.health().components(),
            tasks,
            alerts,
            queue,
            events,
        }
    }
}

async fn part<T>(is_there: bool, gathering: impl Future<Output = Result<T, ServiceError>>) -> Option<Part<T>> {
    if !is_there {
        return None;
    }
    let gathered: Section<T> = section(gathering).await;
    Some(gathered.map_or_else(|reason| Part::Unavailable { unavailable: reason.0 }, Part::Known))
}

async fn with_last_run(app: &App, mut status: TaskStatus) -> TaskStatus {
    if status.last_run.is_none() {
        let runs = view::recent(app, &status.name, RUNS).await;
        status.last_run = runs.into_iter().find(|run| run.outcome.is_some_and(|outcome| outcome != Outcome::Skipped));
    }
    status
}

async fn depths(app: &App) -> Result<BTreeMap<String, u64>, ServiceError> {
    let mut depths = BTreeMap::new();
    for state in JOB_STATES {
        let jobs = app.service(view::JOBS).find(Query::new().eq("state", state).limit(0)).await?;
        depths.insert(state.to_owned(), jobs.total);
    }
    Ok(depths)
}

async fn recent_events(app: &App, now: Timestamp) -> Result<RecentEvents, ServiceError> {
    let events = app.service(view::EVENTS);
    let ago = |hours| date_time(now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN));
    let of_last_hour = || Query::new().compare("time", Comparison::Gte, ago(1)).limit(0);
    let gaps = Query::new().compare("to", Comparison::Gte, ago(24)).limit(0);
    let newest = Query::new().descending("time").limit(1).select(["time"]).uncounted();
    Ok(RecentEvents {
        last_hour: events.find(of_last_hour()).await?.total,
        warnings: events.find(of_last_hour().eq("type", "Warning")).await?.total,
        newest: events.find(newest).await?.data.first().and_then(|event| view::moment(event, "time")),
        gaps: app.service(view::EVENT_GAPS).find(gaps).await?.total,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StatusPage;
    use taskserver_core::{FieldType, Health, MemoryService, Schema};

    #[tokio::test]
    async fn it_is_read_back_as_it_was_written_also_where_a_part_cannot_be_told() {
        // A service of another shape: it refuses what it is asked.
        let odd = || MemoryService::new(Schema::new([taskserver_core::Field::required("id", FieldType::ID)]));
        let app = App::builder().service(view::JOBS, odd()).build().unwrap();
        app.health().register("redis", false).report(Health::Down("refused".to_owned()));
        let status = StatusPage::new(app).identity("pod-0").status().await;
        let Some(Part::Unavailable { .. }) = &status.queue else { panic!("{:?}", status.queue) };
        assert_eq!((&status.alerts, &status.events, status.is_healthy()), (&None, &None, false));
        let written = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&written).unwrap(), status);
    }
}
