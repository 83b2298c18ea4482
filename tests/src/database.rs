//! A database that belongs to one test.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::TempDir;
use url::Url;

use crate::{Backend, client, platform};

/// A fresh, empty database, dropped with this value.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Directory(TempDir),
    Server { backend: Backend, url: String, name: String },
}

impl TestDatabase {
    /// A file of SQLite in a folder of its own.
    pub fn sqlite() -> Self {
        let directory = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite://{}", directory.path().join("test.db").display());
        Self { url, place: Place::Directory(directory) }
    }

    /// A database on the server at `url`: `postgres://…` or `mysql://…`, with an account that may create databases.
    pub fn on(url: &str) -> Self {
        let mut address = Url::parse(url).expect("a URL of a database server");
        let backend = match address.scheme() {
            "postgres" | "postgresql" => Backend::Postgres,
            "mysql" => Backend::MariaDb,
            other => panic!("no database server is known by the scheme {other:?}"),
        };
        let name = unique_name();
        address.set_path(match backend {
            Backend::Postgres => "postgres",
            _ => "",
        });
        let server = address.to_string();
        match backend {
            Backend::Postgres => client::postgres(&server, &format!("CREATE DATABASE {name} TEMPLATE template0")),
            _ => client::mariadb(&server, &format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")),
        }
        .unwrap_or_else(|error| panic!("no database could be created on {backend:?}: {error}"));
        address.set_path(&name);
        Self { url: address.into(), place: Place::Server { backend, url: server, name } }
    }

    /// The kind of database.
    pub fn backend(&self) -> Backend {
        match &self.place {
            Place::Directory(_) => Backend::Sqlite,
            Place::Server { backend, .. } => *backend,
        }
    }

    /// Where it is, as `database.url` takes it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Runs a script. On MariaDB too, double quotes mean identifiers and `||` joins texts.
    ///
    /// # Panics
    ///
    /// If a statement fails.
    #[track_caller]
    pub fn execute(&self, sql: &str) {
        self.query(sql);
    }

    /// The rows of a query as texts, NULL as `NULL`. Texts with tabs or line breaks in them are beyond it.
    ///
    /// # Panics
    ///
    /// If the query fails.
    #[track_caller]
    pub fn query(&self, sql: &str) -> Vec<Vec<String>> {
        let output = match &self.place {
            Place::Directory(directory) => client::sqlite(&file(directory.path()), sql),
            Place::Server { backend: Backend::Postgres, .. } => client::postgres(&self.url, sql),
            Place::Server { .. } => client::mariadb(&self.url, sql),
        };
        match output {
            Ok(output) => output.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect(),
            Err(error) => panic!("{:?} said: {error}", self.backend()),
        }
    }

    /// Creates the platform's own tables, as a deployment has them.
    pub fn create_platform_tables(&self) {
        self.execute(platform::schema(self.backend()));
    }

    /// Fills the platform's tables with the rows of [`platform::edges`].
    pub fn insert_platform_edges(&self) {
        self.execute(&platform::edges(self.backend()));
    }
}

impl Drop for TestDatabase {
    /// Drops the database, unless its server has gone before it.
    fn drop(&mut self) {
        if let Place::Server { backend, url, name } = &self.place {
            let _ = match backend {
                Backend::Postgres => client::postgres(url, &format!("DROP DATABASE {name} WITH (FORCE)")),
                _ => client::mariadb(url, &format!("DROP DATABASE {name}")),
            };
        }
    }
}

fn file(directory: &Path) -> std::path::PathBuf {
    directory.join("test.db")
}

/// A name that no other test has, in this process or another.
fn unique_name() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_micros();
    format!("test_{time:x}_{}_{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed))
}
