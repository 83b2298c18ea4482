//! What the statements have in common: each asks about the three days at once, and yields texts.

use taskserver_store::{Sql, Store, StoreError};

use crate::days::{Counts, Day, Days};

/// The names of the columns for the three days.
pub(crate) const PER_DAY: [&str; 3] = ["d0", "d1", "d2"];

/// Appends the condition that the moment in a column lies within a day.
pub(crate) fn within<'a>(sql: &'a mut Sql, column: &str, day: &Day) -> &'a mut Sql {
    sql.push("(").name(column).push(" >= ").moment(day.from);
    sql.push(" AND ").name(column).push(" < ").moment(day.to).push(")")
}

/// Appends an aggregate for each of the days: of `value` where the moment in the column lies within the day. What is left
/// out elsewhere is NULL, which no aggregate counts.
pub(crate) fn per_day(sql: &mut Sql, aggregate: &str, value: &str, column: &str, days: &Days) {
    for (name, day) in PER_DAY.into_iter().zip(&days.0) {
        sql.push(if name == PER_DAY[0] { "" } else { ", " }).push(&format!("{aggregate}CASE WHEN "));
        within(sql, column, day).push(&format!(" THEN {value} END) AS {name}"));
    }
}

/// Appends the condition that the moment in a column lies within any of the days.
pub(crate) fn in_any<'a>(sql: &'a mut Sql, column: &str, days: &Days) -> &'a mut Sql {
    for (index, day) in days.0.iter().enumerate() {
        sql.push(if index == 0 { "(" } else { " OR " });
        within(sql, column, day);
    }
    sql.push(")")
}

/// Begins a statement whose columns are those of another one, as texts. The other one is to follow, and then [`END`].
pub(crate) fn texts(store: &Store, columns: &[&str]) -> Sql {
    let backend = store.backend();
    let columns: Vec<String> = columns.iter().map(|name| backend.as_text(&backend.quote(name))).collect();
    let mut sql = store.sql();
    sql.push(&format!("SELECT {} FROM (", columns.join(", ")));
    sql
}

/// The end of the other statement in [`texts`].
pub(crate) const END: &str = ") AS inner_rows";

/// Reads the counts of a row: a cell that is NULL, since nothing was counted, is 0.
pub(crate) fn counts(cells: &[Option<String>]) -> Result<Counts, StoreError> {
    let number = |index: usize| cells.get(index).cloned().flatten().map_or(Ok(0), |text| number(&text));
    Ok(Counts { day: number(0)?, day_before: number(1)?, week_before: number(2)? })
}

/// Reads a whole number; a database writes the sum of such as one.
pub(crate) fn number(text: &str) -> Result<i64, StoreError> {
    text.parse().map_err(|_| StoreError::Answer(format!("`{text}` is no whole number")))
}

/// The text of a cell that cannot be NULL.
pub(crate) fn text(cell: Option<String>) -> Result<String, StoreError> {
    cell.ok_or_else(|| StoreError::Answer("a text of the statement is null".to_owned()))
}

/// A row of so many cells.
pub(crate) fn cells<const N: usize>(row: Vec<Option<String>>) -> Result<[Option<String>; N], StoreError> {
    let found = row.len();
    row.try_into().map_err(|_| StoreError::Answer(format!("a row has {found} columns in place of {N}")))
}
