//! One request, from its head to its answer: within the bounds on body and time, and whatever happens.

use std::convert::Infallible;
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, StatusCode, Version};
use taskserver_core::{ErrorKind, ServiceError};
use tracing::Instrument as _;

use crate::body::{BodyError, RequestBody};
use crate::bounds::Bound;
use crate::response::{self, Response};
use crate::state::State;
use crate::{address, compression, cors, request_id, routes, trace};

/// A request without its body.
pub(crate) struct Request {
    pub(crate) head: Parts,
    /// The address from which it comes.
    pub(crate) client: IpAddr,
    /// The other end of the connection: the client's, or a proxy's.
    pub(crate) peer: IpAddr,
}

/// Answers a request. It always does: a panic of a handler is answered with 500, and leaves the connection alone.
pub(crate) async fn respond(
    state: Arc<State>,
    peer: IpAddr,
    request: hyper::Request<Incoming>,
) -> Result<Response, Infallible> {
    let (head, body) = request.into_parts();
    let in_flight = state.metrics.begin(&state, &head.method, head.uri.path());
    let client = address::client(peer, &head.headers, &state.options.trusted_proxies);
    let id = request_id::of(&head.headers);
    let request = Request { head, client, peer };
    let trace = trace::span(&state, &request, &in_flight);
    let span = trace.in_scope(|| tracing::info_span!("request", id));
    async {
        let mut response = answer_in_time(&state, &request, body).await;
        let head = &request.head;
        response::add_common_headers(response.headers_mut());
        request_id::add(response.headers_mut(), &id);
        cors::allow(&mut response, head, &state.options.cors_origins);
        response = compression::compress(response, &head.headers, state.options.compression_min_bytes).await;
        if head.method == Method::HEAD {
            response = response::without_body(response);
        }
        in_flight.answered(response.status());
        trace::answered(&trace, response.status());
        log(&request, response.status(), in_flight.started.elapsed());
        Ok(response)
    }
    .instrument(span)
    .instrument(trace.clone())
    .await
}

/// A line for each request; those that the server failed are seen without asking for more.
fn log(Request { head, client, .. }: &Request, status: StatusCode, duration: Duration) {
    let (method, path, code) = (&head.method, head.uri.path(), status.as_u16());
    if status.is_server_error() {
        tracing::info!(%client, %method, path, status = code, ?duration, "request");
    } else {
        tracing::debug!(%client, %method, path, status = code, ?duration, "request");
    }
}

async fn answer_in_time(state: &Arc<State>, request: &Request, body: Incoming) -> Response {
    let limit = state.options.request_timeout;
    let head = &request.head;
    let answer = AssertUnwindSafe(tokio::time::timeout(limit, answer(state, request, body))).catch_unwind().await;
    match answer {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            state.bounds.hit(Bound::RequestTimeout);
            let error = ServiceError::new(ErrorKind::Timeout, format!("The request took longer than {limit:?}"));
            closing(head, response::error(&error))
        }
        Err(_) => {
            tracing::error!(method = %head.method, path = head.uri.path(), "the handler of a request panicked");
            response::error(&ServiceError::new(ErrorKind::GeneralError, "the handler panicked"))
        }
    }
}

async fn answer(state: &Arc<State>, request: &Request, body: Incoming) -> Response {
    let limit = state.options.max_body_bytes;
    let head = &request.head;
    match routes::dispatch(state, request, RequestBody::new(body, limit)).await {
        Ok(response) => response,
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

/// Closes an HTTP/1 connection after an answer that leaves the rest of the request unread.
fn closing(head: &Parts, mut response: Response) -> Response {
    if head.version < Version::HTTP_2 {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
