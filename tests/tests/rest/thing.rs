//! A table with a column of every type, and a server of the service over it.

use std::time::Duration;

use serde_json::Value;
use taskserver_core::{App, Field, FieldType, Method, Schema};
use taskserver_http::{Answer, BearerAuthenticator, Client, HttpOptions, OperatorToken, Server};
use taskserver_store::{Store, StoreOptions, TableService};
use taskserver_tests::{Backend, TestDatabase};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// What the caller shows, and its SHA-256.
const TOKEN: &str = "secret";
const TOKEN_HASH: &str = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";

fn schema() -> Schema {
    let big = FieldType::Integer { min: i64::MIN, max: i64::MAX };
    Schema::new([
        Field::required("id", FieldType::ID),
        Field::nullable("name", FieldType::TEXT),
        Field::nullable("code", FieldType::ID),
        Field::nullable("count", FieldType::INT),
        Field::nullable("big", big),
        Field::nullable("flag", FieldType::Boolean),
        Field::nullable("at", FieldType::DateTime),
    ])
}

/// A server of the service `thing`.
pub(crate) struct Things {
    pub(crate) app: App,
    client: Client,
    end: CancellationToken,
    serving: JoinHandle<()>,
}

impl Things {
    /// Creates the table, and starts the server.
    pub(crate) async fn start(database: &TestDatabase) -> Self {
        database.execute(match database.backend() {
            Backend::Sqlite | Backend::Postgres => {
                r#"CREATE TABLE "thing" ("id" char(36) PRIMARY KEY, "name" varchar(255), "code" char(36), "count" int,
                "big" bigint, "flag" boolean, "at" timestamp)"#
            }
            // As the platform's: ids are compared byte by byte, other texts as the database does by default.
            Backend::MariaDb => {
                r#"CREATE TABLE "thing" ("id" char(36) COLLATE utf8mb4_bin PRIMARY KEY, "name" varchar(255),
                "code" char(36) COLLATE utf8mb4_bin, "count" int, "big" bigint, "flag" boolean, "at" datetime)"#
            }
        });
        let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
        let service = TableService::new(store, "thing", schema(), &Method::ALL);
        let app = App::builder().service("thing", service).build().unwrap();
        let token = OperatorToken::new("operator", TOKEN_HASH, ["admin:admin".to_owned()]).unwrap();
        let server = Server::bind(HttpOptions::new("127.0.0.1:0".parse().unwrap())).await.unwrap();
        let server = server.authenticator(std::sync::Arc::new(BearerAuthenticator::new().operator(token)));
        let client = Client::new(server.local_addr(), Duration::from_secs(30)).with_token(TOKEN);
        let end = CancellationToken::new();
        let serving = tokio::spawn(server.serve(app.clone(), end.clone()));
        Self { app, client, end, serving }
    }

    /// What is answered to a query.
    pub(crate) async fn find(&self, query: &str) -> (u16, Value) {
        let Answer { status, body } = self.client.get(&format!("/thing?{query}")).await.unwrap();
        (status.as_u16(), serde_json::from_str(&body).unwrap_or_else(|_| panic!("{query}: {body}")))
    }

    pub(crate) async fn stop(self) {
        self.end.cancel();
        self.serving.await.unwrap();
    }
}

/// Replaces the rows of the table, by another way than the service's.
pub(crate) fn fill(database: &TestDatabase, rows: &[Value]) {
    let backend = database.backend();
    let columns = schema();
    let row = |row: &Value| {
        let cells: Vec<_> = columns.fields().iter().map(|field| literal(backend, field, &row[&field.name])).collect();
        format!("({})", cells.join(", "))
    };
    let mut sql = r#"DELETE FROM "thing";"#.to_owned();
    if !rows.is_empty() {
        let rows: Vec<_> = rows.iter().map(row).collect();
        sql.push_str(&format!(r#"INSERT INTO "thing" VALUES {}"#, rows.join(", ")));
    }
    database.execute(&sql);
}

fn literal(backend: Backend, field: &Field, value: &Value) -> String {
    let Value::String(text) = value else { return value.to_string() };
    if field.field_type == FieldType::DateTime {
        return format!("'{}'", text.replace('T', " ").replace(".000Z", ""));
    }
    let hex: String = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    match backend {
        Backend::Sqlite => format!("CAST(x'{hex}' AS TEXT)"),
        Backend::Postgres => format!(r"convert_from('\x{hex}', 'UTF8')"),
        Backend::MariaDb => format!("CONVERT(x'{hex}' USING utf8mb4)"),
    }
}
