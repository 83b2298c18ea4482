//! Settings that change while the server runs.

use serde_json::Value;
use tempfile::tempdir;

use crate::support::Server;

fn interval(server: &Server) -> String {
    let (_, body) = server.get("/api/tasks/analytics");
    let task: Value = serde_json::from_str(&body).unwrap();
    task["schedule"]["recurrence"]["every"].as_str().unwrap().to_owned()
}

#[test]
fn on_sighup_what_can_change_does_and_the_rest_is_named() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("taskserver.toml");
    std::fs::write(&file, "[tasks.analytics]\nevery = \"10m\"\n").unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("Task server listening");
    assert_eq!(interval(&server), "10m");

    std::fs::write(&file, "[tasks.analytics]\nevery = \"20m\"\n[database]\nmax_connections = 3\n").unwrap();
    server.signal("HUP");
    let line = server.wait_for("in effect now");
    assert!(line.contains("tasks.analytics.every"), "{line}");
    let line = server.wait_for("needs a restart");
    assert!(line.contains("database.max_connections"), "{line}");
    assert_eq!(interval(&server), "20m");

    std::fs::write(&file, "[tasks.analytics]\nevery = \"soon\"\n").unwrap();
    server.signal("HUP");
    let line = server.wait_for("the old one stays");
    assert!(line.contains("soon"), "{line}");
    assert_eq!(interval(&server), "20m");

    std::fs::write(&file, "[tasks.analytics]\njitter = \"2h\"\n").unwrap();
    server.signal("HUP");
    let line = server.wait_for("the old one stays");
    assert!(line.contains("tasks.analytics.jitter"), "{line}");
    assert_eq!(interval(&server), "20m");
}

#[test]
fn a_file_that_changes_is_noticed_without_a_signal() {
    let folder = tempdir().unwrap();
    let file = folder.path().join("taskserver.toml");
    std::fs::write(&file, "[log]\nlevel = \"info\"\n").unwrap();
    let mut server = Server::start(folder.path(), &["--set", "tasks.monitoring.every=1s"]);
    server.wait_for("Task server listening");
    std::fs::write(&file, "[log]\nlevel = \"debug\"\n").unwrap();
    server.wait_for("in effect now: log.level");
    server.wait_for("\"level\":\"DEBUG\"");
}
