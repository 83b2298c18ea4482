//! The id of a request, by which its answer is found in the log.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use uuid::Uuid;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// How long a client's own id may be.
const MAX_LENGTH: usize = 64;

/// The client's own id, if it can be logged as it is, or else a new one.
pub(crate) fn of(headers: &HeaderMap) -> String {
    let own = headers.get(X_REQUEST_ID).and_then(|id| id.to_str().ok()).filter(|id| is_plain(id));
    own.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

fn is_plain(id: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=MAX_LENGTH).contains(&id.len()) && id.bytes().all(plain)
}

pub(crate) fn add(headers: &mut HeaderMap, id: &str) {
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(X_REQUEST_ID, id);
    }
}
