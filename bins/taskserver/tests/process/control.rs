//! Control of the tasks from the command line, on whichever replica.

use std::path::Path;
use std::time::Instant;

use taskserver_tests::Backend;
use tempfile::tempdir;

use crate::support::{CYCLE, PATIENCE, Server, taskserver, text};

/// `printf %s let-me-in | sha256sum`
const HASH: &str =
    "authentication.tokens.alice.sha256=a3ee786b5707c27d42570785081ec17f5c7db9262a01366af362a1aa61a420b9";

/// Runs `taskserver tasks …` against a server; the exit code, and what was printed where.
fn tasks(folder: &Path, server: &Server, arguments: &[&str]) -> (Option<i32>, String, String) {
    let url = format!("http://127.0.0.1:{}", server.port);
    let mut command = taskserver(folder, &[&["tasks"], arguments].concat());
    let output = command.env("TASKSERVER_URL", url).env("TASKSERVER_TOKEN_FILE", "token").output().unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn says(out: &str) -> (Option<i32>, String, String) {
    (Some(0), format!("{out}\n"), String::new())
}

fn a_follower_takes_acts_in_and_the_leader_carries_them_out(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "let-me-in\n").unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = [
        ["--set", &url],
        ["--set", "database.create_platform_tables=true"],
        ["--set", "tasks.analytics.every=1h"],
        ["--set", "control.poll_period=100ms"],
        ["--set", HASH],
    ]
    .concat();
    let mut leader = Server::start(folder.path(), &arguments);
    leader.wait_for(CYCLE);
    let mut follower = Server::start(folder.path(), &arguments);
    follower.wait_for("Task server listening");

    let (code, out, error) = tasks(folder.path(), &follower, &["trigger", "analytics", "--reason", "to see"]);
    assert!(code == Some(0) && out.starts_with("The task `analytics` runs: run "), "{out}{error}");
    leader.wait_for(CYCLE);
    let pause = ["pause", "analytics", "--reason", "the database is being moved"];
    assert_eq!(tasks(folder.path(), &follower, &pause), says("The task `analytics` is paused."));
    leader.wait_for("task changed");
    leader.kill();

    let mut restarted = Server::start(folder.path(), &arguments);
    restarted.wait_for("Task server listening");
    // It answers before it has read how the tasks stand.
    let deadline = Instant::now() + PATIENCE;
    loop {
        let port = format!("http.port={}", restarted.port);
        let shown = text(&taskserver(folder.path(), &["tasks", "--set", &port]).output().unwrap().stdout);
        if shown.contains("paused by alice: the database is being moved") {
            break;
        }
        assert!(Instant::now() < deadline, "{shown}");
    }
    assert_eq!(tasks(folder.path(), &restarted, &["resume", "analytics"]), says("The task `analytics` is resumed."));
    let schedule = ["schedule", "analytics", "--cron", "TZ=Europe/Berlin 0 3 * * *"];
    assert_eq!(tasks(folder.path(), &restarted, &schedule), says("The task `analytics` has a new schedule."));
    let shown = restarted.get("/api/tasks/analytics").1;
    assert!(shown.contains(r#""expression":"0 3 * * *","timeZone":"Europe/Berlin""#), "{shown}");

    let acts = database.query(
        r#"SELECT "action", "by", "reason", "outcome" FROM "task-act" WHERE "task" = 'analytics' ORDER BY "asked""#,
    );
    let act = |action: &str, reason: &str| [action, "alice", reason, "done"].map(str::to_owned).to_vec();
    assert_eq!(
        acts,
        [
            act("trigger", "to see"),
            act("pause", "the database is being moved"),
            act("resume", "NULL"),
            act("schedule", "NULL")
        ]
    );
}

#[test]
fn postgres() {
    a_follower_takes_acts_in_and_the_leader_carries_them_out(Backend::Postgres);
}

#[test]
fn mariadb() {
    a_follower_takes_acts_in_and_the_leader_carries_them_out(Backend::MariaDb);
}

#[test]
fn what_cannot_be_done_is_said_and_is_a_failure() {
    let folder = tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "let-me-in").unwrap();
    let mut server = Server::start(folder.path(), &["--set", HASH]);
    server.wait_for(CYCLE);
    let fails = |arguments: &[&str], expected: &str| {
        let (code, out, error) = tasks(folder.path(), &server, arguments);
        assert_eq!((code, out.as_str(), error.as_str()), (Some(1), "", format!("Error: {expected}\n").as_str()));
    };
    fails(&["cancel", "analytics"], "nothing was done: no run of the task `analytics` is in progress");
    let known = "alerts-maintenance, analytics, analytics-maintenance, analytics-rollup, job-retention, monitoring, \
                 report, self-check, task-run-retention";
    fails(&["pause", "analitics"], &format!("the server refused: there is no task `analitics`; the tasks are {known}"));
    fails(&["schedule", "analytics", "--every", "often"], "`often` is no length of time, such as 5m or 1h 30m");
    fails(
        &["pause", "analytics", "--url", "https://example.com"],
        "`https://example.com` is no address of a server; give one such as http://taskserver:5050 (for a cluster, `kubectl \
         port-forward` makes one)",
    );
    std::fs::write(folder.path().join("token"), "another").unwrap();
    fails(&["pause", "analytics"], "the server refused: Not authenticated");
    let output = taskserver(folder.path(), &["tasks", "pause", "analytics"]).output().unwrap();
    assert_eq!(
        text(&output.stderr),
        "Error: a token is needed: give --token-file FILE, or set TASKSERVER_TOKEN or TASKSERVER_TOKEN_FILE\n"
    );
}
