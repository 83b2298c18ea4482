//! `/metrics`: the app's metrics, for Prometheus and whatever reads its formats.

use hyper::http::request::Parts;

use crate::response::{self, Response};
use crate::state::State;

pub(crate) fn metrics(state: &State, _: &Parts) -> Response {
    response::open_metrics(state.app.metrics().encode())
}
