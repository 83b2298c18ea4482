//! How values are shown: as TOML writes them, secrets hidden, long ones cut.

use figment::value::Value;

use crate::{
    schema::{self, Leaf, Schema},
    settings::database_url::{REDACTED, redact},
};

/// The most characters of a value that an error shows.
const LONGEST: usize = 80;

/// A value as it was given, for an error about it.
pub(crate) fn given(leaf: &Leaf, value: &Value) -> String {
    match value.as_str() {
        Some(text) if leaf.key == "database.url" => schema::quoted(&redact(text)),
        Some("") => "\"\"".to_owned(),
        _ if leaf.secret => REDACTED.to_owned(),
        _ => cut(&plain(value)),
    }
}

/// A value of an unknown key. What the key would have been is not known, so that all that may be secret is hidden.
pub(crate) fn unknown(path: &[String], value: &Value, schema: &Schema) -> String {
    let likely_secret = |word: &str| {
        let word = word.to_ascii_lowercase();
        ["pass", "pwd", "secret", "token", "key", "credential"].iter().any(|part| word.contains(part))
    };
    let close_to_secret = schema.closest(path).and_then(|path| schema::leaf(&path)).is_some_and(|leaf| leaf.secret);
    if path.iter().any(|segment| likely_secret(segment)) || (close_to_secret && value.as_str().is_none()) {
        return REDACTED.to_owned();
    }
    match value.as_str() {
        Some(text) if text.contains("://") => schema::quoted(&redact(text)),
        Some(_) if close_to_secret => REDACTED.to_owned(),
        _ => cut(&plain(value)),
    }
}

/// What kind of value it is, for an error about its type.
pub(crate) fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(..) | Value::Char(..) => "a text",
        Value::Bool(..) => "true or false",
        Value::Num(_, number) if number.to_i128().is_some() || number.to_u128().is_some() => "a whole number",
        Value::Num(..) => "a fraction",
        Value::Empty(..) => "nothing",
        Value::Dict(..) => "a table",
        Value::Array(..) => "a list",
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(_, text) => schema::quoted(text),
        Value::Char(_, char) => schema::quoted(&char.to_string()),
        Value::Bool(_, value) => value.to_string(),
        Value::Num(_, number) => match (number.to_i128(), number.to_u128(), number.to_f64()) {
            (Some(number), ..) => number.to_string(),
            (_, Some(number), _) => number.to_string(),
            (.., Some(number)) => format!("{number:?}"),
            _ => "?".to_owned(),
        },
        Value::Empty(..) => "null".to_owned(),
        Value::Dict(..) => "{ … }".to_owned(),
        Value::Array(..) => "[ … ]".to_owned(),
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let start: String = text.chars().take(LONGEST).collect();
    format!("{start}…")
}
