//! Sessions of operators: the bearer token that they have shown, sealed in a cookie.
//!
//! Nothing is kept here: whatever the number of sessions, they cost no memory. The cookie holds the token and the session's end,
//! encrypted and authenticated (AES-256-GCM); only this server, or a replica with the same secret, can read it. At every request the
//! token is checked anew, as if it had been sent itself: who loses a right loses it in a session too.
//!
//! The key is made of the platform's secret, where there is one, so that a session is good on every replica and after a restart;
//! elsewhere it is random, and a session ends with its process.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use hyper::header::{COOKIE, HeaderMap, HeaderValue};
use jiff::Timestamp;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::rand::{SecureRandom, SystemRandom};

/// What the key is for, so that no other use of the same secret has the same key.
const PURPOSE: &[u8] = b"taskserver page session v1";
/// A cookie with its attributes should not be longer than 4096 bytes.
const LONGEST_TOKEN: usize = 2400;
/// The cookie's name: browsers take one with this prefix from nobody but this very host, over TLS.
const SECURE_NAME: &str = "__Host-taskserver-session";
const PLAIN_NAME: &str = "taskserver-session";

pub(super) struct Sessions {
    key: LessSafeKey,
    random: SystemRandom,
    lifetime: Duration,
}

impl Sessions {
    /// Sessions that last so long. Those who have the same secret have the same sessions.
    pub(super) fn new(secret: Option<&[u8]>, lifetime: Duration) -> Self {
        let random = SystemRandom::new();
        let key = match secret {
            Some(secret) => Salt::new(HKDF_SHA256, &[])
                .extract(secret)
                .expand(&[PURPOSE], &AES_256_GCM)
                .map(UnboundKey::from)
                .expect("HKDF gives as many bytes as a key has"),
            None => {
                let mut bytes = [0; 32];
                random.fill(&mut bytes).expect("the system has randomness");
                UnboundKey::new(&AES_256_GCM, &bytes).expect("a key has 32 bytes")
            }
        };
        Self { key: LessSafeKey::new(key), random, lifetime }
    }

    /// The cookie of a new session for whoever has shown this token; `None` if the token is too long for one.
    pub(super) fn begin(&self, token: &str, is_secure: bool) -> Option<HeaderValue> {
        if token.len() > LONGEST_TOKEN {
            return None;
        }
        let end = Timestamp::now().as_second().checked_add(i64::try_from(self.lifetime.as_secs()).ok()?)?;
        let sealed = self.seal(end, token)?;
        cookie(is_secure, &sealed, self.lifetime.as_secs())
    }

    /// The cookie that ends a session.
    pub(super) fn end(&self, is_secure: bool) -> HeaderValue {
        cookie(is_secure, "", 0).unwrap_or(HeaderValue::from_static(""))
    }

    /// The token of a request's session, if it has one that is not over.
    pub(super) fn token(&self, headers: &HeaderMap) -> Option<String> {
        let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
        let mut cookies = cookies.flat_map(|value| value.split(';')).filter_map(|cookie| cookie.trim().split_once('='));
        let ours = |(name, value): (&str, &str)| match name {
            SECURE_NAME | PLAIN_NAME => self.open(value),
            _ => None,
        };
        cookies.find_map(ours)
    }

    fn seal(&self, end: i64, token: &str) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        self.random.fill(&mut nonce).ok()?;
        let mut sealed = [&end.to_be_bytes(), token.as_bytes()].concat();
        let nonce_of_this = Nonce::assume_unique_for_key(nonce);
        self.key.seal_in_place_append_tag(nonce_of_this, Aad::empty(), &mut sealed).ok()?;
        Some(BASE64.encode([&nonce[..], &sealed].concat()))
    }

    fn open(&self, sealed: &str) -> Option<String> {
        let mut sealed = BASE64.decode(sealed).ok()?;
        let (nonce, sealed) = sealed.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.key.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let (end, token) = opened.split_first_chunk::<8>()?;
        let is_over = i64::from_be_bytes(*end) <= Timestamp::now().as_second();
        (!is_over).then(|| String::from_utf8(token.to_vec()).ok())?
    }
}

fn cookie(is_secure: bool, value: &str, seconds: u64) -> Option<HeaderValue> {
    let (name, secure) = if is_secure { (SECURE_NAME, "; Secure") } else { (PLAIN_NAME, "") };
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}");
    let mut cookie = HeaderValue::from_str(&cookie).ok()?;
    cookie.set_sensitive(true);
    Some(cookie)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// What a browser sends back.
    fn sent(cookie: &HeaderValue) -> HeaderMap {
        let cookie = cookie.to_str().unwrap().split(';').next().unwrap().to_owned();
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&format!("theme=dark; {cookie}")).unwrap())])
    }

    #[test]
    fn a_session_gives_its_token_back_and_shows_it_to_nobody() {
        let sessions = Sessions::new(None, HOUR);
        let cookie = sessions.begin("a-token-of-an-operator", true).unwrap();
        let text = cookie.to_str().unwrap();
        assert!(text.starts_with("__Host-taskserver-session="), "{text}");
        assert!(text.ends_with("; Path=/; Max-Age=3600; HttpOnly; SameSite=Strict; Secure"), "{text}");
        let value = text.split(['=', ';']).nth(1).unwrap();
        let bytes = BASE64.decode(value).unwrap();
        assert!(!bytes.windows(7).any(|window| window == b"a-token"));
        assert_eq!(sessions.token(&sent(&cookie)).as_deref(), Some("a-token-of-an-operator"));
        assert_eq!(sessions.token(&HeaderMap::new()), None);
    }

    #[test]
    fn sessions_are_good_where_the_secret_is_known_and_nowhere_else() {
        let of = |secret: Option<&'static [u8]>| Sessions::new(secret, HOUR);
        let cookie = sent(&of(Some(b"the platform's secret")).begin("token", false).unwrap());
        assert_eq!(of(Some(b"the platform's secret")).token(&cookie).as_deref(), Some("token"));
        assert_eq!(of(Some(b"another secret")).token(&cookie), None);
        assert_eq!(of(None).token(&cookie), None);
    }

    #[test]
    fn a_session_that_is_over_or_was_tampered_with_is_none() {
        let sessions = Sessions::new(None, HOUR);
        let over = sessions.seal(Timestamp::now().as_second() - 1, "token").unwrap();
        assert_eq!(sessions.open(&over), None);
        let good = sessions.seal(i64::MAX, "token").unwrap();
        assert_eq!(sessions.open(&good).as_deref(), Some("token"));
        for position in 0..good.len() {
            let mut bad = good.clone().into_bytes();
            bad[position] = if bad[position] == b'A' { b'B' } else { b'A' };
            assert_eq!(sessions.open(std::str::from_utf8(&bad).unwrap()), None, "{position}");
        }
        for bad in ["", "A", "====", &"A".repeat(40)] {
            assert_eq!(sessions.open(bad), None);
        }
    }

    #[test]
    fn a_token_that_a_cookie_cannot_hold_begins_no_session() {
        let sessions = Sessions::new(None, HOUR);
        assert!(sessions.begin(&"x".repeat(LONGEST_TOKEN), true).unwrap().len() < 4096);
        assert_eq!(sessions.begin(&"x".repeat(LONGEST_TOKEN + 1), true), None);
    }
}
