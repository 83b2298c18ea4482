//! How connections to servers are encrypted, and what of the server's certificate is verified.

use std::sync::Arc;

use mysql_async::SslOpts;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme,
};

use crate::StoreError;
use crate::options::{TlsMode, TlsOptions};

/// What the options come down to.
///
/// Without a mode it is [`Prefer`](TlsMode::Prefer), as with the databases' own clients; authorities to trust mean that the
/// server is to be verified: in full where there is no mode, and their signature alone with `require`, as libpq has it.
pub(super) fn mode(options: &TlsOptions) -> TlsMode {
    match (options.mode, &options.ca) {
        (None, None) => TlsMode::Prefer,
        (None, Some(_)) => TlsMode::VerifyFull,
        (Some(TlsMode::Require), Some(_)) => TlsMode::VerifyCa,
        (Some(mode), _) => mode,
    }
}

/// The authorities to trust: those whose certificates (PEM) these are, or the public ones.
///
/// # Errors
/// [`StoreError::Options`]: a certificate cannot be used, or there is none.
pub fn trusted_roots(authorities: Option<&str>) -> Result<RootCertStore, StoreError> {
    let Some(pem) = authorities else {
        return Ok(RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()));
    };
    let wrong = |error: &dyn std::fmt::Display| StoreError::Options(error.to_string());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
    }
    match roots.is_empty() {
        true => Err(wrong(&"there is no certificate (PEM) among those of the authorities to trust")),
        false => Ok(roots),
    }
}

/// rustls' configuration, for PostgreSQL.
pub(super) fn client_config(mode: TlsMode, ca: Option<&str>) -> Result<ClientConfig, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let broken = |error: &dyn std::fmt::Display| StoreError::Options(format!("TLS to the database: {error}"));
    let roots = trusted_roots(ca).map_err(|error| broken(&error))?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(|error| broken(&error))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| broken(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Verifier { mode, verifier }));
    Ok(builder.with_no_client_auth())
}

/// The options of MySQL's driver, which makes its own configuration of rustls.
pub(super) fn mysql_options(mode: TlsMode, ca: Option<&str>) -> Result<Option<SslOpts>, StoreError> {
    if mode == TlsMode::Disable {
        return Ok(None);
    }
    if mode == TlsMode::VerifyCa {
        // The driver looks for an error text that rustls has changed, and so verifies the host all the same.
        let message = "MySQL's driver cannot verify a certificate's authority alone: use sslmode=verify-full";
        return Err(StoreError::Options(message.into()));
    }
    // The driver asks for the process's provider, and panics where there is none or several to choose from.
    if CryptoProvider::get_default().is_none() {
        let _ = rustls::crypto::ring::default_provider().install_default();
    }
    client_config(mode, ca)?;
    let mut options = SslOpts::default().with_danger_accept_invalid_certs(mode != TlsMode::VerifyFull);
    if let Some(pem) = ca {
        options = options.with_root_certs(vec![pem.as_bytes().to_vec().into()]).with_disable_built_in_roots(true);
    }
    Ok(Some(options))
}

/// Verifies of a server's certificate what the mode asks for. Its holder is always made to prove that it has the key.
#[derive(Debug)]
struct Verifier {
    mode: TlsMode,
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        if !matches!(self.mode, TlsMode::VerifyCa | TlsMode::VerifyFull) {
            return Ok(ServerCertVerified::assertion());
        }
        match self.verifier.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(TlsError::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.mode == TlsMode::VerifyCa => Ok(ServerCertVerified::assertion()),
            result => result,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}
