//! Statements written by hand: text, with values bound to it, and never any value in the text.

use std::fmt::Write as _;

use diesel::backend::Backend as DieselBackend;
use diesel::deserialize::{self, FromSql, QueryableByName};
use diesel::query_builder::{BoxedSqlQuery, SqlQuery};
use diesel::row::NamedRow;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType, Nullable, Text};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::Backend;

/// A statement for one kind of database, with the values that are bound to it.
///
/// ```
/// use taskserver_store::{Backend, Sql};
///
/// let mut sql = Sql::new(Backend::Postgres);
/// sql.push("SELECT COUNT(*) FROM ").name("analytics").push(" WHERE ").name("type").push(" = ").text("instanceUsers");
/// assert_eq!(sql.as_str(), r#"SELECT COUNT(*) FROM "analytics" WHERE "type" = $1"#);
/// ```
#[derive(Debug, Clone)]
pub struct Sql {
    backend: Backend,
    text: String,
    binds: Vec<Bind>,
}

/// A value that is bound to a statement.
#[derive(Debug, Clone)]
enum Bind {
    Text(String),
    Integer(i64),
}

impl Sql {
    /// An empty statement.
    #[must_use]
    pub fn new(backend: Backend) -> Self {
        Self { backend, text: String::new(), binds: Vec::new() }
    }

    /// The kind of database that the statement is for.
    #[must_use]
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// The statement's text, with placeholders for the values.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Appends text as it is.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// Appends an identifier, quoted.
    pub fn name(&mut self, identifier: &str) -> &mut Self {
        self.text.push_str(&self.backend.quote(identifier));
        self
    }

    /// Appends a placeholder, and binds text to it.
    pub fn text(&mut self, value: impl Into<String>) -> &mut Self {
        self.bind(Bind::Text(value.into()))
    }

    /// Appends a placeholder, and binds an integer to it.
    pub fn integer(&mut self, value: i64) -> &mut Self {
        self.bind(Bind::Integer(value))
    }

    /// Appends a placeholder, and binds a moment to it, to be compared with one of the platform's times.
    pub fn moment(&mut self, value: Timestamp) -> &mut Self {
        self.date_time(Offset::UTC.to_datetime(value))
    }

    /// As [`moment`](Self::moment), of the date and time in UTC: the year 9999 ends after the greatest [`Timestamp`].
    pub(crate) fn date_time(&mut self, value: DateTime) -> &mut Self {
        let text = date_time_text(value);
        match self.backend {
            Backend::Sqlite => self.text(text),
            Backend::Postgres => self.push("CAST(").text(text).push(" AS timestamp)"),
            Backend::Mysql => self.push("CAST(").text(text).push(" AS DATETIME(6))"),
        }
    }

    fn bind(&mut self, value: Bind) -> &mut Self {
        self.binds.push(value);
        match self.backend {
            Backend::Postgres => self.text.push_str(&format!("${}", self.binds.len())),
            Backend::Sqlite | Backend::Mysql => self.text.push('?'),
        }
        self
    }

    pub(crate) fn map_text(mut self, map: impl FnOnce(Backend, &str) -> String) -> Self {
        self.text = map(self.backend, &self.text);
        self
    }

    pub(crate) fn binds(&self) -> usize {
        self.binds.len()
    }

    pub(crate) fn into_query<DB>(self) -> BoxedSqlQuery<'static, DB, SqlQuery>
    where
        DB: DieselBackend + HasSqlType<Text> + HasSqlType<BigInt> + 'static,
        String: ToSql<Text, DB>,
        i64: ToSql<BigInt, DB>,
    {
        let query = diesel::sql_query(self.text).into_boxed::<DB>();
        self.binds.into_iter().fold(query, |query, bind| match bind {
            Bind::Text(value) => query.bind::<Text, _>(value),
            Bind::Integer(value) => query.bind::<BigInt, _>(value),
        })
    }
}

/// How the platform writes moments: in UTC, to the second; with a fraction only where there is one.
pub(crate) fn moment_text(moment: Timestamp) -> String {
    date_time_text(Offset::UTC.to_datetime(moment))
}

fn date_time_text(time: DateTime) -> String {
    let mut text = format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        time.year(),
        time.month(),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    );
    if time.subsec_nanosecond() != 0 {
        let _ = write!(text, ".{:06}", time.subsec_nanosecond() / 1000);
    }
    text
}

/// The text without NUL, which PostgreSQL does not keep, and cut.
pub(crate) fn bounded(text: &str, max: usize) -> String {
    let mut characters = text.chars().filter(|character| *character != '\0');
    let mut bounded: String = characters.by_ref().take(max).collect();
    if characters.next().is_some() {
        bounded.pop();
        bounded.push('…');
    }
    bounded
}

/// Reads a moment that a database wrote as text; `None` for MySQL's zero date, and what is no moment at all.
#[must_use]
pub fn read_moment(text: &str) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(read_date_time(text)?).ok()
}

/// As [`read_moment`], to the date and time in UTC: the year 9999 ends after the greatest [`Timestamp`].
pub(crate) fn read_date_time(text: &str) -> Option<DateTime> {
    match text.parse::<Timestamp>() {
        Ok(moment) => Some(Offset::UTC.to_datetime(moment)),
        Err(_) => text.parse().ok(),
    }
}

/// A row whose columns are all texts: statements cast them, so that one type serves for every shape and database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row(pub(crate) Vec<Option<String>>);

impl<DB> QueryableByName<DB> for Row
where
    DB: DieselBackend,
    String: FromSql<Text, DB>,
{
    fn build<'a>(row: &impl NamedRow<'a, DB>) -> deserialize::Result<Self> {
        (0..row.field_count())
            .map(|index| row.get_value::<Nullable<Text>, Option<String>, _>(index))
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_the_platform_writes_them_and_read_in_any_form() {
        let moment = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(moment_text(moment("2026-11-24T02:34:02+01:00")), "2026-11-24 01:34:02");
        assert_eq!(moment_text(moment("2026-11-24T01:34:02.5Z")), "2026-11-24 01:34:02.500000");
        for text in ["2026-11-24 01:34:02", "2026-11-24 01:34:02+00", "2026-11-24T01:34:02.000Z"] {
            assert_eq!(read_moment(text), Some(moment("2026-11-24T01:34:02Z")), "{text}");
        }
        assert_eq!(read_moment("0000-00-00 00:00:00"), None);
    }
}
