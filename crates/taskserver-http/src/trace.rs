//! Requests as spans of a trace, by OpenTelemetry's conventions for HTTP servers
//! (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/>).
//!
//! The query of a URL is left out: it may hold what is secret.

use hyper::{StatusCode, Version};
use taskserver_core::TRACE;
use tracing::Span;
use tracing::field::Empty;

use crate::request::Request;
use crate::request_metrics::{InFlight, OTHER};
use crate::state::State;

/// The span of a request.
pub(crate) fn span(state: &State, request: &Request, in_flight: &InFlight) -> Span {
    let Request { head, client, .. } = request;
    let (method, route) = (in_flight.method, in_flight.route());
    // By the conventions, a method that is not known is `_OTHER`, and `HTTP` in the name.
    let known = (method != OTHER).then_some(method);
    let span = tracing::trace_span!(
    target: TRACE,
           "request",
           otel.name = [known.unwrap_or("HTTP"), route.unwrap_or_default()].join(" ").trim_end(),
           otel.kind = "server",
           otel.status_code = Empty,
           http.request.method = known.unwrap_or("_OTHER"),
           http.route = route,
           http.response.status_code = Empty,
           url.scheme = "http",
           url.path = head.uri.path(),
           client.address = %client,
           network.protocol.version = match head.version {
               Version::HTTP_10 => "1.0",
               Version::HTTP_2 => "2",
               _ => "1.1",
           },
           "error.type" = Empty,
       );
    if let Some(join) = state.join_trace {
        join(&span, &head.headers);
    }
    span
}

/// The request was answered.
pub(crate) fn answered(span: &Span, status: StatusCode) {
    span.record("http.response.status_code", status.as_u16());
    if status.is_server_error() {
        span.record("error.type", status.as_str());
        span.record("otel.status_code", "error");
    }
}
