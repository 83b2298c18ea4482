//! Watches as the etcd storage of kube-apiserver serves them (pkg/storage/etcd3/watcher.go), line by line.
//!
//! Events are not in the watch cache. A watch of them therefore gets no bookmarks but the one that ends the initial
//! events, whatever `allowWatchBookmarks` asks for; [`ApiServer::send_bookmarks`](super::ApiServer::send_bookmarks) makes
//! the stand-in behave as for a cached resource.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::Stream;
use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::resources::Resource;
use super::route::Query;
use super::selectors::Selectors;
use super::state::State;
use super::status::Status;
use super::store::{Change, ChangeKind, Store};

/// A watch that a client has asked for.
pub(super) struct Watch {
    state: Arc<State>,
    wakeups: watch::Receiver<u64>,
    resource: Resource,
    namespace: String,
    selectors: Selectors,
    /// The revision up to which everything was sent.
    sent: u64,
    pending: VecDeque<Bytes>,
    bookmarks: Option<Duration>,
    next_bookmark: Instant,
    deadline: Instant,
    ended: bool,
}

impl Watch {
    pub(super) fn open(state: Arc<State>, resource: Resource, namespace: &str, query: &Query) -> Result<Self, Status> {
        let selectors = Selectors::parse(resource, query.get("fieldSelector"), query.get("labelSelector"))?;
        let asked = query.revision()?.unwrap_or(0);
        // SetListOptionsDefaults: a watch from nowhere or from 0 begins with what there is.
        let initial_events =
            query.flag("sendInitialEvents") || (asked == 0 && query.get("sendInitialEvents").is_empty());
        if query.flag("sendInitialEvents") && query.get("resourceVersionMatch") != "NotOlderThan" {
            return Err(Status::new(
                422,
                "Invalid",
                "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires \
                 setting resourceVersionMatch to NotOlderThan",
            ));
        }
        // Without timeoutSeconds the server takes 30 to 60 minutes (handleWatch in pkg/endpoints/handlers/get.go).
        let timeout = Duration::from_secs(query.number("timeoutSeconds")?.unwrap_or(1800));
        let allows_bookmarks = query.flag("allowWatchBookmarks");
        let bookmarks = state.bookmark_interval().filter(|_| allows_bookmarks);
        let now = Instant::now();

        let wakeups = state.subscribe();
        let mut watch = Self {
            wakeups,
            resource,
            namespace: namespace.to_owned(),
            selectors,
            sent: asked,
            pending: VecDeque::new(),
            bookmarks,
            next_bookmark: now + bookmarks.unwrap_or(timeout),
            deadline: now + timeout,
            ended: false,
            state: state.clone(),
        };
        state.with_store(|store| {
            if initial_events {
                watch.send_initial_events(store, asked, allows_bookmarks);
            } else if asked == 0 {
                watch.sent = store.revision();
            }
        });
        Ok(watch)
    }

    fn send_initial_events(&mut self, store: &Store, asked: u64, allows_bookmarks: bool) {
        if asked > store.revision() {
            return self.fail(&Status::too_large(asked, store.revision()));
        }
        let prefix = if self.namespace.is_empty() { String::new() } else { format!("{}/", self.namespace) };
        let all = store.range(self.resource, &prefix, "", store.revision(), usize::MAX, |object| {
            self.selectors.match_object(object)
        });
        for object in all.items {
            self.send("ADDED", &self.resource.typed(&object));
        }
        self.sent = store.revision();
        if allows_bookmarks {
            self.send("BOOKMARK", &self.resource.bookmark(self.sent, true));
        }
    }

    /// Queues what the store has since the last look.
    fn collect(&mut self) {
        let state = self.state.clone();
        state.with_store(|store| {
            // etcd refuses to watch from revision + 1 when that is below the compacted revision.
            if self.sent + 1 < store.compacted() {
                return self.fail(&Status::expired_watch());
            }
            for change in store.since(self.sent) {
                if let Some((kind, object)) = self.visible(change) {
                    self.send(kind, &self.resource.typed(&object));
                }
            }
            // A revision that the server does not have yet is waited for.
            self.sent = self.sent.max(store.revision());
        });
    }

    /// What a change is to this watch (transform in pkg/storage/etcd3/watcher.go): an object that begins to match is
    /// added, one that ends to match is deleted.
    fn visible(&self, change: &Change) -> Option<(&'static str, Value)> {
        let selected = |object: &Value| {
            (self.namespace.is_empty() || object["metadata"]["namespace"] == self.namespace.as_str())
                && self.selectors.match_object(object)
        };
        if change.resource != self.resource {
            return None;
        }
        let before = change.previous.as_deref().filter(|object| selected(object));
        let after = Some(&*change.object).filter(|object| change.kind != ChangeKind::Deleted && selected(object));
        match (before, after) {
            (None, Some(object)) => Some(("ADDED", object.clone())),
            (Some(_), Some(object)) => Some(("MODIFIED", object.clone())),
            (Some(object), None) => {
                let mut last = object.clone();
                last["metadata"]["resourceVersion"] = json!(change.revision.to_string());
                Some(("DELETED", last))
            }
            (None, None) => None,
        }
    }

    fn send(&mut self, kind: &str, object: &Value) {
        let mut line = json!({ "type": kind, "object": object }).to_string();
        line.push('\n');
        self.pending.push_back(Bytes::from(line));
    }

    /// An error in the stream ends it; the status of the answer was sent long ago.
    fn fail(&mut self, status: &Status) {
        self.send("ERROR", &status.object());
        self.ended = true;
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.pending.is_empty() && !self.ended {
                self.wakeups.mark_unchanged();
                self.collect();
            }
            if let Some(line) = self.pending.pop_front() {
                return Some(line);
            }
            if self.ended {
                return None;
            }
            tokio::select! {
                biased;
                changed = self.wakeups.changed() => self.ended = changed.is_err(),
                () = sleep_until(self.deadline) => {
                    self.ended = true;
                    self.send_bookmark();
                }
                () = sleep_until(self.next_bookmark) => self.send_bookmark(),
            }
        }
    }

    fn send_bookmark(&mut self) {
        self.next_bookmark = self.bookmarks.map_or(self.deadline, |interval| Instant::now() + interval);
        if self.bookmarks.is_some() {
            self.send("BOOKMARK", &self.resource.bookmark(self.sent, false));
        }
    }

    /// The lines, as the server writes them.
    pub(super) fn into_lines(self) -> impl Stream<Item = Bytes> + Send {
        futures_util::stream::unfold(self, async |mut watch| watch.next().await.map(|line| (line, watch)))
    }
}
