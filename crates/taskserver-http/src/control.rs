//! Control of the tasks: `POST /api/tasks/NAME/ACTION`, where the action is `trigger`, `pause`, `resume`, `cancel` or `schedule`.
//!
//! Whoever asks shows a bearer token and holds the scope `admin:admin` or [`SCOPE`]. A token is never sent by a browser on its
//! own, as a cookie is, so that no other site can make one's browser ask.
//!
//! The answer is the record of the act: 200 once it was done, 202 while no leader has taken it up, and 409 if it could not be done.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use taskserver_core::{
    Access, Act, ActError, ActOutcome, Action, Command, Cron, ErrorKind, Identity, Recurrence, ServiceError,
    TaskConfigError, TaskControlError,
};

use crate::body::{BodyError, RequestBody};
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;
use crate::tasks::PREFIX;

/// The scope of whoever may control the tasks, beside `admin:admin`.
pub const SCOPE: &str = "task:write";

/// The longest reason, in bytes.
const MAX_REASON: usize = 1000;

/// What a request for control says beside the task and the action. The server reads it and tools write it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ControlRequest {
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// For `schedule`: run at this interval.
    #[serde(
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub every: Option<Duration>,
    /// For `schedule`: run at the times of this cron expression.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of `cron`; UTC, when none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
    /// For `schedule`: run as configured again.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub configured: bool,
}

/// The task and the action that a path names; nothing, if it names no action.
fn target(path: &str) -> Option<(String, Action)> {
    let (task, action) = path.strip_prefix(PREFIX)?.split_once('/')?;
    Some((percent_decode_str(task).decode_utf8_lossy().into_owned(), Action::named(action)?))
}

/// Whether a path is that of an action.
pub(crate) fn is_action(path: &str) -> bool {
    target(path).is_some()
}

/// Answers a request for control.
pub(crate) async fn answer(state: &State, request: &Request, body: RequestBody) -> Result<Response, BodyError> {
    let identity = match admit(state, request).await {
        Ok(identity) => identity,
        Err(refused) => {
            body.discard().await?;
            return Ok(response::error(&refused));
        }
    };
    let body = body.read().await?;
    Ok(match act(state, request, &body, identity).await {
        Ok(act) => response::json_with(status(&act), &act),
        Err(error) => response::error(&error),
    })
}

async fn admit(state: &State, request: &Request) -> Result<Identity, ServiceError> {
    if !state.options.control {
        let message =
            "The tasks cannot be controlled from outside: no credential is configured (`authentication.tokens`)";
        return Err(ServiceError::new(ErrorKind::MethodNotAllowed, message));
    }
    let identity = state.gate.admit(&request.head.headers, request.client).await?;
    identity.must_hold(SCOPE).or_else(|missing| identity.must_hold(Access::ADMIN).map_err(|_| missing))?;
    Ok(identity)
}

async fn act(state: &State, request: &Request, body: &Bytes, identity: Identity) -> Result<Act, ServiceError> {
    let path = request.head.uri.path();
    let (task, action) =
        target(path).ok_or_else(|| ServiceError::new(ErrorKind::NotFound, format!("Path {path} not found")))?;
    let asked = match body.is_empty() {
        true => ControlRequest::default(),
        false => serde_json::from_slice(body)
            .map_err(|error| ServiceError::bad_request(format!("The body is not as expected: {error}")))?,
    };
    let command = command(action, asked, identity)?;
    state.app.control().act(&state.app, &task, command).await.map_err(|error| match error {
        ActError::Refused(error @ TaskControlError::UnknownTask { .. }) => {
            ServiceError::new(ErrorKind::NotFound, error.to_string())
        }
        ActError::Refused(error) => ServiceError::bad_request(error.to_string()),
        error => ServiceError::new(ErrorKind::Unavailable, "the act could not be recorded").with_source(error),
    })
}

fn command(action: Action, asked: ControlRequest, identity: Identity) -> Result<Command, ServiceError> {
    let ControlRequest { reason, every, cron, time_zone, configured } = asked;
    if reason.as_ref().is_some_and(|reason| reason.len() > MAX_REASON) {
        return Err(ServiceError::bad_request(format!("The reason is longer than {MAX_REASON} bytes")));
    }
    let impossible = |error: TaskConfigError| ServiceError::bad_request(error.to_string());
    let recurrence = match (action, every, cron, time_zone, configured) {
        (Action::Schedule, Some(every), None, None, false) => Some(Recurrence::Interval { every }),
        (Action::Schedule, None, Some(cron), zone, false) => {
            let cron = Cron::new(&cron).map_err(impossible)?;
            Some(Recurrence::Cron(match zone {
                Some(zone) => cron.in_time_zone(&zone).map_err(impossible)?,
                None => cron,
            }))
        }
        (Action::Schedule, None, None, None, true) => None,
        (Action::Schedule, ..) => {
            let message = "A schedule is `every`, or `cron` and perhaps its `timeZone`, or `configured: true`";
            return Err(ServiceError::bad_request(message));
        }
        (_, None, None, None, false) => None,
        _ => return Err(ServiceError::bad_request(format!("To {} takes a reason and nothing else", action.name()))),
    };
    Ok(Command { action, recurrence, by: identity.user, reason })
}

fn status(act: &Act) -> StatusCode {
    match act.outcome {
        Some(ActOutcome::Done) => StatusCode::OK,
        None => StatusCode::ACCEPTED,
        Some(ActOutcome::Refused | ActOutcome::Expired | ActOutcome::Lost) => StatusCode::CONFLICT,
    }
}
