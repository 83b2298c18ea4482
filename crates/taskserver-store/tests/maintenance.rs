//! Statements of one's own that change rows, on each kind of database.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use taskserver_core::{App, Run};
use taskserver_store::{Backend, MaintenanceOptions, SqlMaintenance, Store, StoreOptions};
use taskserver_tests::{TestDatabase, for_each_backend};

const TASK: &str = "maintenance-notes";

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

/// A table with so many notes.
fn notes(database: &TestDatabase, notes: u32) {
    database.execute("CREATE TABLE note (id int NOT NULL PRIMARY KEY, old int NOT NULL)");
    let rows: Vec<String> = (0..notes).map(|id| format!("({id}, 1)")).collect();
    database.execute(&format!("INSERT INTO note VALUES {}", rows.join(", ")));
}

/// A statement that deletes no more than a batch.
fn delete(store: &Store) -> &'static str {
    match store.backend() {
        Backend::Mysql => "DELETE FROM note WHERE old = 1 ORDER BY id LIMIT :batch_size;",
        _ => "DELETE FROM note WHERE id IN (SELECT id FROM note WHERE old = 1 ORDER BY id LIMIT :batch_size)",
    }
}

async fn run(store: &Store, sql: &str, options: MaintenanceOptions) -> Run {
    let task = SqlMaintenance::new(store, "notes", sql, options).unwrap();
    let app = App::builder().task(task).build().unwrap();
    app.tasks().run_and_wait(&app, TASK).await.unwrap()
}

fn options(dry_run: bool, batch_size: u64, max_batches: u32) -> MaintenanceOptions {
    MaintenanceOptions { dry_run, batch_size, max_batches, timeout: None }
}

fn result(dry_run: bool, rows: u64, batches: u32, more: bool) -> Value {
    json!({"dryRun": dry_run, "rows": rows, "batches": batches, "more": more})
}

fn count(database: &TestDatabase) -> String {
    database.query("SELECT COUNT(*) FROM note")[0][0].clone()
}

for_each_backend! {
    async fn a_statement_is_carried_out_in_batches_until_one_is_not_full(database: TestDatabase) {
        let store = store(&database);
        notes(&database, 25);
        assert_eq!(run(&store, delete(&store), options(false, 10, 2)).await.result, result(false, 20, 2, true));
        assert_eq!(count(&database), "5");
        assert_eq!(run(&store, delete(&store), options(false, 10, 2)).await.result, result(false, 5, 1, false));
        assert_eq!(count(&database), "0");
    }

    async fn a_dry_run_counts_all_batches_and_takes_them_back(database: TestDatabase) {
        let store = store(&database);
        notes(&database, 25);
        assert_eq!(run(&store, delete(&store), options(true, 10, 100)).await.result, result(true, 25, 3, false));
        assert_eq!(run(&store, delete(&store), options(true, 10, 2)).await.result, result(true, 20, 2, true));
        assert_eq!(count(&database), "25");
        assert_eq!(run(&store, delete(&store), MaintenanceOptions::default()).await.result, result(true, 25, 1, false));
        assert_eq!(count(&database), "25");
    }

    async fn a_batch_of_too_many_rows_has_no_effect(database: TestDatabase) {
        let store = store(&database);
        notes(&database, 25);
        for dry_run in [true, false] {
            let run = run(&store, "DELETE FROM note WHERE old = 1", options(dry_run, 24, 10)).await;
            assert_eq!(
                run.error.as_deref(),
                Some(
                    "the statement is about 25 rows at once, and a batch may be about 24: let it be about :batch_size rows at \
                     most, such as by LIMIT :batch_size"
                )
            );
            assert_eq!(count(&database), "25");
        }
    }

    async fn a_statement_that_takes_too_long_is_stopped_and_has_no_effect(database: TestDatabase) {
        let store = store(&database);
        notes(&database, 25);
        let slow = match store.backend() {
            Backend::Sqlite => "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000) SELECT SUM(x) FROM n",
            Backend::Postgres => "SELECT COUNT(*) FROM pg_sleep(5)",
            Backend::Mysql => "SELECT SLEEP(5)",
        };
        let limited = MaintenanceOptions { timeout: Some(Duration::from_millis(200)), ..options(false, 100, 10) };
        let start = Instant::now();
        let stopped = run(&store, &format!("DELETE FROM note WHERE id < ({slow})"), limited).await;
        assert_eq!(stopped.error.as_deref(), Some("the statement took longer than 200ms and was stopped"));
        assert!(start.elapsed() < Duration::from_millis(1500), "{:?}", start.elapsed());
        // SQLite goes on to its end, and then takes it back.
        assert_eq!(run(&store, delete(&store), options(true, 100, 10)).await.result, result(true, 25, 1, false));
    }

    async fn what_a_former_leader_would_change_stays(database: TestDatabase) {
        let store = store(&database);
        store.migrate().await.unwrap();
        notes(&database, 25);
        let lease = taskserver_store::SqlLease::new(&store, taskserver_store::LEADERSHIP).unwrap();
        let election = taskserver_core::Election::new(lease, "old", taskserver_core::ElectionOptions::default());
        let task = SqlMaintenance::new(&store, "notes", delete(&store), options(false, 10, 10)).unwrap();
        let app = App::builder().task(task.fenced(taskserver_store::LEADERSHIP)).election(election.unwrap()).build().unwrap();
        app.start();
        app.leadership().leading().await;
        database.execute(r#"UPDATE "leadership" SET "term" = "term" + 1"#);
        let run = app.tasks().run_and_wait(&app, TASK).await.unwrap();
        assert!(run.error.unwrap().contains("is over"));
        assert_eq!(count(&database), "25");
    }
}

#[test]
fn what_is_not_one_statement_that_changes_rows_is_refused() {
    let store = Store::new(StoreOptions::new("sqlite::memory:").unwrap()).unwrap();
    let verbs = "it must change rows: expected DELETE, UPDATE, INSERT, REPLACE or WITH at its beginning";
    for (sql, reason) in [
        (" ; ", "it is empty"),
        ("DELETE FROM a; DELETE FROM b", "it must be one statement: there is a semicolon in it"),
        ("SELECT 1", verbs),
        ("TRUNCATE TABLE user", verbs),
        ("DROP TABLE user", verbs),
        ("DELETED", verbs),
    ] {
        let error = SqlMaintenance::new(&store, "notes", sql, MaintenanceOptions::default()).err().unwrap();
        assert_eq!(error.to_string(), format!("the database rejects the statement: {reason}"), "{sql}");
    }
}
