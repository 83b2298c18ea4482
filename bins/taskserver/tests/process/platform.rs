//! The server in the place of the platform's own, with the platform's environment and database.

use taskserver_tests::{Backend, servers};
use tempfile::tempdir;

use crate::support::{CYCLE, Server, free_port};

/// The platform's environment for its task server, with this database.
pub(crate) fn environment(command: &mut std::process::Command, url: &str) {
    let url = url.strip_prefix("mysql://").unwrap();
    let (account, rest) = url.split_once('@').unwrap();
    let (address, database) = rest.split_once('/').unwrap();
    let (host, port) = address.split_once(':').unwrap();
    let (user, password) = account.split_once(':').unwrap_or((account, ""));
    command
        .envs([("KUBERNETES", "true"), ("SERVER_MODE", "task"), ("RELEASE_NAME", "local"), ("NODE_ENV", "production")])
        .envs([("MYSQL_HOST", host), ("MYSQL_PORT", port), ("MYSQL_DATABASE", database)])
        .envs([("MYSQL_USER", user), ("MYSQL_PASSWORD", password)])
        .env("TASKSERVER_PORT", "tcp://10.0.0.1:5050")
        .env("TASKSERVER_PROCESS_INTERVAL_SECONDS", "1800");
}

#[test]
fn in_a_cluster_the_platforms_own_settings_count() {
    let Some(database) = Backend::MariaDb.database() else { return };
    database.create_platform_tables();
    let port = free_port();
    for (key, value) in [("port", port.to_string()), ("processInterval", "45".into()), ("unknown", "x".into())] {
        database.execute(&format!(
            r#"INSERT INTO "engine-setting" ("id", "key", "value", "category", "createdAt", "updatedAt")
            VALUES ('{key}', '{key}', '{value}', 'task-server', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"#
        ));
    }
    let folder = tempdir().unwrap();
    let mut server = Server::start_on(folder.path(), &[], port, |command| environment(command, database.url()));
    server.wait_for(&format!("Task server listening on port {port}"));
    let (_, task) = server.get("/api/tasks/analytics");
    assert!(task.contains("\"every\":\"45s\""), "{task}");
    server.wait_for(CYCLE);
    assert_eq!(database.query(r#"SELECT COUNT(*) FROM "analytics""#), [["6"]]);
    database.execute(r#"UPDATE "engine-setting" SET "value" = '90' WHERE "key" = 'processInterval'"#);
    server.signal("HUP");
    server.wait_for("in effect now: tasks.analytics.every");
    let (_, task) = server.get("/api/tasks/analytics");
    assert!(task.contains("\"every\":\"1m 30s\""), "{task}");
    // There is no cluster here: that is said, and keeps nothing from working.
    let (status, verbose) = server.get("/readyz?verbose");
    assert!(status == 200 && verbose.contains("kubernetes failed (not required)"), "{status} {verbose}");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
}

#[test]
fn settings_of_the_platform_that_cannot_be_read_leave_the_others_in_effect() {
    let Some(database) = Backend::MariaDb.database() else { return };
    database.create_platform_tables();
    database.execute(r#"DROP TABLE "engine-setting""#);
    let folder = tempdir().unwrap();
    let mut server = Server::start_with(folder.path(), &[], |command| environment(command, database.url()));
    server.wait_for("the platform's settings (engine-setting) cannot be read");
    server.wait_for("Task server listening");
    let (_, task) = server.get("/api/tasks/analytics");
    assert!(task.contains("\"every\":\"30m\""), "{task}");
}

#[test]
fn a_database_that_goes_away_and_comes_back_is_noticed_and_needs_no_restart() {
    for start in [servers::postgres::start, servers::mariadb::start] {
        let Some(mut database) = start() else { return };
        let name = taskserver_tests::TestDatabase::on(database.url());
        let folder = tempdir().unwrap();
        let url = format!("database.url={}", name.url());
        let arguments = ["--set", &url, "--set", "database.create_platform_tables=true"];
        let often = ["--set", "tasks.monitoring.every=200ms", "--set", "tasks.analytics.every=1s"];
        let lease = ["--set", "leadership.lease_duration=3s", "--set", "leadership.renew_deadline=2s"];
        let mut server = Server::start(folder.path(), &[&arguments[..], &often, &lease].concat());
        server.wait_for(CYCLE);
        database.kill();
        server.wait_for("component is down");
        assert_eq!((server.get("/readyz").0, server.get("/livez").0), (503, 200));
        // Its lease is there, too.
        server.wait_for("this server leads no longer");
        database.start_again();
        server.wait_for("component is ready");
        server.wait_for(CYCLE);
        assert_eq!(server.get("/readyz").0, 200);
        server.signal("TERM");
        assert_eq!(server.end().code(), Some(0));
    }
}
