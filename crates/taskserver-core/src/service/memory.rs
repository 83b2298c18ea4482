//! A service whose records live in memory: for tests, and for what need not last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::{Checked, ErrorKind, Hooks, Method, Page, Params, Record, Schema, Service, ServiceError, Validation};

/// A service in memory. It offers every method. All clones have the same records.
#[derive(Debug, Clone)]
pub struct MemoryService {
    schema: Schema,
    records: Arc<Mutex<Vec<Record>>>,
}

impl MemoryService {
    /// An empty service.
    #[must_use]
    pub fn new(schema: Schema) -> Self {
        Self { schema, records: Arc::default() }
    }

    fn records(&self) -> MutexGuard<'_, Vec<Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
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

    fn hooks(&self) -> Hooks {
        Hooks::new().before(Method::WITH_DATA, Validation)
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

    async fn create(&self, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let record = data.into_record();
        insert(&mut self.records(), &record)?;
        Ok(record)
    }

    async fn create_many(&self, data: Vec<Checked>, _params: &Params) -> Result<Vec<Record>, ServiceError> {
        let created: Vec<Record> = data.into_iter().map(Checked::into_record).collect();
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

    async fn update(&self, id: &str, data: Checked, params: &Params) -> Result<Record, ServiceError> {
        // What the data leave out is what an update keeps.
        self.patch(id, data, params).await
    }

    async fn patch(&self, id: &str, data: Checked, _params: &Params) -> Result<Record, ServiceError> {
        let mut records = self.records();
        let position = position(&records, id)?;
        records[position].extend(data.into_record());
        Ok(records[position].clone())
    }

    async fn remove(&self, id: &str, _params: &Params) -> Result<Record, ServiceError> {
        let mut records = self.records();
        let position = position(&records, id)?;
        Ok(records.remove(position))
    }
}
