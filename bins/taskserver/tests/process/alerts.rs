//! Alerts: raised by rules from the cluster's events, and told to receivers.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};
use taskserver_tests::http::{Sink, get};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::{Backend, TestDatabase, servers};
use tempfile::tempdir;

use crate::events::kubeconfig;
use crate::support::{PATIENCE, Server, run, taskserver, text};

/// An event that happens now.
fn happen(cluster: &ApiServer, name: &str, reason: &str, count: u32) {
    let event = json!({
        "metadata": {"name": name}, "type": "Warning", "reason": reason, "message": format!("{reason} of {name}"),
        "count": count, "lastTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        "involvedObject": {"kind": "Pod", "namespace": "ir-engine", "name": name}
    });
    cluster.create(Resource::Events, "ir-engine", event);
}

fn start(folder: &Path, cluster: &ApiServer, database: &TestDatabase) -> Server {
    let kubeconfig = kubeconfig(folder, cluster);
    let url = format!("database.url={}", database.url());
    Server::start_with(folder, &["--set", &url, "--set", "database.create_platform_tables=true"], |command| {
        // Outside of a cluster.
        command.env("KUBECONFIG", &kubeconfig);
    })
}

fn configure(folder: &Path, text: &str) {
    std::fs::write(folder.join("taskserver.toml"), text).unwrap();
}

/// The ids and the texts of the webhook's requests.
fn told(sink: &Sink) -> Vec<(String, String)> {
    let text = |body: &str| serde_json::from_str::<Value>(body).unwrap()["text"].as_str().unwrap().to_owned();
    let requests = sink.requests();
    requests.iter().map(|it| (it.header("webhook-id").unwrap().to_owned(), text(&it.body))).collect()
}

async fn a_receiver_that_is_down_is_told_once_it_is_back_also_by_another_process(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let Some(alertmanager) = servers::alertmanager::start() else { return };
    let (folder, cluster, sink) = (tempdir().unwrap(), ApiServer::start().await, Sink::start());
    sink.answer("503 Service Unavailable", "", "");
    std::fs::write(folder.path().join("authorization"), "Bearer hunter2\n").unwrap();
    configure(
        folder.path(),
        &format!(
            r#"
            alerts.retry_backoff = "100ms"
            alerts.retry_backoff_max = "200ms"
            [alerts.rules.test]
            expression = "event.reason == 'Test'"
            min_count = 3
            resolve_after = "5s"
            [alerts.receivers.manager]
            kind = "alertmanager"
            url = "{}"
            [alerts.receivers.chat]
            kind = "webhook"
            url = "{}/hunter2"
            secret = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="
            headers.Authorization_file = "authorization"
            "#,
            alertmanager.url(),
            sink.url(),
        ),
    );
    let mut first = start(folder.path(), &cluster, &database);
    first.wait_for("Task server listening");
    happen(&cluster, "oom", "OOMKilling", 1);
    happen(&cluster, "quiet", "Test", 2);
    happen(&cluster, "loud", "Test", 3);
    let failed = sink.wait_for(2);
    assert_eq!(failed[0].line, "POST /hunter2");
    assert_eq!(failed[0].header("authorization"), Some("Bearer hunter2"));
    let line = first.wait_for("component is degraded");
    assert!(
        line.contains(&format!("chat: cannot deliver to {}: it answers 503 Service Unavailable", sink.url())),
        "{line}"
    );
    // No receiver waits for another.
    let logged = "Alert firing: Pod loud: Test - Test of loud";
    if !first.log().contains(logged) {
        first.wait_for(logged);
    }
    first.kill();
    let attempts = sink.requests().len();
    let failed_id = told(&sink)[0].0.clone();
    sink.answer("200 OK", "", "");

    let mut second = start(folder.path(), &cluster, &database);
    sink.wait_for(attempts + 3);
    let told = &told(&sink)[attempts..];
    let mut texts: Vec<&str> = told.iter().map(|(_, text)| text.as_str()).collect();
    // Alerts of one batch have no order among themselves.
    texts[..2].sort_unstable();
    assert_eq!(
        texts,
        [
            "[firing] critical: Out of memory on Pod oom\nOOMKilling of oom",
            "[firing] warning: Pod loud: Test\nTest of loud",
            "[resolved] warning: Pod loud: Test\nTest of loud",
        ]
    );
    assert_eq!(told[0].0, failed_id, "what is told again has the same id");
    let deadline = std::time::Instant::now() + PATIENCE;
    let alerts = format!("{}/api/v2/alerts?active=true", alertmanager.url());
    loop {
        let alerts: Value = serde_json::from_str(&get(&alerts).unwrap().1).unwrap();
        let names: Vec<&Value> = alerts.as_array().unwrap().iter().map(|alert| &alert["labels"]["alertname"]).collect();
        if names == ["oom"] {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{names:?}");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let (_, verbose) = second.get("/readyz?verbose");
    assert!(verbose.contains("[+]alerts ok"), "{verbose}");
    second.signal("TERM");
    assert_eq!(second.end().code(), Some(0));
    let logs = [first.log(), second.log()].concat();
    let config = text(&run(folder.path(), &["config"]).stdout);
    for output in [logs, config] {
        assert!(!output.contains("hunter2") && !output.contains("aHVudGVy"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite() {
    a_receiver_that_is_down_is_told_once_it_is_back_also_by_another_process(Backend::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres() {
    a_receiver_that_is_down_is_told_once_it_is_back_also_by_another_process(Backend::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb() {
    a_receiver_that_is_down_is_told_once_it_is_back_also_by_another_process(Backend::MariaDb).await;
}

#[test]
fn wrong_rules_and_receivers_are_all_told_with_their_places_and_without_their_secrets() {
    let folder = tempdir().unwrap();
    let mistakes = |url: &str| {
        let settings = r#"
        kubernetes.events.exclude = "event.reason = 'x'"
        [alerts.rules.mine]
        level = "critical"
        [alerts.rules.oom]
        expression = "event.reson == 'OOM'"
        summary = "{{ event.involvedObject.nam }}"
        [alerts.rules.evicted]
        enabled = false
        group = "{{"
        [alerts.receivers.chat]
        kind = "webhook"
        url = "URL"
        secret = "hunter2"
        "#;
        configure(folder.path(), &settings.replace("URL", url));
    };
    mistakes("https://");
    for command in [&["config", "--check"][..], &["run"]] {
        let output = run(folder.path(), command);
        assert_eq!(output.status.code(), Some(2));
        let errors = text(&output.stderr);
        assert!(!errors.contains("hunter2"), "{errors}");
    }
    mistakes("https://host/hunter2");
    let output = run(folder.path(), &["config", "--check"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        text(&output.stderr),
        "Error: the configuration is impossible:
  - `kubernetes.events.exclude`: line 1, column 14: Syntax error: token recognition error at: '= '
  - `alerts.rules.evicted.group`: line 1, column 1: `{{` has no `}}` after it
  - `alerts.rules.oom.expression`: line 1, column 6: there is no field `event.reson`; there are action, count, eventTime, \
         firstTimestamp, involvedObject, lastTimestamp, message, metadata, reason, reportingComponent, reportingInstance, \
         series, source and type
  - `alerts.rules.oom.summary`: line 1, column 24: there is no field `event.involvedObject.nam`; there are apiVersion, \
         fieldPath, kind, name, namespace and uid
  - `alerts.rules.mine`: a rule of your own needs an expression: `expression` is missing (built in are back-off, evicted, \
         failed-mount, failed-scheduling, node-not-ready, oom, unhealthy)
  - `alerts.receivers.chat`: the secret is wrong: expected `whsec_` and the base64 of 24 to 64 random bytes, as from \
         `echo whsec_$(openssl rand -base64 32)`
"
    );
}

/// A text with every moment in it hidden.
fn redacted(output: &str) -> String {
    let line = |line: &str| {
        let words =
            line.split(' ').map(|word| if word.parse::<Timestamp>().is_ok() { "TIME----------------" } else { word });
        words.collect::<Vec<_>>().join(" ").trim_end().to_owned()
    };
    output.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_and_alerts_are_shown_and_rules_change_and_are_tried_on_what_is_stored() {
    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    let database = TestDatabase::sqlite();
    let mut server = start(folder.path(), &cluster, &database);
    server.wait_for("Task server listening");
    happen(&cluster, "api-0", "OOMKilling", 1);
    server.wait_for("Alert firing");
    happen(&cluster, "api-1", "Odd", 7);
    server.wait_for("K8s Event: Pod api-1 - Odd");

    let url = format!("database.url={}", database.url());
    let shown = |arguments: &[&str]| {
        let output = run(folder.path(), &[arguments, &["--set", &url]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        redacted(&text(&output.stdout))
    };
    assert_eq!(
        shown(&["events", "--since", "1h"]),
        "LAST SEEN             TYPE     REASON              NAMESPACE       OBJECT                                    COUNT  MESSAGE
TIME----------------  Warning  OOMKilling          ir-engine       Pod/api-0                                     1  OOMKilling of api-0
TIME----------------  Warning  Odd                 ir-engine       Pod/api-1                                     7  Odd of api-1"
    );
    for filter in [["--object", "pod/api-1"], ["--reason", "Odd"], ["--limit", "1"], ["--object", "api-1"]] {
        let lines = shown(&[&["events"][..], &filter].concat());
        assert!(lines.lines().count() == 2 && lines.contains("Pod/api-1"), "{filter:?} {lines}");
    }
    for filter in [["--namespace", "other"], ["--type", "Normal"], ["--until", "1h"], ["--object", "node/api-1"]] {
        assert_eq!(shown(&[&["events"][..], &filter].concat()).lines().count(), 1, "{filter:?}");
    }
    let json: Value = serde_json::from_str(&shown(&["events", "--json", "--reason", "Odd"])).unwrap();
    assert_eq!((&json["involvedName"], &json["occurrences"]), (&json!("api-1"), &json!(7)));
    let columns = |table: String| -> Vec<Vec<String>> {
        let cells =
            |line: &str| line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect();
        table.lines().map(cells).collect()
    };
    assert_eq!(
        columns(shown(&["alerts", "--state", "firing"])),
        [
            vec!["STATE", "LEVEL", "FIRST SEEN", "LAST SEEN", "EVENTS", "TOLD", "RULE", "GROUP", "TITLE"],
            vec![
                "firing",
                "critical",
                "TIME----------------",
                "TIME----------------",
                "1",
                "1",
                "oom",
                "Pod/ir-engine/api-0",
                "Out of memory on Pod api-0"
            ],
        ]
    );
    assert_eq!(
        columns(shown(&["alerts", "receivers"])),
        [
            vec!["RECEIVER", "LAST TOLD", "FAILURES", "NEXT ATTEMPT", "LAST ERROR"],
            vec!["log", "TIME----------------", "0", "-", "-"]
        ]
    );
    let rule = ["events", "test-rule", "--expression", "event.reason == 'Odd'", "--min-count", "5"];
    assert_eq!(
        columns(shown(&rule)),
        [
            vec!["RAISED", "RESOLVED", "LEVEL", "EVENTS", "GROUP", "TITLE"],
            vec!["TIME----------------", "-", "warning", "7", "Pod/ir-engine/api-1", "Pod api-1: Odd"],
            vec!["The rule test would have raised 1 alert from 2 stored events."],
        ]
    );
    let none = shown(&["events", "test-rule", "back-off"]);
    assert_eq!(none, "The rule back-off would have raised 0 alerts from 2 stored events.");
    let wrong = run(folder.path(), &["events", "test-rule", "--expression", "event.reson == 'Odd'", "--set", &url]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(
        text(&wrong.stderr)
            .starts_with("Error: the rule is wrong:\n  - expression: line 1, column 6: there is no field"),
        "{}",
        text(&wrong.stderr)
    );

    // The rule that was tried is put to use, without a restart.
    configure(folder.path(), "[alerts.rules.odd]\nexpression = \"event.reason == 'Odd'\"\nmin_count = 5\n");
    server.signal("HUP");
    server.wait_for("in effect now: alerts.rules.odd.expression, alerts.rules.odd.min_count");
    happen(&cluster, "api-2", "Odd", 7);
    server.wait_for("Alert firing: Pod api-2: Odd");
    configure(folder.path(), "[alerts.rules.odd]\nexpression = \"event.reson == 'Odd'\"\n");
    server.signal("HUP");
    let line = server.wait_for("the old one stays");
    assert!(
        line.contains("`alerts.rules.odd.expression`: line 1, column 6: there is no field `event.reson`"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_stored_later_is_followed() {
    use std::io::BufRead as _;

    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    let database = TestDatabase::sqlite();
    let mut server = start(folder.path(), &cluster, &database);
    server.wait_for("Task server listening");
    happen(&cluster, "before", "Odd", 1);
    server.wait_for("K8s Event: Pod before");
    let url = format!("database.url={}", database.url());
    let mut following = taskserver(folder.path(), &["events", "--follow", "--json", "--set", &url])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufReader::new(following.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap()).unwrap()["involvedName"].clone();
    assert_eq!(next(), "before");
    for name in ["after", "later"] {
        happen(&cluster, name, "Odd", 1);
        assert_eq!(next(), name);
    }
    following.kill().unwrap();
    following.wait().unwrap();
}
