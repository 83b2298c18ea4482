//! Who may call the services from outside, as the settings say.

use std::sync::Arc;

use anyhow::Context as _;
use taskserver_config::{ExposeSecret as _, settings};
use taskserver_core::{Access, Method};
use taskserver_http::{BearerAuthenticator, CachedDirectory, JwtVerifier, OperatorToken, ServiceDirectory};
use taskserver_store::{Store, TableService};

/// How many callers are remembered.
const CACHED_CALLERS: usize = 1024;

/// What callers from outside may do: what the platform offers them, and no writing unless the settings allow it.
pub(crate) fn access(settings: &settings::Http) -> Access {
    Access::new().writes(settings.writes).offer(task_analytics::ANALYTICS, [Method::Find, Method::Create])
}

/// Recognises the platform's users by their tokens and keys, and operators by theirs.
pub(crate) fn authenticator(settings: &settings::Authentication, store: &Store) -> anyhow::Result<BearerAuthenticator> {
    let directory = {
        let store = store.clone();
        ServiceDirectory::new(move |table, schema| {
            Arc::new(TableService::new(store.clone(), table, schema, &Method::READS))
        })
    };
    let directory = CachedDirectory::new(directory, settings.cache, CACHED_CALLERS);
    let mut authenticator = BearerAuthenticator::new().directory(Arc::new(directory));
    let secret = settings.secret.as_ref().map(|secret| secret.expose_secret());
    let public_key = settings.jwt_public_key.as_deref();
    // The platform may give this server the key of another algorithm, or none: then its tokens are not accepted.
    let has_key = if settings.jwt_algorithm.starts_with("HS") { secret.is_some() } else { public_key.is_some() };
    if has_key {
        let verifier = JwtVerifier::new(&settings.jwt_algorithm, secret, public_key);
        authenticator = authenticator.jwt(verifier.context("`authentication` is wrong")?);
    }
    for (name, token) in &settings.tokens {
        let scopes = token.scopes.as_deref().unwrap_or(Access::ADMIN);
        let scopes = scopes.split(',').map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty());
        authenticator = authenticator.operator(OperatorToken::new(name, token.sha256.expose_secret(), scopes)?);
    }
    Ok(authenticator)
}
