//! The platform's JWTs: `sub` is the id of an identity provider.
//!
//! Which algorithm is right is configuration's to say, and never the token's: otherwise whoever knows the public key could
//! sign with it, as if it were a secret.

use std::fmt;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;

use super::{Refused, crypto};

/// How far apart the clocks of whoever signs and of this machine may be, unless [`JwtVerifier::leeway`] says otherwise.
const LEEWAY: Duration = Duration::from_secs(5);

/// Verifies JWTs of one algorithm and key.
pub struct JwtVerifier {
    key: DecodingKey,
    validation: Validation,
}

/// Why JWTs cannot be verified as configured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JwtError {
    /// There is no such algorithm, or it is not supported.
    #[error(
        "`{0}` is no supported algorithm of JWTs; use one of HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384"
    )]
    Algorithm(String),
    /// The algorithm needs a secret.
    #[error("{0} needs the secret that the platform signs its tokens with")]
    NoSecret(String),
    /// The algorithm needs a public key.
    #[error("{0} needs the public key of the key pair that the platform signs its tokens with")]
    NoPublicKey(String),
    /// The public key cannot be used.
    #[error("the public key must be in the PEM format, and of the kind that {algorithm} needs: {reason}")]
    PublicKey {
        /// The algorithm.
        algorithm: String,
        /// What is wrong with the key.
        reason: String,
    },
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
}

impl JwtVerifier {
    /// Verifies tokens of this algorithm, named as in RFC 7518: with the secret if it is one of the HS family, else with the
    /// public key (PEM). The other one of the two is not used.
    ///
    /// # Errors
    /// An unknown algorithm, or a key that is missing, empty or of another kind.
    pub fn new(algorithm: &str, secret: Option<&str>, public_key: Option<&str>) -> Result<Self, JwtError> {
        crypto::install();
        let given = |key: Option<&str>| key.filter(|key| !key.is_empty()).map(|key| key.as_bytes().to_vec());
        let name = algorithm.to_owned();
        let (algorithm, key) = match algorithm.parse() {
            Ok(algorithm @ (Algorithm::HS256 | Algorithm::HS384 | Algorithm::HS512)) => {
                let secret = given(secret).ok_or(JwtError::NoSecret(name))?;
                (algorithm, Ok(DecodingKey::from_secret(&secret)))
            }
            Ok(algorithm @ (Algorithm::RS256 | Algorithm::RS384 | Algorithm::RS512)) => {
                let pem = given(public_key).ok_or_else(|| JwtError::NoPublicKey(name.clone()))?;
                (algorithm, DecodingKey::from_rsa_pem(&pem).map_err(|error| (name, error)))
            }
            Ok(algorithm @ (Algorithm::ES256 | Algorithm::ES384)) => {
                let pem = given(public_key).ok_or_else(|| JwtError::NoPublicKey(name.clone()))?;
                (algorithm, DecodingKey::from_ec_pem(&pem).map_err(|error| (name, error)))
            }
            _ => return Err(JwtError::Algorithm(name)),
        };
        let key = key.map_err(|(algorithm, error)| JwtError::PublicKey { algorithm, reason: error.to_string() })?;
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY.as_secs();
        validation.validate_nbf = true;
        // The platform's tokens have none that would mean anything.
        validation.validate_aud = false;
        Ok(Self { key, validation })
    }

    /// How far apart the clocks of whoever signs and of this machine may be, in whole seconds; 5 seconds by default.
    #[must_use]
    pub fn leeway(mut self, leeway: Duration) -> Self {
        self.validation.leeway = leeway.as_secs();
        self
    }

    /// The `sub` of a token that is valid now.
    pub(super) fn subject(&self, token: &str) -> Result<String, Refused> {
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.key, &self.validation);
        decoded.map(|token| token.claims.sub).map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => Refused::Signature,
            ErrorKind::ExpiredSignature => Refused::Expired,
            ErrorKind::ImmatureSignature => Refused::NotActive,
            ErrorKind::InvalidAlgorithm => Refused::Algorithm,
            _ => Refused::Malformed,
        })
    }
}

/// Without the key.
impl fmt::Debug for JwtVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtVerifier").field("algorithms", &self.validation.algorithms).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verifier_that_cannot_verify_is_not_made() {
        let problem = |algorithm: &str, secret: Option<&str>, key: Option<&str>| {
            JwtVerifier::new(algorithm, secret, key).unwrap_err().to_string()
        };
        let supported = "HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384";
        for algorithm in ["none", "hs256", "EdDSA", ""] {
            assert_eq!(
                problem(algorithm, Some("secret"), None),
                format!("`{algorithm}` is no supported algorithm of JWTs; use one of {supported}")
            );
        }
        assert_eq!(
            problem("HS256", Some(""), Some("key")),
            "HS256 needs the secret that the platform signs its tokens with"
        );
        assert_eq!(
            problem("RS256", Some("secret"), None),
            "RS256 needs the public key of the key pair that the platform signs its tokens with"
        );
        assert!(
            problem("ES256", None, Some("key"))
                .starts_with("the public key must be in the PEM format, and of the kind that ES256 needs: ")
        );
    }

    #[test]
    fn a_key_is_not_shown() {
        let verifier = JwtVerifier::new("HS256", Some("hunter2"), None).unwrap();
        assert_eq!(format!("{verifier:?}"), "JwtVerifier { algorithms: [HS256], .. }");
    }
}
