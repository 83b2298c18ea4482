//! The signatures of JWTs, checked by ring: `jsonwebtoken` leaves the choice of a crypto library to its users, and ring is
//! what all of this workspace uses.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, DecodingKey};
use ring::{hmac, signature as ring_signature};
use signature::Verifier;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(Error::from(ErrorKind::UnsupportedAlgorithm)),
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Gives `jsonwebtoken` its crypto library, once for the process. One that the program has chosen before stays.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let _ = PROVIDER.install_default();
    });
}

struct Check {
    algorithm: Algorithm,
    key: Key,
}

enum Key {
    Secret(hmac::Key),
    Public(ring_signature::UnparsedPublicKey<Vec<u8>>),
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>, Error> {
    let bytes = key.try_get_as_bytes()?;
    let secret = |hash| Key::Secret(hmac::Key::new(hash, bytes));
    let public = |how: &'static dyn ring_signature::VerificationAlgorithm| {
        Key::Public(ring_signature::UnparsedPublicKey::new(how, bytes.to_vec()))
    };
    let key = match algorithm {
        Algorithm::HS256 => secret(hmac::HMAC_SHA256),
        Algorithm::HS384 => secret(hmac::HMAC_SHA384),
        Algorithm::HS512 => secret(hmac::HMAC_SHA512),
        Algorithm::RS256 => public(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => public(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => public(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::ES256 => public(&ring_signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => public(&ring_signature::ECDSA_P384_SHA384_FIXED),
        _ => return Err(ErrorKind::UnsupportedAlgorithm.into()),
    };
    Ok(Box::new(Check { algorithm: *algorithm, key }))
}

impl Verifier<Vec<u8>> for Check {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match &self.key {
            Key::Secret(key) => hmac::verify(key, message, signature),
            Key::Public(key) => key.verify(message, signature),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for Check {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
