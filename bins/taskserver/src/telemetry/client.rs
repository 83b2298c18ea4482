//! The way to the collector: HTTP over the stack that the rest of the program uses.

use std::error::Error as _;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use opentelemetry_http::{HttpClient, HttpError};
use taskserver_alerts::https_connector;
use tokio::runtime::Handle;

use super::environment::Signal;

/// The largest answer that is read, in bytes: it says what was not taken.
const MAX_ANSWER: usize = 256 * 1024;

/// Sends the exporters' requests, which come from threads of their own, through the runtime.
#[derive(Clone)]
pub(super) struct Client {
    shared: Arc<Shared>,
    /// The status of the last answer; 0 where there was none.
    status: Arc<AtomicU16>,
}

struct Shared {
    client: HyperClient<HttpsConnector<HttpConnector>, Full<Bytes>>,
    signal: Signal,
    timeout: Duration,
    runtime: Handle,
    /// The last request was in vain.
    failing: AtomicBool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("signal", &self.shared.signal).finish_non_exhaustive()
    }
}

impl Client {
    /// A client for the exporter of a signal, whose requests take so long at most, and which trusts these authorities (PEM), else the
    /// public ones.
    pub(super) fn new(signal: Signal, timeout: Duration, authorities: Option<&str>) -> Result<Self, String> {
        let connector = https_connector(authorities, timeout).map_err(|error| error.to_string())?;
        let client = HyperClient::builder(TokioExecutor::new()).build(connector);
        let (runtime, failing) = (Handle::current(), AtomicBool::new(false));
        let shared = Arc::new(Shared { client, signal, timeout, runtime, failing });
        Ok(Self { shared, status: Arc::default() })
    }

    /// The same client for another exporter, and the status that this one was answered last.
    pub(super) fn observed(&self) -> (Self, Arc<AtomicU16>) {
        let status = Arc::<AtomicU16>::default();
        (Self { shared: Arc::clone(&self.shared), status: Arc::clone(&status) }, status)
    }
}

impl Shared {
    async fn exchange(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let answer = self.client.request(request.map(Full::new)).await.map_err(|error| {
            let causes = std::iter::successors(error.source(), |cause| (*cause).source());
            causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
        })?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|error| error.to_string())?;
        Ok(Response::from_parts(head, body.to_bytes()))
    }

    /// Says so when the collector ceases to take what it is sent, and when it takes it again.
    fn report(&self, uri: &Uri, trouble: Option<&str>) {
        if self.failing.swap(trouble.is_some(), Ordering::Relaxed) == trouble.is_some() {
            return;
        }
        // Without a login that may be in it.
        let (signal, host) = (self.signal, uri.host().unwrap_or_default());
        let port = uri.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
        match trouble {
            Some(reason) => {
                tracing::warn!(reason, "OpenTelemetry: the collector at {host}{port} does not take {signal}");
            }
            None => tracing::info!("OpenTelemetry: the collector at {host}{port} takes {signal} again"),
        }
    }
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (shared, uri) = (Arc::clone(&self.shared), request.uri().clone());
        let exchange = async move {
            match tokio::time::timeout(shared.timeout, shared.exchange(request)).await {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {:?}", shared.timeout)),
            }
        };
        let result = self.shared.runtime.spawn(exchange).await.unwrap_or_else(|error| Err(error.to_string()));
        self.status.store(result.as_ref().map_or(0, |answer| answer.status().as_u16()), Ordering::Relaxed);
        let trouble = match &result {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("it answers {}", answer.status())),
            Err(reason) => Some(reason.clone()),
        };
        self.shared.report(&uri, trouble.as_deref());
        result.map_err(HttpError::from)
    }
}
