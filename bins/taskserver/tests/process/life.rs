//! How the server starts, answers and stops.

use std::net::TcpListener;
use std::time::Duration;

use tempfile::tempdir;

use crate::support::{CYCLE, Server, run, text};

#[test]
fn the_server_says_when_tasks_run_and_where_it_listens_and_answers_health() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("Task server running.");
    let line = server.wait_for("Task server listening on port");
    assert!(line.contains(&format!("\"message\":\"Task server listening on port {}\"", server.port)), "{line}");
    assert_eq!(server.get("/readyz").0, 200);
    assert_eq!(server.get("/livez").0, 200);
    let (status, body) = server.get("/healthcheck");
    assert!(status == 200 && body.starts_with("{\"uptime\":"), "{status} {body}");
    let (status, metrics) = server.get("/metrics");
    assert!(status == 200 && metrics.contains("\ntaskserver_ready 1.0\n"), "{metrics}");
}

#[test]
fn the_monitor_shows_the_database_and_the_process_as_gauges_and_as_records() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", "tasks.monitoring.every=1s"]);
    server.wait_for("Task server listening");
    let metrics = loop {
        let (_, metrics) = server.get("/metrics");
        // The figures of the process follow those of the components.
        if metrics.contains("taskserver_component_up{component=\"database\"} 1")
            && !metrics.contains("taskserver_event_loop_lag_seconds 0\n")
        {
            break metrics;
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let value = |name: &str| -> f64 {
        let line = metrics.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {metrics}"));
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    assert!(value("taskserver_component_latency_seconds{component=\"database\"}") > 0.0);
    assert!(value("taskserver_pool_connections_max{component=\"database\"}") >= 1.0);
    assert!(value("process_resident_memory_bytes") > 1e6);
    assert!(value("process_start_time_seconds") > 1.7e9);
    assert!(value("process_cpu_seconds_total") > 0.0);
    assert!(value("process_open_fds") > 3.0 && value("process_max_fds") > value("process_open_fds"));
    assert!(value("taskserver_event_loop_lag_seconds") >= 0.0);
}

#[test]
fn sigterm_and_sigint_end_the_server_in_peace() {
    for signal in ["TERM", "INT"] {
        let folder = tempdir().unwrap();
        let mut server = Server::start(folder.path(), &[]);
        server.wait_for("Task server listening");
        server.signal(signal);
        server.wait_for("Task server stopped.");
        assert_eq!(server.end().code(), Some(0), "after {signal}");
    }
}

/// A metric that keeps the collector busy for a few seconds.
const SLOW: &str = "analytics.metrics.slow.sql=WITH RECURSIVE n(i) AS \
    (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5000000) SELECT COUNT(*) FROM n";

#[test]
fn a_run_in_progress_may_finish_and_meanwhile_the_server_is_alive_but_not_ready() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", SLOW, "--set", "log.level=debug"]);
    server.wait_for("Task server listening");
    server.wait_until_runs("analytics");
    server.signal("TERM");
    server.wait_for("Task server stopping.");
    assert_eq!(server.get("/readyz").0, 503);
    assert_eq!(server.get("/livez").0, 200);
    server.wait_for(CYCLE);
    server.wait_for("Task server stopped.");
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_second_signal_cancels_what_still_runs() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", SLOW]);
    server.wait_for("Task server listening");
    server.wait_until_runs("analytics");
    server.signal("TERM");
    server.wait_for("Task server stopping.");
    server.signal("TERM");
    server.wait_for("A second signal: cancelling what still runs.");
    server.wait_for("run cancelled");
    assert_eq!(server.end().code(), Some(1));
}

#[test]
fn a_statement_that_never_ends_does_not_keep_the_server_from_ending() {
    let folder = tempdir().unwrap();
    let endless = SLOW.replace(" LIMIT 5000000", "");
    let mut server = Server::start(folder.path(), &["--set", &endless, "--set", "shutdown.timeout=1s"]);
    server.wait_for("Task server listening");
    server.wait_until_runs("analytics");
    server.signal("TERM");
    server.wait_for("run cancelled");
    server.wait_for("Task server stopped.");
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn a_port_in_use_is_found_before_anything_starts() {
    let folder = tempdir().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let output =
        run(folder.path(), &["--set", "http.host=127.0.0.1", "--set", &format!("http.port={}", address.port())]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains(&address.to_string()) && errors.contains("in use"), "{errors}");
    assert!(!folder.path().join("taskserver.db").exists());
}

#[test]
fn the_demonstration_moves_the_figures_and_leaves_nothing_behind() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["demo", "--set", "tasks.analytics.every=1s"]);
    server.wait_for("Task server listening");
    loop {
        let line = server.wait_for("activeInstances");
        if !line.contains("\"activeInstances\":0") && !line.contains("\"instanceUsers\":0") {
            break;
        }
    }
    server.signal("INT");
    assert_eq!(server.end().code(), Some(0));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
