use std::time::Duration;

use taskserver_http::HttpOptions;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::support::{Running, ask, options, read_until, rest, soon, start, start_with};

/// A request that is in progress for certain: the server waits for its body.
async fn begin_request(server: &Running) -> TcpStream {
    let mut stream = server.connect().await;
    let head = "POST /healthcheck HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(read_until(&mut stream, "\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

#[tokio::test]
async fn a_request_in_progress_is_finished_while_idle_connections_are_closed() {
    let server = start_with(HttpOptions { drain_timeout: Duration::from_secs(60), ..options() }).await;
    let mut idle = server.connect().await;
    ask(&mut idle, "/livez", "ok").await;
    let mut silent = server.connect().await;
    let (mut http2, http2_connection) = server.http2_connection().await;
    crate::support::reply(&mut http2, crate::support::request2("GET", "/livez")).await;
    let mut busy = begin_request(&server).await;

    server.end.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert_eq!(rest(&mut silent).await, "");
    soon(http2_connection).await.unwrap().unwrap();
    assert!(TcpStream::connect(server.address).await.is_err(), "nothing new is accepted");
    assert!(!server.serving.is_finished());

    busy.write_all(b"body").await.unwrap();
    let answer = rest(&mut busy).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    soon(server.serving).await.unwrap();
}

#[tokio::test]
async fn a_request_that_does_not_finish_is_cut_off() {
    let server = start_with(HttpOptions { drain_timeout: Duration::from_millis(100), ..options() }).await;
    let mut busy = begin_request(&server).await;
    server.end.cancel();
    soon(server.serving).await.unwrap();
    assert_eq!(rest(&mut busy).await, "");
}

#[tokio::test]
async fn a_server_that_is_dropped_closes_its_connections() {
    let server = start().await;
    let mut idle = server.connect().await;
    ask(&mut idle, "/livez", "ok").await;
    server.serving.abort();
    assert_eq!(rest(&mut idle).await, "");
}
