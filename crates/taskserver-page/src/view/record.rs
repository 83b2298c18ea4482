//! Fields of records: what is absent or of another type is nothing, never a fault of the page.

use jiff::Timestamp;
use serde_json::Value;
use taskserver_core::Record;

pub(super) fn text(record: &Record, field: &str) -> String {
    optional(record, field).unwrap_or_default()
}

pub(super) fn optional(record: &Record, field: &str) -> Option<String> {
    record.get(field).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

pub(super) fn integer(record: &Record, field: &str) -> Option<i64> {
    record.get(field).and_then(Value::as_i64)
}

pub(crate) fn moment(record: &Record, field: &str) -> Option<Timestamp> {
    record.get(field).and_then(Value::as_str)?.parse().ok()
}
