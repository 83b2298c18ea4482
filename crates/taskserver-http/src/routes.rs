//! Which path is answered by what.

use hyper::Method;
use hyper::http::request::Parts;

use crate::response::{self, Response};
use crate::state::State;
use crate::{health, tasks};

type Handler = fn(&State, &Parts) -> Response;

/// Answers a request by its path. What changes nothing takes GET and HEAD only.
pub(crate) fn dispatch(state: &State, head: &Parts) -> Response {
    let handler: Handler = match head.uri.path() {
        // The platform's own: any method will do.
        "/healthcheck" => return health::healthcheck(state),
        "/livez" => health::livez,
        "/readyz" => health::readyz,
        "/api/tasks" => tasks::list,
        path if path.starts_with(tasks::PREFIX) => tasks::one,
        path => return response::not_found(path),
    };
    match head.method {
        Method::GET | Method::HEAD => handler(state, head),
        _ => response::method_not_allowed(&head.method, "GET, HEAD"),
    }
}
