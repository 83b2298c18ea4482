//! Collects the sources of a configuration.

use std::{ffi::OsString, path::PathBuf};

use crate::{ConfigError, EngineSetting, Loaded, layer::env::Environment, loading::Loading, schema::Schema};

/// Collects the sources of a configuration, and loads it from them as often as is wanted.
///
/// Nothing is read that was not handed over or named: not the environment of the process, and of the file system only what
/// is in the working directory or was named. See the [crate's front page](crate) for the order of the layers.
#[derive(Clone)]
pub struct Loader {
    pub(crate) working_directory: PathBuf,
    pub(crate) profile: Option<String>,
    pub(crate) files: Vec<PathBuf>,
    pub(crate) directory: Option<PathBuf>,
    pub(crate) environment: Environment,
    pub(crate) engine_settings: Vec<EngineSetting>,
    pub(crate) overrides: Vec<String>,
    pub(crate) schema: Schema,
}

impl Default for Loader {
    fn default() -> Self {
        Self::new()
    }
}

impl Loader {
    /// A loader that knows the built-in defaults and the tasks that the server brings.
    #[must_use]
    pub fn new() -> Self {
        Self {
            working_directory: PathBuf::from("."),
            profile: None,
            files: Vec::new(),
            directory: None,
            environment: Environment::default(),
            engine_settings: Vec::new(),
            overrides: Vec::new(),
            schema: Schema::new(),
        }
    }

    /// The directory that relative paths start from, and where `config/PROFILE.toml` and `taskserver.toml` are looked for.
    /// It is the process's own unless set.
    #[must_use]
    pub fn working_directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.working_directory = path.into();
        self
    }

    /// The profile (`--profile`), before what the environment says.
    #[must_use]
    pub fn profile(mut self, name: impl Into<Option<String>>) -> Self {
        self.profile = name.into();
        self
    }

    /// Files (`--config`), the later over the earlier. None are looked for in the working directory then.
    #[must_use]
    pub fn files(mut self, paths: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        self.files.extend(paths.into_iter().map(Into::into));
        self
    }

    /// A directory of files, such as a mounted ConfigMap. They are read in the order of their names, the later over the
    /// earlier.
    #[must_use]
    pub fn directory(mut self, path: impl Into<Option<PathBuf>>) -> Self {
        self.directory = path.into();
        self
    }

    /// The environment, such as `std::env::vars_os()`.
    #[must_use]
    pub fn environment<N, V>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: Into<OsString>,
        V: Into<OsString>,
    {
        self.environment = Environment::new(variables.into_iter().map(|(name, value)| (name.into(), value.into())));
        self
    }

    /// Rows of the platform's table `engine-setting`, in place of those given before. They count only where
    /// `kubernetes.enabled` is true.
    #[must_use]
    pub fn engine_settings(mut self, rows: impl IntoIterator<Item = EngineSetting>) -> Self {
        self.engine_settings = rows.into_iter().collect();
        self
    }

    /// Single settings (`--set`), each as `key=value`.
    #[must_use]
    pub fn overrides(mut self, settings: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.overrides.extend(settings.into_iter().map(Into::into));
        self
    }

    /// Further tasks that may be configured under `tasks`, beside those which the server brings.
    #[must_use]
    pub fn tasks(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        for name in names {
            self.schema.add_task(name.into());
        }
        self
    }

    /// Loads the configuration. Reads files, and so may block.
    ///
    /// # Errors
    ///
    /// All problems of all layers at once.
    pub fn load(&self) -> Result<Loaded, ConfigError> {
        Loading::of(self).run()
    }
}
