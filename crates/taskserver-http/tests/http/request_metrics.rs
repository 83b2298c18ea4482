//! The requests in figures.

use hyper::StatusCode;
use taskserver_core::{CallMetrics, Metrics};
use taskserver_http::{RequestMetrics, Server};
use tokio_util::sync::CancellationToken;

use crate::platform::{app, authenticator, call, jwt_verifier};
use crate::support::{Running, options, request};

/// A server of the platform's services whose requests are measured, and the metrics.
async fn start_measured() -> (Running, Metrics) {
    let metrics = Metrics::default();
    let app = app().metrics(metrics.clone()).watch(CallMetrics::register(&metrics)).build().unwrap();
    let server = Server::bind(options()).await.unwrap();
    let server = server.authenticator(std::sync::Arc::new(authenticator(jwt_verifier()).await));
    let server = server.metrics(RequestMetrics::register(&metrics));
    let (address, end) = (server.local_addr(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(app.clone(), end.clone()));
    (Running { app, address, end, serving, clock_fails: std::sync::Arc::default() }, metrics)
}

fn samples(metrics: &Metrics, of: &str) -> Vec<String> {
    let mut samples: Vec<_> = metrics.encode().lines().map(str::to_owned).collect();
    samples.retain(|line| line.starts_with(&format!("taskserver_{of}")));
    samples.sort();
    samples
}

#[tokio::test]
async fn requests_are_counted_by_method_route_and_status_whatever_clients_make_up() {
    let (server, metrics) = start_measured().await;
    for path in ["/analytics", "/analytics/made-up", "/analytics?$limit=1", "/nope", "/nope/again", "/api/tasks/none"] {
        server.http1(request("GET", path)).await;
    }
    assert_eq!(server.http1(request("BREW", "/livez")).await.status, StatusCode::METHOD_NOT_ALLOWED);
    let counted = |method: &str, route: &str, status: u16, count: u32| {
        format!(r#"taskserver_http_requests_total{{method="{method}",route="{route}",status="{status}"}} {count}"#)
    };
    assert_eq!(
        samples(&metrics, "http_requests_total"),
        [
            counted("GET", "/api/tasks/{name}", 404, 1),
            counted("GET", "/{service}", 401, 2),
            counted("GET", "/{service}/{id}", 401, 1),
            counted("GET", "other", 404, 2),
            counted("other", "/livez", 405, 1),
        ]
    );
    assert_eq!(
        samples(&metrics, "http_request_duration_seconds_count"),
        [
            r#"taskserver_http_request_duration_seconds_count{route="/api/tasks/{name}"} 1"#,
            r#"taskserver_http_request_duration_seconds_count{route="/livez"} 1"#,
            r#"taskserver_http_request_duration_seconds_count{route="/{service}"} 2"#,
            r#"taskserver_http_request_duration_seconds_count{route="/{service}/{id}"} 1"#,
            r#"taskserver_http_request_duration_seconds_count{route="other"} 2"#,
        ]
    );
}

#[tokio::test]
async fn requests_in_progress_are_counted_until_they_are_answered() {
    let (server, metrics) = start_measured().await;
    let scrape = server.http1(request("GET", "/metrics")).await;
    assert!(scrape.body.lines().any(|line| line == "taskserver_http_requests_in_flight 1"), "{}", scrape.body);
    assert_eq!(samples(&metrics, "http_requests_in_flight"), ["taskserver_http_requests_in_flight 0"]);
}

#[tokio::test]
async fn what_is_refused_is_a_refused_call_of_its_service() {
    let (server, metrics) = start_measured().await;
    for (method, uri, token, status) in [
        ("GET", "/analytics", "unknown-key", 401),
        ("DELETE", "/location/a", "guest-key", 403),
        ("DELETE", "/analytics/a", "admin-key", 405),
        ("GET", "/location?$foo=1", "admin-key", 400),
        ("POST", "/location", "admin-key", 400),
        ("POST", "/location/a", "admin-key", 405),
        ("BREW", "/location", "unknown-key", 401),
        ("GET", "/location/a", "admin-key", 404),
    ] {
        assert_eq!(server.http1(call(method, uri, token, None)).await.status, status, "{method} {uri}");
    }
    let called = |service: &str, method: &str, outcome: &str| {
        format!(
            r#"taskserver_service_calls_total{{service="{service}",method="{method}",provider="external",outcome="{outcome}"}} 1"#
        )
    };
    assert_eq!(
        samples(&metrics, "service_calls_total"),
        [
            called("analytics", "find", "not-authenticated"),
            called("analytics", "remove", "method-not-allowed"),
            called("location", "create", "bad-request"),
            called("location", "find", "bad-request"),
            called("location", "get", "not-found"),
            called("location", "remove", "forbidden"),
        ],
        "what is no method of a service is no call of one"
    );
}
