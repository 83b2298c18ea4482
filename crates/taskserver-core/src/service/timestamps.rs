//! The hook that notes when a record was made and changed.

use async_trait::async_trait;
use serde_json::Value;

use super::{Hook, HookContext, Method, ServiceError, date_time};

pub(super) const CREATED_AT: &str = "createdAt";
const UPDATED_AT: &str = "updatedAt";

/// Sets `createdAt` of new records and `updatedAt` of new and changed ones to the present moment of the app's
/// [clock](crate::App::clock), where the records of the service have these fields and the data leave them open: a `before` hook of
/// the methods that take data.
#[derive(Debug, Clone, Copy)]
pub struct Timestamps;

#[async_trait]
impl Hook for Timestamps {
    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        let HookContext { app, path, method, data, .. } = context;
        let Some(service) = app.services().get(path) else { return Ok(()) };
        let now = date_time(app.clock().now());
        let stamps: &[&str] = if *method == Method::Create { &[CREATED_AT, UPDATED_AT] } else { &[UPDATED_AT] };
        for stamp in stamps.iter().filter(|stamp| service.schema().field(stamp).is_some()) {
            for record in data.iter_mut().filter(|record| record.get(*stamp).is_none_or(Value::is_null)) {
                record.insert((*stamp).to_owned(), now.clone());
            }
        }
        Ok(())
    }
}
