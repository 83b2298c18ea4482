//! What the server logs. In a process of its own, since what is logged anywhere in it is looked at.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use taskserver_core::App;
use taskserver_http::{HttpOptions, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;
use tracing::Level;

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins to log, from debug on.
    fn begin() -> Self {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(Level::DEBUG)
            .with_ansi(false)
            .without_time()
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
        log
    }

    /// The lines so far, without the time that requests took.
    fn lines(&self) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().map(|line| line.split(" duration=").next().unwrap().trim().to_owned()).collect()
    }
}

#[tokio::test]
async fn requests_are_logged_without_their_query_and_bounds_are_warned_of_once() {
    let log = Log::begin();
    let options = HttpOptions { max_body_bytes: 10, ..HttpOptions::new("127.0.0.1:0".parse().unwrap()) };
    let server = Server::bind(options).await.unwrap();
    let address = server.local_addr();
    let app = App::builder().build().unwrap();
    let _starting = app.health().register("database", true);
    tokio::spawn(server.serve(app, CancellationToken::new()));

    let send = async |id: &str, request: &str| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let length = if request.starts_with("GET") { 0 } else { 11 };
        let request = format!(
            "{request} HTTP/1.1\r\nx-request-id: {id}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.read_to_end(&mut Vec::new()).await.unwrap();
    };
    send("a", "GET /readyz?token=secret").await;
    send("b", "POST /nope").await;
    send("c", "POST /nope").await;
    assert_eq!(
        log.lines(),
        [
            "INFO request{id=\"a\"}: taskserver_http::request: request client=127.0.0.1 method=GET path=\"/readyz\" status=503",
            "WARN request{id=\"b\"}: taskserver_http::bounds: clients run into a bound bound=\"http.max_body_bytes\" hits=1",
            "DEBUG request{id=\"b\"}: taskserver_http::request: request client=127.0.0.1 method=POST path=\"/nope\" status=413",
            "DEBUG request{id=\"c\"}: taskserver_http::request: request client=127.0.0.1 method=POST path=\"/nope\" status=413",
        ]
    );
}
