//! Several replicas of the server on one database.

use taskserver_tests::{Backend, TestDatabase};
use tempfile::tempdir;

use crate::support::Server;

/// The runs of the analytics that succeeded, and the instances that ran them.
fn runs(database: &TestDatabase) -> Vec<Vec<String>> {
    database.query(
        r#"SELECT "scheduled", COUNT(*), MIN("instance") FROM "task-run"
        WHERE "task" = 'analytics' AND "outcome" = 'succeeded' GROUP BY "scheduled" ORDER BY "scheduled""#,
    )
}

/// One replica runs the tasks; when it is killed another one does, and every run is there once.
fn one_leads_and_another_takes_over(backend: Backend) {
    let Some(database) = backend.database() else { return };
    let folder = tempdir().unwrap();
    let url = format!("database.url={}", database.url());
    let arguments = [
        ["--set", &url],
        ["--set", "database.create_platform_tables=true"],
        ["--set", "tasks.analytics.every=500ms"],
        ["--set", "leadership.lease_duration=2s"],
        ["--set", "leadership.renew_deadline=1s"],
        ["--set", "leadership.retry_period=100ms"],
    ]
    .concat();
    let mut leader = Server::start(folder.path(), &arguments);
    leader.wait_for("run succeeded");
    let mut follower = Server::start(folder.path(), &arguments);
    follower.wait_for("Task server listening");
    assert_eq!(follower.get("/readyz").0, 200);
    assert!(leader.get("/api/tasks").1.contains("\"leadership\":{\"state\":\"leading\""));
    assert!(follower.get("/api/tasks").1.contains("\"leadership\":{\"state\":\"following\""));
    leader.wait_for("run succeeded");
    leader.kill();
    follower.wait_for("run succeeded");
    follower.signal("TERM");
    assert_eq!(follower.end().code(), Some(0));

    let runs = runs(&database);
    assert!(runs.iter().all(|run| run[1] == "1"), "{runs:?}");
    let instances: std::collections::BTreeSet<_> = runs.iter().map(|run| &run[2]).collect();
    assert_eq!(instances.len(), 2, "{runs:?}");
}

#[test]
fn postgres() {
    one_leads_and_another_takes_over(Backend::Postgres);
}

#[test]
fn mariadb() {
    one_leads_and_another_takes_over(Backend::MariaDb);
}
