use std::time::Duration;

use serde::Deserialize;

use super::DatabaseUrl;

/// Section `database`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// Where the database is, with the password (`database.password` has been put into it).
    pub url: DatabaseUrl,
    /// Whether the platform's tables are created where they are missing (`auto` has become true for SQLite and false for
    /// the others).
    pub create_platform_tables: bool,
    /// Whether the server's own tables are migrated at start.
    pub migrate: bool,
    /// How many connections the pool may hold.
    pub max_connections: usize,
    /// How long opening one connection may take.
    pub connect_timeout: Duration,
    /// How long a caller may wait for a connection of the pool.
    pub acquire_timeout: Duration,
    /// How long one statement may take.
    pub statement_timeout: Duration,
    /// How connections to a database server are encrypted.
    #[serde(default)]
    pub tls: Tls,
}

/// Section `database.tls`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Certificates (PEM) of the authorities that are trusted in place of the public ones.
    pub ca: Option<String>,
}
