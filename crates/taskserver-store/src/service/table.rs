//! A table as it was found in this deployment, and how its values are written in SQL and read from it.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::Value;
use taskserver_core::{Field, FieldType, Record, Schema, ServiceError, date_time};

use crate::inspect;
use crate::sql::{Row, read_moment};
use crate::{Backend, Sql, Store, StoreError};

/// A table.
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) backend: Backend,
    /// Those fields that have a column here.
    pub(super) schema: Schema,
    columns: Vec<Column>,
}

/// A column, by its field.
pub(super) struct Column {
    pub(super) field: Field,
    /// Its name, quoted.
    pub(super) quoted: String,
    /// Whether it is PostgreSQL's `char(n)`, which pads its values with blanks, and whose index knows only its own type.
    padded: bool,
}

impl Table {
    /// Looks the table up. A field without a column is left out.
    pub(super) async fn find(store: &Store, name: &'static str, schema: &Schema) -> Result<Self, StoreError> {
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
                }),
                None => tracing::warn!(table = name, column = field.name, "a column is missing; records go without it"),
            }
        }
        let schema = Schema::new(columns.iter().map(|column| column.field.clone()));
        let table = Self { name, backend, schema, columns };
        table.column("id").map(|_| ()).ok_or_else(|| StoreError::MissingColumn("id".into()))?;
        Ok(table)
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.field.name == name)
    }

    /// Checks the fields of new or changed data, and writes each in the form in which it will be read again.
    pub(super) fn normalize(&self, data: &mut Record) -> Result<(), ServiceError> {
        self.schema.normalize(data)?;
        for (name, value) in data.iter_mut() {
            if let (Some(Column { field, .. }), Value::String(text)) = (self.column(name), &*value) {
                *value = storable(field, text)?;
            }
        }
        Ok(())
    }

    /// Makes a whole record of checked data: what is absent is null, unless it must not be.
    pub(super) fn complete(&self, mut data: Record) -> Result<Record, ServiceError> {
        self.normalize(&mut data)?;
        let mut record = Record::new();
        for field in self.schema.fields() {
            let mut value = data.remove(&field.name).unwrap_or(Value::Null);
            field.normalize(&mut value)?;
            record.insert(field.name.clone(), value);
        }
        Ok(record)
    }

    /// Reads the cells of these columns into a record.
    pub(super) fn record<'a>(
        &self,
        columns: impl IntoIterator<Item = &'a Column>,
        Row(cells): Row,
    ) -> Result<Record, StoreError> {
        let value = |(column, cell): (&Column, Option<String>)| {
            let value = cell.map_or(Ok(Value::Null), |text| column.read(text))?;
            Ok((column.field.name.clone(), value))
        };
        columns.into_iter().zip(cells).map(value).collect()
    }
}

/// A text or moment as the database keeps it.
fn storable(field: &Field, text: &str) -> Result<Value, ServiceError> {
    if field.field_type == FieldType::DateTime {
        // The platform's columns have no fractions, and databases differ in whether they cut or round.
        let moment = moment(&field.name, text)?;
        return Ok(date_time(Timestamp::from_second(moment.as_second()).unwrap_or(moment)));
    }
    check_text(&field.name, text)?;
    if field.field_type == FieldType::ID && text.ends_with(' ') {
        // `char(36)` does not keep it.
        return Err(ServiceError::bad_request(format!("`{}` must not end with a blank", field.name)));
    }
    Ok(text.into())
}

fn check_text(name: &str, text: &str) -> Result<(), ServiceError> {
    match text.contains('\0') {
        true => Err(ServiceError::bad_request(format!("`{name}` must not contain the character NUL"))),
        false => Ok(()),
    }
}

/// A moment that all the databases can hold.
fn moment(name: &str, text: &str) -> Result<Timestamp, ServiceError> {
    let moment: Option<Timestamp> = text.parse().ok();
    let possible = |moment: &Timestamp| (1000..=9999).contains(&moment.to_zoned(TimeZone::UTC).year());
    moment
        .filter(possible)
        .ok_or_else(|| ServiceError::bad_request(format!("`{name}` must lie between the years 1000 and 9999")))
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
            (FieldType::DateTime, Value::String(text)) => sql.moment(moment(name, text)?),
            (_, Value::String(text)) => {
                check_text(name, text)?;
                sql.text(text)
            }
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

    /// A value of the column, from its text.
    fn read(&self, text: String) -> Result<Value, StoreError> {
        let value = match self.field.field_type {
            FieldType::Integer { .. } => text.parse::<i64>().ok().map(Value::from),
            FieldType::Boolean => match text.as_str() {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                other => other.parse::<i64>().ok().map(|number| Value::Bool(number != 0)),
            },
            // MySQL's way to say that there is none, where a column must not be null.
            FieldType::DateTime if text.starts_with("0000-00-00") => Some(Value::Null),
            FieldType::DateTime => read_moment(&text).map(date_time),
            _ => return Ok(Value::String(text)),
        };
        value.ok_or_else(|| {
            StoreError::Answer(format!("the column `{}` holds '{text}', which does not fit its type", self.field.name))
        })
    }
}
