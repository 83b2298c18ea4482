//! Requests for events, with a bound on every wait and on every body.
//!
//! The answers are read from the client's raw bodies rather than through `kube::Api`: a page is parsed item by item, a
//! watch shows its bookmarks and how it ended, and `Retry-After` is a header that `kube::Error` does not keep.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf as _, Bytes, BytesMut};
use http_body_util::BodyExt as _;
use kube::Client;
use kube::api::{ListParams, Request, VersionMatch, WatchParams};
use kube::client::Body;
use kube::core::Status;
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::event::{EventRecord, Rejected};
use crate::wire;
use crate::{CollectorOptions, Error, ResourceVersion};

/// One page of a list.
pub(crate) struct Page {
    pub(crate) resource_version: ResourceVersion,
    pub(crate) continue_token: Option<String>,
    pub(crate) items: Vec<Result<EventRecord, Rejected>>,
}

/// The events of one namespace, or of all, on the server.
#[derive(Clone)]
pub(crate) struct EventsApi {
    client: Client,
    options: Arc<CollectorOptions>,
    namespace: Option<String>,
    pace: Pace,
}

impl EventsApi {
    pub(crate) fn new(client: Client, options: Arc<CollectorOptions>, namespace: Option<String>, pace: Pace) -> Self {
        Self { client, options, namespace, pace }
    }

    fn path(&self) -> Request {
        Request::new(match &self.namespace {
            None => "/api/v1/events".to_owned(),
            Some(namespace) => format!("/api/v1/namespaces/{namespace}/events"),
        })
    }

    fn list_params(&self, limit: u32) -> ListParams {
        ListParams {
            field_selector: self.options.field_selector.clone(),
            label_selector: self.options.label_selector.clone(),
            ..ListParams::default().limit(limit)
        }
    }

    /// The first page of a list of what there is now, or the page that a token continues with.
    pub(crate) async fn page(&self, limit: u32, continue_token: Option<&str>) -> Result<Page, Error> {
        let mut params = self.list_params(limit);
        params.continue_token = continue_token.map(str::to_owned);
        self.list(&params).await
    }

    /// The version that a list would have now.
    pub(crate) async fn newest_version(&self) -> Result<ResourceVersion, Error> {
        Ok(self.list(&self.list_params(1)).await?.resource_version)
    }

    /// Whether the server still has the history from this version on. If not, the error says so.
    pub(crate) async fn verify(&self, version: &ResourceVersion) -> Result<(), Error> {
        let params = self.list_params(1).at(version.as_str()).matching(VersionMatch::Exact);
        self.list(&params).await.map(drop)
    }

    async fn list(&self, params: &ListParams) -> Result<Page, Error> {
        let deadline = Instant::now() + self.options.request_timeout;
        let limit = params.limit.unwrap_or_default();
        let asked = params.resource_version.as_deref().unwrap_or_default();
        let request = self.path().list(params);
        let body = self.send("list", asked, request, deadline).await?;
        let max = self.options.max_response_bytes;
        let body = read(body, "list", max, deadline, self.options.request_timeout)
            .await?
            .ok_or(Error::PageTooLarge { limit, bytes: max })?;
        let page: wire::Page<'_> = serde_json::from_slice(&body).map_err(|error| unparsable("list", &error))?;
        let resource_version = wire::text(page.metadata.resource_version).ok_or_else(|| Error::InvalidAnswer {
            verb: "list",
            problem: "the list has no resourceVersion".to_owned(),
        })?;
        Ok(Page {
            resource_version: ResourceVersion::new(resource_version),
            continue_token: wire::text(page.metadata.continue_token),
            items: page.items.into_iter().map(|item| wire::record(item.get(), &self.options)).collect(),
        })
    }

    /// Opens a watch of what is written after this version.
    pub(crate) async fn watch(&self, version: &ResourceVersion) -> Result<Watch, Error> {
        let params = WatchParams {
            field_selector: self.options.field_selector.clone(),
            label_selector: self.options.label_selector.clone(),
            timeout: Some(u32::try_from(self.options.watch_timeout.as_secs()).unwrap_or(u32::MAX)),
            bookmarks: true,
            send_initial_events: false,
        };
        let opened = Instant::now();
        let deadline = opened + self.options.request_timeout;
        let request = self.path().watch(&params, version.as_str());
        let body = self.send("watch", version.as_str(), request, deadline).await?;
        Ok(Watch {
            api: self.clone(),
            version: version.clone(),
            body,
            buffer: BytesMut::new(),
            scanned: 0,
            skipping: 0,
            opened,
            // The server ends the watch at its timeout; what is silent for much longer is dead.
            deadline: opened + self.options.watch_timeout + self.options.request_timeout,
        })
    }

    /// Sends a request and gives the body of a good answer.
    async fn send(
        &self,
        verb: &'static str,
        asked: &str,
        request: Result<http::Request<Vec<u8>>, kube::core::request::Error>,
        deadline: Instant,
    ) -> Result<Body, Error> {
        let request = request.map_err(|error| Error::InvalidAnswer { verb, problem: error.to_string() })?;
        self.pace.wait(self.options.max_requests_per_second).await;
        let after = self.options.request_timeout;
        let response = timeout_at(deadline, self.client.send(request.map(Body::from)))
            .await
            .map_err(|_| Error::TimedOut { verb, after })?
            .map_err(|source| Error::Connection { verb, source })?;
        let code = response.status();
        if code.is_success() {
            return Ok(response.into_body());
        }
        let seconds = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let retry_after = seconds.map(Duration::from_secs);
        let text = read(response.into_body(), verb, MAX_STATUS_BYTES, deadline, after).await?.unwrap_or_default();
        // A proxy answers with anything but a Status.
        let mut status: Status = serde_json::from_slice(&text).unwrap_or_else(|_| {
            let text = crate::event::bounded(String::from_utf8_lossy(&text).trim().to_owned(), 200);
            Status::failure(&text, code.canonical_reason().unwrap_or("Unknown"))
        });
        status.code = code.as_u16();
        Err(Error::from_status(verb, self.options.mode, self.namespace.as_deref(), asked, status, retry_after))
    }
}

/// The most bytes of an error answer to read.
const MAX_STATUS_BYTES: usize = 64 * 1024;

/// What a watch sends next.
pub(crate) enum Line {
    /// ADDED or MODIFIED.
    Applied(Result<EventRecord, Rejected>),
    /// DELETED: the last state of the event, with the version of the deletion.
    Deleted(Result<EventRecord, Rejected>),
    /// Nothing but a version up to which everything was sent.
    Bookmark,
    /// A line larger than `max_response_bytes` was skipped.
    TooLong(Rejected),
    /// The server ended the watch, after its last complete line.
    End,
}

/// An open watch.
pub(crate) struct Watch {
    api: EventsApi,
    /// The version that the watch was opened from.
    version: ResourceVersion,
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer is known to have no end of line.
    scanned: usize,
    /// How many bytes of a line that is too long were skipped so far.
    skipping: usize,
    opened: Instant,
    deadline: Instant,
}

impl Watch {
    /// Whether the watch has lasted as long as it was asked to, so that its end says nothing bad.
    pub(crate) fn lasted(&self) -> bool {
        self.opened.elapsed() * 10 >= self.api.options.watch_timeout * 9
    }

    /// The next line, and the version that everything up to it has. Safe to drop and call again.
    pub(crate) async fn next(&mut self) -> Result<(Line, Option<ResourceVersion>), Error> {
        loop {
            if let Some(line) = self.take_line() {
                if !line.iter().all(u8::is_ascii_whitespace) {
                    return self.parse(&line);
                }
                continue;
            }
            let after = self.api.options.watch_timeout + self.api.options.request_timeout;
            let frame = timeout_at(self.deadline, self.body.frame())
                .await
                .map_err(|_| Error::TimedOut { verb: "watch", after })?;
            match frame {
                None if self.buffer.is_empty() && self.skipping == 0 => return Ok((Line::End, None)),
                // A line without its end was cut.
                None => return Err(Error::Cut { verb: "watch" }),
                Some(Err(source)) => return Err(Error::Connection { verb: "watch", source }),
                Some(Ok(frame)) => self.buffer.extend_from_slice(frame.data_ref().map_or(&[], |data| data)),
            }
            if let Some(skipped) = self.skip_long_line() {
                return Ok((Line::TooLong(skipped), None));
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        if self.skipping > 0 {
            return None;
        }
        let Some(end) = self.buffer[self.scanned..].iter().position(|byte| *byte == b'\n') else {
            self.scanned = self.buffer.len();
            return None;
        };
        let line = self.buffer.split_to(self.scanned + end).freeze();
        self.buffer.advance(1);
        self.scanned = 0;
        Some(line)
    }

    /// Drops what belongs to a line that is too long, and tells of it at its end.
    fn skip_long_line(&mut self) -> Option<Rejected> {
        let end = self.buffer.iter().position(|byte| *byte == b'\n');
        if self.skipping == 0 && (end.is_some() || self.buffer.len() <= self.api.options.max_response_bytes) {
            return None;
        }
        let dropped = end.unwrap_or(self.buffer.len());
        self.skipping += dropped;
        self.buffer.advance(dropped);
        self.scanned = 0;
        end?;
        self.buffer.advance(1);
        let reason = format!("a line of {} bytes is more than max_response_bytes", std::mem::take(&mut self.skipping));
        Some(Rejected::new(reason, ""))
    }

    fn parse(&self, line: &[u8]) -> Result<(Line, Option<ResourceVersion>), Error> {
        let line: wire::Line<'_> = serde_json::from_slice(line).map_err(|error| unparsable("watch", &error))?;
        let record = || wire::record(line.object.get(), &self.api.options);
        let parsed = match &*line.kind {
            "ADDED" | "MODIFIED" => Line::Applied(record()),
            "DELETED" => Line::Deleted(record()),
            "BOOKMARK" => Line::Bookmark,
            "ERROR" => {
                let status: Status =
                    serde_json::from_str(line.object.get()).map_err(|error| unparsable("watch", &error))?;
                let namespace = self.api.namespace.as_deref();
                return Err(Error::from_status(
                    "watch",
                    self.api.options.mode,
                    namespace,
                    self.version.as_str(),
                    status,
                    None,
                ));
            }
            other => {
                let problem = format!("a watch has no events of the type {other:?}");
                return Err(Error::InvalidAnswer { verb: "watch", problem });
            }
        };
        Ok((parsed, wire::version_of(line.object)))
    }
}

/// Reads a body whole; nothing when it is larger than `max`.
async fn read(
    mut body: Body,
    verb: &'static str,
    max: usize,
    deadline: Instant,
    after: Duration,
) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| Error::TimedOut { verb, after })?;
        let Some(frame) = frame.transpose().map_err(|source| Error::Connection { verb, source })? else {
            return Ok(Some(bytes));
        };
        let data = frame.data_ref().map_or::<&[u8], _>(&[], |data| data);
        if bytes.len() + data.len() > max {
            return Ok(None);
        }
        bytes.extend_from_slice(data);
    }
}

fn unparsable(verb: &'static str, error: &serde_json::Error) -> Error {
    // A body that ends within its JSON was cut, though its transport did not notice.
    if error.is_eof() { Error::Cut { verb } } else { Error::InvalidAnswer { verb, problem: error.to_string() } }
}

/// Spaces the requests of all namespaces of a collector.
#[derive(Clone)]
pub(crate) struct Pace(Arc<Mutex<Instant>>);

impl Pace {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    async fn wait(&self, per_second: u32) {
        let turn = {
            let mut next = self.0.lock().await;
            let turn = (*next).max(Instant::now());
            *next = turn + Duration::from_secs(1) / per_second;
            turn
        };
        sleep_until(turn).await;
    }
}
