//! The check of the merged tree, leaf by leaf: every problem is found, not the first only.
//!
//! What comes out is a tree in which each leaf has the type of its key, so that the typed sections can be filled from it
//! without a second thought.

use std::{collections::BTreeMap, time::Duration};

use figment::{
    Figment, Profile,
    value::{Dict, Tag, Value},
};

use crate::{
    across, duration,
    error::Problem,
    rules::{self, Refused, refuse, refuse_with, words},
    schema::{self, FILE_SUFFIX, Found, Kind, LONGEST_METRIC_NAME, Leaf, Path, Schema},
    settings::database_url::{REDACTED, redact},
    show, suggest,
};

/// A checked value.
#[derive(Clone)]
pub(crate) struct Checked {
    pub(crate) leaf: &'static Leaf,
    pub(crate) value: Typed,
    pub(crate) source: String,
}

impl Checked {
    /// The value as TOML writes it, hidden where it is secret.
    pub(crate) fn shown(&self) -> String {
        match &self.value {
            Typed::Text(text) if self.leaf.key == "database.url" => schema::quoted(&redact(text)),
            _ if self.leaf.secret => schema::quoted(REDACTED),
            Typed::Bool(value) => value.to_string(),
            Typed::Integer(value) => value.to_string(),
            Typed::Duration(value) => schema::quoted(&duration::format(*value)),
            Typed::Text(text)
                if matches!(self.leaf.kind, Kind::OneOf(_)) && ["true", "false"].contains(&text.as_str()) =>
            {
                text.clone()
            }
            Typed::Text(text) => schema::quoted(text),
        }
    }
}

/// A value of the type of its key.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Typed {
    Bool(bool),
    Integer(u64),
    Duration(Duration),
    Text(String),
}

impl Typed {
    /// The value in the form from which serde fills a struct.
    pub(crate) fn to_value(&self) -> Value {
        match self {
            Self::Bool(value) => Value::from(*value),
            Self::Integer(value) => Value::from(*value),
            Self::Duration(value) => Value::from(Dict::from([
                ("secs".to_owned(), Value::from(value.as_secs())),
                ("nanos".to_owned(), Value::from(value.subsec_nanos())),
            ])),
            Self::Text(value) => Value::from(value.as_str()),
        }
    }
}

/// Checks every value of the merged layers. Keys that name files are passed over: their content is a layer of its own.
pub(crate) fn check(
    merged: &Figment,
    tree: &Dict,
    schema: &Schema,
    problems: &mut Vec<Problem>,
) -> BTreeMap<Path, Checked> {
    let mut check = Check { merged, schema, problems, checked: BTreeMap::new() };
    check.table(&mut Path::new(), tree);
    let checked = check.checked;
    across::check(&checked, problems);
    checked
}

/// Where the value at `path` stands; for a table, where its first value does.
pub(crate) fn origin(merged: &Figment, path: &[String], value: &Value) -> String {
    if let Value::Dict(_, table) = value
        && let Some((name, value)) = table.iter().next()
    {
        return origin(merged, &[path, std::slice::from_ref(name)].concat(), value);
    }
    origin_of_tag(merged, path, value.tag())
}

fn origin_of_tag(merged: &Figment, path: &[String], tag: Tag) -> String {
    merged.get_metadata(tag).map_or_else(String::new, |layer| layer.interpolate(&Profile::Default, path))
}

struct Check<'a> {
    merged: &'a Figment,
    schema: &'a Schema,
    problems: &'a mut Vec<Problem>,
    checked: BTreeMap<Path, Checked>,
}

impl Check<'_> {
    fn table(&mut self, path: &mut Path, table: &Dict) {
        for (name, value) in table {
            path.push(name.clone());
            self.value(path, value);
            path.pop();
        }
    }

    fn value(&mut self, path: &mut Path, value: &Value) {
        if matches!(value, Value::Empty(..)) {
            return;
        }
        match (self.schema.find(path), value) {
            (Found::Leaf(leaf), value) => self.leaf(path, leaf, value),
            (Found::File, _) => {}
            (Found::Section, Value::Dict(_, table)) => {
                match path.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                    ["analytics", "metrics", name] => self.metric(name, path, value, table),
                    ["authentication", "tokens", _] => self.token(path, value, table),
                    ["queue", "queues", name] => self.queue(name, path, value),
                    ["maintenance", name] => self.maintenance(name, path, value, table),
                    ["alerts", "receivers", _] => self.receiver(path, value, table),
                    _ => {}
                }
                self.table(path, table);
            }
            (Found::Section, value) => {
                let reason = format!("expected a table of keys, found {}", show::kind(value));
                let shown = show::unknown(path, value, self.schema);
                self.report(path, value, Some(shown), Refused { reason, suggestion: None });
            }
            (Found::Unknown, value) => {
                let reason = match path.as_slice() {
                    [section, _] if section == "tasks" => "there is no such task",
                    _ => "there is no such key",
                };
                let suggestion = self.schema.closest(path).map(|closest| schema::display(&closest));
                let shown = (!matches!(value, Value::Dict(..))).then(|| show::unknown(path, value, self.schema));
                self.report(path, value, shown, Refused { reason: reason.to_owned(), suggestion });
            }
        }
    }

    fn leaf(&mut self, path: &[String], leaf: &'static Leaf, value: &Value) {
        match read(leaf, value) {
            Ok(Some(typed)) => {
                let source = origin(self.merged, path, value);
                self.checked.insert(path.to_vec(), Checked { leaf, value: typed, source });
            }
            Ok(None) => {}
            Err(refused) => self.report(path, value, Some(show::given(leaf, value)), refused),
        }
    }

    fn metric(&mut self, name: &str, path: &[String], value: &Value, table: &Dict) {
        let length = name.chars().count();
        if length == 0 || length > LONGEST_METRIC_NAME {
            let reason =
                format!("the name of a metric has 1 to {LONGEST_METRIC_NAME} characters, this one has {length}");
            self.report(path, value, None, Refused { reason, suggestion: None });
        } else if !has(table, "sql") {
            let reason = "a metric needs a statement: `sql` is missing".to_owned();
            self.report(path, value, None, Refused { reason, suggestion: None });
        }
    }

    fn token(&mut self, path: &[String], value: &Value, table: &Dict) {
        if !has(table, "sha256") {
            let reason = "a token needs its hash: `sha256` is missing".to_owned();
            self.report(path, value, None, Refused { reason, suggestion: None });
        }
    }

    fn queue(&mut self, name: &str, path: &[String], value: &Value) {
        if let Err(refused) = rules::queue_name(name) {
            self.report(path, value, None, refused);
        }
    }

    fn maintenance(&mut self, name: &str, path: &[String], value: &Value, table: &Dict) {
        if let Err(refused) = rules::maintenance_name(name) {
            self.report(path, value, None, refused);
        } else if !has(table, "sql") {
            let reason = "a statement is needed: `sql` is missing".to_owned();
            self.report(path, value, None, Refused { reason, suggestion: None });
        }
    }

    fn receiver(&mut self, path: &[String], value: &Value, table: &Dict) {
        let kind = table.get("kind").and_then(Value::as_str);
        let reason = match kind {
            None if !has(table, "kind") => "a receiver needs its kind: `kind` is missing",
            Some("alertmanager" | "webhook") if !has(table, "url") => "such a receiver needs its URL: `url` is missing",
            _ => return,
        };
        self.report(path, value, None, Refused { reason: reason.to_owned(), suggestion: None });
    }

    fn report(&mut self, path: &[String], value: &Value, shown: Option<String>, refused: Refused) {
        self.problems.push(Problem {
            key: Some(schema::display(path)),
            value: shown,
            source: origin(self.merged, path, value),
            reason: refused.reason,
            suggestion: refused.suggestion,
        });
    }
}

/// Whether a table has a key, be it by a file.
fn has(table: &Dict, key: &str) -> bool {
    table.contains_key(key) || table.contains_key(&format!("{key}{FILE_SUFFIX}"))
}

/// Gives a value the type of its key; nothing, where it stands for none.
fn read(leaf: &Leaf, value: &Value) -> Result<Option<Typed>, Refused> {
    let text = value.as_str();
    let number = || whole_number(value).or_else(|| text?.trim().parse().ok());
    if let Some(none) = leaf.none
        && (text == Some(none) || (none == "0" && number() == Some(0)))
    {
        return Ok(None);
    }
    match leaf.kind {
        Kind::Bool => match (value.to_bool(), text) {
            (Some(value), _) => Ok(Typed::Bool(value)),
            (_, Some("true")) => Ok(Typed::Bool(true)),
            (_, Some("false")) => Ok(Typed::Bool(false)),
            (_, Some(text)) => refuse_with("expected true or false", truth(text)),
            _ => refuse(format!("expected true or false, found {}", show::kind(value))),
        },
        Kind::Integer(least, most) => match number() {
            Some(number) if (least..=most).contains(&number) => Ok(Typed::Integer(number)),
            _ => refuse(format!(
                "expected a whole number from {least} to {most}{}",
                found(value, &["a whole number", "a text"])
            )),
        },
        Kind::Duration(least, most) => match length_of_time(value) {
            Some(length) if (Duration::from_millis(least)..=Duration::from_millis(most)).contains(&length) => {
                Ok(Typed::Duration(length))
            }
            Some(_) => refuse(format!(
                "expected a length of time from {} to {}",
                duration::format(Duration::from_millis(least)),
                duration::format(Duration::from_millis(most))
            )),
            None => refuse(format!(
                "expected a length of time, such as 30m, 1h 30m or 500ms; a bare number is seconds{}",
                found(value, &["a whole number", "a fraction", "a text"])
            )),
        },
        Kind::OneOf(choices) => {
            let given = value.to_bool().map(|value| value.to_string()).or_else(|| text.map(str::to_owned));
            match given {
                Some(given) if choices.contains(&given.as_str()) => Ok(Typed::Text(given)),
                Some(given) => refuse_with(
                    format!("expected {}", words(choices)),
                    suggest::closest(&given, choices.iter().copied()),
                ),
                None => refuse(format!("expected {}, found {}", words(choices), show::kind(value))),
            }
        }
        Kind::Text(rule) => match text {
            Some(text) => rule(text).map(Typed::Text),
            None if matches!(value, Value::Num(..) | Value::Bool(..)) => {
                refuse(format!("expected a text, found {}: put it in quotes", show::kind(value)))
            }
            None => refuse(format!("expected a text, found {}", show::kind(value))),
        },
    }
    .map(Some)
}

/// A number that is neither negative nor a fraction. Figment tells signed and unsigned ones apart, we do not.
fn whole_number(value: &Value) -> Option<u64> {
    let signed = || value.to_i128().and_then(|number| number.try_into().ok());
    value.to_u128().and_then(|number| number.try_into().ok()).or_else(signed)
}

/// A bare number is seconds.
fn length_of_time(value: &Value) -> Option<Duration> {
    match value {
        Value::String(_, text) => duration::parse(text),
        Value::Num(_, number) => {
            whole_number(value).map(Duration::from_secs).or_else(|| Duration::try_from_secs_f64(number.to_f64()?).ok())
        }
        _ => None,
    }
}

/// What was found, unless it is one of the kinds that are expected.
fn found(value: &Value, expected: &[&str]) -> String {
    let kind = show::kind(value);
    if expected.contains(&kind) { String::new() } else { format!(", found {kind}") }
}

fn truth(text: &str) -> Option<&'static str> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" | "y" => Some("true"),
        "false" | "no" | "off" | "0" | "n" => Some("false"),
        word => suggest::closest(word, ["true", "false"]),
    }
}
