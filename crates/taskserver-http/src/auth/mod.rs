//! Who is calling: from a request's credential to an [`Identity`].
//!
//! A caller shows a credential as `Authorization: Bearer X`. The `gate` takes it from the request, keeps the number of failed
//! attempts of each address within its bound, and asks the server's [`Authenticator`]; without one, nobody is let in. What
//! whoever is recognised may do is the core's to decide ([`Access`](taskserver_core::Access)).
//!
//! [`BearerAuthenticator`] is the platform's way: `jwt` and `user-api-key` tokens, whose users are looked up in a
//! [`Directory`], and an operator's own tokens, which need no database. A refusal says what is wrong with a token, as the
//! platform's does; of users it tells nothing: an unknown one is refused as a deactivated one is, after the same look-ups.

mod bearer;
mod cache;
mod crypto;
mod directory;
mod gate;
mod jwt;
mod limit;
mod operator;
mod service_directory;

use std::sync::Arc;

use async_trait::async_trait;
use taskserver_core::{Identity, ServiceError};
use tokio::sync::watch;

pub use bearer::BearerAuthenticator;
pub use cache::CachedDirectory;
pub use directory::{Account, Directory};
pub(crate) use gate::Gate;
pub use jwt::{JwtError, JwtVerifier};
pub use operator::{OperatorToken, OperatorTokenError};
pub use service_directory::ServiceDirectory;

/// Recognises callers by their credentials.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// Who shows this bearer token.
    ///
    /// # Errors
    /// [`Refused`]: nobody that may come in. Its text goes to the caller, its variant into the log.
    async fn authenticate(&self, token: &str) -> Result<Identity, Refused>;
}

/// Recognises callers by whichever authenticator was sent last: settings may change while the server runs.
#[async_trait]
impl Authenticator for watch::Receiver<Arc<dyn Authenticator>> {
    async fn authenticate(&self, token: &str) -> Result<Identity, Refused> {
        let current = Arc::clone(&self.borrow());
        current.authenticate(token).await
    }
}

/// Why a credential is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// No user has this credential.
    #[error("Not authenticated")]
    Unknown,
    /// The user was deactivated. The caller is told no more than that of an unknown one.
    #[error("Not authenticated")]
    Deactivated,
    /// It looks like a JWT, but is none.
    #[error("jwt malformed")]
    Malformed,
    /// The JWT names another algorithm than the configured one.
    #[error("invalid algorithm")]
    Algorithm,
    /// The JWT was signed with another key, or changed since.
    #[error("invalid signature")]
    Signature,
    /// The JWT is too old.
    #[error("jwt expired")]
    Expired,
    /// The JWT is for later.
    #[error("jwt not active")]
    NotActive,
    /// Whether there is such a user cannot be told now.
    #[error(transparent)]
    Unavailable(ServiceError),
}
