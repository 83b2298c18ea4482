//! What the connections and the handle of the stand-in share.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use super::RecordedRequest;
use super::faults::Faults;
use super::resources::Resource;
use super::status::Status;
use super::store::Store;

#[derive(Default)]
struct Settings {
    agones: bool,
    bookmark_interval: Option<Duration>,
    event_ttl: Option<Duration>,
    denied: BTreeSet<(String, Resource)>,
}

pub(super) struct State {
    store: Mutex<Store>,
    settings: Mutex<Settings>,
    pub(super) faults: Mutex<Faults>,
    pub(super) requests: Mutex<Vec<RecordedRequest>>,
    /// Changes with every write.
    revision: watch::Sender<u64>,
    /// Changes when all connections are to be cut.
    pub(super) cut: watch::Sender<u64>,
}

impl State {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            store: Mutex::default(),
            settings: Mutex::default(),
            faults: Mutex::default(),
            requests: Mutex::default(),
            revision: watch::Sender::new(0),
            cut: watch::Sender::new(0),
        })
    }

    pub(super) fn with_store<T>(&self, read: impl FnOnce(&Store) -> T) -> T {
        read(&lock(&self.store))
    }

    /// Writes, wakes the watches and, for an event, starts its time to live anew, as a put with a new etcd lease does.
    pub(super) fn write(
        self: &Arc<Self>,
        resource: Resource,
        write: impl FnOnce(&mut Store) -> Result<Arc<Value>, Status>,
    ) -> Result<Arc<Value>, Status> {
        let object = self.change(write)?;
        if let Some(ttl) = lock(&self.settings).event_ttl.filter(|_| resource == Resource::Events) {
            tokio::spawn(self.clone().expire(ttl, object.clone()));
        }
        Ok(object)
    }

    /// Changes the store and wakes the watches.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = lock(&self.store);
        let result = change(&mut store);
        self.revision.send_replace(store.revision());
        result
    }

    async fn expire(self: Arc<Self>, ttl: Duration, written: Arc<Value>) {
        tokio::time::sleep(ttl).await;
        let metadata = &written["metadata"];
        let (namespace, name) = (metadata["namespace"].as_str(), metadata["name"].as_str());
        self.change(|store| {
            let (namespace, name) = (namespace.unwrap_or_default(), name.unwrap_or_default());
            let current = store.get(Resource::Events, namespace, name);
            if current.is_ok_and(|current| Arc::ptr_eq(&current, &written)) {
                drop(store.delete(Resource::Events, namespace, name));
            }
        });
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<u64> {
        self.revision.subscribe()
    }

    pub(super) fn bookmark_interval(&self) -> Option<Duration> {
        lock(&self.settings).bookmark_interval
    }

    pub(super) fn set_bookmark_interval(&self, interval: Option<Duration>) {
        lock(&self.settings).bookmark_interval = interval;
    }

    pub(super) fn set_event_ttl(&self, ttl: Option<Duration>) {
        lock(&self.settings).event_ttl = ttl;
    }

    pub(super) fn install_agones(&self) {
        lock(&self.settings).agones = true;
    }

    pub(super) fn serves(&self, resource: Resource) -> bool {
        resource.group() != "agones.dev" || lock(&self.settings).agones
    }

    pub(super) fn deny(&self, verb: &str, resource: Resource) {
        lock(&self.settings).denied.insert((verb.to_owned(), resource));
    }

    pub(super) fn allow_everything(&self) {
        lock(&self.settings).denied.clear();
    }

    pub(super) fn allows(&self, verb: &str, resource: Resource) -> bool {
        !lock(&self.settings).denied.contains(&(verb.to_owned(), resource))
    }
}

/// A panic of one test's task must not hide behind a poisoned lock.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
