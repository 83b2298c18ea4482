//! `taskserver migrate`: prepares the database and ends, as a Kubernetes Job or an init container would have it.

use std::process::ExitCode;

use taskserver_store::Store;

use crate::cli::{Sources, print};
use crate::telemetry::Telemetry;
use crate::{database, logging};

pub(crate) fn run(sources: &Sources) -> anyhow::Result<ExitCode> {
    let mut settings = sources.loader().load()?.settings;
    logging::start(&settings.log, &Telemetry::default())?;
    settings.database.migrate = true;
    super::block_on(async {
        let store = Store::new(database::options(&settings.database)?)?;
        database::prepare(&store, &settings).await?;
        print(&format!("The database {} is up to date.", store.options().database()));
        store.close();
        Ok(ExitCode::SUCCESS)
    })
}
