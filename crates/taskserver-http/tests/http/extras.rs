//! What surrounds the answers: origins, compression, ids of requests.

use std::io::Read;

use flate2::read::GzDecoder;
use hyper::StatusCode;
use serde_json::json;
use taskserver_http::HttpOptions;

use crate::platform::{app, authenticator, call, jwt_verifier, platform_options, start_platform};
use crate::support::{options, request, start, start_app, start_with};

const PAGE: &str = "https://ir.example.com";

// Origins

#[tokio::test]
async fn pages_of_other_origins_may_read_nothing_unless_they_are_allowed() {
    let server = start().await;
    let mut get = request("GET", "/livez");
    get.headers_mut().insert("origin", PAGE.parse().unwrap());
    let reply = server.http1(get.clone()).await;
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), (None, None));

    let server = start_with(HttpOptions { cors_origins: vec![PAGE.into()], ..options() }).await;
    let reply = server.http1(get.clone()).await;
    assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), (Some(PAGE), Some("origin")));
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    for other in ["https://ir.example.com.evil.example", "http://ir.example.com", "null"] {
        get.headers_mut().insert("origin", other.parse().unwrap());
        let reply = server.http1(get.clone()).await;
        assert_eq!((reply.header("access-control-allow-origin"), reply.header("vary")), (None, Some("origin")));
    }

    let server = start_with(HttpOptions { cors_origins: vec!["*".into()], ..options() }).await;
    assert_eq!(server.http1(get).await.header("access-control-allow-origin"), Some("null"));
}

#[tokio::test]
async fn an_allowed_page_may_ask_beforehand_what_it_may_do() {
    let options = HttpOptions { cors_origins: vec![PAGE.into()], ..platform_options() };
    let server = start_app(options, app(), authenticator(jwt_verifier()).await).await;
    let mut preflight = request("OPTIONS", "/analytics");
    preflight.headers_mut().insert("origin", PAGE.parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
    let reply = server.http1(preflight.clone()).await;
    assert_eq!((reply.status, &*reply.body), (StatusCode::NO_CONTENT, ""));
    assert_eq!(reply.header("access-control-allow-origin"), Some(PAGE));
    assert_eq!(reply.header("access-control-allow-methods"), Some("GET, HEAD, POST, PUT, PATCH, DELETE"));
    assert!(reply.header("access-control-allow-headers").unwrap().contains("authorization, content-type"));

    preflight.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
    let reply = server.http1(preflight).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::UNAUTHORIZED, None));
    // The refusal of a page's own request can be read by it.
    let mut get = request("GET", "/analytics");
    get.headers_mut().insert("origin", PAGE.parse().unwrap());
    let reply = server.http1(get).await;
    assert_eq!((reply.status, reply.header("access-control-allow-origin")), (StatusCode::UNAUTHORIZED, Some(PAGE)));
}

// Compression

#[tokio::test]
async fn larger_answers_are_compressed_for_clients_that_take_it() {
    let server = start_platform().await;
    for number in 0..20 {
        let record = json!({"id": number.to_string(), "type": "instanceUsers"});
        server.app.service("analytics").create(record).await.unwrap();
    }
    let plain = server.ask("GET", "/analytics?$limit=20", None).await;
    assert_eq!((plain.header("content-encoding"), plain.header("vary")), (None, Some("accept-encoding")));

    let mut get = call("GET", "/analytics?$limit=20", "admin-key", None);
    get.headers_mut().insert("accept-encoding", "br, gzip".parse().unwrap());
    let (head, body) = server.http1_bytes(get.clone()).await;
    assert_eq!(head.headers["content-encoding"], "gzip");
    assert_eq!(head.headers["content-length"], body.len().to_string());
    assert!(body.len() * 3 < plain.body.len());
    let mut unpacked = String::new();
    GzDecoder::new(&*body).read_to_string(&mut unpacked).unwrap();
    assert_eq!(unpacked, plain.body);

    *get.uri_mut() = "/analytics?$limit=1".parse().unwrap();
    let small = server.http1(get).await;
    assert_eq!((small.header("content-encoding"), small.header("vary")), (None, None));
}

// Ids of requests

#[tokio::test]
async fn every_answer_has_the_id_of_its_request() {
    let server = start().await;
    let id = async |own: Option<&str>| {
        let mut request = request("GET", "/nope");
        if let Some(own) = own {
            request.headers_mut().insert("x-request-id", own.parse().unwrap());
        }
        server.http1(request).await.header("x-request-id").unwrap().to_owned()
    };
    assert_eq!(id(Some("a-B_3.x:9")).await, "a-B_3.x:9");
    assert_eq!(id(Some(&"a".repeat(64))).await.len(), 64);
    assert_ne!(id(None).await, id(None).await);
    for unfit in ["", "a b", "a\tb", "{}", "\"", &"a".repeat(65)] {
        let new = id(Some(unfit)).await;
        assert_eq!((new.len(), new.matches('-').count()), (36, 4), "{unfit:?}: {new}");
    }
}
