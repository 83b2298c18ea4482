//! The queue of jobs, from the command line to the log of the server that runs them.

use serde_json::Value;
use taskserver_tests::Backend;
use tempfile::tempdir;

use crate::support::{Server, run, text};

fn a_job_runs_from_the_command_line_and_by_hand(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let folder = tempdir().unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = ["--set", &url, "--set", "database.create_platform_tables=true"];
    let jobs = |command: &[&str]| {
        let output = run(folder.path(), &[&["jobs"], command, &["--set", &url]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let mut server = Server::start(folder.path(), &arguments);
    server.wait_for("Task server listening");
    let id = jobs(&["enqueue", "log-message", r#"{"message": "from the command line"}"#]).trim().to_owned();
    assert!(server.wait_for("from the command line").contains("log-message"));
    database.execute(r#"INSERT INTO "job" ("name", "payload") VALUES ('log-message', '{"message": "by hand"}')"#);
    server.wait_for("by hand");

    let waiting = jobs(&["enqueue", "log-message", r#"{"message": "at last"}"#, "--delay", "1h"]).trim().to_owned();
    jobs(&["cancel", &waiting]);
    assert!(jobs(&["--state", "cancelled"]).contains(&waiting));
    jobs(&["retry", &waiting]);
    server.wait_for("at last");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));

    let job: Value = serde_json::from_str(&jobs(&["show", &id])).unwrap();
    assert_eq!((job["state"].as_str(), job["attempt"].as_i64()), (Some("succeeded"), Some(1)));
    let left = jobs(&["--json", "--state", "queued"]);
    assert_eq!(left.trim(), "[]");
    let output = run(folder.path(), &["jobs", "cancel", &id, "--set", &url]);
    assert_eq!(output.status.code(), Some(1));
    let expected =
        format!("Error: the job `{id}` is succeeded: it has come to its end, and there is nothing to cancel\n");
    assert_eq!(text(&output.stderr), expected);
}

#[test]
fn sqlite() {
    a_job_runs_from_the_command_line_and_by_hand(Backend::Sqlite);
}

#[test]
fn postgres() {
    a_job_runs_from_the_command_line_and_by_hand(Backend::Postgres);
}

#[test]
fn mariadb() {
    a_job_runs_from_the_command_line_and_by_hand(Backend::MariaDb);
}
