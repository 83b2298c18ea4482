//! Stored events as they were received.

use jiff::Timestamp;
use serde_json::Value;
use taskserver_core::Record;

use crate::{EventRecord, InvolvedObject, ResourceVersion, Series};

impl EventRecord {
    /// The event that a record of the service [`K8S_EVENT`](crate::K8S_EVENT) is about; nothing if it lacks what every event
    /// has.
    #[must_use]
    pub fn from_record(record: &Record) -> Option<Self> {
        let optional = |name: &str| record.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = &optional;
        let number = |name: &str| record.get(name).and_then(Value::as_i64);
        let time = |name: &str| record.get(name)?.as_str()?.parse::<Timestamp>().ok();
        Some(Self {
            cluster: text("cluster")?,
            uid: text("uid")?,
            namespace: text("namespace")?,
            name: text("name")?,
            resource_version: ResourceVersion::new(text("resourceVersion")?),
            involved: InvolvedObject {
                kind: text("involvedKind")?,
                namespace: optional("involvedNamespace"),
                name: text("involvedName")?,
                uid: optional("involvedUid"),
                field_path: optional("involvedFieldPath"),
                api_version: optional("involvedApiVersion"),
            },
            type_: text("type")?,
            reason: text("reason")?,
            message: text("message")?,
            action: optional("action"),
            count: number("count"),
            series: number("seriesCount").map(|count| Series { count, last_observed: time("seriesLastObserved") }),
            first_seen: time("firstSeen"),
            last_seen: time("lastSeen"),
            event_time: time("eventTime"),
            created: time("creationTime"),
            source_component: optional("sourceComponent"),
            source_host: optional("sourceHost"),
            reporting_component: optional("reportingComponent"),
            reporting_instance: optional("reportingInstance"),
            received: time("updatedAt")?,
        })
    }
}
