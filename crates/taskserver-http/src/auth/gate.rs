//! Where a request is let in or not.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::header::{AUTHORIZATION, HeaderMap};
use taskserver_core::{ErrorKind, Identity, ServiceError};

use super::limit::Failures;
use super::{Authenticator, Refused};

pub(crate) struct Gate {
    authenticator: Option<Arc<dyn Authenticator>>,
    failures: Failures,
}

impl Gate {
    /// An address may fail so often in a window of time.
    pub(crate) fn new(authenticator: Option<Arc<dyn Authenticator>>, max_failures: u32, window: Duration) -> Self {
        Self { authenticator, failures: Failures::new(max_failures, window) }
    }

    /// Who makes a request from this address with these headers.
    pub(crate) async fn admit(&self, headers: &HeaderMap, client: IpAddr) -> Result<Identity, ServiceError> {
        match bearer(headers) {
            Some(token) => self.identify(token, client).await,
            None => Err(not_authenticated("Not authenticated")),
        }
    }

    /// Whether there is anybody who can be recognised.
    pub(crate) fn knows_anybody(&self) -> bool {
        self.authenticator.is_some()
    }

    /// Who shows this token from this address.
    pub(crate) async fn identify(&self, token: &str, client: IpAddr) -> Result<Identity, ServiceError> {
        let Some(authenticator) = &self.authenticator else { return Err(not_authenticated("Not authenticated")) };
        if let Some(wait) = self.failures.are_too_many(client) {
            let message = "Too many failed attempts to authenticate; try again later";
            return Err(ServiceError::new(ErrorKind::TooManyRequests, message).with_retry_after(wait));
        }
        authenticator.authenticate(token).await.map_err(|refused| match refused {
            Refused::Unavailable(error) => error,
            refused => {
                self.failures.add(client);
                tracing::warn!(%client, reason = ?refused, "a caller could not be authenticated");
                not_authenticated(&refused.to_string())
            }
        })
    }
}

fn not_authenticated(message: &str) -> ServiceError {
    ServiceError::new(ErrorKind::NotAuthenticated, message)
}

/// The token of `Authorization: Bearer TOKEN`. Of two such headers it would be unclear which one counts.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_bearer_token_is_taken_from_the_one_header() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(AUTHORIZATION, HeaderValue::from_static(value));
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer a.b.c"]).as_deref(), Some("a.b.c"));
        assert_eq!(of(&["bearer  x "]).as_deref(), Some("x"));
        for refused in
            [&[][..], &[""], &["a.b.c"], &["Bearer"], &["Bearer "], &["Basic YTpi"], &["Bearer a", "Bearer b"]]
        {
            assert_eq!(of(refused), None, "{refused:?}");
        }
    }
}
