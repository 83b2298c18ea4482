//! Messages of `feathers-sync`.
//!
//! A message is a flatted object with the fields `event`, `path` and `data`. Node's receivers emit it with no more than
//! these. Theirs have the `context` of the call too, which listeners and publishers are given beside the record, so
//! ours carry what of it is known here.
//!
//! The protocol has no sender, and a process is sent its own messages too. Ours carry their sender in one more field,
//! which other receivers do not look at: what comes back is recognised for certain, at whatever delay, and with nothing
//! to remember. (To recognise it by its content would need a memory of what was sent, which forgets, and would take an
//! equal message of a peer for ours.) It tells replicas of this server apart as well: each receives what the others
//! send.

use serde_json::{Value, json};
use taskserver_core::{Event, EventKind, Record};

use crate::flatted::{self, Document, FlattedError};

/// The field that names the sender.
const SENDER: &str = "sender";

/// The text of an event's message.
pub(super) fn encode(event: &Event, sender: &str) -> String {
    let record = Value::Object((*event.record).clone());
    let mut context = json!({
        "event": event.kind.name(),
        "path": &*event.service,
        "method": method(event.kind),
        "type": "around",
        "params": {},
        "result": record,
    });
    if let (EventKind::Updated | EventKind::Patched | EventKind::Removed, Some(id)) = (event.kind, record.get("id")) {
        context["id"] = id.clone();
    }
    let message = json!({
        "event": event.kind.name(),
        "path": &*event.service,
        "data": record,
        "context": context,
        SENDER: sender,
    });
    flatted::to_string(&message)
}

/// The name of the Feathers method that tells of such an event.
fn method(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Created => "create",
        EventKind::Updated => "update",
        EventKind::Patched => "patch",
        EventKind::Removed => "remove",
    }
}

/// What a message is for its receiver.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// The receiver's own.
    Own,
    /// An event of another process, of a service that the receiver listens to.
    Event(Event),
    /// Of a service that the receiver does not listen to, or an event of the service's own making.
    Foreign,
}

/// Why a message is malformed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Malformed {
    #[error(transparent)]
    Flatted(#[from] FlattedError),
    #[error("its `{0}` is no {1}")]
    Field(&'static str, &'static str),
}

/// Reads a message as the process `receiver`, which listens to the services that `listens_to` says. Its record may have
/// `max_size` bytes.
pub(super) fn decode(
    text: &[u8],
    max_size: usize,
    receiver: &str,
    listens_to: impl Fn(&str) -> bool,
) -> Result<Message, Malformed> {
    let document = Document::parse(text, max_size)?;
    if document.field(SENDER)?.as_ref().and_then(Value::as_str) == Some(receiver) {
        return Ok(Message::Own);
    }
    let path = string(&document, "path")?;
    let kind = event_kind(&string(&document, "event")?);
    let (Some(kind), true) = (kind, listens_to(&path)) else { return Ok(Message::Foreign) };
    let record: Record = match document.field("data")? {
        Some(Value::Object(record)) => record,
        _ => return Err(Malformed::Field("data", "object")),
    };
    Ok(Message::Event(Event::from_elsewhere(path.into(), kind, record)))
}

fn string(document: &Document, field: &'static str) -> Result<String, Malformed> {
    match document.field(field)? {
        Some(Value::String(string)) => Ok(string),
        _ => Err(Malformed::Field(field, "string")),
    }
}

fn event_kind(name: &str) -> Option<EventKind> {
    [EventKind::Created, EventKind::Updated, EventKind::Patched, EventKind::Removed]
        .into_iter()
        .find(|kind| kind.name() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn analytics() -> Record {
        let record =
            json!({"id": "b4d3f0a0", "count": 3, "type": "activeChannels", "createdAt": "2026-11-24T01:34:02.000Z"});
        record.as_object().unwrap().clone()
    }

    fn read(text: &str) -> Result<Message, String> {
        let listens_to = |path: &str| path == "analytics";
        decode(text.as_bytes(), 1024, "we", listens_to).map_err(|error| error.to_string())
    }

    #[test]
    fn an_event_is_written_as_node_writes_it() {
        let event = Event::new("analytics".into(), EventKind::Removed, analytics());
        let expected = concat!(
            r#"[{"event":"1","path":"2","data":"3","context":"4","sender":"5"},"removed","analytics","#,
            r#"{"id":"6","count":3,"type":"7","createdAt":"8"},"#,
            r#"{"event":"1","path":"2","method":"9","type":"10","params":"11","result":"12","id":"6"},"#,
            r#""we","b4d3f0a0","activeChannels","2026-11-24T01:34:02.000Z","remove","around",{},"#,
            r#"{"id":"6","count":3,"type":"7","createdAt":"8"}]"#
        );
        assert_eq!(encode(&event, "we"), expected);
    }

    #[test]
    fn a_message_is_our_own_or_anothers_by_its_sender() {
        let event = Event::new("analytics".into(), EventKind::Created, analytics());
        assert_eq!(read(&encode(&event, "we")), Ok(Message::Own));
        let theirs = Event::from_elsewhere("analytics".into(), EventKind::Created, analytics());
        assert_eq!(read(&encode(&event, "another replica")), Ok(Message::Event(theirs)));
    }

    #[test]
    fn the_messages_of_node_are_read() {
        let with_context = r#"[{"event":"1","path":"2","data":"3","context":"4"},"created","analytics",{"id":"5","count":3,"type":"6","createdAt":"7","updatedAt":"7"},{"arguments":"8","event":"1","result":"3","data":"9","params":"10","path":"2","method":"11","type":"12"},"b4d3f0a0-0000-4000-8000-000000000001","activeChannels","2024-01-02 03:04:05",["9","10"],{"type":"6","count":3},{},"create","around"]"#;
        let record = json!({"id": "b4d3f0a0-0000-4000-8000-000000000001", "count": 3, "type": "activeChannels",
            "createdAt": "2024-01-02 03:04:05", "updatedAt": "2024-01-02 03:04:05"});
        let event = Event::from_elsewhere("analytics".into(), EventKind::Created, record.as_object().unwrap().clone());
        assert_eq!(read(with_context), Ok(Message::Event(event)));

        let least = r#"[{"event":"1","path":"2","data":"3"},"patched","analytics",{"id":"4","count":1},"x"]"#;
        let record = json!({"id": "x", "count": 1}).as_object().unwrap().clone();
        assert_eq!(
            read(least),
            Ok(Message::Event(Event::from_elsewhere("analytics".into(), EventKind::Patched, record)))
        );
    }

    #[test]
    fn a_cycle_in_the_context_does_not_matter_and_one_in_the_data_does() {
        let in_context =
            r#"[{"event":"1","path":"2","data":"3","context":"4"},"created","analytics",{"id":"2"},{"self":"4"}]"#;
        assert!(matches!(read(in_context), Ok(Message::Event(_))));
        let in_data = r#"[{"event":"1","path":"2","data":"3"},"created","analytics",{"self":"3"}]"#;
        assert_eq!(read(in_data), Err("a value contains itself".into()));
    }

    #[test]
    fn what_we_do_not_listen_to_is_foreign() {
        assert_eq!(read(r#"[{"event":"1","path":"2","data":"3"},"created","avatar",{}]"#), Ok(Message::Foreign));
        assert_eq!(read(r#"[{"event":"1","path":"2","data":"3"},"published","analytics",{}]"#), Ok(Message::Foreign));
    }

    #[test]
    fn what_is_malformed_says_why() {
        for (text, expected) in [
            ("", "not a JSON array: EOF while parsing a value at line 1 column 0"),
            (r#"{"event":"created"}"#, "not a JSON array: invalid type: map, expected a sequence at line 1 column 0"),
            ("[]", "an empty array, which has no root"),
            ("[{}]", "its `path` is no string"),
            (r#"["created"]"#, "its `path` is no string"),
            (r#"[{"path":"1"},"analytics"]"#, "its `event` is no string"),
            (r#"[{"path":"7"},"analytics"]"#, r#"the reference "7" names no element"#),
            (r#"[{"path":"analytics"}]"#, r#"the reference "analytics" names no element"#),
            (r#"[{"path":["1"]},"analytics"]"#, "an array or object stands within another in place of its index"),
            (r#"[{"path":"1","event":"2"},"analytics","created"]"#, "its `data` is no object"),
            (r#"[{"path":"1","event":"2","data":null},"analytics","created"]"#, "its `data` is no object"),
            (r#"[{"path":"1","event":"2","data":"3"},"analytics","created",[]]"#, "its `data` is no object"),
        ] {
            assert_eq!(read(text), Err(expected.into()), "{text}");
        }
    }
}
