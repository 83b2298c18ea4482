//! Files in TOML, YAML or JSON.

use std::path::Path;

use super::{
    Layer, json,
    node::{Node, SyntaxError},
    toml, yaml,
};
use crate::error::Problem;

/// The language of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Toml,
    Yaml,
    Json,
}

impl Format {
    /// The language that the name of a file tells.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Toml => "TOML",
            Self::Yaml => "YAML",
            Self::Json => "JSON",
        }
    }

    fn parse(self, text: &str) -> Result<Vec<(String, Node)>, SyntaxError> {
        // An editor's byte order mark is not part of any of the languages.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            Self::Toml => toml::parse(text),
            Self::Yaml => yaml::parse(text),
            Self::Json => json::parse(text),
        }
    }
}

/// The layer that a text makes. `name` is shown for its file, `note` after its lines.
pub(crate) fn layer(format: Format, text: &str, name: &str, note: &str) -> Result<Layer, Problem> {
    let table = format.parse(text).map_err(|error| {
        let SyntaxError { line, column, reason } = error;
        Problem::source(format!("{name}:{line}:{column}"), format!("not valid {}: {reason}", format.name()))
    })?;
    let mut layer = Layer::new(name);
    layer.set_all(&[], table, &|node| format!("{name}:{}{note}", node.line));
    Ok(layer)
}

/// Sets a whole section of `layer` from a table that is written in JSON or as an inline table of TOML.
pub(crate) fn set_section(layer: &mut Layer, path: &[String], text: &str, origin: &str) -> Result<(), Problem> {
    let table = match Format::Json.parse(text) {
        Ok(table) => table,
        Err(_) => match Format::Toml.parse(&format!("value = {text}")) {
            Ok(mut document) if document.len() == 1 => match document.remove(0).1.data {
                super::Data::Table(table) => table,
                _ => return Err(not_a_table(origin)),
            },
            _ => return Err(not_a_table(origin)),
        },
    };
    layer.set_all(path, table, &|_| origin.to_owned());
    Ok(())
}

fn not_a_table(origin: &str) -> Problem {
    Problem::source(origin, "expected a table, in JSON or as an inline table of TOML, such as { key = \"value\" }")
}
