//! What rules see of an event.

use std::collections::HashMap;
use std::sync::Arc;

use cel::objects::{Key, Map};
use cel::{Context, Value};
use jiff::Timestamp;

use super::FUNCTIONS;
use crate::{EventRecord, InvolvedObject, ResourceVersion, Series};

/// An event as rules see it. Made once, it serves for any number of rules.
pub struct Variables {
    event: Value,
    cluster: Value,
    occurrences: Value,
    time: Value,
}

impl Variables {
    /// The variables for an event.
    #[must_use]
    pub fn of(event: &EventRecord) -> Self {
        Self {
            event: wire(event),
            cluster: text(&event.cluster),
            occurrences: Value::Int(event.occurrences()),
            time: time(Some(event.time())),
        }
    }

    /// The variables for an event in which no field is empty.
    pub(super) fn sample() -> Self {
        let some = || Some("sample".to_owned());
        let moment = Some(Timestamp::UNIX_EPOCH);
        Self::of(&EventRecord {
            cluster: "sample".into(),
            uid: "sample".into(),
            namespace: "sample".into(),
            name: "sample".into(),
            resource_version: ResourceVersion::new("1"),
            involved: InvolvedObject {
                kind: "Pod".into(),
                namespace: some(),
                name: "sample".into(),
                uid: some(),
                field_path: some(),
                api_version: some(),
            },
            type_: "Warning".into(),
            reason: "Sample".into(),
            message: "sample".into(),
            action: some(),
            count: Some(1),
            series: Some(Series { count: 1, last_observed: moment }),
            first_seen: moment,
            last_seen: moment,
            event_time: moment,
            created: moment,
            source_component: some(),
            source_host: some(),
            reporting_component: some(),
            reporting_instance: some(),
            received: Timestamp::UNIX_EPOCH,
        })
    }

    /// The variables by their names.
    pub(super) fn all(&self) -> [(&'static str, &Value); 4] {
        [("event", &self.event), ("cluster", &self.cluster), ("occurrences", &self.occurrences), ("time", &self.time)]
    }

    pub(super) fn context(&self) -> Context<'static, 'static> {
        let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
        for (name, value) in self.all() {
            context.add_variable_from_value(name, value.clone());
        }
        context
    }
}

/// The event as the API has it.
fn wire(event: &EventRecord) -> Value {
    let involved = &event.involved;
    let series = event.series.as_ref();
    map([
        (
            "metadata",
            map([
                ("name", text(&event.name)),
                ("namespace", text(&event.namespace)),
                ("uid", text(&event.uid)),
                ("resourceVersion", text(event.resource_version.as_str())),
                ("creationTimestamp", time(event.created)),
            ]),
        ),
        (
            "involvedObject",
            map([
                ("kind", text(&involved.kind)),
                ("namespace", optional(&involved.namespace)),
                ("name", text(&involved.name)),
                ("uid", optional(&involved.uid)),
                ("fieldPath", optional(&involved.field_path)),
                ("apiVersion", optional(&involved.api_version)),
            ]),
        ),
        ("type", text(&event.type_)),
        ("reason", text(&event.reason)),
        ("message", text(&event.message)),
        ("action", optional(&event.action)),
        ("count", Value::Int(event.count.unwrap_or(0))),
        (
            "series",
            map([
                ("count", Value::Int(series.map_or(0, |series| series.count))),
                ("lastObservedTime", time(series.and_then(|series| series.last_observed))),
            ]),
        ),
        ("firstTimestamp", time(event.first_seen)),
        ("lastTimestamp", time(event.last_seen)),
        ("eventTime", time(event.event_time)),
        ("source", map([("component", optional(&event.source_component)), ("host", optional(&event.source_host))])),
        ("reportingComponent", optional(&event.reporting_component)),
        ("reportingInstance", optional(&event.reporting_instance)),
    ])
}

fn map<const N: usize>(fields: [(&'static str, Value); N]) -> Value {
    let map: HashMap<Key, Value> = fields.into_iter().map(|(name, value)| (Key::from(name), value)).collect();
    Value::Map(Map { map: Arc::new(map) })
}

fn text(text: &str) -> Value {
    Value::String(Arc::new(text.to_owned()))
}

fn optional(value: &Option<String>) -> Value {
    text(value.as_deref().unwrap_or_default())
}

fn time(moment: Option<Timestamp>) -> Value {
    Value::String(Arc::new(moment.map(|moment| format!("{moment:.6}")).unwrap_or_default()))
}
