//! What an operator sets of the HTTP surface: ports, permissions, pages of records, limits, and what is seen of it all.

use std::process::Command;

use serde_json::json;
use tempfile::tempdir;

use crate::rest::{AUTHORIZED, TOKEN, ask};
use crate::support::{CYCLE, Server, free_port, get, run, text};

/// The token `hunter3`, by its hash.
const OTHER: &str = "fb8c2e2b85ca81eb4350199faddd983cb26af3064614e737ea9f479621cfa57a";

fn set<'a>(settings: &[&'a str]) -> Vec<&'a str> {
    settings.iter().flat_map(|setting| ["--set", setting]).collect()
}

#[test]
fn what_is_for_operators_can_have_a_port_of_its_own() {
    let folder = tempdir().unwrap();
    let admin_port = free_port();
    let admin = format!("http.admin_port={admin_port}");
    let mut server = Server::start(folder.path(), &set(&[TOKEN, &admin]));
    server.wait_for(&format!("Metrics, tasks and pages are answered on port {admin_port}"));
    for (path, of_services, of_administration) in [
        ("/healthcheck", 200, 200),
        ("/readyz", 200, 200),
        ("/metrics", 404, 200),
        ("/api/tasks", 404, 200),
        ("/api/status", 404, 200),
        ("/api/tasks/analytics", 404, 200),
        ("/openapi.json", 200, 404),
        ("/analytics", 401, 404),
        ("/api/events", 401, 404),
    ] {
        assert_eq!((server.get(path).0, get(admin_port, path).0), (of_services, of_administration), "{path}");
    }
    let port = format!("http.port={}", server.port);
    for command in ["tasks", "status"] {
        let output = run(folder.path(), &[&[command][..], &set(&["http.host=127.0.0.1", &port, &admin])].concat());
        assert!(text(&output.stdout).contains("analytics-maintenance"), "{output:?}");
    }
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn metrics_and_pages_can_be_for_administrators_only() {
    let folder = tempdir().unwrap();
    let settings = set(&[TOKEN, "http.protect_metrics=true", "http.protect_pages=true"]);
    let mut server = Server::start(folder.path(), &settings);
    server.wait_for("Task server listening");
    for path in ["/metrics", "/api/tasks", "/api/tasks/analytics", "/api/status", "/openapi.json"] {
        assert_eq!(server.get(path).0, 401, "{path}");
    }
    assert_eq!(server.get("/readyz").0, 200);
    let (status, tasks) = ask(&server, &AUTHORIZED, "/api/tasks");
    assert!(status == 200 && tasks["tasks"].is_array(), "{tasks}");

    let port = format!("http.port={}", server.port);
    let list = |token: &[&str]| {
        let arguments = [&["tasks"][..], &set(&["http.host=127.0.0.1", &port]), token].concat();
        let output = run(folder.path(), &arguments);
        (output.status.code(), text(&output.stdout).contains("analytics-maintenance"))
    };
    assert_eq!((list(&[]), list(&["--token", "hunter2"])), ((Some(1), false), (Some(0), true)));
    assert_eq!((list(&["--json"]).0, list(&["--json", "--token", "hunter2"])), (Some(1), (Some(0), true)));
}

#[test]
fn a_service_offers_what_it_is_said_to_offer_to_whom_it_is_said_to() {
    let folder = tempdir().unwrap();
    let settings = set(&[
        TOKEN,
        "authentication.tokens.operator.scopes=location:read, admin:admin",
        "http.services.location.scope=location:read",
        "http.services.location.scopes.get=location:admin",
        "http.services.user.methods=get",
        "http.services.channel.methods=",
    ]);
    let mut server = Server::start(folder.path(), &settings);
    server.wait_for("Task server listening");
    for (path, status) in [
        ("/location", 200),
        ("/location/1", 403),
        ("/user", 405),
        ("/user/1", 404),
        ("/channel", 405),
        ("/channel/1", 405),
        ("/instance", 200),
    ] {
        assert_eq!(ask(&server, &AUTHORIZED, path).0, status, "{path}");
    }
    let (_, description) = ask(&server, &AUTHORIZED, "/openapi.json");
    let paths = &description["paths"];
    assert!(paths["/user"].is_null() && paths["/user/{id}"].is_object() && paths["/channel"].is_null(), "{paths}");
    let get = paths["/location/{id}"]["get"]["description"].as_str().unwrap();
    assert_eq!(get, "Needs the scope `location:admin`.");
}

#[test]
fn permissions_of_what_is_not_there_are_mistakes() {
    let folder = tempdir().unwrap();
    let settings = set(&[
        "http.services.analitics.scope=a:b",
        "http.services.user.methods=get, create",
        "redis.enabled=true",
        "redis.publish=analytics, usr",
    ]);
    let output = run(folder.path(), &[&["config", "--check"][..], &settings].concat());
    assert_eq!(output.status.code(), Some(2));
    let report = text(&output.stderr);
    let (_, there_are) = report.lines().nth(1).unwrap().split_once("; there are ").unwrap();
    assert!(there_are.contains("analytics, analytics-rollup, channel, "), "{there_are}");
    assert_eq!(
        report,
        format!(
            "Error: the configuration is impossible:
  - `http.services.analitics`: there is no such service; there are {there_are}
  - `http.services.user`: the service has no method `create`; it has find, get
  - `redis.publish`: there is no service `usr`; there are {there_are}
"
        )
    );
}

#[test]
fn a_service_that_is_off_may_have_permissions_and_they_are_checked() {
    let folder = tempdir().unwrap();
    let check = |settings: &[&str]| run(folder.path(), &[&["config", "--check"][..], &set(settings)].concat());
    let off = "kubernetes.events.enabled=false";
    let fine = check(&[off, "http.services.k8s-event.scope=event:read", "http.services.k8s-event-gap.methods=find"]);
    assert_eq!(fine.status.code(), Some(0), "{}", text(&fine.stderr));
    let wrong = check(&[off, "http.services.k8s-event.methods=create"]);
    assert_eq!(wrong.status.code(), Some(2));
    assert_eq!(
        text(&wrong.stderr),
        "Error: the configuration is impossible:
  - `http.services.k8s-event`: the service has no method `create`; it has find, get
"
    );
    let published = check(&[off, "redis.enabled=true", "redis.publish=analytics, k8s-event"]);
    assert_eq!(published.status.code(), Some(0), "{}", text(&published.stderr));
}

#[test]
fn pages_have_the_sizes_that_are_set() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &set(&[TOKEN, "http.page_size=2", "http.max_page_size=3"]));
    server.wait_for(CYCLE);
    for (query, limit) in [("", 2), ("?$limit=1", 1), ("?$limit=100", 3)] {
        let (_, page) = ask(&server, &AUTHORIZED, &format!("/analytics{query}"));
        assert_eq!((&page["limit"], page["data"].as_array().unwrap().len()), (&json!(limit), limit), "{query}");
    }
}

#[test]
fn who_guesses_is_kept_out_by_the_address_that_a_trusted_proxy_names() {
    let folder = tempdir().unwrap();
    let settings = [
        "authentication.max_failed_attempts=1",
        "authentication.failed_attempts_window=1h",
        "http.trusted_proxies=127.0.0.1, 10.0.0.0/8",
    ];
    let mut server = Server::start(folder.path(), &set(&[&[TOKEN][..], &settings].concat()));
    server.wait_for("Task server listening");
    let from = |address: &str, token: &str| {
        let (address, token) = (format!("x-forwarded-for: {address}"), format!("authorization: Bearer {token}"));
        ask(&server, &["-H", &address, "-H", &token], "/analytics").0
    };
    assert_eq!(from("192.0.2.1", "guess"), 401);
    assert_eq!(from("192.0.2.1", "hunter2"), 429);
    assert_eq!(from("192.0.2.2", "hunter2"), 200);
    assert_eq!(from("192.0.2.1, 10.0.0.7", "hunter2"), 429);
}

#[test]
fn web_pages_of_the_origins_that_are_set_may_read_the_answers() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &set(&["http.cors_origins=https://ir.example.com"]));
    server.wait_for("Task server listening");
    let allowed = |origin: &str| {
        let (url, origin) = (format!("http://127.0.0.1:{}/livez", server.port), format!("origin: {origin}"));
        let output = Command::new("curl").args(["-sI", &url, "-H", &origin]).output().unwrap();
        text(&output.stdout).contains("access-control-allow-origin: https://ir.example.com")
    };
    assert!(allowed("https://ir.example.com") && !allowed("https://example.com"));
}

#[test]
fn calls_and_requests_are_logged_and_measured() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &set(&[TOKEN, "log.level=debug", "log.format=json"]));
    server.wait_for(CYCLE);
    let id = ["-H", "x-request-id: seen-by-an-operator"];
    assert_eq!(ask(&server, &[&AUTHORIZED[..], &id].concat(), "/analytics?$limit=1").0, 200);
    let line: serde_json::Value = serde_json::from_str(&server.wait_for("\"provider\":\"external\"")).unwrap();
    let call = ["service", "method", "outcome"].map(|name| line[name].as_str().unwrap());
    assert_eq!(call, ["analytics", "find", "ok"]);
    assert_eq!(line["span"]["id"], "seen-by-an-operator");
    let line: serde_json::Value = serde_json::from_str(&server.wait_for("\"message\":\"request\"")).unwrap();
    assert_eq!((&line["path"], &line["status"], &line["level"]), (&json!("/analytics"), &json!(200), &json!("DEBUG")));
    assert!(line["duration"].is_string() && line["span"]["id"] == "seen-by-an-operator", "{line}");

    assert_eq!(ask(&server, &[], "/analytics").0, 401);
    let line: serde_json::Value = serde_json::from_str(&server.wait_for("\"outcome\":\"not-authenticated\"")).unwrap();
    assert_eq!(
        (&line["service"], &line["method"], &line["provider"]),
        (&json!("analytics"), &json!("find"), &json!("external"))
    );

    let (_, metrics) = server.get("/metrics");
    for sample in [
        r#"taskserver_service_calls_total{service="analytics",method="find",provider="external",outcome="ok"} 1"#,
        r#"taskserver_service_calls_total{service="analytics",method="find",provider="external",outcome="not-authenticated"} 1"#,
        r#"taskserver_service_calls_total{service="analytics",method="create",provider="internal",outcome="ok"} 1"#,
        r#"taskserver_service_call_duration_seconds_count{service="analytics",method="find"}"#,
        r#"taskserver_http_requests_total{method="GET",route="/{service}",status="200"} 1"#,
        r#"taskserver_http_request_duration_seconds_count{route="/{service}"} 2"#,
        "taskserver_http_requests_in_flight 1",
    ] {
        assert!(metrics.lines().any(|line| line.starts_with(sample)), "{sample} in\n{metrics}");
    }
}

#[test]
fn the_description_names_what_is_asked_for_by_an_action_and_the_server_answers_it() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &set(&[TOKEN]));
    server.wait_for(CYCLE);
    let (_, description) = ask(&server, &AUTHORIZED, "/openapi.json");
    let parameters = description["paths"]["/analytics"]["get"]["parameters"].as_array().unwrap();
    let action = parameters.iter().find(|parameter| parameter["name"] == "action").unwrap();
    let actions = action["schema"]["enum"].as_array().unwrap();
    assert_eq!(actions, &[json!("dailyUsers"), json!("dailyNewUsers")]);
    for action in actions {
        let path = format!("/analytics?action={}&$limit=2", action.as_str().unwrap());
        let (status, page) = ask(&server, &AUTHORIZED, &path);
        assert_eq!((status, &page["total"], page["data"].as_array().unwrap().len()), (200, &json!(2), 2), "{page}");
    }
    assert_eq!(ask(&server, &AUTHORIZED, "/analytics?action=hourlyUsers").0, 400);
}

#[test]
fn a_token_can_be_replaced_while_the_server_runs() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("taskserver.toml");
    std::fs::write(&file, TOKEN.replace('=', " = \"") + "\"\n").unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("Task server listening");
    let with =
        |server: &Server, token: &str| ask(server, &["-H", &format!("authorization: Bearer {token}")], "/location").0;
    assert_eq!((with(&server, "hunter2"), with(&server, "hunter3")), (200, 401));
    let new = format!("authentication.tokens.operator.sha256 = \"{OTHER}\"\n");
    std::fs::write(&file, new).unwrap();
    server.signal("HUP");
    server.wait_for("in effect now: authentication.tokens.operator.sha256");
    assert_eq!((with(&server, "hunter2"), with(&server, "hunter3")), (401, 200));
}
