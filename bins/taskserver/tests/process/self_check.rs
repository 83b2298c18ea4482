//! The self-check: a task of the server that does not succeed, and who is told of it.

use serde_json::Value;
use taskserver_tests::Backend;
use taskserver_tests::http::Sink;
use tempfile::tempdir;

use crate::support::Server;

fn a_task_that_does_not_succeed_is_alerted_until_it_does(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let (folder, sink) = (tempdir().unwrap(), Sink::start());
    let configure = |metric: &str| {
        let text = format!(
            r#"
            database.create_platform_tables = true
            tasks.analytics.every = "1s"
            tasks.self-check.every = "200ms"
            self_check.intervals = 2
            self_check.grace = "1s"
            self_check.level = "critical"
            [analytics.metrics.mine]
            sql = "{metric}"
            [alerts.receivers.chat]
            kind = "webhook"
            url = "{}"
            "#,
            sink.url()
        );
        std::fs::write(folder.path().join("taskserver.toml"), text).unwrap();
    };
    configure("SELECT 'many'");
    let url = format!("database.url={}", database.url());
    let server = Server::start(folder.path(), &["--set", &url]);
    let text = |index: usize| -> String {
        let body: Value = serde_json::from_str(&sink.wait_for(index + 1)[index].body).unwrap();
        body["text"].as_str().unwrap().to_owned()
    };
    let (title, message) =
        ("The task analytics has never succeeded", "1 of 7 metrics failed: mine: 'many' is no number");
    assert_eq!(
        text(0),
        format!(
            "[firing] critical: {title}\nIt should have, at least once in 2 of its scheduled times. Its last run said: {message}"
        )
    );
    configure("SELECT 1");
    server.signal("HUP");
    assert!(text(1).starts_with(&format!("[resolved] critical: {title}\n")), "{}", text(1));
}

#[test]
fn sqlite() {
    a_task_that_does_not_succeed_is_alerted_until_it_does(Backend::Sqlite);
}

#[test]
fn postgres() {
    a_task_that_does_not_succeed_is_alerted_until_it_does(Backend::Postgres);
}

#[test]
fn mariadb() {
    a_task_that_does_not_succeed_is_alerted_until_it_does(Backend::MariaDb);
}
