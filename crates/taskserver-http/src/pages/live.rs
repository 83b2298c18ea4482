//! `/api/live`: tells a page that something has changed, so that it asks for itself anew.
//!
//! ```text
//! event: changed
//! data: 42
//! ```

use std::sync::Arc;

use tokio::sync::watch;

use crate::events::{self, Gone, Outlet};
use crate::request::Request;
use crate::response::{self, Response};
use crate::state::State;

/// Answers with a stream. It counts among the streams of events, and ends as they do: browsers come back by themselves.
pub(super) fn stream(state: &Arc<State>, changes: watch::Receiver<u64>, request: &Request) -> Response {
    match Outlet::open(state, request) {
        Ok((outlet, body)) => {
            tokio::spawn(outlet.clone().write(Arc::clone(state), write(outlet, changes)));
            response::event_stream(body)
        }
        Err(error) => response::error(&error),
    }
}

async fn write(outlet: Outlet, mut changes: watch::Receiver<u64>) -> Result<(), Gone> {
    outlet.send(events::BEGINNING.into()).await?;
    let mut heartbeat = events::heartbeat();
    changes.mark_unchanged();
    loop {
        tokio::select! {
            changed = changes.changed() => {
                changed.map_err(|_| Gone)?;
                let count = *changes.borrow_and_update();
                outlet.send(format!("event: changed\ndata: {count}\n\n")).await?;
            }
            _ = heartbeat.tick() => outlet.send(events::SIGN_OF_LIFE.into()).await?,
        }
    }
}
