//! The collector: one stream from all scopes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream, SelectAll};
use kube::{Client, Config};

use crate::api::{EventsApi, Pace};
use crate::checkpoint::Checkpoint;
use crate::cursor::{Cursor, Gap};
use crate::event::{EventRecord, Rejected};
use crate::follow::Follower;
use crate::{BoxError, CollectorOptions, Error};

/// What was read at once: to be stored together with its cursor, in one transaction.
#[derive(Debug, Clone)]
pub struct Batch {
    /// The changes, in the server's order. Empty when only the cursor has moved.
    pub changes: Vec<Change>,
    /// Items that are not events that could be stored.
    pub rejected: Vec<Rejected>,
    /// A stretch of history that was lost, and that this batch ends.
    pub gap: Option<Gap>,
    /// How far the collector has come once this batch is stored.
    pub cursor: Cursor,
}

impl Batch {
    /// Adds the batch that was read next, so that both are stored at once, which takes less than one after the other.
    ///
    /// # Errors
    /// Gives it back where both end a gap: a batch has one at most.
    pub fn append(&mut self, next: Self) -> Result<(), Box<Self>> {
        if self.gap.is_some() && next.gap.is_some() {
            return Err(Box::new(next));
        }
        self.changes.extend(next.changes);
        self.rejected.extend(next.rejected);
        self.gap = self.gap.take().or(next.gap);
        self.cursor = next.cursor;
        Ok(())
    }
}

/// One version of one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Whether the event lives on.
    pub kind: ChangeKind,
    /// The event. It replaces a stored version only when its resourceVersion
    /// [does](crate::ResourceVersion::replaces): a list repeats what is stored already.
    pub event: EventRecord,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// It was found, written or written again.
    Applied,
    /// It was deleted or expired on the server, or has ceased to match the selectors. The record is its last state.
    Deleted,
}

/// Collects the events of a cluster. See the [crate](crate) for how.
#[derive(Clone)]
pub struct Collector {
    client: Client,
    options: Arc<CollectorOptions>,
}

impl Collector {
    /// A collector over this client. Nothing is requested yet.
    ///
    /// The collector does its own retries. Make the client with [`connect`], or with
    /// [`default_retry`](Config::default_retry) off: kube's retries would hide for up to some minutes that the server
    /// throttles.
    ///
    /// # Errors
    /// [`Error::Options`] for options that cannot be used.
    pub fn new(client: Client, options: CollectorOptions) -> Result<Self, Error> {
        options.check()?;
        Ok(Self { client, options: Arc::new(options) })
    }

    /// The stream of all that happens from the cursor on, or from a list of all there is when there is none.
    ///
    /// Nothing is read further than one batch for each namespace before the stream is polled again, so that a slow consumer
    /// costs no memory. The stream never ends. An error is a report: the next poll waits out a back-off and goes on. Who
    /// could not store a batch must not go on with this stream, but with a new one from the last stored cursor.
    pub fn stream(&self, cursor: Option<Cursor>) -> BoxStream<'static, Result<Batch, Error>> {
        let stored = cursor.filter(|cursor| cursor.cluster == self.options.cluster).map(|cursor| cursor.positions);
        let mut stored = stored.unwrap_or_default();
        let pace = Pace::new();
        let mut cursor = Cursor { cluster: self.options.cluster.clone(), positions: BTreeMap::new() };
        let mut scopes = SelectAll::new();
        for namespace in self.scopes() {
            let key = self.scope_key(namespace.as_deref());
            let position = stored.remove(&key);
            cursor.positions.extend(position.clone().map(|position| (key.clone(), position)));
            let api = EventsApi::new(self.client.clone(), self.options.clone(), namespace.clone(), pace.clone());
            let follower = Follower::new(api, self.options.clone(), namespace, position);
            let steps = stream::unfold(follower, move |mut follower| {
                let key = key.clone();
                async move {
                    let step = follower.next().await;
                    Some(((key, step), follower))
                }
            });
            scopes.push(steps.boxed());
        }
        scopes
            .map(move |(key, step)| {
                let step = step?;
                cursor.positions.insert(key, step.position);
                Ok(Batch { changes: step.changes, rejected: step.rejected, gap: step.gap, cursor: cursor.clone() })
            })
            .boxed()
    }

    /// Hands every batch to `handle`, and saves its cursor after it. Goes on where the checkpoint says.
    ///
    /// Failures of the server are logged and retried for ever. Because the cursor is saved after the batch, a crash between
    /// the two repeats the batch: `handle` must take an event of the same uid and version twice. A consumer that can store
    /// both in one transaction uses [`stream`](Self::stream).
    ///
    /// # Errors
    /// Ends with [`Error::Handler`] or [`Error::Checkpoint`] when one of the two fails.
    pub async fn run(
        &self,
        checkpoint: &dyn Checkpoint,
        mut handle: impl AsyncFnMut(&Batch) -> Result<(), BoxError>,
    ) -> Result<Infallible, Error> {
        let failed = |action| move |source| Error::Checkpoint { action, source };
        let mut batches = self.stream(checkpoint.load().await.map_err(failed("load"))?);
        let mut last_failure = "";
        loop {
            match batches.next().await {
                Some(Ok(batch)) => {
                    last_failure = "";
                    handle(&batch).await.map_err(Error::Handler)?;
                    checkpoint.save(&batch.cursor).await.map_err(failed("save"))?;
                }
                // Said once, and not again with each retry.
                Some(Err(error)) if error.metric_label() == last_failure => tracing::debug!(%error, "failed again"),
                Some(Err(error)) => {
                    last_failure = error.metric_label();
                    let source = std::error::Error::source(&error).map(ToString::to_string);
                    if error.needs_attention() {
                        tracing::error!(%error, source, "cannot collect events");
                    } else {
                        tracing::warn!(%error, source, "collecting events was interrupted");
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    fn scopes(&self) -> Vec<Option<String>> {
        match self.options.namespaces.names() {
            None => vec![None],
            Some(names) => names.into_iter().map(|name| Some(name.to_owned())).collect(),
        }
    }

    /// What a position belongs to: with other selectors or namespaces, older events would be missing.
    fn scope_key(&self, namespace: Option<&str>) -> String {
        let options = &self.options;
        let mut key = match namespace {
            Some(namespace) => format!("namespace={namespace}"),
            None => format!("namespaces={}", options.namespaces.fingerprint()),
        };
        for (name, selector) in [("fields", &options.field_selector), ("labels", &options.label_selector)] {
            if let Some(selector) = selector {
                key.push_str(&format!(";{name}={selector}"));
            }
        }
        key
    }
}

/// A client for a [`Collector`]: kube's own, without the retry layer that is on by default.
///
/// # Errors
/// [`Error::Client`] when the configuration names files, plug-ins or certificates that do not work.
pub fn connect(mut config: Config) -> Result<Client, Error> {
    config.default_retry = false;
    Client::try_from(config).map_err(Error::Client)
}
