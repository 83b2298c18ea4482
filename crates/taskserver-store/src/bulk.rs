//! Many rows at once.
//!
//! What takes the time is not the rows but the statements: their text and its parsing. So a few statements are prepared once for
//! each connection, and used again and again:
//!
//! - on SQLite and MySQL, statements with the values of several rows, of four [sizes](SIZES) that make up any number of rows;
//! - on PostgreSQL one, with an array for each column (`unnest`), whatever the number of rows.

use std::borrow::Cow;

use diesel::backend::Backend as DieselBackend;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{self, BigInt, HasSqlType, Nullable, Text};
use jiff::Timestamp;

use crate::sql::moment_text;
use crate::{Backend, StoreError, Transaction};

/// How many rows a statement of SQLite or MySQL has. More rows gain nothing; and SQLite takes 32766 values, MySQL 65535.
const SIZES: [usize; 4] = [64, 16, 4, 1];

/// How large the rows of a statement may be, unless one row alone is larger: MySQL takes 4 MiB or more in a packet.
const MAX_BYTES: usize = 1024 * 1024;

/// The type of a column, as far as the binding of its values goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Text.
    Text,
    /// An integer.
    Integer,
    /// A moment, as the platform's tables hold it.
    Moment,
}

/// A value of a column. [`Null`](Self::Null) is one of any type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value<'a> {
    /// None.
    Null,
    /// Of [`ColumnType::Text`].
    Text(Cow<'a, str>),
    /// Of [`ColumnType::Integer`].
    Integer(i64),
    /// Of [`ColumnType::Moment`].
    Moment(Timestamp),
}

/// The insertion of rows into a table. See [`Transaction::insert`].
#[derive(Debug, Clone)]
pub struct Insert<'a> {
    /// The table.
    pub table: &'a str,
    /// The columns, in the order of the values of each row.
    pub columns: &'a [(&'static str, ColumnType)],
    /// What to do with rows that are there: the statement's text after its values, without any value in it. It is the same in
    /// every call, or nothing.
    pub on_conflict: &'a str,
}

impl Transaction {
    /// Inserts rows. Of those of one call, none may have the same key: PostgreSQL updates no row twice.
    ///
    /// # Errors
    /// Any [`StoreError`]. Conclude the transaction with it: PostgreSQL takes no further statement.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use taskserver_store::{ColumnType, Insert, Store, StoreError, StoreOptions, Value};
    ///
    /// let store = Store::new(StoreOptions::new("sqlite::memory:")?)?;
    /// store.create_platform_tables().await?;
    /// let columns = [("id", ColumnType::Text), ("type", ColumnType::Text), ("count", ColumnType::Integer)];
    /// let insert = Insert { table: "analytics", columns: &columns, on_conflict: "" };
    /// let row = |id: &'static str, count| vec![Value::Text(id.into()), Value::Text("visitors".into()), Value::Integer(count)];
    /// # let columns = [columns[0], columns[1], columns[2], ("createdAt", ColumnType::Moment), ("updatedAt", ColumnType::Moment)];
    /// # let insert = Insert { columns: &columns, ..insert };
    /// # let now = || Value::Moment(jiff::Timestamp::UNIX_EPOCH);
    /// # let row = |id, count| [row(id, count), vec![now(), now()]].concat();
    /// let mut transaction = store.begin().await?;
    /// let result = transaction.insert(&insert, vec![row("1", 40), row("2", 2)]).await;
    /// transaction.conclude(result).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn insert(&mut self, insert: &Insert<'_>, rows: Vec<Vec<Value<'_>>>) -> Result<(), StoreError> {
        let mut rows: Vec<Row<'_>> = rows.into_iter().map(|row| bound_row(row, insert.columns)).collect();
        while !rows.is_empty() {
            let rest = rows.split_off(chunk(self.lease.backend(), &rows));
            self.lease.insert(insert, rows).await?;
            rows = rest;
        }
        Ok(())
    }
}

/// A row as it is bound.
pub(crate) type Row<'a> = Vec<Bound<'a>>;

/// A value as it is bound: what is null, too, has the type of its column.
#[derive(Debug)]
pub(crate) enum Bound<'a> {
    Text(Option<Cow<'a, str>>),
    Integer(Option<i64>),
}

fn bound_row<'a>(row: Vec<Value<'a>>, columns: &[(&str, ColumnType)]) -> Row<'a> {
    row.into_iter().zip(columns).map(|(value, (_, kind))| bound(value, *kind)).collect()
}

fn bound(value: Value<'_>, kind: ColumnType) -> Bound<'_> {
    match value {
        Value::Text(text) => Bound::Text(Some(text)),
        Value::Integer(number) => Bound::Integer(Some(number)),
        Value::Moment(moment) => Bound::Text(Some(moment_text(moment).into())),
        Value::Null if kind == ColumnType::Integer => Bound::Integer(None),
        Value::Null => Bound::Text(None),
    }
}

/// How many of these rows the next statement takes.
fn chunk(backend: Backend, rows: &[Row<'_>]) -> usize {
    let mut bytes = 0;
    let fitting = rows.iter().take_while(|row| {
        bytes += size(row);
        bytes <= MAX_BYTES
    });
    let fitting = fitting.count().max(1);
    match backend {
        Backend::Postgres => fitting,
        Backend::Sqlite | Backend::Mysql => SIZES.into_iter().find(|size| *size <= fitting).unwrap_or(1),
    }
}

fn size(row: &[Bound<'_>]) -> usize {
    row.iter().map(|value| if let Bound::Text(Some(text)) = value { text.len() } else { 8 }).sum()
}

/// Rows as values, for SQLite and MySQL.
pub(crate) struct Values<'a> {
    insert: &'a Insert<'a>,
    rows: Vec<Row<'a>>,
}

impl<'a> Values<'a> {
    pub(crate) fn new(insert: &'a Insert<'a>, rows: Vec<Row<'a>>) -> Self {
        Self { insert, rows }
    }
}

impl<DB> QueryFragment<DB> for Values<'_>
where
    DB: DieselBackend + HasSqlType<Text> + HasSqlType<BigInt>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        push_into(&mut out, self.insert)?;
        for (place, row) in self.rows.iter().enumerate() {
            out.push_sql(if place == 0 { " VALUES (" } else { ", (" });
            for (place, value) in row.iter().enumerate() {
                out.push_sql(if place == 0 { "" } else { ", " });
                match value {
                    Bound::Text(text) => out.push_bind_param::<Nullable<Text>, _>(text)?,
                    Bound::Integer(number) => out.push_bind_param::<Nullable<BigInt>, _>(number)?,
                }
            }
            out.push_sql(")");
        }
        out.push_sql(self.insert.on_conflict);
        Ok(())
    }
}

/// Rows as an array for each column, for PostgreSQL.
pub(crate) struct Unnest<'a> {
    insert: &'a Insert<'a>,
    columns: Vec<Array<'a>>,
}

enum Array<'a> {
    Text(Vec<Option<Cow<'a, str>>>),
    Integer(Vec<Option<i64>>),
}

impl<'a> Unnest<'a> {
    pub(crate) fn new(insert: &'a Insert<'a>, rows: Vec<Row<'a>>) -> Self {
        let array = |(_, kind): &(&str, ColumnType)| match kind {
            ColumnType::Integer => Array::Integer(Vec::with_capacity(rows.len())),
            ColumnType::Text | ColumnType::Moment => Array::Text(Vec::with_capacity(rows.len())),
        };
        let mut columns: Vec<Array<'_>> = insert.columns.iter().map(array).collect();
        for row in rows {
            for (column, value) in columns.iter_mut().zip(row) {
                match (column, value) {
                    (Array::Text(texts), Bound::Text(text)) => texts.push(text),
                    (Array::Integer(numbers), Bound::Integer(number)) => numbers.push(number),
                    // What is not of the type of its column is none.
                    (Array::Text(texts), Bound::Integer(_)) => texts.push(None),
                    (Array::Integer(numbers), Bound::Text(_)) => numbers.push(None),
                }
            }
        }
        Self { insert, columns }
    }
}

impl QueryFragment<Pg> for Unnest<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        push_into(&mut out, self.insert)?;
        for (place, (name, kind)) in self.insert.columns.iter().enumerate() {
            out.push_sql(if place == 0 { " SELECT " } else { ", " });
            out.push_sql(if *kind == ColumnType::Moment { "CAST(" } else { "" });
            out.push_identifier(name)?;
            out.push_sql(if *kind == ColumnType::Moment { " AS timestamp)" } else { "" });
        }
        for (place, column) in self.columns.iter().enumerate() {
            out.push_sql(if place == 0 { " FROM unnest(" } else { ", " });
            match column {
                Array::Text(texts) => out.push_bind_param::<sql_types::Array<Nullable<Text>>, _>(texts)?,
                Array::Integer(numbers) => out.push_bind_param::<sql_types::Array<Nullable<BigInt>>, _>(numbers)?,
            }
        }
        for (place, (name, _)) in self.insert.columns.iter().enumerate() {
            out.push_sql(if place == 0 { ") AS rows (" } else { ", " });
            out.push_identifier(name)?;
        }
        out.push_sql(")");
        out.push_sql(self.insert.on_conflict);
        Ok(())
    }
}

/// A statement is known by its text, which is prepared once for each connection.
macro_rules! known_by_text {
    ($statement:ident) => {
        impl QueryId for $statement<'_> {
            type QueryId = ();
            const HAS_STATIC_QUERY_ID: bool = false;
        }
    };
}
known_by_text!(Values);
known_by_text!(Unnest);

/// `INSERT INTO table (columns)`
fn push_into<DB: DieselBackend>(out: &mut AstPass<'_, '_, DB>, insert: &Insert<'_>) -> QueryResult<()> {
    out.push_sql("INSERT INTO ");
    out.push_identifier(insert.table)?;
    for (place, (name, _)) in insert.columns.iter().enumerate() {
        out.push_sql(if place == 0 { " (" } else { ", " });
        out.push_identifier(name)?;
    }
    out.push_sql(")");
    Ok(())
}

#[cfg(test)]
mod tests {
    use taskserver_tests::for_each_backend;

    use super::*;
    use crate::{Store, StoreOptions};

    const COLUMNS: [(&str, ColumnType); 4] = [
        ("id", ColumnType::Integer),
        ("text", ColumnType::Text),
        ("number", ColumnType::Integer),
        ("moment", ColumnType::Moment),
    ];

    for_each_backend! {
        async fn any_number_of_rows_is_inserted_in_their_order_and_meets_what_is_there(database: TestDatabase) {
            let moment = if database.backend() == taskserver_tests::Backend::MariaDb { "datetime(6)" } else { "timestamp" };
            database.execute(&format!(
                r#"CREATE TABLE "note" ("id" int PRIMARY KEY, "text" varchar(99), "number" bigint, "moment" {moment})"#
            ));
            let store = Store::new(StoreOptions::new(database.url()).unwrap()).unwrap();
            let replace = match store.backend() {
                Backend::Sqlite | Backend::Postgres => r#" ON CONFLICT ("id") DO UPDATE SET "text" = excluded."text""#,
                Backend::Mysql => " ON DUPLICATE KEY UPDATE `text` = VALUES(`text`)",
            };
            let insert = Insert { table: "note", columns: &COLUMNS, on_conflict: replace };
            for (count, text) in [(0, "none"), (200, "first of {}, with ' in it"), (7, "second of {}")] {
                let row = |id: i64| {
                    let moment = Timestamp::from_microsecond(id * 1_000_001).unwrap();
                    let number = if id % 2 == 0 { Value::Integer(i64::MAX - id) } else { Value::Null };
                    vec![Value::Integer(id), Value::Text(text.replace("{}", &id.to_string()).into()), number, Value::Moment(moment)]
                };
                let mut transaction = store.begin().await.unwrap();
                let result = transaction.insert(&insert, (0..count).map(row).collect()).await;
                transaction.conclude(result).await.unwrap();
            }
            let count = r#"SELECT COUNT(*), COUNT("number"), MAX("number") FROM "note""#;
            assert_eq!(database.query(count), [["200", "100", &i64::MAX.to_string()]]);
            let texts = r#"SELECT "text" FROM "note" WHERE "id" IN (0, 6, 7, 199) ORDER BY "id""#;
            let expected = ["second of 0", "second of 6", "first of 7, with ' in it", "first of 199, with ' in it"];
            assert_eq!(database.query(texts).concat(), expected);
            let moments = r#"SELECT COUNT(*) FROM "note" WHERE "moment" = '1970-01-01 00:03:19.000199'"#;
            assert_eq!(database.query(moments), [["1"]]);
        }
    }

    #[test]
    fn statements_are_of_few_sizes_and_bounded_in_bytes() {
        let row = |bytes: usize| vec![Bound::Text(Some("x".repeat(bytes).into()))];
        let chunks = |backend, mut rows: Vec<Row<'_>>| {
            let mut chunks = Vec::new();
            while !rows.is_empty() {
                chunks.push(chunk(backend, &rows));
                rows.drain(..chunks[chunks.len() - 1]);
            }
            chunks
        };
        let rows = |count: usize, bytes: usize| (0..count).map(|_| row(bytes)).collect::<Vec<_>>();
        assert_eq!(chunks(Backend::Sqlite, rows(64 + 16 + 16 + 4 + 2, 9)), [64, 16, 16, 4, 1, 1]);
        assert_eq!(chunks(Backend::Mysql, rows(5, 400_000)), [1, 1, 1, 1, 1]);
        assert_eq!(chunks(Backend::Postgres, rows(5, 400_000)), [2, 2, 1]);
        assert_eq!(chunks(Backend::Postgres, rows(2, 9_000_000)), [1, 1]);
    }
}
