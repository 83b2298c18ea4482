//! Who callers from outside are, as the settings say.

use std::sync::Arc;

use anyhow::Context as _;
use taskserver_config::{ExposeSecret as _, settings};
use taskserver_core::{Access, Method};
use taskserver_http::{
    Authenticator, BearerAuthenticator, CachedDirectory, JwtVerifier, OperatorToken, ServiceDirectory,
};
use taskserver_store::{Store, TableService};

/// Whether there is anything configured by which a caller could be recognised for certain.
pub(crate) fn has_credential(settings: &settings::Authentication) -> bool {
    !settings.tokens.is_empty() || settings.secret.is_some() || settings.jwt_public_key.is_some()
}

/// Recognises the platform's users by their tokens and keys, and operators by theirs.
pub(crate) fn authenticator(
    settings: &settings::Authentication,
    store: &Store,
) -> anyhow::Result<Arc<dyn Authenticator>> {
    let directory = {
        let store = store.clone();
        ServiceDirectory::new(move |table, schema| {
            Arc::new(TableService::new(store.clone(), table, schema, &Method::READS))
        })
    };
    let directory = CachedDirectory::new(directory, settings.cache, settings.max_cached_callers);
    let mut authenticator = BearerAuthenticator::new().directory(Arc::new(directory));
    let secret = settings.secret.as_ref().map(|secret| secret.expose_secret());
    let public_key = settings.jwt_public_key.as_deref();
    // The platform may give this server the key of another algorithm, or none: then its tokens are not accepted.
    let has_key = if settings.jwt_algorithm.starts_with("HS") { secret.is_some() } else { public_key.is_some() };
    if has_key {
        let verifier = JwtVerifier::new(&settings.jwt_algorithm, secret, public_key);
        authenticator = authenticator.jwt(verifier.context("`authentication` is wrong")?.leeway(settings.leeway));
    }
    for (name, token) in &settings.tokens {
        let scopes = token.scopes.as_deref().unwrap_or(Access::ADMIN);
        let scopes = scopes.split(',').map(|scope| scope.trim().to_owned()).filter(|scope| !scope.is_empty());
        authenticator = authenticator.operator(OperatorToken::new(name, token.sha256.expose_secret(), scopes)?);
    }
    Ok(Arc::new(authenticator))
}
