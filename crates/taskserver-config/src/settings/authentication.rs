use std::{collections::BTreeMap, time::Duration};

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
    /// How long what was found about a caller may be used again.
    pub cache: Duration,
    /// How many callers are remembered at most.
    pub max_cached_callers: usize,
    /// How far apart the clocks of whoever signs tokens and of this server may be.
    pub leeway: Duration,
    /// How often an address may fail to authenticate within `failed_attempts_window`.
    pub max_failed_attempts: u32,
    /// For how long the failed attempts of an address count together.
    pub failed_attempts_window: Duration,
    /// Tokens of operators, by their names.
    #[serde(default)]
    pub tokens: BTreeMap<String, Token>,
}

/// Section `authentication.tokens.<name>`: the token of an operator or a tool.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    /// The token's SHA-256, in hexadecimal digits.
    pub sha256: SecretString,
    /// The scopes of whoever shows it, separated by commas; `admin:admin` unless set.
    pub scopes: Option<String>,
}
