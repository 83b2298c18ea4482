//! A layer is what one source says: a tree of values, and where each of them stands.
//!
//! Layers are figment providers. Figment merges them; the place of a value is asked of the layer that it came from, which
//! figment remembers (`Metadata::interpolate`). Values from files keep their types; those from variables, options and
//! rows are raw texts, which take the type of their key when they are checked, so that a password `0123` stays `0123`.

pub(crate) mod engine_setting;
pub(crate) mod env;
pub(crate) mod file;
mod json;
mod node;
mod platform;
pub(crate) mod set;
mod toml;
mod yaml;

use std::{collections::BTreeMap, sync::Arc};

use figment::{
    Metadata, Profile, Provider,
    value::{Dict, Empty, Map, Tag, Value},
};

use self::node::{Data, Node};
use crate::{
    error::Problem,
    schema::{self, FILE_SUFFIX, Found, Path, Schema},
};

/// What one source says.
#[derive(Clone)]
pub(crate) struct Layer {
    name: String,
    tree: Dict,
    origins: Arc<BTreeMap<Path, String>>,
}

impl Layer {
    /// An empty layer. The name stands for the place of values which have none of their own.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), tree: Dict::new(), origins: Arc::default() }
    }

    pub(crate) fn tree(&self) -> &Dict {
        &self.tree
    }

    /// Sets a value, in place of one that was there.
    pub(crate) fn set(&mut self, path: &[String], value: Value, origin: impl Into<String>) {
        if let Some((last, parents)) = path.split_last() {
            table_at(&mut self.tree, parents).insert(last.clone(), value);
            Arc::make_mut(&mut self.origins).insert(path.to_vec(), origin.into());
        }
    }

    /// Sets everything that a parsed text says. Nulls say nothing.
    fn set_all(&mut self, path: &[String], table: Vec<(String, Node)>, origin: &dyn Fn(&Node) -> String) {
        for (name, node) in table {
            let path = [path, &[name]].concat();
            let origin_here = origin(&node);
            match node.data {
                Data::Null => {}
                Data::Table(table) if !table.is_empty() => self.set_all(&path, table, origin),
                data => self.set(&path, data.into_value(), origin_here),
            }
        }
    }

    /// Where the value at `path` stands.
    pub(crate) fn origin(&self, path: &[String]) -> String {
        self.origins.get(path).unwrap_or(&self.name).clone()
    }

    /// The keys of this layer that name files, each with the path of the key that takes the file's content.
    pub(crate) fn file_keys(&self, schema: &Schema) -> Vec<(Path, Path)> {
        file_keys(&self.tree, schema)
    }

    /// Reports keys which exclude one another. Then sees to it that a schedule of one form takes the place of one of the
    /// other form in earlier layers.
    pub(crate) fn settle_exclusions(&mut self, schema: &Schema, problems: &mut Vec<Problem>) {
        for (file_key, key) in self.file_keys(schema) {
            if at(&self.tree, &key).is_some() {
                problems.push(Problem {
                    key: Some(schema::display(&file_key)),
                    value: None,
                    source: self.origin(&file_key),
                    reason: format!(
                        "excludes `{}`, which is also given (from: {})",
                        schema::display(&key),
                        self.origin(&key)
                    ),
                    suggestion: None,
                });
            }
        }
        let Some(Value::Dict(_, tasks)) = self.tree.get("tasks") else { return };
        for task in tasks.keys().cloned().collect::<Vec<_>>() {
            let path = |key: &str| vec!["tasks".to_owned(), task.clone(), key.to_owned()];
            let (every, cron) = (path("every"), path("cron"));
            let given = |key: &Path| at(&self.tree, key).is_some() || at(&self.tree, &file_key(key)).is_some();
            match (given(&every), given(&cron)) {
                (true, true) => problems.push(Problem {
                    key: Some(schema::display(&cron)),
                    value: None,
                    source: self.origin(&cron),
                    reason: format!(
                        "excludes `{}`, which is also given (from: {}): a schedule has one of them",
                        schema::display(&every),
                        self.origin(&every)
                    ),
                    suggestion: None,
                }),
                (true, false) => self.unset(&cron, &every),
                (false, true) => self.unset(&every, &cron),
                (false, false) => {}
            }
        }
    }

    /// Unsets `path` in earlier layers, because of another key of this one.
    fn unset(&mut self, path: &[String], because_of: &[String]) {
        let origin = self.origin(because_of);
        self.set(path, Value::Empty(Tag::Default, Empty::None), origin.clone());
        self.set(&file_key(path), Value::Empty(Tag::Default, Empty::None), origin);
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        let (name, origins) = (self.name.clone(), Arc::clone(&self.origins));
        Metadata::named(self.name.clone()).interpolater(move |_: &Profile, keys: &[&str]| {
            let path: Path = keys.iter().map(|key| (*key).to_owned()).collect();
            origins.get(&path).unwrap_or(&name).clone()
        })
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.tree.clone()))
    }
}

/// The keys of a tree that name files, each with the path of the key that takes the file's content.
pub(crate) fn file_keys(tree: &Dict, schema: &Schema) -> Vec<(Path, Path)> {
    let mut found = Vec::new();
    let mut todo = vec![(Path::new(), tree)];
    while let Some((path, tree)) = todo.pop() {
        for (name, value) in tree {
            let path = [path.as_slice(), std::slice::from_ref(name)].concat();
            match (schema.find(&path), value) {
                (Found::Section, Value::Dict(_, tree)) => todo.push((path, tree)),
                (Found::File, value) if !matches!(value, Value::Empty(..)) => {
                    let mut key = path.clone();
                    if let Some(last) = key.last_mut() {
                        last.truncate(last.len() - FILE_SUFFIX.len());
                    }
                    found.push((path, key));
                }
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The value at `path`, if there is one that is not null.
pub(crate) fn at<'a>(tree: &'a Dict, path: &[String]) -> Option<&'a Value> {
    let (last, parents) = path.split_last()?;
    let mut table = tree;
    for name in parents {
        table = table.get(name)?.as_dict()?;
    }
    table.get(last).filter(|value| !matches!(value, Value::Empty(..)))
}

fn file_key(path: &[String]) -> Path {
    let mut path = path.to_vec();
    if let Some(last) = path.last_mut() {
        last.push_str(FILE_SUFFIX);
    }
    path
}

/// The table at `path`, made where it is missing.
pub(crate) fn table_at<'a>(tree: &'a mut Dict, path: &[String]) -> &'a mut Dict {
    let Some((first, rest)) = path.split_first() else { return tree };
    let entry = tree.entry(first.clone()).or_insert_with(|| Value::from(Dict::new()));
    if !matches!(entry, Value::Dict(..)) {
        *entry = Value::from(Dict::new());
    }
    match entry {
        Value::Dict(_, table) => table_at(table, rest),
        _ => unreachable!("it has just been made a table"),
    }
}
