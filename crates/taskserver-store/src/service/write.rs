//! Creating, changing and removing records.

use serde_json::Value;
use taskserver_core::{Record, ServiceError};

use super::read::{get, push_id};
use super::table::Table;
use crate::{Sql, Store, StoreError};

/// The statement that stores a new record. That the id exists is for the database to say: a look beforehand would miss
/// whoever stores it at the same time.
pub(super) fn insert(table: &Table, record: &Record) -> Result<Sql, ServiceError> {
    let mut sql = Sql::new(table.backend);
    sql.push("INSERT INTO ").name(table.name);
    for (index, column) in table.columns().iter().enumerate() {
        sql.push(if index == 0 { " (" } else { ", " }).push(&column.quoted);
    }
    sql.push(") VALUES ");
    for (index, column) in table.columns().iter().enumerate() {
        sql.push(if index == 0 { "(" } else { ", " });
        column.push_value(&mut sql, record.get(&column.field.name).unwrap_or(&Value::Null))?;
    }
    sql.push(")");
    Ok(sql)
}

/// Runs the statements that store new records, all or none. A single one is a transaction of its own.
pub(super) async fn create(store: &Store, inserts: Vec<Sql>) -> Result<(), StoreError> {
    let mut lease = store.lease().await?;
    let several = inserts.len() > 1;
    if several {
        lease.begin_write().await?;
    }
    let result = async {
        for insert in inserts {
            lease.execute(insert).await?;
        }
        Ok(())
    }
    .await;
    if several { lease.conclude(result).await } else { result }
}

/// The statement that sets these fields of the record with an id.
pub(super) fn update(table: &Table, id: &str, fields: &Record) -> Result<Sql, ServiceError> {
    let mut sql = Sql::new(table.backend);
    sql.push("UPDATE ").name(table.name).push(" SET ");
    let columns = table.columns().iter().filter_map(|column| Some((column, fields.get(&column.field.name)?)));
    for (index, (column, value)) in columns.enumerate() {
        sql.push(if index == 0 { "" } else { ", " }).push(&column.quoted).push(" = ");
        column.push_value(&mut sql, value)?;
    }
    sql.push(" WHERE ");
    push_id(&mut sql, table, id)?;
    Ok(sql)
}

/// Changes the record with an id, and answers what it is then; `None` where there is none.
pub(super) async fn change(store: &Store, table: &Table, id: &str, update: Sql) -> Result<Option<Record>, StoreError> {
    let mut lease = store.lease().await?;
    lease.begin_write().await?;
    let result = async {
        match lease.execute(update).await? {
            0 => Ok(None),
            _ => get(&mut lease, table, id).await,
        }
    }
    .await;
    lease.conclude(result).await
}

/// Removes the record with an id, and answers what it was; `None` where there is none.
pub(super) async fn remove(store: &Store, table: &Table, id: &str, delete: Sql) -> Result<Option<Record>, StoreError> {
    let mut lease = store.lease().await?;
    lease.begin_write().await?;
    let result = async {
        let record = get(&mut lease, table, id).await?;
        // Of several who remove it at once, one has removed it.
        match lease.execute(delete).await? {
            0 => Ok(None),
            _ => Ok(record),
        }
    }
    .await;
    lease.conclude(result).await
}

/// The statement that removes the record with an id.
pub(super) fn delete(table: &Table, id: &str) -> Result<Sql, ServiceError> {
    let mut sql = Sql::new(table.backend);
    sql.push("DELETE FROM ").name(table.name).push(" WHERE ");
    push_id(&mut sql, table, id)?;
    Ok(sql)
}
