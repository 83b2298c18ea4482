use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http2;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use serde_json::json;
use taskserver_http::HttpOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::{ask, options, read_until, reply, request, request2, rest, soon, start, start_with};

const SHORT: Duration = Duration::from_millis(500);
const LONG: Duration = Duration::from_secs(3600);

/// How an HTTP/2 client begins.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const EMPTY_SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];

// The time that a head may take

#[tokio::test]
async fn a_head_that_trickles_in_is_cut_off() {
    let server = start_with(HttpOptions { header_timeout: SHORT, idle_timeout: LONG, ..options() }).await;
    let mut stream = server.connect().await;
    let begun = Instant::now();
    stream.write_all(b"GET /livez HTTP/1.1\r\nx: ").await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let trickle = tokio::spawn(async move {
        while writing.write_all(b"a").await.is_ok() {
            tokio::time::sleep(SHORT / 10).await;
        }
    });
    let mut received = Vec::new();
    let _ = soon(reading.read_to_end(&mut received)).await;
    assert_eq!(received, b"");
    assert!(begun.elapsed() >= SHORT);
    soon(trickle).await.unwrap();
}

#[tokio::test]
async fn a_client_that_says_nothing_is_cut_off() {
    let server = start_with(HttpOptions { header_timeout: SHORT, idle_timeout: LONG, ..options() }).await;
    for said in ["", "P", "PRI * HT", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"] {
        let begun = Instant::now();
        server.send(said).await;
        assert!(begun.elapsed() >= SHORT, "{said:?}");
    }
}

#[tokio::test]
async fn a_later_head_that_trickles_in_is_cut_off() {
    let server = start_with(HttpOptions { header_timeout: SHORT, idle_timeout: LONG, ..options() }).await;
    let mut stream = server.connect().await;
    ask(&mut stream, "/livez", "ok").await;
    tokio::time::sleep(2 * SHORT).await;
    ask(&mut stream, "/livez", "ok").await;
    stream.write_all(b"GET /li").await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

// The time that a connection may be idle

#[tokio::test]
async fn an_idle_connection_is_closed_no_sooner_than_its_bound_says() {
    let server = start_with(HttpOptions { header_timeout: SHORT, idle_timeout: 3 * SHORT, ..options() }).await;
    let mut http1 = server.connect().await;
    let (mut http2, http2_connection) = server.http2_connection().await;
    let begun = Instant::now();
    ask(&mut http1, "/livez", "ok").await;
    reply(&mut http2, request2("GET", "/livez")).await;
    assert_eq!(rest(&mut http1).await, "");
    soon(http2_connection).await.unwrap().unwrap();
    assert!(begun.elapsed() >= 3 * SHORT);
}

#[tokio::test]
async fn pings_neither_shorten_nor_lengthen_the_time_that_an_http_2_connection_may_be_idle() {
    let server = start_with(HttpOptions { header_timeout: SHORT, idle_timeout: 3 * SHORT, ..options() }).await;
    let (mut sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(SHORT / 5)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(server.connect().await))
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    reply(&mut sender, request2("GET", "/livez")).await;
    let begun = Instant::now();
    soon(connection).await.unwrap().unwrap();
    assert!(begun.elapsed() > 2 * SHORT, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_connection_with_a_request_in_progress_is_not_idle() {
    let server = start_with(HttpOptions { idle_timeout: SHORT, ..options() }).await;
    let mut stream = server.connect().await;
    stream.write_all(b"POST /healthcheck HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\n").await.unwrap();
    tokio::time::sleep(2 * SHORT).await;
    stream.write_all(b"body").await.unwrap();
    assert!(read_until(&mut stream, "}").await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let server = start_with(HttpOptions { header_timeout: LONG, idle_timeout: SHORT, ..options() }).await;
    let mut stream = server.connect().await;
    let request = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(8000));
    // Once the buffers of both sides are full of answers, the server reads no further request.
    soon(async { while stream.write_all(request.as_bytes()).await.is_ok() {} }).await;
}

#[tokio::test]
async fn an_http_2_client_that_does_not_answer_pings_is_cut_off() {
    let server = start_with(HttpOptions {
        ping_interval: SHORT,
        ping_timeout: SHORT,
        header_timeout: LONG,
        idle_timeout: LONG,
        ..options()
    })
    .await;
    server.send([PREFACE, &EMPTY_SETTINGS].concat()).await;
}

// The size of a head

#[tokio::test]
async fn a_head_that_is_too_large_is_refused() {
    let server = start_with(HttpOptions { max_header_bytes: 10_000, ..options() }).await;
    let within = format!("GET /livez HTTP/1.1\r\nconnection: close\r\nx: {}\r\n\r\n", "a".repeat(9_000));
    assert!(server.send(within).await.starts_with("HTTP/1.1 200 OK\r\n"));
    // Exactly as much as the server reads: what it leaves unread would reset the connection.
    for start in ["GET /livez HTTP/1.1\r\nx: ", "GET /"] {
        let endless = format!("{start}{}", "a".repeat(10_000 - start.len()));
        let answer = server.send(endless).await;
        assert!(answer.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"), "{answer}");
    }
}

#[tokio::test]
async fn too_many_header_fields_are_refused() {
    let server = start_with(HttpOptions { max_headers: 10, ..options() }).await;
    let head = |fields: usize| format!("GET /livez HTTP/1.1\r\nconnection: close\r\n{}\r\n", "x: y\r\n".repeat(fields));
    assert!(server.send(head(9)).await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(server.send(head(10)).await.starts_with("HTTP/1.1 431 Request Header Fields Too Large\r\n"));
}

#[tokio::test]
async fn an_http_2_head_that_is_too_large_is_refused() {
    let server = start_with(HttpOptions { max_header_bytes: 10_000, ..options() }).await;
    let (mut sender, _connection) = server.http2_connection().await;
    let with = |size: usize| {
        let mut request = request2("GET", "/livez");
        request.headers_mut().insert("x", "a".repeat(size).parse().unwrap());
        request
    };
    assert_eq!(reply(&mut sender, with(9_000)).await.status, StatusCode::OK);
    assert_eq!(reply(&mut sender, with(10_000)).await.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    assert_eq!(reply(&mut sender, with(1)).await.status, StatusCode::OK);
}

// The size of a body, and the time it may take

const BODY: usize = 1000;

fn too_large() -> serde_json::Value {
    json!({
        "name": "PayloadTooLarge", "message": "The body is larger than 1000 bytes", "code": 413,
        "className": "payload-too-large"
    })
}

fn post(uri: &str, size: usize) -> Request<Full<Bytes>> {
    request("POST", uri).map(|_| Full::from(vec![b'a'; size]))
}

#[tokio::test]
async fn a_body_that_is_declared_too_large_is_refused_before_it_is_sent() {
    let server = start_with(HttpOptions { max_body_bytes: BODY, ..options() }).await;
    let answer = server.send("POST /healthcheck HTTP/1.1\r\nhost: x\r\ncontent-length: 1001\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    assert!(answer.ends_with(&too_large().to_string()), "{answer}");
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused_once_it_is_too_large() {
    let server = start_with(HttpOptions { max_body_bytes: BODY, ..options() }).await;
    let chunk = "a".repeat(BODY + 1);
    let request =
        format!("POST /healthcheck HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3e9\r\n{chunk}\r\n");
    let answer = server.send(request).await;
    assert!(answer.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{answer}");
}

#[tokio::test]
async fn a_body_as_large_as_may_be_is_taken() {
    let server = start_with(HttpOptions { max_body_bytes: BODY, ..options() }).await;
    assert_eq!(server.http1(post("/healthcheck", BODY)).await.status, StatusCode::OK);
    assert_eq!(server.http2(post("http://x/healthcheck", BODY)).await.status, StatusCode::OK);
    let refused = server.http2(post("http://x/healthcheck", BODY + 1)).await;
    assert_eq!((refused.status, refused.json()), (StatusCode::PAYLOAD_TOO_LARGE, too_large()));
    assert_eq!(refused.header("connection"), None);
}

#[tokio::test]
async fn a_body_that_takes_too_long_is_refused() {
    let server = start_with(HttpOptions { request_timeout: SHORT, ..options() }).await;
    let answer = server.send("POST /healthcheck HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nbo").await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    let body = json!({
        "name": "Timeout", "message": "The request took longer than 500ms", "code": 408, "className": "timeout"
    });
    assert!(answer.ends_with(&body.to_string()), "{answer}");
}

#[tokio::test]
async fn a_malformed_body_is_refused() {
    let server = start().await;
    let answer =
        server.send("POST /healthcheck HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.contains(r#""message":"The body cannot be read: "#), "{answer}");
}

// The number of connections and of requests on one of them

#[tokio::test]
async fn a_connection_too_many_waits_for_another_to_close() {
    let server = start_with(HttpOptions { max_connections: 2, ..options() }).await;
    let mut first = server.connect().await;
    let mut second = server.connect().await;
    ask(&mut first, "/livez", "ok").await;
    ask(&mut second, "/livez", "ok").await;

    let mut third = server.connect().await;
    third.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let unanswered = tokio::time::timeout(SHORT, third.read_u8()).await;
    assert!(unanswered.is_err(), "{unanswered:?}");
    ask(&mut first, "/livez", "ok").await;

    drop(second);
    assert!(read_until(&mut third, "ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn however_a_connection_ends_another_can_take_its_place() {
    let server = start_with(HttpOptions {
        max_connections: 1,
        header_timeout: SHORT,
        request_timeout: SHORT,
        max_body_bytes: BODY,
        ..options()
    })
    .await;
    for _ in 0..10 {
        drop(server.connect().await);
        let reset = server.connect().await;
        reset.set_zero_linger().unwrap();
        drop(reset);
    }
    server.send("").await;
    server.send("PRI * HT").await;
    server.send("nonsense\r\n\r\n").await;
    server.send("POST /healthcheck HTTP/1.1\r\ncontent-length: 4\r\n\r\n").await;
    server.send("POST /healthcheck HTTP/1.1\r\ncontent-length: 4000\r\n\r\n").await;
    server.clock_fails.store(true, std::sync::atomic::Ordering::SeqCst);
    server.send("GET /api/tasks HTTP/1.1\r\nconnection: close\r\n\r\n").await;
    assert_eq!(server.client().get("/livez").await.unwrap().body, "ok");
}

#[tokio::test]
async fn an_http_2_client_is_told_how_many_requests_may_be_in_progress() {
    let server = start_with(HttpOptions { max_concurrent_streams: 7, ..options() }).await;
    let mut stream = server.connect().await;
    stream.write_all(&[PREFACE, &EMPTY_SETTINGS].concat()).await.unwrap();
    // The server's settings: a frame's head of nine bytes, then six for each setting, its number and its value.
    let mut head = [0; 9];
    soon(stream.read_exact(&mut head)).await.unwrap();
    let mut settings = vec![0; usize::from(head[2])];
    soon(stream.read_exact(&mut settings)).await.unwrap();
    assert!(settings.chunks(6).any(|setting| setting == [0, 3, 0, 0, 0, 7]), "{settings:?}");
}
