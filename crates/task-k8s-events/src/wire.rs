//! From JSON to records, item by item, so that one bad item never costs a page.
//!
//! Every field may be absent, null or empty; fields that we do not know are skipped. An item of which the uid or the
//! resourceVersion is missing, or of which a field has another type than the API promises, is [`Rejected`].

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;

use crate::event::{EventRecord, InvolvedObject, Rejected, Series, bounded};
use crate::{CollectorOptions, ResourceVersion};

/// A page, parsed as far as its items.
#[derive(Deserialize)]
pub(crate) struct Page<'a> {
    #[serde(default)]
    pub(crate) metadata: ListMetadata,
    #[serde(borrow, default, deserialize_with = "null_is_default")]
    pub(crate) items: Vec<&'a RawValue>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListMetadata {
    pub(crate) resource_version: Option<String>,
    #[serde(rename = "continue")]
    pub(crate) continue_token: Option<String>,
}

/// A line of a watch, parsed as far as its object.
#[derive(Deserialize)]
pub(crate) struct Line<'a> {
    #[serde(rename = "type", borrow)]
    pub(crate) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(crate) object: &'a RawValue,
}

/// The version of any object, whatever else it is.
pub(crate) fn version_of(object: &RawValue) -> Option<ResourceVersion> {
    #[derive(Deserialize)]
    struct Object {
        metadata: ListMetadata,
    }
    let object: Object = serde_json::from_str(object.get()).ok()?;
    text(object.metadata.resource_version).map(ResourceVersion::new)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    involved_object: Option<Object>,
    #[serde(default, rename = "type")]
    type_: Text,
    #[serde(default)]
    reason: Text,
    #[serde(default)]
    message: Text,
    #[serde(default)]
    action: Text,
    count: Option<i64>,
    series: Option<WireSeries>,
    #[serde(default, deserialize_with = "time")]
    first_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    last_timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "time")]
    event_time: Option<Timestamp>,
    #[serde(default)]
    source: Option<Source>,
    #[serde(default)]
    reporting_component: Text,
    #[serde(default)]
    reporting_instance: Text,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Metadata {
    uid: Text,
    name: Text,
    namespace: Text,
    resource_version: Text,
    #[serde(deserialize_with = "time")]
    creation_timestamp: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Object {
    kind: Text,
    namespace: Text,
    name: Text,
    uid: Text,
    field_path: Text,
    api_version: Text,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireSeries {
    count: Option<i64>,
    #[serde(default, deserialize_with = "time")]
    last_observed_time: Option<Timestamp>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Source {
    component: Text,
    host: Text,
}

/// A text that may be absent, null or empty, all of which mean the same.
#[derive(Deserialize, Default)]
#[serde(transparent)]
struct Text(Option<String>);

impl Text {
    fn is_empty(&self) -> bool {
        self.0.as_deref().unwrap_or_default().is_empty()
    }

    fn bounded(self, max: usize) -> String {
        bounded(self.0.unwrap_or_default(), max)
    }

    fn required(self) -> String {
        self.bounded(EventRecord::MAX_FIELD_BYTES)
    }

    fn optional(self) -> Option<String> {
        Some(self.required()).filter(|text| !text.is_empty())
    }
}

/// The record that an item stands for.
pub(crate) fn record(json: &str, options: &CollectorOptions) -> Result<EventRecord, Rejected> {
    let event: Event = serde_json::from_str(json).map_err(|error| Rejected::new(error.to_string(), json))?;
    let metadata = event.metadata.unwrap_or_default();
    let object = event.involved_object.unwrap_or_default();
    let source = event.source.unwrap_or_default();
    for (field, text) in [("uid", &metadata.uid), ("resourceVersion", &metadata.resource_version)] {
        if text.is_empty() {
            return Err(Rejected::new(format!("metadata.{field} is missing"), json));
        }
    }
    Ok(EventRecord {
        cluster: options.cluster.clone(),
        uid: metadata.uid.required(),
        namespace: metadata.namespace.required(),
        name: metadata.name.required(),
        resource_version: ResourceVersion::new(metadata.resource_version.required()),
        involved: InvolvedObject {
            kind: object.kind.required(),
            namespace: object.namespace.optional(),
            name: object.name.required(),
            uid: object.uid.optional(),
            field_path: object.field_path.optional(),
            api_version: object.api_version.optional(),
        },
        type_: event.type_.required(),
        reason: event.reason.required(),
        message: event.message.bounded(options.max_message_bytes),
        action: event.action.optional(),
        count: event.count,
        series: event.series.and_then(|series| {
            let last_observed = series.last_observed_time;
            // An empty series is none.
            let count = series.count.or(last_observed.map(|_| 1))?;
            Some(Series { count, last_observed })
        }),
        first_seen: event.first_timestamp,
        last_seen: event.last_timestamp,
        event_time: event.event_time,
        created: metadata.creation_timestamp,
        source_component: source.component.optional(),
        source_host: source.host.optional(),
        reporting_component: event.reporting_component.optional(),
        reporting_instance: event.reporting_instance.optional(),
        received: Timestamp::now(),
    })
}

/// A text from the wire, where empty means absent.
pub(crate) fn text(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// A time of any precision and offset. Null, an empty text and the zero time of Go all mean that there is none.
fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    match Option::<String>::deserialize(deserializer)?.as_deref() {
        None | Some("" | "0001-01-01T00:00:00Z") => Ok(None),
        Some(text) => text.parse().map(Some).map_err(de::Error::custom),
    }
}

fn null_is_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn parse(event: &Value) -> Result<EventRecord, Rejected> {
        record(&event.to_string(), &CollectorOptions { max_message_bytes: 64, ..CollectorOptions::default() })
    }

    fn with(fields: &Value) -> Value {
        let mut event = json!({ "metadata": { "uid": "u", "resourceVersion": "7", "name": "n", "namespace": "ns" } });
        for (name, value) in fields.as_object().into_iter().flatten() {
            event[name] = value.clone();
        }
        event
    }

    #[test]
    fn an_event_needs_no_more_than_its_uid_and_version() {
        let event = parse(&json!({ "metadata": { "uid": "u", "resourceVersion": "7" } })).expect("enough");
        assert_eq!(event.resource_version.number(), Some(7));
        assert_eq!((event.type_.as_str(), event.message.as_str(), event.count), ("", "", None));
        assert_eq!((event.time(), event.occurrences()), (event.received, 1));
    }

    #[test]
    fn absent_null_and_empty_fields_mean_the_same() {
        let absent = parse(&with(&json!({}))).expect("an event");
        let null = json!({
            "involvedObject": null, "type": null, "reason": null, "message": null, "action": null, "count": null,
            "series": null, "firstTimestamp": null, "lastTimestamp": null, "eventTime": null, "source": null,
            "reportingComponent": null, "reportingInstance": null, "related": null,
        });
        let empty = json!({
            "involvedObject": {}, "type": "", "reason": "", "message": "", "action": "", "series": {},
            "firstTimestamp": "", "lastTimestamp": "0001-01-01T00:00:00Z", "eventTime": "", "source": {"component": ""},
            "reportingComponent": "", "reportingInstance": "",
        });
        for odd in [null, empty] {
            let event = parse(&with(&odd)).expect("an event");
            assert_eq!(EventRecord { received: absent.received, ..event }, absent);
        }
    }

    #[test]
    fn the_time_is_the_latest_that_the_reporter_tells() {
        let mut fields = json!({
            "series": { "count": 3, "lastObservedTime": "2026-11-24T01:00:05.123456Z" },
            "lastTimestamp": "2026-11-24T01:00:04Z",
            "eventTime": "2026-11-24T02:00:03.123456789+01:00",
            "firstTimestamp": "2026-11-24T01:00:02Z",
        });
        let time = |fields: &Value| parse(&with(fields)).expect("an event").time().to_string();
        assert_eq!(parse(&with(&fields)).expect("an event").occurrences(), 3);
        for (field, expected) in [
            ("series", "2026-11-24T01:00:05.123456Z"),
            ("lastTimestamp", "2026-11-24T01:00:04Z"),
            ("eventTime", "2026-11-24T01:00:03.123456789Z"),
            ("firstTimestamp", "2026-11-24T01:00:02Z"),
        ] {
            assert_eq!(time(&fields), expected);
            fields[field] = Value::Null;
        }
        let created =
            json!({ "metadata": { "uid": "u", "resourceVersion": "7", "creationTimestamp": "2026-11-24T01:00:01Z" } });
        assert_eq!(time(&created), "2026-11-24T01:00:01Z");
    }

    #[test]
    fn a_message_beyond_the_bound_keeps_its_start_and_says_how_long_it_was() {
        let event = parse(&with(&json!({ "message": "m".repeat(1_000_000) }))).expect("an event");
        assert_eq!(event.message, format!("{}… [1000000 bytes]", "m".repeat(45)));
    }

    #[test]
    fn what_is_not_an_event_is_rejected_with_a_reason_and_a_sample() {
        let reason = |event: &Value| parse(event).map_err(|rejected| rejected.reason);
        assert_eq!(reason(&json!({})), Err("metadata.uid is missing".to_owned()));
        assert_eq!(
            reason(&json!({ "metadata": { "uid": "u", "resourceVersion": "" } })),
            Err("metadata.resourceVersion is missing".to_owned())
        );
        let wrong = parse(&with(&json!({ "count": "many" }))).expect_err("a count is a number");
        assert!(wrong.reason.starts_with("invalid type: string \"many\", expected i64"), "{}", wrong.reason);
        assert!(wrong.sample.starts_with("{\"metadata\":{\"uid\":\"u\""), "{}", wrong.sample);
        assert!(reason(&with(&json!({ "eventTime": "yesterday" }))).is_err());
        assert!(reason(&json!(null)).is_err());
        assert!(reason(&json!([1])).is_err());
    }

    #[test]
    fn unknown_fields_are_skipped() {
        assert!(parse(&with(&json!({ "new": { "deep": [1, 2] }, "metadata2": 1 }))).is_ok());
    }
}
