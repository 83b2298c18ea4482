//! Statements of one's own that keep tables in order.

use serde_json::{Value, json};
use taskserver_tests::Backend;
use tempfile::tempdir;

use crate::support::{Server, run, text};

const TASK: &str = "maintenance-old-channels";

fn a_statement_is_tried_first_and_then_keeps_a_table_in_order(backend: Backend) {
    let Some(database) = backend.database() else { return };
    database.create_platform_tables();
    let add = |from: usize, to: usize| {
        for id in from..to {
            database.execute(&format!(
                r#"INSERT INTO "channel" ("id", "createdAt", "updatedAt") VALUES ('{id}', '2020-01-01 00:00:00', '2020-01-01 00:00:00')"#
            ));
        }
    };
    let left = || database.query(r#"SELECT COUNT(*) FROM "channel""#)[0][0].clone();
    add(0, 25);
    let sql = match backend {
        Backend::MariaDb => "DELETE FROM channel WHERE createdAt < '2021-01-01' LIMIT :batch_size",
        _ => {
            r#"DELETE FROM channel WHERE id IN (SELECT id FROM channel WHERE "createdAt" < '2021-01-01' LIMIT :batch_size)"#
        }
    };
    let folder = tempdir().unwrap();
    let configure = |more: &str| {
        let url = database.url();
        let text = format!(
            "database.url = '{url}'\n[maintenance.old-channels]\nsql = '''{sql}'''\nbatch_size = 10\nmax_batches = 2\n{more}"
        );
        std::fs::write(folder.path().join("taskserver.toml"), text).unwrap();
    };
    let once = || -> Value {
        let output = run(folder.path(), &["tasks", "run", TASK]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    configure("");
    assert_eq!(once(), json!({"dryRun": true, "rows": 20, "batches": 2, "more": true}));
    assert_eq!(left(), "25");
    configure("dry_run = false\n");
    assert_eq!(once(), json!({"dryRun": false, "rows": 20, "batches": 2, "more": true}));
    assert_eq!(left(), "5");

    configure(&format!("dry_run = false\n[tasks.{TASK}]\nevery = '100ms'\n"));
    let mut server = Server::start(folder.path(), &[]);
    let line = server.wait_for(r#"\"rows\":5"#);
    assert!(line.contains("taskserver:maintenance-old-channels"), "{line}");
    assert_eq!(left(), "0");
    server.signal("TERM");
    assert_eq!(server.end().code(), Some(0));
    let results =
        database.query(&format!(r#"SELECT "result" FROM "task-run" WHERE "task" = '{TASK}' ORDER BY "started""#));
    assert_eq!(results[0], [r#"{"dryRun":false,"rows":5,"batches":1,"more":false}"#]);
}

#[test]
fn sqlite() {
    a_statement_is_tried_first_and_then_keeps_a_table_in_order(Backend::Sqlite);
}

#[test]
fn postgres() {
    a_statement_is_tried_first_and_then_keeps_a_table_in_order(Backend::Postgres);
}

#[test]
fn mariadb() {
    a_statement_is_tried_first_and_then_keeps_a_table_in_order(Backend::MariaDb);
}

#[test]
fn a_statement_that_is_wrong_is_found_before_anything_starts() {
    let folder = tempdir().unwrap();
    let statements = "[maintenance.none]\nsql = ''\n[maintenance.two]\nsql = 'DELETE FROM a; DELETE FROM b'\n";
    std::fs::write(folder.path().join("taskserver.toml"), statements).unwrap();
    let output = run(folder.path(), &["run"]);
    assert_eq!(output.status.code(), Some(2));
    let expected = "\
The configuration has 2 problems:

  1. maintenance.none.sql = \"\"
     from: taskserver.toml:2
     Must not be empty.

  2. maintenance.two.sql = \"DELETE FROM a; DELETE FROM b\"
     from: taskserver.toml:4
     Expected one statement: there is a semicolon in it.
";
    assert_eq!(text(&output.stderr), expected);
}
