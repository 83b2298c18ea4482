//! The hook that checks what is to be stored, by the schema of the service.

use async_trait::async_trait;
use serde_json::Value;
use uuid::Uuid;

use super::timestamps::CREATED_AT;
use super::{Hook, HookContext, Method, Record, Schema, ServiceError};

/// Checks the data of a call by the schema of its service, and writes each value in its one form: a `before` hook of the
/// methods that take data.
///
/// A new record is made whole: what is absent is null, and a record without an `id` gets a random one. A record that is replaced
/// keeps its id, and its `createdAt` unless the data have another.
///
/// A service over records that are stored as its schema says brings this hook along ([`Service::hooks`](super::Service::hooks)).
#[derive(Debug, Clone, Copy)]
pub struct Validation;

#[async_trait]
impl Hook for Validation {
    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        let HookContext { app, path, method, id, data, .. } = context;
        let Some(service) = app.services().get(path) else { return Ok(()) };
        for record in data {
            check(*method, id.as_deref(), record, service.schema())?;
        }
        Ok(())
    }
}

fn check(method: Method, id: Option<&str>, record: &mut Record, schema: &Schema) -> Result<(), ServiceError> {
    if let Some(id) = id {
        record.insert("id".into(), id.into());
    }
    match method {
        Method::Create => {
            if is_null(record, "id") {
                record.insert("id".into(), Uuid::new_v4().to_string().into());
            }
            schema.complete(record)
        }
        Method::Update if is_null(record, CREATED_AT) => {
            record.remove(CREATED_AT);
            let rest = schema.fields().iter().filter(|field| field.name != CREATED_AT);
            Schema::new(rest.cloned()).complete(record)
        }
        Method::Update => schema.complete(record),
        _ => schema.normalize(record),
    }
}

fn is_null(record: &Record, field: &str) -> bool {
    record.get(field).is_none_or(Value::is_null)
}
