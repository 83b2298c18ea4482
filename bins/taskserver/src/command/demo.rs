//! `taskserver demo`: the server on a throwaway database, with a simulated platform.

use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::Sources;
use crate::demo::Simulation;

pub(crate) fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("the folder for the throwaway database cannot be made")?;
    let database = format!("database.url=sqlite://{}", folder.path().join("demo.db").display());
    let overrides = [
        &*database,
        "kubernetes.enabled=false",
        "kubernetes.events.enabled=false",
        "redis.enabled=false",
        "tasks.analytics.every=5s",
        "log.format=pretty",
    ];
    super::run::serve(sources.loader_over(overrides), |server| {
        server.extend(|parts| {
            let simulation = Simulation::new(parts.store(), parts.queue());
            parts.task(simulation);
        })
    })
}
