//! The queue of jobs, from the command line to the log of the server that runs them.

use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use taskserver_tests::{Backend, servers};
use tempfile::tempdir;

use crate::rest::{AUTHORIZED, TOKEN, ask};
use crate::support::{PATIENCE, Server, run, text};

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

/// Two replicas on MariaDB, which tells nobody of new rows: one takes jobs in, the other works on them and looks once an hour.
#[test]
fn redis_wakes_the_workers_of_another_replica() {
    let (Some(database), Some(redis)) = (Backend::MariaDb.database(), servers::redis::start()) else { return };
    let folder = tempdir().unwrap();
    let redis_port = redis.url().rsplit(':').next().unwrap().trim_end_matches('/').to_owned();
    let (url, redis_setting) = (format!("database.url={}", database.url()), format!("redis.port={redis_port}"));
    let common = ["database.create_platform_tables=true", "redis.enabled=true", &url, &redis_setting, TOKEN];
    let start = |own: [&str; 2]| {
        let settings: Vec<&str> = common.into_iter().chain(own).flat_map(|setting| ["--set", setting]).collect();
        let mut server = Server::start(folder.path(), &settings);
        server.wait_for("Task server listening");
        server
    };
    let intake = start(["queue.enabled=false", "http.writes=true"]);
    let mut worker = start(["queue.poll_interval=1h", "http.writes=false"]);
    // What comes before it listens is found by its first look.
    let listens = || {
        let output =
            Command::new("redis-cli").args(["-p", &redis_port, "pubsub", "numsub", "taskserver-job"]).output().unwrap();
        text(&output.stdout).trim().ends_with('1')
    };
    let deadline = Instant::now() + PATIENCE;
    while !listens() {
        assert!(Instant::now() < deadline);
        std::thread::sleep(Duration::from_millis(10));
    }
    for message in ["first", "second"] {
        let body = format!(r#"{{"name": "log-message", "payload": {{"message": "the {message} of them"}}}}"#);
        let json = ["-H", "content-type: application/json", "-d", &body];
        assert_eq!(ask(&intake, &[&AUTHORIZED[..], &json].concat(), "/job").0, 201);
        worker.wait_for(&format!("the {message} of them"));
    }
}

#[test]
fn what_is_set_of_the_queue_holds_at_once() {
    let folder = tempdir().unwrap();
    let configure = |text: &str| std::fs::write(folder.path().join("taskserver.toml"), text).unwrap();
    let enqueue = |message: &str| {
        run(folder.path(), &["jobs", "enqueue", "log-message", &format!(r#"{{"message": "{message}"}}"#)])
    };
    configure("queue.queues.default.concurrency = 0\n");
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for("Task server listening");
    assert_eq!(enqueue("at last").status.code(), Some(0));

    configure("queue.max_payload_bytes = 20\nqueue.retention = \"1s\"\n[tasks.job-retention]\nevery = \"100ms\"\n");
    let output = enqueue("far too long");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        text(&output.stderr),
        "Error: the job `log-message` cannot be enqueued: the payload has 26 bytes; at most 20 are stored: put it elsewhere, and \
         a reference into the job\n"
    );
    assert!(!server.log().contains("at last"));
    server.signal("HUP");
    server.wait_for(r#"{\"deleted\":1}"#);
    let log = server.log();
    assert!(log.contains("\"at last\""), "{log}");
    let changed = "in effect now: queue.max_payload_bytes, queue.queues.default.concurrency, queue.retention";
    assert!(log.contains(changed), "{log}");
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
