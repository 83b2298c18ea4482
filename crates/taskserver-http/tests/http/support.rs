//! A running server, and clients of both protocols and of none.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::HeaderMap;
use hyper::http::response;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use taskserver_core::{App, AppBuilder, Clock, Task, TaskConfig, TaskContext, TaskError};
use taskserver_http::{Authenticator, Client, HttpOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("this should have happened by now")
}

/// A clock that can be made to panic, as any code of a handler could.
#[derive(Clone)]
pub(crate) struct FaultyClock(pub(crate) Arc<AtomicBool>);

impl Clock for FaultyClock {
    fn now(&self) -> Timestamp {
        assert!(!self.0.load(Ordering::SeqCst), "the clock stands still");
        Timestamp::now()
    }
}

pub(crate) struct Greeting;

impl Task for Greeting {
    type Output = &'static str;

    fn name(&self) -> &str {
        "greeting"
    }

    fn defaults(&self) -> TaskConfig {
        TaskConfig::every(Duration::from_secs(3600))
    }

    async fn run(&self, _: &TaskContext) -> Result<&'static str, TaskError> {
        Ok("hello")
    }
}

pub(crate) struct Running {
    pub(crate) app: App,
    pub(crate) address: SocketAddr,
    pub(crate) end: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) clock_fails: Arc<AtomicBool>,
}

pub(crate) fn options() -> HttpOptions {
    HttpOptions { identity: "taskserver-0".into(), ..HttpOptions::new("127.0.0.1:0".parse().unwrap()) }
}

pub(crate) async fn start() -> Running {
    start_with(options()).await
}

pub(crate) async fn start_with(options: HttpOptions) -> Running {
    serve(options, App::builder(), None).await
}

pub(crate) async fn start_app(options: HttpOptions, app: AppBuilder, authenticator: impl Authenticator) -> Running {
    serve(options, app, Some(Arc::new(authenticator))).await
}

pub(crate) async fn serve(
    options: HttpOptions,
    app: AppBuilder,
    authenticator: Option<Arc<dyn Authenticator>>,
) -> Running {
    let clock_fails = Arc::new(AtomicBool::new(false));
    let app = app.clock(FaultyClock(Arc::clone(&clock_fails))).task(Greeting).build().unwrap();
    let mut server = Server::bind(options).await.unwrap();
    if let Some(authenticator) = authenticator {
        server = server.authenticator(authenticator);
    }
    let address = server.local_addr();
    let end = CancellationToken::new();
    let serving = tokio::spawn(server.serve(app.clone(), end.clone()));
    Running { app, address, end, serving, clock_fails }
}

impl Running {
    pub(crate) fn client(&self) -> Client {
        Client::new(self.address, PATIENCE)
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends these bytes on a connection of their own, and reads until the server closes it.
    pub(crate) async fn send(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.unwrap();
        rest(&mut stream).await
    }
}

/// What arrives until the connection is closed; how it is closed does not matter.
pub(crate) async fn rest(stream: &mut TcpStream) -> String {
    let mut received = Vec::new();
    let _ = soon(stream.read_to_end(&mut received)).await;
    String::from_utf8_lossy(&received).into_owned()
}

/// Reads until what has arrived ends with `end`.
pub(crate) async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut received = String::new();
    while !received.ends_with(end) {
        received.push(char::from(soon(stream.read_u8()).await.unwrap()));
    }
    received
}

/// Sends a GET of `path` on a connection that stays open, and reads the answer, whose body ends with `end`.
pub(crate) async fn ask(stream: &mut TcpStream, path: &str, end: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    read_until(stream, end).await
}

#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    async fn receive(response: hyper::Response<Incoming>) -> Self {
        let (head, body) = receive_bytes(response).await;
        Self { status: head.status, headers: head.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

async fn receive_bytes(response: hyper::Response<Incoming>) -> (response::Parts, Bytes) {
    let (head, body) = response.into_parts();
    (head, soon(body.collect()).await.unwrap().to_bytes())
}

pub(crate) fn request(method: &str, uri: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(uri).header("host", "x").body(Full::default()).unwrap()
}

impl Running {
    /// The head of the answer over HTTP/1.1, with its body yet to be read.
    pub(crate) async fn http1_head(&self, request: Request<Full<Bytes>>) -> hyper::Response<Incoming> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(self.connect().await)).await.unwrap();
        tokio::spawn(connection);
        soon(sender.send_request(request)).await.unwrap()
    }

    /// The answer over HTTP/1.1.
    pub(crate) async fn http1(&self, request: Request<Full<Bytes>>) -> Reply {
        Reply::receive(self.http1_head(request).await).await
    }

    /// The answer over HTTP/1.1 as it is.
    pub(crate) async fn http1_bytes(&self, request: Request<Full<Bytes>>) -> (response::Parts, Bytes) {
        receive_bytes(self.http1_head(request).await).await
    }

    /// An HTTP/2 connection, and the task that ends when the connection does.
    pub(crate) async fn http2_connection(&self) -> (http2::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>) {
        let io = TokioIo::new(self.connect().await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        (sender, tokio::spawn(connection))
    }

    /// The answer over HTTP/2.
    pub(crate) async fn http2(&self, request: Request<Full<Bytes>>) -> Reply {
        let (mut sender, _connection) = self.http2_connection().await;
        reply(&mut sender, request).await
    }
}

pub(crate) async fn reply(sender: &mut http2::SendRequest<Full<Bytes>>, request: Request<Full<Bytes>>) -> Reply {
    Reply::receive(soon(sender.send_request(request)).await.unwrap()).await
}

/// An HTTP/2 request needs the whole URI.
pub(crate) fn request2(method: &str, path: &str) -> Request<Full<Bytes>> {
    Request::builder().method(method).uri(format!("http://x{path}")).body(Full::default()).unwrap()
}
