//! The port through which users are looked up.

use std::collections::BTreeSet;

use async_trait::async_trait;
use taskserver_core::ServiceError;

/// A user, as far as authentication needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The user's id.
    pub user: String,
    /// Whether the user was deactivated.
    pub deactivated: bool,
    /// The scopes that the user holds.
    pub scopes: BTreeSet<String>,
}

/// Where users are looked up.
///
/// Databases compare loosely: an implementation compares what it has found with what it was asked for again, exactly and in
/// constant time, and takes as long for what it does not find as for what it does.
#[async_trait]
pub trait Directory: Send + Sync + 'static {
    /// The user to whom an identity provider belongs.
    ///
    /// # Errors
    /// The directory cannot be asked.
    async fn by_identity_provider(&self, id: &str) -> Result<Option<Account>, ServiceError>;

    /// The user to whom an API key belongs.
    ///
    /// # Errors
    /// The directory cannot be asked.
    async fn by_api_key(&self, token: &str) -> Result<Option<Account>, ServiceError>;
}
