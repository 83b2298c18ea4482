use hyper::StatusCode;
use serde_json::json;
use std::sync::atomic::Ordering;
use taskserver_http::{HttpOptions, Surface};

use crate::support::{ask, options, reply, request, request2, start, start_with};

#[tokio::test]
async fn an_unknown_path_is_answered_as_feathers_does() {
    let server = start().await;
    let reply = server.http1(request("GET", "/nope?query=1")).await;
    assert_eq!(reply.status, StatusCode::NOT_FOUND);
    assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
    assert_eq!(
        reply.json(),
        json!({ "name": "NotFound", "message": "Path /nope not found", "code": 404, "className": "not-found" })
    );
}

#[tokio::test]
async fn a_wrong_method_is_answered_with_those_that_are_right() {
    let server = start().await;
    for path in ["/livez", "/readyz", "/api/tasks", "/api/tasks/greeting"] {
        let reply = server.http1(request("POST", path)).await;
        assert_eq!(reply.status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(reply.header("allow"), Some("GET, HEAD"));
        assert_eq!(
            reply.json(),
            json!({
                "name": "MethodNotAllowed", "message": "Method `post` is not supported by this endpoint.", "code": 405,
                "className": "method-not-allowed"
            })
        );
    }
}

#[tokio::test]
async fn head_is_answered_as_get_is_but_without_a_body() {
    let server = start().await;
    for path in ["/livez", "/healthcheck", "/api/tasks/greeting", "/nope"] {
        let get = server.http1(request("GET", path)).await;
        for head in [server.http1(request("HEAD", path)).await, server.http2(request2("HEAD", path)).await] {
            assert_eq!(head.status, get.status);
            assert_eq!(head.header("content-type"), get.header("content-type"));
            assert_eq!(head.body, "");
            if path != "/healthcheck" {
                assert_eq!(head.header("content-length"), Some(&*get.body.len().to_string()));
            }
        }
    }
}

#[tokio::test]
async fn no_answer_is_stored_or_sniffed_or_framed() {
    let server = start().await;
    for path in ["/healthcheck", "/livez", "/readyz", "/api/tasks", "/nope"] {
        let reply = server.http1(request("GET", path)).await;
        assert_eq!(reply.header("cache-control"), Some("no-store"));
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("content-security-policy"), Some("default-src 'none'; frame-ancestors 'none'"));
    }
}

#[tokio::test]
async fn http_2_answers_what_http_1_does() {
    let server = start().await;
    for path in ["/livez", "/readyz?verbose", "/api/tasks/greeting", "/nope"] {
        let (one, two) = (server.http1(request("GET", path)).await, server.http2(request2("GET", path)).await);
        assert_eq!((one.status, one.body), (two.status, two.body));
    }
}

#[tokio::test]
async fn a_panic_in_a_handler_is_answered_and_leaves_its_connection_alone() {
    let server = start().await;
    let mut http1 = server.connect().await;
    let (mut http2, _connection) = server.http2_connection().await;
    server.clock_fails.store(true, Ordering::SeqCst);

    let answer = ask(&mut http1, "/api/tasks", "}").await;
    assert!(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), "{answer}");
    let body = json!({
        "name": "GeneralError", "message": "The server failed to handle the request", "code": 500,
        "className": "general-error"
    });
    assert!(answer.ends_with(&body.to_string()), "{answer}");
    assert_eq!(reply(&mut http2, request2("GET", "/api/tasks")).await.json(), body);

    server.clock_fails.store(false, Ordering::SeqCst);
    assert!(ask(&mut http1, "/livez", "ok").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(reply(&mut http2, request2("GET", "/livez")).await.body, "ok");
}

#[tokio::test]
async fn two_servers_can_each_have_a_part_of_the_surface() {
    for (surface, elsewhere, here) in [
        (Surface::Services, ["/metrics", "/api/tasks", "/api/tasks/greeting"].as_slice(), ["/openapi.json"].as_slice()),
        (Surface::Administration, &["/openapi.json", "/api/events"], &["/metrics", "/api/tasks"]),
    ] {
        let server = start_with(HttpOptions { surface, ..options() }).await;
        for path in elsewhere {
            let reply = server.http1(request("GET", path)).await;
            assert_eq!(reply.json()["message"], format!("Path {path} not found"), "{surface:?}");
        }
        for path in here.iter().chain(&["/livez", "/healthcheck"]) {
            assert_eq!(server.http1(request("GET", path)).await.status, StatusCode::OK, "{surface:?}: {path}");
        }
    }
}
