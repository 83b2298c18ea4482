//! The answers: text, JSON, and errors as Feathers words them.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue,
    X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Method, StatusCode};
use serde::Serialize;
use taskserver_core::{ErrorKind, ServiceError};

pub(crate) type Response = hyper::Response<Full<Bytes>>;

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

fn new(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Response {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    response
}

pub(crate) fn text(status: StatusCode, body: String) -> Response {
    new(status, TEXT, body)
}

pub(crate) fn json(body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => new(StatusCode::OK, JSON, body),
        Err(cause) => {
            tracing::error!(error = %cause, "an answer cannot be written as JSON");
            error(&ServiceError::new(ErrorKind::GeneralError, "The answer cannot be written as JSON"))
        }
    }
}

pub(crate) fn error(error: &ServiceError) -> Response {
    let status = StatusCode::from_u16(error.kind().code()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    new(status, JSON, error.to_json().to_string())
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
/// to it neither guesses its type nor runs anything in it.
pub(crate) fn add_common_headers(headers: &mut HeaderMap) {
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(HeaderValue::from_static("nosniff"));
    headers
        .entry(CONTENT_SECURITY_POLICY)
        .or_insert(HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"));
}

/// Leaves the body away as an answer to HEAD must, and keeps saying how long it is. HTTP/1 would do so by itself, HTTP/2
/// would not.
pub(crate) fn without_body(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let length = hyper::body::Body::size_hint(&body).exact().unwrap_or_default();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    Response::from_parts(head, Full::default())
}
