//! The tasks as JSON: `/api/tasks` for all of them, `/api/tasks/NAME` for one.

use hyper::http::request::Parts;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use taskserver_core::{ErrorKind, LeadershipStatus, ServiceError, TaskStatus};

use crate::response::{self, Response};
use crate::state::State;

/// Where the paths of single tasks begin.
pub(crate) const PREFIX: &str = "/api/tasks/";

/// What `/api/tasks` answers. The server writes it and tools read it back, so that they agree on it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskTable {
    /// The server that answers.
    pub server: ServerInfo,
    /// The server's time.
    pub time: Timestamp,
    /// Whether the server is ready, as `/readyz` has it.
    pub ready: bool,
    /// Whether this server leads its replicas, and since when: the leader runs the tasks.
    pub leadership: LeadershipStatus,
    /// The tasks, in the order of their registration.
    pub tasks: Vec<TaskStatus>,
}

/// Which server answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerInfo {
    /// Its name among its replicas: [`HttpOptions::identity`](crate::HttpOptions::identity).
    pub identity: String,
    /// Its version.
    pub version: String,
    /// For how many seconds it has been up.
    pub uptime: f64,
}

pub(crate) fn list(state: &State, _: &Parts) -> Response {
    response::json(&TaskTable {
        server: ServerInfo {
            identity: state.options.identity.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            uptime: state.uptime().as_secs_f64(),
        },
        time: state.app.clock().now(),
        ready: state.is_ready(),
        leadership: state.app.leadership().status(),
        tasks: state.app.tasks().statuses(),
    })
}

pub(crate) fn one(state: &State, head: &Parts) -> Response {
    let encoded = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let name = percent_decode_str(encoded).decode_utf8_lossy();
    match state.app.tasks().status(&name) {
        Some(status) => response::json(&status),
        None => response::error(&ServiceError::new(ErrorKind::NotFound, format!("No task found for name '{name}'"))),
    }
}
