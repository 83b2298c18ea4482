//! What a real Prometheus makes of the metrics, in both of its formats.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskserver_tests::http::{self, Sink};
use taskserver_tests::kubernetes::{ApiServer, Resource};
use taskserver_tests::servers;
use tempfile::{TempDir, tempdir};
use url::form_urlencoded::byte_serialize;

use crate::events::kubeconfig;
use crate::support::{CYCLE, PATIENCE, Server, run, text};

/// A server all of whose parts are at work: whatever there is to be seen of them, its metrics have.
pub(crate) struct Everything {
    pub(crate) server: Server,
    _folder: TempDir,
    _cluster: ApiServer,
    _redis: servers::Server,
}

pub(crate) async fn everything() -> Option<Everything> {
    let redis = servers::redis::start()?;
    let redis_port = redis.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let (folder, cluster) = (tempdir().unwrap(), ApiServer::start().await);
    cluster.install_agones();
    let fleet = json!({"metadata": {"name": "lobby"}, "spec": {"replicas": 1}, "status": {"replicas": 1}});
    cluster.create(Resource::Fleets, "ir-engine", fleet);
    let labels = json!({"agones.dev/fleet": "lobby"});
    let game_server = json!({"metadata": {"name": "one", "labels": labels}, "spec": {}, "status": {"state": "Ready"}});
    cluster.create(Resource::GameServers, "ir-engine", game_server);
    let kubeconfig = kubeconfig(folder.path(), &cluster);
    let settings = r#"
        leadership.mode = "kubernetes"
        kubernetes.agones.namespace = "ir-engine"
        tasks.monitoring.every = "1s"
        [alerts.receivers.chat]
        kind = "webhook"
        url = "http://127.0.0.1:1/"
    "#;
    std::fs::write(folder.path().join("taskserver.toml"), settings).unwrap();
    let mut server = Server::start_with(folder.path(), &[], |command| {
        command.env("KUBERNETES", "true").env("KUBECONFIG", &kubeconfig);
        command.env("REDIS_ENABLED", "true").env("REDIS_ADDRESS", "127.0.0.1").env("REDIS_PORT", &redis_port);
    });
    server.wait_for(CYCLE);
    let involved = json!({"kind": "Pod", "namespace": "ir-engine", "name": "pod"});
    let event = json!({
        "metadata": {"name": "oom"}, "type": "Warning", "reason": "OOMKilling", "message": "out of memory", "count": 1,
        "lastTimestamp": jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(), "involvedObject": involved
    });
    cluster.create(Resource::Events, "ir-engine", event);
    server.wait_for("Alert firing");
    let enqueued = run(folder.path(), &["jobs", "enqueue", "log-message", r#"{"message": "to be counted"}"#]);
    assert_eq!(enqueued.status.code(), Some(0), "{}", text(&enqueued.stderr));
    server.wait_for("to be counted");
    // A connection is in the pool, and alerts and jobs are counted, a moment later.
    wait_until("all is counted", || {
        let (_, metrics) = server.get("/metrics");
        [
            "component_up{component=\"redis\"}",
            "alerts_firing{",
            "jobs_finished_total{",
            "component_up{component=\"kubernetes\"}",
        ]
        .iter()
        .all(|metric| metrics.contains(metric))
    });
    Some(Everything { server, _folder: folder, _cluster: cluster, _redis: redis })
}

fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The type and the text of the metrics for a client that accepts this.
fn scrape(port: u16, accept: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: ")).unwrap();
    (content_type.to_owned(), body.to_owned())
}

/// The `data` of an answer of Prometheus' API.
pub(crate) fn api(prometheus: &servers::Server, path: &str) -> Value {
    let (status, body) = http::get(&format!("{}/api/v1/{path}", prometheus.url())).unwrap();
    let mut answer: Value = serde_json::from_str(&body).unwrap();
    assert!(status == 200 && answer["status"] == "success", "{path}: {body}");
    answer["data"].take()
}

/// The result of a query, as Prometheus has it now.
pub(crate) fn query(prometheus: &servers::Server, expression: &str) -> Vec<Value> {
    let encoded: String = byte_serialize(expression.as_bytes()).collect();
    api(prometheus, &format!("query?query={encoded}"))["result"].as_array().unwrap().clone()
}

/// Waits until Prometheus has scraped this job without a fault.
pub(crate) fn wait_until_scraped(prometheus: &servers::Server, job: &str) {
    wait_until(&format!("a scrape of {job}"), || {
        let targets = api(prometheus, "targets");
        let mut active = targets["activeTargets"].as_array().unwrap().iter();
        let Some(target) = active.find(|target| target["labels"]["job"] == job) else { return false };
        assert_eq!(target["lastError"], "", "{target}");
        target["health"] == "up" && !query(prometheus, &format!("up{{job={job:?}}} == 1")).is_empty()
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_prometheus_reads_both_formats_without_a_complaint_and_finds_the_same_in_them() {
    let Some(Everything { server, .. }) = &everything().await else { return };
    let (content_type, classic) = scrape(server.port, "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert_eq!(content_type, "text/plain; version=0.0.4; charset=utf-8");
    let (content_type, _) = scrape(server.port, "application/openmetrics-text;version=1.0.0,text/plain;q=0.5");
    assert_eq!(content_type, "application/openmetrics-text; version=1.0.0; charset=utf-8");

    // This Prometheus asks for OpenMetrics wherever it is offered: the classic text comes by way of a server that has no other.
    let sink = Sink::start();
    sink.answer("200 OK", "content-type: text/plain; version=0.0.4; charset=utf-8\r\n", &classic);
    let Some(prometheus) = servers::prometheus::start(&format!(
        "global: {{scrape_interval: 1s}}\nscrape_configs:\n\
         - {{job_name: open, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}\n\
         - {{job_name: classic, static_configs: [{{targets: ['{}']}}]}}\n",
        server.port,
        sink.url().trim_start_matches("http://"),
    )) else {
        return;
    };
    let of = |job: &str| -> (BTreeSet<String>, BTreeSet<String>) {
        wait_until_scraped(&prometheus, job);
        let series = query(&prometheus, &format!("{{job={job:?}, __name__!~'up|scrape_.*'}}"));
        let name = |series: &Value| series["metric"]["__name__"].as_str().unwrap().to_owned();
        let metadata =
            api(&prometheus, "targets/metadata?match_target=%7Bjob%3D%22JOB%22%7D".replace("JOB", job).as_str());
        let described = metadata.as_array().unwrap().iter().map(|it| {
            assert_ne!(it["help"], "", "{it}");
            format!(
                "{} {}",
                it["metric"].as_str().unwrap().trim_end_matches("_total").trim_end_matches("_info"),
                it["help"]
            )
        });
        (series.iter().map(name).collect(), described.collect())
    };
    let (open, classic_again) = (of("open"), of("classic"));
    assert_eq!(open, classic_again);
    assert!(open.0.len() > 60, "{open:?}");
    let log = prometheus.written();
    assert!(!log.contains("level=warn") && !log.contains("level=error"), "{log}");

    let mut lint = Command::new("promtool");
    lint.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut lint = lint.spawn().unwrap();
    lint.stdin.take().unwrap().write_all(classic.as_bytes()).unwrap();
    let complaints = lint.wait_with_output().unwrap();
    assert!(complaints.status.success() && complaints.stdout.is_empty(), "{}", text(&complaints.stderr));
    assert_eq!(text(&complaints.stderr), "");
}

/// What an expression asks of the server: each metric with the labels that are asked of it.
fn asked(expression: &str) -> BTreeSet<(String, Vec<String>)> {
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut asked = BTreeSet::new();
    for beginning in ["taskserver_", "process_"] {
        for (start, _) in expression.match_indices(beginning) {
            if expression[..start].ends_with(is_name) {
                continue;
            }
            let (name, rest) = expression[start..].split_at(expression[start..].find(|c| !is_name(c)).unwrap());
            let matchers = rest.strip_prefix('{').map_or("", |rest| rest.split_once('}').unwrap().0);
            let label = |matcher: &str| matcher.split(['=', '!']).next().unwrap().trim().to_owned();
            asked.insert((name.to_owned(), matchers.split(',').filter(|it| !it.is_empty()).map(label).collect()));
        }
    }
    asked
}

/// The labels by which an expression sums up.
fn grouped_by(expression: &str) -> BTreeSet<&str> {
    let groups = expression.split("by (").skip(1).map(|rest| rest.split_once(')').unwrap().0);
    groups.flat_map(|group| group.split(", ")).collect()
}

/// What of this expression the server does not have, or Prometheus does not understand.
fn complaints(prometheus: &servers::Server, expression: &str) -> Vec<String> {
    let mut complaints = Vec::new();
    query(prometheus, expression);
    let asked = asked(expression);
    for (metric, labels) in &asked {
        let has_labels = labels.iter().map(|label| format!("{label}!=\"\"")).collect::<Vec<_>>().join(",");
        if query(prometheus, &format!("{metric}{{{has_labels}}}")).is_empty() {
            complaints.push(format!("no {metric} with {labels:?}"));
        }
    }
    let metrics = asked.iter().map(|(metric, _)| metric.as_str()).collect::<Vec<_>>().join("|");
    let grouped_by = grouped_by(expression).into_iter().filter(|label| *label != "namespace" && !metrics.is_empty());
    for label in grouped_by {
        if query(prometheus, &format!("{{__name__=~\"{metrics}\",{label}!=\"\"}}")).is_empty() {
            complaints.push(format!("no {label} of {metrics}"));
        }
    }
    complaints
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alerts_and_the_dashboard_are_of_metrics_that_there_are() {
    let Some(Everything { server, .. }) = &everything().await else { return };
    let chart = concat!(env!("CARGO_MANIFEST_DIR"), "/../../helm/taskserver/files");
    let Some(prometheus) = servers::prometheus::start(&format!(
        "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{chart}/alerts.yaml']\nscrape_configs:\n\
         - {{job_name: taskserver, static_configs: [{{targets: ['127.0.0.1:{}']}}]}}\n",
        server.port,
    )) else {
        return;
    };
    wait_until_scraped(&prometheus, "taskserver");
    let rules = || api(&prometheus, "rules")["groups"][0]["rules"].as_array().unwrap().clone();
    wait_until("all rules are evaluated", || rules().iter().all(|rule| rule["health"] != "unknown"));
    let rules = rules();
    assert!(rules.len() > 15 && rules.iter().all(|rule| rule["health"] == "ok"), "{rules:?}");
    let of_rules = rules.iter().map(|rule| (rule["name"].clone(), rule["query"].as_str().unwrap().to_owned()));

    let dashboard = std::fs::read_to_string(format!("{chart}/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| {
        let targets = panel["targets"].as_array().into_iter().flatten();
        targets.map(|target| (panel["title"].clone(), target["expr"].as_str().unwrap().to_owned()))
    });
    // In place of Grafana.
    let filled = [("$job", ".+"), ("$instance", ".+"), ("$__rate_interval", "1m")];
    let of_panels =
        targets.map(|(title, of)| (title, filled.iter().fold(of, |of, (name, value)| of.replace(name, value))));
    let mut complaints = Vec::new();
    for (name, expression) in of_rules.chain(of_panels) {
        let of_this = self::complaints(&prometheus, &expression);
        complaints.extend(of_this.into_iter().map(|complaint| format!("{name}: {complaint}")));
    }
    assert!(complaints.is_empty(), "{complaints:#?}");

    for variable in dashboard["templating"]["list"].as_array().unwrap() {
        let Some(definition) = variable["definition"].as_str() else { continue };
        let metric = definition.trim_start_matches("label_values(").split(['{', ',']).next().unwrap();
        let found = query(&prometheus, metric);
        assert!(found[0]["metric"][variable["name"].as_str().unwrap()].is_string(), "{definition}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_can_fail_is_counted_from_zero() {
    let Some(Everything { server, .. }) = &everything().await else { return };
    let (_, metrics) = server.get("/metrics");
    for sample in [
        r#"taskserver_task_runs_total{task="analytics",outcome="failed"} 0"#,
        r#"taskserver_task_runs_total{task="analytics",outcome="succeeded"} 1"#,
        r#"taskserver_analytics_figure{type="instanceUsers"} 0.0"#,
        r#"taskserver_kubernetes_event_gaps_total{reason="expired"} 0"#,
        r#"taskserver_alert_deliveries_total{receiver="log",result="given_up"} 0"#,
        r#"taskserver_component_health{component="kubernetes-events",state="ready"} 1.0"#,
        "taskserver_leadership_leading 1.0",
        "taskserver_ready 1.0",
        &format!("taskserver_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION")),
    ] {
        assert!(metrics.lines().any(|line| line == sample), "{sample} in\n{metrics}");
    }
}
