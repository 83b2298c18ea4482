//! Figures: numbers that the database counts, several of them in one consistent state of it.

use std::time::{Duration, Instant};

use crate::pool::Lease;
use crate::sql::Row;
use crate::store::read_again;
use crate::{Backend, Sql, Store, StoreError};

/// How many rows [`Store::named_counts`] answers at most.
const MAX_NAMED_COUNTS: usize = 1000;

/// One statement that yields numbers: a `SELECT` (or `WITH … SELECT`) without parameters, whoever wrote it.
///
/// It runs inside another statement and in a transaction that only reads, so that it can neither be several statements nor
/// write. A fraction is rounded to the nearest whole number, halves away from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    sql: String,
    columns: Vec<String>,
    timeout: Duration,
}

impl Reading {
    /// A statement that yields one column, and one row at most: a number, or nothing.
    #[must_use]
    pub fn number(sql: impl Into<String>, timeout: Duration) -> Self {
        Self { sql: sql.into(), columns: Vec::new(), timeout }
    }

    /// A statement that yields exactly one row, whose columns (named as here, with upper and lower case) are numbers.
    #[must_use]
    pub fn row<'a>(sql: impl Into<String>, columns: impl IntoIterator<Item = &'a str>, timeout: Duration) -> Self {
        Self { sql: sql.into(), columns: columns.into_iter().map(str::to_owned).collect(), timeout }
    }

    /// The statement that asks for it: its columns are texts.
    fn statement(&self, backend: Backend) -> Result<Sql, StoreError> {
        let inner = single(&self.sql)?;
        let mut sql = Sql::new(backend);
        if !self.columns.is_empty() {
            let columns: Vec<String> = self
                .columns
                .iter()
                .map(|column| backend.as_text(&format!("reading.{}", backend.quote(column))))
                .collect();
            // The line breaks end a comment that the statement may end with.
            sql.push(&format!("SELECT {} FROM (\n{inner}\n) AS reading LIMIT 2", columns.join(", ")));
        } else if backend == Backend::Sqlite {
            // A subquery of SQLite's would quietly yield its first row, and its columns convert to text by themselves.
            sql.push(&format!("SELECT * FROM (\n{inner}\n) AS reading LIMIT 2"));
        } else {
            sql.push(&format!("SELECT {}", backend.as_text(&format!("(\n{inner}\n)"))));
        }
        Ok(sql)
    }

    fn numbers(&self, rows: Vec<Row>) -> Result<Vec<Option<i64>>, StoreError> {
        let row = match (rows.len(), self.columns.is_empty()) {
            (0, true) => return Ok(vec![None]),
            (1, _) => rows.into_iter().flat_map(|row| row.0),
            (0, false) => return Err(StoreError::Answer("the statement yields no row in place of one".into())),
            _ => return Err(StoreError::Answer("the statement yields more than one row".into())),
        };
        let numbers: Vec<_> =
            row.map(|cell| cell.as_deref().map(whole_number).transpose()).collect::<Result<_, _>>()?;
        match numbers.len() == self.columns.len().max(1) {
            true => Ok(numbers),
            false => Err(StoreError::Answer(format!("the statement yields {} columns in place of one", numbers.len()))),
        }
    }
}

impl Store {
    /// Takes readings in one consistent state of the database, in their order. Each one fails by itself, and takes no longer
    /// than its time limit. Its numbers are those of its columns.
    ///
    /// A reading whose connection has to be given up, as SQLite's and those of a silent server are at their time limit, ends
    /// the consistent state: the readings after it are taken in another one. Where the connection was lost, all are taken
    /// again, once.
    ///
    /// # Errors
    /// Where there is no connection to be had, and so no reading at all.
    pub async fn take_readings(
        &self,
        readings: &[Reading],
    ) -> Result<Vec<Result<Vec<Option<i64>>, StoreError>>, StoreError> {
        let mut results = Vec::with_capacity(readings.len());
        let mut retried = false;
        while results.len() < readings.len() {
            let mut lease = match self.lease().await {
                Ok(lease) => lease,
                Err(error) if results.is_empty() => return Err(error),
                Err(error) => {
                    results.resize(readings.len(), Err(error));
                    break;
                }
            };
            match snapshot(&mut lease, readings, &mut results).await {
                Err(StoreError::Lost(reason)) if !retried => {
                    tracing::debug!(reason, "the connection to the database was lost while reading; reading again");
                    retried = true;
                    results.clear();
                }
                Err(error) if results.is_empty() => return Err(error),
                Err(error) => results.push(Err(error)),
                Ok(()) => {}
            }
        }
        Ok(results)
    }

    /// The rows of a statement that yields the columns `name` (anything) and `value` (a number): at most 1000 of them.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn named_counts(&self, counts: &Sql) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = counts.clone().map_text(|backend, inner| {
            let (name, value) = (backend.as_text("counts.name"), backend.as_text("counts.value"));
            format!("SELECT {name}, {value} FROM (\n{inner}\n) AS counts LIMIT {MAX_NAMED_COUNTS}")
        });
        let rows = read_again(|| async {
            let mut lease = self.lease().await?;
            lease.load(sql.clone()).await
        });
        let pair = |Row(cells)| match <[Option<String>; 2]>::try_from(cells) {
            Ok([name, Some(value)]) => Ok((name.unwrap_or_default(), whole_number(&value)?)),
            _ => Err(StoreError::Answer("a value of the statement is null".into())),
        };
        rows.await?.into_iter().map(pair).collect()
    }
}

/// Takes those readings that are not taken yet, until the connection is of no more use.
async fn snapshot(
    lease: &mut Lease,
    readings: &[Reading],
    results: &mut Vec<Result<Vec<Option<i64>>, StoreError>>,
) -> Result<(), StoreError> {
    let usual = lease.time_limit();
    lease.begin_snapshot().await?;
    while let Some(reading) = readings.get(results.len()) {
        let start = Instant::now();
        let result = take(lease, reading).await;
        if let Err(error @ StoreError::Lost(_)) = result {
            return Err(error);
        }
        let milliseconds = start.elapsed().as_millis() as u64;
        tracing::debug!(milliseconds, failed = result.is_err(), sql = reading.sql, "a reading");
        results.push(result);
        if !lease.is_fit() {
            return Ok(());
        }
    }
    lease.limit(usual).await?;
    lease.conclude(Ok(())).await
}

async fn take(lease: &mut Lease, reading: &Reading) -> Result<Vec<Option<i64>>, StoreError> {
    let sql = reading.statement(lease.backend())?;
    // On PostgreSQL, a statement that fails spoils its transaction; but not beyond the last savepoint.
    let savepoint = lease.backend() == Backend::Postgres;
    if savepoint {
        lease.batch("SAVEPOINT reading").await?;
    }
    lease.limit(reading.timeout).await?;
    let rows = lease.load(sql).await;
    if savepoint && lease.is_fit() {
        lease.batch("ROLLBACK TO SAVEPOINT reading").await?;
    }
    reading.numbers(rows?)
}

/// The statement without a semicolon at its end; and with none elsewhere.
pub(crate) fn single(sql: &str) -> Result<&str, StoreError> {
    let sql = sql.trim().trim_end_matches(|character: char| character == ';' || character.is_whitespace());
    if sql.is_empty() {
        return Err(StoreError::Statement("it is empty".into()));
    }
    if sql.contains(';') {
        return Err(StoreError::Statement("it must be one statement: there is a semicolon in it".into()));
    }
    Ok(sql)
}

/// The number that a text is, rounded to a whole one.
fn whole_number(text: &str) -> Result<i64, StoreError> {
    // Decimals such as 12345678901234567.0000 have more digits than a floating-point number.
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if let (Ok(whole), "") = (whole.parse::<i64>(), fraction.trim_end_matches('0')) {
        return Ok(whole);
    }
    match text.parse::<f64>() {
        Ok(number) if number.round().abs() < i64::MAX as f64 => Ok(number.round() as i64),
        Ok(_) => Err(StoreError::Answer(format!("{text} is more than a figure can hold"))),
        Err(_) => Err(StoreError::Answer(format!("'{text}' is no number"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_whole_ones_and_texts_are_refused() {
        assert_eq!(whole_number("12"), Ok(12));
        assert_eq!(whole_number("-12.5"), Ok(-13));
        assert_eq!(whole_number("9007199254740993.0000"), Ok(9_007_199_254_740_993));
        assert_eq!(whole_number("1.5e3"), Ok(1500));
        for (text, message) in [
            ("twelve", "'twelve' is no number"),
            ("", "'' is no number"),
            ("9223372036854775808", "9223372036854775808 is more than a figure can hold"),
            ("NaN", "NaN is more than a figure can hold"),
        ] {
            assert_eq!(whole_number(text).map_err(|error| error.to_string()), Err(message.into()));
        }
    }

    #[test]
    fn a_reading_is_one_statement() {
        assert_eq!(single(" SELECT 1 ; \n"), Ok("SELECT 1"));
        assert_eq!(
            single("SELECT 1; DELETE FROM user").map_err(|error| error.to_string()),
            Err("the database rejects the statement: it must be one statement: there is a semicolon in it".into())
        );
    }
}
