//! How rows are written and read.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use taskserver_store::{Sql, StoreError, Transaction};
use uuid::Uuid;

use crate::schema::{MAX_MESSAGE, MAX_TEXT};

/// The namespace of the UUIDv5 of this crate.
const NAMESPACE: Uuid = Uuid::from_u128(0x0f6b_2c1d_7d5e_4c58_8a43_91c2_4be5_d07a);

/// A value of a column.
pub(crate) enum Cell<'a> {
    Null,
    /// A short text; of a longer one the start is stored.
    Text(&'a str),
    /// A message.
    Message(&'a str),
    Integer(i64),
    Moment(Timestamp),
}

impl<'a> From<Option<&'a str>> for Cell<'a> {
    fn from(text: Option<&'a str>) -> Self {
        text.map_or(Self::Null, Self::Text)
    }
}

impl From<Option<Timestamp>> for Cell<'_> {
    fn from(moment: Option<Timestamp>) -> Self {
        moment.map_or(Self::Null, Self::Moment)
    }
}

/// An id that is made of these parts.
pub(crate) fn id<const N: usize>(parts: [&str; N]) -> String {
    let parts = parts.map(|part| part.replace('\0', "\u{fffd}"));
    Uuid::new_v5(&NAMESPACE, parts.join("\0").as_bytes()).to_string()
}

/// Stores a row.
pub(crate) async fn insert(
    transaction: &mut Transaction,
    table: &str,
    row: &[(&str, Cell<'_>)],
) -> Result<(), StoreError> {
    let mut sql = transaction.sql();
    sql.push("INSERT INTO ").name(table);
    for (index, (name, _)) in row.iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).name(name);
    }
    sql.push(") VALUES ");
    for (index, (_, cell)) in row.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", " });
        push(&mut sql, cell);
    }
    sql.push(")");
    transaction.execute(sql).await.map(drop)
}

/// Changes the columns of the row with this id, and says whether there is one.
pub(crate) async fn update(
    transaction: &mut Transaction,
    table: &str,
    row: &[(&str, Cell<'_>)],
    id: &str,
) -> Result<bool, StoreError> {
    let mut sql = transaction.sql();
    sql.push("UPDATE ").name(table).push(" SET ");
    for (index, (name, cell)) in row.iter().enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).name(name).push(" = ");
        push(&mut sql, cell);
    }
    sql.push(" WHERE id = ").text(id);
    Ok(transaction.execute(sql).await? > 0)
}

fn push(sql: &mut Sql, cell: &Cell<'_>) {
    match cell {
        Cell::Null => sql.push("NULL"),
        Cell::Text(text) => sql.text(bounded(text, MAX_TEXT)),
        Cell::Message(text) => sql.text(bounded(text, MAX_MESSAGE)),
        Cell::Integer(number) => sql.integer(*number),
        Cell::Moment(moment) => sql.moment(storable(*moment)),
    };
}

/// A text that every database stores: of a long one the start, and none with NUL, which PostgreSQL does not know.
fn bounded(text: &str, max: usize) -> Cow<'_, str> {
    let end = if text.len() <= max { text.len() } else { text.floor_char_boundary(max - "…".len()) };
    let marker = if end < text.len() { "…" } else { "" };
    match &text[..end] {
        start if start.contains('\0') => format!("{}{marker}", start.replace('\0', "\u{fffd}")).into(),
        start if marker.is_empty() => start.into(),
        start => format!("{start}{marker}").into(),
    }
}

/// The nearest moment that all the databases can hold.
pub(crate) fn storable(moment: Timestamp) -> Timestamp {
    let start_of = |date: Date| date.to_zoned(TimeZone::UTC).map_or(moment, |zoned| zoned.timestamp());
    moment.clamp(start_of(date(1000, 1, 1)), start_of(date(9999, 1, 1)))
}

/// The columns of a statement, as texts.
pub(crate) fn columns(sql: &Sql, names: &[&str]) -> String {
    let backend = sql.backend();
    names.iter().map(|name| backend.as_text(&backend.quote(name))).collect::<Vec<_>>().join(", ")
}

/// Reads a moment that a database wrote as text.
pub(crate) fn moment(text: &str) -> Option<Timestamp> {
    text.parse::<jiff::civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_too_long_loses_its_end_and_no_character_is_torn() {
        assert_eq!(bounded("short", 5), "short");
        assert_eq!(bounded("a long one", 8), "a lon…");
        assert_eq!(bounded("ääää", 6), "ä…");
        assert_eq!(bounded("a\0b", 5), "a\u{fffd}b");
    }

    #[test]
    fn a_moment_that_no_database_holds_is_the_nearest_that_they_do() {
        assert_eq!(storable(Timestamp::MIN).to_string(), "1000-01-01T00:00:00Z");
        assert_eq!(storable(Timestamp::MAX).to_string(), "9999-01-01T00:00:00Z");
        assert_eq!(storable(Timestamp::UNIX_EPOCH), Timestamp::UNIX_EPOCH);
    }
}
