//! Reads TOML with the line of every value.

use figment::value::Value;
use toml_edit::{Document, Item, TableLike};

use super::node::{Data, Lines, Node, SyntaxError};

pub(super) fn parse(text: &str) -> Result<Vec<(String, Node)>, SyntaxError> {
    let lines = Lines::of(text);
    let document = Document::parse(text).map_err(|error| {
        let (line, column) = lines.position(error.span().map_or(0, |span| span.start));
        let reason = error.message().trim_end_matches(", expected nothing").replace('\n', ", ");
        SyntaxError { line, column, reason }
    })?;
    Ok(table(document.as_table(), &lines))
}

fn table(table: &dyn TableLike, lines: &Lines) -> Vec<(String, Node)> {
    table
        .iter()
        .map(|(name, item)| {
            let key = table.key(name).and_then(toml_edit::Key::span);
            let line = lines.line(key.or_else(|| item.span()).map_or(0, |span| span.start));
            (name.to_owned(), node(item, line, lines))
        })
        .collect()
}

fn node(item: &Item, line: usize, lines: &Lines) -> Node {
    let data = match item {
        Item::None => Data::Null,
        Item::Table(inner) => Data::Table(table(inner, lines)),
        Item::ArrayOfTables(items) => {
            Data::List(items.iter().map(|item| Node { line, data: Data::Table(table(item, lines)) }).collect())
        }
        Item::Value(inner) => value(inner, line, lines),
    };
    Node { line, data }
}

fn value(value: &toml_edit::Value, line: usize, lines: &Lines) -> Data {
    match value {
        toml_edit::Value::String(text) => Data::Scalar(Value::from(text.value().as_str())),
        toml_edit::Value::Integer(number) => Data::Scalar(Value::from(*number.value())),
        toml_edit::Value::Float(number) => Data::Scalar(Value::from(*number.value())),
        toml_edit::Value::Boolean(value) => Data::Scalar(Value::from(*value.value())),
        toml_edit::Value::Datetime(time) => Data::Scalar(Value::from(time.value().to_string())),
        toml_edit::Value::Array(items) => {
            Data::List(items.iter().map(|item| Node { line, data: self::value(item, line, lines) }).collect())
        }
        toml_edit::Value::InlineTable(inner) => Data::Table(table(inner, lines)),
    }
}
