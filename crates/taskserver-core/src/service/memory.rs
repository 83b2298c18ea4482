//! A service whose records live in memory: for tests, and for what need not last.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::{ErrorKind, Method, Page, Params, Record, Schema, Service, ServiceError};

/// A service in memory. It offers every method, checks data by its schema, and gives a record without an `id` a random one.
pub struct MemoryService {
    schema: Schema,
    records: Mutex<Vec<Record>>,
}

impl MemoryService {
    /// An empty service.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        Self { schema, records: Mutex::default() }
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_record(&self, data: Record) -> Result<Record, ServiceError> {
        let id = match data.get("id") {
            None | Some(Value::Null) => Uuid::new_v4().to_string(),
            Some(id) => id.as_str().ok_or_else(|| ServiceError::bad_request("`id` must be a string"))?.to_owned(),
        };
        self.complete(data, id)
    }

    /// Checks data, and makes a whole record of it: absent fields are null.
    fn complete(&self, mut data: Record, id: String) -> Result<Record, ServiceError> {
        data.insert("id".into(), id.into());
        self.schema.normalize(&mut data)?;
        let mut record = Record::new();
        for field in self.schema.fields() {
            let mut value = data.remove(&field.name).unwrap_or(Value::Null);
            field.normalize(&mut value)?;
            record.insert(field.name.clone(), value);
        }
        Ok(record)
    }
}

fn insert(records: &mut Vec<Record>, record: &Record) -> Result<(), ServiceError> {
    let id = record.get("id").and_then(Value::as_str).unwrap_or_default();
    if position(records, id).is_ok() {
        return Err(ServiceError::new(ErrorKind::Conflict, format!("a record with the id '{id}' exists already")));
    }
    records.push(record.clone());
    Ok(())
}

fn position(records: &[Record], id: &str) -> Result<usize, ServiceError> {
    records
        .iter()
        .position(|record| record.get("id").and_then(Value::as_str) == Some(id))
        .ok_or_else(|| ServiceError::no_record(id))
}

#[async_trait]
impl Service for MemoryService {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn methods(&self) -> &[Method] {
        &Method::ALL
    }

    async fn find(&self, params: &Params) -> Result<Page, ServiceError> {
        let mut query = params.query.clone();
        query.normalize(&self.schema)?;
        let mut data: Vec<Record> =
            self.records().iter().filter(|record| query.filter.matches(record)).cloned().collect();
        let total = data.len() as u64;
        data.sort_by(|left, right| query.order(left, right));
        let limit = query.limit.unwrap_or(total);
        let at_most = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let mut data: Vec<Record> = data.into_iter().skip(at_most(query.skip)).take(at_most(limit)).collect();
        data.iter_mut().for_each(|record| query.apply_select(record));
        Ok(Page { total, limit, skip: query.skip, data })
    }

    async fn get(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        let records = self.records();
        let mut record = records[position(&records, id)?].clone();
        params.query.apply_select(&mut record);
        Ok(record)
    }

    async fn create(&self, data: Record, _params: &Params) -> Result<Record, ServiceError> {
        let record = self.new_record(data)?;
        insert(&mut self.records(), &record)?;
        Ok(record)
    }

    async fn create_many(&self, data: Vec<Record>, _params: &Params) -> Result<Vec<Record>, ServiceError> {
        let created: Vec<Record> = data.into_iter().map(|data| self.new_record(data)).collect::<Result<_, _>>()?;
        let mut records = self.records();
        let before = records.len();
        for record in &created {
            if let Err(error) = insert(&mut records, record) {
                records.truncate(before);
                return Err(error);
            }
        }
        Ok(created)
    }

    async fn update(&self, id: &str, data: Record, _params: &Params) -> Result<Record, ServiceError> {
        let record = self.complete(data, id.to_owned())?;
        let mut records = self.records();
        let position = position(&records, id)?;
        records[position] = record.clone();
        Ok(record)
    }

    async fn patch(&self, id: &str, mut data: Record, _params: &Params) -> Result<Record, ServiceError> {
        data.insert("id".into(), id.into());
        self.schema.normalize(&mut data)?;
        let mut records = self.records();
        let position = position(&records, id)?;
        records[position].extend(data);
        Ok(records[position].clone())
    }

    async fn remove(&self, id: &str, _params: &Params) -> Result<Record, ServiceError> {
        let mut records = self.records();
        let position = position(&records, id)?;
        Ok(records.remove(position))
    }
}
