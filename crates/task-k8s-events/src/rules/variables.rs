//! What rules see of an event.
//!
//! Rules are tried on every event, and most name no more than its type and reason. So nothing is built in advance: a field is
//! looked up where a rule names it, and only a rule that names another one has the whole event made for it, once.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use cel::common::types::{CelInt, CelString};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::objects::{Key, Map};
use cel::{Context, Value};
use jiff::Timestamp;

use super::FUNCTIONS;
use crate::{EventRecord, InvolvedObject, ResourceVersion, Series};

/// An event as rules see it. Made once, it serves for any number of rules.
pub struct Variables<'a> {
    event: Cow<'a, EventRecord>,
    /// The event as a value, where a rule wants it.
    whole: OnceLock<Box<dyn Val>>,
}

impl<'a> Variables<'a> {
    /// The variables for an event.
    #[must_use]
    pub fn of(event: &'a EventRecord) -> Self {
        Self { event: Cow::Borrowed(event), whole: OnceLock::new() }
    }

    /// The variables for an event in which no field is empty.
    pub(super) fn sample() -> Variables<'static> {
        let some = || Some("sample".to_owned());
        let moment = Some(Timestamp::UNIX_EPOCH);
        let event = EventRecord {
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
        };
        Variables { event: Cow::Owned(event), whole: OnceLock::new() }
    }

    /// The variables by their names.
    pub(super) fn all(&self) -> [(&'static str, Value); 4] {
        let event = &*self.event;
        [
            ("event", wire(event)),
            ("cluster", text(&event.cluster)),
            ("occurrences", Value::Int(event.occurrences())),
            ("time", time(Some(event.time()))),
        ]
    }

    pub(super) fn context(&self) -> Context<'_, '_> {
        let mut context = Context::with_env(Arc::clone(&FUNCTIONS));
        context.set_variable_resolver(self);
        context
    }
}

impl VariableResolver for Variables<'_> {
    /// Of a name such as `event.involvedObject.kind`, the whole is asked for first, and then each part of it from its start.
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        let event = &*self.event;
        let involved = &event.involved;
        let text = match variable {
            "event.type" => &event.type_,
            "event.reason" => &event.reason,
            "event.message" => &event.message,
            "event.metadata.name" => &event.name,
            "event.metadata.namespace" => &event.namespace,
            "event.involvedObject.kind" => &involved.kind,
            "event.involvedObject.name" => &involved.name,
            "event.involvedObject.namespace" => involved.namespace.as_deref().unwrap_or_default(),
            "cluster" => &event.cluster,
            "time" => return Some(CowVal::owned(CelString::from(time_text(Some(event.time()))))),
            "occurrences" => return Some(CowVal::owned(CelInt::from(event.occurrences()))),
            "event" => {
                let whole = || Box::<dyn Val>::try_from(wire(event)).expect("maps, texts and numbers are values");
                return Some(CowVal::Borrowed(&**self.whole.get_or_init(whole)));
            }
            _ => return None,
        };
        Some(CowVal::owned(CelString::from(text)))
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
    text(&time_text(moment))
}

fn time_text(moment: Option<Timestamp>) -> String {
    moment.map(|moment| format!("{moment:.6}")).unwrap_or_default()
}
