//! The events of services as they happen: `/api/events`, as server-sent events.
//!
//! ```text
//! id: 8f14e45f-7
//! event: created
//! data: {"service":"analytics","event":"created","record":{"id":"…","count":3}}
//! ```
//!
//! `?service=NAME` and `?event=created` keep to some services and events; either may be given several times. Of a service,
//! a caller gets what they may `find`.
//!
//! All streams read from one [`EventLog`] of bounded length. A client that comes back with `Last-Event-ID`, as browsers do by
//! themselves, goes on where it was; one that reads too slowly, or comes back too late, is told that it has missed events:
//! `event: lagged` with `{"missed": 3}`, or `null` where their number cannot be known. A stream ends after some time, so that
//! its caller is authenticated again.

mod filter;
mod log;
mod outlet;

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use taskserver_core::{Event, Record, ServiceError};
use tokio::time::{Instant, Interval, MissedTickBehavior};

use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;
use filter::Filter;
pub(crate) use log::EventLog;
pub(crate) use outlet::{EventStream, Gone, Outlet};

/// How often something is sent where there are no events, so that whoever is between sees that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// What begins a stream: how many milliseconds a browser waits before it comes back.
pub(crate) const BEGINNING: &str = "retry: 3000\n\n";
/// What says that a stream is alive.
pub(crate) const SIGN_OF_LIFE: &str = ":\n\n";

/// Answers with a stream of events.
pub(crate) async fn stream(state: &Arc<State>, request: &Request) -> Response {
    match open(state, request).await {
        Ok(body) => response::event_stream(body),
        Err(error) => response::error(&error),
    }
}

async fn open(state: &Arc<State>, request: &Request) -> Result<EventStream, ServiceError> {
    let identity = state.gate.admit(&request.head.headers, request.client).await?;
    let filter = Filter::new(&state.app, request.head.uri.query(), identity)?;
    let (outlet, body) = Outlet::open(state, request)?;
    let last = request.head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let (position, lost) = state.events.resume(last);
    let mut writer = Writer { state: Arc::clone(state), filter, position, outlet: outlet.clone() };
    tokio::spawn(outlet.write(Arc::clone(state), async move { writer.write(lost).await }));
    Ok(body)
}

/// Ticks when a sign of life is due.
pub(crate) fn heartbeat() -> Interval {
    let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
    heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    heartbeat
}

/// Writes one stream.
struct Writer {
    state: Arc<State>,
    filter: Filter,
    /// The number of the last event that was looked at.
    position: u64,
    outlet: Outlet,
}

impl Writer {
    async fn write(&mut self, lost: bool) -> Result<(), Gone> {
        self.outlet.send(BEGINNING.into()).await?;
        if lost {
            self.outlet.send(self.lagged(None)).await?;
        }
        let mut news = self.state.events.news();
        let mut heartbeat = heartbeat();
        loop {
            news.borrow_and_update();
            self.catch_up().await?;
            tokio::select! {
                changed = news.changed() => changed.map_err(|_| Gone)?,
                _ = heartbeat.tick() => self.outlet.send(SIGN_OF_LIFE.into()).await?,
            }
        }
    }

    /// Writes all that has happened.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        while let Some((number, event)) = self.state.events.after(self.position) {
            let missed = number - self.position - 1;
            self.position = number;
            if missed > 0 {
                self.outlet.send(self.lagged(Some(missed))).await?;
            }
            if self.filter.wants(&self.state.app, &event) {
                self.outlet.send(self.event(&event)).await?;
            }
        }
        Ok(())
    }

    fn event(&self, event: &Event) -> String {
        #[derive(Serialize)]
        struct Data<'a> {
            service: &'a str,
            event: &'a str,
            record: &'a Record,
        }
        let name = event.kind.name();
        self.message(name, &Data { service: &event.service, event: name, record: &event.record })
    }

    fn lagged(&self, missed: Option<u64>) -> String {
        self.message("lagged", &serde_json::json!({ "missed": missed }))
    }

    /// One message. JSON has no line breaks, so that the data are one line.
    fn message(&self, event: &str, data: &impl Serialize) -> String {
        let data = serde_json::to_string(data).expect("texts and JSON can be written as JSON");
        format!("id: {}\nevent: {event}\ndata: {data}\n\n", self.state.events.id(self.position))
    }
}
