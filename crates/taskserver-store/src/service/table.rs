//! A table as it was found in this deployment, and how its values are written in SQL and read from it.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::Value;
use taskserver_core::{Checked, Field, FieldType, Record, Schema, ServiceError, date_time_utc};

use crate::inspect;
use crate::sql::{Row, bounded, read_date_time};
use crate::{Backend, Sql, Store, StoreError};

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) backend: Backend,
    /// Those fields that have a column here.
    pub(super) schema: Schema,
    /// Those in whose order there are indexes.
    pub(super) indexed: &'static [&'static str],
    columns: Vec<Column>,
}

/// A column, by its field.
pub(super) struct Column {
    pub(super) field: Field,
    /// Its name, quoted.
    pub(super) quoted: String,
    /// Whether it is PostgreSQL's `char(n)`, which pads its values with blanks, and whose index knows only its own type.
    padded: bool,
    /// Whether the log has been told of a value that does not fit the column's type.
    misfit_told: AtomicBool,
}

impl Table {
    /// Looks the table up. A field without a column is left out.
    pub(super) async fn find(
        store: &Store,
        name: &'static str,
        schema: &Schema,
        indexed: &'static [&'static str],
    ) -> Result<Self, StoreError> {
        let backend = store.backend();
        let found = inspect::columns(&mut store.lease().await?, name).await?;
        if found.is_empty() {
            return Err(StoreError::MissingTable(name.to_owned()));
        }
        let mut columns = Vec::new();
        for field in schema.fields() {
            match found.iter().find(|column| column.name == field.name) {
                Some(column) => columns.push(Column {
                    field: field.clone(),
                    quoted: backend.quote(&field.name),
                    padded: column.data_type == "bpchar",
                    misfit_told: AtomicBool::new(false),
                }),
                None => tracing::warn!(table = name, column = field.name, "a column is missing; records go without it"),
            }
        }
        let schema = Schema::new(columns.iter().map(|column| column.field.clone()));
        let table = Self { name, backend, schema, indexed, columns };
        table.column("id").map(|_| ()).ok_or_else(|| StoreError::MissingColumn("id".into()))?;
        Ok(table)
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.field.name == name)
    }

    /// Checked data as this table keeps them, and as they will be read again: without the columns that it lacks, and with times to
    /// the second.
    pub(super) fn fit(&self, data: Checked) -> Result<Record, ServiceError> {
        let mut record = data.into_record();
        // A time that the server itself has set is nobody's loss.
        let is_lost = |name: &str, value: &Value| {
            !value.is_null() && !["createdAt", "updatedAt"].contains(&name) && self.column(name).is_none()
        };
        if let Some((name, _)) = record.iter().find(|(name, value)| is_lost(name, value)) {
            return Err(ServiceError::bad_request(format!("there is no field `{name}`")));
        }
        record.retain(|name, _| self.column(name).is_some());
        for column in &self.columns {
            if let (FieldType::DateTime, Some(Value::String(text))) =
                (column.field.field_type, record.get_mut(&column.field.name))
            {
                // The databases differ in whether they cut or round what is beyond, and this is where a fraction begins.
                text.truncate("2026-11-24T01:34:02".len());
                text.push_str(".000Z");
            }
        }
        Ok(record)
    }

    /// Reads the cells of these columns into a record.
    pub(super) fn record<'a>(&self, columns: impl IntoIterator<Item = &'a Column>, Row(cells): Row) -> Record {
        let value = |(column, cell): (&Column, Option<String>)| {
            let value = cell.map_or(Value::Null, |text| column.read(self.name, text));
            (column.field.name.clone(), value)
        };
        columns.into_iter().zip(cells).map(value).collect()
    }
}

impl Column {
    /// The column as text.
    pub(super) fn as_text(&self, backend: Backend) -> String {
        backend.as_text(&self.quoted)
    }

    fn is_text(&self) -> bool {
        !matches!(self.field.field_type, FieldType::Integer { .. } | FieldType::Boolean | FieldType::DateTime)
    }

    /// The column in the form in which it is compared and sorted: text byte by byte.
    pub(super) fn exact(&self, backend: Backend) -> String {
        if self.is_text() { backend.as_bytes(&self.quoted) } else { self.quoted.clone() }
    }

    /// Appends a value, to be stored in the column or, if not text, to be compared with it.
    pub(super) fn push_value(&self, sql: &mut Sql, value: &Value) -> Result<(), ServiceError> {
        let name = &self.field.name;
        match (self.field.field_type, value) {
            (_, Value::Null) => sql.push("NULL"),
            (FieldType::DateTime, Value::String(text)) => match text.trim_end_matches('Z').parse() {
                Ok(moment) => sql.date_time(moment),
                Err(_) => return Err(ServiceError::bad_request(format!("`{name}` must be a moment"))),
            },
            (_, Value::String(text)) => sql.text(text),
            (_, Value::Bool(value)) if sql.backend() == Backend::Postgres => {
                sql.push(if *value { "TRUE" } else { "FALSE" })
            }
            (_, Value::Bool(value)) => sql.integer((*value).into()),
            (_, value) => match value.as_i64() {
                Some(number) => sql.integer(number),
                None => return Err(ServiceError::bad_request(format!("`{name}` is of no type that can be stored"))),
            },
        };
        Ok(())
    }

    /// Appends a value that is compared with [`exact`](Self::exact).
    pub(super) fn push_exact(&self, sql: &mut Sql, value: &Value) -> Result<(), ServiceError> {
        if self.is_text() && sql.backend() == Backend::Mysql {
            sql.push("CAST(");
            self.push_value(sql, value)?;
            sql.push(" AS BINARY)");
            return Ok(());
        }
        self.push_value(sql, value)
    }

    /// Whether the database's own comparison, by which it uses an index, finds more than the exact one.
    pub(super) fn is_inexact(&self, backend: Backend) -> bool {
        self.is_text() && (backend == Backend::Mysql || self.padded)
    }

    /// Appends a value that is compared with the column itself, by the database's own comparison.
    pub(super) fn push_inexact(&self, sql: &mut Sql, value: &Value) -> Result<(), ServiceError> {
        if !self.padded {
            return self.push_value(sql, value);
        }
        sql.push("CAST(");
        self.push_value(sql, value)?;
        sql.push(" AS bpchar)");
        Ok(())
    }

    /// A value of the column, from its text. Null stands for one that does not fit the column's type: other writers, and databases
    /// that do not mind types, may leave such, and one of them must not keep its whole page from being read.
    fn read(&self, table: &str, text: String) -> Value {
        let value = match self.field.field_type {
            FieldType::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
            FieldType::Boolean => match text.as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                other => other.parse::<i64>().ok().map(|number| Value::Bool(number != 0)),
            },
            // MySQL's way to say that there is none, where a column must not be null.
            FieldType::DateTime if text.starts_with("0000-00-00") => Some(Value::Null),
            FieldType::DateTime => read_date_time(&text).map(date_time_utc),
            _ => return Value::String(text),
        };
        value.unwrap_or_else(|| {
            if !self.misfit_told.swap(true, Ordering::Relaxed) {
                let column = &self.field.name;
                tracing::warn!(
                    table,
                    column,
                    value = bounded(&text, 100),
                    "a value does not fit its column's type, and is read as null"
                );
            }
            Value::Null
        })
    }
}
