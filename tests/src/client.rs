//! Runs SQL through the databases' own command line clients, and rusqlite for SQLite.
//!
//! MariaDB is told to read double quotes and `||` as the standard does, so that one text serves all three databases.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::fallible_iterator::FallibleIterator;
use rusqlite::types::ValueRef;
use url::Url;

use crate::servers::programs;

/// Standard SQL, and no wait without an end: not for a lock, not for a server that does not answer.
const MARIADB_SESSION: &str =
    "SET SESSION sql_mode = CONCAT(@@sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT'), lock_wait_timeout = 10";

/// Runs a script with `psql`. The rows of its queries come one a line, their columns separated by tabs, NULL as `NULL`.
pub(crate) fn postgres(url: &str, sql: &str) -> Result<String, String> {
    let mut client = Command::new(programs::postgres("psql")?);
    client.args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--field-separator=\t", "--pset=null=NULL"]);
    client.args(["--set=ON_ERROR_STOP=1", "--dbname", url, "--file=-"]).env("PGCONNECT_TIMEOUT", "10");
    run(client, sql)
}

/// Runs a script with `mariadb`, to the same effect.
pub(crate) fn mariadb(url: &str, sql: &str) -> Result<String, String> {
    let parts = Url::parse(url).map_err(|error| error.to_string())?;
    let mut client = Command::new(programs::mariadb("mariadb")?);
    client.args(["--no-defaults", "--batch", "--skip-column-names", "--protocol=tcp", "--connect-timeout=10"]);
    client.args(["--default-character-set=utf8mb4", "--init-command", MARIADB_SESSION]);
    client.args(["--host", parts.host_str().unwrap_or("127.0.0.1")]);
    client.args(["--port", &parts.port().unwrap_or(3306).to_string()]);
    client.args(["--user", parts.username()]).arg(parts.path().trim_start_matches('/'));
    client.env("MYSQL_PWD", parts.password().unwrap_or_default());
    run(client, sql)
}

/// Runs a script on a file of SQLite, to the same effect.
pub(crate) fn sqlite(file: &Path, sql: &str) -> Result<String, String> {
    sqlite_rows(file, sql).map_err(|error| error.to_string())
}

fn sqlite_rows(file: &Path, sql: &str) -> rusqlite::Result<String> {
    let connection = rusqlite::Connection::open(file)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    let mut output = String::new();
    let mut statements = rusqlite::Batch::new(&connection, sql);
    while let Some(mut statement) = statements.next()? {
        let columns = statement.column_count();
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| row.get_ref(column).map(text)).collect::<Result<Vec<_>, _>>()?;
            output.push_str(&values.join("\t"));
            output.push('\n');
        }
    }
    Ok(output)
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(text) | ValueRef::Blob(text) => String::from_utf8_lossy(text).into_owned(),
    }
}

/// The output of a client that reads its script from standard input; the error is what it said.
fn run(mut client: Command, sql: &str) -> Result<String, String> {
    client.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = client.spawn().map_err(|error| format!("{client:?} did not start: {error}"))?;
    let mut input = child.stdin.take().expect("stdin is piped");
    let sql = sql.to_owned();
    // The script is written beside the reading, or both sides might wait for the other with full pipes. A client that gives up
    // early closes its end; what it has to say about that is on its standard error.
    let writer = std::thread::spawn(move || input.write_all(sql.as_bytes()));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let written = writer.join().expect("writing does not panic");
    if output.status.success() {
        written.map_err(|error| error.to_string())?;
        String::from_utf8(output.stdout).map_err(|error| error.to_string())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).trim().to_owned())
    }
}
