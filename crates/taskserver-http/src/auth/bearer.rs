//! The three kinds of bearer tokens.

use std::sync::Arc;

use async_trait::async_trait;
use taskserver_core::Identity;

use super::{Authenticator, Directory, JwtVerifier, OperatorToken, Refused};

/// Recognises an operator's tokens, JWTs and API keys, as far as it was given what it needs for each.
///
/// ```
/// use std::sync::Arc;
/// use taskserver_core::MemoryService;
/// use taskserver_http::{BearerAuthenticator, JwtVerifier, ServiceDirectory};
///
/// let directory = ServiceDirectory::new(|_table, schema| Arc::new(MemoryService::new(schema)));
/// let authenticator = BearerAuthenticator::new()
///     .directory(Arc::new(directory))
///     .jwt(JwtVerifier::new("HS256", Some("the platform's secret"), None)?);
/// # Ok::<(), taskserver_http::JwtError>(())
/// ```
#[derive(Default)]
pub struct BearerAuthenticator {
    operators: Vec<OperatorToken>,
    jwt: Option<JwtVerifier>,
    directory: Option<Arc<dyn Directory>>,
}

impl BearerAuthenticator {
    /// Recognises nobody yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Recognises an operator's token.
    #[must_use]
    pub fn operator(mut self, token: OperatorToken) -> Self {
        self.operators.push(token);
        self
    }

    /// Recognises the API keys of this directory's users.
    #[must_use]
    pub fn directory(mut self, directory: Arc<dyn Directory>) -> Self {
        self.directory = Some(directory);
        self
    }

    /// Recognises the JWTs of the directory's users.
    #[must_use]
    pub fn jwt(mut self, verifier: JwtVerifier) -> Self {
        self.jwt = Some(verifier);
        self
    }
}

#[async_trait]
impl Authenticator for BearerAuthenticator {
    async fn authenticate(&self, token: &str) -> Result<Identity, Refused> {
        if let Some(operator) = OperatorToken::find(&self.operators, token) {
            return Ok(operator);
        }
        let directory = self.directory.as_ref().ok_or(Refused::Unknown)?;
        // An API key is a UUID and has no points.
        let account = if token.contains('.') {
            let subject = self.jwt.as_ref().ok_or(Refused::Unknown)?.subject(token)?;
            directory.by_identity_provider(&subject).await
        } else {
            directory.by_api_key(token).await
        };
        let account = account.map_err(Refused::Unavailable)?.ok_or(Refused::Unknown)?;
        if account.deactivated {
            return Err(Refused::Deactivated);
        }
        Ok(Identity { user: account.user, scopes: account.scopes })
    }
}
