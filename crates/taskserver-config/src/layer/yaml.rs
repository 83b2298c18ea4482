//! Reads YAML with the line of every value.

use std::fmt;

use figment::value::Value;
use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{MessageFormatter, Spanned, UserMessageFormatter};

use super::node::{Data, Node, SyntaxError};

pub(super) fn parse(text: &str) -> Result<Vec<(String, Node)>, SyntaxError> {
    let data = serde_saphyr::from_str::<Data>(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |place| (place.line(), place.column()));
        SyntaxError {
            line: usize::try_from(line).unwrap_or(1).max(1),
            column: usize::try_from(column).unwrap_or(1).max(1),
            reason: reason(&error),
        }
    })?;
    match data {
        Data::Table(table) => Ok(table),
        Data::Null => Ok(Vec::new()),
        _ => Err(SyntaxError { line: 1, column: 1, reason: "expected a mapping at the top".to_owned() }),
    }
}

/// The message without its place and without the excerpt of the text, which could show a secret.
fn reason(error: &serde_saphyr::Error) -> String {
    UserMessageFormatter.format_message(error.without_snippet()).replace('\n', " ")
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_i128<E>(self, value: i128) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_u128<E>(self, value: u128) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::Scalar(Value::from(value)))
    }

    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Data, D::Error> {
        Data::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(node(item)?);
        }
        Ok(Data::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut table = Vec::new();
        while let Some((name, value)) = entries.next_entry::<String, _>()? {
            table.push((name, node(value)?));
        }
        Ok(Data::Table(table))
    }
}

fn node<E: de::Error>(spanned: Spanned<Data>) -> Result<Node, E> {
    let line = usize::try_from(spanned.referenced.line()).map_err(E::custom)?;
    Ok(Node { line, data: spanned.value })
}
