//! A service of the core over one table, by a description of the table at run time.
//!
//! What a query means is the core's to say (`Filter::matches`, `Query::order`); the submodules say it in SQL, the same for
//! every database: text is compared byte by byte, nulls come first, moments are moments. Every call runs a constant number of
//! statements, in one transaction.
//!
//! What is stored has been stamped and checked by the core's hooks, which the service brings along. What is left to see to here is
//! what hangs on the database: times are kept to the second, and deployments differ. A column that is missing is left out of the records, and named in the log once; asking for it is a
//! [`BadRequest`](ErrorKind::BadRequest). A table that is missing is [`Unavailable`](ErrorKind::Unavailable).

mod error;
mod read;
mod table;
mod write;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use taskserver_core::{
    Checked, ErrorKind, Hooks, Method, Page, Params, Record, Schema, Service, ServiceError, Timestamps, Validation,
};

use crate::store::read_again;
use crate::{Store, StoreError};
use error::service_error;
use table::Table;

/// A service over one table.
pub struct TableService {
    store: Store,
    table: &'static str,
    schema: Schema,
    methods: &'static [Method],
    indexed: &'static [&'static str],
    /// What the table was found to be.
    found: Mutex<Option<Arc<Table>>>,
}

impl TableService {
    /// A service over `table`, whose columns are the schema's fields by the same names. `id` must be among them, and be the
    /// primary key; where there are `createdAt` and `updatedAt`, the service's hooks set them.
    #[must_use]
    pub fn new(store: Store, table: &'static str, schema: Schema, methods: &'static [Method]) -> Self {
        Self { store, table, schema, methods, indexed: &[], found: Mutex::default() }
    }

    /// Has indexes in the order of these columns, which are moments and never null: a page in the order of one of them costs no more
    /// than its rows, however many the table has.
    #[must_use]
    pub fn indexed(mut self, columns: &'static [&'static str]) -> Self {
        self.indexed = columns;
        self
    }

    /// The table as it is, looked up once, and again after it was found to be different.
    async fn table(&self) -> Result<Arc<Table>, ServiceError> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(table) = found {
            return Ok(table);
        }
        let table = Table::find(&self.store, self.table, &self.schema, self.indexed).await;
        let table = table.map_err(|error| self.failed(error))?;
        let table = Arc::new(table);
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&table));
        Ok(table)
    }

    /// The error for the caller. One about a table or column means that the table has changed since it was looked up.
    fn failed(&self, error: StoreError) -> ServiceError {
        if matches!(error, StoreError::MissingTable(_) | StoreError::MissingColumn(_)) {
            *self.found.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        service_error(self.table, error)
    }

    /// Stores new records, all or none.
    async fn insert(&self, table: &Table, records: &[Record]) -> Result<(), ServiceError> {
        let inserts = records.iter().map(|record| write::insert(table, record)).collect::<Result<Vec<_>, _>>()?;
        match write::create(&self.store, inserts).await {
            Err(StoreError::Duplicate(reason)) => {
                let ids: Vec<_> =
                    records.iter().filter_map(|record| record.get("id").and_then(Value::as_str)).collect();
                let conflict = format!("a record with the id '{}' exists already", ids.join("' or '"));
                Err(ServiceError::new(ErrorKind::Conflict, conflict).with_source(StoreError::Duplicate(reason)))
            }
            result => result.map_err(|error| self.failed(error)),
        }
    }
}

#[async_trait]
impl Service for TableService {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn methods(&self) -> &[Method] {
        self.methods
    }

    fn hooks(&self) -> Hooks {
        Hooks::new().before(Method::WITH_DATA, Timestamps).before(Method::WITH_DATA, Validation)
    }

    async fn find(&self, params: &Params) -> Result<Page, ServiceError> {
        let table = self.table().await?;
        let mut query = params.query.clone();
        query.normalize(&table.schema)?;
        let query = read::Find::new(&table, query)?;
        read_again(|| read::find(&self.store, &table, &query)).await.map_err(|error| self.failed(error))
    }

    async fn get(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        let table = self.table().await?;
        let mut query = params.query.clone();
        query.normalize(&table.schema)?;
        let found = read_again(|| async { read::get(&mut self.store.lease().await?, &table, id).await });
        let mut record = found.await.map_err(|error| self.failed(error))?.ok_or_else(|| ServiceError::no_record(id))?;
        query.apply_select(&mut record);
        Ok(record)
    }

    async fn create(&self, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let table = self.table().await?;
        let record = table.fit(data)?;
        self.insert(&table, std::slice::from_ref(&record)).await?;
        Ok(record)
    }

    async fn create_many(&self, data: Vec<Checked>, _params: &Params) -> Result<Vec<Record>, ServiceError> {
        let table = self.table().await?;
        let records = data.into_iter().map(|data| table.fit(data)).collect::<Result<Vec<_>, _>>()?;
        self.insert(&table, &records).await?;
        Ok(records)
    }

    async fn update(&self, id: &str, data: Checked, params: &Params) -> Result<Record, ServiceError> {
        // What the data leave out is what an update keeps.
        self.patch(id, data, params).await
    }

    async fn patch(&self, id: &str, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let table = self.table().await?;
        let update = write::update(&table, id, &table.fit(data)?)?;
        let changed = write::change(&self.store, &table, id, update).await.map_err(|error| self.failed(error))?;
        changed.ok_or_else(|| ServiceError::no_record(id))
    }

    async fn remove(&self, id: &str, _params: &Params) -> Result<Record, ServiceError> {
        let table = self.table().await?;
        let delete = write::delete(&table, id)?;
        let removed = write::remove(&self.store, &table, id, delete).await.map_err(|error| self.failed(error))?;
        removed.ok_or_else(|| ServiceError::no_record(id))
    }
}
