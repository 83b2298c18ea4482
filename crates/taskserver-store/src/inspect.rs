//! What tables and columns there are: deployments of the platform differ.

use crate::pool::Lease;
use crate::sql::Row;
use crate::store::read_again;
use crate::{Backend, Sql, Store, StoreError};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    /// Its type in the database's words.
    pub(crate) data_type: String,
}

/// A column whose values are ids of another table's rows, by a constraint of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKey {
    /// The column.
    pub column: String,
    /// The other table.
    pub references_table: String,
}

impl Store {
    /// The columns of a table, in their order; `None` where there is no such table.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn columns(&self, table: &str) -> Result<Option<Vec<String>>, StoreError> {
        let columns = read_again(|| async { columns(&mut self.lease().await?, table).await }).await?;
        let names: Vec<String> = columns.into_iter().map(|column| column.name).collect();
        Ok((!names.is_empty()).then_some(names))
    }

    /// The foreign keys of a table that consist of one column; none where there is no such table.
    ///
    /// # Errors
    /// Any [`StoreError`].
    pub async fn foreign_keys(&self, table: &str) -> Result<Vec<ForeignKey>, StoreError> {
        let mut sql = self.sql();
        match self.backend() {
            Backend::Sqlite => sql
                .push("SELECT MIN(\"from\"), MIN(\"table\") FROM pragma_foreign_key_list(")
                .text(table)
                .push(") GROUP BY id HAVING COUNT(*) = 1 ORDER BY 1"),
            Backend::Postgres => sql
                .push(
                    "SELECT CAST(a.attname AS TEXT), CAST(r.relname AS TEXT) FROM pg_constraint c \
                     JOIN pg_class t ON t.oid = c.conrelid JOIN pg_class r ON r.oid = c.confrelid \
                     JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] \
                     WHERE c.contype = 'f' AND c.convalidated AND cardinality(c.conkey) = 1 \
                     AND pg_table_is_visible(t.oid) AND t.relname = ",
                )
                .text(table)
                .push(" ORDER BY 1"),
            Backend::Mysql => sql
                .push(
                    "SELECT MIN(column_name), MIN(referenced_table_name) FROM information_schema.key_column_usage \
                     WHERE referenced_table_name IS NOT NULL AND table_schema = DATABASE() AND table_name = ",
                )
                .text(table)
                .push(" GROUP BY constraint_name HAVING COUNT(*) = 1 ORDER BY 1"),
        };
        let rows = read_again(|| async { self.lease().await?.load(sql.clone()).await }).await?;
        let key = |(column, references_table)| ForeignKey { column, references_table };
        Ok(rows.into_iter().filter_map(pair).map(key).collect())
    }
}

/// The columns of a table, in their order; none where there is no such table.
pub(crate) async fn columns(lease: &mut Lease, table: &str) -> Result<Vec<Column>, StoreError> {
    let mut sql = Sql::new(lease.backend());
    match lease.backend() {
        Backend::Sqlite => {
            sql.push("SELECT name, lower(type) FROM pragma_table_info(").text(table).push(") ORDER BY cid")
        }
        Backend::Postgres => sql
            .push(
                "SELECT CAST(a.attname AS TEXT), CAST(t.typname AS TEXT) FROM pg_attribute a \
                 JOIN pg_class c ON c.oid = a.attrelid JOIN pg_type t ON t.oid = a.atttypid \
                 WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f') \
                 AND pg_table_is_visible(c.oid) AND c.relname = ",
            )
            .text(table)
            .push(" ORDER BY a.attnum"),
        Backend::Mysql => sql
            .push(
                "SELECT column_name, data_type FROM information_schema.columns \
                 WHERE table_schema = DATABASE() AND table_name = ",
            )
            .text(table)
            .push(" ORDER BY ordinal_position"),
    };
    let rows = lease.load(sql).await?;
    Ok(rows.into_iter().filter_map(pair).map(|(name, data_type)| Column { name, data_type }).collect())
}

fn pair(Row(cells): Row) -> Option<(String, String)> {
    match <[Option<String>; 2]>::try_from(cells) {
        Ok([Some(first), Some(second)]) => Some((first, second)),
        _ => None,
    }
}
