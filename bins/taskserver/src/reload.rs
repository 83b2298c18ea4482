//! Settings that change while the server runs: on SIGHUP, or when a file or row they were read from changes.
//!
//! A reload loads and checks everything anew. Where anything is wrong, nothing changes; where all is well, what can change
//! while running does, and the log names what needs a restart.

use std::time::Duration;

use taskserver_config::{Loaded, Loader, Watch};

use crate::engine_settings::EngineSettingsWatch;
use crate::logging::LogLevel;
use crate::server::Running;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

pub(crate) struct Reloader {
    loader: Loader,
    loaded: Loaded,
    level: LogLevel,
    watch: Watch,
    /// The platform's own settings, in a cluster.
    platform: Option<EngineSettingsWatch>,
}

impl Reloader {
    pub(crate) fn new(loader: Loader, loaded: Loaded, level: LogLevel, platform: Option<EngineSettingsWatch>) -> Self {
        let watch = Watch::new(loaded.inputs().clone(), LOOK_EVERY);
        Self { loader, loaded, level, watch, platform }
    }

    /// Resolves when a file or one of the platform's settings has changed. Nothing is lost when the wait is cancelled.
    pub(crate) async fn changed(&mut self) {
        match &mut self.platform {
            None => self.watch.changed().await,
            Some(platform) => tokio::select! {
                () = self.watch.changed() => {}
                () = platform.changed() => {}
            },
        }
    }

    /// Loads the settings anew, the platform's own included, and applies what can change while running.
    pub(crate) async fn reload(&mut self, running: &Running) {
        if let Some(platform) = &mut self.platform {
            platform.settings.read_again().await;
            self.loader = self.loader.clone().engine_settings(platform.settings.rows());
        }
        // Reads files.
        let new = match tokio::task::block_in_place(|| self.loader.load()) {
            Ok(new) => new,
            Err(error) => {
                tracing::error!("The new configuration is wrong; the old one stays.\n{error}");
                return self.watch.follow(error.inputs().clone());
            }
        };
        self.watch.follow(new.inputs().clone());
        if let Some(platform) = &mut self.platform {
            platform.look_every(new.settings.platform.engine_setting_interval);
        }
        let changes = self.loaded.changes(&new);
        if let Err(error) = running.apply(&new.settings).and_then(|()| self.level.set(&new.settings.log)) {
            return tracing::error!("The new configuration is wrong; the old one stays.\n{error:#}");
        }
        running.show_effective(new.effective());
        if changes.is_empty() {
            tracing::info!("Configuration reloaded; nothing has changed.");
        }
        if !changes.applied.is_empty() {
            tracing::info!("Configuration reloaded; in effect now: {}", changes.applied.join(", "));
        }
        if !changes.needs_restart.is_empty() {
            tracing::warn!("Configuration reloaded; needs a restart: {}", changes.needs_restart.join(", "));
        }
        self.loaded = new;
    }
}
