//! Messages from Redis, on their way to the bus.

use std::collections::BTreeSet;

use deadpool_redis::redis::{PushInfo, PushKind, Value};
use taskserver_core::EventBus;

use super::message::{self, Message};
use super::metrics::{Counts, Dropped};

/// Publishes the events of others on the app's bus.
///
/// It is called by the task that reads the connection, and does all its work there: there is no queue in which messages
/// could pile up. While it works, Redis waits.
pub(super) struct Inbox {
    pub(super) bus: EventBus,
    pub(super) paths: BTreeSet<String>,
    pub(super) sender: String,
    pub(super) max_message_bytes: usize,
    pub(super) counts: Counts,
}

impl Inbox {
    /// Takes what the server has pushed.
    pub(super) fn take(&self, push: &PushInfo) {
        if let (PushKind::Message, [_, Value::BulkString(text)]) = (&push.kind, &*push.data) {
            self.receive(text);
        }
    }

    fn receive(&self, text: &[u8]) {
        if text.len() > self.max_message_bytes {
            return self.counts.drop(Dropped::TooLargeToRead, 1);
        }
        match message::decode(text, self.max_message_bytes, &self.sender, |path| self.paths.contains(path)) {
            Ok(Message::Own) => {}
            Ok(Message::Foreign) => self.counts.drop(Dropped::Foreign, 1),
            Ok(Message::Event(event)) => {
                self.counts.received.inc();
                self.bus.publish(event);
            }
            Err(error) => {
                self.counts.drop(Dropped::Malformed, 1);
                tracing::debug!(%error, bytes = text.len(), "a malformed message was dropped");
            }
        }
    }
}
