#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod across;
mod assemble;
mod check;
mod duration;
mod error;
mod inputs;
mod layer;
mod loaded;
mod loader;
mod loading;
mod profile;
mod rules;
mod schema;
pub mod settings;
mod show;
mod suggest;
mod watch;

pub use secrecy::{ExposeSecret, SecretString};

pub use self::{
    error::{ConfigError, Problem},
    inputs::Inputs,
    layer::engine_setting::{ENGINE_SETTING_CATEGORIES, EngineSetting},
    loaded::{Changes, Effective, Loaded},
    loader::Loader,
    settings::Settings,
    watch::Watch,
};
