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

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;
use taskserver_core::{ErrorKind, Event, Record, ServiceError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::{Instant, MissedTickBehavior};

use crate::connection::InProgress;
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;
use filter::Filter;
pub(crate) use log::EventLog;

/// How often something is sent where there are no events, so that whoever is between sees that the stream is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long a client may take to read what it was sent, before its stream ends.
const STALLED: Duration = Duration::from_secs(60);
/// How long a client for which there is no place is told to wait.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// How much is written ahead of what a client has read.
const WRITTEN_AHEAD: usize = 16;

/// The body of an answer that goes on.
pub(crate) struct EventStream(mpsc::Receiver<Bytes>);

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

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
    let permit = state.events.open().ok_or_else(|| {
        let message = "Too many streams of events are open; try again later";
        ServiceError::new(ErrorKind::TooManyRequests, message).with_retry_after(TRY_AGAIN)
    })?;
    let last = request.head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
    let (position, lost) = state.events.resume(last);
    let (sender, receiver) = mpsc::channel(WRITTEN_AHEAD);
    let writer = Writer {
        state: Arc::clone(state),
        filter,
        position,
        sender,
        _permit: permit,
        // The connection is not idle for as long as this lives.
        _in_progress: request.head.extensions.get().cloned(),
    };
    tokio::spawn(writer.run(lost));
    Ok(EventStream(receiver))
}

/// Writes one stream.
struct Writer {
    state: Arc<State>,
    filter: Filter,
    /// The number of the last event that was looked at.
    position: u64,
    sender: mpsc::Sender<Bytes>,
    _permit: OwnedSemaphorePermit,
    _in_progress: Option<Arc<InProgress>>,
}

/// There is nobody to write to any more.
struct Gone;

impl Writer {
    async fn run(mut self, lost: bool) {
        let ends = self.state.end.clone();
        let sender = self.sender.clone();
        let limit = self.state.options.max_event_stream_age;
        tokio::select! {
            _ = tokio::time::timeout(limit, self.write(lost)) => {}
            () = sender.closed() => {}
            () = ends.cancelled() => {}
        }
    }

    async fn write(&mut self, lost: bool) -> Result<(), Gone> {
        self.send("retry: 3000\n\n".into()).await?;
        if lost {
            self.send(self.lagged(None)).await?;
        }
        let mut news = self.state.events.news();
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT, HEARTBEAT);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            news.borrow_and_update();
            self.catch_up().await?;
            tokio::select! {
                changed = news.changed() => changed.map_err(|_| Gone)?,
                _ = heartbeat.tick() => self.send(":\n\n".into()).await?,
            }
        }
    }

    /// Writes all that has happened.
    async fn catch_up(&mut self) -> Result<(), Gone> {
        while let Some((number, event)) = self.state.events.after(self.position) {
            let missed = number - self.position - 1;
            self.position = number;
            if missed > 0 {
                self.send(self.lagged(Some(missed))).await?;
            }
            if self.filter.wants(&self.state.app, &event) {
                self.send(self.event(&event)).await?;
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

    async fn send(&self, message: String) -> Result<(), Gone> {
        let sent = tokio::time::timeout(STALLED, self.sender.send(message.into())).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}
