//! `taskserver status`: how it stands with a running server, for people and for scripts.

use serde_json::Value;
use tempfile::tempdir;

use crate::prometheus::{Everything, everything};
use crate::rest::TOKEN;
use crate::support::{CYCLE, Server, free_port, run, text};

/// The exit code, what is printed, and what is said beside it.
fn status(port: u16, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempdir().unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let output = run(folder.path(), &[&["status", "--url", &url], arguments].concat());
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_server_with_nothing_wrong_is_told_in_full_and_with_success() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", "leadership.instance=pod-0"]);
    server.wait_for(CYCLE);
    let (code, told, errors) = status(server.port, &[]);
    assert_eq!((code, &*errors), (Some(0), ""), "{told}");
    let mut parts = told.split("\n\n");
    let (first, verdict) = parts.next().unwrap().split_once('\n').unwrap();
    let beginning = format!("taskserver {} on pod-0, up for ", env!("CARGO_PKG_VERSION"));
    assert!(first.starts_with(&beginning) && first.ends_with("; leads, alone"), "{first}");
    assert_eq!(verdict, "Everything works");
    let components = parts.next().unwrap();
    let database = components.lines().find(|line| line.trim_start().starts_with("database ")).unwrap();
    let columns: Vec<_> = database.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    assert_eq!((columns[1], columns[3], columns[4]), ("ready", "yes", "-"));
    let tasks = parts.next().unwrap();
    let analytics = tasks.lines().find(|line| line.trim_start().starts_with("analytics ")).unwrap();
    assert!(
        analytics.contains("every 30m") && analytics.contains("succeeded") && analytics.contains(" in "),
        "{tasks}"
    );
    assert_eq!((parts.next(), parts.next(), parts.next()), (Some("ALERTS\n  none"), Some("QUEUE\n  empty\n"), None));
    assert!(!told.contains('\x1b'), "{told}");

    let (code, told, _) = status(server.port, &["--json"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["verdict"]["tone"], &told["queue"]["dead"]), (Some(0), &"good".into(), &0.into()));
    assert_eq!((&told["identity"], &told["leadership"]["state"]), (&"pod-0".into(), &"always".into()));
}

#[test]
fn what_is_wrong_is_told_with_its_reason_and_with_failure() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", "analytics.metrics.odd.sql=SELECT 'many'"]);
    server.wait_for("1 of 7 metrics failed");
    let told = loop {
        // The failure is logged a moment before it is on record.
        match status(server.port, &[]) {
            (Some(1), told, _) => break told,
            (code, told, _) => assert_eq!(code, Some(0), "{told}"),
        }
    };
    assert!(told.contains("\nWorking, with 1 problem\n  analytics failed, since "), "{told}");
    assert!(told.contains(" ago: 1 of 7 metrics failed: odd: 'many' is no number"), "{told}");
    assert_eq!(status(server.port, &["--json"]).0, Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn alerts_the_queue_and_the_events_are_told_where_there_are_some() {
    let Some(Everything { server, .. }) = &everything().await else { return };
    let (_, told, _) = status(server.port, &[]);
    assert!(told.contains("; leads, in term 1\n"), "{told}");
    assert!(told.contains("\nALERTS\n  critical: Out of memory on Pod pod, since "), "{told}");
    assert!(told.contains("\nKUBERNETES EVENTS\n  1 within the last hour, 1 of them warnings; the newest: "), "{told}");
}

#[test]
fn a_server_that_does_not_tell_is_another_matter_than_one_with_something_wrong() {
    let nobody = free_port();
    let (code, told, errors) = status(nobody, &[]);
    assert_eq!((code, &*told), (Some(3), ""));
    assert!(errors.starts_with(&format!("Error: cannot connect to 127.0.0.1:{nobody}")), "{errors}");

    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &["--set", TOKEN, "--set", "http.protect_pages=true"]);
    server.wait_for(CYCLE);
    let (code, told, errors) = status(server.port, &[]);
    assert_eq!((code, &*told), (Some(3), ""));
    assert_eq!(errors, "Error: the server answers 401 Unauthorized: Not authenticated\n");
    assert_eq!(status(server.port, &["--token", "hunter2"]).0, Some(0));

    assert_eq!(run(folder.path(), &["status", "--set", "http.port=many"]).status.code(), Some(2));
    assert_eq!(run(folder.path(), &["status", "--colour"]).status.code(), Some(2));
}

/// What the program prints on a terminal.
#[cfg(target_os = "linux")]
fn on_a_terminal(port: u16, environment: &str) -> String {
    let command = format!("{environment} {} status --url http://127.0.0.1:{port}", env!("CARGO_BIN_EXE_taskserver"));
    let output = std::process::Command::new("script").args(["-qec", &command, "/dev/null"]).output().unwrap();
    text(&output.stdout)
}

#[cfg(target_os = "linux")]
#[test]
fn it_is_in_colour_on_a_terminal_unless_somebody_does_not_want_that() {
    let folder = tempdir().unwrap();
    let mut server = Server::start(folder.path(), &[]);
    server.wait_for(CYCLE);
    let coloured = on_a_terminal(server.port, "NO_COLOR=");
    assert!(coloured.contains("\x1b[32m\x1b[1mEverything works\x1b[0m"), "{coloured}");
    let plain = on_a_terminal(server.port, "NO_COLOR=1");
    assert!(plain.contains("Everything works") && !plain.contains('\x1b'), "{plain}");
}
