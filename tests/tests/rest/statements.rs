//! What the database is asked, as it says itself.

use serde_json::{Value, json};
use taskserver_tests::TestDatabase;
use taskserver_tests::servers::{self, Server};
use url::form_urlencoded::byte_serialize;

use crate::thing::{Things, fill};

/// A value that nothing else contains.
const MARK: &str = "marked\"'`value";

/// Queries that have nothing in common but that they are queries.
fn queries() -> Vec<String> {
    let many: Vec<_> = (0..300).map(|number| format!("count[$in][]={number}")).collect();
    vec![
        "$limit=100".into(),
        format!("name={}&$sort[name]=1&$sort[count]=-1&$select[]=count", encoded(MARK)),
        format!(
            "$or[0][name][$gt]={mark}&$or[1][$and][0][code]={mark}&$or[1][$and][1][flag]=true&$skip=5",
            mark = encoded(MARK)
        ),
        "at[$gte]=2026-01-01T00:00:00Z&big[$ne]=4711".into(),
        many.join("&"),
    ]
}

fn encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// Asks all the queries, and checks what the database logs of each. A connection of the pool is first asked whether it lives.
async fn check(server: &Server, logged: impl Fn(&TestDatabase) -> Vec<String>, expected: &[&str]) {
    let database = TestDatabase::on(server.url());
    let things = Things::start(&database).await;
    let rows: Vec<Value> =
        (0..150).map(|number| json!({"id": format!("id{number}"), "name": MARK, "count": number})).collect();
    fill(&database, &rows);
    // The table is looked up with the first call.
    things.find("").await;
    for query in queries() {
        let before = logged(&database).len();
        assert_eq!(things.find(&query).await.0, 200, "{query}");
        let statements = logged(&database).split_off(before);
        assert_eq!(statements.len(), expected.len(), "{query}: {statements:#?}");
        for (statement, beginning) in statements.iter().zip(expected) {
            assert!(statement.starts_with(beginning), "{statement} in place of {beginning}");
            let values = ["marked", "4711", "2026-01-01"].map(|value| statement.contains(value));
            assert!(!values.contains(&true), "a value is in the text: {statement}");
        }
    }
    things.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mariadb_is_asked_two_statements_in_one_snapshot_with_bound_values() {
    let Some(server) = servers::mariadb::start() else { return };
    TestDatabase::on(server.url()).execute("SET GLOBAL log_output = 'TABLE'; SET GLOBAL general_log = ON");
    // The fixtures' own client prepares nothing.
    let logged = |database: &TestDatabase| {
        let rows = database.query(
            "SELECT argument FROM mysql.general_log WHERE command_type IN ('Prepare', 'Query') AND thread_id IN \
             (SELECT thread_id FROM mysql.general_log WHERE command_type = 'Prepare') ORDER BY event_time",
        );
        rows.into_iter().map(|row| row[0].clone()).collect()
    };
    let expected = [
        "SELECT 1",
        "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
        "SELECT CAST(COUNT(*) ",
        "SELECT CAST(`id` ",
        "COMMIT",
    ];
    check(&server, logged, &expected).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_asked_two_statements_in_one_snapshot_with_bound_values() {
    let Some(server) = servers::postgres::start() else { return };
    let database = TestDatabase::on(server.url());
    database.execute("ALTER SYSTEM SET log_statement = 'all'");
    database.execute("ALTER SYSTEM SET log_line_prefix = '%p '");
    database.execute("SELECT pg_reload_conf()");
    // Not those of `psql`, which begins no snapshots.
    let logged = |database: &TestDatabase| {
        let lines = database.query("SELECT pg_read_file('../log')");
        let lines: Vec<(String, String)> = lines
            .into_iter()
            .filter_map(|line| {
                let (process, line) = line[0].split_once(' ')?;
                let (_, statement) = line.strip_prefix("LOG:  ")?.split_once(": ")?;
                Some((process.to_owned(), statement.to_owned()))
            })
            .collect();
        let ours =
            |process: &str| lines.iter().any(|(other, line)| other == process && line.starts_with("BEGIN ISOLATION"));
        lines.iter().filter(|(process, _)| ours(process)).map(|(_, statement)| statement.clone()).collect()
    };
    let expected = [
        "SELECT 1",
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "SELECT CAST(COUNT(*) ",
        "SELECT CAST(\"id\" ",
        "COMMIT",
    ];
    check(&server, logged, &expected).await;
}
