//! What TOML, YAML and JSON have in common: values, each on its line.

use figment::value::{Dict, Value};

/// A value and the line that it stands on, counted from 1.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) data: Data,
}

/// A value.
#[derive(Debug)]
pub(super) enum Data {
    Null,
    /// Neither a table nor a list.
    Scalar(Value),
    List(Vec<Node>),
    Table(Vec<(String, Node)>),
}

impl Data {
    /// The value without lines.
    pub(super) fn into_value(self) -> Value {
        match self {
            Self::Null => Value::from(""),
            Self::Scalar(value) => value,
            Self::List(items) => Value::from(items.into_iter().map(|item| item.data.into_value()).collect::<Vec<_>>()),
            Self::Table(table) => {
                let dict: Dict = table.into_iter().map(|(name, node)| (name, node.data.into_value())).collect();
                Value::from(dict)
            }
        }
    }
}

/// Why a text cannot be read, and where.
#[derive(Debug, PartialEq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) column: usize,
    pub(super) reason: String,
}

/// Finds the line of a byte of a text.
pub(super) struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    pub(super) fn of(text: &str) -> Self {
        let after_newlines = text.match_indices('\n').map(|(index, _)| index + 1);
        Self { starts: std::iter::once(0).chain(after_newlines).collect() }
    }

    /// The line and column of a byte, counted from 1.
    pub(super) fn position(&self, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte);
        (line, byte - self.starts[line - 1] + 1)
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, byte: usize) -> usize {
        self.position(byte).0
    }
}
