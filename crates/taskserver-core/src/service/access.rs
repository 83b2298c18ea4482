//! Who may do what from outside: the hook that every call meets first, but for those that watch.
//!
//! An outward surface finds out who calls and says so in [`Params`](super::Params); whether that is enough is decided here,
//! for every surface alike and before any hook runs that could act on the call. What nothing allows is refused: a service that is merely
//! registered can be read from outside by administrators, and by nobody else.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::{AroundHook, ErrorKind, HookContext, Method, Next, Provider, ServiceError, not_allowed};

/// Who an outside caller is, and what they may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The id of a user of the platform, or the name that an operator's token has in configuration.
    pub user: String,
    /// The scopes that they hold, such as `admin:admin`.
    pub scopes: BTreeSet<String>,
}

/// What outside callers may do. Trusted calls are not concerned.
///
/// Every method of every service needs a scope, `admin:admin` unless [`require`](Self::require) names another. A service
/// offers the methods that read, unless [`offer`](Self::offer) names others; those that write are refused all the same,
/// until [`writes`](Self::writes) turns them on.
///
/// ```
/// use taskserver_core::{Access, Method};
///
/// let access = Access::new()
///     .writes(true)
///     .offer("analytics", [Method::Find, Method::Create])
///     .require("location", Method::READS, "location:read");
/// assert!(access.offers("analytics", Method::Create) && !access.offers("location", Method::Create));
/// assert_eq!(access.scope("location", Method::Get), "location:read");
/// assert_eq!(access.scope("analytics", Method::Find), Access::ADMIN);
/// ```
#[derive(Debug, Clone, Default)]
pub struct Access {
    writes: bool,
    offers: BTreeMap<String, Vec<Method>>,
    scopes: BTreeMap<(String, Method), String>,
}

impl Access {
    /// The scope of the platform's administrators.
    pub const ADMIN: &str = "admin:admin";

    /// Only administrators, and only to read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether outside callers may write at all.
    #[must_use]
    pub fn writes(mut self, writes: bool) -> Self {
        self.writes = writes;
        self
    }

    /// A service offers outside callers these methods and no others.
    #[must_use]
    pub fn offer(mut self, path: &str, methods: impl IntoIterator<Item = Method>) -> Self {
        self.offers.insert(path.to_owned(), methods.into_iter().collect());
        self
    }

    /// These methods of a service need this scope.
    #[must_use]
    pub fn require(mut self, path: &str, methods: impl IntoIterator<Item = Method>, scope: &str) -> Self {
        self.scopes.extend(methods.into_iter().map(|method| ((path.to_owned(), method), scope.to_owned())));
        self
    }

    /// Whether outside callers are offered a method, whoever they are.
    #[must_use]
    pub fn offers(&self, path: &str, method: Method) -> bool {
        let offered = self.offers.get(path).map_or(Method::READS.as_slice(), Vec::as_slice);
        offered.contains(&method) && (self.writes || !Method::WRITES.contains(&method))
    }

    /// The scope that a method needs.
    #[must_use]
    pub fn scope(&self, path: &str, method: Method) -> &str {
        self.scopes.get(&(path.to_owned(), method)).map_or(Self::ADMIN, String::as_str)
    }

    /// Whether an outside caller may make a call.
    ///
    /// # Errors
    /// [`NotAuthenticated`](ErrorKind::NotAuthenticated) where nobody was recognised, [`Forbidden`](ErrorKind::Forbidden)
    /// where the scope is missing, [`MethodNotAllowed`](ErrorKind::MethodNotAllowed) where the method is not offered.
    pub fn check(&self, path: &str, method: Method, identity: Option<&Identity>) -> Result<(), ServiceError> {
        let identity = identity.ok_or_else(|| ServiceError::new(ErrorKind::NotAuthenticated, "Not authenticated"))?;
        identity.must_hold(self.scope(path, method))?;
        if self.offers(path, method) { Ok(()) } else { Err(not_allowed(method)) }
    }
}

impl Identity {
    /// Checks for a scope.
    ///
    /// # Errors
    /// [`Forbidden`](ErrorKind::Forbidden), which names the scope.
    pub fn must_hold(&self, scope: &str) -> Result<(), ServiceError> {
        match self.scopes.contains(scope) {
            true => Ok(()),
            false => Err(ServiceError::new(ErrorKind::Forbidden, format!("The scope `{scope}` is missing"))),
        }
    }
}

#[async_trait]
impl AroundHook for Access {
    async fn call(&self, context: &mut HookContext, next: Next<'_>) -> Result<(), ServiceError> {
        if context.params.provider == Provider::External {
            self.check(&context.path, context.method, context.params.identity.as_ref())?;
        }
        next.run(context).await
    }
}
