//! The daily report, from its making to those who get it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use taskserver_tests::Backend;
use taskserver_tests::http::Sink;
use tempfile::tempdir;

use crate::rest::{AUTHORIZED, TOKEN, ask};
use crate::support::{PATIENCE, Server, run, text};

fn a_report_is_made_once_a_day_and_told_once(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let (folder, sink) = (tempdir().unwrap(), Sink::start());
    std::fs::write(
        folder.path().join("taskserver.toml"),
        format!(
            r#"
            tasks.report.time_zone = "Pacific/Kiritimati"
            database.create_platform_tables = true
            [alerts.receivers.chat]
            kind = "webhook"
            url = "{}"
            "#,
            sink.url()
        ),
    )
    .unwrap();
    let url = format!("database.url={}", database.url());
    let yesterday = || {
        let now = Timestamp::now().to_zoned(TimeZone::get("Pacific/Kiritimati").unwrap());
        now.date().yesterday().unwrap().to_string()
    };
    // Midnight may come between the runs: then there are two reports.
    let (mut made, earliest) = (BTreeSet::new(), yesterday());
    for _ in 0..3 {
        let output = run(folder.path(), &["tasks", "run", "report", "--set", &url]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let day = report["day"].as_str().unwrap().to_owned();
        assert!(day == earliest || day == yesterday(), "{day}");
        assert_eq!(report["new"], made.insert(day));
    }

    let mut server = Server::start(folder.path(), &["--set", &url, "--set", TOKEN]);
    let told: Value = serde_json::from_str(&sink.wait_for(1)[0].body).unwrap();
    let title = told["report"]["title"].as_str().unwrap();
    assert!(told["text"].as_str().unwrap().starts_with(&format!("{title}\n# {title}\n")), "{told}");
    assert_eq!((&told["type"], &told["report"]["data"]["timeZone"]), (&"report".into(), &"Pacific/Kiritimati".into()));
    server.wait_for("Kubernetes events are not kept here.");

    let (status, reports) = ask(&server, &AUTHORIZED, "/report");
    assert_eq!((status, &reports["data"][0]["title"]), (200, &title.into()));
    assert!(server.get("/reports").1.contains(title));
    // There is no delivery that is still to be made.
    let deadline = std::time::Instant::now() + PATIENCE;
    while database.query(r#"SELECT COUNT(*) FROM "alert-delivery""#) != [["0"]] {
        assert!(std::time::Instant::now() < deadline);
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(sink.requests().len(), made.len());
}

#[test]
fn sqlite() {
    a_report_is_made_once_a_day_and_told_once(Backend::Sqlite);
}

#[test]
fn postgres() {
    a_report_is_made_once_a_day_and_told_once(Backend::Postgres);
}

#[test]
fn mariadb() {
    a_report_is_made_once_a_day_and_told_once(Backend::MariaDb);
}
