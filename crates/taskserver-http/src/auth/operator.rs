//! Tokens for operators, for deployments without the platform's users and for tools.
//!
//! Configuration holds a token's SHA-256, not the token: who reads the configuration cannot use it. A slow password hash is
//! not needed for that, since such a token is random (`openssl rand -hex 32`) and cannot be guessed from its hash; it would
//! only make every request, and every attempt of a stranger, expensive.

use std::collections::BTreeSet;
use std::fmt;

use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;
use taskserver_core::Identity;

/// A token of configuration, by its hash.
#[derive(Clone)]
pub struct OperatorToken {
    hash: [u8; 32],
    identity: Identity,
}

/// Why an operator's token cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "the token `{name}` must be given by its SHA-256 in 64 hexadecimal digits; `printf %s TOKEN | sha256sum` prints it"
)]
pub struct OperatorTokenError {
    /// The token's name.
    pub name: String,
}

impl OperatorToken {
    /// A token by its name, its SHA-256 in hexadecimal digits, and the scopes of whoever shows it.
    ///
    /// # Errors
    /// The hash is none.
    pub fn new(name: &str, sha256: &str, scopes: impl IntoIterator<Item = String>) -> Result<Self, OperatorTokenError> {
        let hash = unhex(sha256).ok_or_else(|| OperatorTokenError { name: name.to_owned() })?;
        let scopes: BTreeSet<_> = scopes.into_iter().collect();
        Ok(Self { hash, identity: Identity { user: name.to_owned(), scopes } })
    }

    /// Whose token this is, if it is one of `tokens`. All of them are compared, whichever it is.
    pub(super) fn find(tokens: &[Self], token: &str) -> Option<Identity> {
        let hash = digest(&SHA256, token.as_bytes());
        let compare = |found, known: &Self| match bool::from(known.hash.as_slice().ct_eq(hash.as_ref())) {
            true => Some(known.identity.clone()),
            false => found,
        };
        tokens.iter().fold(None, compare)
    }
}

/// Without the hash: it is nobody's business either.
impl fmt::Debug for OperatorToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OperatorToken").field("identity", &self.identity).finish_non_exhaustive()
    }
}

fn unhex(digits: &str) -> Option<[u8; 32]> {
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_hash() {
        // `printf %s secret | sha256sum`
        let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
        let tokens = [
            OperatorToken::new("other", &"0".repeat(64), []).unwrap(),
            OperatorToken::new("deploy", hash, ["admin:admin".to_owned()]).unwrap(),
        ];
        assert_eq!(OperatorToken::find(&tokens, "secret").unwrap().user, "deploy");
        assert_eq!(OperatorToken::find(&tokens, "Secret"), None);
        assert_eq!(OperatorToken::find(&tokens, hash), None);
        assert!(!format!("{tokens:?}").contains("2b"));
    }

    #[test]
    fn a_hash_that_is_none_says_what_to_do() {
        for hash in ["", "secret", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(
                OperatorToken::new("deploy", hash, []).unwrap_err().to_string(),
                "the token `deploy` must be given by its SHA-256 in 64 hexadecimal digits; `printf %s TOKEN | sha256sum` \
                 prints it"
            );
        }
    }
}
