//! Handles: how a service is called, hooks, events and all.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use serde_json::Value;

use super::hook::Chain;
use super::{
    AroundHook, CallResult, ErrorKind, HookContext, Method, Next, Page, Params, Query, Record, Resource, ServiceError,
};
use crate::{App, Event, EventKind};

/// A service of an app, by its path. Every call runs the hooks and, where it wrote, emits its event.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use serde_json::json;
/// use taskserver_core::{App, Field, FieldType, MemoryService, Query, Schema};
///
/// let schema = Schema::new([Field::required("id", FieldType::ID), Field::nullable("count", FieldType::INT)]);
/// let app = App::builder().service("analytics", MemoryService::new(schema)).build()?;
///
/// let analytics = app.service("analytics");
/// analytics.create(json!({"id": "a", "count": 3})).await?;
/// let page = analytics.find(Query::new().eq("count", 3)).await?;
/// assert_eq!(page.total, 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ServiceHandle {
    app: App,
    path: Arc<str>,
}

impl ServiceHandle {
    pub(crate) fn new(app: App, path: &str) -> Self {
        Self { app, path: Arc::from(path) }
    }

    /// A page of records.
    ///
    /// # Errors
    /// A wrong query, or whatever the service or a hook fails with.
    pub async fn find(&self, query: Query) -> Result<Page, ServiceError> {
        match self.call(Method::Find, None, Vec::new(), query.into()).await? {
            CallResult::Page(page) => Ok(page),
            _ => Err(self.misshapen("something else than a page")),
        }
    }

    /// The record with this id.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or whatever the service or a hook fails with.
    pub async fn get(&self, id: &str) -> Result<Record, ServiceError> {
        self.record(Method::Get, Some(id), None).await
    }

    /// Stores a new record.
    ///
    /// # Errors
    /// [`Conflict`](ErrorKind::Conflict) where its id exists, wrong data, or whatever the service or a hook fails with.
    pub async fn create(&self, data: Value) -> Result<Record, ServiceError> {
        self.record(Method::Create, None, Some(data)).await
    }

    /// Stores several new records, all or none.
    ///
    /// # Errors
    /// As [`create`](Self::create), and [`MethodNotAllowed`](ErrorKind::MethodNotAllowed) where the service takes one at a
    /// time.
    pub async fn create_many(&self, data: Vec<Record>) -> Result<Vec<Record>, ServiceError> {
        match self.call(Method::Create, None, data, Params::default()).await? {
            CallResult::Records(records) => Ok(records),
            CallResult::Record(record) => Ok(vec![record]),
            CallResult::Page(_) => Err(self.misshapen("a page in place of records")),
        }
    }

    /// Replaces the record with this id.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), wrong data, or whatever the service or a hook fails with.
    pub async fn update(&self, id: &str, data: Value) -> Result<Record, ServiceError> {
        self.record(Method::Update, Some(id), Some(data)).await
    }

    /// Replaces some fields of the record with this id.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), wrong data, or whatever the service or a hook fails with.
    pub async fn patch(&self, id: &str, data: Value) -> Result<Record, ServiceError> {
        self.record(Method::Patch, Some(id), Some(data)).await
    }

    /// Removes the record with this id, and answers it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), or whatever the service or a hook fails with.
    pub async fn remove(&self, id: &str) -> Result<Record, ServiceError> {
        self.record(Method::Remove, Some(id), None).await
    }

    /// Makes any call; what the other methods, and the outward surfaces, come down to.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) where there is no such service, or whatever the service or a hook fails with.
    pub async fn call(
        &self,
        method: Method,
        id: Option<String>,
        data: Vec<Record>,
        params: Params,
    ) -> Result<CallResult, ServiceError> {
        let context = self.run(method, id, data, params, None).await?;
        let result = context.result.ok_or_else(|| self.misshapen("nothing: a hook left the call without a result"))?;
        if let Some(kind) = EventKind::of(method) {
            self.publish(kind, &result);
        }
        Ok(result)
    }

    /// Has the [watching](crate::AppBuilder::watch) hooks see a call that an outward surface refuses before it can be made, because
    /// its caller is not recognised or what it asks for makes no sense. Nothing else of the call runs. Gives the error back.
    pub async fn refuse(&self, method: Method, params: Params, error: ServiceError) -> ServiceError {
        let refused = self.run(method, None, Vec::new(), params, Some(Refusal(Mutex::new(Some(error))))).await;
        refused.err().unwrap_or_else(|| self.misshapen("a call that was refused"))
    }

    async fn run(
        &self,
        method: Method,
        id: Option<String>,
        data: Vec<Record>,
        params: Params,
        refusal: Option<Refusal>,
    ) -> Result<HookContext, ServiceError> {
        let registry = self.app.services();
        let Some(registered) = registry.services.get(&*self.path) else {
            return Err(ServiceError::new(ErrorKind::NotFound, format!("Can not find service '{}'", self.path)));
        };
        let mut context = HookContext {
            app: self.app.clone(),
            path: Arc::clone(&registered.path),
            method,
            id,
            data,
            params,
            result: None,
            error: None,
        };
        let chain = Chain { hooks: &registered.hooks, service: &*registered.service, pagination: registry.pagination };
        let mut around = registry.watchers.clone();
        match refusal {
            Some(refusal) => around.push(Arc::new(refusal)),
            None => around.extend(chain.around(method)),
        }
        Next { around: &around, call: &chain }.run(&mut context).await?;
        Ok(context)
    }

    fn publish(&self, kind: EventKind, result: &CallResult) {
        let records = match result {
            CallResult::Page(_) => &[],
            CallResult::Record(record) => std::slice::from_ref(record),
            CallResult::Records(records) => records.as_slice(),
        };
        for record in records {
            self.app.events().publish(Event::new(Arc::clone(&self.path), kind, record.clone()));
        }
    }

    async fn record(&self, method: Method, id: Option<&str>, data: Option<Value>) -> Result<Record, ServiceError> {
        let data = match data {
            None => Vec::new(),
            Some(Value::Object(record)) => vec![record],
            Some(_) => return Err(ServiceError::bad_request("The data must be an object")),
        };
        match self.call(method, id.map(str::to_owned), data, Params::default()).await? {
            CallResult::Record(record) => Ok(record),
            _ => Err(self.misshapen("something else than one record")),
        }
    }

    fn misshapen(&self, what: &str) -> ServiceError {
        let message = format!("the service `{}` answered with {what}", self.path);
        ServiceError::new(ErrorKind::GeneralError, message)
    }
}

/// What a refused call comes to, in place of all that the watching hooks surround.
struct Refusal(Mutex<Option<ServiceError>>);

#[async_trait]
impl AroundHook for Refusal {
    async fn call(&self, _: &mut HookContext, _: Next<'_>) -> Result<(), ServiceError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map_or(Ok(()), Err)
    }
}

/// A page of structs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypedPage<R> {
    /// How many records satisfy the query, on all pages.
    pub total: u64,
    /// How many records a page holds.
    pub limit: u64,
    /// How many records come before this page.
    pub skip: u64,
    /// The records.
    pub data: Vec<R>,
}

/// A service whose records are structs; calls run through the same hooks as those of a [`ServiceHandle`].
#[derive(Clone)]
pub struct TypedHandle<R> {
    service: ServiceHandle,
    records: PhantomData<fn() -> R>,
}

impl<R: Resource> TypedHandle<R> {
    pub(crate) fn new(service: ServiceHandle) -> Self {
        Self { service, records: PhantomData }
    }

    /// A page of records. See [`ServiceHandle::find`].
    ///
    /// # Errors
    /// As [`ServiceHandle::find`], and a record that `R` cannot hold, such as one cut short by a selection.
    pub async fn find(&self, query: Query) -> Result<TypedPage<R>, ServiceError> {
        let Page { total, limit, skip, data } = self.service.find(query).await?;
        let data = data.into_iter().map(from_record).collect::<Result<_, _>>()?;
        Ok(TypedPage { total, limit, skip, data })
    }

    /// The record with this id. See [`ServiceHandle::get`].
    ///
    /// # Errors
    /// As [`ServiceHandle::get`], and a record that `R` cannot hold.
    pub async fn get(&self, id: &str) -> Result<R, ServiceError> {
        from_record(self.service.get(id).await?)
    }

    /// Stores a new record. See [`ServiceHandle::create`].
    ///
    /// # Errors
    /// As [`ServiceHandle::create`].
    pub async fn create(&self, record: &R) -> Result<R, ServiceError> {
        from_record(self.service.create(to_json(record)?).await?)
    }

    /// Replaces a record. See [`ServiceHandle::update`].
    ///
    /// # Errors
    /// As [`ServiceHandle::update`].
    pub async fn update(&self, id: &str, record: &R) -> Result<R, ServiceError> {
        from_record(self.service.update(id, to_json(record)?).await?)
    }

    /// Replaces some fields of a record. See [`ServiceHandle::patch`].
    ///
    /// # Errors
    /// As [`ServiceHandle::patch`].
    pub async fn patch(&self, id: &str, fields: Value) -> Result<R, ServiceError> {
        from_record(self.service.patch(id, fields).await?)
    }

    /// Removes a record, and answers it. See [`ServiceHandle::remove`].
    ///
    /// # Errors
    /// As [`ServiceHandle::remove`].
    pub async fn remove(&self, id: &str) -> Result<R, ServiceError> {
        from_record(self.service.remove(id).await?)
    }
}

fn to_json<R: Resource>(record: &R) -> Result<Value, ServiceError> {
    serde_json::to_value(record).map_err(|error| {
        ServiceError::bad_request(format!("the `{}` record cannot be written as JSON: {error}", R::SERVICE))
    })
}

fn from_record<R: Resource>(record: Record) -> Result<R, ServiceError> {
    serde_json::from_value(Value::Object(record)).map_err(|error| {
        let message =
            format!("a record of `{}` is not what `{}` expects: {error}", R::SERVICE, std::any::type_name::<R>());
        ServiceError::new(ErrorKind::GeneralError, message)
    })
}
