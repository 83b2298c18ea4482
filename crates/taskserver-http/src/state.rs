//! What all connections and requests of a server share.

use std::sync::Arc;
use std::time::Duration;

use taskserver_core::App;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::auth::Gate;
use crate::bounds::Bounds;
use crate::events::EventLog;
use crate::pages::Pages;
use crate::{HttpOptions, JoinTrace, RequestMetrics};

pub(crate) struct State {
    pub(crate) app: App,
    pub(crate) options: HttpOptions,
    pub(crate) bounds: Bounds,
    pub(crate) metrics: RequestMetrics,
    pub(crate) gate: Gate,
    pub(crate) events: Arc<EventLog>,
    /// The pages for browsers, where there are any.
    pub(crate) pages: Option<Pages>,
    pub(crate) join_trace: Option<JoinTrace>,
    /// Cancelled when the server is to end.
    pub(crate) end: CancellationToken,
    pub(crate) started: Instant,
}

impl State {
    /// Whether the server can be sent work, as `/readyz` has it.
    pub(crate) fn is_ready(&self) -> bool {
        !self.app.shutdown().is_stopping() && self.app.health().is_ready()
    }

    /// For how long the server has been there.
    pub(crate) fn uptime(&self) -> Duration {
        self.started.elapsed()
    }
}
