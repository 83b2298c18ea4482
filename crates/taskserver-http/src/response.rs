//! The answers: text, JSON, and errors as Feathers words them.

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};
use serde::Serialize;
use taskserver_core::{ErrorKind, ServiceError};

use crate::events::EventStream;

pub(crate) type Response = hyper::Response<Either<Full<Bytes>, EventStream>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn new(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Either::Left(Full::new(body.into())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

pub(crate) fn text(status: StatusCode, body: String) -> Response {
    new(status, TEXT, body)
}

pub(crate) fn html(status: StatusCode, body: String) -> Response {
    new(status, HTML, body)
}

/// A file that never changes under its path.
pub(crate) fn asset(content_type: &'static str, body: &'static str) -> Response {
    let mut response = new(StatusCode::OK, HeaderValue::from_static(content_type), body);
    let for_ever = HeaderValue::from_static("public, max-age=31536000, immutable");
    response.headers_mut().insert(CACHE_CONTROL, for_ever);
    response
}

/// Something that has a type of its own.
pub(crate) fn of_type(content_type: HeaderValue, body: String) -> Response {
    new(StatusCode::OK, content_type, body)
}

pub(crate) fn no_content() -> Response {
    let mut response = Response::new(Either::Left(Full::default()));
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

pub(crate) fn event_stream(body: EventStream) -> Response {
    let mut response = Response::new(Either::Right(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // Proxies that collect answers would keep the events to themselves.
    response.headers_mut().insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

pub(crate) fn json(body: &impl Serialize) -> Response {
    json_with(StatusCode::OK, body)
}

pub(crate) fn json_with(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => new(status, JSON, body),
        Err(cause) => {
            error(&ServiceError::new(ErrorKind::GeneralError, "an answer cannot be written").with_source(cause))
        }
    }
}

/// An error as outside callers see it. What went wrong inside the server, or behind it, is logged and not shown.
pub(crate) fn error(error: &ServiceError) -> Response {
    let shown = match error.kind() {
        ErrorKind::GeneralError => Some("The server failed to handle the request"),
        ErrorKind::Unavailable => Some("The service is not available now; try again later"),
        _ => None,
    };
    let body = match shown {
        Some(message) => {
            tracing::error!(kind = error.kind().name(), error = causes(error), "a request failed");
            ServiceError::new(error.kind(), message).to_json()
        }
        None => error.to_json(),
    };
    let status = StatusCode::from_u16(error.kind().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = new(status, JSON, body.to_string());
    let headers = response.headers_mut();
    if error.kind() == ErrorKind::NotAuthenticated {
        headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if let Some(seconds) = error.retry_after() {
        headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    response
}

/// An error with all its causes.
fn causes(error: &ServiceError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

pub(crate) fn not_found(path: &str) -> Response {
    error(&ServiceError::new(ErrorKind::NotFound, format!("Path {path} not found")))
}

/// In the form of Feathers' errors, which have none for this.
pub(crate) fn payload_too_large(limit: usize) -> Response {
    let body = serde_json::json!({
        "name": "PayloadTooLarge",
        "message": format!("The body is larger than {limit} bytes"),
        "code": 413,
        "className": "payload-too-large",
    });
    new(StatusCode::PAYLOAD_TOO_LARGE, JSON, body.to_string())
}

pub(crate) fn method_not_allowed(method: &Method, allowed: &'static str) -> Response {
    let message = format!("Method `{}` is not supported by this endpoint.", method.as_str().to_lowercase());
    let mut response = error(&ServiceError::new(ErrorKind::MethodNotAllowed, message));
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    response
}

/// Gives an answer the headers that all have, unless it says otherwise itself: it is not stored, and a browser that is led
/// to it neither guesses its type nor runs anything in it, embeds it in another site's page or says where it came from.
pub(crate) fn add_common_headers(headers: &mut HeaderMap) {
    let common = [
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ];
    for (name, value) in common {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
}

/// Leaves the body away as an answer to HEAD must, and keeps saying how long it is. HTTP/1 would do so by itself, HTTP/2
/// would not.
pub(crate) fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let length = hyper::body::Body::size_hint(&body).exact().unwrap_or_default();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Response::from_parts(head, Either::Left(Full::default()))
}
