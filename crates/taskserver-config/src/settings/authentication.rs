use secrecy::SecretString;
use serde::Deserialize;

/// Section `authentication`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authentication {
    /// The secret that the platform signs its tokens with.
    pub secret: Option<SecretString>,
    /// The public key (PEM) for algorithms with a key pair.
    pub jwt_public_key: Option<String>,
    /// The algorithm of the tokens, named as in RFC 7518.
    pub jwt_algorithm: String,
}
