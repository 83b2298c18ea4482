//! A stream of events on the way to its client: bounded in its number, its age and its client's patience.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame};
use taskserver_core::{ErrorKind, ServiceError};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::connection::InProgress;
use crate::request::Request;
use crate::state::State;

/// How long a client may take to read what it was sent, before its stream ends.
const STALLED: Duration = Duration::from_secs(60);
/// How long a client for which there is no place is told to wait.
const TRY_AGAIN: Duration = Duration::from_secs(60);
/// How much is written ahead of what a client has read.
const WRITTEN_AHEAD: usize = 16;

/// The body of an answer that goes on.
pub(crate) struct EventStream(mpsc::Receiver<Bytes>);

impl Body for EventStream {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }
}

/// Where a stream is written.
#[derive(Clone)]
pub(crate) struct Outlet {
    sender: mpsc::Sender<Bytes>,
    _permit: Arc<OwnedSemaphorePermit>,
    /// The connection is not idle for as long as this lives.
    _in_progress: Option<Arc<InProgress>>,
}

/// There is nobody to write to any more.
pub(crate) struct Gone;

impl Outlet {
    /// Opens a stream, and gives what its client reads.
    pub(crate) fn open(state: &State, request: &Request) -> Result<(Self, EventStream), ServiceError> {
        let permit = state.events.open().ok_or_else(|| {
            let message = "Too many streams of events are open; try again later";
            ServiceError::new(ErrorKind::TooManyRequests, message).with_retry_after(TRY_AGAIN)
        })?;
        let (sender, receiver) = mpsc::channel(WRITTEN_AHEAD);
        let in_progress = request.head.extensions.get().cloned();
        Ok((Self { sender, _permit: Arc::new(permit), _in_progress: in_progress }, EventStream(receiver)))
    }

    /// Sends a message.
    pub(crate) async fn send(&self, message: String) -> Result<(), Gone> {
        let sent = tokio::time::timeout(STALLED, self.sender.send(message.into())).await;
        sent.map_err(|_| Gone)?.map_err(|_| Gone)
    }

    /// Writes for as long as there is something to write, the client reads, the server serves, and the stream may last.
    pub(crate) async fn write(self, state: Arc<State>, writing: impl Future<Output = Result<(), Gone>>) {
        tokio::select! {
            _ = tokio::time::timeout(state.options.max_event_stream_age, writing) => {}
            () = self.sender.closed() => {}
            () = state.end.cancelled() => {}
        }
    }
}
