//! `--set key=value`, and what it shares with variables: raw texts for keys that must exist.

use figment::value::Value;

use super::{Layer, file};
use crate::{
    error::Problem,
    schema::{self, Found, Path, Schema},
    show,
};

/// The layer of the `--set` options.
pub(crate) fn layer(options: &[String], schema: &Schema, problems: &mut Vec<Problem>) -> Layer {
    let mut layer = Layer::new("--set");
    for option in options {
        let Some((key, value)) = option.split_once('=') else {
            problems.push(Problem::source(
                format!("--set {option}"),
                "expected key=value, such as --set tasks.analytics.every=1h",
            ));
            continue;
        };
        let source = format!("--set {key}");
        match toml_edit::Key::parse(key.trim()) {
            Ok(keys) => {
                let path: Path = keys.iter().map(|key| key.get().to_owned()).collect();
                problems.extend(set_text(&mut layer, &path, value, &source, schema, schema::display).err());
            }
            Err(_) => problems.push(Problem::source(source, "expected a key with dots, such as http.port")),
        }
    }
    layer
}

/// Sets the key at `path`, or a whole section, from a raw text. `spell` writes a key as the source writes keys.
pub(super) fn set_text(
    layer: &mut Layer,
    path: &[String],
    text: &str,
    source: &str,
    schema: &Schema,
    spell: impl Fn(&[String]) -> String,
) -> Result<(), Problem> {
    match schema.find(path) {
        Found::Leaf(_) | Found::File => {
            layer.set(path, Value::from(text), source);
            Ok(())
        }
        Found::Section => file::set_section(layer, path, text, source)
            .map_err(|problem| Problem { key: Some(schema::display(path)), ..problem }),
        Found::Unknown => Err(Problem {
            key: Some(schema::display(path)),
            value: Some(show::unknown(path, &Value::from(text), schema)),
            source: source.to_owned(),
            reason: "there is no such key".to_owned(),
            suggestion: schema.closest(path).map(|closest| spell(&closest)),
        }),
    }
}
