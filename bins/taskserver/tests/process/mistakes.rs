//! What a user gets wrong, and what they are told. What the sources of the configuration can have wrong has its tests in the
//! configuration's own crate.

use taskserver_tests::TestDatabase;
use tempfile::tempdir;

use crate::support::{CYCLE, Server, free_port, run, taskserver, text};

#[test]
fn all_mistakes_of_a_configuration_are_reported_at_once_with_exit_code_2() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("taskserver.toml"), "[http]\nprot = 8080\n[tasks.analitics]\nevery = \"1m\"\n")
        .unwrap();
    let output = taskserver(folder.path(), &["--set", "database.url=mysql://root:hunter2@"])
        .env("TASKSERVER__LOG__LEVEL", "loud")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = text(&output.stderr);
    for part in [
        "http.prot",
        "taskserver.toml:2",
        "http.port",
        "tasks.analitics",
        "tasks.analytics",
        "database.url",
        "TASKSERVER__LOG__LEVEL",
        "loud",
    ] {
        assert!(errors.contains(part), "{part} in\n{errors}");
    }
    assert!(!errors.contains("hunter2"), "{errors}");
    assert!(!folder.path().join("taskserver.db").exists());
}

#[test]
fn settings_that_are_impossible_only_together_are_reported_at_once_with_exit_code_2() {
    let folder = tempdir().unwrap();
    let arguments = ["--set", "tasks.analytics.jitter=2h", "--set", "tasks.monitoring.offset=1m"];
    for command in [&["config", "--check"][..], &["run"], &["tasks", "run", "analytics"]] {
        let output = run(folder.path(), &[command, &arguments].concat());
        assert_eq!(output.status.code(), Some(2), "{command:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains("tasks.analytics.jitter") && errors.contains("tasks.monitoring.offset"), "{errors}");
    }
}

#[test]
fn a_metric_of_ones_own_cannot_take_the_name_of_the_platforms() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["config", "--check", "--set", "analytics.metrics.instanceUsers.sql=SELECT 1"]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "Error: the configuration is impossible:\n  \
        - `analytics.metrics.instanceUsers`: the platform has a metric of this name; choose another one\n";
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn a_command_line_that_is_wrong_ends_with_exit_code_2() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["rum"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("'run'"), "{}", text(&output.stderr));
}

#[test]
fn a_database_that_cannot_be_reached_leaves_the_server_alive_not_ready_and_trying() {
    let folder = tempdir().unwrap();
    let port = free_port();
    let url = format!("database.url=postgres://server:hunter2@127.0.0.1:{port}/platform");
    let mut server = Server::start(folder.path(), &["--set", &url]);
    let line = server.wait_for("component is down");
    assert!(line.contains(&format!("cannot reach the database postgres://server@127.0.0.1:{port}/platform")), "{line}");
    assert!(!line.contains("hunter2"), "{line}");
    assert_eq!(server.get("/livez").0, 200);
    assert_eq!(server.get("/readyz").0, 503);
    let (_, verbose) = server.get("/readyz?verbose");
    assert!(verbose.contains("[-]database failed: cannot reach the database"), "{verbose}");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));

    for command in [&["migrate"][..], &["tasks", "run", "analytics"]] {
        let output = run(folder.path(), &[command, &["--set", &url]].concat());
        assert_eq!(output.status.code(), Some(1));
        let errors = text(&output.stderr);
        assert!(errors.contains("Error: cannot reach the database postgres://server@"), "{errors}");
    }
}

#[test]
fn a_database_that_lacks_the_platforms_tables_switches_their_metrics_off_and_nothing_else() {
    let folder = tempdir().unwrap();
    let database = TestDatabase::sqlite();
    database.create_platform_tables();
    database.execute(r#"DROP TABLE "channel""#);
    let url = format!("database.url={}", database.url());
    let mut server = Server::start(folder.path(), &["--set", &url, "--set", "database.create_platform_tables=false"]);
    let line = server.wait_for("the metric is off");
    assert!(line.contains("activeChannels") && line.contains("the database has no table `channel`"), "{line}");
    let line = server.wait_for(CYCLE);
    assert!(line.contains("activeInstances"), "{line}");
    assert_eq!(server.get("/readyz").0, 200);
}

#[test]
fn a_database_of_somebody_else_is_named_as_what_it_lacks() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["tasks", "run", "analytics", "--set", "database.create_platform_tables=false"]);
    // No table at all: every metric is off, which is no failure, and the log says why.
    assert_eq!(output.status.code(), Some(0));
    let log = text(&output.stderr);
    for table in ["channel", "instance-attendance", "instance"] {
        assert!(log.contains(&format!("the database has no table `{table}`")), "{table} in\n{log}");
    }
}
