//! `taskserver run`: the server, until a signal ends it.

use std::process::ExitCode;
use std::time::Duration;

use taskserver_config::{Loaded, Loader};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Sources;
use crate::logging::{self, LogLevel};
use crate::reload::Reloader;
use crate::server::{Running, Server};
use crate::{compose, database};

/// How long an aborted server may take to let go of what it holds.
const ABORT_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    serve(sources.loader(), |server| server)
}

/// Loads the settings, starts the server as `extend` would have it, and keeps it running until a signal ends it.
pub(super) fn serve(loader: Loader, extend: impl FnOnce(Server) -> Server) -> anyhow::Result<ExitCode> {
    let loaded = loader.load()?;
    compose::check(&loaded.settings)?;
    let level = logging::start(&loaded.settings.log)?;
    super::block_on(async {
        let (loader, loaded) = with_engine_settings(loader, loaded).await?;
        level.set(&loaded.settings.log)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let running = extend(Server::new(loaded.settings.clone())).start().await?;
        keep_running(running, loader, loaded, level).await
    })
}

/// In a cluster, the platform's own settings for this server are a layer of the configuration. They are in the database; where
/// they cannot be read, the other layers stand as they are.
async fn with_engine_settings(loader: Loader, loaded: Loaded) -> anyhow::Result<(Loader, Loaded)> {
    if !loaded.settings.kubernetes.enabled {
        return Ok((loader, loaded));
    }
    match database::engine_settings(&loaded.settings.database).await {
        Ok(rows) => {
            let loader = loader.engine_settings(rows);
            let loaded = loader.load()?;
            Ok((loader, loaded))
        }
        Err(error) => {
            tracing::warn!(%error, "the platform's settings (engine-setting) cannot be read; the other sources stay in effect");
            Ok((loader, loaded))
        }
    }
}

async fn keep_running(running: Running, loader: Loader, loaded: Loaded, level: LogLevel) -> anyhow::Result<ExitCode> {
    let mut reloader = Reloader::new(loader, loaded, level);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reloader.reload(&running),
            () = reloader.files_changed() => reloader.reload(&running),
        }
    }
    Ok(stop(running, terminate, interrupt).await)
}

/// Stops in peace; a second signal cancels what still runs.
async fn stop(running: Running, mut terminate: Signal, mut interrupt: Signal) -> ExitCode {
    let shutdown = running.app().shutdown().clone();
    let stopped = running.stop();
    tokio::pin!(stopped);
    tokio::select! {
        () = &mut stopped => return ExitCode::SUCCESS,
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::warn!("A second signal: cancelling what still runs.");
    shutdown.abort();
    let _ = tokio::time::timeout(ABORT_TIMEOUT, stopped).await;
    ExitCode::FAILURE
}
