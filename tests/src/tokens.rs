//! JWTs as the platform signs them, and as somebody else would.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::{hmac, signature};
use serde_json::{Value, json};

const RSA_KEY: &[u8] = include_bytes!("../data/keys/rsa.pk8");
const EC_KEY: &[u8] = include_bytes!("../data/keys/ec.pk8");

/// The public key of [`rs256`], as PEM.
pub const RSA_PUBLIC_KEY: &str = include_str!("../data/keys/rsa.pub.pem");
/// The public key of [`es256`], as PEM.
pub const EC_PUBLIC_KEY: &str = include_str!("../data/keys/ec.pub.pem");

/// The present moment as claims have it, in seconds.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_secs()
}

/// The claims that the platform makes for an identity provider, valid for an hour.
pub fn claims(provider: &str) -> Value {
    json!({"iat": now(), "exp": now() + 3600, "sub": provider, "jti": "5f2c1f6e-9a0b-4a53-8f5c-3f8a1d1b7c42"})
}

/// A token with this signature of its header and claims.
pub fn jwt(algorithm: &str, claims: &Value, sign: impl Fn(&[u8]) -> Vec<u8>) -> String {
    let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
    let message = format!("{}.{}", encode(&json!({"alg": algorithm, "typ": "access"})), encode(claims));
    let signature = URL_SAFE_NO_PAD.encode(sign(message.as_bytes()));
    format!("{message}.{signature}")
}

/// Signs with a shared secret.
pub fn hs256(secret: &[u8]) -> impl Fn(&[u8]) -> Vec<u8> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    move |message| hmac::sign(&key, message).as_ref().to_vec()
}

/// Signs with the RSA key of `data/keys`.
pub fn rs256(message: &[u8]) -> Vec<u8> {
    let key = signature::RsaKeyPair::from_pkcs8(RSA_KEY).expect("an RSA key");
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).expect("a signature");
    signature
}

/// Signs with the EC key of `data/keys`.
pub fn es256(message: &[u8]) -> Vec<u8> {
    let random = SystemRandom::new();
    let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = signature::EcdsaKeyPair::from_pkcs8(algorithm, EC_KEY, &random).expect("an EC key");
    key.sign(&random, message).expect("a signature").as_ref().to_vec()
}
