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
        let loader = database::with_engine_settings(loader, &loaded.settings).await;
        // Only in a cluster is there another layer by now.
        let loaded = if loaded.settings.kubernetes.enabled { loader.load()? } else { loaded };
        level.set(&loaded.settings.log)?;
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let running = extend(Server::new(loaded.settings.clone())).start().await?;
        keep_running(running, loader, loaded, level).await
    })
}

async fn keep_running(running: Running, loader: Loader, loaded: Loaded, level: LogLevel) -> anyhow::Result<ExitCode> {
    let mut reloader = Reloader::new(loader, loaded, level);
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reloader.reload(&running).await,
            () = reloader.files_changed() => reloader.reload(&running).await,
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
