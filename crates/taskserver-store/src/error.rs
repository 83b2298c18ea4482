//! What can go wrong with a database, told apart by what one does about it.
//!
//! The drivers hand most of the databases' errors on as texts, so that some kinds are told apart by these (in English, as
//! servers speak unless told otherwise); a text that is not known is a [`StoreError::Statement`]. No error holds a password.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error as DieselError};

/// Why the store could not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The options are wrong: nothing to retry.
    #[error("{0}")]
    Options(String),
    /// The database does not answer.
    #[error("cannot reach the database {database}: {reason}")]
    Unreachable {
        /// The database's URL, without the password.
        database: String,
        /// Why.
        reason: String,
    },
    /// The database answers, and lets us not in.
    #[error("the database {database} refuses the connection: {reason}")]
    Refused {
        /// The database's URL, without the password.
        database: String,
        /// Why, and what to do about it.
        reason: String,
    },
    /// The connection broke while a statement ran. Whether the statement took effect is not known.
    #[error("the connection to the database was lost: {0}")]
    Lost(String),
    /// All connections are in use.
    #[error("none of the {max} connections to the database became free within {waited:?}")]
    Busy {
        /// How many connections the pool may hold.
        max: usize,
        /// How long the caller waited.
        waited: Duration,
    },
    /// The statement took too long, and was stopped.
    #[error("the statement took longer than {0:?} and was stopped")]
    Timeout(Duration),
    /// Another writer holds what the statement needs.
    #[error("the database is locked by another writer: {0}")]
    Locked(String),
    /// There is no such table.
    #[error("the database has no table `{0}`")]
    MissingTable(String),
    /// There is no such column.
    #[error("the database has no column `{0}`")]
    MissingColumn(String),
    /// A row with this key, or another value that must be unique, exists.
    #[error("a row with this key exists already: {0}")]
    Duplicate(String),
    /// The statement would write where only reading is allowed.
    #[error("the statement may only read: {0}")]
    ReadOnly(String),
    /// A former leader would write: its term is over.
    #[error("the term {term} of the leadership `{leadership}` is over; {}", now(*.current))]
    Fenced {
        /// The leadership's name.
        leadership: String,
        /// The term of what was to be written.
        term: u64,
        /// The term that it is now, if there is one.
        current: Option<u64>,
    },
    /// The database answers, but not with what was asked for.
    #[error("{0}")]
    Answer(String),
    /// The database rejects the statement.
    #[error("the database rejects the statement: {0}")]
    Statement(String),
}

fn now(term: Option<u64>) -> String {
    term.map_or_else(|| "there is no other".to_owned(), |term| format!("it is in term {term}"))
}

impl StoreError {
    /// Whether the database itself is out of reach: the same call may succeed later, unchanged.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { .. } | Self::Lost(_) | Self::Busy { .. })
    }

    /// The kind of the error in a word, for what counts errors.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Options(_) => "options",
            Self::Unreachable { .. } => "unreachable",
            Self::Refused { .. } => "refused",
            Self::Lost(_) => "lost",
            Self::Busy { .. } => "busy",
            Self::Timeout(_) => "timeout",
            Self::Locked(_) => "locked",
            Self::MissingTable(_) => "missing_table",
            Self::MissingColumn(_) => "missing_column",
            Self::Duplicate(_) => "duplicate",
            Self::ReadOnly(_) => "read_only",
            Self::Fenced { .. } => "fenced",
            Self::Answer(_) => "answer",
            Self::Statement(_) => "statement",
        }
    }
}

impl From<DieselError> for StoreError {
    fn from(error: DieselError) -> Self {
        let (kind, message) = match &error {
            DieselError::DatabaseError(kind, information) => (kind, information.message()),
            DieselError::BrokenTransactionManager => return Self::Lost(error.to_string()),
            _ => return Self::Statement(error.to_string()),
        };
        let text = message.to_owned();
        match kind {
            DatabaseErrorKind::UniqueViolation => Self::Duplicate(text),
            DatabaseErrorKind::ReadOnlyTransaction => Self::ReadOnly(text),
            DatabaseErrorKind::SerializationFailure => Self::Locked(text),
            DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection => Self::Lost(text),
            _ => classify(message),
        }
    }
}

/// Tells by the text, which is all that is left of the error's code.
fn classify(message: &str) -> StoreError {
    let text = message.to_owned();
    let contains = |parts: &[&str]| parts.iter().any(|part| message.contains(part));
    if contains(&[
        // PostgreSQL, as the server shuts down or is told to end the connection
        "terminating connection",
        "the database system is shutting down",
        // MySQL's driver
        "Input/output error",
        "Connection to the server is closed",
        "Driver error",
        // MySQL
        "Server shutdown in progress",
        "Connection was killed",
    ]) {
        StoreError::Lost(text)
    } else if contains(&[
        "canceling statement due to statement timeout",
        "max_statement_time exceeded",
        "maximum statement execution time exceeded",
    ]) {
        // The caller, who knows the limit, puts it in.
        StoreError::Timeout(Duration::ZERO)
    } else if contains(&[
        "database is locked",
        "database table is locked",
        "Lock wait timeout exceeded",
        "Deadlock found",
        "deadlock detected",
        "canceling statement due to lock timeout",
    ]) {
        StoreError::Locked(text)
    } else if contains(&["attempt to write a readonly database", "in a read-only transaction", "READ ONLY transaction"])
    {
        StoreError::ReadOnly(text)
    } else if let Some(table) = missing(message, ["no such table: ", "relation \"", "Table '"], "exist") {
        // MySQL writes the database's name before the table's.
        let table =
            if message.starts_with("Table '") { table.split_once('.').map_or(table, |(_, name)| name) } else { table };
        StoreError::MissingTable(table.to_owned())
    } else if let Some(column) = missing(message, ["no such column: ", "column ", "Unknown column '"], "") {
        StoreError::MissingColumn(column.trim_matches('"').to_owned())
    } else {
        StoreError::Statement(text)
    }
}

/// The name in a message such as `no such table: NAME`, `relation "NAME" does not exist` or `Unknown column 'NAME' in …`.
fn missing<'a>(message: &'a str, [sqlite, postgres, mysql]: [&str; 3], mysql_end: &str) -> Option<&'a str> {
    if let Some(name) = message.strip_prefix(sqlite) {
        return Some(name);
    }
    if let Some(rest) = message.strip_prefix(postgres) {
        let name = rest.strip_suffix(" does not exist")?;
        return Some(name.trim_end_matches('"'));
    }
    let (name, end) = message.strip_prefix(mysql)?.split_once('\'')?;
    end.contains(mysql_end).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_own_words_are_understood() {
        let table = |name: &str| StoreError::MissingTable(name.into());
        let column = |name: &str| StoreError::MissingColumn(name.into());
        assert_eq!(classify("no such table: instance-attendance"), table("instance-attendance"));
        assert_eq!(classify("relation \"instance-attendance\" does not exist"), table("instance-attendance"));
        assert_eq!(classify("Table 'ir-engine.instance-attendance' doesn't exist"), table("instance-attendance"));
        assert_eq!(classify("no such column: isChannel"), column("isChannel"));
        assert_eq!(classify("column \"isChannel\" does not exist"), column("isChannel"));
        assert_eq!(classify("column a.isChannel does not exist"), column("a.isChannel"));
        assert_eq!(classify("Unknown column 'isChannel' in 'where clause'"), column("isChannel"));
        assert_eq!(
            classify("Table 'x' is marked as crashed").to_string(),
            "the database rejects the statement: Table 'x' is marked as crashed"
        );
    }
}
