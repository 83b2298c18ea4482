//! Whatever bytes arrive, the server goes on.

use std::time::Duration;

use proptest::prelude::*;
use taskserver_http::HttpOptions;
use tokio::io::AsyncWriteExt;
use tokio::runtime::Runtime;

use crate::support::{Running, options, rest, start_with};

/// Begins as a client might, and goes on with noise.
fn hostile_bytes() -> impl Strategy<Value = Vec<u8>> {
    let begin = proptest::sample::select(vec![
        &b""[..],
        b"GET ",
        b"GET /readyz?",
        b"GET /api/tasks/",
        b"GET /livez HTTP/1.1\r\n",
        b"POST /healthcheck HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        // With empty settings and the beginning of a HEADERS frame.
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x20\x01\x05\0\0\0\x01",
    ]);
    let noise = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..2000),
        // The alphabet of HTTP itself reaches deeper.
        "[ -~\r\n]{0,200}( HTTP/1\\.[01]\r\n)?([a-z-]{1,20}: ?[ -~]{0,50}\r\n){0,9}\r\n".prop_map(String::into_bytes),
        "[%&=+a-f0-9]{0,99} HTTP/1\\.1\r\n\r\n".prop_map(String::into_bytes),
    ];
    (begin, noise).prop_map(|(begin, noise)| [begin, &noise].concat())
}

async fn survives(server: &Running, bytes: &[u8]) {
    let mut stream = server.connect().await;
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    rest(&mut stream).await;
    assert_eq!(server.client().get("/livez").await.unwrap().body, "ok");
}

#[test]
fn no_bytes_keep_the_server_from_answering_others() {
    let runtime = Runtime::new().unwrap();
    let server = runtime.block_on(start_with(HttpOptions {
        // One connection at a time: one that is lost is missed at once.
        max_connections: 1,
        header_timeout: Duration::from_millis(500),
        ..options()
    }));
    proptest!(ProptestConfig::with_cases(256), |(bytes in hostile_bytes())| {
        runtime.block_on(survives(&server, &bytes));
    });
    assert!(!server.serving.is_finished());
}
