//! Figures are read in one state of the database, by themselves, within bounds, and without writing.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails; clippy.toml excepts only the test functions")]

use std::time::{Duration, Instant};

use taskserver_store::{Reading, Store, StoreError, StoreOptions};
use taskserver_tests::{Backend, TestDatabase, for_each_backend};

const LIMIT: Duration = Duration::from_secs(10);

fn store(database: &TestDatabase) -> Store {
    Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
}

fn number(sql: &str) -> Reading {
    Reading::number(sql, LIMIT)
}

async fn take(store: &Store, readings: &[Reading]) -> Vec<Result<Vec<Option<i64>>, String>> {
    let results = store.take_readings(readings).await.unwrap();
    results.into_iter().map(|result| result.map_err(|error| error.to_string())).collect()
}

/// A statement that takes some seconds, and how long its limit is.
fn slow(backend: Backend) -> &'static str {
    match backend {
        Backend::Sqlite => {
            "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 4000000) SELECT SUM(x) FROM n"
        }
        Backend::Postgres => "SELECT COUNT(*) FROM pg_sleep(5)",
        Backend::MariaDb => "SELECT SLEEP(5)",
    }
}

for_each_backend! {
    async fn a_row_of_numbers_and_single_numbers_are_read_in_their_order(database: TestDatabase) {
        let store = store(&database);
        let [a, b] = ["bothCases", "b"].map(|name| store.quote(name));
        let results = take(
            &store,
            &[
                Reading::row(format!("SELECT 1 AS {b}, 2.6 AS {a} -- a comment"), ["bothCases", "b"], LIMIT),
                number("SELECT SUM(x) FROM (SELECT 1 AS x UNION ALL SELECT 2) AS t;"),
                number("WITH t AS (SELECT 4.5 AS x) SELECT AVG(x) FROM t"),
                number("SELECT 1 FROM (SELECT 1 AS x) AS t WHERE x = 2"),
                number("SELECT NULL"),
            ],
        )
        .await;
        let expected = [vec![Some(3), Some(1)], vec![Some(3)], vec![Some(5)], vec![None], vec![None]];
        assert_eq!(results, expected.map(Ok));
    }
}

for_each_backend! {
    async fn what_is_not_one_number_fails_by_itself(database: TestDatabase) {
        let store = store(&database);
        let readings = [
            number("SELECT 1, 2"),
            number("SELECT 1 UNION ALL SELECT 2"),
            number("SELECT 'twelve'"),
            number("SELECT COUNT(*) FROM nowhere"),
            number("SELECT absent"),
            number("SELECT 1; SELECT 2"),
            Reading::row("SELECT 1 AS a FROM (SELECT 1 AS x) AS t WHERE x = 2", ["a"], LIMIT),
            Reading::row("SELECT 1 AS a UNION ALL SELECT 2", ["a"], LIMIT),
            Reading::row("SELECT 1 AS a", ["b"], LIMIT),
            number("SELEKT 1"),
            number("SELECT 7"),
        ];
        let results = take(&store, &readings).await;
        let errors: Vec<&str> =
            results.iter().map(|result| result.as_ref().map_or_else(String::as_str, |_| "fine")).collect();
        let statement = "the database rejects the statement:";
        let two_columns = match database.backend() {
            Backend::Sqlite => "the statement yields 2 columns in place of one".to_owned(),
            Backend::Postgres => format!("{statement} subquery must return only one column"),
            Backend::MariaDb => format!("{statement} Operand should contain 1 column(s)"),
        };
        let two_rows = match database.backend() {
            Backend::Sqlite => "the statement yields more than one row".to_owned(),
            Backend::Postgres => format!("{statement} more than one row returned by a subquery used as an expression"),
            Backend::MariaDb => format!("{statement} Subquery returns more than 1 row"),
        };
        assert_eq!(errors[0], two_columns);
        assert_eq!(errors[1], two_rows);
        assert_eq!(errors[2], "'twelve' is no number");
        assert_eq!(errors[3], "the database has no table `nowhere`");
        assert_eq!(errors[4], "the database has no column `absent`");
        assert_eq!(errors[5], format!("{statement} it must be one statement: there is a semicolon in it"));
        assert_eq!(errors[6], "the statement yields no row in place of one");
        assert_eq!(errors[7], "the statement yields more than one row");
        assert_eq!(errors[8], "the database has no column `reading.b`");
        assert!(errors[9].starts_with(statement), "{}", errors[9]);
        assert_eq!(results[10], Ok(vec![Some(7)]));
    }
}

for_each_backend! {
    async fn a_reading_that_takes_too_long_is_stopped_and_the_others_are_read(database: TestDatabase) {
        let store = store(&database);
        let slow = Reading::number(slow(database.backend()), Duration::from_millis(300));
        let start = Instant::now();
        let results = take(&store, &[number("SELECT 1"), slow, number("SELECT 3")]).await;
        assert!(start.elapsed() < Duration::from_millis(1300), "{:?}", start.elapsed());
        let timeout = "the statement took longer than 300ms and was stopped".to_owned();
        assert_eq!(results, [Ok(vec![Some(1)]), Err(timeout), Ok(vec![Some(3)])]);
        // The limit was that reading's alone.
        let after = Reading::number("SELECT 4", LIMIT);
        assert_eq!(take(&store, &[after]).await, [Ok(vec![Some(4)])]);
    }
}

for_each_backend! {
    async fn a_reading_cannot_write(database: TestDatabase) {
        let store = store(&database);
        database.execute("CREATE TABLE t (x int)");
        let writes: &[&str] = match database.backend() {
            Backend::Sqlite => &["DELETE FROM t", "INSERT INTO t VALUES (1) RETURNING x"],
            Backend::Postgres => {
                database.execute("CREATE SEQUENCE s");
                database.execute("CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (1) RETURNING x'");
                &["WITH w AS (INSERT INTO t VALUES (1) RETURNING x) SELECT x FROM w", "SELECT nextval('s')", "SELECT f()"]
            }
            Backend::MariaDb => {
                database.execute("delimiter //\nCREATE FUNCTION f() RETURNS int MODIFIES SQL DATA BEGIN INSERT INTO t VALUES (1); RETURN 1; END//");
                &["DELETE FROM t", "SELECT f()", "SELECT 1 INTO OUTFILE '/tmp/never'"]
            }
        };
        let mut readings: Vec<_> = writes.iter().map(|sql| number(sql)).collect();
        readings.push(number("SELECT COUNT(*) FROM t"));
        let results = store.take_readings(&readings).await.unwrap();
        let (last, failed) = results.split_last().unwrap();
        for (result, sql) in failed.iter().zip(writes) {
            assert!(matches!(result, Err(StoreError::ReadOnly(_) | StoreError::Statement(_))), "{sql}: {result:?}");
        }
        assert_eq!(last, &Ok(vec![Some(0)]));
        // And the connection writes again when it is used for something else.
        store.create_platform_tables().await.unwrap();
        assert!(store.columns("analytics").await.unwrap().is_some());
    }
}

for_each_backend! {
    async fn readings_see_one_state_of_the_database(database: TestDatabase) {
        let store = store(&database);
        database.execute("CREATE TABLE t (x int)");
        // Long enough for a row to be added in between.
        let pause = match database.backend() {
            Backend::Sqlite => slow(Backend::Sqlite),
            Backend::Postgres => "SELECT COUNT(*) FROM pg_sleep(1)",
            Backend::MariaDb => "SELECT SLEEP(1)",
        };
        let readings = [number("SELECT COUNT(*) FROM t"), number(pause), number("SELECT COUNT(*) FROM t")];
        let taking = tokio::spawn({
            let store = store.clone();
            async move { take(&store, &readings).await }
        });
        tokio::time::sleep(Duration::from_millis(300)).await;
        database.execute("INSERT INTO t VALUES (1)");
        assert!(!taking.is_finished(), "the pause was too short");
        let results = taking.await.unwrap();
        assert_eq!((&results[0], &results[2]), (&Ok(vec![Some(0)]), &Ok(vec![Some(0)])));
        assert_eq!(take(&store, &[number("SELECT COUNT(*) FROM t")]).await, [Ok(vec![Some(1)])]);
    }
}

for_each_backend! {
    async fn named_counts_are_rows_of_a_name_and_a_number(database: TestDatabase) {
        let store = store(&database);
        store.create_platform_tables().await.unwrap();
        for (row, day) in ["2026-01-01 00:00:00", "2026-01-01 23:59:59", "2026-01-02 00:00:00"].iter().enumerate() {
            database.execute(&format!(
                r#"INSERT INTO analytics ("id", "createdAt", "updatedAt") VALUES ('{row}', '{day}', '{day}')"#
            ));
        }
        let mut sql = store.sql();
        sql.push("SELECT DATE(").name("createdAt").push(") AS name, COUNT(*) AS value FROM analytics WHERE ");
        sql.name("createdAt").push(" > ").moment("2026-01-01T00:00:00Z".parse().unwrap());
        sql.push(" GROUP BY DATE(").name("createdAt").push(") ORDER BY 1 DESC");
        let counts = store.named_counts(&sql).await.unwrap();
        assert_eq!(counts, [("2026-01-02".to_owned(), 1), ("2026-01-01".to_owned(), 1)]);
    }
}
