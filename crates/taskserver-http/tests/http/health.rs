use std::time::Duration;

use hyper::StatusCode;
use taskserver_core::Health;

use crate::support::{Running, request, start};

#[tokio::test]
async fn the_platforms_health_check_takes_any_method() {
    let server = start().await;
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let reply = server.http1(request(method, "/healthcheck?probe=1")).await;
        assert_eq!(reply.status, StatusCode::OK);
        assert_eq!(reply.header("content-type"), Some("application/json; charset=utf-8"));
        let body = reply.json();
        assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["uptime"]);
        assert!(body["uptime"].is_f64() && body["uptime"].as_f64() > Some(0.0), "{body}");
    }
}

#[tokio::test]
async fn the_platforms_health_check_has_one_exact_path() {
    let server = start().await;
    for path in ["/healthcheck/", "//healthcheck", "/Healthcheck", "/healthcheck%20", "/api/healthcheck"] {
        assert_eq!(server.http1(request("GET", path)).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn a_passing_probe_answers_ok() {
    let server = start().await;
    server.app.health().register("database", true).report(Health::Ready);
    for path in ["/livez", "/readyz"] {
        let reply = server.http1(request("GET", path)).await;
        assert_eq!((reply.status, &*reply.body), (StatusCode::OK, "ok"));
        assert_eq!(reply.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_verbose_probe_answers_with_a_line_per_check() {
    let server = start().await;
    let health = server.app.health();
    health.register("database", true).report(Health::Ready);
    health.register("redis", false).report(Health::Down("connection refused".into()));
    health.register("kubernetes", true).report(Health::Disabled("not in a cluster".into()));
    health.register("analytics", true).report(Health::Degraded("no table `channel`".into()));
    assert_eq!(
        body(&server, "/readyz?verbose", 200).await,
        "[+]shutdown ok\n\
         [+]database ok\n\
         [-]redis failed (not required): connection refused\n\
         [+]kubernetes ok (disabled: not in a cluster)\n\
         [+]analytics ok (degraded: no table `channel`)\n\
         readyz check passed\n"
    );
    assert_eq!(body(&server, "/readyz", 200).await, "ok");
    assert_eq!(body(&server, "/livez?verbose", 200).await, "[+]ping ok\nlivez check passed\n");
}

#[tokio::test]
async fn a_probe_fails_with_the_reason_only_when_asked_for_it() {
    let server = start().await;
    server.app.health().register("database", true).report(Health::Down("no route to 10.0.0.7".into()));
    let _tasks = server.app.health().register("tasks", true);
    assert_eq!(
        body(&server, "/readyz", 503).await,
        "[+]shutdown ok\n[-]database failed: reason withheld\n[-]tasks failed: reason withheld\nreadyz check failed\n"
    );
    assert_eq!(
        body(&server, "/readyz?verbose", 503).await,
        "[+]shutdown ok\n[-]database failed: no route to 10.0.0.7\n[-]tasks failed: it has not reported yet\n\
         readyz check failed\n"
    );
    assert_eq!(body(&server, "/livez", 200).await, "ok");
}

#[tokio::test]
async fn an_excluded_check_does_not_count() {
    let server = start().await;
    server.app.health().register("database", true).report(Health::Down("refused".into()));
    assert_eq!(body(&server, "/readyz?exclude=database", 200).await, "ok");
    assert_eq!(
        body(&server, "/readyz?verbose&exclude=data%62ase&exclude=cache&exclude=a%22b", 200).await,
        "[+]shutdown ok\n\
         [+]database excluded: ok\n\
         warn: some health checks cannot be excluded: no matches for \"a\\\"b\",\"cache\"\n\
         readyz check passed\n"
    );
}

#[tokio::test]
async fn a_reason_with_several_lines_stays_on_its_own() {
    let server = start().await;
    server.app.health().register("database", true).report(Health::Down("refused\n[+]database ok\r\n".into()));
    assert_eq!(
        body(&server, "/readyz?verbose", 503).await,
        "[+]shutdown ok\n[-]database failed: refused [+]database ok  \nreadyz check failed\n"
    );
}

#[tokio::test]
async fn a_component_that_recovers_makes_the_server_ready_again() {
    let server = start().await;
    let database = server.app.health().register("database", true);
    assert!(!server.client().get("/readyz").await.unwrap().is_success());
    database.report(Health::Ready);
    assert!(server.client().get("/readyz").await.unwrap().is_success());
}

#[tokio::test]
async fn a_server_that_is_shutting_down_is_alive_but_not_ready() {
    let server = start().await;
    server.app.stop(Duration::from_secs(1)).await;
    assert_eq!(
        body(&server, "/readyz?verbose", 503).await,
        "[-]shutdown failed: the server is shutting down\nreadyz check failed\n"
    );
    assert_eq!(body(&server, "/livez", 200).await, "ok");
}

async fn body(server: &Running, path: &str, status: u16) -> String {
    let reply = server.http1(request("GET", path)).await;
    assert_eq!(reply.status, status, "{}", reply.body);
    reply.body
}
