//! `taskserver run`: the server, until a signal ends it.

use std::process::ExitCode;
use std::time::Duration;

use taskserver_config::{Loaded, Loader};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::Sources;
use crate::engine_settings::EngineSettings;
use crate::logging;
use crate::reload::Reloader;
use crate::server::{Running, Server};
use crate::telemetry::Telemetry;

/// How long an aborted server may take to let go of what it holds.
const ABORT_TIMEOUT: Duration = Duration::from_secs(3);

pub(crate) fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    serve(sources.loader(), |server| server)
}

/// Loads the settings, starts the server as `extend` would have it, and keeps it running until a signal ends it.
pub(super) fn serve(mut loader: Loader, extend: impl Fn(Server) -> Server) -> anyhow::Result<ExitCode> {
    let compose =
        |loaded: &Loaded| extend(Server::new(loaded.settings.clone()).effective(loaded.effective())).compose();
    let mut loaded = loader.load()?;
    let mut composed = compose(&loaded)?;
    super::block_on(async {
        let telemetry = Telemetry::start();
        let level = logging::start(&loaded.settings.log, &telemetry)?;
        let mut platform = None;
        if loaded.settings.kubernetes.enabled {
            // The layer that is in the database.
            let rows = EngineSettings::read(composed.store().clone()).await;
            loader = loader.engine_settings(rows.rows());
            loaded = loader.load()?;
            composed = compose(&loaded)?;
            level.set(&loaded.settings.log)?;
            platform = Some(rows);
        }
        loaded.warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
        let running = composed.start(&telemetry).await?;
        let every = loaded.settings.platform.engine_setting_interval;
        let platform = platform.map(|rows| rows.watch(running.app(), running.store(), every));
        let code = keep_running(running, Reloader::new(loader, loaded, level, platform)).await;
        telemetry.stop().await;
        code
    })
}

async fn keep_running(running: Running, mut reloader: Reloader) -> anyhow::Result<ExitCode> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let mut hang_up = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = hang_up.recv() => reloader.reload(&running).await,
            () = reloader.changed() => reloader.reload(&running).await,
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
