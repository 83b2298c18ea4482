//! One connection, lent by the pool.

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::Object;
use diesel::result::Error as DieselError;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tracing::{Instrument as _, Span};

use super::mysql::{Mysql, limit_statements};
use super::postgres::Postgres;
use super::span::{self, Peer};
use super::sqlite::{self, Sqlite};
use super::{Pool, pool_error};
use crate::bulk::{self, Insert, Unnest, Values};
use crate::options::StoreOptions;
use crate::sql::{Row, Sql};
use crate::{Backend, StoreError};

/// How much later than the server this side gives up: it is the server's part to stop a statement, and ours to notice that
/// the server is gone.
const GRACE: Duration = Duration::from_secs(1);

#[expect(clippy::large_enum_variant, reason = "there are as few as leases, and none is ever moved far")]
enum Connection {
    Sqlite(Object<Sqlite>),
    Postgres(Object<Postgres>),
    Mysql(Object<Mysql>),
}

/// Does the same with whichever connection there is.
macro_rules! each {
    ($connection:expr, $each:ident => $body:expr) => {
        match $connection {
            Connection::Sqlite($each) => $body,
            Connection::Postgres($each) => $body,
            Connection::Mysql($each) => $body,
        }
    };
}

/// One connection, for one caller.
pub(crate) struct Lease {
    /// There until the lease ends.
    connection: Option<Connection>,
    backend: Backend,
    peer: Arc<Peer>,
    limit: Duration,
    /// A statement runs, or was given up.
    running: bool,
    /// A transaction is open.
    in_transaction: bool,
    /// The connection was lost.
    lost: bool,
    /// The connection is not to be lent again.
    retired: bool,
}

impl Lease {
    pub(crate) async fn take(pool: &Pool, peer: &Arc<Peer>, options: &StoreOptions) -> Result<Self, StoreError> {
        let failed = |error| pool_error(error, pool.status(), options);
        let connection = match pool {
            Pool::Sqlite(pool) => Connection::Sqlite(pool.get().await.map_err(failed)?),
            Pool::Postgres(pool) => Connection::Postgres(pool.get().await.map_err(failed)?),
            Pool::Mysql(pool) => Connection::Mysql(pool.get().await.map_err(failed)?),
        };
        Ok(Self {
            connection: Some(connection),
            backend: options.backend(),
            peer: Arc::clone(peer),
            limit: options.statement_timeout,
            running: false,
            in_transaction: false,
            lost: false,
            retired: false,
        })
    }

    pub(crate) fn backend(&self) -> Backend {
        self.backend
    }

    /// How long one statement may take.
    pub(crate) fn time_limit(&self) -> Duration {
        self.limit
    }

    /// Whether the connection serves for another statement.
    pub(crate) fn is_fit(&self) -> bool {
        !self.running && !self.lost
    }

    /// Runs statements that have no values and whose results do not matter.
    pub(crate) async fn batch(&mut self, sql: &str) -> Result<(), StoreError> {
        let span = self.peer.span(sql);
        let (connection, patience) = self.start();
        let run = async { each!(connection, each => each.batch_execute(sql).await) };
        let result = timeout(patience, run.instrument(span.clone())).await;
        self.finish(result, &span)
    }

    /// Runs a statement, and says how many rows it was about.
    pub(crate) async fn execute(&mut self, sql: Sql) -> Result<usize, StoreError> {
        let span = self.peer.span(sql.as_str());
        let (connection, patience) = self.start();
        let run = async { each!(connection, each => sql.into_query().execute(&mut **each).await) };
        let result = timeout(patience, run.instrument(span.clone())).await;
        self.finish(result, &span)
    }

    /// Inserts rows, no more than go into one statement.
    pub(crate) async fn insert(&mut self, insert: &Insert<'_>, rows: Vec<bulk::Row<'_>>) -> Result<usize, StoreError> {
        let span = self.peer.span(&format!("INSERT INTO {}", self.backend.quote(insert.table)));
        let (connection, patience) = self.start();
        let run = async {
            match connection {
                Connection::Sqlite(each) => Values::new(insert, rows).execute(&mut **each).await,
                Connection::Postgres(each) => Unnest::new(insert, rows).execute(&mut **each).await,
                Connection::Mysql(each) => Values::new(insert, rows).execute(&mut **each).await,
            }
        };
        let result = timeout(patience, run.instrument(span.clone())).await;
        self.finish(result, &span)
    }

    /// Runs a statement whose columns are all texts, and answers its rows.
    pub(crate) async fn load(&mut self, sql: Sql) -> Result<Vec<Row>, StoreError> {
        let span = self.peer.span(sql.as_str());
        let (connection, patience) = self.start();
        let run = async { each!(connection, each => sql.into_query().load(&mut **each).await) };
        let result = timeout(patience, run.instrument(span.clone())).await;
        let result: Result<Vec<Row>, _> = self.finish(result, &span);
        if let Ok(rows) = &result {
            span.record("db.response.returned_rows", rows.len());
        }
        result
    }

    /// Limits the time of the statements that follow.
    ///
    /// A server keeps this beyond the lease: who changes the limit sets it back, or retires the connection.
    pub(crate) async fn limit(&mut self, limit: Duration) -> Result<(), StoreError> {
        match self.backend {
            Backend::Sqlite => {}
            Backend::Postgres => self.batch(&format!("SET statement_timeout = {}", limit.as_millis().max(1))).await?,
            Backend::Mysql => self.batch(&limit_statements(limit)).await?,
        }
        self.limit = limit;
        Ok(())
    }

    /// Begins a transaction in which every statement reads the same state, and none can write. As with any transaction, a
    /// lease that is dropped in it closes the connection.
    pub(crate) async fn begin_snapshot(&mut self) -> Result<(), StoreError> {
        self.in_transaction = true;
        self.batch(self.backend.begin_snapshot()).await
    }

    /// Begins a transaction that writes.
    pub(crate) async fn begin_write(&mut self) -> Result<(), StoreError> {
        self.in_transaction = true;
        self.batch(self.backend.begin_write()).await
    }

    /// Ends a transaction: commits it if all went well, and rolls it back otherwise.
    pub(crate) async fn conclude<T, E: From<StoreError>>(&mut self, result: Result<T, E>) -> Result<T, E> {
        if result.is_ok() || self.is_fit() {
            self.end_transaction(result.is_ok()).await?;
        }
        result
    }

    /// Ends a transaction without effect, though all went well.
    pub(crate) async fn roll_back(&mut self) -> Result<(), StoreError> {
        self.end_transaction(false).await
    }

    async fn end_transaction(&mut self, commit: bool) -> Result<(), StoreError> {
        self.batch(self.backend.end_transaction(commit)).await?;
        self.in_transaction = false;
        Ok(())
    }

    /// Lets the connection be closed in place of going back to the pool.
    pub(crate) fn retire(&mut self) {
        self.retired = true;
    }

    fn start(&mut self) -> (&mut Connection, Duration) {
        let patience = match self.backend {
            Backend::Sqlite => self.limit,
            Backend::Postgres | Backend::Mysql => self.limit + GRACE,
        };
        self.running = true;
        (self.connection.as_mut().expect("the connection is there until the lease ends"), patience)
    }

    fn finish<T>(&mut self, result: Result<Result<T, DieselError>, Elapsed>, span: &Span) -> Result<T, StoreError> {
        let result = match result {
            Err(_) => Err(StoreError::Timeout(self.limit)),
            Ok(result) => {
                self.running = false;
                result.map_err(|error| match StoreError::from(error) {
                    StoreError::Timeout(_) => StoreError::Timeout(self.limit),
                    error => {
                        self.lost |= matches!(error, StoreError::Lost(_));
                        error
                    }
                })
            }
        };
        result.inspect_err(|error| span::failed(span, error))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        if self.is_fit() && !self.in_transaction && !self.retired {
            return;
        }
        match connection {
            Connection::Sqlite(object) => sqlite::close(object),
            Connection::Postgres(object) => drop(Object::take(object)),
            Connection::Mysql(object) => drop(Object::take(object)),
        }
    }
}
