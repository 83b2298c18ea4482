//! The commands beside the server itself.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{CYCLE, Server, run, taskserver, text};

#[test]
fn the_version_and_completions_are_printed() {
    let folder = tempdir().unwrap();
    assert_eq!(text(&run(folder.path(), &["--version"]).stdout), format!("taskserver {}\n", env!("CARGO_PKG_VERSION")));
    for shell in ["bash", "zsh", "fish"] {
        assert!(text(&run(folder.path(), &["completions", shell]).stdout).contains("taskserver"), "{shell}");
    }
}

#[test]
fn the_effective_configuration_is_explained_without_secrets() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("taskserver.toml"), "[http]\nport = 8080\n").unwrap();
    let output = taskserver(folder.path(), &["config", "--set", "log.level=debug"])
        .env("MYSQL_HOST", "db.internal")
        .env("MYSQL_PASSWORD", "hunter2")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let explained = text(&output.stdout);
    let line = |start: &str| {
        let found = explained.lines().find(|line| line.trim_start().starts_with(start));
        found.unwrap_or_else(|| panic!("{start} in\n{explained}"))
    };
    assert!(line("port = 8080").contains("taskserver.toml"), "{explained}");
    assert!(line("level = \"debug\"").contains("--set"), "{explained}");
    assert!(line("url = \"mysql://").contains("MYSQL_HOST"), "{explained}");
    assert!(!explained.contains("hunter2"), "{explained}");
}

#[test]
fn a_valid_configuration_is_found_valid() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["config", "--check"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "The configuration is valid.\n".into()));
    assert!(!folder.path().join("taskserver.db").exists());
}

#[test]
fn a_task_can_be_run_once_and_prints_its_result() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["tasks", "run", "analytics"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let result: Value = serde_json::from_slice(&output.stdout).unwrap();
    let figures = json!({
        "activeChannels": 0, "activeInstances": 0, "activeLocations": 0, "activeScenes": 0, "channelUsers": 0, "instanceUsers": 0
    });
    assert_eq!(result, json!({"stored": figures}));
}

#[test]
fn a_task_that_fails_when_run_once_is_a_failure_with_its_reason() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["tasks", "run", "analytics", "--set", "analytics.metrics.odd.sql=SELECT 'many'"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(
        errors.contains("Error: the task `analytics` failed: 1 of 7 metrics failed: odd: 'many' is no number"),
        "{errors}"
    );
}

#[test]
fn a_task_that_does_not_exist_is_told_from_those_that_do() {
    let folder = tempdir().unwrap();
    let output = run(folder.path(), &["tasks", "run", "analitics"]);
    assert_eq!(output.status.code(), Some(1));
    let known = "alerts-maintenance, analytics, analytics-maintenance, analytics-rollup, job-retention, monitoring, \
                 report, self-check, task-run-retention";
    let expected = format!("Error: there is no task `analitics`; there are {known}\n");
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn a_database_can_be_prepared_beforehand_and_again() {
    let folder = tempdir().unwrap();
    for _ in 0..2 {
        let output = run(folder.path(), &["migrate"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "The database sqlite://taskserver.db is up to date.\n");
    }
}

/// What the program writes with this standard error on a terminal.
#[cfg(target_os = "linux")]
fn on_a_terminal(folder: &std::path::Path, arguments: &str) -> String {
    let command = format!("{} {arguments}", env!("CARGO_BIN_EXE_taskserver"));
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &command, "/dev/null"]).current_dir(folder).env("TERM", "xterm");
    text(&terminal.output().unwrap().stdout)
}

#[cfg(target_os = "linux")]
#[test]
fn long_commands_show_their_progress_on_a_terminal_and_nowhere_else() {
    let folder = tempdir().unwrap();
    let written = on_a_terminal(folder.path(), "migrate");
    assert!(written.contains("migrating the queue"), "{written}");
    assert!(!written.contains("the database was migrated"), "{written}");
    assert!(written.ends_with("The database sqlite://taskserver.db is up to date.\r\n"), "{written}");
    let of_rule = ["events", "test-rule", "--expression", "true"];
    let enabled = ["migrate", "--set", "kubernetes.enabled=true"];
    assert_eq!(run(folder.path(), &enabled).status.code(), Some(0));
    let written = on_a_terminal(folder.path(), &of_rule.join(" "));
    assert!(written.contains("] 0 of 0, "), "{written}");

    let elsewhere = tempdir().unwrap();
    let output = run(elsewhere.path(), &enabled);
    assert!(text(&output.stderr).contains("the database was migrated"), "{output:?}");
    assert!(!text(&output.stderr).contains("migrating the queue"), "{output:?}");
    assert_eq!(text(&run(elsewhere.path(), &of_rule).stderr), "");
}

#[test]
fn the_tasks_and_the_health_of_a_running_server_are_shown() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("Task server listening");
    server.wait_for(CYCLE);
    let port = format!("http.port={}", server.port);

    let table = text(&run(folder.path(), &["tasks", "--set", &port]).stdout);
    let columns = |line: &str| {
        line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    };
    let mut lines = table.lines();
    let header = columns(lines.next().unwrap());
    assert_eq!(header, ["TASK", "SCHEDULE", "STATE", "LAST RUN", "OUTCOME", "DURATION", "NEXT RUN", "FAILURES"]);
    let analytics = columns(lines.find(|line| line.trim_start().starts_with("analytics ")).unwrap());
    assert_eq!(
        [&*analytics[0], &*analytics[1], &*analytics[2], &*analytics[4]],
        ["analytics", "every 30m", "waiting", "succeeded"]
    );

    let json = run(folder.path(), &["tasks", "--json", "--set", &port]);
    let tasks: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(tasks["tasks"][1]["name"], "analytics");

    let health = run(folder.path(), &["health", "--set", &port]);
    assert_eq!(health.status.code(), Some(0));
    assert!(text(&health.stdout).contains("[+]database ok"), "{}", text(&health.stdout));
    server.kill();
    let health = run(folder.path(), &["health", "--set", &port]);
    assert_eq!(health.status.code(), Some(1));
    assert!(text(&health.stderr).contains(&format!("127.0.0.1:{}", server.port)), "{}", text(&health.stderr));
}
