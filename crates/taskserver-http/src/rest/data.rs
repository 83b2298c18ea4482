//! The records in a request's body.

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;
use taskserver_core::{ErrorKind, Method, Record, ServiceError};

/// The fields that the server sets itself.
pub(crate) const SERVER_SET: [&str; 3] = ["id", "createdAt", "updatedAt"];

/// Reads the data of a call: one record where the method takes data, else none. Several at once are taken from trusted
/// callers only.
pub(super) fn parse(method: Method, headers: &HeaderMap, body: &Bytes) -> Result<Vec<Record>, ServiceError> {
    if !matches!(method, Method::Create | Method::Update | Method::Patch) {
        return Ok(Vec::new());
    }
    if !is_json(headers) {
        return Err(ServiceError::bad_request("The body must be JSON, and say so: `content-type: application/json`"));
    }
    let data = serde_json::from_slice(body)
        .map_err(|error| ServiceError::bad_request(format!("The body cannot be read as JSON: {error}")))?;
    let record = match data {
        Value::Object(record) => record,
        Value::Array(_) if method == Method::Create => {
            return Err(ServiceError::new(ErrorKind::MethodNotAllowed, "Can not create multiple entries"));
        }
        _ => return Err(ServiceError::bad_request("The data must be an object")),
    };
    match SERVER_SET.iter().find(|field| record.contains_key(**field)) {
        Some(field) => Err(ServiceError::bad_request(format!("`{field}` is set by the server"))),
        None => Ok(vec![record]),
    }
}

/// Whether the media type is JSON, whatever its parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().is_some_and(|media_type| media_type.trim().eq_ignore_ascii_case("application/json"))
}
