//! The bare way, as fast as each database takes rows: pages of `kube`, parsed into the types of the API, and one bulk insertion
//! for each into a table with the same columns and without any key or index.
//!
//! SQLite gets them through one prepared statement in a transaction for each page, PostgreSQL by COPY, and MariaDB in one
//! statement for each page. There is no cursor, no guard and no rule, and nothing is done at once.

use std::time::Instant;

use futures_util::SinkExt as _;
use hyper::body::Bytes;
use k8s_openapi::api::core::v1::Event;
use kube::api::{Api, ListParams};
use kube::{Client, Config};
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts};
use task_k8s_events::MIGRATIONS;
use taskserver_store::{Store, StoreOptions};
use tokio_postgres::NoTls;

use crate::worker::say;

const TABLE: &str = "CREATE TABLE bare AS SELECT * FROM k8s WHERE 1 = 0";
const COLUMNS: usize = 33;

type Row = [Option<String>; COLUMNS];

/// Says the seconds that it took.
#[tokio::main]
pub(crate) async fn run(cluster: &str, database: &str) {
    let store = Store::new(StoreOptions::new(database).expect("a URL")).expect("a store");
    store.migrate_with(MIGRATIONS).await.expect("the tables");
    store.close();
    let mut table = Table::create(database).await;
    let client = Client::try_from(Config::new(cluster.parse().expect("a URL"))).expect("a client");
    let events: Api<Event> = Api::all(client);
    let start = Instant::now();
    let mut parameters = ListParams::default().limit(500);
    loop {
        let page = events.list(&parameters).await.expect("a page");
        table.insert(page.items.into_iter().map(row).collect()).await;
        parameters.continue_token = page.metadata.continue_.filter(|token| !token.is_empty());
        if parameters.continue_token.is_none() {
            break;
        }
    }
    say(start.elapsed().as_secs_f64());
}

enum Table {
    Sqlite(rusqlite::Connection),
    Postgres(tokio_postgres::Client),
    MariaDb(Conn),
}

impl Table {
    async fn create(url: &str) -> Self {
        let create = |quote: &str| TABLE.replace("k8s", &format!("{quote}k8s-event{quote}"));
        if let Some(file) = url.strip_prefix("sqlite://") {
            let connection = rusqlite::Connection::open(file).expect("a file");
            connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL").expect("a setting");
            connection.execute_batch(&create("\"")).expect("a table");
            Self::Sqlite(connection)
        } else if url.starts_with("postgres") {
            let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
            tokio::spawn(connection);
            client.batch_execute(&create("\"")).await.expect("a table");
            Self::Postgres(client)
        } else {
            let mut connection = Conn::new(Opts::from_url(url).expect("a URL")).await.expect("a connection");
            connection.query_drop(create("`")).await.expect("a table");
            connection.query_drop("ALTER TABLE bare DROP COLUMN sequence").await.expect("a column that is no event's");
            Self::MariaDb(connection)
        }
    }

    async fn insert(&mut self, rows: Vec<Row>) {
        match self {
            Self::Sqlite(connection) => tokio::task::block_in_place(|| {
                let transaction = connection.transaction().expect("a transaction");
                let sql = format!("INSERT INTO bare VALUES ({})", ["?"; COLUMNS].join(","));
                let mut insert = transaction.prepare(&sql).expect("a statement");
                for row in rows {
                    insert.execute(rusqlite::params_from_iter(row)).expect("a row");
                }
                drop(insert);
                transaction.commit().expect("a commit");
            }),
            Self::Postgres(client) => {
                let copy = client.copy_in::<_, Bytes>("COPY bare FROM STDIN").await.expect("a copy");
                let mut copy = std::pin::pin!(copy);
                copy.send(copy_text(&rows).into()).await.expect("rows");
                copy.finish().await.expect("an end");
            }
            Self::MariaDb(connection) => connection.query_drop(values_text(&rows)).await.expect("rows"),
        }
    }
}

/// Rows in the text format of COPY.
fn copy_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        for (index, value) in row.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "\t" });
            match value {
                None => text.push_str("\\N"),
                Some(value) => text.extend(value.chars().flat_map(|c| match c {
                    '\\' => ['\\', '\\'].into_iter().take(2),
                    '\t' => ['\\', 't'].into_iter().take(2),
                    '\n' => ['\\', 'n'].into_iter().take(2),
                    other => [other, ' '].into_iter().take(1),
                })),
            }
        }
        text.push('\n');
    }
    text
}

/// Rows as the values of one INSERT.
fn values_text(rows: &[Row]) -> String {
    let mut text = "INSERT INTO bare VALUES ".to_owned();
    for (index, row) in rows.iter().enumerate() {
        text.push_str(if index == 0 { "(" } else { ",(" });
        for (index, value) in row.iter().enumerate() {
            text.push_str(if index == 0 { "" } else { "," });
            match value {
                None => text.push_str("NULL"),
                Some(value) => {
                    text.push('\'');
                    text.push_str(&value.replace('\\', "\\\\").replace('\'', "\\'"));
                    text.push('\'');
                }
            }
        }
        text.push(')');
    }
    text
}

/// The columns of an event, in their order in the table.
fn row(event: Event) -> Row {
    let time = |time: Option<jiff::Timestamp>| time.map(|time| time.strftime("%Y-%m-%d %H:%M:%S%.6f").to_string());
    let metadata = event.metadata;
    let involved = event.involved_object;
    let source = event.source.unwrap_or_default();
    let created = time(metadata.creation_timestamp.map(|time| time.0));
    let last = time(event.last_timestamp.map(|time| time.0));
    let event_time = time(event.event_time.map(|time| time.0));
    let now = time(Some(jiff::Timestamp::now()));
    let required = |text: Option<String>| Some(text.unwrap_or_default());
    [
        metadata.uid.clone(),
        Some("default".to_owned()),
        metadata.uid,
        required(metadata.namespace),
        required(metadata.name),
        metadata.resource_version.clone(),
        metadata.resource_version,
        required(involved.kind),
        involved.namespace,
        required(involved.name),
        involved.uid,
        involved.field_path,
        involved.api_version,
        required(event.type_),
        required(event.reason),
        required(event.message),
        event.action,
        event.count.map(|count| count.to_string()),
        event.series.as_ref().and_then(|series| Some(series.count?.to_string())),
        event.series.and_then(|series| time(series.last_observed_time.map(|time| time.0))),
        time(event.first_timestamp.map(|time| time.0)),
        last.clone(),
        event_time.clone(),
        created.clone(),
        source.component,
        source.host,
        event.reporting_component,
        event.reporting_instance,
        last.or(event_time).or(created),
        event.count.map_or_else(|| Some("1".to_owned()), |count| Some(count.to_string())),
        None,
        now.clone(),
        now,
    ]
}
