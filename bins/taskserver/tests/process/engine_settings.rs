//! The platform's own settings, changed in its database while the server runs.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use taskserver_tests::{Backend, TestDatabase, servers};
use tempfile::tempdir;

use crate::platform::environment;
use crate::rest::{AUTHORIZED, TOKEN, ask};
use crate::support::{PATIENCE, Server, text};

fn platform() -> Option<TestDatabase> {
    let database = Backend::MariaDb.database()?;
    database.create_platform_tables();
    insert(&database, "task-server", "processInterval", "45");
    insert(&database, "authentication", "secret", "first-secret");
    Some(database)
}

fn insert(database: &TestDatabase, category: &str, key: &str, value: &str) {
    database.execute(&format!(
        r#"INSERT INTO "engine-setting" ("id", "key", "value", "category", "createdAt", "updatedAt")
        VALUES ('{category}-{key}', '{key}', '{value}', '{category}', '2026-01-01 00:00:00', '2026-01-01 00:00:00')"#
    ));
}

fn change(database: &TestDatabase, key: &str, value: &str) {
    database.execute(&format!(r#"UPDATE "engine-setting" SET "value" = '{value}' WHERE "key" = '{key}'"#));
}

fn start(folder: &Path, database: &TestDatabase, redis: Option<&str>, every: &str) -> Server {
    let every = format!("platform.engine_setting_interval={every}");
    let mut server = Server::start_with(folder, &["--set", TOKEN, "--set", &every], |command| {
        environment(command, database.url());
        if let Some(port) = redis {
            command.envs([("REDIS_ENABLED", "true"), ("REDIS_ADDRESS", "127.0.0.1"), ("REDIS_PORT", port)]);
        }
    });
    server.wait_for("Task server listening");
    server
}

fn interval(server: &Server) -> String {
    let (_, task) = ask(server, &[], "/api/tasks/analytics");
    task["schedule"]["recurrence"]["every"].as_str().unwrap().to_owned()
}

/// Tells of a change as the platform's API server does, once the server listens.
fn tell(redis_port: &str) {
    let message = r#"[{"event":"1","path":"2","data":"3"},"patched","engine-setting",{"id":"4","category":"5"},"x","task-server"]"#;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let publish = ["-p", redis_port, "publish", "feathers-sync", message];
        let heard = Command::new("redis-cli").args(publish).output().unwrap();
        if text(&heard.stdout).trim() == "1" {
            return;
        }
        assert!(Instant::now() < deadline, "nobody listens");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_change_that_the_platform_tells_of_is_in_effect_at_once_and_what_needs_a_restart_is_named() {
    let (Some(database), Some(redis)) = (platform(), servers::redis::start()) else { return };
    let port = redis.url().rsplit(':').next().unwrap().trim_end_matches('/');
    let folder = tempdir().unwrap();
    let mut server = start(folder.path(), &database, Some(port), "1h");
    assert_eq!(interval(&server), "45s");

    change(&database, "processInterval", "90");
    change(&database, "secret", "second-secret");
    insert(&database, "redis", "address", "elsewhere");
    tell(port);
    let line = server.wait_for("in effect now: authentication.secret, tasks.analytics.every");
    assert!(!line.contains("second-secret"), "{line}");
    server.wait_for("needs a restart: redis.address");
    assert_eq!(interval(&server), "1m 30s");

    // Whoever listens to the events from outside does not learn of settings, some of which are secrets.
    assert_eq!(ask(&server, &AUTHORIZED, "/api/events?service=engine-setting").0, 405);
}

#[test]
fn a_change_that_nobody_tells_of_is_found_and_what_cannot_be_read_changes_nothing() {
    let Some(database) = platform() else { return };
    let folder = tempdir().unwrap();
    let mut server = start(folder.path(), &database, None, "1s");
    assert_eq!(interval(&server), "45s");
    change(&database, "processInterval", "90");
    server.wait_for("in effect now: tasks.analytics.every");
    assert_eq!(interval(&server), "1m 30s");

    change(&database, "processInterval", "soon");
    server.wait_for("engine-setting row task-server/processInterval");
    assert_eq!(interval(&server), "1m 30s");
    change(&database, "processInterval", "120");
    server.wait_for("in effect now: tasks.analytics.every");

    database.execute(r#"DROP TABLE "engine-setting""#);
    server.wait_for("the platform's settings (engine-setting) cannot be read; what was in effect stays so");
    assert_eq!(interval(&server), "2m");
}
