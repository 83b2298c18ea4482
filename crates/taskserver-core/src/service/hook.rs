//! Hooks: what surrounds the calls of services.
//!
//! A call runs through the hooks in this order, as in Feathers 5:
//!
//! 1. the app's [watching](crate::AppBuilder::watch) hooks, which see the calls that are refused, too: [`CallLog`](super::CallLog)
//!    and [`CallMetrics`](super::CallMetrics);
//! 2. `around` of the app, the first of which is its [`Access`](super::Access), then of the service, each wrapping all that
//!    follows;
//! 3. `before` of the app, then of the service;
//! 4. the service's method, unless a hook has set the result already;
//! 5. `after` of the service, then of the app; or, where any of 3 to 5 failed, `error` of the service, then of the app.
//!
//! Of a service's hooks, those that it was registered with are further out than those that it
//! [brings along](super::Service::hooks), such as [`Timestamps`](super::Timestamps) and [`Validation`](super::Validation): what is
//! stored has been checked after every other hook had its say.
//!
//! Within one list, hooks for all methods and hooks for one method run in the order of their registration. An `error` hook
//! may replace the error, or set a result in its place.

use std::ops::Deref;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{Method, Page, Pagination, Params, Record, ServiceError};
use crate::App;

/// What a call has answered.
#[derive(Debug, Clone, PartialEq)]
pub enum CallResult {
    /// The page that `find` answers.
    Page(Page),
    /// The record that every other method answers.
    Record(Record),
    /// The records that `create` answers where it was given several.
    Records(Vec<Record>),
}

impl CallResult {
    /// The JSON that a client sees.
    #[must_use]
    pub fn into_json(self) -> Value {
        match self {
            Self::Page(page) => page.into_json(),
            Self::Record(record) => Value::Object(record),
            Self::Records(records) => records.into_iter().map(Value::Object).collect(),
        }
    }
}

/// The data of a call that has run through its `before` hooks, those that the service brings along included.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked(Record);

impl Checked {
    /// The record.
    #[must_use]
    pub fn into_record(self) -> Record {
        self.0
    }
}

impl Deref for Checked {
    type Target = Record;

    fn deref(&self) -> &Record {
        &self.0
    }
}

/// One call, as its hooks see it.
pub struct HookContext {
    /// The app.
    pub app: App,
    /// The service's path.
    pub path: Arc<str>,
    /// The method that is called.
    pub method: Method,
    /// The record's id: with `get`, `update`, `patch` and `remove`.
    pub id: Option<String>,
    /// The data: one record with `update` and `patch`, one or several with `create`, none with the other methods.
    pub data: Vec<Record>,
    /// The query, and who calls.
    pub params: Params,
    /// The answer. A `before` hook that sets it replaces the method.
    pub result: Option<CallResult>,
    /// Why the call fails: in `error` hooks.
    pub error: Option<ServiceError>,
}

/// A parameter of a query that is no field of the records: a hook takes it out and answers in its own way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name, such as `action`.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// The values that it takes.
    pub values: &'static [&'static str],
}

/// A `before`, `after` or `error` hook.
#[async_trait]
pub trait Hook: Send + Sync + 'static {
    /// The parameters that the hook takes out of the query, for whoever describes the service.
    fn parameters(&self) -> Vec<Parameter> {
        Vec::new()
    }

    /// Looks at the call and may change it.
    ///
    /// # Errors
    /// An error ends the call, which goes on with the `error` hooks.
    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError>;
}

#[async_trait]
impl<F> Hook for F
where
    F: Fn(&mut HookContext) -> Result<(), ServiceError> + Send + Sync + 'static,
{
    async fn call(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        self(context)
    }
}

/// An `around` hook.
#[async_trait]
pub trait AroundHook: Send + Sync + 'static {
    /// Wraps what is left of the call, which [`Next::run`] runs.
    ///
    /// # Errors
    /// Whatever the call is to fail with.
    async fn call(&self, context: &mut HookContext, next: Next<'_>) -> Result<(), ServiceError>;
}

/// What is left of a call, from an `around` hook's point of view.
pub struct Next<'a> {
    pub(super) around: &'a [Arc<dyn AroundHook>],
    pub(super) call: &'a Chain<'a>,
}

impl Next<'_> {
    /// Runs the rest of the call.
    ///
    /// # Errors
    /// Whatever the rest fails with.
    pub async fn run(self, context: &mut HookContext) -> Result<(), ServiceError> {
        match self.around.split_first() {
            Some((hook, around)) => hook.call(context, Next { around, call: self.call }).await,
            None => self.call.run(context).await,
        }
    }
}

/// `None` stands for all methods.
type Entry<H> = (Option<Method>, Arc<H>);

/// Hooks by their kind, in the order of their registration.
///
/// ```
/// use taskserver_core::{ErrorKind, HookContext, Hooks, Method, ServiceError};
///
/// let read_only = Hooks::new().before(Method::WRITES, |context: &mut HookContext| {
///     Err(ServiceError::new(ErrorKind::Forbidden, format!("`{}` is read-only", context.path)))
/// });
/// ```
#[derive(Clone, Default)]
pub struct Hooks {
    around: Vec<Entry<dyn AroundHook>>,
    before: Vec<Entry<dyn Hook>>,
    after: Vec<Entry<dyn Hook>>,
    error: Vec<Entry<dyn Hook>>,
}

/// For which methods a hook is registered.
pub trait Methods {
    /// The methods; `None` stands for all.
    fn methods(self) -> Vec<Option<Method>>;
}

impl Methods for Method {
    fn methods(self) -> Vec<Option<Method>> {
        vec![Some(self)]
    }
}

impl<const N: usize> Methods for [Method; N] {
    fn methods(self) -> Vec<Option<Method>> {
        self.into_iter().map(Some).collect()
    }
}

/// All methods of a service.
#[derive(Debug, Clone, Copy)]
pub struct All;

impl Methods for All {
    fn methods(self) -> Vec<Option<Method>> {
        vec![None]
    }
}

fn entries<H: ?Sized>(methods: impl Methods, hook: &Arc<H>) -> impl Iterator<Item = Entry<H>> {
    methods.methods().into_iter().map(|method| (method, Arc::clone(hook)))
}

impl Hooks {
    /// No hooks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a hook that wraps the call.
    #[must_use]
    pub fn around(mut self, methods: impl Methods, hook: impl AroundHook) -> Self {
        let hook: Arc<dyn AroundHook> = Arc::new(hook);
        self.around.extend(entries(methods, &hook));
        self
    }

    /// Adds a hook that runs before the method.
    #[must_use]
    pub fn before(mut self, methods: impl Methods, hook: impl Hook) -> Self {
        let hook: Arc<dyn Hook> = Arc::new(hook);
        self.before.extend(entries(methods, &hook));
        self
    }

    /// Adds a hook that runs after the method has succeeded.
    #[must_use]
    pub fn after(mut self, methods: impl Methods, hook: impl Hook) -> Self {
        let hook: Arc<dyn Hook> = Arc::new(hook);
        self.after.extend(entries(methods, &hook));
        self
    }

    /// Adds a hook that runs when the call fails.
    #[must_use]
    pub fn error(mut self, methods: impl Methods, hook: impl Hook) -> Self {
        let hook: Arc<dyn Hook> = Arc::new(hook);
        self.error.extend(entries(methods, &hook));
        self
    }

    /// The parameters that the `before` hooks of a method take.
    pub(super) fn parameters(&self, method: Method) -> Vec<Parameter> {
        of_method(&self.before, method).flat_map(|hook| hook.parameters()).collect()
    }

    /// These hooks, then those.
    #[must_use]
    pub fn and(mut self, more: Self) -> Self {
        self.around.extend(more.around);
        self.before.extend(more.before);
        self.after.extend(more.after);
        self.error.extend(more.error);
        self
    }

    /// These hooks, nearer to the method than the outer ones: begun after them, and ended before them.
    pub(super) fn within(self, outer: &Self) -> Self {
        let both = |first: &[Entry<dyn Hook>], then: &[Entry<dyn Hook>]| first.iter().chain(then).cloned().collect();
        Self {
            around: outer.around.iter().chain(&self.around).cloned().collect(),
            before: both(&outer.before, &self.before),
            after: both(&self.after, &outer.after),
            error: both(&self.error, &outer.error),
        }
    }
}

fn of_method<H: ?Sized>(entries: &[Entry<H>], method: Method) -> impl Iterator<Item = Arc<H>> {
    let applies = move |entry: &&Entry<H>| entry.0.is_none_or(|wanted| wanted == method);
    entries.iter().filter(applies).map(|(_, hook)| Arc::clone(hook))
}

/// The innermost part of a call: `before`, the method, `after`, `error`.
pub(super) struct Chain<'a> {
    pub(super) hooks: &'a Hooks,
    pub(super) service: &'a dyn super::Service,
    pub(super) pagination: Pagination,
}

impl<'a> Chain<'a> {
    /// The `around` hooks of a call of `method`, outermost first.
    pub(super) fn around(&self, method: Method) -> Vec<Arc<dyn AroundHook>> {
        of_method(&self.hooks.around, method).collect()
    }

    async fn run(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        let Err(error) = self.run_unguarded(context).await else { return Ok(()) };
        let method = context.method;
        context.error = Some(error);
        context.result = None;
        for hook in of_method(&self.hooks.error, method) {
            if let Err(error) = hook.call(context).await {
                context.error = Some(error);
            }
        }
        match (context.result.is_some(), context.error.take()) {
            (false, Some(error)) => Err(error),
            _ => Ok(()),
        }
    }

    async fn run_unguarded(&self, context: &mut HookContext) -> Result<(), ServiceError> {
        let method = context.method;
        for hook in of_method(&self.hooks.before, method) {
            hook.call(context).await?;
        }
        if context.result.is_none() {
            context.result = Some(self.call_method(context).await?);
        }
        for hook in of_method(&self.hooks.after, method) {
            hook.call(context).await?;
        }
        Ok(())
    }

    async fn call_method(&self, context: &mut HookContext) -> Result<CallResult, ServiceError> {
        let service = self.service;
        if !service.methods().contains(&context.method) {
            return Err(super::not_allowed(context.method));
        }
        self.pagination.apply(&mut context.params);
        let params = &context.params;
        let id = || context.id.as_deref().ok_or_else(|| ServiceError::bad_request("An id is needed"));
        let one = || match context.data.as_slice() {
            [record] => Ok(Checked(record.clone())),
            records => Err(ServiceError::bad_request(format!("One record is needed as data, not {}", records.len()))),
        };
        let record = match context.method {
            Method::Find => return service.find(params).await.map(CallResult::Page),
            Method::Create if context.data.len() > 1 => {
                let data = context.data.iter().cloned().map(Checked).collect();
                return service.create_many(data, params).await.map(CallResult::Records);
            }
            Method::Get => service.get(id()?, params).await,
            Method::Create => service.create(one()?, params).await,
            Method::Update => service.update(id()?, one()?, params).await,
            Method::Patch => service.patch(id()?, one()?, params).await,
            Method::Remove => service.remove(id()?, params).await,
        };
        record.map(CallResult::Record)
    }
}
