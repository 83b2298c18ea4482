//! Services: the platform's way to read and write records, with the methods of FeathersJS.

mod access;
mod error;
mod handle;
mod hook;
mod memory;
mod query;
mod registry;
mod schema;
mod timestamps;
mod validation;
mod watch;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

pub use access::{Access, Identity};
pub use error::{ErrorKind, ServiceError};
pub use handle::{ServiceHandle, TypedHandle, TypedPage};
pub use hook::{All, AroundHook, CallResult, Checked, Hook, HookContext, Hooks, Methods, Next, Parameter};
pub use memory::MemoryService;
pub use query::{Comparison, Filter, Order, Query};
pub use registry::{Pagination, Registry};
pub use schema::{Field, FieldType, Schema, date_time, date_time_utc};
pub use timestamps::Timestamps;
pub use validation::Validation;
pub use watch::{CallLog, CallMetrics};

/// A record: field names and JSON values. Every record has an `id`.
pub type Record = Map<String, Value>;

/// A method of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// A page of records.
    Find,
    /// One record by its id.
    Get,
    /// A new record.
    Create,
    /// A record replaced whole.
    Update,
    /// Some fields of a record replaced.
    Patch,
    /// A record removed.
    Remove,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [Self::Find, Self::Get, Self::Create, Self::Update, Self::Patch, Self::Remove];
    /// The methods that read.
    pub const READS: [Self; 2] = [Self::Find, Self::Get];
    /// The methods that write.
    pub const WRITES: [Self; 4] = [Self::Create, Self::Update, Self::Patch, Self::Remove];
    /// The methods that take data.
    pub const WITH_DATA: [Self; 3] = [Self::Create, Self::Update, Self::Patch];

    /// The method's name, such as `find`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Find => "find",
            Self::Get => "get",
            Self::Create => "create",
            Self::Update => "update",
            Self::Patch => "patch",
            Self::Remove => "remove",
        }
    }
}

/// Who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Provider {
    /// This process itself: trusted.
    #[default]
    Internal,
    /// Somebody outside, over HTTP: may do what the app's [`Access`] says.
    External,
}

impl Provider {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::External => "external",
        }
    }
}

/// What goes with a call beside its id and data.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Params {
    /// The query.
    pub query: Query,
    /// Who makes the call.
    pub provider: Provider,
    /// Who an outside caller was found to be; `None` where nobody was.
    pub identity: Option<Identity>,
}

impl From<Query> for Params {
    fn from(query: Query) -> Self {
        Self { query, ..Self::default() }
    }
}

/// A page of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// How many records satisfy the query, on all pages; on this page and those before it, where the query is
    /// [uncounted](Query::uncounted).
    pub total: u64,
    /// How many records a page holds.
    pub limit: u64,
    /// How many records come before this page.
    pub skip: u64,
    /// The records.
    pub data: Vec<Record>,
}

impl Page {
    /// The envelope that clients see: `total`, `limit`, `skip`, `data`.
    #[must_use]
    pub fn into_json(self) -> Value {
        let numbers = [("total", self.total), ("limit", self.limit), ("skip", self.skip)];
        let mut page: Record = numbers.into_iter().map(|(name, number)| (name.to_owned(), number.into())).collect();
        page.insert("data".into(), self.data.into_iter().map(Value::Object).collect());
        Value::Object(page)
    }
}

/// A service: records, and the methods by which they are read and written.
///
/// A service implements the methods that it offers and names them in [`methods`](Self::methods); calls of the others answer
/// [`MethodNotAllowed`](ErrorKind::MethodNotAllowed), implemented or not. `find` is always called with a limit (see [`Pagination`]).
///
/// What must be so whoever registers a service, such as the [`Validation`] of its data, are hooks that it brings along. Nothing can
/// go past them: the methods that write take [`Checked`] data, and only a call through an [`App`](crate::App) makes these.
#[async_trait]
pub trait Service: Send + Sync + 'static {
    /// The fields of the records.
    fn schema(&self) -> &Schema;

    /// The methods that the service offers.
    fn methods(&self) -> &[Method];

    /// The hooks that the service brings along. They are nearest to its methods: what other hooks did to the data is seen by these.
    fn hooks(&self) -> Hooks {
        Hooks::new()
    }

    /// A page of records.
    async fn find(&self, params: &Params) -> Result<Page, ServiceError> {
        let _ = params;
        Err(not_allowed(Method::Find))
    }

    /// The record with this id.
    async fn get(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        let _ = (id, params);
        Err(not_allowed(Method::Get))
    }

    /// Stores a new record. An id that exists is a [`Conflict`](ErrorKind::Conflict).
    async fn create(&self, data: Checked, params: &Params) -> Result<Record, ServiceError> {
        let _ = (data, params);
        Err(not_allowed(Method::Create))
    }

    /// Stores several new records, all or none.
    async fn create_many(&self, data: Vec<Checked>, params: &Params) -> Result<Vec<Record>, ServiceError> {
        let _ = (data, params);
        Err(ServiceError::new(ErrorKind::MethodNotAllowed, "Can not create multiple entries"))
    }

    /// Replaces the record with this id.
    async fn update(&self, id: &str, data: Checked, params: &Params) -> Result<Record, ServiceError> {
        let _ = (id, data, params);
        Err(not_allowed(Method::Update))
    }

    /// Replaces some fields of the record with this id.
    async fn patch(&self, id: &str, data: Checked, params: &Params) -> Result<Record, ServiceError> {
        let _ = (id, data, params);
        Err(not_allowed(Method::Patch))
    }

    /// Removes the record with this id, and answers it.
    async fn remove(&self, id: &str, params: &Params) -> Result<Record, ServiceError> {
        let _ = (id, params);
        Err(not_allowed(Method::Remove))
    }
}

fn not_allowed(method: Method) -> ServiceError {
    let message = format!("Method `{}` is not supported by this endpoint.", method.name());
    ServiceError::new(ErrorKind::MethodNotAllowed, message)
}

/// A struct that is the record of one service.
///
/// ```
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize)]
/// struct Location {
///     id: String,
///     name: String,
/// }
///
/// impl taskserver_core::Resource for Location {
///     const SERVICE: &'static str = "location";
/// }
/// ```
pub trait Resource: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The path of the service.
    const SERVICE: &'static str;
}
