//! From which site a request comes, as browsers tell it and pages cannot forge.

use hyper::header::{HOST, HeaderMap, ORIGIN};

use crate::address;
use crate::request::Request;
use crate::state::State;

/// Whether a request that changes something was made by a page of this server: by what browsers say of it (`sec-fetch-site`), or, where
/// they say nothing, as over plain HTTP, by its origin. A request of no browser has neither header, and needs no protection:
/// nobody can make it in another's name.
pub(super) fn is_own(state: &State, request: &Request) -> bool {
    let headers = &request.head.headers;
    let one = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match (one("sec-fetch-site"), headers.get(ORIGIN)) {
        (Some(site), _) => site == "same-origin",
        (None, Some(origin)) => {
            let scheme = if is_secure(state, request) { "https" } else { "http" };
            host(request).is_some_and(|host| origin.as_bytes() == format!("{scheme}://{host}").as_bytes())
        }
        (None, None) => true,
    }
}

/// Whether a link of another site has led here.
pub(super) fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let is = |name: &str, value: &str| headers.get(name).is_some_and(|header| header.as_bytes() == value.as_bytes());
    is("sec-fetch-site", "cross-site") && is("sec-fetch-mode", "navigate")
}

/// Whether the client speaks TLS, with a trusted proxy that says so.
pub(super) fn is_secure(state: &State, request: &Request) -> bool {
    address::is_trusted(request.peer, &state.options.trusted_proxies)
        && request.head.headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https")
}

/// The host that was asked for: of HTTP/1 in a header, of HTTP/2 in the address.
fn host(request: &Request) -> Option<&str> {
    let header = request.head.headers.get(HOST).and_then(|host| host.to_str().ok());
    header.or_else(|| request.head.uri.authority().map(|authority| authority.as_str()))
}
