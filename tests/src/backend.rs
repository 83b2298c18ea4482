//! The three kinds of database, and the macro that runs a test on each.

use crate::{TestDatabase, servers};

/// A kind of database that taskserver supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file on disk.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MariaDB, which stands for MySQL too.
    MariaDb,
}

impl Backend {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Sqlite, Self::Postgres, Self::MariaDb];

    /// A fresh, empty database on the server which all tests share; `None` if this machine has no such server and the test is to
    /// be skipped, which has then been said.
    pub fn database(self) -> Option<TestDatabase> {
        match self {
            Self::Sqlite => Some(TestDatabase::sqlite()),
            Self::Postgres => servers::postgres::shared_url().map(TestDatabase::on),
            Self::MariaDb => servers::mariadb::shared_url().map(TestDatabase::on),
        }
    }
}

/// Makes three tests out of each `async fn name(database: TestDatabase)`: `name::sqlite`, `name::postgres` and `name::mariadb`.
///
/// The calling crate needs `tokio` with the features `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! for_each_backend {
    ($($(#[$attribute:meta])* async fn $name:ident($database:ident: TestDatabase) $body:block)+) => {$(
        mod $name {
            #[allow(unused_imports)]
            use super::*;

            async fn on($database: $crate::TestDatabase) $body

            $crate::for_each_backend!(@test $(#[$attribute])* sqlite, Sqlite);
            $crate::for_each_backend!(@test $(#[$attribute])* postgres, Postgres);
            $crate::for_each_backend!(@test $(#[$attribute])* mariadb, MariaDb);
        }
    )+};
    (@test $(#[$attribute:meta])* $name:ident, $backend:ident) => {
        $(#[$attribute])*
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            if let Some(database) = $crate::Backend::$backend.database() {
                on(database).await;
            }
        }
    };
}
