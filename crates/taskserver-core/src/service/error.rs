//! The errors of services: those of Feathers, by the same names and codes.

use std::fmt;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Map, Value, json};

/// What kind of error a service answers with. The names and codes are those of
/// [`@feathersjs/errors`](https://feathersjs.com/api/errors).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// 400: the query or the data is wrong.
    BadRequest,
    /// 401: the caller is not known.
    NotAuthenticated,
    /// 403: the caller may not do this.
    Forbidden,
    /// 404: there is no such service or record.
    NotFound,
    /// 405: the service does not offer the method.
    MethodNotAllowed,
    /// 408: it took too long.
    Timeout,
    /// 409: a record with this id or unique value exists already.
    Conflict,
    /// 422: the data is well-formed, but refused.
    Unprocessable,
    /// 429: the caller asks too often.
    TooManyRequests,
    /// 500: a fault of the server's.
    GeneralError,
    /// 503: what the service depends on cannot be reached; trying again later may help.
    Unavailable,
}

impl ErrorKind {
    /// The HTTP status code.
    #[must_use]
    pub fn code(self) -> u16 {
        match self {
            Self::BadRequest => 400,
            Self::NotAuthenticated => 401,
            Self::Forbidden => 403,
            Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::Timeout => 408,
            Self::Conflict => 409,
            Self::Unprocessable => 422,
            Self::TooManyRequests => 429,
            Self::GeneralError => 500,
            Self::Unavailable => 503,
        }
    }

    /// The name of the Feathers error, such as `BadRequest`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BadRequest => "BadRequest",
            Self::NotAuthenticated => "NotAuthenticated",
            Self::Forbidden => "Forbidden",
            Self::NotFound => "NotFound",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::Timeout => "Timeout",
            Self::Conflict => "Conflict",
            Self::Unprocessable => "Unprocessable",
            Self::TooManyRequests => "TooManyRequests",
            Self::GeneralError => "GeneralError",
            Self::Unavailable => "Unavailable",
        }
    }

    /// The class name that Feathers clients see, such as `bad-request`.
    #[must_use]
    pub fn class_name(self) -> &'static str {
        match self {
            Self::BadRequest => "bad-request",
            Self::NotAuthenticated => "not-authenticated",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Timeout => "timeout",
            Self::Conflict => "conflict",
            Self::Unprocessable => "unprocessable",
            Self::TooManyRequests => "too-many-requests",
            Self::GeneralError => "general-error",
            Self::Unavailable => "unavailable",
        }
    }
}

/// An error of a service call.
///
/// ```
/// use taskserver_core::{ErrorKind, ServiceError};
///
/// let error = ServiceError::new(ErrorKind::BadRequest, "Invalid query parameter $foo");
/// assert_eq!(
///     error.to_json(),
///     serde_json::json!({
///         "name": "BadRequest", "message": "Invalid query parameter $foo", "code": 400, "className": "bad-request"
///     })
/// );
/// ```
#[derive(Debug)]
pub struct ServiceError {
    kind: ErrorKind,
    message: String,
    data: Option<Value>,
    /// In seconds.
    retry_after: Option<NonZeroU32>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ServiceError {
    /// An error with a message that the caller may see.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), data: None, retry_after: None, source: None }
    }

    /// A [`BadRequest`](ErrorKind::BadRequest).
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// The [`NotFound`](ErrorKind::NotFound) of a record, worded as Feathers does.
    #[must_use]
    pub fn no_record(id: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("No record found for id '{id}'"))
    }

    /// Adds details for the caller.
    #[must_use]
    pub fn with_data(mut self, data: Value) -> Self {
        self.data = Some(data);
        self
    }

    /// Says how long to wait before trying again: rounded up to whole seconds, so that nobody comes too early.
    #[must_use]
    pub fn with_retry_after(mut self, wait: Duration) -> Self {
        let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
        self.retry_after = NonZeroU32::new(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// Adds the cause, which is logged and never shown to an outside caller.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How many seconds to wait before trying again, where that can be said.
    #[must_use]
    pub fn retry_after(&self) -> Option<u32> {
        self.retry_after.map(NonZeroU32::get)
    }

    /// What kind of error it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message for the caller.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The body that Feathers answers with: `name`, `message`, `code`, `className` and, where there is some, `data`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut body = Map::new();
        body.insert("name".into(), self.kind.name().into());
        body.insert("message".into(), self.message.clone().into());
        body.insert("code".into(), json!(self.kind.code()));
        body.insert("className".into(), self.kind.class_name().into());
        if let Some(data) = &self.data {
            body.insert("data".into(), data.clone());
        }
        Value::Object(body)
    }
}

impl fmt::Display for ServiceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ServiceError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
