//! Traces and logs for an OpenTelemetry collector; and a collector that is away.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::logs::v1::LogRecord;
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use prost::Message;
use serde_json::json;
use taskserver_tests::http::{Request, Sink};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::{Backend, TestDatabase};
use tempfile::tempdir;

use crate::events::kubeconfig;
use crate::support::{CYCLE, PATIENCE, Server, free_port, taskserver, text};

/// How long a server may take to end, whatever its collector does: the flush is bounded by 3 seconds.
const PROMPTLY: Duration = Duration::from_secs(10);

/// Attributes by their names, as texts.
type Attributes = BTreeMap<String, String>;

fn attributes(of: &[KeyValue]) -> Attributes {
    of.iter().map(|it| (it.key.clone(), it.value.as_ref().map(shown).unwrap_or_default())).collect()
}

fn shown(value: &AnyValue) -> String {
    match &value.value {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// What a collector was sent, by its path.
fn sent<M: Message + Default>(collector: &Sink, path: &str) -> Vec<M> {
    let line = format!("POST {path}");
    let requests = collector.requests();
    requests.iter().filter(|it| it.line == line).map(|it| M::decode(&*it.bytes).unwrap()).collect()
}

fn spans(collector: &Sink) -> Vec<Span> {
    let requests: Vec<ExportTraceServiceRequest> = sent(collector, "/v1/traces");
    let resources = requests.into_iter().flat_map(|it| it.resource_spans);
    resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
}

fn records(collector: &Sink) -> Vec<LogRecord> {
    let requests: Vec<ExportLogsServiceRequest> = sent(collector, "/v1/logs");
    let resources = requests.into_iter().flat_map(|it| it.resource_logs);
    resources.flat_map(|it| it.scope_logs).flat_map(|it| it.log_records).collect()
}

/// Waits for what `find` finds.
#[track_caller]
fn wait_for<T>(what: &str, mut find: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = find() {
            return found;
        }
        assert!(Instant::now() < deadline, "there is no {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[track_caller]
fn wait_for_span(collector: &Sink, name: &str, is_it: impl Fn(&Span) -> bool) -> (Span, Attributes) {
    let span = wait_for(name, || spans(collector).into_iter().find(|span| span.name == name && is_it(span)));
    let of_it = attributes(&span.attributes);
    (span, of_it)
}

/// Has a server export to a collector, without waiting for a batch to be full.
fn export_to(command: &mut Command, endpoint: &str) {
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_BSP_SCHEDULE_DELAY", "100")
        .env("OTEL_BLRP_SCHEDULE_DELAY", "100");
}

/// Starts a server that keeps the events of a cluster and exports to a collector.
fn server(folder: &Path, cluster: &ApiServer, database: &TestDatabase, collector: &Sink) -> Server {
    let kubeconfig = kubeconfig(folder, cluster);
    let url = format!("database.url={}", database.url());
    let arguments = ["--set", &url, "--set", "database.create_platform_tables=true"];
    Server::start_with(folder, &arguments, |command| {
        export_to(command, &collector.url());
        command
            .env("KUBECONFIG", &kubeconfig)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20hunter2")
            .env("OTEL_RESOURCE_ATTRIBUTES", "service.name=tasks,deployment.environment.name=test");
    })
}

/// An event of a pod.
fn happen(cluster: &ApiServer, name: &str, message: &str) {
    let event = json!({
        "metadata": {"name": name}, "type": "Warning", "reason": "BackOff", "message": message, "count": 4,
        "lastTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "source": {"component": "kubelet", "host": "node-1"},
        "involvedObject": {"kind": "Pod", "apiVersion": "v1", "namespace": "ir-engine", "name": "api", "uid": "pod-1"}
    });
    cluster.create(Resource::Events, "ir-engine", event);
}

async fn work_is_traced_and_events_are_exported(backend: Backend, system: &str) {
    let Some(database) = backend.database() else { return };
    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    let (collector, chat) = (Sink::start(), Sink::start());
    let rules = format!(
        r#"
        [alerts.rules.test]
        expression = "event.reason == 'BackOff'"
        [alerts.receivers.chat]
        kind = "webhook"
        url = "{}/hunter2"
        "#,
        chat.url()
    );
    std::fs::write(folder.path().join("taskserver.toml"), rules).unwrap();
    let mut server = server(folder.path(), &cluster, &database, &collector);
    server.wait_for(CYCLE);
    happen(&cluster, "back-off", "Back-off restarting failed container");

    // A run, and what it asks of the database.
    let (run, of_run) = wait_for_span(&collector, "run analytics", |_| true);
    assert_eq!(of_run["taskserver.task"], "analytics");
    assert_eq!(of_run["taskserver.run.trigger"], "start");
    assert_eq!(of_run["taskserver.run.outcome"], "succeeded");
    let is_part = |span: &Span| span.trace_id == run.trace_id && span.parent_span_id == run.span_id;
    let (query, of_query) = wait_for_span(&collector, "INSERT analytics", is_part);
    assert_eq!(query.kind, SpanKind::Client as i32);
    assert_eq!(of_query["db.system.name"], system);
    assert_eq!(of_query["db.query.summary"], "INSERT analytics");
    assert!(!of_query.contains_key("db.query.text"), "{of_query:?}");
    let is_root = |span: &&Span| span.parent_span_id.is_empty() && span.kind == SpanKind::Client as i32;
    assert_eq!(spans(&collector).iter().find(is_root), None, "a query that is part of no work");

    // A request, as a part of its sender's trace.
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let url = format!("http://127.0.0.1:{}/api/tasks/analytics?token=hunter2", server.port);
    let asked = Command::new("curl").args(["-sf", "-H", &format!("traceparent: {parent}"), &url]).output().unwrap();
    assert!(asked.status.success(), "{}", text(&asked.stderr));
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let is_sent = |span: &Span| hex(&span.trace_id) == parent[3..35] && hex(&span.parent_span_id) == parent[36..52];
    let (request, of_request) = wait_for_span(&collector, "GET /api/tasks/{name}", is_sent);
    assert_eq!(request.kind, SpanKind::Server as i32);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/api/tasks/{name}"),
        ("http.response.status_code", "200"),
        ("url.path", "/api/tasks/analytics"),
        ("url.scheme", "http"),
        ("client.address", "127.0.0.1"),
    ] {
        assert_eq!(of_request.get(name).map(String::as_str), Some(value), "{name}");
    }

    // A delivery, and the request that it makes.
    let (delivery, of_delivery) = wait_for_span(&collector, "deliver to chat", |_| true);
    assert_eq!(of_delivery["taskserver.delivery.receiver"], "chat");
    let (post, of_post) = wait_for_span(&collector, "POST", |span| span.parent_span_id == delivery.span_id);
    assert_eq!(post.kind, SpanKind::Client as i32);
    assert_eq!(of_post["http.response.status_code"], "200");
    wait_for_span(&collector, "store events", |_| true);

    // An event, by the conventions; and not once more as a line of the log.
    let is_event = |record: &LogRecord| record.event_name == "k8s.event";
    let event = wait_for("event", || records(&collector).into_iter().find(is_event));
    assert_eq!(event.body.as_ref().map(shown).unwrap(), "Back-off restarting failed container");
    assert_eq!((event.severity_number, &*event.severity_text), (13, "Warning"));
    let mut of_event = attributes(&event.attributes);
    assert_eq!(of_event.remove("k8s.event.uid").map(|uid| uid.is_empty()), Some(false));
    let expected = [
        ("k8s.cluster.name", "default"),
        ("k8s.event.count", "4"),
        ("k8s.event.name", "back-off"),
        ("k8s.event.reason", "BackOff"),
        ("k8s.event.reporting_controller", "kubelet"),
        ("k8s.namespace.name", "ir-engine"),
        ("k8s.node.name", "node-1"),
        ("k8s.object.api_version", "v1"),
        ("k8s.object.kind", "Pod"),
        ("k8s.object.name", "api"),
        ("k8s.object.uid", "pod-1"),
        ("k8s.pod.name", "api"),
        ("k8s.pod.uid", "pod-1"),
    ];
    assert_eq!(of_event, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let bodies = || records(&collector).into_iter().filter_map(|it| it.body.as_ref().map(shown)).collect::<Vec<_>>();
    wait_for("line", || bodies().contains(&"Task server running.".to_owned()).then_some(()));
    assert!(!bodies().iter().any(|body| body.starts_with("K8s Event:")), "{:?}", bodies());

    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    wait_for("last line", || bodies().contains(&"Task server stopped.".to_owned()).then_some(()));
    assert_eq!(database.query(r#"SELECT COUNT(*) FROM "k8s-event-export""#), [["0"]]);
    let traces: Vec<ExportTraceServiceRequest> = sent(&collector, "/v1/traces");
    let resource = attributes(&traces[0].resource_spans[0].resource.as_ref().unwrap().attributes);
    assert_eq!((&*resource["service.name"], &*resource["deployment.environment.name"]), ("tasks", "test"));
    let is_allowed = |it: &Request| it.header("authorization") == Some("Bearer hunter2");
    assert!(collector.requests().iter().all(is_allowed));
    let everything: String = collector.requests().into_iter().map(|it| it.body).collect();
    assert!(!everything.contains("hunter2") && !server.log().contains("hunter2"));
    assert!(
        !spans(&collector)
            .iter()
            .any(|span| { span.status.as_ref().is_some_and(|status| status.code == StatusCode::Error as i32) })
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    work_is_traced_and_events_are_exported(Backend::Sqlite, "sqlite").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    work_is_traced_and_events_are_exported(Backend::Postgres, "postgresql").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    work_is_traced_and_events_are_exported(Backend::MariaDb, "mysql").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_collector_did_not_take_is_exported_later_also_by_another_process() {
    let database = Backend::Sqlite.database().unwrap();
    let (folder, cluster, collector) = (tempdir().unwrap(), ApiServer::start().await, Sink::start());
    collector.answer("503 Service Unavailable", "", "");
    let mut first = server(folder.path(), &cluster, &database, &collector);
    first.wait_for("Task server listening");
    happen(&cluster, "first", "one");
    let waiting = || database.query(r#"SELECT COUNT(*) FROM "k8s-event-export""#) == [["1"]];
    wait_for("event to export", || waiting().then_some(()));
    let line = first.wait_for("the collector at");
    assert!(line.contains("it answers 503 Service Unavailable"), "{line}");
    first.kill();

    collector.answer("200 OK", "", "");
    let before = collector.requests().len();
    let mut second = server(folder.path(), &cluster, &database, &collector);
    second.wait_for("Task server listening");
    happen(&cluster, "second", "two");
    let exported = || {
        let mut names: Vec<String> = records(&collector)
            .iter()
            .filter(|it| it.event_name == "k8s.event")
            .filter_map(|it| it.body.as_ref().map(shown))
            .collect();
        names.sort();
        names.dedup();
        names
    };
    wait_for("both events", || (exported() == ["one", "two"]).then_some(()));
    assert!(collector.requests().len() > before);
    wait_for("end of the export", || {
        (database.query(r#"SELECT COUNT(*) FROM "k8s-event-export""#) == [["0"]]).then_some(())
    });

    // What is wrong with one event is not wrong with the next.
    collector.answer("400 Bad Request", "", "");
    happen(&cluster, "third", "three");
    let line = second.wait_for("an event was not exported: it is not taken");
    assert!(line.contains("third"), "{line}");
    collector.answer("200 OK", "", "");
    happen(&cluster, "fourth", "four");
    wait_for("the next event", || exported().contains(&"four".to_owned()).then_some(()));
    second.signal("TERM");
    assert_eq!(second.end().code(), Some(0));
}

#[test]
fn a_collector_that_is_away_makes_no_difference() {
    let refusing = format!("http://127.0.0.1:{}", free_port());
    // The system accepts its connections; nobody answers.
    let hanging = TcpListener::bind("127.0.0.1:0").unwrap();
    let hanging = (format!("http://{}", hanging.local_addr().unwrap()), hanging);
    for (endpoint, trouble) in
        [(None, None), (Some(&refusing), Some("Connection refused")), (Some(&hanging.0), Some("no answer within 1s"))]
    {
        let folder = tempdir().unwrap();
        let mut server = Server::start_with(folder.path(), &["--set", "tasks.analytics.every=1s"], |command| {
            if let Some(endpoint) = endpoint {
                export_to(command, endpoint);
                command.env("OTEL_EXPORTER_OTLP_TIMEOUT", "1000");
            }
        });
        for _ in 0..4 {
            let line = server.wait_for(CYCLE);
            assert!(line.contains("run succeeded"), "{endpoint:?} {line}");
        }
        assert_eq!(server.get("/readyz").0, 200, "{endpoint:?}");
        if let Some(trouble) = trouble {
            let is_told = |log: &str, signal: &str| {
                log.lines()
                    .filter(|line| line.contains(&format!("does not take {signal}")) && line.contains(trouble))
                    .count()
            };
            wait_for(trouble, || {
                let log = server.log();
                (is_told(&log, "traces") == 1 && is_told(&log, "logs") == 1).then_some(())
            });
        }
        let since = Instant::now();
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(0), "{endpoint:?}");
        assert!(since.elapsed() < PROMPTLY, "{endpoint:?}: {:?}", since.elapsed());
        let log = server.log();
        assert!(log.contains("Task server stopped.") && !log.contains("\"level\":\"ERROR\""), "{log}");
    }
}

#[test]
fn a_task_that_is_run_once_is_exported_and_what_cannot_be_had_is_said() {
    let (folder, collector) = (tempdir().unwrap(), Sink::start());
    let run = |protocol: &str| {
        let mut command = taskserver(folder.path(), &["tasks", "run", "analytics"]);
        export_to(&mut command, &collector.url());
        let output = command.env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol).output().unwrap();
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stderr)
    };
    let log = run("grpc");
    for signal in ["traces", "logs"] {
        let expected = format!(
            "OpenTelemetry: no {signal} are exported: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and this server speaks \
             http/protobuf alone"
        );
        assert!(log.contains(&expected), "{log}");
    }
    assert_eq!(collector.requests(), []);
    run("http/protobuf");
    let (_, of_run) = wait_for_span(&collector, "run analytics", |_| true);
    assert_eq!(of_run["taskserver.run.outcome"], "succeeded");
}
