//! Connections to SQLite.
//!
//! SQLite runs inside this process, on tokio's blocking threads, and there is no way to stop a statement from outside. What
//! gives up waiting for one leaves it to end by itself; its connection is then closed, and only then makes room for another
//! in the pool, so that no more statements run on than there may be connections.

use std::error::Error;
use std::time::{Duration, Instant};

use deadpool::managed::{Manager, Metrics, Object, RecycleResult};
use diesel::{Connection as _, ConnectionError, SqliteConnection};
use diesel_async::SimpleAsyncConnection;
use diesel_async::sync_connection_wrapper::{SpawnBlocking, SyncConnectionWrapper};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::StoreError;
use crate::options::{StoreOptions, Target};

/// How much of a database a connection keeps in memory at most. It is taken as it is needed; the pages of an index over random
/// keys find place in it for some hundred thousand rows, where SQLite's own two megabytes would have each row read some anew.
const CACHE_KIB: u32 = 16 * 1024;

/// How many pages the log of writes has before they are brought into the file: 32 MiB of pages of 4 KiB. A page that is written often,
/// as those of indexes are, is brought there once for all that was written to it since; SQLite's own 4 MiB are a few hundred events.
const CHECKPOINT_PAGES: u32 = 8 * 1024;

/// The wait before the setup of a connection is tried again.
const SETUP_RETRY: Duration = Duration::from_millis(20);

/// A connection whose statements run on blocking threads.
pub(crate) type SqliteConn = SyncConnectionWrapper<SqliteConnection, Detached>;

/// Runs statements on tokio's blocking threads, and lets them end there when their caller is gone. (diesel-async's own way
/// blocks the caller's thread until then, which a current-thread runtime answers with a panic.)
pub(crate) struct Detached;

impl SpawnBlocking for Detached {
    fn spawn_blocking<'a, R>(
        &mut self,
        task: impl FnOnce() -> R + Send + 'static,
    ) -> BoxFuture<'a, Result<R, Box<dyn Error + Send + Sync + 'static>>>
    where
        R: Send + 'static,
    {
        let task = tokio::task::spawn_blocking(task);
        async move { task.await.map_err(Into::into) }.boxed()
    }

    fn get_runtime() -> Self {
        Self
    }
}

/// Opens connections to SQLite.
pub(crate) struct Sqlite {
    target: Target,
    location: String,
    /// How long to wait for another writer.
    busy: Duration,
    setup: String,
    /// The first connection to a database in memory, which lasts as long as there is one.
    keeper: tokio::sync::OnceCell<std::sync::Mutex<SqliteConnection>>,
}

impl Sqlite {
    pub(super) fn new(options: &StoreOptions) -> Self {
        let location = match &options.target {
            Target::File(path) => path.clone(),
            // The name is known to this process alone, and to every connection of this store.
            _ => format!("file:/{}?vfs=memdb", Uuid::new_v4()),
        };
        Self {
            target: options.target.clone(),
            location,
            busy: options.statement_timeout / 2,
            setup: setup(options.statement_timeout / 2),
            keeper: tokio::sync::OnceCell::new(),
        }
    }

    async fn open(&self) -> Result<SqliteConnection, StoreError> {
        let location = self.location.clone();
        let opened = tokio::task::spawn_blocking(move || SqliteConnection::establish(&location)).await;
        let unreachable = |reason: String| StoreError::Unreachable { database: self.target.to_string(), reason };
        match opened {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(ConnectionError::BadConnection(reason))) => {
                Err(unreachable(format!("{reason}; check that its folder exists and can be written to")))
            }
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(error) => Err(unreachable(error.to_string())),
        }
    }
}

/// `busy_timeout` comes first, for the others to wait where several processes open a file at once. It ends before the
/// caller's patience does.
fn setup(busy: Duration) -> String {
    let busy = busy.as_millis();
    format!(
        "PRAGMA busy_timeout = {busy}; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON; \
         PRAGMA cache_size = -{CACHE_KIB}; PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}"
    )
}

impl Manager for Sqlite {
    type Type = SqliteConn;
    type Error = StoreError;

    async fn create(&self) -> Result<SqliteConn, StoreError> {
        if matches!(self.target, Target::Memory) {
            self.keeper.get_or_try_init(async || self.open().await.map(std::sync::Mutex::new)).await?;
        }
        let mut connection = SqliteConn::with_runtime(self.open().await?, Detached);
        let patience = Instant::now() + self.busy;
        loop {
            match connection.batch_execute(&self.setup).await.map_err(StoreError::from) {
                Ok(()) => return Ok(connection),
                // Where several connections set the journal's mode at once, SQLite does not wait, as `busy_timeout` has it.
                Err(StoreError::Locked(_)) if Instant::now() < patience => tokio::time::sleep(SETUP_RETRY).await,
                Err(StoreError::Statement(reason)) => {
                    return Err(StoreError::Refused { database: self.target.to_string(), reason });
                }
                Err(other) => return Err(other),
            }
        }
    }

    async fn recycle(&self, _: &mut SqliteConn, _: &Metrics) -> RecycleResult<StoreError> {
        Ok(())
    }
}

/// Closes a connection once its statement has ended.
pub(super) fn close(connection: Object<Sqlite>) {
    let Ok(runtime) = Handle::try_current() else { return drop(Object::take(connection)) };
    runtime.spawn(async move {
        let mut connection = connection;
        // This waits for its turn.
        let _ = connection.spawn_blocking(|_| Ok(())).await;
        drop(Object::take(connection));
    });
}
