//! One connection: HTTP/1 or HTTP/2, whichever the client begins with, for as long as it may last.
//!
//! hyper has no bound on idle HTTP/2 connections, none on a client that connects and says nothing, and one and the same on
//! an idle HTTP/1 connection and on a head that trickles in. So the [`Activity`] on a connection is followed here, and each
//! of its phases has a bound of its own: [`header_timeout`](HttpOptions::header_timeout) while a head is due,
//! [`idle_timeout`](HttpOptions::idle_timeout) between requests, and none while a request is in progress, which
//! [`request_timeout`](HttpOptions::request_timeout) bounds. A client that does not read its answer counts as idle.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper::{Request, Version};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::io::InspectReader;

use crate::HttpOptions;
use crate::bounds::Bound;
use crate::request::respond;
use crate::state::State;

/// hyper's least for an HTTP/1 buffer, which is what bounds a head.
const LEAST_BUFFER: usize = 8192;

/// How long an idle connection that was told to close may take: for the last of its answer to be read, or for an HTTP/2 client
/// to hear of it and finish what it had just begun.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) type Protocol = auto::Builder<TokioExecutor>;

/// Both protocols with the bounds that hyper sees to.
pub(crate) fn protocol(options: &HttpOptions) -> Protocol {
    let head = options.max_header_bytes.max(LEAST_BUFFER);
    let mut protocol = auto::Builder::new(TokioExecutor::new());
    protocol
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_buf_size(head)
        .max_headers(options.max_headers);
    protocol
        .http2()
        .timer(TokioTimer::new())
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .max_concurrent_streams(options.max_concurrent_streams)
        .keep_alive_interval(options.ping_interval)
        .keep_alive_timeout(options.ping_timeout);
    protocol
}

/// Serves a connection until it ends, overstays, or the server is to end and the last request is answered.
pub(crate) async fn serve(stream: TcpStream, peer: IpAddr, protocol: Arc<Protocol>, state: Arc<State>) {
    let activity = Activity::new();
    let io = InspectReader::new(stream, {
        let activity = activity.clone();
        move |bytes: &[u8]| {
            if !bytes.is_empty() {
                activity.bytes_arrived();
            }
        }
    });
    let service = service_fn({
        let (activity, state) = (activity.clone(), Arc::clone(&state));
        move |mut request: Request<_>| {
            let in_progress = Arc::new(activity.request_begins(request.version()));
            // For whoever goes on after the answer's head.
            request.extensions_mut().insert(Arc::clone(&in_progress));
            let response = respond(Arc::clone(&state), peer, request);
            async move {
                let response = response.await;
                drop(in_progress);
                response
            }
        }
    });
    let mut connection = pin!(protocol.serve_connection(TokioIo::new(io), service));

    tokio::select! {
        ended = &mut connection => report(ended, &state),
        overstayed = activity.overstays(&state.options) => match overstayed {
            // Dropping the connection closes it.
            Overstayed::Head => state.bounds.hit(Bound::HeaderTimeout),
            Overstayed::Idle => {
                connection.as_mut().graceful_shutdown();
                if let Ok(ended) = tokio::time::timeout(CLOSE_TIMEOUT, connection).await {
                    report(ended, &state);
                }
            }
        },
        // The server cuts off what lasts too long after its end.
        () = state.end.cancelled() => {
            connection.as_mut().graceful_shutdown();
            report(connection.await, &state);
        }
    }
}

fn report(ended: Result<(), Box<dyn std::error::Error + Send + Sync>>, state: &State) {
    let Err(error) = ended else { return };
    if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse_too_large) {
        state.bounds.hit(Bound::HeaderSize);
    }
    tracing::debug!(%error, "a connection ended with an error");
}

/// What happens on a connection. All clones are of the same one.
#[derive(Clone)]
struct Activity(watch::Sender<Phase>);

#[derive(Debug, Clone, Copy)]
struct Phase {
    /// How many requests are in progress.
    requests: usize,
    /// Whether a head is due: from the beginning of the connection, later from a head's first byte.
    head: bool,
    /// Whether the connection is known to speak HTTP/2.
    http2: bool,
}

/// What took too long.
#[derive(Debug, PartialEq, Eq)]
enum Overstayed {
    Head,
    Idle,
}

impl Activity {
    fn new() -> Self {
        Self(watch::Sender::new(Phase { requests: 0, head: true, http2: false }))
    }

    /// Bytes came from the client. Between requests they begin a head; not so in HTTP/2, which has other things to say as
    /// well: there, a head that does not end counts as idleness.
    fn bytes_arrived(&self) {
        self.0.send_if_modified(|phase| {
            let begins = phase.requests == 0 && !phase.head && !phase.http2;
            phase.head |= begins;
            begins
        });
    }

    /// A head is complete, and its request in progress until what this returns is dropped.
    fn request_begins(&self, version: Version) -> InProgress {
        self.0.send_modify(|phase| {
            *phase = Phase { requests: phase.requests + 1, head: false, http2: version == Version::HTTP_2 };
        });
        InProgress(self.clone())
    }

    /// Resolves when the connection has stayed too long in a phase without a request.
    async fn overstays(&self, options: &HttpOptions) -> Overstayed {
        let mut phases = self.0.subscribe();
        loop {
            let phase = *phases.borrow_and_update();
            let (limit, overstayed) = match phase {
                Phase { requests: 1.., .. } => (Duration::MAX, Overstayed::Idle),
                Phase { head: true, .. } => (options.header_timeout, Overstayed::Head),
                Phase { head: false, .. } => (options.idle_timeout, Overstayed::Idle),
            };
            if tokio::time::timeout(limit, phases.changed()).await.is_err() {
                return overstayed;
            }
        }
    }
}

/// A request in progress, until it is dropped.
pub(crate) struct InProgress(Activity);

impl Drop for InProgress {
    fn drop(&mut self) {
        self.0.0.send_modify(|phase| phase.requests -= 1);
    }
}
