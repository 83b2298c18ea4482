//! The server: a bound port, and the loop that accepts its connections.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::HeaderMap;
use taskserver_core::App;
use taskserver_page::StatusPage;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Span;

use crate::auth::{Authenticator, Gate};
use crate::bounds::{Bound, Bounds};
use crate::connection;
use crate::events::EventLog;
use crate::pages::Pages;
use crate::state::State;
use crate::{HttpError, HttpOptions, RequestMetrics};

/// How long to wait after the system refused to accept a connection, such as for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(500);

/// A server whose port is bound. Connections queue from then on, and are answered once it [serves](Self::serve).
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    options: HttpOptions,
    authenticator: Option<Arc<dyn Authenticator>>,
    metrics: RequestMetrics,
    page: Option<Arc<StatusPage>>,
    session_secret: Option<Box<[u8]>>,
    join_trace: Option<JoinTrace>,
    started: Instant,
}

/// Makes the span of a request part of the trace that its headers name.
pub type JoinTrace = fn(&Span, &HeaderMap);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("address", &self.address).field("options", &self.options).finish_non_exhaustive()
    }
}

impl Server {
    /// Binds the port.
    ///
    /// # Errors
    /// [`HttpError::Bind`]: the address cannot be listened on, such as because another program does.
    pub async fn bind(options: HttpOptions) -> Result<Self, HttpError> {
        let address = options.address;
        let failed = |cause| HttpError::Bind { address, cause };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            address,
            options,
            authenticator: None,
            metrics: RequestMetrics::default(),
            page: None,
            session_secret: None,
            join_trace: None,
            started: Instant::now(),
        })
    }

    /// Recognises callers by this. Without it, nobody gets at any service.
    #[must_use]
    pub fn authenticator(mut self, authenticator: Arc<dyn Authenticator>) -> Self {
        self.authenticator = Some(authenticator);
        self
    }

    /// Counts and times requests with these, which may be registered.
    #[must_use]
    pub fn metrics(mut self, metrics: RequestMetrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// Has these pages for browsers.
    #[must_use]
    pub fn pages(mut self, page: Arc<StatusPage>) -> Self {
        self.page = Some(page);
        self
    }

    /// Makes the key of the sessions of this secret, so that a session is good on every replica that has the same one, and after a
    /// restart. Without it, a session ends with this server.
    #[must_use]
    pub fn session_secret(mut self, secret: &[u8]) -> Self {
        self.session_secret = Some(secret.into());
        self
    }

    /// Makes the span of each request (of the target [`TRACE`](taskserver_core::TRACE)) part of the trace of whoever sent it.
    /// Without it, each request begins a trace of its own.
    #[must_use]
    pub fn join_trace(mut self, join: JoinTrace) -> Self {
        self.join_trace = Some(join);
        self
    }

    /// The address that is listened on; where port 0 was asked for, with the port that the system chose.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `end` is cancelled; then accepts no more, closes idle connections, lets requests in progress
    /// finish for up to [`drain_timeout`](HttpOptions::drain_timeout), and returns.
    ///
    /// `end` is not the app's shutdown: while the app stops, the server goes on and answers `/readyz` with 503, so that the
    /// cluster sees why nothing should be sent here. Cancel `end` once [`App::stop`] has returned.
    ///
    /// Dropping the future closes all connections at once.
    pub async fn serve(self, app: App, end: CancellationToken) {
        let Self { listener, options, authenticator, metrics, page, session_secret, join_trace, started, .. } = self;
        let pages = page.map(|page| Pages::new(page, session_secret.as_deref(), options.session_lifetime));
        let drain_timeout = options.drain_timeout;
        let protocol = Arc::new(connection::protocol(&options));
        let max_connections = options.max_connections.max(1);
        let gate = Gate::new(authenticator, options.max_failed_attempts, options.failed_attempts_window);
        let events = Arc::new(EventLog::new(options.event_log_size, options.max_event_streams));
        // Dropped, and so ended, with this future.
        let mut background = JoinSet::new();
        background.spawn(Arc::clone(&events).follow(app.events().subscribe()));
        let state = Arc::new(State {
            app,
            options,
            bounds: Bounds::default(),
            metrics,
            gate,
            events,
            pages,
            join_trace,
            end,
            started,
        });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                () = state.end.cancelled() => break,
                Some(ended) = connections.join_next() => log_panic(ended),
                // A connection is in the set for as long as it is open: no slot can be lost.
                (stream, peer) = accept(&listener), if connections.len() < max_connections => {
                    if connections.len() + 1 == max_connections {
                        state.bounds.hit(Bound::Connections);
                    }
                    connections.spawn(connection::serve(stream, peer, Arc::clone(&protocol), Arc::clone(&state)));
                }
            }
        }
        drop(listener);
        let drained = tokio::time::timeout(drain_timeout, async {
            while let Some(ended) = connections.join_next().await {
                log_panic(ended);
            }
        });
        if drained.await.is_err() {
            // Dropping them closes them.
            tracing::warn!(connections = connections.len(), timeout = ?drain_timeout, "cutting off open connections");
        }
    }
}

/// The next connection. Nothing is lost when this is dropped before it resolves.
async fn accept(listener: &TcpListener) -> (TcpStream, IpAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer is written at once: waiting for more to send would only delay it.
                let _ = stream.set_nodelay(true);
                return (stream, peer.ip());
            }
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::error!(%error, "cannot accept connections; trying again");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

/// Whether a connection was gone before it could be accepted, as opposed to a fault of the system's.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset
    )
}

fn log_panic(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a connection's task failed");
    }
}
