//! What differs between the three databases in the text of statements.

use std::fmt;

/// The kind of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// SQLite, inside this process.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::Mysql => "MySQL",
        })
    }
}

impl Backend {
    /// An identifier, quoted.
    ///
    /// ```
    /// use taskserver_store::Backend;
    ///
    /// assert_eq!(Backend::Postgres.quote("instance-attendance"), "\"instance-attendance\"");
    /// assert_eq!(Backend::Mysql.quote("instance-attendance"), "`instance-attendance`");
    /// ```
    #[must_use]
    pub fn quote(self, identifier: &str) -> String {
        let quote = match self {
            Self::Mysql => '`',
            Self::Sqlite | Self::Postgres => '"',
        };
        let doubled = identifier.replace(quote, &format!("{quote}{quote}"));
        format!("{quote}{doubled}{quote}")
    }

    /// An expression as text, whatever its type.
    #[must_use]
    pub fn as_text(self, expression: &str) -> String {
        match self {
            Self::Sqlite | Self::Postgres => format!("CAST({expression} AS TEXT)"),
            Self::Mysql => format!("CAST({expression} AS CHAR CHARACTER SET utf8mb4)"),
        }
    }

    /// The end of a `SELECT` which makes it lock the rows that nobody else has locked, and pass the others over: what it yields stays
    /// as it is until the transaction ends. SQLite has no need of it, since who writes is alone there.
    #[must_use]
    pub fn skip_locked(self) -> &'static str {
        match self {
            Self::Sqlite => "",
            Self::Postgres | Self::Mysql => " FOR UPDATE SKIP LOCKED",
        }
    }

    /// A text expression in a form that is compared and sorted byte by byte. (MySQL's collations, even the binary ones, take
    /// no notice of trailing blanks, and most take none of case.)
    pub(crate) fn as_bytes(self, expression: &str) -> String {
        match self {
            Self::Sqlite => expression.to_owned(),
            Self::Postgres => format!("CAST({expression} AS TEXT) COLLATE \"C\""),
            Self::Mysql => format!("CAST({expression} AS BINARY)"),
        }
    }

    /// What puts nulls first in an ascending order and last in a descending one: PostgreSQL has to be told.
    pub(crate) fn nulls(self, ascending: bool) -> &'static str {
        match (self, ascending) {
            (Self::Postgres, true) => " NULLS FIRST",
            (Self::Postgres, false) => " NULLS LAST",
            (Self::Sqlite | Self::Mysql, _) => "",
        }
    }

    /// Begins a transaction in which every statement reads the same state, and none can write.
    pub(crate) fn begin_snapshot(self) -> &'static str {
        match self {
            // The first statement that reads fixes the state.
            Self::Sqlite => "PRAGMA query_only = ON; BEGIN",
            Self::Postgres => "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            Self::Mysql => {
                "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
            }
        }
    }

    /// Begins a transaction that writes.
    pub(crate) fn begin_write(self) -> &'static str {
        match self {
            // A transaction that begins with reading could not wait for another writer.
            Self::Sqlite => "BEGIN IMMEDIATE",
            Self::Postgres | Self::Mysql => "BEGIN",
        }
    }

    /// Ends a transaction of either kind.
    pub(crate) fn end_transaction(self, commit: bool) -> &'static str {
        match (self, commit) {
            (Self::Sqlite, true) => "COMMIT; PRAGMA query_only = OFF",
            (Self::Sqlite, false) => "ROLLBACK; PRAGMA query_only = OFF",
            (Self::Postgres | Self::Mysql, true) => "COMMIT",
            (Self::Postgres | Self::Mysql, false) => "ROLLBACK",
        }
    }
}
