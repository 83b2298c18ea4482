//! Asking a running server: for container probes, and for tools that show its state.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use crate::HttpError;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// How large an answer may be, in bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Asks the server at one address, with a new connection for each question.
///
/// ```no_run
/// # async fn example() -> Result<(), taskserver_http::HttpError> {
/// use std::time::Duration;
/// use taskserver_http::{Client, TaskTable};
///
/// let client = Client::new("0.0.0.0:5050".parse().unwrap(), Duration::from_secs(2));
/// assert!(client.get("/readyz?verbose").await?.is_success());
/// let table: TaskTable = client.get_json("/api/tasks").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    /// Where to connect if `address` cannot be connected to.
    fallback: Option<SocketAddr>,
    timeout: Duration,
    authorization: Option<HeaderValue>,
}

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body; bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Answer {
    /// Whether the status is 2xx: what a probe takes for success.
    #[must_use]
    pub fn is_success(&self) -> bool {
        self.status.is_success()
    }
}

impl Client {
    /// A client of the server that listens on `address`, which may be the unspecified address: then it is asked on
    /// loopback. Each question may take up to `timeout`.
    #[must_use]
    pub fn new(address: SocketAddr, timeout: Duration) -> Self {
        let at = |ip: IpAddr| SocketAddr::new(ip, address.port());
        let (address, fallback) = match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (at(Ipv4Addr::LOCALHOST.into()), None),
            // Usually both IP versions. Containers have the loopback of IPv4 always, that of IPv6 not.
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (at(Ipv4Addr::LOCALHOST.into()), Some(at(Ipv6Addr::LOCALHOST.into()))),
            _ => (address, None),
        };
        Self { address, fallback, timeout, authorization: None }
    }

    /// Shows this bearer token with each question. One that no header can hold is not shown.
    #[must_use]
    pub fn with_token(mut self, token: &str) -> Self {
        self.authorization = HeaderValue::from_str(&format!("Bearer {token}")).ok().map(|mut value| {
            value.set_sensitive(true);
            value
        });
        self
    }

    /// What the server answers to a GET of `path` (with its query), whatever the status.
    ///
    /// # Errors
    /// The server cannot be reached, takes too long, or answers something unreadable.
    pub async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        self.exchange_in_time(Method::GET, path, Bytes::new()).await
    }

    /// What the server answers to a POST of this JSON to `path`, whatever the status.
    ///
    /// # Errors
    /// Those of [`get`](Self::get).
    pub async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Answer, HttpError> {
        self.exchange_in_time(Method::POST, path, Bytes::from(body.to_string())).await
    }

    /// What the server answers to a GET of `path`, read from JSON.
    ///
    /// # Errors
    /// Those of [`get`](Self::get), a status other than 2xx, and JSON of another shape.
    pub async fn get_json<T: DeserializeOwned>(&self, path: &str) -> Result<T, HttpError> {
        let answer = self.get(path).await?;
        if !answer.is_success() {
            let Answer { status, body } = answer;
            return Err(HttpError::Status { address: self.address, asked: format!("GET {path}"), status, body });
        }
        serde_json::from_str(&answer.body).map_err(|cause| self.unreadable(&format!("GET {path}"), cause))
    }

    async fn exchange_in_time(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, HttpError> {
        let asked = format!("{method} {path}");
        let timed_out = |_| HttpError::TimedOut { address: self.address, asked, timeout: self.timeout };
        tokio::time::timeout(self.timeout, self.exchange(method, path, body)).await.map_err(timed_out)?
    }

    async fn exchange(&self, method: Method, path: &str, body: Bytes) -> Result<Answer, HttpError> {
        let asked = &format!("{method} {path}");
        let stream = self.connect().await.map_err(|cause| HttpError::Connect { address: self.address, cause })?;
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, self.address.to_string()).header(CONNECTION, "close");
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        let request = request.body(Full::new(body)).map_err(|cause| self.unreadable(asked, cause))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|cause| self.unreadable(asked, cause))?;
        let answer = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_ANSWER).collect().await?.to_bytes();
            Ok::<_, BoxError>(Answer { status, body: String::from_utf8_lossy(&body).into_owned() })
        };
        // The connection ends without an error once the whole answer has been received: the answer is still read then.
        tokio::select! {
            answer = answer => answer.map_err(|cause| self.unreadable(asked, cause)),
            Err(cause) = connection => Err(self.unreadable(asked, cause)),
        }
    }

    async fn connect(&self) -> io::Result<TcpStream> {
        match (TcpStream::connect(self.address).await, self.fallback) {
            (Err(_), Some(fallback)) => TcpStream::connect(fallback).await,
            (connected, _) => connected,
        }
    }

    fn unreadable(&self, asked: &str, cause: impl Into<BoxError>) -> HttpError {
        let error = cause.into();
        let mut cause = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            cause = format!("{cause}: {error}");
            source = error.source();
        }
        HttpError::Answer { address: self.address, asked: asked.to_owned(), cause }
    }
}
