//! The resources that the stand-in serves, and what differs between them.

use serde_json::{Map, Value, json};

/// A resource of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `v1` `events`.
    Events,
    /// `coordination.k8s.io/v1` `leases`.
    Leases,
    /// `agones.dev/v1` `gameservers`; served after [`ApiServer::install_agones`](super::ApiServer::install_agones).
    GameServers,
    /// `agones.dev/v1` `fleets`; served after [`ApiServer::install_agones`](super::ApiServer::install_agones).
    Fleets,
}

impl Resource {
    pub(super) const ALL: [Self; 4] = [Self::Events, Self::Leases, Self::GameServers, Self::Fleets];

    /// The API group; empty for the core group.
    pub fn group(self) -> &'static str {
        match self {
            Self::Events => "",
            Self::Leases => "coordination.k8s.io",
            Self::GameServers | Self::Fleets => "agones.dev",
        }
    }

    /// The plural name, as in a path and in an RBAC rule.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Leases => "leases",
            Self::GameServers => "gameservers",
            Self::Fleets => "fleets",
        }
    }

    /// The kind of one object.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Events => "Event",
            Self::Leases => "Lease",
            Self::GameServers => "GameServer",
            Self::Fleets => "Fleet",
        }
    }

    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Events => "v1",
            Self::Leases => "coordination.k8s.io/v1",
            Self::GameServers | Self::Fleets => "agones.dev/v1",
        }
    }

    /// `leases.coordination.k8s.io`, as error messages have it.
    pub(super) fn qualified(self) -> String {
        match self.group() {
            "" => self.plural().to_owned(),
            group => format!("{}.{group}", self.plural()),
        }
    }

    /// AllowUnconditionalUpdate of the resource's strategy: true in pkg/registry/core/event/strategy.go, false in
    /// pkg/registry/coordination/lease/strategy.go.
    pub(super) fn allows_unconditional_update(self) -> bool {
        self == Self::Events
    }

    /// The object as the server stores it: without kind and apiVersion, which depend on the request, and with the fields
    /// that Go writes although they are empty.
    pub(super) fn normalise(self, object: Value) -> Value {
        let mut fields = match object {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        fields.shift_remove("kind");
        fields.shift_remove("apiVersion");
        if self == Self::Events {
            for (field, empty) in empty_event_fields() {
                fields.entry(field).or_insert(empty);
            }
        }
        fields.entry("metadata").or_insert_with(|| json!({}));
        Value::Object(fields)
    }

    /// The object with its kind and apiVersion first, as it stands alone in an answer or in a watch.
    pub(super) fn typed(self, object: &Value) -> Value {
        let mut typed = Map::new();
        typed.insert("kind".to_owned(), json!(self.kind()));
        typed.insert("apiVersion".to_owned(), json!(self.api_version()));
        if let Value::Object(fields) = object {
            typed.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        Value::Object(typed)
    }

    /// The object of a BOOKMARK: empty but for its resourceVersion.
    pub(super) fn bookmark(self, revision: u64, initial_events_end: bool) -> Value {
        let mut metadata = json!({ "resourceVersion": revision.to_string() });
        if initial_events_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        self.typed(&self.normalise(json!({ "metadata": metadata })))
    }
}

/// In core/v1 these have no `omitempty` (staging/src/k8s.io/api/core/v1/types.go, Event).
fn empty_event_fields() -> [(&'static str, Value); 7] {
    [
        ("involvedObject", json!({})),
        ("source", json!({})),
        ("firstTimestamp", Value::Null),
        ("lastTimestamp", Value::Null),
        ("eventTime", Value::Null),
        ("reportingComponent", json!("")),
        ("reportingInstance", json!("")),
    ]
}
