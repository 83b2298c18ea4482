//! The profile: a named set of settings for a kind of place, such as development or production.

use std::{io, path::Path};

use crate::{
    Inputs,
    error::Problem,
    layer::{
        Layer,
        env::Environment,
        file::{self, Format},
    },
    suggest,
};

/// The profiles that the server brings.
const BUILT_IN: [(&str, &str); 2] = [
    ("development", include_str!("../config/development.toml")),
    ("production", include_str!("../config/production.toml")),
];

/// A profile that was asked for.
pub(crate) struct Profile {
    pub(crate) name: String,
    source: &'static str,
    /// Whether it is wrong that the profile is nowhere.
    required: bool,
}

impl Profile {
    /// The profile that is asked for by option, by `TASKSERVER_PROFILE`, or else by `NODE_ENV`, which is the platform's and
    /// may name one that we do not have.
    pub(crate) fn chosen(option: Option<&str>, environment: &Environment, problems: &mut Vec<Problem>) -> Option<Self> {
        if let Some(name) = option {
            return Some(Self { name: name.to_owned(), source: "--profile", required: true });
        }
        if let Some(name) = environment.value("TASKSERVER_PROFILE", problems) {
            let source = "environment variable TASKSERVER_PROFILE";
            return Some(Self { name: name.to_owned(), source, required: true });
        }
        let name = environment.value("NODE_ENV", problems)?;
        Some(Self { name: name.to_owned(), source: "environment variable NODE_ENV", required: false })
    }

    /// What the profile says: the file `config/NAME.toml` of the working directory, or else what the server brings.
    pub(crate) fn layer(&self, working_directory: &Path, inputs: &mut Inputs) -> Result<Option<Layer>, Problem> {
        let well_formed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.chars().all(well_formed) {
            let path = format!("config/{}.toml", self.name);
            match inputs.read(&working_directory.join(&path)) {
                Ok(text) => return file::layer(Format::Toml, &text, &path, "").map(Some),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(Problem::source(path, format!("cannot be read: {error}"))),
            }
            if let Some((_, text)) = BUILT_IN.iter().find(|(name, _)| *name == self.name) {
                return file::layer(Format::Toml, text, &path, " (built in)").map(Some);
            }
        }
        if !self.required {
            return Ok(None);
        }
        Err(Problem {
            suggestion: suggest::closest(&self.name, BUILT_IN.map(|(name, _)| name)).map(str::to_owned),
            ..Problem::source(
                format!("{} {:?}", self.source, self.name),
                format!(
                    "there is no such profile: expected {}, or one with a file config/PROFILE.toml",
                    BUILT_IN.map(|(name, _)| name).join(", ")
                ),
            )
        })
    }
}
