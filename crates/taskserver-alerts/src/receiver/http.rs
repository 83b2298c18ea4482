//! Posting JSON over HTTP: within a time and a size, and without a secret in any error.

use std::error::Error as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use percent_encoding::percent_decode_str;
use secrecy::{ExposeSecret as _, SecretString};
use taskserver_core::TRACE;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};
use url::Url;

use super::{DeliveryError, https_connector};

/// The largest answer that is read, in bytes: what is wanted of it is a line of explanation.
const MAX_ANSWER: usize = 64 * 1024;

/// How much of an answer an error quotes, in characters.
const QUOTED: usize = 200;

/// How long a connection is kept for the next delivery.
const IDLE: Duration = Duration::from_secs(30);

/// A receiver that asks to wait longer than this is not believed.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Why no endpoint can be made of this. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointError {
    /// The URL is none.
    #[error("the URL is wrong: {0}")]
    Url(String),
    /// A header is none.
    #[error("the header `{name}` is wrong: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The certificates cannot be used.
    #[error("the certificates are wrong: {0}")]
    Authorities(String),
}

/// Where a receiver is reached over HTTP, and how.
///
/// It speaks HTTP/1.1, over TLS where the URL says `https`. It follows no redirect: a receiver that has moved is an error that
/// says so, because a POST that is redirected would often arrive as a GET, and elsewhere than the operator has said.
pub struct Endpoint {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    url: Url,
    headers: HeaderMap,
    timeout: Duration,
}

impl Endpoint {
    /// The endpoint at this URL, such as `https://alerts.example/hook`. A user and password in it are sent as such, and never
    /// shown; nor is the path, in which some services have a secret. The authorities to trust (PEM) are the public ones unless
    /// given. One delivery may take as long as `timeout`.
    ///
    /// # Errors
    /// Any [`EndpointError`].
    pub fn new(url: &SecretString, authorities: Option<&str>, timeout: Duration) -> Result<Self, EndpointError> {
        let mut url: Url =
            url.expose_secret().parse().map_err(|error: url::ParseError| EndpointError::Url(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
            return Err(EndpointError::Url("expected http://… or https://…".to_owned()));
        }
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("taskserver/", env!("CARGO_PKG_VERSION"))));
        if !url.username().is_empty() || url.password().is_some() {
            let plain = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
            let credentials = format!("{}:{}", plain(url.username()), plain(url.password().unwrap_or_default()));
            insert(&mut headers, AUTHORIZATION, &format!("Basic {}", STANDARD.encode(credentials)))?;
            let _ = url.set_username("");
            let _ = url.set_password(None);
        }
        let connector =
            https_connector(authorities, timeout).map_err(|error| EndpointError::Authorities(error.to_string()))?;
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        Ok(Self { client, url, headers, timeout })
    }

    /// With this header in every request. Its value is never shown.
    ///
    /// # Errors
    /// [`EndpointError::Header`].
    pub fn header(mut self, name: &str, value: &SecretString) -> Result<Self, EndpointError> {
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|error| EndpointError::Header { name: name.to_owned(), reason: error.to_string() })?;
        insert(&mut self.headers, parsed, value.expose_secret())?;
        Ok(self)
    }

    /// The same endpoint with more at the end of its path.
    pub(super) fn below(mut self, path: &str) -> Self {
        let whole = format!("{}{path}", self.url.path().trim_end_matches('/'));
        self.url.set_path(&whole);
        self
    }

    /// Posts a body. Its span has no path, as no error has.
    pub(super) async fn post(&self, body: Vec<u8>, headers: HeaderMap) -> Result<(), DeliveryError> {
        let span = tracing::trace_span!(
        target: TRACE,
                   "post",
                   otel.name = "POST",
                   otel.kind = "client",
                   otel.status_code = Empty,
                   http.request.method = "POST",
                   http.response.status_code = Empty,
                   url.scheme = self.url.scheme(),
                   server.address = self.url.host_str(),
                   server.port = self.url.port_or_known_default(),
                   "error.type" = Empty,
               );
        let exchange = self.exchange(body, headers).instrument(span.clone());
        let result = match tokio::time::timeout(self.timeout, exchange).await {
            Ok(result) => result,
            Err(_) => Err(self.unavailable(format!("no answer within {:?}", self.timeout))),
        };
        result.inspect_err(|error| {
            span.record("error.type", error.kind());
            span.record("otel.status_code", "error");
        })
    }

    async fn exchange(&self, body: Vec<u8>, headers: HeaderMap) -> Result<(), DeliveryError> {
        let uri: Uri = self.url.as_str().parse().map_err(|_| self.unavailable("the URL is no URI".to_owned()))?;
        let mut request = Request::post(uri).body(Full::new(Bytes::from(body))).expect("a request of checked parts");
        *request.headers_mut() = self.headers.clone();
        request.headers_mut().extend(headers);
        let response = self.client.request(request).await.map_err(|error| {
            let mut reason = error.to_string();
            let mut source = error.source();
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            self.unavailable(reason)
        })?;
        let status = response.status();
        Span::current().record("http.response.status_code", status.as_u16());
        let retry_after =
            response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // What is longer is not read, and the connection then not used again.
        let body = Limited::new(response.into_body(), MAX_ANSWER)
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        if status.is_success() {
            return Ok(());
        }
        let said = quoted(&body);
        Err(match status {
            status if status.is_redirection() => self
                .unavailable(format!("it answers {status}, and redirects are not followed: set the URL that it names")),
            // What is wrong with this one need not be wrong with the next.
            StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE | StatusCode::UNPROCESSABLE_ENTITY => {
                DeliveryError::Rejected(self.failure(&format!("it answers {status}{said}")))
            }
            status => DeliveryError::Unavailable {
                reason: self.failure(&format!("it answers {status}{said}")),
                retry_after: retry_after.map(|seconds| Duration::from_secs(seconds).min(MAX_RETRY_AFTER)),
            },
        })
    }

    fn unavailable(&self, reason: String) -> DeliveryError {
        DeliveryError::Unavailable { reason: self.failure(&reason), retry_after: None }
    }

    fn failure(&self, reason: &str) -> String {
        format!("cannot deliver to {}: {reason}", self.url.origin().ascii_serialization())
    }
}

fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), EndpointError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| EndpointError::Header {
        name: name.to_string(),
        reason: "its value has a character that no header can have, such as a line break".to_owned(),
    })?;
    value.set_sensitive(true);
    headers.insert(name, value);
    Ok(())
}

/// The start of an answer, in one line.
fn quoted(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(QUOTED).collect();
    if line.is_empty() { line } else { format!(": {line}") }
}
