//! The services of an app by path, and the policy that all their calls share.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Access, All, AroundHook, Hooks, Method, Parameter, Params, Provider, Service};
use crate::BuildError;

/// The paths that outward surfaces answer themselves: pages, probes, descriptions.
const RESERVED: [&str; 16] = [
    "",
    "alerts",
    "api",
    "assets",
    "configuration",
    "events",
    "healthcheck",
    "jobs",
    "livez",
    "login",
    "logout",
    "metrics",
    "openapi.json",
    "readyz",
    "reports",
    "tasks",
];

/// How many records a page holds.
///
/// An outside caller gets [`default`](Self::default) records, or as many as `$limit` says, up to [`max`](Self::max). Trusted
/// calls may ask for more than that, but have to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pagination {
    /// Records on a page where the query has no `$limit`.
    pub default: u64,
    /// Records on a page at most, for outside callers.
    pub max: u64,
}

impl Default for Pagination {
    /// The platform's own: 10, and at most 100.
    fn default() -> Self {
        Self { default: 10, max: 100 }
    }
}

impl Pagination {
    /// Applied when all hooks have run, so that they see the query as the caller wrote it.
    pub(super) fn apply(self, params: &mut Params) {
        let limit = params.query.limit.unwrap_or(self.default);
        params.query.limit = Some(match params.provider {
            Provider::Internal => limit,
            Provider::External => limit.min(self.max),
        });
    }
}

pub(super) struct Registered {
    pub(super) path: Arc<str>,
    pub(super) service: Arc<dyn Service>,
    /// All that run: the app's, those of the registration, and the service's own.
    pub(super) hooks: Hooks,
}

/// The services of an app.
pub struct Registry {
    pub(super) services: BTreeMap<String, Registered>,
    /// See calls before it is known whether they may be made.
    pub(super) watchers: Vec<Arc<dyn AroundHook>>,
    pub(super) pagination: Pagination,
    hooks: Hooks,
    access: Access,
}

impl Registry {
    /// `access` is checked before any hook runs but the watchers.
    pub(crate) fn new(
        access: Access,
        watchers: Vec<Arc<dyn AroundHook>>,
        hooks: Hooks,
        pagination: Pagination,
    ) -> Self {
        let hooks = Hooks::new().around(All, access.clone()).and(hooks);
        Self { services: BTreeMap::new(), watchers, hooks, pagination, access }
    }

    pub(crate) fn insert(&mut self, path: String, service: Arc<dyn Service>, hooks: Hooks) -> Result<(), BuildError> {
        if RESERVED.contains(&path.as_str()) {
            return Err(BuildError::ReservedService(path));
        }
        let hooks = service.hooks().within(&hooks).within(&self.hooks);
        let registered = Registered { path: Arc::from(path.as_str()), service, hooks };
        match self.services.insert(path, registered) {
            None => Ok(()),
            Some(replaced) => Err(BuildError::DuplicateService(replaced.path.to_string())),
        }
    }

    /// What outside callers may do.
    #[must_use]
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The paths and services, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &dyn Service)> {
        self.services.values().map(|registered| (&*registered.path, &*registered.service))
    }

    /// The parameters of queries that hooks take, beside the fields of a service's records.
    #[must_use]
    pub fn parameters(&self, path: &str, method: Method) -> Vec<Parameter> {
        self.services.get(path).map(|registered| registered.hooks.parameters(method)).unwrap_or_default()
    }

    /// The service at a path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&dyn Service> {
        self.services.get(path).map(|registered| &*registered.service)
    }
}
