//! The objects, as etcd keeps them for kube-apiserver: one revision counter over all resources, every version of every
//! key until it is compacted, and a log to watch.
//!
//! Compaction only moves a number: reads below it fail as etcd's do, while the log stays whole. A test needs it whole, as
//! the truth to compare a collector with.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::{Value, json};

use super::resources::Resource;
use super::status::Status;

/// What a write did to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// The key was new.
    Added,
    /// The key had a value.
    Modified,
    /// The key was removed, by a request or because its time to live was over.
    Deleted,
}

/// One write. The object of a deletion is the last one, with the deletion's resourceVersion, as a watch sends it.
#[derive(Debug, Clone)]
pub struct Change {
    /// The revision of this write.
    pub revision: u64,
    /// Which resource was written.
    pub resource: Resource,
    /// What happened.
    pub kind: ChangeKind,
    /// The object after the write.
    pub object: Arc<Value>,
    /// The object before the write, from which selectors tell whether it was visible.
    pub previous: Option<Arc<Value>>,
}

/// A page of a list, before it is rendered.
pub(super) struct Range {
    pub(super) items: Vec<Arc<Value>>,
    /// Where the next page starts, when there are more keys.
    pub(super) next: Option<String>,
    /// How many keys remain after this page, whether or not a selector matches them.
    pub(super) remaining: usize,
}

type Versions = Vec<(u64, Option<Arc<Value>>)>;

pub(super) struct Store {
    revision: u64,
    compacted: u64,
    keys: BTreeMap<(Resource, String), Versions>,
    log: Vec<Change>,
    uids: u64,
}

impl Default for Store {
    /// etcd begins at revision 1: there is no 0, which requests use for "any".
    fn default() -> Self {
        Self { revision: 1, compacted: 0, keys: BTreeMap::new(), log: Vec::new(), uids: 0 }
    }
}

impl Store {
    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    /// Moves the counter, as writes of other resources do all the time in a cluster.
    pub(super) fn skip_to(&mut self, revision: u64) {
        self.revision = self.revision.max(revision);
    }

    pub(super) fn compacted(&self) -> u64 {
        self.compacted
    }

    pub(super) fn compact(&mut self, revision: u64) {
        self.compacted = self.compacted.max(revision.min(self.revision));
    }

    pub(super) fn log(&self) -> &[Change] {
        &self.log
    }

    /// The changes after `revision`.
    pub(super) fn since(&self, revision: u64) -> &[Change] {
        &self.log[self.log.partition_point(|change| change.revision <= revision)..]
    }

    pub(super) fn get(&self, resource: Resource, namespace: &str, name: &str) -> Result<Arc<Value>, Status> {
        self.current(resource, &key(namespace, name)).ok_or_else(|| Status::not_found(resource, name))
    }

    fn current(&self, resource: Resource, key: &str) -> Option<Arc<Value>> {
        self.keys.get(&(resource, key.to_owned()))?.last()?.1.clone()
    }

    pub(super) fn create(&mut self, resource: Resource, namespace: &str, object: Value) -> Result<Arc<Value>, Status> {
        let name = match (&object["metadata"]["name"], &object["metadata"]["generateName"]) {
            (Value::String(name), _) if !name.is_empty() => name.clone(),
            (_, Value::String(prefix)) => format!("{prefix}{:05x}", self.uids),
            _ => return Err(Status::bad_request("name or generateName is required")),
        };
        if self.current(resource, &key(namespace, &name)).is_some() {
            return Err(Status::already_exists(resource, &name));
        }
        let mut object = resource.normalise(object);
        self.uids += 1;
        let metadata = &mut object["metadata"];
        let stamp = |metadata: &mut Value, field: &str, value: String| {
            if metadata[field].is_null() {
                metadata[field] = json!(value);
            }
        };
        metadata["name"] = json!(name);
        metadata["namespace"] = json!(namespace);
        stamp(metadata, "uid", uid(self.uids));
        stamp(metadata, "creationTimestamp", now());
        Ok(self.put(resource, namespace, &name, object, None))
    }

    /// Replaces an object. A resourceVersion in it must be the current one; without one the write is unconditional where
    /// the resource allows it.
    pub(super) fn replace(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        object: Value,
    ) -> Result<Arc<Value>, Status> {
        let Some(old) = self.current(resource, &key(namespace, name)) else {
            // Events may be created by an update (AllowCreateOnUpdate in pkg/registry/core/event/strategy.go).
            return if resource == Resource::Events {
                self.create(resource, namespace, object)
            } else {
                Err(Status::not_found(resource, name))
            };
        };
        match object["metadata"]["resourceVersion"].as_str().unwrap_or_default() {
            "" if !resource.allows_unconditional_update() => return Err(Status::version_required(resource, name)),
            "" => {}
            version if old["metadata"]["resourceVersion"] != version => return Err(Status::conflict(resource, name)),
            _ => {}
        }
        let mut object = resource.normalise(object);
        for field in ["name", "namespace", "uid", "creationTimestamp"] {
            if !old["metadata"][field].is_null() {
                object["metadata"][field] = old["metadata"][field].clone();
            }
        }
        object["metadata"]["resourceVersion"] = old["metadata"]["resourceVersion"].clone();
        if object == *old {
            // A write that changes nothing is not written (GuaranteedUpdate in pkg/storage/etcd3/store.go).
            return Ok(old);
        }
        Ok(self.put(resource, namespace, name, object, Some(old)))
    }

    /// Applies a JSON merge patch (RFC 7396).
    pub(super) fn patch(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        patch: &Value,
    ) -> Result<Arc<Value>, Status> {
        let old = self.get(resource, namespace, name)?;
        let mut object = Value::clone(&old);
        merge(&mut object, patch);
        self.replace(resource, namespace, name, object)
    }

    pub(super) fn delete(&mut self, resource: Resource, namespace: &str, name: &str) -> Result<Arc<Value>, Status> {
        let old = self.get(resource, namespace, name)?;
        self.revision += 1;
        let mut last = Value::clone(&old);
        last["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let last = Arc::new(last);
        let revision = self.revision;
        self.versions(resource, namespace, name).push((revision, None));
        self.log.push(Change {
            revision: self.revision,
            resource,
            kind: ChangeKind::Deleted,
            object: last.clone(),
            previous: Some(old),
        });
        Ok(last)
    }

    fn put(
        &mut self,
        resource: Resource,
        namespace: &str,
        name: &str,
        mut object: Value,
        previous: Option<Arc<Value>>,
    ) -> Arc<Value> {
        self.revision += 1;
        object["metadata"]["resourceVersion"] = json!(self.revision.to_string());
        let object = Arc::new(object);
        let revision = self.revision;
        self.versions(resource, namespace, name).push((revision, Some(object.clone())));
        self.log.push(Change {
            revision: self.revision,
            resource,
            kind: if previous.is_some() { ChangeKind::Modified } else { ChangeKind::Added },
            object: object.clone(),
            previous,
        });
        object
    }

    fn versions(&mut self, resource: Resource, namespace: &str, name: &str) -> &mut Versions {
        self.keys.entry((resource, key(namespace, name))).or_default()
    }

    /// The objects at `revision` whose key starts with `prefix`, from the key `start` on, at most `limit` that match.
    pub(super) fn range(
        &self,
        resource: Resource,
        prefix: &str,
        start: &str,
        revision: u64,
        limit: usize,
        matches: impl Fn(&Value) -> bool,
    ) -> Range {
        let from = (resource, if start.is_empty() { prefix.to_owned() } else { start.to_owned() });
        let mut alive = self
            .keys
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(|((other, key), _)| *other == resource && key.starts_with(prefix))
            .filter_map(|((_, key), versions)| {
                let upto = versions.partition_point(|(written, _)| *written <= revision);
                Some((key, versions[..upto].last()?.1.as_ref()?))
            });
        let mut items = Vec::new();
        let mut next = None;
        for (key, object) in alive.by_ref() {
            if matches(object) {
                items.push(object.clone());
            }
            if items.len() == limit {
                next = Some(format!("{key}\0"));
                break;
            }
        }
        let remaining = alive.count();
        Range { items, next: next.filter(|_| remaining > 0), remaining }
    }
}

fn key(namespace: &str, name: &str) -> String {
    format!("{namespace}/{name}")
}

/// Uids need only be unique; that they follow from a counter keeps a seeded run repeatable.
fn uid(count: u64) -> String {
    let mut uid = String::from("5eed0000-0000-4000-8000-");
    write!(uid, "{count:012x}").expect("a string takes every write");
    uid
}

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(fields) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (field, value) in fields {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(target)) => drop(target.shift_remove(field)),
            (_, Some(_)) => merge(&mut target[field.as_str()], value),
            (_, None) => {}
        }
    }
}
