//! How servers are reached by HTTP: in plain, or over TLS where the URL says `https`.

use std::sync::Arc;
use std::time::Duration;

use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use rustls::crypto::ring;
use taskserver_store::{StoreError, trusted_roots};

/// Connects to servers of HTTP/1.1 whose certificates these authorities (PEM) have signed, or the public ones. Connecting may take
/// as long as `timeout`.
///
/// # Errors
/// [`StoreError::Options`]: a certificate cannot be used, or there is none.
pub fn https_connector(
    authorities: Option<&str>,
    timeout: Duration,
) -> Result<HttpsConnector<HttpConnector>, StoreError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Options(error.to_string()))?
        .with_root_certificates(trusted_roots(authorities)?)
        .with_no_client_auth();
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(timeout));
    Ok(HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(connector))
}
