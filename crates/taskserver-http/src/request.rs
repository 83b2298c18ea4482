//! One request, from its head to its answer: within the bounds on body and time, and whatever happens.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Request, Version};
use taskserver_core::{ErrorKind, ServiceError};
use tokio::time::Instant;

use crate::bounds::Bound;
use crate::response::{self, Response};
use crate::routes;
use crate::state::State;

/// Answers a request. It always does: a panic of a handler is answered with 500, and leaves the connection alone.
pub(crate) async fn respond(state: Arc<State>, request: Request<Incoming>) -> Result<Response, Infallible> {
    let started = Instant::now();
    let (head, body) = request.into_parts();
    let limit = state.options.request_timeout;
    let answer = AssertUnwindSafe(tokio::time::timeout(limit, answer(&state, &head, body))).catch_unwind().await;
    let mut response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            state.bounds.hit(Bound::RequestTimeout);
            let error = ServiceError::new(ErrorKind::Timeout, format!("The request took longer than {limit:?}"));
            closing(&head, response::error(&error))
        }
        Err(_) => {
            tracing::error!(method = %head.method, path = head.uri.path(), "the handler of a request panicked");
            response::error(&ServiceError::new(ErrorKind::GeneralError, "The server failed to handle the request"))
        }
    };
    response::add_common_headers(response.headers_mut());
    if head.method == Method::HEAD {
        response = response::without_body(response);
    }
    tracing::debug!(
        method = %head.method,
        path = head.uri.path(),
        status = response.status().as_u16(),
        duration = ?started.elapsed(),
        "request",
    );
    Ok(response)
}

async fn answer(state: &State, head: &Parts, body: Incoming) -> Response {
    let limit = state.options.max_body_bytes;
    match discard(body, limit).await {
        Ok(()) => routes::dispatch(state, head),
        Err(BodyError::TooLarge) => {
            state.bounds.hit(Bound::BodySize);
            closing(head, response::payload_too_large(limit))
        }
        Err(BodyError::Broken(cause)) => {
            let error = ServiceError::bad_request(format!("The body cannot be read: {cause}"));
            closing(head, response::error(&error))
        }
    }
}

enum BodyError {
    TooLarge,
    Broken(Box<dyn std::error::Error + Send + Sync>),
}

/// Reads a body to its end and forgets it: no route takes one. One whose length is declared too large is not read at all.
async fn discard(body: Incoming, limit: usize) -> Result<(), BodyError> {
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let mut body = Limited::new(body, limit);
    while let Some(frame) = body.frame().await {
        frame.map_err(|cause| match cause.downcast::<LengthLimitError>() {
            Ok(_) => BodyError::TooLarge,
            Err(cause) => BodyError::Broken(cause),
        })?;
    }
    Ok(())
}

/// Closes an HTTP/1 connection after an answer that leaves the rest of the request unread.
fn closing(head: &Parts, mut response: Response) -> Response {
    if head.version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
