//! Reads the layers in their order, merges and checks them.

use std::path::{Path, PathBuf};

use figment::{
    Figment, Provider,
    value::{Dict, Value},
};

use crate::{
    ConfigError, Inputs, Loaded, Loader, assemble, check,
    error::Problem,
    layer::{
        self, Layer, engine_setting, env,
        file::{self, Format},
        set,
    },
    profile::Profile,
    schema,
};

/// The built-in defaults, which say what every key means.
const DEFAULTS: &str = include_str!("../config/default.toml");

/// The files of the working directory that are read when no others are named.
const FOUND_FILES: [&str; 4] = ["taskserver.toml", "taskserver.yaml", "taskserver.yml", "taskserver.json"];

/// One loading: what it has met so far.
pub(crate) struct Loading<'a> {
    loader: &'a Loader,
    inputs: Inputs,
    warnings: Vec<String>,
    problems: Vec<Problem>,
}

impl<'a> Loading<'a> {
    pub(crate) fn of(loader: &'a Loader) -> Self {
        Self { loader, inputs: Inputs::default(), warnings: Vec::new(), problems: Vec::new() }
    }

    pub(crate) fn run(mut self) -> Result<Loaded, ConfigError> {
        let (profile, merged) = self.merge();
        let checked = check::check(&merged, &tree(&merged), &self.loader.schema, &mut self.problems);
        if !self.problems.is_empty() {
            return Err(ConfigError::new(self.problems, self.inputs));
        }
        match assemble::settings(&checked, &mut self.warnings) {
            Ok(settings) => Ok(Loaded::new(settings, self.warnings, profile, self.inputs, checked)),
            Err(problem) => Err(ConfigError::new(vec![problem], self.inputs)),
        }
    }

    /// The name of the profile that is used, and the layers merged in their order.
    fn merge(&mut self) -> (Option<String>, Figment) {
        let Loader { schema, environment, .. } = self.loader;
        let mut layers = Vec::new();
        self.keep(&mut layers, file::layer(Format::Toml, DEFAULTS, "config/default.toml", " (built in)"));
        let profile = self.profile(&mut layers);
        self.files(&mut layers);
        self.directory(&mut layers);
        layers.push(env::platform(environment, &mut self.warnings, &mut self.problems));
        let own = env::own(environment, schema, &mut self.problems);
        let overrides = set::layer(&self.loader.overrides, schema, &mut self.problems);
        if in_cluster(layers.iter().chain([&own, &overrides])) {
            layers.push(engine_setting::layer(&self.loader.engine_settings, &mut self.warnings));
        }
        layers.push(own);
        for layer in &mut layers {
            layer.settle_exclusions(schema, &mut self.problems);
        }
        let mut overrides = overrides;
        overrides.settle_exclusions(schema, &mut self.problems);

        let merged = layers.into_iter().fold(Figment::new(), Figment::merge);
        let secrets = self.secrets(&merged, &tree(&merged), &overrides);
        let merged = merged.merge(secrets).merge(overrides.clone());
        let secrets = self.secrets(&merged, overrides.tree(), &Layer::new(""));
        (profile, merged.merge(secrets))
    }

    fn keep(&mut self, layers: &mut Vec<Layer>, layer: Result<Layer, Problem>) {
        match layer {
            Ok(layer) => layers.push(layer),
            Err(problem) => self.problems.push(problem),
        }
    }

    /// Returns the name of the profile that is used.
    fn profile(&mut self, layers: &mut Vec<Layer>) -> Option<String> {
        let loader = self.loader;
        let profile = Profile::chosen(loader.profile.as_deref(), &loader.environment, &mut self.problems)?;
        match profile.layer(&loader.working_directory, &mut self.inputs) {
            Ok(Some(layer)) => {
                layers.push(layer);
                Some(profile.name)
            }
            Ok(None) => None,
            Err(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    fn files(&mut self, layers: &mut Vec<Layer>) {
        for path in &self.loader.files {
            let layer = self.file(path);
            self.keep(layers, layer);
        }
        if self.loader.files.is_empty() {
            for path in FOUND_FILES.map(Path::new) {
                match self.file(path) {
                    Err(_) if !self.loader.working_directory.join(path).exists() => {}
                    layer => self.keep(layers, layer),
                }
            }
        }
    }

    fn directory(&mut self, layers: &mut Vec<Layer>) {
        let Some(directory) = &self.loader.directory else { return };
        let (files, others) = match self.inputs.list(&self.loader.working_directory.join(directory)) {
            Ok(files) => files,
            Err(error) => {
                self.problems
                    .push(Problem::source(directory.display().to_string(), format!("cannot be read: {error}")));
                return;
            }
        };
        let named = |path: PathBuf| path.file_name().map_or_else(PathBuf::new, |name| directory.join(name));
        for path in files.into_iter().map(named) {
            let layer = self.file(&path);
            self.keep(layers, layer);
        }
        for path in others.into_iter().map(named) {
            self.warnings
                .push(format!("{} is ignored: its name ends in none of .toml, .yaml, .yml, .json", path.display()));
        }
    }

    fn file(&mut self, path: &Path) -> Result<Layer, Problem> {
        let name = path.display().to_string();
        let Some(format) = Format::of(path) else {
            return Err(Problem::source(name, "the name ends in none of .toml, .yaml, .yml, .json"));
        };
        match self.inputs.read(&self.loader.working_directory.join(path)) {
            Ok(text) => file::layer(format, &text, &name, ""),
            Err(error) => Err(Problem::source(name, format!("cannot be read: {error}"))),
        }
    }

    /// The values of the files that keys of `tree` name, without those which `except` gives in another way.
    fn secrets(&mut self, merged: &Figment, tree: &Dict, except: &Layer) -> Layer {
        let mut layer = Layer::new("files");
        for (file_key, key) in layer::file_keys(tree, &self.loader.schema) {
            if layer::at(except.tree(), &key).is_some() || layer::at(except.tree(), &file_key).is_some() {
                continue;
            }
            // The place that names the file is where it came from in the whole, not in the part that is looked at.
            let whole = self::tree(merged);
            let Some(value) = layer::at(&whole, &file_key) else { continue };
            let place = check::origin(merged, &file_key, value);
            match self.secret(value) {
                Ok((path, content)) => layer.set(&key, Value::from(content), format!("file {path} (named by {place})")),
                Err(reason) => self.problems.push(Problem {
                    key: Some(schema::display(&file_key)),
                    value: value.as_str().map(schema::quoted),
                    source: place,
                    reason,
                    suggestion: None,
                }),
            }
        }
        layer.settle_exclusions(&self.loader.schema, &mut self.problems);
        layer
    }

    /// The path and the content of a named file, without the newline that editors put at its end.
    fn secret(&mut self, value: &Value) -> Result<(String, String), String> {
        let path = value.as_str().ok_or("expected the path of a file")?;
        let text = self
            .inputs
            .read(&self.loader.working_directory.join(path))
            .map_err(|error| format!("the file cannot be read: {error}"))?;
        let text = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        Ok((path.to_owned(), text.to_owned()))
    }
}

/// Whether the last word on `kubernetes.enabled` is true.
fn in_cluster<'a>(layers: impl Iterator<Item = &'a Layer>) -> bool {
    let key = ["kubernetes".to_owned(), "enabled".to_owned()];
    let last = layers.filter_map(|layer| layer::at(layer.tree(), &key)).last();
    last.is_some_and(|value| value.to_bool() == Some(true) || value.as_str() == Some("true"))
}

fn tree(merged: &Figment) -> Dict {
    merged.data().ok().and_then(|mut profiles| profiles.remove(&figment::Profile::Default)).unwrap_or_default()
}
