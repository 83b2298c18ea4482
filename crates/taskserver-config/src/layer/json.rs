//! Reads JSON with the line of every value. Raw values borrow from the text, so that their place in it tells the line.

use std::collections::BTreeMap;

use figment::value::Value;
use serde_json::value::RawValue;

use super::node::{Data, Lines, Node, SyntaxError};

pub(super) fn parse(text: &str) -> Result<Vec<(String, Node)>, SyntaxError> {
    // Finds every error, too deep nesting included, before the text is walked.
    let syntax = |error: serde_json::Error| SyntaxError {
        line: error.line().max(1),
        column: error.column().max(1),
        reason: without_place(&error.to_string()),
    };
    if !serde_json::from_str::<serde_json::Value>(text).map_err(syntax)?.is_object() {
        return Err(SyntaxError { line: 1, column: 1, reason: "expected an object at the top".to_owned() });
    }
    table(text, text, &Lines::of(text)).map_err(syntax)
}

fn table(raw: &str, text: &str, lines: &Lines) -> serde_json::Result<Vec<(String, Node)>> {
    let table: BTreeMap<String, &RawValue> = serde_json::from_str(raw)?;
    table.into_iter().map(|(name, raw)| Ok((name, node(raw.get(), text, lines)?))).collect()
}

fn node(raw: &str, text: &str, lines: &Lines) -> serde_json::Result<Node> {
    let byte = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
    let data = match raw.as_bytes().first() {
        Some(b'{') => Data::Table(table(raw, text, lines)?),
        Some(b'[') => {
            let items: Vec<&RawValue> = serde_json::from_str(raw)?;
            Data::List(items.into_iter().map(|raw| node(raw.get(), text, lines)).collect::<Result<_, _>>()?)
        }
        Some(b'n') => Data::Null,
        _ => Data::Scalar(serde_json::from_str::<Value>(raw)?),
    };
    Ok(Node { line: lines.line(byte), data })
}

/// `serde_json` ends its messages with the place, which is reported apart.
fn without_place(message: &str) -> String {
    message.split(" at line ").next().unwrap_or(message).to_owned()
}
