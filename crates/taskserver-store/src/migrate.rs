//! Migrations: the server's own tables, made and changed in steps that each run once.
//!
//! Several replicas may start at once, so that whoever migrates holds a lock of the database's: an advisory lock
//! (PostgreSQL), a named lock (MySQL) or the one writer's place (SQLite). It is the lock of one connection, and goes with it
//! if the process dies. What has run is kept in the table `taskserver-migration`.
//!
//! A step runs in one transaction with its record. MySQL commits at every statement that changes a table: its steps must be
//! written so that running them again from the start does no harm (`CREATE TABLE IF NOT EXISTS`), since a step that was
//! interrupted is run again. (diesel's own migrations take no lock, and their asynchronous harness blocks the runtime.)

use std::time::Duration;

use jiff::Timestamp;

use crate::own::MIGRATIONS;
use crate::pool::Lease;
use crate::{Backend, Sql, Store, StoreError, platform};

/// How long one step may take, and how long a replica waits for another one that migrates.
const TIME_LIMIT: Duration = Duration::from_secs(600);

/// PostgreSQL's advisory locks go by number: this one spells `taskserv`.
const POSTGRES_LOCK: i64 = i64::from_be_bytes(*b"taskserv");

/// MySQL's named locks are the server's, not the database's, and their names are short.
const MYSQL_LOCK: &str = "CONCAT('taskserver-', MD5(DATABASE()))";

const TABLE: &str = "taskserver-migration";

/// One step. A step that was published never changes.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Its name, which no other step has: `0001_monitoring`, and with the collector's name before it `k8s-events-0001`.
    pub name: &'static str,
    /// Its statements for SQLite.
    pub sqlite: &'static str,
    /// Its statements for PostgreSQL.
    pub postgres: &'static str,
    /// Its statements for MySQL, written so that running them again does no harm: it commits at each of them.
    pub mysql: &'static str,
}

impl Migration {
    fn sql(&self, backend: Backend) -> &'static str {
        match backend {
            Backend::Sqlite => self.sqlite,
            Backend::Postgres => self.postgres,
            Backend::Mysql => self.mysql,
        }
    }
}

impl Store {
    /// Migrates the server's own tables, and answers the names of the steps that ran: none where all had run before. Any
    /// number of replicas may do so at once.
    ///
    /// # Errors
    /// Any [`StoreError`]. What ran before the error stays.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.migrate_with(MIGRATIONS).await
    }

    /// Migrates the tables of a collector that brings its own, by these steps in their order. Otherwise as
    /// [`migrate`](Self::migrate).
    ///
    /// ```
    /// use taskserver_store::{Migration, Store, StoreOptions};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let create = "CREATE TABLE IF NOT EXISTS note (id int NOT NULL PRIMARY KEY)";
    /// let steps = [Migration { name: "notes-0001", sqlite: create, postgres: create, mysql: create }];
    /// let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
    /// assert_eq!(store.migrate_with(&steps).await?, ["notes-0001"]);
    /// assert!(store.migrate_with(&steps).await?.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Any [`StoreError`]. What ran before the error stays.
    pub async fn migrate_with(&self, migrations: &[Migration]) -> Result<Vec<String>, StoreError> {
        let mut lease = lock(self).await?;
        let result = run(&mut lease, migrations).await;
        unlock(lease, result).await
    }

    /// Creates those of the platform's tables that are not there. What is there is not touched.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn create_platform_tables(&self) -> Result<(), StoreError> {
        let mut lease = lock(self).await?;
        let result = step(&mut lease, platform::tables(self.backend()), None).await;
        unlock(lease, result).await
    }
}

async fn run(lease: &mut Lease, migrations: &[Migration]) -> Result<Vec<String>, StoreError> {
    let table = lease.backend().quote(TABLE);
    let name = lease.backend().quote("appliedAt");
    lease
        .batch(&format!(
            "CREATE TABLE IF NOT EXISTS {table} (name varchar(255) NOT NULL PRIMARY KEY, {name} varchar(32) NOT NULL)"
        ))
        .await?;
    let mut sql = Sql::new(lease.backend());
    sql.push(&format!("SELECT name FROM {table}"));
    let done: Vec<String> = lease.load(sql).await?.into_iter().flat_map(|row| row.0).flatten().collect();
    let mut ran = Vec::new();
    for migration in migrations.iter().filter(|migration| !done.iter().any(|name| name == migration.name)) {
        step(lease, migration.sql(lease.backend()), Some(migration.name)).await?;
        tracing::info!(migration = migration.name, "the database was migrated");
        ran.push(migration.name.to_owned());
    }
    Ok(ran)
}

/// Runs one step, and records it under its name. SQLite's lock is a transaction, which the step is in already.
async fn step(lease: &mut Lease, sql: &str, record: Option<&str>) -> Result<(), StoreError> {
    let backend = lease.backend();
    if backend == Backend::Postgres {
        lease.begin_write().await?;
    }
    let result = async {
        lease.batch(sql).await?;
        if let Some(name) = record {
            let mut insert = Sql::new(backend);
            insert.push("INSERT INTO ").name(TABLE).push(" VALUES (").text(name).push(", ");
            insert.text(Timestamp::now().to_string()).push(")");
            lease.execute(insert).await?;
        }
        Ok(())
    }
    .await;
    if backend == Backend::Postgres {
        return lease.conclude(result).await;
    }
    result
}

/// A connection that holds the lock, for this alone: it is closed in the end, and its time limits go with it.
async fn lock(store: &Store) -> Result<Lease, StoreError> {
    let mut lease = store.lease().await?;
    lease.retire();
    lease.limit(TIME_LIMIT).await?;
    match lease.backend() {
        Backend::Sqlite => {
            let wait = TIME_LIMIT.as_millis() / 2;
            lease.batch(&format!("PRAGMA busy_timeout = {wait}")).await?;
            lease.begin_write().await?;
        }
        Backend::Postgres => lease.batch(&format!("SELECT pg_advisory_lock({POSTGRES_LOCK})")).await?,
        Backend::Mysql => {
            let mut sql = Sql::new(Backend::Mysql);
            let wait = TIME_LIMIT.as_secs() / 2;
            sql.push(&format!("SELECT CAST(GET_LOCK({MYSQL_LOCK}, {wait}) AS CHAR)"));
            let rows = lease.load(sql).await?;
            if rows.first().and_then(|row| row.0.first()) != Some(&Some("1".into())) {
                let message = format!("another replica has been migrating the database for more than {wait} s");
                return Err(StoreError::Locked(message));
            }
        }
    }
    Ok(lease)
}

/// Gives the lock back. The connection's end would do so too, but nobody knows when.
async fn unlock<T>(mut lease: Lease, result: Result<T, StoreError>) -> Result<T, StoreError> {
    if !lease.is_fit() {
        return result;
    }
    match lease.backend() {
        Backend::Sqlite => lease.conclude(result).await,
        Backend::Postgres => lease.batch(&format!("SELECT pg_advisory_unlock({POSTGRES_LOCK})")).await.and(result),
        Backend::Mysql => lease.batch(&format!("SELECT RELEASE_LOCK({MYSQL_LOCK})")).await.and(result),
    }
}

#[cfg(test)]
mod tests {
    use taskserver_tests::{TestDatabase, for_each_backend};

    use super::*;
    use crate::StoreOptions;

    const CREATE: &str = "CREATE TABLE IF NOT EXISTS note (id int NOT NULL PRIMARY KEY)";

    const fn everywhere(name: &'static str, sql: &'static str) -> Migration {
        Migration { name, sqlite: sql, postgres: sql, mysql: sql }
    }

    fn store(database: &TestDatabase) -> Store {
        Store::new(StoreOptions::new(database.url()).unwrap()).unwrap()
    }

    for_each_backend! {
        async fn each_step_runs_once_however_many_replicas_start(database: TestDatabase) {
            let steps = [everywhere("0001_note", CREATE), everywhere("0002_first", "INSERT INTO note VALUES (1)")];
            let stores: Vec<Store> = (0..6).map(|_| store(&database)).collect();
            let runs = futures_util::future::join_all(stores.iter().map(|store| store.migrate_with(&steps))).await;
            let mut names: Vec<Vec<String>> = runs.into_iter().map(Result::unwrap).collect();
            names.sort();
            let (last, others) = names.split_last().unwrap();
            assert_eq!(last, &["0001_note", "0002_first"]);
            assert!(others.iter().all(Vec::is_empty), "{others:?}");
            assert_eq!(database.query("SELECT id FROM note"), [["1"]]);
            assert_eq!(database.query(r#"SELECT name FROM "taskserver-migration" ORDER BY name"#), [["0001_note"], ["0002_first"]]);
        }

        async fn a_step_that_fails_keeps_those_before_it_and_is_run_again(database: TestDatabase) {
            let store = store(&database);
            let good = everywhere("0001_note", CREATE);
            let bad = everywhere("0002_second", "INSERT INTO note VALUES (2); INSERT INTO nowhere VALUES (1)");
            let error = store.migrate_with(&[good, bad]).await.unwrap_err();
            assert_eq!(error, StoreError::MissingTable("nowhere".into()));
            let mended = everywhere("0002_second", "DELETE FROM note; INSERT INTO note VALUES (2)");
            let expected: &[&str] = match store.backend() {
                // There the steps of one run are one transaction.
                Backend::Sqlite => &["0001_note", "0002_second"],
                Backend::Postgres | Backend::Mysql => &["0002_second"],
            };
            assert_eq!(store.migrate_with(&[good, mended]).await.unwrap(), expected);
            assert_eq!(database.query("SELECT id FROM note"), [["2"]]);
            assert!(store.migrate_with(&[good, mended]).await.unwrap().is_empty());
        }
    }
}
